package s3

import (
	"encoding/base64"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"coffer"
)

// FuzzForm reads any body as a form. What comes of it is text, within its limits,
// and the same fields twice are the same form.
func FuzzForm(f *testing.F) {
	const contentType = "multipart/form-data; boundary=x"
	f.Add(contentType, "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/${filename}\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\b\"\r\n\r\nhello\r\n--x--\r\n")
	f.Add(contentType, "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--x")
	f.Add("multipart/form-data", "")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		form, err := readForm(contentType, strings.NewReader(body))
		if err != nil {
			return
		}
		size := 0
		for name, value := range form.fields {
			if !isToken(name) || name != strings.ToLower(name) {
				t.Errorf("%q has the field %q", body, name)
			}
			if !strings.Contains(body, "${filename}") && !utf8.ValidString(value) {
				t.Errorf("%q has the value %q", body, value)
			}
			size += len(name)
		}
		if size > postFieldsMax {
			t.Errorf("the names of the fields have %d bytes, want at most %d", size, postFieldsMax)
		}
		if file, err := io.ReadAll(form.file); err == nil && !strings.Contains(body, string(file)) {
			t.Errorf("the file %q is not in %q", file, body)
		}
		_, _ = form.fields.header()
	})
}

// FuzzDocuments never trips over documents, and a website that was read and may
// be is read again from what is written of it.
func FuzzDocuments(f *testing.F) {
	f.Add("<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals/></Condition><Redirect><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>")
	f.Add("<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier/></GlacierJobParameters></RestoreRequest>")
	f.Fuzz(func(t *testing.T, document string) {
		if n, err := parseXML([]byte(document), "RestoreRequest"); err == nil {
			_, _ = parseRestore(n)
		}
		n, err := parseXML([]byte(document), "WebsiteConfiguration")
		if err != nil {
			return
		}
		w, err := parseWebsite(n)
		if err != nil || coffer.CheckWebsite(w) != nil {
			return
		}
		for _, r := range w.Rules {
			d := newDoc("RoutingRules", namespace)
			writeWebsiteRule(d, r)
			if strings.ContainsFunc(string(d.b), func(r rune) bool { return r < ' ' }) || strings.Contains(string(d.b), "&#x") {
				continue // our reader takes fewer references than our writer writes
			}
			again, err := parseXML(d.close(), "RoutingRules")
			if err != nil {
				t.Fatalf("%q is written as %q, which is no document: %v", document, d.b, err)
			}
			if rules, err := parseWebsiteRules(again); err != nil || !reflect.DeepEqual(rules, []coffer.WebsiteRule{r}) {
				t.Errorf("%+v reads back as %+v, %v", r, rules, err)
			}
		}
	})
}

// FuzzPostPolicy never trips over a policy, and a condition that was read holds
// for its own value.
func FuzzPostPolicy(f *testing.F) {
	f.Add(`{"expiration": "2030-01-01T00:00:00Z", "conditions": [{"a": "b"}, ["eq", "$c", "\$d"], ["content-length-range", 1, "2"]]}`)
	f.Add(`{"expiration": null, "conditions": [[], [1], {}, null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePostPolicy(base64.StdEncoding.EncodeToString([]byte(text)))
		if err != nil {
			return
		}
		if p.sized && (p.min < 0 || p.min > p.max) {
			// Two ranges that exclude each other let nothing pass, which is right.
			t.Skip()
		}
		for _, c := range p.conditions {
			if !c.holds(c.value) && c.field != "content-type" {
				t.Errorf("%s does not hold for its own value", c)
			}
		}
		_ = p.check(postFields{}, "photos", time.Unix(0, 0))
	})
}
