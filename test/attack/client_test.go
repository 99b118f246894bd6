package attack

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request as it is.
func (w *world) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	resp, err := w.http.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Redacted(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("read the answer to %s %s: %v", r.Method, r.URL.Redacted(), err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// request makes a request for base, an origin, with the path as it is written;
// headers are names and values in turn, and a Host is the request's.
func request(t *testing.T, base, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func sum(body string) string {
	h := sha256.Sum256([]byte(body))
	return hex.EncodeToString(h[:])
}

// checksum is the value of x-amz-checksum-sha256.
func checksum(body string) string {
	h := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(h[:])
}

// signed is a request to the S3 address, signed by who.
func (w *world) signed(t *testing.T, who pair, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r := request(t, w.server.Endpoint, method, path, body, headers...)
	if who != nobody {
		sigv4.Sign(r, who.id, who.secret, "us-east-1", "s3", sum(body), time.Now())
	}
	return r
}

// s3 sends a request to the S3 address, signed by who.
func (w *world) s3(t *testing.T, who pair, method, path, body string, headers ...string) answer {
	t.Helper()
	return w.do(t, w.signed(t, who, method, path, body, headers...))
}

// link is a pre-signed URL of the S3 address.
func (w *world) link(t *testing.T, who pair, method, path string) string {
	t.Helper()
	r := request(t, w.server.Endpoint, method, path, "")
	sigv4.Presign(r, who.id, who.secret, "us-east-1", "s3", 10*time.Minute, time.Now())
	return r.URL.String()
}

// follow uses a URL that somebody was given.
func (w *world) follow(t *testing.T, method, link, body string) answer {
	t.Helper()
	return w.do(t, request(t, link, method, "", body))
}

// api sends a call of the JSON interface to the console's address, signed by who.
func (w *world) api(t *testing.T, who pair, method, path, body string, headers ...string) answer {
	t.Helper()
	r := request(t, w.console, method, path, body, headers...)
	if method != "GET" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != nobody {
		sigv4.Sign(r, who.id, who.secret, "auto", "coffer", sum(body), time.Now())
	}
	return w.do(t, r)
}

// raw sends bytes that no client library sends, and reads one answer.
func (w *world) raw(t *testing.T, base, text string) answer {
	t.Helper()
	conn := w.dial(t, base)
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("read the answer to %.60q: %v", text, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("read the answer to %.60q: %v", text, err)
	}
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
		w.errors.add(fmt.Sprintf("%.60q: %s", text, resp.Status))
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// rawRequest is the text of a signed request with further header lines, which
// the signature does not cover unless their name begins with x-amz-.
func (w *world) rawRequest(t *testing.T, who pair, method, path, lines string) string {
	t.Helper()
	r := w.signed(t, who, method, path, "")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, r.Host)
	if err := r.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String() + lines + "Content-Length: 0\r\n\r\n"
}
