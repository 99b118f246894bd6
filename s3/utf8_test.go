package s3_test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAnErrorIsUTF8 sends headers of Latin-1, which an error repeats: a parser of XML
// takes no document with such a byte in it.
func TestAnErrorIsUTF8(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /abc", nil)
	for _, request := range []string{
		"PUT /abc?acl\nx-amz-acl: caf\xe9",
		"PUT /abc/k\nx-amz-storage-class: caf\xe9\n\nhello",
		"PUT /abc/k\nx-amz-tagging: \xe9=%zz\n\nhello",
		"PUT /abc/k\nx-amz-copy-source: caf\xe9%zz",
		"GET /abc/k?attributes\nx-amz-object-attributes: caf\xe9",
	} {
		got := w.play(t, request, nil)
		if !strings.HasPrefix(got, "4") || !utf8.ValidString(got) || !strings.Contains(got, "\uFFFD") {
			t.Errorf("%q = %q, want an error in UTF-8 that shows the value", request, got)
		}
	}
}
