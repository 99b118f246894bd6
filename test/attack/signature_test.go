package attack

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Rows of the family that are not here, and why:
//
//	SIG-25  a difference of nanoseconds cannot be measured on a loaded machine;
//	        that hmac.Equal compares is for review
//	SIG-29  goes on in TestSessions
var signatureRows = []row{
	{"SIG-01", "a wrong secret is refused", wrongSecret},
	{"SIG-02", "an unknown access key ID is refused in about the same time", unknownID},
	{"SIG-04", "signature version 2 is refused", signatureV2},
	{"SIG-05", "a header without one of its parts is malformed", missingParts},
	{"SIG-06", "SignedHeaders has no empty elements", emptySignedHeaders},
	{"SIG-08", "the scope has the day of the date", scopeDay},
	{"SIG-09", "a request has a date", noDate},
	{"SIG-10", "a request is 15 minutes old at most", skew},
	{"SIG-11", "a copy source must be signed", unsignedCopySource},
	{"SIG-12", "every x-amz header must be signed", unsignedHeaders},
	{"SIG-13", "the host must be signed", unsignedHost},
	{"SIG-14", "other headers need no signature", unsignedOthers},
	{"SIG-16", "the payload hash is a hash", junkHash},
	{"SIG-17", "the payload hash is that of the body", wrongHash},
	{"SIG-18", "a streamed body is taken for data only", streamElsewhere},
	{"SIG-20", "what counts once comes once", doubledHeaders},
	{"SIG-21", "header values are signed as AWS writes them", headerValues},
	{"SIG-22", "paths are signed and used as they are", signedPaths},
	{"SIG-24", "the host that is signed is the host that is used", hostSpoofing},
	{"SIG-26", "a malformed signature is a wrong one", malformedSignature},
	{"SIG-28", "every other listener verifies as strictly", otherListeners},
	{"SIG-29", "a permanent key has no session token", strangeToken},
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t, "--domain", "s3.test,localhost"), signatureRows)
}

// put is a request that would overwrite an object, were it let in.
func put(w *world) forged {
	return forged{who: w.full, method: "PUT", path: "/a-priv/other", body: "evil"}
}

func wrongSecret(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, secret := range []string{"wrong", w.full.secret[1:], w.full.secret + " ", strings.ToLower(w.full.secret) + "x", w.bFull.secret} {
			for _, c := range [][2]string{{"GET", "/"}, {"GET", "/a-priv/other"}, {"PUT", "/a-priv/other"}, {"DELETE", "/a-priv/other"}, {"PUT", "/new-bucket"}, {"POST", "/a-priv/x?uploads"}} {
				path, query, _ := strings.Cut(c[1], "?")
				a := w.forge(t, forged{who: pair{w.full.id, secret}, method: c[0], path: path, query: query})
				a.is(t, c[0]+" "+c[1]+" with a wrong secret", 403, "SignatureDoesNotMatch")
				a.lacks(t, c[0]+" "+c[1], w.full.secret)
			}
		}
	})
}

// unknownID compares medians of interleaved requests. A factor tells a lookup
// that is left out from noise; three rounds forgive a machine that was busy.
func unknownID(t *testing.T, w *world) {
	const rounds, samples, factor = 3, 200, 3
	w.unchanged(t, func() {
		ids := []string{w.full.id, w.full.id[:len(w.full.id)-1] + "x", "TEST0000000000000000"}
		for round := range rounds {
			took := map[bool][]time.Duration{}
			for i := range samples {
				id := ids[i%2*(1+i/2%2)]
				text, _ := forged{who: pair{id, "wrong"}, path: "/a-priv/other"}.text(w)
				begin := time.Now()
				a := w.exchange(t, "GET", text)
				known := id == w.full.id
				took[known] = append(took[known], time.Since(begin))
				if known {
					a.is(t, "GET with a wrong secret", 403, "SignatureDoesNotMatch")
				} else {
					a.is(t, "GET with the ID "+id, 403, "InvalidAccessKeyId")
				}
			}
			yes, no := median(took[true]), median(took[false])
			if yes < factor*no && no < factor*yes {
				return
			}
			if round == rounds-1 {
				t.Errorf("an ID that exists is refused in %s, one that does not in %s: want about the same", yes, no)
			}
		}
	})
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func signatureV2(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := put(w)
		for _, value := range []string{"AWS " + w.full.id + ":frJIUN8DYpKDtOLCwo//yllqDzg=", "AWS " + w.full.id + ":", "AWS"} {
			f.auth = func(string) string { return value }
			a := w.forge(t, f)
			a.is(t, "PUT with "+value, 400, "InvalidRequest")
			if !strings.Contains(a.body, "Please use AWS4-HMAC-SHA256") {
				t.Errorf("PUT with %s = %s, want what to use", value, a.body)
			}
		}
		f = forged{method: "GET", path: "/a-priv/other", query: "AWSAccessKeyId=" + w.full.id + "&Expires=9999999999&Signature=frJIUN8DYpKDtOLCwo%2F%2FyllqDzg%3D"}
		w.forge(t, f).is(t, "GET of a URL of version 2", 400, "InvalidRequest")
	})
}

func missingParts(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, drop := range []string{"Credential", "SignedHeaders", "Signature"} {
			f := put(w)
			f.auth = func(v string) string {
				scheme, rest, _ := strings.Cut(v, " ")
				parts := slices.DeleteFunc(strings.Split(rest, ", "), func(p string) bool { return strings.HasPrefix(p, drop+"=") })
				return scheme + " " + strings.Join(parts, ", ")
			}
			w.forge(t, f).is(t, "PUT without "+drop, 400, "AuthorizationHeaderMalformed")
			f.auth = func(v string) string { return strings.Replace(v, drop+"=", drop+"-", 1) }
			w.forge(t, f).is(t, "PUT with "+drop+" and no =", 400, "AuthorizationHeaderMalformed")
			f.auth = func(v string) string { return v + ", " + drop + "=x" }
			w.forge(t, f).is(t, "PUT with "+drop+" twice", 400, "AuthorizationHeaderMalformed")
		}
		for _, value := range []string{"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 ,,,", "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature="} {
			f := put(w)
			f.auth = func(string) string { return value }
			w.forge(t, f).is(t, "PUT with "+value, 400, "AuthorizationHeaderMalformed")
		}
		for _, value := range []string{"", " ", "Basic YTpi", "Bearer x", "aws4-hmac-sha256 x", "AWS4-HMAC-SHA512 Credential=x"} {
			f := put(w)
			f.auth = func(string) string { return value }
			w.forge(t, f).refused(t, fmt.Sprintf("PUT with Authorization %q", value))
		}
	})
}

func emptySignedHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, list := range []string{"host;", ";host", "host;;x-amz-date", ";", "host; x-amz-date", "Host;x-amz-date", "host;host;x-amz-date", "host,x-amz-date"} {
			f := put(w)
			f.signed = strings.Split(list, ";")
			w.forge(t, f).is(t, "PUT with SignedHeaders="+list, 400, "AuthorizationHeaderMalformed")
		}
	})
}

func scopeDay(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, day := range []string{"20260101", time.Now().AddDate(0, 0, 2).UTC().Format("20060102"), "2026-01-01", "0", "99999999", "20261301"} {
			f := put(w)
			f.day = day
			w.forge(t, f).is(t, "PUT with the scope of "+day, 400, "AuthorizationHeaderMalformed")
		}
		for _, f := range []forged{{region: "mars-north-1"}, {region: ""}, {region: "US-EAST-1"}, {scope: "ec2/aws4_request"}, {scope: "s3/aws5_request"}, {scope: "s3"}, {scope: "s3/aws4_request/x"}, {scope: "coffer/aws4_request"}} {
			g := put(w)
			g.region, g.scope = f.region, f.scope
			if f.region == "" && f.scope == "" {
				g.region = "/"
			}
			w.forge(t, g).is(t, "PUT with the scope "+g.region+"/"+g.scope, 400, "AuthorizationHeaderMalformed")
		}
	})
}

func noDate(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := put(w)
		f.date = "-"
		w.forge(t, f).is(t, "PUT without a date", 403, "AccessDenied")
		for _, date := range []string{"yesterday", "", "20260101", "2026-01-01T00:00:00Z", "20261340T000000Z", "20260101T000000", "20260101T000000.5Z", strings.Repeat("9", 4000)} {
			f := put(w)
			f.date, f.lines = "-", []string{"x-amz-date: " + date}
			w.forge(t, f).is(t, fmt.Sprintf("PUT with x-amz-date %.20q", date), 403, "AccessDenied")
			f.lines = []string{"Date: " + date}
			w.forge(t, f).is(t, fmt.Sprintf("PUT with Date %.20q", date), 403, "AccessDenied")
		}
	})
}

func skew(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, by := range []time.Duration{16 * time.Minute, -16 * time.Minute, 24 * time.Hour, -24 * time.Hour} {
			f := put(w)
			f.date = ago(by)
			a := w.forge(t, f)
			a.is(t, "PUT from "+by.String()+" ago", 403, "RequestTimeTooSkewed")
			if !strings.Contains(a.body, "<RequestTime>"+f.date) || !strings.Contains(a.body, "<ServerTime>") {
				t.Errorf("PUT from %s ago = %s, want both times", by, a.body)
			}
		}
		for _, by := range []time.Duration{14 * time.Minute, -14 * time.Minute} {
			f := forged{who: w.full, path: "/a-priv/other", date: ago(by)}
			w.forge(t, f).oneOf(t, "GET from "+by.String()+" ago", 200)
		}
	})
}

func unsignedCopySource(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, line := range []string{"x-amz-copy-source: /a-priv/pfx/x", "X-Amz-Copy-Source: /b-priv/secret", "X-AMZ-COPY-SOURCE: /a-priv/pfx/x"} {
			f := put(w)
			f.body, f.lines, f.signed = "", []string{line}, []string{"host", "x-amz-content-sha256", "x-amz-date"}
			w.forge(t, f).is(t, "PUT with "+line, 403, "AccessDenied")
			f.path = "/a-priv/up/x"
			f.who = w.up
			w.forge(t, f).is(t, "PUT by a key of up/ with "+line, 403, "AccessDenied")
		}
	})
}

func unsignedHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, line := range []string{"x-amz-acl: public-read", "x-amz-tagging: a=b", "x-amz-meta-a: 1", "x-amz-storage-class: GLACIER", "x-amz-object-lock-mode: GOVERNANCE",
			"x-amz-website-redirect-location: /x", "x-amz-security-token: x", "x-amz-bypass-governance-retention: true", "x-amz-grant-read: id=1", "x-amz-mfa: 1",
			"x-amz-expected-bucket-owner: 1", "x-amz-server-side-encryption: AES256", "x-amz-checksum-crc32: AAAAAA==", "x-amz-decoded-content-length: 4", "x-amz-trailer: x", "x-amz-nonsense: 1", "x-amz-: 1"} {
			f := put(w)
			f.lines, f.signed = []string{line}, []string{"host", "x-amz-content-sha256", "x-amz-date"}
			w.forge(t, f).is(t, "PUT with "+line, 403, "AccessDenied")
		}
		f := put(w)
		f.signed = []string{"host", "x-amz-content-sha256"}
		w.forge(t, f).is(t, "PUT with a date that is not signed", 403, "AccessDenied")
	})
}

func unsignedHost(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, names := range [][]string{{"x-amz-content-sha256", "x-amz-date"}, {"x-amz-date"}, {"content-length", "x-amz-content-sha256", "x-amz-date"}} {
			f := put(w)
			f.signed = names
			w.forge(t, f).is(t, "PUT that signs "+strings.Join(names, ";"), 403, "AccessDenied")
		}
	})
}

func unsignedOthers(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := forged{who: w.full, path: "/a-priv/other", lines: []string{"X-Custom: 1", "User-Agent: another", "Accept-Encoding: gzip", "Via: 1.1 proxy", "Content-Type: x/y", "X-Forwarded-For: 1.2.3.4"}}
		if a := w.forge(t, f); a.status != 200 || a.body != "other" {
			t.Errorf("GET with headers of a proxy = %d %q, want 200", a.status, a.body)
		}
	})
}

func junkHash(t *testing.T, w *world) {
	w.unchanged(t, func() {
		right := sum("evil")
		for _, hash := range []string{"invalid_sha256", strings.ToUpper(right), right[1:], right + "0", "STREAMING-NONSENSE", "unsigned-payload", "UNSIGNED-PAYLOAD-TRAILER", right + "," + right} {
			f := put(w)
			f.hash = hash
			w.forge(t, f).is(t, "PUT with x-amz-content-sha256 "+hash, 400, "InvalidArgument")
		}
		f := put(w)
		f.sent = "-"
		w.forge(t, f).is(t, "PUT without x-amz-content-sha256", 400, "InvalidRequest")
	})
}

func wrongHash(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, size := range []int{0, 4, 100, 70_000, 3 << 20} {
			f := put(w)
			f.body, f.hash = strings.Repeat("x", size), sum("another body")
			w.forge(t, f).is(t, fmt.Sprintf("PUT of %d bytes with another hash", size), 400, "XAmzContentSHA256Mismatch")
		}
		f := put(w)
		f.sent = sum("another body")
		w.forge(t, f).is(t, "PUT signed over another hash than is sent", 403, "SignatureDoesNotMatch")
	})
}

func streamElsewhere(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, hash := range streams {
			for _, c := range [][2]string{{"PUT", "/a-priv?policy"}, {"POST", "/a-priv?delete"}, {"PUT", "/new-bucket"}, {"POST", "/a-priv/x?uploads"}, {"DELETE", "/a-priv/other"}, {"PUT", "/a-priv?cors"}, {"GET", "/a-priv/other"}} {
				path, query, _ := strings.Cut(c[1], "?")
				f := forged{who: w.full, method: c[0], path: path, query: query, hash: hash, body: "0\r\n\r\n",
					lines: []string{"x-amz-decoded-content-length: 0", "x-amz-trailer: x-amz-checksum-crc32"}}
				w.forge(t, f).is(t, c[0]+" "+c[1]+" with "+hash, 400, "InvalidRequest")
			}
		}
	})
}

func doubledHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for name, values := range map[string][2]string{
			"Host": {"", "evil.test"}, "Authorization": {"", "AWS4-HMAC-SHA256 Credential=x"}, "x-amz-date": {"", ago(time.Hour)}, "x-amz-content-sha256": {"", unsigned},
			"x-amz-copy-source": {"/a-priv/pfx/x", "/a-priv/other"}, "Content-Length": {"", "5"}, "Content-MD5": {"x", "y"}, "x-amz-tagging": {"a=b", "c=d"},
			"x-amz-metadata-directive": {"COPY", "REPLACE"}, "If-Match": {"*", `"x"`}, "x-amz-decoded-content-length": {"4", "5"}} {
			f := put(w)
			f.path = "/a-priv/doubled"
			if values[0] != "" {
				f.lines = append(f.lines, name+": "+values[0])
			}
			f.lines = append(f.lines, name+": "+values[1])
			if name == "Content-Length" {
				f.lines = append(f.lines, name+": 4")
			}
			w.forge(t, f).refused(t, "PUT with two "+name)
		}
	})
}

func headerValues(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := forged{who: w.full, method: "PUT", path: "/a-priv/values", lines: []string{"x-amz-meta-a:   a   b  ", "x-amz-meta-b: 1", "x-amz-meta-b: 2"}}
		w.forge(t, f).oneOf(t, "PUT with spaces and two lines", 200)
		a := w.s3(t, w.full, "GET", "/a-priv/values", "")
		if got := a.header.Get("X-Amz-Meta-B"); strings.ReplaceAll(got, " ", "") != "1,2" {
			t.Errorf("two lines of metadata = %q, want 1,2", got)
		}
		w.s3(t, w.full, "DELETE", "/a-priv/values", "").oneOf(t, "DELETE", 204)
	})
}

func signedPaths(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, path := range []string{"a//b", "/lead", "//", "dir/", "a%2Fb", "a+b", "a%2Bb", "a%20b", "a%25b", "a%252Fb", "~", "%7E", "%C3%A9", "..", "a/../b", "./a", "a;b", "a:b@c", "a=b&c", "%3F", "%23"} {
			key, err := url.PathUnescape(path)
			if err != nil {
				t.Fatal(err)
			}
			f := forged{who: w.full, method: "PUT", path: "/a-priv/" + path, body: key}
			w.forge(t, f).oneOf(t, "PUT "+f.path, 200)
			f.method, f.body = "GET", ""
			if a := w.forge(t, f); a.status != 200 || a.body != key {
				t.Errorf("GET %s = %d %.200q, want %q", f.path, a.status, a.body, key)
			}
			list := w.s3(t, w.full, "GET", "/a-priv?list-type=2&encoding-type=url&prefix="+url.QueryEscape(key), "")
			if !strings.Contains(list.body, "<Key>"+strings.ReplaceAll(url.PathEscape(key), "%2F", "/")+"</Key>") && !strings.Contains(list.body, "<Key>"+canonical(strings.ReplaceAll(key, "%", "%25"), "/")+"</Key>") {
				t.Errorf("the list after PUT %s = %s, want the key %q", f.path, list.body, key)
			}
			f.method = "DELETE"
			w.forge(t, f).oneOf(t, "DELETE "+f.path, 204)
		}
	})
}

func hostSpoofing(t *testing.T, w *world) {
	w.unchanged(t, func() {
		// What was signed for a-priv's host does not work for another.
		f := forged{who: w.full, path: "/other", host: "a-priv.s3.test"}
		w.forge(t, f).oneOf(t, "GET by the bucket's host", 200)
		text, _ := f.text(w)
		for _, other := range []string{"b-priv.s3.test", "s3.test", "a-priv.s3.test.evil.test", "A-PRIV.S3.TEST:1"} {
			a := w.exchange(t, "GET", strings.Replace(text, "Host: a-priv.s3.test", "Host: "+other, 1))
			a.refused(t, "GET signed for another host than "+other)
			a = w.exchange(t, "GET", strings.Replace(text, "GET /other", "GET http://"+other+"/other", 1))
			a.refused(t, "GET with the line of "+other)
		}
		f.host, f.who, f.path = "b-priv.s3.test", w.full, "/secret"
		w.forge(t, f).is(t, "GET of B's by its host", 403, "AccessDenied")
		for _, line := range []string{"X-Forwarded-Host: b-priv.s3.test", "X-Original-URL: /b-priv/secret", "X-Rewrite-URL: /b-priv/secret", "Forwarded: host=b-priv.s3.test"} {
			f := forged{who: w.full, path: "/other", host: "a-priv.s3.test", lines: []string{line}}
			if a := w.forge(t, f); a.status != 200 || a.body != "other" {
				t.Errorf("GET with %s = %d %.100q, want that it has no effect", line, a.status, a.body)
			}
		}
	})
}

func malformedSignature(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, signature := range []string{"", strings.Repeat("a", 63), strings.Repeat("a", 65), "%00", "\u00e9", "=", strings.Repeat("a", 7<<10), strings.Repeat("a", 1<<20)} {
			f := put(w)
			f.auth = func(v string) string {
				head, _, _ := strings.Cut(v, "Signature=")
				return head + "Signature=" + signature
			}
			w.forge(t, f).oneOf(t, fmt.Sprintf("PUT with the signature %.10q of %d", signature, len(signature)), 400, 403, 431)
		}
		f := put(w)
		f.auth = func(v string) string {
			head, signature, _ := strings.Cut(v, "Signature=")
			return head + "Signature=" + strings.ToUpper(signature)
		}
		w.forge(t, f).is(t, "PUT with the signature in upper case", 403, "SignatureDoesNotMatch")
		f.auth = func(v string) string { return v[:len(v)-1] }
		w.forge(t, f).refused(t, "PUT with the signature without its end")
	})
}

// otherListeners sends to the JSON interface what S3 refuses.
func otherListeners(t *testing.T, w *world) {
	send := func(f forged) answer {
		f.host = strings.TrimPrefix(w.console, "http://")
		text, _ := f.text(w)
		return w.exchangeWith(t, w.console, f.method, text)
	}
	list := func() forged {
		return forged{who: w.full, method: "GET", path: "/v1/keys", scope: "coffer/aws4_request"}
	}
	w.unchanged(t, func() {
		send(list()).oneOf(t, "GET /v1/keys", 200)
		tries := map[string]func(f *forged){
			"a wrong secret":         func(f *forged) { f.who.secret = "wrong" },
			"an unknown ID":          func(f *forged) { f.who.id = "TEST0000000000000000" },
			"a paused key":           func(f *forged) { f.who = w.paused },
			"version 2":              func(f *forged) { f.auth = func(string) string { return "AWS " + w.full.id + ":x" } },
			"no signature":           func(f *forged) { f.auth = func(v string) string { s, _, _ := strings.Cut(v, ", Signature"); return s } },
			"an empty signed header": func(f *forged) { f.signed = []string{"host", "", "x-amz-date"} },
			"another day":            func(f *forged) { f.day = "20260101" },
			"no date":                func(f *forged) { f.date = "-" },
			"an old date":            func(f *forged) { f.date = ago(16 * time.Minute) },
			"a date to come":         func(f *forged) { f.date = ago(-16 * time.Minute) },
			"an unsigned x-amz header": func(f *forged) {
				f.lines, f.signed = []string{"x-amz-target: x"}, []string{"host", "x-amz-content-sha256", "x-amz-date"}
			},
			"an unsigned host": func(f *forged) { f.signed = []string{"x-amz-content-sha256", "x-amz-date"} },
			"a junk hash":      func(f *forged) { f.hash = "junk" },
			"no hash":          func(f *forged) { f.hash = unsigned },
			"a stream": func(f *forged) {
				f.hash, f.lines = streams[2], []string{"x-amz-decoded-content-length: 0", "x-amz-trailer: x-amz-checksum-crc32"}
			},
			"another body":                func(f *forged) { f.hash, f.body = sum("x"), "{}" },
			"another service":             func(f *forged) { f.scope = "ec2/aws4_request" },
			"a session token":             func(f *forged) { f.lines = []string{"x-amz-security-token: x"} },
			"two dates":                   func(f *forged) { f.lines = []string{"x-amz-date: " + ago(time.Hour)} },
			"two Authorization lines":     func(f *forged) { f.lines = []string{"Authorization: AWS4-HMAC-SHA256 x"} },
			"a query that was not signed": func(f *forged) { f.auth = func(v string) string { return v[:len(v)-2] } },
		}
		for name, change := range tries {
			for _, c := range [][3]string{{"GET", "/v1/keys", ""}, {"POST", "/v1/keys", "{}"}, {"GET", "/v1/audit", ""}} {
				f := list()
				f.method, f.path, f.body = c[0], c[1], c[2]
				if change(&f); f.method == "POST" {
					f.lines = append(f.lines, "Content-Type: application/json")
				}
				a := send(f)
				a.oneOf(t, c[0]+" "+c[1]+" with "+name, 400, 401, 403)
				a.lacks(t, c[0]+" "+c[1]+" with "+name, w.up.id)
			}
		}
		f := list()
		text := f.link(w, "600", nil, nil)
		w.exchangeWith(t, w.console, "GET", text).oneOf(t, "GET /v1/keys by a URL", 400, 401, 403)
	})
}

func strangeToken(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, token := range []string{"x", "", w.bFull.id, strings.Repeat("A", 4000)} {
			f := put(w)
			f.lines = []string{"x-amz-security-token: " + token}
			w.forge(t, f).oneOf(t, fmt.Sprintf("PUT with the token %.10q", token), 400, 403)
			f.lines = nil
			text := f.link(w, "600", func(q string) string { return q + "&X-Amz-Security-Token=" + token }, nil)
			w.exchange(t, "PUT", text).oneOf(t, fmt.Sprintf("a URL to PUT with the token %.10q", token), 400, 403)
		}
	})
}
