package s3_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"coffer"
	"coffer/s3"
)

// TestARequestCountsForTheAccountOfItsKeyOrBucket: and one that is refused without a
// key for nobody.
func TestARequestCountsForTheAccountOfItsKeyOrBucket(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	heard := ""
	w.Config.Handler.(*s3.Handler).Served = func(account coffer.AccountID, sent int64) {
		mu.Lock()
		defer mu.Unlock()
		heard += fmt.Sprintf("%s:%d ", account[:1], sent)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::abc/k"}]}`
	for _, tt := range []struct{ request, want string }{
		{"PUT /abc", "1:0 "},
		{"PUT /abc/k\n\nhello", "1:0 "},
		{"GET /abc/k", "1:5 "},
		{"GET /abc/k\nRange: bytes=1-2", "1:2 "},
		{"HEAD /abc/k", "1:0 "},
		{"@key none\nGET /abc/k", ""},
		{"@key none\nGET /none/k", ""},
		{"DELETE /abc?publicAccessBlock", "1:0 "},
		{"PUT /abc?policy\n\n" + policy, "1:0 "},
		{"@key none\nGET /abc/k", "1:5 "},
		{"@key none\nHEAD /abc/k", "1:0 "},
		{"@key bob\nGET /abc/k", "2:5 "},
	} {
		mu.Lock()
		heard = ""
		mu.Unlock()
		answer := w.play(t, tt.request, nil)
		mu.Lock()
		if heard != tt.want {
			t.Errorf("%s counts as %q, want %q\n%s", strings.ReplaceAll(tt.request, "\n", " "), heard, tt.want, answer)
		}
		mu.Unlock()
	}
}
