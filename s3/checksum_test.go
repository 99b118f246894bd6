package s3_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// TestPresignedChecksums uploads by URLs that were signed before there was a body: of
// what they say of its checksum the algorithm counts, and the value does not.
func TestPresignedChecksums(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", map[string]string{})
	sum := sha256.Sum256([]byte("hello"))
	for _, tt := range []struct{ query, header, want string }{
		{"", "X-Amz-Checksum-Crc64nvme", "M3eFcAZSQlc="},
		{"x-amz-sdk-checksum-algorithm=SHA256", "X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:])},
		{"x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32", "X-Amz-Checksum-Crc32", "NhCmhg=="},
		{"x-amz-sdk-checksum-algorithm=SHA3", "", ""},
	} {
		answer, _ := link(t, w, "PUT", "/photos/a", tt.query, "hello")
		if got := answer.Header.Get(tt.header); got != tt.want || (answer.StatusCode == http.StatusOK) != (tt.want != "") {
			t.Errorf("PUT with ?%s = %d with %s %q, want %q", tt.query, answer.StatusCode, tt.header, got, tt.want)
		}
	}
}

// TestPresignedConditions: who signs a URL can have it write under a condition. In a
// query that nobody signed it says nothing.
func TestPresignedConditions(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", map[string]string{})
	for _, tt := range []struct {
		query  string
		status int
	}{
		{"If-None-Match=%2A", 200},
		{"If-None-Match=%2A", 412},
		{"if-none-match=%2A", 412},
		{"If-Match=%22none%22", 412},
		{"If-Match=%225d41402abc4b2a76b9719d911017c592%22", 200},
	} {
		answer, _ := link(t, w, "PUT", "/photos/a", tt.query, "hello")
		if answer.StatusCode != tt.status {
			t.Errorf("PUT with a pre-signed ?%s = %d, want %d", tt.query, answer.StatusCode, tt.status)
		}
	}
	if got := w.play(t, "PUT /photos/a?If-None-Match=%2A\n\nhello", nil); !strings.HasPrefix(got, "200\n") {
		t.Errorf("PUT with ?If-None-Match=* = %s, want 200", got)
	}
}
