package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// TestMoreBucketsThanAreReadAtATime are in one list all the same, and in pages of the
// length that was asked for.
func TestMoreBucketsThanAreReadAtATime(t *testing.T) {
	w := newWorld(t)
	const n = 1005
	for i := range n {
		if got := w.play(t, fmt.Sprintf("PUT /b%04d", i), nil); !strings.HasPrefix(got, "200") {
			t.Fatalf("PUT /b%04d = %s", i, got)
		}
	}
	for _, tt := range []struct {
		query string
		want  int
		more  bool
	}{{"", n, false}, {"?max-buckets=1003", 1003, true}, {"?max-buckets=1000", 1000, true}, {"?max-buckets=1005", n, false}, {"?prefix=b10&max-buckets=10000", 5, false}} {
		got := w.fetch(t, "/"+tt.query)
		if count := strings.Count(got, "<Bucket>"); count != tt.want || strings.Contains(got, "<ContinuationToken>") != tt.more {
			t.Errorf("GET /%s lists %d buckets, with a token: %t, want %d, %t", tt.query, count, !tt.more, tt.want, tt.more)
		}
	}
}

// fetch gets a document of alice's, as long as it is.
func (w *world) fetch(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := w.pairs["alice"]
	sigv4.Presign(r, p.id, p.secret, "auto", "s3", time.Hour, w.clock.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
