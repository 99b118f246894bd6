package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coffer/meta"
)

// TestALeaseEndsUnlessItIsRenewed is of a client that was suspended, and one that is
// slow.
func TestALeaseEndsUnlessItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Source{Logger: slog.New(slog.DiscardHandler)}
		ctx, end, err := s.begin(t.Context(), "slow")
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			sleep(t, leaseTime-1)
			if _, err := s.renew("slow"); err != nil || ctx.Err() != nil {
				t.Fatalf("renew = %v, and the snapshot %v, want both to be fine", err, ctx.Err())
			}
		}
		if _, err := s.renew("another"); err == nil || strings.Contains(err.Error(), "suspended") {
			t.Errorf("renew of a snapshot that never was = %v, want that it has ended", err)
		}
		sleep(t, leaseTime)
		<-ctx.Done()
		if _, err := s.renew("slow"); err == nil || !strings.Contains(err.Error(), "it was suspended") {
			t.Errorf("renew of a lease that ended = %v, want why", err)
		}
		end()
		// The next is another one, which the end of the first does not concern.
		ctx, end, err = s.begin(t.Context(), "next")
		if err != nil {
			t.Fatal(err)
		}
		s.lapse("slow")
		if _, err := s.renew("next"); err != nil || ctx.Err() != nil {
			t.Errorf("renew of the next = %v, and the snapshot %v, want both to be fine", err, ctx.Err())
		}
		end()
		if _, err := s.renew("next"); err == nil {
			t.Error("renew of a snapshot that its client ended = nil, want an error")
		}
	})
}

// TestAClientThatReadsNothingHoldsNothingOnceItsLeaseEnds, though the server waits for it
// in the middle of an answer. A stop of the server ends it in the same way.
func TestAClientThatReadsNothingHoldsNothingOnceItsLeaseEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*Source, string)
		want string
	}{
		{"Lease", (*Source).lapse, "it was suspended"},
		{"Stop", func(s *Source, _ string) { s.Stop() }, "the server has ended the snapshot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			released := make(chan struct{})
			w.source.Hold = func() func() { return func() { close(released) } }
			for i := range 64 { // more than the connection takes
				w.set(t, meta.Key(meta.PrefixObject, []byte{'a', byte(i)}), make([]byte, 1<<20))
			}
			ref := w.put(t, 64<<20)
			snap, err := w.client.snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			body, _, err := snap.blob(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			tt.end(w.source, snap.Hold)
			<-released
			// Back at work, it hears why.
			if _, err := io.Copy(io.Discard, body); err == nil {
				t.Error("the blob came to its end")
			}
			if _, _, err := snap.blob(t.Context(), ref); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the next blob = %v, want %q", err, tt.want)
			}
			if err := snap.why(t.Context(), io.ErrUnexpectedEOF); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("why = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestABackupWhoseLeaseEndedIsNone: Create says why, and the next goes on.
func TestABackupWhoseLeaseEndedIsNone(t *testing.T) {
	w := newWorld(t)
	ref := w.put(t, 1000)
	store, _ := newFolder(t)
	asked := w.client.HTTP.Transport
	lapsing := *w.client.HTTP
	lapsing.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, blobPath) {
			w.source.lapse(r.URL.Query().Get("hold"))
		}
		return asked.RoundTrip(r)
	})
	_, err := Create(t.Context(), &Client{HTTP: &lapsing, Base: w.client.Base}, store, theKey('k'), rand.Reader, CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "it was suspended; make the backup again") {
		t.Errorf("Create whose lease ended = %v, want why", err)
	}
	if m := w.create(t, store, true); m.Blobs != 1 {
		t.Errorf("the next backup has %d blobs, want 1: %s", m.Blobs, ref)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sleep lets time go by in a bubble, where none does.
func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}
