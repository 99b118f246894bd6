package s3_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// link sends a request by a URL that p signed for a query.
func link(t *testing.T, w *world, method, target, query, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+target+"?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	p := w.pairs["alice"]
	sigv4.Presign(r, p.id, p.secret, "auto", "s3", time.Hour, w.clock.Now())
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

// TestPlusInACopySource reads a source as AWS does: + is a space, and %2B is a plus.
func TestPlusInACopySource(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", map[string]string{})
	w.play(t, "PUT /photos/a%20b\n\nspace", map[string]string{})
	w.play(t, "PUT /photos/a%2Bb\n\nplus", map[string]string{})
	for _, tt := range []struct{ source, want string }{
		{"photos/a+b", "space"},
		{"photos%2Fa+b", "space"},
		{"/photos/a%20b", "space"},
		{"photos/a b", "space"},
		{"photos/a%2Bb", "plus"},
	} {
		w.play(t, "PUT /photos/copy\nx-amz-copy-source: "+tt.source, map[string]string{})
		if _, got := link(t, w, "GET", "/photos/copy", "", ""); got != tt.want {
			t.Errorf("a copy of %s has %q, want %q", tt.source, got, tt.want)
		}
	}
}

// TestHeadersInTheQuery takes what a pre-signed URL says in its query for the headers
// of its request, as the SDK for JavaScript means it.
func TestHeadersInTheQuery(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", map[string]string{})
	w.play(t, "PUT /photos/source\n\nthe source", map[string]string{})
	for _, tt := range []struct{ name, query, header, want string }{
		{"Metadata", "x-amz-meta-color=blue%20sky", "X-Amz-Meta-Color", "blue sky"},
		{"MetadataInCapitals", "X-Amz-Meta-Color=blue", "X-Amz-Meta-Color", "blue"},
		{"MetadataOfUnicode", "x-amz-meta-color=" + url.QueryEscape("grün"), "X-Amz-Meta-Color", "=?UTF-8?Q?gr=C3=BCn?="},
		{"StorageClass", "x-amz-storage-class=GLACIER_IR", "X-Amz-Storage-Class", "GLACIER_IR"},
		{"Tagging", "x-amz-tagging=a%3D1%26b%3D2", "X-Amz-Tagging-Count", "2"},
		{"Redirect", "x-amz-website-redirect-location=%2Felsewhere", "X-Amz-Website-Redirect-Location", "/elsewhere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if answer, b := link(t, w, "PUT", "/photos/a", tt.query, "hello"); answer.StatusCode != http.StatusOK {
				t.Fatalf("PUT with ?%s = %d\n%s, want 200", tt.query, answer.StatusCode, b)
			}
			answer, _ := link(t, w, "HEAD", "/photos/a", "", "")
			if got := answer.Header.Get(tt.header); got != tt.want {
				t.Errorf("after a PUT with ?%s, HEAD has %s %q, want %q", tt.query, tt.header, got, tt.want)
			}
		})
	}
	if answer, b := link(t, w, "PUT", "/photos/copy", "x-amz-copy-source=photos%2Fsource", ""); answer.StatusCode != http.StatusOK || !strings.Contains(b, "CopyObjectResult") {
		t.Errorf("PUT with a copy source in the query = %d\n%s, want a CopyObjectResult", answer.StatusCode, b)
	}
	if _, b := link(t, w, "GET", "/photos/copy", "", ""); b != "the source" {
		t.Errorf("GET of the copy = %q, want what the source has", b)
	}
	answer, _ := link(t, w, "HEAD", "/photos/a", "x-amz-checksum-mode=ENABLED", "")
	if got := answer.Header.Get("X-Amz-Checksum-Crc64nvme"); got == "" {
		t.Errorf("HEAD with ?x-amz-checksum-mode=ENABLED has no checksum")
	}
	for _, tt := range []struct {
		name, query, header, code string
	}{
		{"UnknownClass", "x-amz-storage-class=NONE", "", "InvalidStorageClass"},
		{"Newline", "x-amz-meta-a=b%0Ac", "", "InvalidArgument"},
		{"Twice", "x-amz-meta-a=b&X-Amz-Meta-A=c", "", "AuthorizationQueryParametersError"},
		{"HeaderThatIsNotSigned", "x-amz-meta-a=b", "x-amz-meta-a: c", "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			if answer, b := link(t, w, "PUT", "/photos/b", tt.query, "hello", headers...); !strings.Contains(b, "<Code>"+tt.code+"</Code>") {
				t.Errorf("PUT with ?%s and %q = %d\n%s, want %s", tt.query, tt.header, answer.StatusCode, b, tt.code)
			}
		})
	}
}
