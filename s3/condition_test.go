package s3_test

import (
	"strings"
	"testing"
)

// TestAPolicyKnowsACopySourceHoweverItIsWritten: a statement that denies copying from
// a prefix is not got around by a slash or an escape.
func TestAPolicyKnowsACopySourceHoweverItIsWritten(t *testing.T) {
	w := newWorld(t)
	for _, setup := range []string{"PUT /pol", "PUT /pol/secret/a\n\nx", "PUT /pol/open/a\n\nx",
		"PUT /pol?policy\n\n" + `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::pol/*",` +
			`"Condition":{"StringLike":{"s3:x-amz-copy-source":"pol/secret/*"}}}]}`} {
		if got := w.play(t, setup, nil); !strings.HasPrefix(got, "20") {
			t.Fatalf("%s = %s", setup, got)
		}
	}
	for source, want := range map[string]string{"pol/open/a": "200", "pol/secret/a": "403", "/pol/secret/a": "403",
		"pol/%73ecret/a": "403", "%2Fpol%2Fsecret%2Fa": "403", "pol/secret/a?versionId=null": "403"} {
		if got := w.play(t, "PUT /pol/copy\nx-amz-copy-source: "+source, nil); !strings.HasPrefix(got, want) {
			t.Errorf("copy of %s = %s, want %s", source, got, want)
		}
	}
}
