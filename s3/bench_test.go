package s3_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"

	"coffer/sigv4"
)

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

// signed is a request of alice's, as net/http hands it to a handler.
func (w *world) signed(b *testing.B, method, target string, body []byte) *http.Request {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, w.URL+target, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.RequestURI, r.RemoteAddr = target, "127.0.0.1:1234"
	r.Header.Set("User-Agent", "bench/1")
	if len(body) > 0 {
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, w.pairs["alice"].id, w.pairs["alice"].secret, "auto", "s3", hex.EncodeToString(sum[:]), w.clock.Now())
	return r
}

// serve answers a request once, body included.
func (w *world) serve(b *testing.B, r *http.Request, body []byte) {
	answer := discarded{header: http.Header{}}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.Config.Handler.ServeHTTP(&answer, r)
	if answer.status != 0 && answer.status != http.StatusOK {
		b.Fatalf("%s %s = %d", r.Method, r.URL, answer.status)
	}
}

// benchmark serves one request again and again: all of the front and what is below
// it, on stores in memory, without the network.
func (w *world) benchmark(b *testing.B, method, target string, body []byte) {
	r := w.signed(b, method, target, body)
	b.ReportAllocs()
	for b.Loop() {
		w.serve(b, r, body)
	}
}

func benchWorld(b *testing.B, keys int) *world {
	w := newWorld(b)
	w.serve(b, w.signed(b, "PUT", "/bench", nil), nil)
	body := bytes.Repeat([]byte("x"), 4<<10)
	for i := range keys {
		w.serve(b, w.signed(b, "PUT", fmt.Sprintf("/bench/some/prefix/key-%06d", i), body), body)
	}
	return w
}

func BenchmarkPutObject4KiB(b *testing.B) {
	benchWorld(b, 0).benchmark(b, "PUT", "/bench/key", bytes.Repeat([]byte("x"), 4<<10))
}

func BenchmarkGetObject4KiB(b *testing.B) {
	benchWorld(b, 1).benchmark(b, "GET", "/bench/some/prefix/key-000000", nil)
}

func BenchmarkListObjectsV2(b *testing.B) {
	benchWorld(b, 1000).benchmark(b, "GET", "/bench?list-type=2", nil)
}
