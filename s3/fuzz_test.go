package s3

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"coffer"
)

// FuzzXML reads back what doc wrote, and never trips over what others did.
func FuzzXML(f *testing.F) {
	f.Add("<Delete><Object><Key>a</Key></Object></Delete>", "a\x01b<&>\"'\n")
	f.Add("<!DOCTYPE x [<!ENTITY a 'b'>]><Delete/>", "é\u2028\x7f")
	f.Add(strings.Repeat("<Delete>", 50), "")
	f.Fuzz(func(t *testing.T, outside, text string) {
		if n, err := parseXML([]byte(outside), "Delete"); err == nil && n.name != "Delete" {
			t.Errorf("parseXML(%q) has the root %q", outside, n.name)
		}
		if !utf8.ValidString(text) {
			return
		}
		d := newDoc("Delete", namespace)
		d.text("Key", text)
		// What encoding/xml can read comes back as it was; of the control characters
		// it refuses all but three.
		var back struct{ Key string }
		err := xml.Unmarshal(d.close(), &back)
		readable := !strings.ContainsFunc(text, func(r rune) bool {
			return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
		})
		if readable && (err != nil || back.Key != text) {
			t.Errorf("%q reads back as %q, %v", text, back.Key, err)
		}
	})
}

// FuzzTags reads back the tags that it took from a header, and never trips over
// documents.
func FuzzTags(f *testing.F) {
	f.Add("a=1&b=%2B+x&c", "<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag></TagSet></Tagging>")
	f.Add("a=%zz&&=", "<CORSConfiguration><CORSRule><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule></CORSConfiguration>")
	f.Fuzz(func(t *testing.T, header, document string) {
		if n, err := parseXML([]byte(document), "Tagging"); err == nil {
			_, _ = parseTagging(n)
		}
		if n, err := parseXML([]byte(document), "CORSConfiguration"); err == nil {
			_, _ = parseCORS(n)
		}
		tags, ok := parseTagQuery(header)
		if !ok {
			return
		}
		var pairs []string
		for _, tag := range tags {
			pairs = append(pairs, url.QueryEscape(tag.Key)+"="+url.QueryEscape(tag.Value))
		}
		again, ok := parseTagQuery(strings.Join(pairs, "&"))
		if !ok || !slices.Equal(again, tags) {
			t.Errorf("%q is %q and reads back as %q, %t", header, tags, again, ok)
		}
	})
}

// FuzzRange checks that what was understood says the same when it is written.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=7-", "bytes=-0", "bytes=9-1", "bytes=0-99999999999999999999", "lines=1-2", "bytes=0-1,3-4"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		r := parseRange(header)
		if r == nil {
			return
		}
		again := parseRange(r.String())
		if again == nil || *again != *r {
			t.Errorf("%q is %v and reads back as %v", header, r, again)
		}
	})
}

// FuzzTarget checks that a path names one bucket and one key, whatever is in it,
// and that the key written into a path again names the same.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/b/k", "/b//k", "/b/../x", "/b/%2e%2e/x", "/b/a%2Fb", "/b/%00", "/b/%ff", "//x", "/", "*", "/b/a+b%20c"} {
		f.Add(s, "b.localhost")
	}
	h := New(Options{Domains: []string{"localhost"}})
	f.Fuzz(func(t *testing.T, path, host string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" {
			return
		}
		q := &request{Handler: h, r: httptest.NewRequest(http.MethodGet, "/", nil)}
		q.r.URL, q.r.Host = u, host
		got, err := q.parseTarget()
		if err != nil {
			return
		}
		if got.level == levelObject && coffer.CheckObjectKey(got.key) != nil {
			t.Fatalf("%q names the key %q, which is none", path, got.key)
		}
		q.r.Host = "127.0.0.1"
		q.r.URL = &url.URL{Path: "/" + got.bucket + "/" + got.key,
			RawPath: "/" + url.PathEscape(got.bucket) + "/" + strings.ReplaceAll(url.PathEscape(got.key), "%2F", "/")}
		again, err := q.parseTarget()
		if err != nil || again != got && got.bucket != "" {
			t.Errorf("%q is %+v and reads back as %+v, %v", path, got, again, err)
		}
	})
}

// FuzzQuery checks that no query makes the parser panic, and that all it gives is
// text.
func FuzzQuery(f *testing.F) {
	f.Add("a=1;X-Amz-Date=2&c=3")
	f.Add("uploads&prefix=%ff")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		for name, values := range q {
			for _, v := range values {
				if err == nil && !utf8.ValidString(v) {
					t.Errorf("parseQuery(%q): %q has the value %q", raw, name, v)
				}
			}
		}
	})
}

func TestAFloodOfTokensIsRefused(t *testing.T) {
	for name, flood := range map[string]string{
		"Comments":     "<Delete>" + strings.Repeat("a<!---->", xmlBodyMax/8) + "</Delete>",
		"Instructions": "<Delete>" + strings.Repeat("<?a?>", xmlBodyMax/5) + "</Delete>",
		"Elements":     "<Delete>" + strings.Repeat("<a/>", xmlBodyMax/4) + "</Delete>",
	} {
		if _, err := parseXML([]byte(flood), "Delete"); err == nil {
			t.Errorf("%s: %d bytes were read as a document", name, len(flood))
		}
	}
}
