package attack

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

var pathRows = []row{
	{"PTH-02", "a NUL is refused or comes back", nulKey},
	{"PTH-03", "a key that is not UTF-8 is refused", invalidUTF8},
	{"PTH-04", "control characters are kept apart", controlCharacters},
	{"PTH-06", "a segment may be as long as a key", longSegment},
	{"PTH-07", "a key may be deep", deepKey},
	{"PTH-08", "a key is no folder of another", fileAndFolder},
	{"PTH-10", "no name is the server's own", internalNames},
	{"PTH-11", "bucket names are those of AWS", bucketNames},
	{"PTH-12", "characters of XML are escaped", specialKeys},
}

func TestPaths(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t), pathRows)
}

// escape writes every byte of a key but letters, digits and the slash as %XX.
func escape(key string) string {
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; c == '/' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// keep stores an object under each key, with the key as its bytes.
func (w *world) keep(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		w.s3(t, w.full, "PUT", "/a-priv/"+escape(key), key).oneOf(t, fmt.Sprintf("PUT %.40q", key), 200)
	}
}

// kept reads each key back, finds it in lists of both kinds, and deletes it.
func (w *world) kept(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if a := w.s3(t, w.full, "GET", "/a-priv/"+escape(key), ""); a.status != 200 || a.body != key {
			t.Errorf("GET %.40q = %d %.60q, want its own bytes", key, a.status, a.body)
		}
		first := url.QueryEscape(key)
		list := w.s3(t, w.full, "GET", "/a-priv?list-type=2&encoding-type=url&prefix="+first, "")
		if !strings.Contains(list.body, "<Key>"+strings.ReplaceAll(escape(key), "%2A", "*")+"</Key>") {
			t.Errorf("the list of %.40q = %.600s, want the key as a URL has it", key, list.body)
		}
		list = w.s3(t, w.full, "GET", "/a-priv?prefix="+first, "")
		if strings.Contains(list.body, "\uFFFD") {
			t.Errorf("the list of %.40q = %.600s, want no character replaced", key, list.body)
		}
		w.s3(t, w.full, "DELETE", "/a-priv/"+escape(key), "").oneOf(t, fmt.Sprintf("DELETE %.40q", key), 204)
		w.s3(t, w.full, "GET", "/a-priv/"+escape(key), "").oneOf(t, fmt.Sprintf("GET of the deleted %.40q", key), 404)
	}
}

func nulKey(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, path := range []string{"/a-priv/a%00b", "/a-priv/%00", "/a-priv/other%00", "/a-priv/a/%00/b"} {
			for _, method := range []string{"GET", "HEAD", "DELETE", "PUT"} {
				w.forge(t, forged{who: w.full, method: method, path: path}).oneOf(t, method+" "+path, 400)
			}
		}
		w.forge(t, forged{who: w.full, path: "/a-priv%00/other"}).oneOf(t, "GET of a bucket with NUL", 400)
	})
}

func invalidUTF8(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, key := range []string{"%ff", "%c0%af", "%ed%a0%80", "%80", "a%c3", "%f5%80%80%80", "%fe%fe", "%e0%80%af", "%C0%AE%C0%AE%2Fb-priv"} {
			for _, method := range []string{"PUT", "GET", "DELETE", "POST"} {
				f := forged{who: w.full, method: method, path: "/a-priv/" + key}
				if method == "POST" {
					f.query = "uploads"
				}
				w.forge(t, f).oneOf(t, method+" "+f.path, 400)
			}
			w.s3(t, w.full, "PUT", "/a-priv/copy", "", "X-Amz-Copy-Source", "/a-priv/"+key).oneOf(t, "copy of "+key, 400, 404)
			w.s3(t, w.full, "GET", "/a-priv?list-type=2&prefix="+key, "").oneOf(t, "list with the prefix "+key, 200, 400)
		}
	})
}

func controlCharacters(t *testing.T, w *world) {
	keys := []string{"a\x01b", "a\x02b", "a\nb", "a\rb", "a\tb", "a\x7f", "a\x1b[31m", "\uFFFE", "\uFFFF", "\u0085", "\u2028", "\U0010FFFF", "a\u202Eb"}
	w.unchanged(t, func() {
		w.keep(t, keys...)
		list := w.s3(t, w.full, "GET", "/a-priv?list-type=2", "")
		var found struct {
			Contents []struct{ Key string }
		}
		// Characters that XML 1.0 cannot have are references in S3's answers too,
		// which encoding/xml refuses: without them the list must be well formed.
		plain := strings.NewReplacer("&#x1;", "1", "&#x2;", "2", "&#x1b;", "e", "\uFFFE", "x", "\uFFFF", "y").Replace(list.body)
		if err := xml.Unmarshal([]byte(plain), &found); err != nil || len(found.Contents) < len(keys) {
			t.Errorf("the list of %d keys has %d and is %v: %.1000q", len(keys), len(found.Contents), err, list.body)
		}
		seen := map[string]bool{}
		for _, c := range found.Contents {
			if seen[c.Key] {
				t.Errorf("the list has %q twice", c.Key)
			}
			seen[c.Key] = true
		}
		body := `<Delete><Object><Key>a&#x7f;</Key></Object><Object><Key>a&#10;b</Key></Object><Object><Key>a&#13;b</Key></Object></Delete>`
		w.s3(t, w.full, "POST", "/a-priv?delete", body, "X-Amz-Checksum-Sha256", checksum(body)).oneOf(t, "DeleteObjects", 200)
		for _, key := range []string{"a\x7f", "a\nb", "a\rb"} {
			w.s3(t, w.full, "GET", "/a-priv/"+escape(key), "").oneOf(t, fmt.Sprintf("GET of the deleted %q", key), 404)
			w.keep(t, key)
		}
		w.kept(t, keys...)
	})
}

func longSegment(t *testing.T, w *world) {
	keys := []string{strings.Repeat("s", 300), strings.Repeat("k", 1024), "x/" + strings.Repeat("t", 1000) + "/y", strings.Repeat("é", 512)}
	w.unchanged(t, func() {
		w.keep(t, keys...)
		w.kept(t, keys...)
		for _, key := range []string{strings.Repeat("k", 1025), strings.Repeat("é", 513)} {
			for _, method := range []string{"PUT", "GET"} {
				a := w.s3(t, w.full, method, "/a-priv/"+escape(key), "")
				a.is(t, method+" of a key of more than 1,024 bytes", 400, "KeyTooLongError")
			}
		}
	})
}

func deepKey(t *testing.T, w *world) {
	deep := strings.Repeat("a/", 511) + "x"
	w.unchanged(t, func() {
		w.keep(t, deep)
		for level := range 60 {
			prefix := strings.Repeat("a/", level*8)
			a := w.s3(t, w.full, "GET", "/a-priv?list-type=2&delimiter=/&prefix="+url.QueryEscape(prefix), "")
			if a.status != 200 || !strings.Contains(a.body, "<CommonPrefixes><Prefix>"+prefix+"a/</Prefix></CommonPrefixes>") {
				t.Errorf("list at level %d = %d %.300s, want the next level", level*8, a.status, a.body)
			}
		}
		w.kept(t, deep)
	})
}

func fileAndFolder(t *testing.T, w *world) {
	keys := []string{"f", "f/b", "f/", "f//", "f/b/", "f/b/c"}
	w.unchanged(t, func() {
		w.keep(t, keys...)
		w.s3(t, w.full, "DELETE", "/a-priv/f", "").oneOf(t, "DELETE f", 204)
		w.keep(t, "f")
		w.s3(t, w.full, "DELETE", "/a-priv/f/", "").oneOf(t, "DELETE f/", 204)
		if a := w.s3(t, w.full, "GET", "/a-priv/f/b", ""); a.body != "f/b" {
			t.Errorf("GET f/b after DELETE f/ = %d %q, want it to be there", a.status, a.body)
		}
		w.keep(t, "f/")
		w.kept(t, keys...)
	})
}

func internalNames(t *testing.T, w *world) {
	keys := []string{".metadata", "xl.meta", ".tmp/x", ".uploads/1", "_index", "master.key", ".minio.sys/config", "..", ".", "../../master.key", "/etc/passwd", "a/./b", "a/../b",
		"con", "nul", "a:b", "a|b", "a*b?", "blobs/00", "-/live", "-/ready", "metrics", "v1/keys", "CURRENT", "LOCK", "admin.sock"}
	w.unchanged(t, func() {
		w.keep(t, keys...)
		w.kept(t, keys...)
		for _, path := range []string{"/-/live", "/-/ready", "/metrics", "/v1/keys", "/admin", "/minio/admin/v3/info", "/.minio.sys/config", "/master.key", "/debug/pprof/", "/favicon.ico"} {
			a := w.s3(t, nobody, "GET", path, "")
			a.oneOf(t, "GET "+path+" by a stranger", 400, 403, 404)
			a.lacks(t, "GET "+path+" by a stranger", "alive", "# HELP", "goroutine")
		}
	})
}

func bucketNames(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range []string{"..", "A", "Abc", "a..b", "192.168.0.1", "-ab", "ab-", "ab", strings.Repeat("a", 64), "xn--abc", "%2e%2e%2e", "a%2Fb", "a_b", ".abc", "abc.", "abc-s3alias", "abc--ol-s3",
			"a%20b", "a%00b", "%ff%ff%ff", "%C3%A9%C3%A9", "a.-b", "sthree-abc", "amzn-s3-demo-abc"} {
			a := w.forge(t, forged{who: w.full, method: "PUT", path: "/" + name})
			a.oneOf(t, "PUT /"+name, 400)
			if !strings.HasPrefix(name, "a%2F") {
				a.is(t, "PUT /"+name, 400, "InvalidBucketName", "InvalidURI")
			}
			w.forge(t, forged{who: w.full, path: "/" + name + "/other"}).refused(t, "GET /"+name+"/other")
		}
	})
}

func specialKeys(t *testing.T, w *world) {
	keys := []string{`<k>&"'`, `]]>`, "<![CDATA[x]]>", "a\nb<", "&amp;", "<!--", "?xml", `"><script>alert(1)</script>`, "%3Ck%3E", "é<", "\U0001F600&"}
	w.unchanged(t, func() {
		w.keep(t, keys...)
		list := w.s3(t, w.full, "GET", "/a-priv?list-type=2", "")
		list.lacks(t, "the list", "<k>", "<script>", "<![CDATA[", "<!--")
		for _, key := range keys {
			id := w.upload(t, w.full, "/a-priv/"+escape(key))
			a := w.s3(t, w.full, "GET", "/a-priv?uploads", "")
			a.lacks(t, "the list of uploads", "<k>", "<script>", "<![CDATA[", "<!--")
			w.s3(t, w.full, "DELETE", "/a-priv/"+escape(key)+"?uploadId="+url.QueryEscape(id), "").oneOf(t, "abort", 204)
		}
		w.kept(t, keys...)
	})
}
