package s3_test

import (
	"strings"
	"testing"
)

// TestKeptHeadersAreBounded writes objects of no bytes with as much beside them as
// goes, which would count in no quota.
func TestKeptHeadersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /abc", nil)
	for _, tt := range []struct{ name, request, want string }{
		{"Fits", "PUT /abc/k\nContent-Disposition: " + strings.Repeat("a", 4000) + "\nCache-Control: " + strings.Repeat("a", 4000), "200\n"},
		{"TooLong", "PUT /abc/k\nContent-Disposition: " + strings.Repeat("a", 5000) + "\nCache-Control: " + strings.Repeat("a", 4000), "<Code>MetadataTooLarge</Code>"},
		{"Upload", "POST /abc/k?uploads\nContent-Disposition: " + strings.Repeat("a", 9000), "<Code>MetadataTooLarge</Code>"},
		{"Redirect", "PUT /abc/k\nx-amz-website-redirect-location: /" + strings.Repeat("a", 2048), "<Code>InvalidRedirectLocation</Code>"},
		{"RedirectOfACopy", "PUT /abc/c\nx-amz-copy-source: abc/k\nx-amz-website-redirect-location: /" + strings.Repeat("a", 2048), "<Code>InvalidRedirectLocation</Code>"},
		{"CopyThatKeepsItsSource", "PUT /abc/c\nx-amz-copy-source: abc/k\nContent-Disposition: " + strings.Repeat("a", 9000), "200\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.play(t, tt.request, nil); !strings.Contains(got, tt.want) {
				t.Errorf("got %.600s, want %s", got, tt.want)
			}
		})
	}
}
