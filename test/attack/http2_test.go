package attack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// TestHTTP2 tries over HTTP/2, which the S3 address speaks with TLS, what an
// intermediary could add or change there: the rules are those of HTTP/1.1.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	transport := &http.Transport{TLSClientConfig: w.tls.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	w.http = &http.Client{Transport: &watcher{transport, w.errors}, Timeout: time.Minute}
	send := func(method, path, body string, change func(r *http.Request), headers ...string) answer {
		t.Helper()
		r := request(t, strings.Replace(w.server.Endpoint, "127.0.0.1", "localhost", 1), method, path, body, headers...)
		sigv4.Sign(r, w.full.id, w.full.secret, "us-east-1", "s3", sum(body), time.Now())
		if change != nil {
			change(r)
		}
		resp, err := w.http.Do(r)
		if err != nil {
			return answer{body: err.Error()}
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Fatalf("the answer is of HTTP/%d, want 2", resp.ProtoMajor)
		}
		return answer{status: resp.StatusCode, header: resp.Header}
	}
	w.unchanged(t, func() {
		send("GET", "/a-priv/other", "", nil).oneOf(t, "a signed GET", 200)
		for name, change := range map[string]func(r *http.Request){
			"an unsigned header":            func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") },
			"an unsigned copy source":       func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/a-priv/pfx/x") },
			"another path":                  func(r *http.Request) { r.URL.Path = "/a-priv/pfx/x" },
			"another query":                 func(r *http.Request) { r.URL.RawQuery = "acl" },
			"another host":                  func(r *http.Request) { r.Host = "b-priv.localhost" },
			"a Host beside the authority":   func(r *http.Request) { r.Header["host"] = []string{"b-priv.localhost"}; r.Host = "b-priv.localhost" },
			"two dates":                     func(r *http.Request) { r.Header.Add("X-Amz-Date", ago(0)) },
			"two hashes":                    func(r *http.Request) { r.Header.Add("X-Amz-Content-Sha256", unsigned) },
			"two signatures":                func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
			"a signature that was changed":  func(r *http.Request) { r.Header.Set("Authorization", flip(r.Header.Get("Authorization"))) },
			"no signature":                  func(r *http.Request) { r.Header.Del("Authorization") },
			"another hash than the body's":  func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sum("x")) },
			"a method that was not signed":  func(r *http.Request) { r.Method = "DELETE" },
			"a length that is not the body": func(r *http.Request) { r.ContentLength = 1 },
		} {
			a := send("PUT", "/a-priv/other", "evil", change)
			if a.status != 0 { // a request that the client's own library refuses was never sent
				a.oneOf(t, "PUT over HTTP/2 with "+name, 400, 403)
			}
		}
		for _, name := range []string{"X-Amz-Storage-Class", "X-Amz-Tagging", "X-Amz-Website-Redirect-Location", "X-Amz-Server-Side-Encryption", "X-Amz-Expected-Bucket-Owner", "X-Amz-Copy-Source"} {
			send("PUT", "/a-priv/doubled", "evil", nil, name, "a=b", name, "c=d").oneOf(t, "PUT over HTTP/2 with two "+name, 400)
		}
	})
	w.errors.take()
	if w.server.PID() != w.pid {
		t.Error("the server has restarted")
	}
}
