package attack

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"coffer"
)

// Of RSP-04 headers are tried here, and the fields of forms in TestForms; RSP-06 is in
// TestConfigurations, and RSP-01 goes on in TestPublicBuckets.
var responseRows = []row{
	{"RSP-01", "strangers override no header", anonymousOverrides},
	{"RSP-02", "an override adds no header", responseSplitting},
	{"RSP-04", "what is stored adds no header", storedHeaders},
	{"RSP-05", "no answer lets another origin read it", reflectedCORS},
	{"RSP-08", "an error repeats nothing as HTML", errorReflection},
	{"RSP-09", "a refusal tells nothing of the inside", refusalDetails},
	{"RSP-09", "a server error tells nothing of the inside", failureDetails},
	{"RSP-10", "junk in conditional headers is refused", conditionalJunk},
	{"RSP-headers", "every answer of the console bears its headers", consoleHeaders},
}

func TestResponses(t *testing.T) {
	t.Parallel()
	attack(t, newWorld(t), responseRows)
}

// overrides are the parameters of GetObject that set a header of the answer.
var overrides = []string{"content-type", "content-language", "expires", "cache-control", "content-disposition", "content-encoding"}

func anonymousOverrides(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range overrides {
			for _, method := range []string{"GET", "HEAD"} {
				a := w.s3(t, nobody, method, "/a-priv/other?response-"+name+"=text/html", "")
				a.oneOf(t, method+" with response-"+name, 400, 403)
				if got := a.header.Get(name); got == "text/html" {
					t.Errorf("%s with response-%s has the header", method, name)
				}
			}
		}
	})
}

func responseSplitting(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range overrides {
			for _, value := range []string{"a%0d%0aSet-Cookie:x=1", "a%0aSet-Cookie:x=1", "a%0dSet-Cookie:x=1", "a%00b", "%E5%98%8A%E5%98%8DSet-Cookie:x=1", "a%0d%0a%0d%0a<html>"} {
				a := w.s3(t, w.full, "GET", "/a-priv/other?response-"+name+"="+value, "")
				call := "GET with response-" + name + "=" + value
				a.oneOf(t, call, 200, 400)
				if a.header.Get("Set-Cookie") != "" || a.status == 200 && a.body != "other" {
					t.Errorf("%s = %v %q, want no header of the value's own", call, a.header, a.body)
				}
			}
		}
	})
}

func storedHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		// RFC 2047 words are what some clients send for what is not ASCII.
		for _, value := range []string{"=?UTF-8?Q?a=0D=0ASet-Cookie:_x=3D1?=", "=?UTF-8?B?YQ0KU2V0LUNvb2tpZTogeD0x?=", "=?UTF-8?Q?a=00b?="} {
			for _, name := range []string{"X-Amz-Meta-A", "Content-Disposition", "Content-Type", "Cache-Control", "Content-Language"} {
				w.s3(t, w.full, "PUT", "/a-priv/stored", "hello", name, value).oneOf(t, "PUT with "+name, 200, 400)
				a := w.s3(t, w.full, "GET", "/a-priv/stored", "")
				if a.header.Get("Set-Cookie") != "" || a.status == 200 && a.body != "hello" {
					t.Errorf("GET after a PUT with %s: %s = %v %q, want no header of the value's own", name, value, a.header, a.body)
				}
			}
		}
		for _, lines := range []string{"Content-Type: a\x00b\r\n", "Content-Disposition: a\rSet-Cookie: x=1\r\n", "Cache-Control: a\x0bb\r\n", "X-Custom: a\x00\r\n"} {
			w.raw(t, w.server.Endpoint, w.rawRequest(t, w.full, "PUT", "/a-priv/stored", lines)).oneOf(t, fmt.Sprintf("PUT with %q", lines), 400, 403)
		}
		w.s3(t, w.full, "DELETE", "/a-priv/stored", "").oneOf(t, "DELETE", 204)
	})
}

func reflectedCORS(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, origin := range []string{"https://evil.test", "null", w.console + ".evil.test", "http://localhost", strings.Replace(w.console, "https", "http", 1)} {
			for _, base := range []string{w.console, w.server.Endpoint} {
				for _, path := range []string{"/", "/signin", "/keys", "/v1/keys", "/v1/openapi.json", "/a-priv", "/a-priv/other", "/nothing"} {
					for _, method := range []string{"GET", "POST", "PUT", "OPTIONS"} {
						a := w.do(t, request(t, base, method, path, "", "Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization"))
						if got := a.header.Get("Access-Control-Allow-Origin") + a.header.Get("Access-Control-Allow-Credentials"); got != "" {
							t.Errorf("%s %s%s from %s allows %s", method, base, path, origin, got)
						}
					}
				}
			}
			a := w.s3(t, w.full, "GET", "/a-priv/other", "", "Origin", origin)
			if got := a.header.Get("Access-Control-Allow-Origin") + a.header.Get("Access-Control-Allow-Credentials"); got != "" {
				t.Errorf("a signed GET from %s allows %s", origin, got)
			}
		}
	})
}

func errorReflection(t *testing.T, w *world) {
	const script, escaped = "<script>alert(1)</script>", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E"
	w.unchanged(t, func() {
		for _, path := range []string{escaped, escaped + "/x", "/a-priv" + escaped, "/a-priv" + escaped + "?versionId=" + escaped[1:], "/a-priv?list-type=2&prefix=" + escaped[1:] + "&encoding-type=" + escaped[1:],
			"/a-priv/x?uploadId=" + escaped[1:], "/a-priv?max-keys=" + escaped[1:]} {
			for _, who := range []pair{w.full, nobody, {"<script>", "x"}} {
				a := w.s3(t, who, "GET", path, "")
				if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/xml") {
					t.Errorf("GET %s = %d with the type %q, want application/xml", path, a.status, kind)
				}
				a.lacks(t, "GET "+path, script, "<script>")
			}
		}
		for _, path := range []string{escaped, "/keys" + escaped, "/signin?next=" + escaped[1:], "/setup" + escaped, "/static" + escaped} {
			a := w.do(t, request(t, w.console, "GET", path, ""))
			a.lacks(t, "GET of the console "+path, script)
		}
		a := w.api(t, w.full, "GET", "/v1"+escaped, "")
		if kind := a.header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("GET /v1/<script> has the type %q, want application/json", kind)
		}
		w.api(t, w.full, "GET", "/v1/keys"+escaped, "").lacks(t, "GET /v1/keys/<script>", script)
	})
}

// inside are signs of the inside of a server.
var inside = regexp.MustCompile(`goroutine \d|\.go:\d|panic|runtime error|pebble|/tmp/|/home/|/root/|no such file|syscall|\bEIO\b|0x[0-9a-f]{8}`)

func (a answer) tellsNothing(t *testing.T, w *world, call string) {
	t.Helper()
	if found := inside.FindString(a.body); found != "" || strings.Contains(a.body, w.server.Data) {
		t.Errorf("%s = %d, and the answer tells of the inside (%s): %.300s", call, a.status, found, a.body)
	}
}

func refusalDetails(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, path := range []string{"/", "/no-such-bucket", "/a-priv/no-such-key", "/a-priv?list-type=3", "/a-priv/x?uploadId=%00", "/%ff", "/a-priv/%00", "/b-priv"} {
			for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
				for _, who := range []pair{nobody, w.ro, {w.full.id, "wrong"}} {
					a := w.s3(t, who, method, path, "<")
					a.tellsNothing(t, w, method+" "+path)
					if a.status >= 400 && a.header.Get("X-Amz-Request-Id") == "" {
						t.Errorf("%s %s = %d without a request ID", method, path, a.status)
					}
				}
			}
		}
		for _, c := range w.apiCalls(t) {
			a := w.api(t, w.ro, c.method, strings.NewReplacer("{", "", "}", "").Replace(c.path), `{"`)
			a.tellsNothing(t, w, c.method+" "+c.path)
			if a.status >= 400 && !strings.Contains(a.body, `"request_id":"`+a.header.Get("X-Request-Id")+`"`) {
				t.Errorf("%s %s = %d %s without its request ID", c.method, c.path, a.status, a.body)
			}
		}
	})
}

// failureDetails damages the bytes of an object on the disk, which is an error
// that the server cannot help.
func failureDetails(t *testing.T, w *world) {
	w.unchanged(t, func() {
		mark := []byte("these bytes will be damaged")
		body := strings.Repeat(string(mark), 10_000)
		w.s3(t, w.full, "PUT", "/a-priv/damaged", body).oneOf(t, "PUT", 200)
		damaged := false
		err := filepath.WalkDir(filepath.Join(w.server.Data, "blobs"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(b, mark) {
				return err
			}
			damaged = true
			return os.WriteFile(path, bytes.ReplaceAll(b, mark, bytes.ToUpper(mark)), 0o600)
		})
		if err != nil || !damaged {
			t.Fatalf("damage the object's bytes: %t, %v", damaged, err)
		}
		a := w.s3(t, w.full, "GET", "/a-priv/damaged", "")
		a.oneOf(t, "GET of a damaged object", 500)
		a.tellsNothing(t, w, "GET of a damaged object")
		if a.header.Get("X-Amz-Request-Id") == "" {
			t.Error("GET of a damaged object = 500 without a request ID")
		}
		w.s3(t, w.full, "DELETE", "/a-priv/damaged", "").oneOf(t, "DELETE", 204)
		if list := w.errors.take(); len(list) != 1 {
			t.Errorf("server errors: %q, want the one of the GET", list)
		}
	})
}

func conditionalJunk(t *testing.T, w *world) {
	w.unchanged(t, func() {
		many := strings.Repeat(`"0123456789abcdef0123456789abcdef", `, 10_000)
		for _, value := range []string{"x", `W/"x"`, `"`, `""`, `"a" "b"`, `"a",`, "\x80\xff", "*,*", `* "a"`, strings.Repeat("a", 4000)} {
			for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"} {
				for _, method := range []string{"GET", "HEAD"} {
					a := w.s3(t, w.full, method, "/a-priv/other", "", name, value)
					a.oneOf(t, fmt.Sprintf("%s with %s: %.40q", method, name, value), 200, 304, 400, 412, 416)
				}
			}
			a := w.s3(t, w.full, "PUT", "/a-priv/other", "evil", "If-Match", value)
			a.oneOf(t, fmt.Sprintf("PUT with If-Match: %.40q", value), 400, 412, 501)
		}
		w.raw(t, w.server.Endpoint, w.rawRequest(t, w.full, "GET", "/a-priv/other", "If-Match: \"a\r\n \"b\"\r\n")).oneOf(t, "a folded If-Match", 400, 412)
		w.raw(t, w.server.Endpoint, w.rawRequest(t, w.full, "GET", "/a-priv/other", "If-Match: \"a\rb\"\r\n")).oneOf(t, "If-Match with CR", 400)
		w.raw(t, w.server.Endpoint, w.rawRequest(t, w.full, "GET", "/a-priv/other", "If-Match: "+many+"\"x\"\r\n")).oneOf(t, "10,000 ETags", 400, 412, 431)
	})
}

// consoleHeaderLint fails the test for an answer of the console that lacks one
// of the headers that all have.
func (a answer) consoleHeaderLint(t *testing.T, call string, static bool) {
	t.Helper()
	for name, parts := range map[string][]string{
		"Content-Security-Policy": {"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'",
			"object-src 'none'", "frame-ancestors 'none'", "connect-src 'self'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"no-referrer"},
		"Permissions-Policy":           {"camera=()", "geolocation=()", "microphone=()"},
		"Strict-Transport-Security":    {"max-age=63072000", "includeSubDomains"},
	} {
		for _, part := range parts {
			if !strings.Contains(a.header.Get(name), part) {
				t.Errorf("%s = %d with %s: %q, want %s in it", call, a.status, name, a.header.Get(name), part)
			}
		}
	}
	csp := a.header.Get("Content-Security-Policy")
	if strings.Contains(csp, "unsafe-") || strings.Contains(csp, "*") || len(a.header.Values("Content-Security-Policy")) != 1 {
		t.Errorf("%s = %d with the policy %q, want none that is unsafe", call, a.status, csp)
	}
	if !static && a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s = %d with Cache-Control %q, want no-store", call, a.status, a.header.Get("Cache-Control"))
	}
	for _, name := range []string{"Access-Control-Allow-Origin", "Server", "X-Powered-By"} {
		if got := a.header.Get(name); got != "" {
			t.Errorf("%s = %d with %s: %s, want none", call, a.status, name, got)
		}
	}
	if a.body != "" && a.status != http.StatusNotModified && a.header.Get("Content-Type") == "" {
		t.Errorf("%s = %d without a Content-Type", call, a.status)
	}
}

var staticFile = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`)

func consoleHeaders(t *testing.T, w *world) {
	owner, stranger := w.owner(t), w.stranger(t)
	reader := w.join(t, w.a.ID, "reader@a.example", coffer.RoleReadOnly)
	id := string(w.ids[w.full])
	w.unchanged(t, func() {
		files := map[string]bool{}
		for _, r := range consoleRoutes(t) {
			if strings.HasSuffix(r.path, "/events") {
				continue // a stream without an end
			}
			for _, path := range []string{r.with(id, "a-priv"), r.with("nothing", "no-such-bucket")} {
				for name, p := range map[string]*person{"the owner": owner, "a reader": reader, "a stranger": stranger} {
					call := r.method + " " + path + " by " + name
					var a answer
					if r.method == "GET" {
						a = p.get(t, path)
					} else {
						// From another site, so that nothing is carried out.
						a = p.do(t, p.form(t, path, []string{"Sec-Fetch-Site", "cross-site"}))
					}
					a.consoleHeaderLint(t, call, false)
					a.tellsNothing(t, w, call)
					for _, m := range staticFile.FindAllStringSubmatch(a.body, -1) {
						files[m[1]] = true
					}
				}
			}
			stranger.do(t, request(t, w.console, "PATCH", r.with(id, "a-priv"), "")).consoleHeaderLint(t, "PATCH "+r.path, false)
		}
		if len(files) < 3 {
			t.Errorf("the pages name the files %v, want styles and scripts", files)
		}
		for path := range files {
			a := stranger.get(t, path)
			a.oneOf(t, "GET "+path, 200)
			a.consoleHeaderLint(t, "GET "+path, true)
		}
		for _, path := range []string{"/nothing", "/static/", "/static/../routes.go", "/v1/", "/v1/keys", "/v1/nothing", "/v1/openapi.json", "/signin?" + strings.Repeat("x", 5000), "/%00", "/%ff", "//evil.test/"} {
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "NONSENSE"} {
				stranger.do(t, request(t, w.console, method, path, "")).consoleHeaderLint(t, method+" "+path, false)
			}
		}
		stranger.do(t, request(t, w.console, "POST", "/signin", strings.Repeat("a=b&", 200_000), "Content-Type", "application/x-www-form-urlencoded")).
			consoleHeaderLint(t, "POST of a long form", false)
		stranger.do(t, request(t, w.console, "POST", "/signin", "%zz", "Content-Type", "application/x-www-form-urlencoded")).consoleHeaderLint(t, "POST of a bad form", false)
	})
}
