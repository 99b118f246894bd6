package attack

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"coffer/api"
)

// PRE-13 is in TestSessions.
var presignRows = []row{
	{"PRE-01", "a URL expires", expiredLink},
	{"PRE-03", "a URL lives for a week at most", linkLife},
	{"PRE-04", "a URL is not valid before its time", earlyLink},
	{"PRE-05", "who has a URL copies nothing", copyByLink},
	{"PRE-07", "a payload kind that was not signed is refused", streamByLink},
	{"PRE-08", "a query with half of a signature is refused", halfLink},
	{"PRE-09", "what is added to a URL's query is not signed", widerLink},
	{"PRE-11", "a parameter of the signature comes once", doubledLink},
	{"PRE-12", "a URL ends with its key", linkOutlivesKey},
	{"PRE-15", "a URL is for its bucket", linkElsewhere},
	{"PRE-16", "a semicolon in the query may be raw", rawSemicolon},
}

func TestPresignedURLs(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t, "--domain", "s3.test,localhost"), presignRows)
}

// putLink sends a URL to overwrite an object.
func (w *world) putLink(t *testing.T, f forged, expires string, sign, spoil func(string) string) answer {
	t.Helper()
	return w.exchange(t, f.method, f.link(w, expires, sign, spoil))
}

func expiredLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, f := range []forged{put(w), {who: w.full, method: "GET", path: "/a-priv/other"}, {who: w.full, method: "DELETE", path: "/a-priv/other"}} {
			f.date = ago(4 * time.Second)
			a := w.putLink(t, f, "2", nil, nil)
			a.is(t, f.method+" with a URL that has expired", 403, "AccessDenied")
			for _, part := range []string{"<Message>Request has expired</Message>", "<X-Amz-Expires>2</X-Amz-Expires>", "<Expires>", "<ServerTime>"} {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s with a URL that has expired = %s, want %s in it", f.method, a.body, part)
				}
			}
			f.date = ago(8 * 24 * time.Hour)
			w.putLink(t, f, "604800", nil, nil).is(t, f.method+" with a URL of last week", 403, "AccessDenied")
		}
	})
}

func linkLife(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, expires := range []string{"604801", "-1", "abc", "", "99999999999999999999", "0", "1e3", "+5", "0x10", "1.5", "%31%00", "NaN", "Infinity", "5%20"} {
			a := w.putLink(t, put(w), expires, nil, nil)
			a.is(t, "PUT with X-Amz-Expires="+expires, 400, "AuthorizationQueryParametersError")
		}
		for _, name := range []string{"X-Amz-Expires", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders"} {
			drop := func(q string) string {
				pairs := strings.Split(q, "&")
				for i, p := range pairs {
					if strings.HasPrefix(p, name+"=") {
						pairs = append(pairs[:i], pairs[i+1:]...)
						break
					}
				}
				return strings.Join(pairs, "&")
			}
			w.putLink(t, put(w), "600", drop, nil).is(t, "PUT without "+name, 400, "AuthorizationQueryParametersError")
		}
		f := forged{who: w.full, method: "GET", path: "/a-priv/other"}
		w.putLink(t, f, "604800", nil, nil).oneOf(t, "GET with a URL for a week", 200)
	})
}

func earlyLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := put(w)
		f.date = ago(-20 * time.Minute)
		a := w.putLink(t, f, "600", nil, nil)
		a.is(t, "PUT with a URL of the future", 403, "AccessDenied")
		if !strings.Contains(a.body, "Request is not valid yet") {
			t.Errorf("PUT with a URL of the future = %s, want that it is not valid yet", a.body)
		}
	})
}

func copyByLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, who := range []pair{w.full, w.up} {
			for _, from := range []string{"/a-priv/other", "/b-priv/secret", "a-priv%2Fother", ""} {
				for _, name := range []string{"x-amz-copy-source", "X-AMZ-Copy-Source"} {
					f := forged{who: who, method: "PUT", path: "/a-priv/up/x", lines: []string{name + ": " + from}}
					w.putLink(t, f, "600", nil, nil).is(t, "a URL to PUT with "+f.lines[0], 403, "AccessDenied")
				}
			}
		}
		for _, line := range []string{"x-amz-acl: public-read", "x-amz-meta-a: 1", "x-amz-tagging: a=b", "x-amz-security-token: x", "x-amz-date: " + ago(0), "x-amz-expected-bucket-owner: 1"} {
			f := put(w)
			f.lines = []string{line}
			w.putLink(t, f, "600", nil, nil).oneOf(t, "a URL to PUT with "+line, 400, 403)
		}
		w.s3(t, w.full, "GET", "/a-priv/up/x", "").oneOf(t, "GET of what was never copied", 404)
	})
}

func streamByLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for _, hash := range []string{kind, strings.ToLower(kind)} {
				f := put(w)
				f.body = "4\r\nevil\r\n0\r\nx-amz-checksum-crc32:" + crc("evil") + "\r\n\r\n"
				f.lines = []string{"x-amz-content-sha256: " + hash}
				w.putLink(t, f, "600", nil, nil).oneOf(t, "a URL to PUT with "+hash, 400, 403)
				f.lines = append(f.lines, "x-amz-decoded-content-length: 4", "x-amz-trailer: x-amz-checksum-crc32")
				w.putLink(t, f, "600", nil, nil).oneOf(t, "a URL to PUT with all of "+hash, 400, 403)
			}
		}
		f := put(w)
		f.lines = []string{"x-amz-content-sha256: " + sum("another")}
		w.putLink(t, f, "600", nil, nil).is(t, "a URL to PUT with another hash", 400, "XAmzContentSHA256Mismatch")
	})
}

func halfLink(t *testing.T, w *world) {
	whole := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + w.full.id + "%2F" + ago(0)[:8] + "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" + ago(0) + "&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
	w.unchanged(t, func() {
		var queries []string
		for _, p := range strings.Split(whole, "&") {
			queries = append(queries, p, strings.ToLower(p))
		}
		queries = append(queries, whole, whole+"&X-Amz-Signature=", whole+"&X-Amz-Signature", "X-Amz-Signature="+sum("x"), "x-amz-signature=x", "X-Amz-Security-Token=x")
		for _, query := range queries {
			for _, hash := range []string{"-", unsigned, unsignedStream, sum("4\r\nevil\r\n0\r\n\r\n")} {
				f := forged{method: "PUT", path: "/a-priv/x", query: query, sent: hash, date: "-", body: "4\r\nevil\r\n0\r\n\r\n",
					lines: []string{"x-amz-decoded-content-length: 4"}}
				w.forge(t, f).oneOf(t, "PUT with "+query+" and "+hash, 400, 403)
			}
		}
		// With a signature in the header too, neither is chosen.
		f := put(w)
		f.query = "X-Amz-Credential=" + w.full.id
		w.forge(t, f).refused(t, "PUT with a header and a half of a URL")
	})
}

func widerLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, add := range []string{"&versionId=null", "&acl", "&tagging", "&uploads", "&partNumber=1", "&response-content-type=text/html", "&x-id=GetObject", "&&a=b", "&X-Amz-Nonsense=1", "&x-amz-acl=public-read"} {
			for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
				f := forged{who: w.full, method: method, path: "/a-priv/other"}
				a := w.putLink(t, f, "600", nil, func(q string) string { return q + add })
				if a.status == 405 || method == "POST" {
					a.is(t, "a URL to "+method+" with "+add+", which no operation has", a.status, "MethodNotAllowed", "SignatureDoesNotMatch")
					continue
				}
				a.is(t, "a URL to "+method+" with "+add, 403, "SignatureDoesNotMatch")
			}
		}
		f := forged{who: w.full, method: "GET", path: "/a-priv/other"}
		text := f.link(w, "600", nil, nil)
		for _, method := range []string{"PUT", "DELETE", "HEAD"} {
			a := w.exchange(t, method, method+strings.TrimPrefix(text, "GET"))
			a.oneOf(t, "a URL to GET with "+method, 403)
		}
		for _, path := range []string{"/a-priv/pfx/x", "/b-priv/secret", "/a-priv", "/a-priv/other/", "/a-priv//other", "/a-priv/%6fthers"} {
			a := w.exchange(t, "GET", strings.Replace(text, "GET /a-priv/other?", "GET "+path+"?", 1))
			a.oneOf(t, "a URL to GET at "+path, 403)
		}
		for _, change := range [][2]string{{"X-Amz-Expires=600", "X-Amz-Expires=604800"}, {w.full.id, w.bFull.id}, {"us-east-1", "auto"}, {"SignedHeaders=host", "SignedHeaders=host%3Brange"}} {
			a := w.exchange(t, "GET", strings.Replace(text, change[0], change[1], 1))
			a.is(t, "a URL with "+change[1], 403, "SignatureDoesNotMatch")
		}
	})
}

func doubledLink(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, add := range []string{"X-Amz-Signature=" + sum("x"), "X-Amz-Expires=604800", "X-Amz-Credential=" + w.bFull.id, "X-Amz-Date=" + ago(0), "X-Amz-SignedHeaders=host", "X-Amz-Algorithm=x",
			"x-amz-signature=" + sum("x"), "X-AMZ-EXPIRES=1", "X-Amz-%53ignature=x"} {
			for _, first := range []bool{true, false} {
				spoil := func(q string) string { return q + "&" + add }
				if first {
					spoil = func(q string) string { return add + "&" + q }
				}
				w.putLink(t, put(w), "600", nil, spoil).oneOf(t, "a URL to PUT with another "+add, 400, 403)
			}
		}
	})
}

func linkOutlivesKey(t *testing.T, w *world) {
	type end func(ctx context.Context, p pair) error
	w.unchanged(t, func() {
		for name, fn := range map[string]end{
			"paused":  func(ctx context.Context, p pair) error { _, err := w.socket.PauseKey(ctx, p.id); return err },
			"deleted": func(ctx context.Context, p pair) error { _, err := w.socket.DeleteKey(ctx, p.id); return err },
			"rotated and confirmed": func(ctx context.Context, p pair) error {
				k, err := w.socket.RotateKey(ctx, p.id, api.RotateInput{})
				if err == nil {
					w.server.Hide(k.Current.SecretAccessKey.Reveal())
					_, err = w.socket.ConfirmKey(ctx, p.id, api.ConfirmInput{EvenIfInUse: true})
				}
				return err
			},
		} {
			p := w.newKey(t, api.CreateKeyInput{Name: "link " + name})
			get := forged{who: p, method: "GET", path: "/a-priv/other"}.link(w, "3600", nil, nil)
			over := forged{who: p, method: "PUT", path: "/a-priv/other", body: "evil"}.link(w, "3600", nil, nil)
			w.exchange(t, "GET", get).oneOf(t, "a URL before its key was "+name, 200)
			if err := fn(t.Context(), p); err != nil {
				t.Fatalf("the key is to be %s: %v", name, err)
			}
			w.exchange(t, "GET", get).oneOf(t, "a URL to GET after its key was "+name, 403)
			w.exchange(t, "PUT", over).oneOf(t, "a URL to PUT after its key was "+name, 403)
			w.endByID(t, w.ids[p])
		}
	})
}

func linkElsewhere(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := forged{who: w.full, method: "GET", path: "/other", host: "a-priv.s3.test"}
		text := f.link(w, "600", nil, nil)
		w.exchange(t, "GET", text).oneOf(t, "a URL with the bucket's host", 200)
		for _, host := range []string{"b-priv.s3.test", "a-priv.localhost", "localhost", "a-priv.s3.test.", "a-priv.s3.test:444", ""} {
			a := w.exchange(t, "GET", strings.Replace(text, "Host: a-priv.s3.test", "Host: "+host, 1))
			a.refused(t, fmt.Sprintf("a URL sent to the host %q", host))
		}
	})
}

func rawSemicolon(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := forged{who: w.full, method: "GET", path: "/a-priv/other", lines: []string{"Content-Type: text/plain"}, signed: []string{"content-type", "host"}}
		raw := func(q string) string { return strings.Replace(q, "%3B", ";", 1) }
		if a := w.putLink(t, f, "600", nil, raw); a.status != 200 || a.body != "other" {
			t.Errorf("a URL with a raw semicolon = %d %.300q, want 200", a.status, a.body)
		}
		f.lines = []string{"Content-Type: text/html"}
		text := f.link(w, "600", nil, raw)
		w.exchange(t, "GET", strings.Replace(text, "text/html", "text/plain", 1)).is(t, "a URL with another type", 403, "SignatureDoesNotMatch")
	})
}
