package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"coffer"
	"coffer/meta"
)

// probeTimeout is how long the store may take over one read before the server
// counts as not ready.
const probeTimeout = 2 * time.Second

// health knows whether requests should be sent here.
type health struct {
	store    meta.Store
	writable func() error

	mu       sync.Mutex
	draining bool
	probing  *probe // nil when no probe is under way
}

// drain makes the server not ready for good.
func (h *health) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// healthReport is the answer of /-/ready.
type healthReport struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	Version string   `json:"version"`
}

func (h *health) report(ctx context.Context) healthReport {
	r := healthReport{Reasons: []string{}, Version: coffer.Version}
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	if draining {
		r.Reasons = append(r.Reasons, "stopping")
	} else if err := h.probe(ctx); err != nil {
		r.Reasons = append(r.Reasons, "metadata: "+err.Error())
	}
	if err := h.writable(); err != nil {
		r.Reasons = append(r.Reasons, "writes are refused: "+err.Error())
	}
	r.Ready = len(r.Reasons) == 0
	return r
}

// probe is one read under way; err may be read once done is closed.
type probe struct {
	done chan struct{}
	err  error
}

// probe reads one record. Who asks while a probe is under way shares it, so a
// disk that hangs holds one goroutine, not one for every time somebody asks.
func (h *health) probe(ctx context.Context) error {
	h.mu.Lock()
	p := h.probing
	if p == nil {
		p = &probe{done: make(chan struct{})}
		h.probing = p
		go func() {
			p.err = h.store.View(context.WithoutCancel(ctx), func(r meta.Reader) error {
				_, err := r.Get(formatKey())
				return err
			})
			h.mu.Lock()
			h.probing = nil
			h.mu.Unlock()
			close(p.done)
		}()
	}
	h.mu.Unlock()

	timeout := time.NewTimer(probeTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timeout.C:
		return errors.New("it does not answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// adminHandler serves the admin address, which asks for no credentials and
// shows nothing of any account.
func adminHandler(h *health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/live", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("alive\n"))
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, r *http.Request) {
		report := h.report(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(report)
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
