package s3_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
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
	}{{"", n, false}, {"max-buckets=1003", 1003, true}, {"max-buckets=1000", 1000, true}, {"max-buckets=1005", n, false}, {"prefix=b10&max-buckets=10000", 5, false}} {
		_, got := link(t, w, http.MethodGet, "/", tt.query, "")
		if count := strings.Count(got, "<Bucket>"); count != tt.want || strings.Contains(got, "<ContinuationToken>") != tt.more {
			t.Errorf("GET /?%s lists %d buckets, with a token: %t, want %d, %t", tt.query, count, !tt.more, tt.want, tt.more)
		}
	}
}
