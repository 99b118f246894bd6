package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// serveBare serves what is the least that an S3 server in Go does: it reads a
// request, drains its body, and answers 4 KiB from memory to a GET.
func serveBare(ctx context.Context, addr string) error {
	data := body(4*kib, 0)
	s := &http.Server{
		Addr: addr, ReadHeaderTimeout: requestTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				_, _ = io.Copy(io.Discard, r.Body) // the client sees its own error
				return
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		}),
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the bare handler: %w", err)
	}
	return nil
}

// bare measures this program's bare handler, in a process of its own.
func (m *machineLimits) bare(ctx context.Context, method string, conns int) (sample, error) {
	if m.self == "" {
		return sample{}, errNoProgram
	}
	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	addr := net.JoinHostPort("127.0.0.1", port)
	l := line{unit: "ops/s", per: 1, conns: conns, warm: true, step: func(w *worker) error { return w.get("/", 4*kib) }}
	if method == http.MethodPut {
		l.step = func(w *worker) error {
			_, err := w.call(request{method: "PUT", target: "/", body: body(4*kib, 0)})
			return err
		}
	}
	return m.foreign(ctx, m.self, command{args: []string{"-bare", addr}}, addr, "/", l)
}

// static measures nginx, which sends a file of size bytes.
func (m *machineLimits) static(ctx context.Context, size, conns int, per float64) (out sample, err error) {
	if m.nginx == "" {
		return out, errNoProgram
	}
	port, err := freePort()
	if err != nil {
		return out, err
	}
	addr := net.JoinHostPort("127.0.0.1", port)
	dir := filepath.Join(m.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "file"), body(size, 0), 0o644); err != nil {
		return out, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(nginxConfig(dir, addr)), 0o644); err != nil {
		return out, err
	}
	l := line{per: per, conns: conns, warm: true, step: func(w *worker) error { return w.get("/file", size) }}
	return m.foreign(ctx, m.nginx, command{args: []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config}}, addr, "/file", l)
}

// nginxConfig is nginx as a file server, as fast as one process of it goes: the
// one process is what its CPU time is read from.
func nginxConfig(dir, addr string) string {
	return fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
events { worker_connections 1024; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	open_file_cache max=100;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server { listen %[2]s; root %[1]s; }
}
`, dir, addr)
}

// foreign starts a server that wants no signatures, measures l on it, and ends it.
func (m *machineLimits) foreign(ctx context.Context, program string, c command, addr, target string, l line) (sample, error) {
	from := time.Now()
	p, err := start(program, c, filepath.Join(m.dir, "limit.log"))
	if err != nil {
		return sample{}, err
	}
	defer p.stop()
	probe := conn{addr: addr}
	defer probe.close()
	_, err = p.await(ctx, from, func() bool {
		a, err := probe.do(request{method: "GET", target: target})
		return err == nil && a.status == http.StatusOK
	})
	if err != nil {
		return sample{}, err
	}
	s := &session{subject: &subject{addr: addr}, ctx: ctx, pid: p.pid()}
	return measure(ctx, s, l, m.duration), nil
}
