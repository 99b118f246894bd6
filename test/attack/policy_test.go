package attack

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Bucket policies, tried in bucket a-pol of A by B, by keys of A, and by nobody.
var policyRows = []row{
	{"KEY-12", "who may write objects may write no policy", policyByWriter},
	{"KEY-13", "a right to objects is none to their versions", policyVersions},
	{"KEY-15", "an address is that of the connection", policyAddress},
	{"KEY-16", "operators of sets are those of AWS", policySets},
	{"KEY-16", "a tag is the one that the policy writes, by case too", policyTagCase},
	{"KEY-17", "a resource ends where it says", policyResources},
	{"KEY-19", "DeleteObjects asks the policy for each key and version", policyDeleteObjects},
	{"TEN-01", "a copy asks the policies of both ends", policyCopies},
	{"XML-08", "a policy that is not understood is refused", policyMisspelt},
	{"POL-01", "a denial counts over whatever allows", policyDenies},
	{"POL-02", "what is set by a header needs the right to set it", policyHeaders},
	{"POL-03", "a list is as wide as its prefix is allowed", policyLists},
}

func TestBucketPolicies(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.s3(t, w.full, "PUT", "/a-pol", "").oneOf(t, "PUT /a-pol", 200)
	w.versions(t, "a-pol")
	w.s3(t, w.full, "PUT", "/a-pol/pfx/x", "first").oneOf(t, "PUT", 200)
	w.s3(t, w.full, "PUT", "/a-pol/other", "other").oneOf(t, "PUT", 200)
	attack(t, w, policyRows)
}

// allowing sets a policy by which B may do actions with what resource names, and
// further members of the statement.
func (w *world) allowing(t *testing.T, actions, resource string, more ...string) {
	t.Helper()
	w.policy(t, "a-pol", strings.Join(append([]string{`"Effect":"Allow","Principal":{"AWS":"` + string(w.b.ID) + `"},"Action":[` + actions + `],"Resource":"arn:aws:s3:::` + resource + `"`}, more...), ","))
}

func policyByWriter(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, actions := range []string{`"s3:PutObject"`, `"s3:*Object"`, `"s3:PutBucketPolicy","s3:DeleteBucketPolicy","s3:GetBucketPolicy"`, `"s3:*"`} {
			for _, resource := range []string{"a-pol", "a-pol/*", "*"} {
				if resource == "*" && actions == `"s3:*Object"` {
					continue
				}
				text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + string(w.b.ID) + `"},"Action":[` + actions + `],"Resource":"arn:aws:s3:::` + resource + `"}]}`
				w.s3(t, w.full, "PUT", "/a-pol?policy", text).oneOf(t, "PutBucketPolicy "+text, 200, 204, 400)
				for _, who := range []pair{w.bFull, w.up, w.rw, nobody} {
					for _, c := range [][2]string{{"PUT", "policy"}, {"DELETE", "policy"}, {"GET", "policy"}} {
						w.s3(t, who, c[0], "/a-pol?"+c[1], text).oneOf(t, c[0]+" ?policy by "+who.id+" whom "+actions+" is allowed", 400, 403, 405)
					}
				}
			}
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

func policyVersions(t *testing.T, w *world) {
	first := w.s3(t, w.full, "PUT", "/a-pol/v", "one").header.Get("X-Amz-Version-Id")
	w.s3(t, w.full, "PUT", "/a-pol/v", "two").oneOf(t, "PUT", 200)
	w.s3(t, w.full, "PUT", "/a-priv/copy-target", "t").oneOf(t, "PUT", 200)
	w.unchanged(t, func() {
		w.allowing(t, `"s3:GetObject","s3:DeleteObject","s3:PutObject"`, "a-pol/*")
		q := "?versionId=" + first
		w.s3(t, w.bFull, "GET", "/a-pol/v", "").oneOf(t, "GET by B", 200)
		for _, c := range [][2]string{{"GET", q}, {"HEAD", q}, {"DELETE", q}, {"GET", q + "&tagging"}, {"GET", q + "&acl"}, {"PUT", q + "&tagging"}, {"GET", q + "&attributes"}, {"GET", q + "&retention"}, {"GET", "?versionId=null"}, {"PUT", q + "&retention"}} {
			body := ""
			if strings.HasSuffix(c[1], "tagging") && c[0] == "PUT" {
				body = "<Tagging><TagSet/></Tagging>"
			}
			a := w.s3(t, w.bFull, c[0], "/a-pol/v"+c[1], body, "X-Amz-Object-Attributes", "ETag", "X-Amz-Checksum-Sha256", checksum(body))
			a.oneOf(t, c[0]+" /a-pol/v"+c[1]+" by B, who may read objects", 400, 403, 404)
			a.lacks(t, c[0]+" of a version by B", "one")
		}
		w.s3(t, w.bFull, "PUT", "/b-priv/copied", "", "X-Amz-Copy-Source", "/a-pol/v"+q).oneOf(t, "copy of a version by B", 403)
		id := w.upload(t, w.bFull, "/b-priv/part")
		w.s3(t, w.bFull, "PUT", "/b-priv/part?partNumber=1&uploadId="+url.QueryEscape(id), "", "X-Amz-Copy-Source", "/a-pol/v"+q).oneOf(t, "UploadPartCopy of a version by B", 403)
		w.s3(t, w.bFull, "DELETE", "/b-priv/part?uploadId="+url.QueryEscape(id), "").oneOf(t, "abort", 204)
		body := "<Delete><Object><Key>v</Key><VersionId>" + first + "</VersionId></Object></Delete>"
		w.s3(t, w.bFull, "POST", "/a-pol?delete", body, "X-Amz-Checksum-Sha256", checksum(body)).lacks(t, "DeleteObjects of a version by B", "<Deleted>")
		if a := w.s3(t, w.full, "GET", "/a-pol/v"+q, ""); a.body != "one" {
			t.Errorf("GET of the first version afterwards = %d %q", a.status, a.body)
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

func policyAddress(t *testing.T, w *world) {
	forwarded := [][]string{nil, {"X-Forwarded-For", "10.0.0.1"}, {"X-Real-Ip", "10.0.0.1"}, {"Forwarded", "for=10.0.0.1"}, {"Forwarded", `for="[2001:db8::1]"`}, {"X-Forwarded-For", "127.0.0.1, 10.0.0.1"},
		{"X-Forwarded-For", strings.Repeat("10.0.0.1, ", 300) + "10.0.0.1"}, {"True-Client-Ip", "10.0.0.1"}, {"Cf-Connecting-Ip", "10.0.0.1"}, {"X-Client-Ip", "10.0.0.1"}, {"X-Original-Forwarded-For", "10.0.0.1"}}
	w.unchanged(t, func() {
		w.allowing(t, `"s3:GetObject"`, "a-pol/*", `"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}`)
		for _, h := range forwarded {
			w.s3(t, w.bFull, "GET", "/a-pol/other", "", h...).oneOf(t, fmt.Sprintf("GET by B with %.60q", h), 403)
		}
		w.policy(t, "a-pol", `"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::a-pol/*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)
		for _, h := range forwarded {
			w.s3(t, w.full, "GET", "/a-pol/other", "", h...).oneOf(t, fmt.Sprintf("GET by A, denied to all addresses but some, with %.60q", h), 403)
		}
		w.allowing(t, `"s3:GetObject"`, "a-pol/*", `"Condition":{"Bool":{"aws:SecureTransport":"true"}}`)
		for _, h := range [][]string{nil, {"X-Forwarded-Proto", "https"}, {"Forwarded", "proto=https"}, {"X-Forwarded-Ssl", "on"}, {"Front-End-Https", "on"}} {
			w.s3(t, w.bFull, "GET", "/a-pol/other", "", h...).oneOf(t, fmt.Sprint("GET by B over plain HTTP with ", h), 403)
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

// policyTagCase writes objects with two tags whose names differ by case alone, so that
// one of them is what the policy wants.
func policyTagCase(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, rule := range []string{`"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::a-pol/*","Condition":{"StringNotEquals":{"s3:RequestObjectTag/%s":"prod"}}`,
			`"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::a-pol/*","Condition":{"StringEquals":{"s3:RequestObjectTag/%s":["test",""]}}`} {
			for name, tags := range map[string][]string{"env": {"Env=prod&env=test", "env=test&Env=prod", "ENV=prod&env=test"}, "Env": {"env=prod&Env=test", "Env=test&env=prod"}} {
				w.policy(t, "a-pol", fmt.Sprintf(rule, name))
				for _, tag := range tags {
					w.s3(t, w.full, "PUT", "/a-pol/tagged", "x", "X-Amz-Tagging", tag).is(t, "PUT with "+tag+" where "+name+" counts", 403, "AccessDenied")
				}
			}
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

// policySets has AWS's truth table of operators over sets ("Conditions with multiple
// context keys or values"), with the tags of a write as the set.
func policySets(t *testing.T, w *world) {
	for _, c := range []struct {
		operator, values string
		allowed          map[string]bool // by the x-amz-tagging header
	}{
		{"ForAllValues:StringEquals", `["a","b"]`, map[string]bool{"": true, "a=1": true, "a=1&b=1": true, "a=1&c=1": false, "c=1": false}},
		{"ForAnyValue:StringEquals", `["a","b"]`, map[string]bool{"": false, "a=1": true, "a=1&b=1": true, "a=1&c=1": true, "c=1": false}},
		{"ForAllValues:StringNotEquals", `["a","b"]`, map[string]bool{"": true, "a=1": false, "a=1&b=1": false, "a=1&c=1": false, "c=1": true}},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, map[string]bool{"": false, "a=1": false, "a=1&b=1": false, "a=1&c=1": true, "c=1": true}},
		{"ForAllValues:StringLike", `["a*"]`, map[string]bool{"": true, "a=1": true, "ab=1": true, "a=1&c=1": false}},
		{"ForAnyValue:StringNotLike", `["a*"]`, map[string]bool{"": false, "a=1": false, "a=1&c=1": true}},
	} {
		w.unchanged(t, func() {
			w.allowing(t, `"s3:PutObject","s3:PutObjectTagging"`, "a-pol/*", `"Condition":{"`+c.operator+`":{"s3:RequestObjectTagKeys":`+c.values+`}}`)
			for tags, allowed := range c.allowed {
				headers := []string{"X-Amz-Tagging", tags}
				if tags == "" {
					headers = nil
				}
				want := 403
				if allowed {
					want = 200
				}
				a := w.s3(t, w.bFull, "PUT", "/a-pol/set", "x", headers...)
				a.oneOf(t, fmt.Sprintf("PUT with the tags %q where %s %s must hold", tags, c.operator, c.values), want)
				if a.status == 200 {
					w.s3(t, w.full, "DELETE", "/a-pol/set?versionId="+a.header.Get("X-Amz-Version-Id"), "").oneOf(t, "DELETE", 204)
				}
			}
			w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
		})
	}
}

func policyResources(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, key := range []string{"tenant1/x", "tenant1234/x", "tenant1", "Tenant1/x", "other/tenant1/x"} {
			w.s3(t, w.full, "PUT", "/a-pol/"+key, "t").oneOf(t, "PUT", 200)
		}
		w.allowing(t, `"s3:GetObject","s3:PutObject"`, "a-pol/tenant1/*")
		w.s3(t, w.bFull, "GET", "/a-pol/tenant1/x", "").oneOf(t, "GET of what is allowed", 200)
		for _, path := range []string{"/a-pol/tenant1234/x", "/a-pol/tenant1", "/a-pol/Tenant1/x", "/a-pol/other/tenant1/x", "/a-pol//tenant1/x", "/a-pol/tenant1%2F../other", "/a-pol/./tenant1/x",
			"/a-pol/tenant1%5Cx", "/a-pol/tenant1", "/a-priv/tenant1/x", "/a-pol/%74enant1234/x"} {
			if path == "/a-pol/tenant1%2F../other" {
				continue // is a key below tenant1/, whatever it looks like
			}
			w.s3(t, w.bFull, "GET", path, "").oneOf(t, "GET "+path+" by B", 403)
			w.s3(t, w.bFull, "PUT", path, "evil").oneOf(t, "PUT "+path+" by B", 403)
		}
		w.s3(t, w.bFull, "GET", "/a-pol/%74enant1/x", "").oneOf(t, "GET of what is allowed, written otherwise", 200)
		w.clear(t, "a-pol", "tenant1", "Tenant1", "other/")
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

// clear removes all versions below prefixes of a bucket of A.
func (w *world) clear(t *testing.T, bucket string, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		a := w.s3(t, w.full, "GET", "/"+bucket+"?versions&prefix="+url.QueryEscape(prefix), "")
		var list struct {
			Version, DeleteMarker []struct{ Key, VersionId string }
		}
		if err := xml.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		for _, v := range append(list.Version, list.DeleteMarker...) {
			w.s3(t, w.full, "DELETE", "/"+bucket+"/"+escape(v.Key)+"?versionId="+v.VersionId, "").oneOf(t, "DELETE "+v.Key, 204)
		}
	}
}

func policyDeleteObjects(t *testing.T, w *world) {
	version := w.s3(t, w.full, "PUT", "/a-pol/keep/v", "one").header.Get("X-Amz-Version-Id")
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-pol/drop/a", "a").oneOf(t, "PUT", 200)
		w.allowing(t, `"s3:DeleteObject"`, "a-pol/drop/*")
		body := `<Delete><Object><Key>drop/a</Key></Object><Object><Key>keep/v</Key></Object><Object><Key>keep/v</Key><VersionId>` + version + `</VersionId></Object>` +
			`<Object><Key>drop/a</Key><VersionId>null</VersionId></Object><Object><Key>other</Key></Object><Object><Key>drop</Key></Object></Delete>`
		a := w.s3(t, w.bFull, "POST", "/a-pol?delete", body, "X-Amz-Checksum-Sha256", checksum(body))
		a.oneOf(t, "DeleteObjects by B", 200)
		if denied, deleted := strings.Count(a.body, "<Code>AccessDenied</Code>"), strings.Count(a.body, "<Deleted>"); denied != 5 || deleted != 1 {
			t.Errorf("DeleteObjects by B = %s, want one deleted and five denied", a.body)
		}
		// Bypassing takes a right of its own, which is asked for each.
		a = w.s3(t, w.bFull, "POST", "/a-pol?delete", body, "X-Amz-Checksum-Sha256", checksum(body), "X-Amz-Bypass-Governance-Retention", "true")
		if strings.Contains(a.body, version+"</VersionId></Deleted>") {
			t.Errorf("DeleteObjects with a bypass by B = %s, want no version deleted", a.body)
		}
		w.clear(t, "a-pol", "drop")
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
	w.clear(t, "a-pol", "keep/")
}

func policyCopies(t *testing.T, w *world) {
	w.unchanged(t, func() {
		copied := func(who pair, from, to string, headers ...string) answer {
			return w.s3(t, who, "PUT", to, "", append([]string{"X-Amz-Copy-Source", from}, headers...)...)
		}
		// B may write into A's bucket, but reads nothing there: neither may be used for the other.
		w.allowing(t, `"s3:PutObject"`, "a-pol/in/*")
		copied(w.bFull, "/a-pol/other", "/a-pol/in/x").oneOf(t, "copy within A's bucket by who may only write", 403)
		copied(w.bFull, "/a-priv/other", "/a-pol/in/x").oneOf(t, "copy from another bucket of A", 403)
		copied(w.full, "/b-priv/secret", "/a-pol/in/x").oneOf(t, "copy from B by A", 403)
		id := w.upload(t, w.bFull, "/a-pol/in/part")
		part := "/a-pol/in/part?partNumber=1&uploadId=" + url.QueryEscape(id)
		w.s3(t, w.bFull, "PUT", part, "", "X-Amz-Copy-Source", "/a-pol/other").oneOf(t, "UploadPartCopy by who may only write", 403)
		w.s3(t, w.full, "DELETE", "/a-pol/in/part?uploadId="+url.QueryEscape(id), "").oneOf(t, "abort by the bucket's account", 204)
		// B may read: what it copies goes to its own.
		w.allowing(t, `"s3:GetObject"`, "a-pol/pfx/*")
		copied(w.bFull, "/a-pol/pfx/x", "/a-pol/pfx/y").oneOf(t, "copy within A's bucket by who may only read", 403)
		copied(w.bFull, "/a-pol/other", "/b-priv/copied").oneOf(t, "copy of what is not allowed", 403)
		for _, from := range []string{"/a-pol/pfx/../other", "/a-pol/pfx%2F..%2Fother", "a-pol/pfx/%2e%2e/other"} {
			a := copied(w.bFull, from, "/b-priv/copied")
			a.oneOf(t, "copy of "+from, 403, 404)
		}
		copied(w.bFull, "/a-pol/pfx/x", "/b-priv/copied").oneOf(t, "copy of what is allowed", 200)
		w.s3(t, w.bFull, "DELETE", "/b-priv/copied", "").oneOf(t, "DELETE", 204)
		// A policy may say from where.
		w.policy(t, "a-pol", `"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::a-pol/in/*","Condition":{"StringNotLike":{"s3:x-amz-copy-source":"a-pol/pfx/*"}}`)
		for _, from := range []string{"/a-pol/other", "a-pol/other", "/a-pol/oth%65r", "%2Fa-pol%2Fother", "/a-priv/pfx/x", "a-pol/pfx2/x"} {
			copied(w.full, from, "/a-pol/in/x").oneOf(t, "copy from "+from+" where only pfx/ is allowed", 403, 404)
		}
		w.s3(t, w.full, "PUT", "/a-pol/in/x", "evil").oneOf(t, "PUT where only copies are allowed", 403)
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

func policyMisspelt(t *testing.T, w *world) {
	good := `"Effect":"Allow","Principal":{"AWS":"` + string(w.b.ID) + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::a-pol/*"`
	w.unchanged(t, func() {
		for name, statement := range map[string]string{
			"no effect":                `"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::a-pol/*"`,
			"an effect in small":       strings.Replace(good, "Allow", "allow", 1),
			"two effects":              good + `,"Effect":"Deny"`,
			"two conditions":           good + `,"Condition":{},"Condition":{"Bool":{"aws:SecureTransport":"true"}}`,
			"two operators":            good + `,"Condition":{"Bool":{"aws:SecureTransport":"true"},"Bool":{"aws:SecureTransport":"false"}}`,
			"two keys":                 good + `,"Condition":{"StringEquals":{"s3:prefix":"a","s3:prefix":"b"}}`,
			"two keys of another case": good + `,"Condition":{"StringEquals":{"s3:prefix":"a","S3:Prefix":"b"}}`,
			"a member in small":        strings.Replace(good, `"Action"`, `"action"`, 1),
			"an unknown member":        good + `,"Conditions":{}`,
			"an unknown operator":      good + `,"Condition":{"StringEqual":{"s3:prefix":"a"}}`,
			"an unknown qualifier":     good + `,"Condition":{"ForEachValue:StringEquals":{"s3:prefix":"a"}}`,
			"an unknown key":           good + `,"Condition":{"StringEquals":{"s3:prefixes":"a"}}`,
			"an unknown action":        strings.Replace(good, "s3:GetObject", "s3:GetObjectt", 1),
			"a key of another service": good + `,"Condition":{"StringEquals":{"ec2:Region":"a"}}`,
			"a key without its tag":    good + `,"Condition":{"StringEquals":{"s3:ExistingObjectTag/":"a"}}`,
			"a pattern of no action":   strings.Replace(good, "s3:GetObject", "s3:Fetch*", 1),
			"another service":          strings.Replace(good, "s3:GetObject", "ec2:GetObject", 1),
			"no action":                strings.Replace(good, `"s3:GetObject"`, `[]`, 1),
			"no resource":              strings.Replace(good, `"arn:aws:s3:::a-pol/*"`, `[]`, 1),
			"a resource of another":    strings.Replace(good, "a-pol", "b-priv", 1),
			"a resource without ARN":   strings.Replace(good, "arn:aws:s3:::", "", 1),
			"no principal":             strings.Replace(good, `"Principal":{"AWS":"`+string(w.b.ID)+`"},`, "", 1),
			"an empty principal":       strings.Replace(good, `{"AWS":"`+string(w.b.ID)+`"}`, `{}`, 1),
			"NotPrincipal with Allow":  strings.Replace(good, `"Principal"`, `"NotPrincipal"`, 1),
			"Action and NotAction":     good + `,"NotAction":"s3:PutObject"`,
			"an address that is none":  good + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`,
			"an address by text":       good + `,"Condition":{"IpAddress":{"aws:SourceIp":"010.0.0.1"}}`,
			"a date that is none":      good + `,"Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`,
			"a boolean that is none":   good + `,"Condition":{"Bool":{"aws:SecureTransport":"yes"}}`,
			"a number that is none":    good + `,"Condition":{"NumericLessThan":{"s3:max-keys":"ten"}}`,
			"a null that is none":      good + `,"Condition":{"Null":{"s3:prefix":"maybe"}}`,
		} {
			text := `{"Version":"2012-10-17","Statement":[{` + statement + `}]}`
			w.s3(t, w.full, "PUT", "/a-pol?policy", text).oneOf(t, "a policy with "+name, 400)
		}
		for name, text := range map[string]string{
			"nothing": "", "a list": "[]", "null": "null", "no statement": `{"Version":"2012-10-17"}`, "an empty list": `{"Version":"2012-10-17","Statement":[]}`,
			"two versions": `{"Version":"2012-10-17","Version":"2008-10-17","Statement":[{` + good + `}]}`, "another version": `{"Version":"2020-01-01","Statement":[{` + good + `}]}`,
			"two lists": `{"Version":"2012-10-17","Statement":[],"Statement":[{` + good + `}]}`, "text behind": `{"Version":"2012-10-17","Statement":[{` + good + `}]}x`,
			"a document behind": `{"Version":"2012-10-17","Statement":[{` + good + `}]}{}`, "a byte order mark": "\ufeff" + `{"Version":"2012-10-17","Statement":[{` + good + `}]}`,
			"depth": strings.Repeat(`{"Statement":[`, 5_000), "30 KiB": `{"Version":"2012-10-17","Id":"` + strings.Repeat("x", 30<<10) + `","Statement":[{` + good + `}]}`,
			"2 MiB": `{"Version":"2012-10-17","Statement":[{` + strings.Repeat(" ", 2<<20) + good + `}]}`, "bytes that are no text": `{"Version":"2012-10-17","Id":"` + "\xff" + `","Statement":[{` + good + `}]}`,
		} {
			w.s3(t, w.full, "PUT", "/a-pol?policy", text).oneOf(t, "a policy of "+name, 400)
		}
		w.s3(t, w.full, "GET", "/a-pol?policy", "").oneOf(t, "GET of a policy that was never taken", 404)
	})
}

func policyDenies(t *testing.T, w *world) {
	all := `"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::a-pol","arn:aws:s3:::a-pol/*"]`
	w.unchanged(t, func() {
		w.s3(t, w.full, "DELETE", "/a-pol?publicAccessBlock", "").oneOf(t, "open a-pol", 204)
		for _, deny := range []string{`"Effect":"Deny","Principal":"*","Action":"s3:GetObject*","Resource":"arn:aws:s3:::a-pol/*"`, `"Effect":"Deny","Principal":"*","Action":"s3:get*","Resource":"arn:aws:s3:::a-pol/o?her"`,
			`"Effect":"Deny","Principal":"*","NotAction":["s3:ListBucket","s3:PutBucketPolicy"],"Resource":"arn:aws:s3:::a-pol/*"`, `"Effect":"Deny","NotPrincipal":{"AWS":"999999999999"},"Action":"s3:*","Resource":"arn:aws:s3:::a-pol/*"`,
			`"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":"arn:aws:s3:::a-pol/pfx/*"`} {
			for _, order := range [][]string{{all, deny}, {deny, all}} {
				w.policy(t, "a-pol", order...)
				for _, who := range []pair{w.full, w.bFull, nobody} {
					a := w.s3(t, who, "GET", "/a-pol/other", "")
					a.oneOf(t, "GET by "+who.id+" that is denied by "+deny, 403)
					w.s3(t, who, "HEAD", "/a-pol/other", "").oneOf(t, "HEAD that is denied", 403)
					w.s3(t, who, "GET", "/a-pol/other", "", "If-None-Match", "*").oneOf(t, "GET with a condition that is denied", 403)
				}
				w.s3(t, w.full, "PUT", "/a-priv/denied-copy", "", "X-Amz-Copy-Source", "/a-pol/other").oneOf(t, "copy of what is denied", 403)
			}
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy by A, whom nothing locks out", 204)
	})
}

func policyHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.allowing(t, `"s3:PutObject","s3:GetObject"`, "a-pol/*")
		for _, h := range [][]string{{"X-Amz-Tagging", "a=b"}, {"X-Amz-Object-Lock-Legal-Hold", "ON", "X-Amz-Checksum-Sha256", checksum("evil")}, {"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", "2030-01-01T00:00:00Z", "X-Amz-Checksum-Sha256", checksum("evil")},
			{"X-Amz-Acl", "public-read"}, {"X-Amz-Grant-Full-Control", "id=" + string(w.b.CanonicalID)}} {
			w.s3(t, w.bFull, "PUT", "/a-pol/set", "evil", h...).oneOf(t, fmt.Sprint("PUT by B with ", h), 400, 403)
			a := w.s3(t, w.bFull, "POST", "/a-pol/set?uploads", "", h[:2]...)
			a.oneOf(t, fmt.Sprint("CreateMultipartUpload by B with ", h[:2]), 400, 403)
			w.s3(t, w.bFull, "PUT", "/a-pol/set", "", append([]string{"X-Amz-Copy-Source", "/b-priv/secret", "X-Amz-Tagging-Directive", "REPLACE"}, h[:2]...)...).oneOf(t, fmt.Sprint("CopyObject by B with ", h[:2]), 400, 403)
		}
		for name, conditions := range map[string][2]string{
			"x-amz-acl":                    {"X-Amz-Acl", "bucket-owner-full-control"},
			"x-amz-storage-class":          {"X-Amz-Storage-Class", "STANDARD"},
			"x-amz-server-side-encryption": {"X-Amz-Server-Side-Encryption", "AES256"},
		} {
			w.allowing(t, `"s3:PutObject"`, "a-pol/*", `"Condition":{"StringEquals":{"s3:`+name+`":"`+conditions[1]+`"}}`)
			w.s3(t, w.bFull, "PUT", "/a-pol/set", "evil").oneOf(t, "PUT without "+name, 403)
			other := map[string]string{"STANDARD": "GLACIER", "AES256": "aws:kms", "bucket-owner-full-control": "private"}[conditions[1]]
			w.s3(t, w.bFull, "PUT", "/a-pol/set", "evil", conditions[0], other).oneOf(t, "PUT with another "+name, 400, 403)
			for _, two := range [][2]string{{conditions[1], other}, {other, conditions[1]}} {
				w.s3(t, w.bFull, "PUT", "/a-pol/set", "evil", conditions[0], two[0], conditions[0], two[1]).oneOf(t, "PUT with two "+name, 400, 403)
			}
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}

func policyLists(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.allowing(t, `"s3:ListBucket","s3:ListBucketVersions"`, "a-pol", `"Condition":{"StringLike":{"s3:prefix":["pfx/*","pfx/"]}}`)
		for _, list := range []string{"list-type=2", "", "versions"} {
			w.s3(t, w.bFull, "GET", "/a-pol?"+list+"&prefix=pfx/", "").oneOf(t, "list of the prefix that is allowed", 200)
			for _, q := range []string{"", "&prefix=", "&prefix=p", "&prefix=pfx", "&prefix=Pfx/", "&prefix=/pfx/", "&delimiter=/", "&prefix=other&prefix=pfx/", "&Prefix=pfx/", "&prefix=o", "&start-after=pfx/&prefix=", "&marker=pfx/"} {
				a := w.s3(t, w.bFull, "GET", "/a-pol?"+list+q, "")
				a.oneOf(t, "GET ?"+list+q+" by B", 400, 403)
				a.lacks(t, "GET ?"+list+q+" by B", "<Key>other</Key>")
			}
			// Of two, the first is both what is asked about and what is listed.
			a := w.s3(t, w.bFull, "GET", "/a-pol?"+list+"&prefix=pfx/&prefix=other", "")
			a.lacks(t, "list with two prefixes", "<Key>other</Key>")
		}
		w.s3(t, w.full, "DELETE", "/a-pol?policy", "").oneOf(t, "DELETE ?policy", 204)
	})
}
