package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffer"
	"coffer/api"
)

// TEN-15 is in TestOutwardCalls, TEN-20 in TestQuotas, and of TEN-09 what is set on a
// bucket in TestConfigurations. Of TEN-17 there are no sessions to be tried.
var tenantRows = []row{
	{"TEN-01", "a copy needs the right to read its source", copySource},
	{"TEN-03", "a copy source is read once and in one way", copySourceForms},
	{"TEN-04", "an upload belongs to its account bucket and key", foreignUpload},
	{"TEN-05", "a list of uploads shows the own ones", listUploads},
	{"TEN-07", "preconditions tell strangers nothing", preconditions},
	{"TEN-08", "tokens and markers of another account open nothing", foreignTokens},
	{"TEN-09", "nothing carries over to a new owner of a bucket's name", squatting},
	{"TEN-11", "internal headers of clients have no effect", internalHeaders},
	{"TEN-12", "metadata named like internals is plain metadata", internalMetadata},
	{"TEN-13", "every call of the API refuses another account's handles", foreignHandles},
	{"TEN-13", "every call of the API refuses who does not say who they are", unsignedCalls},
	{"TEN-13", "every operation on another account's bucket is refused", foreignBucket},
	{"TEN-16", "the path that is checked is the path that is used", pathTricks},
	{"TEN-17", "a bucket belongs to the account of the key that made it", bucketOwner},
	{"TEN-19", "an upload that was aborted takes no part", abortedUpload},
	{"TEN-21", "no port tells or does anything without credentials", openPorts},
}

func TestTenants(t *testing.T) {
	t.Parallel()
	attack(t, newWorld(t), tenantRows)
}

func copySource(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-priv/copy", "", "X-Amz-Copy-Source", "/b-priv/secret").oneOf(t, "copy from B", 403)
		w.s3(t, w.bFull, "PUT", "/a-priv/copy", "", "X-Amz-Copy-Source", "/b-priv/secret").oneOf(t, "B copies into A", 403)
		for _, from := range []string{"/a-priv/other", "/a-priv/pfx/x", "/b-priv/secret"} {
			w.s3(t, w.rw, "PUT", "/a-priv/rw/copy", "", "X-Amz-Copy-Source", from).oneOf(t, "copy of "+from+" by a key of rw/", 403)
		}
		w.s3(t, w.up, "PUT", "/a-priv/up/copy", "", "X-Amz-Copy-Source", "/a-priv/up/x").oneOf(t, "copy by a key that only writes", 403)
		w.s3(t, w.ro, "PUT", "/a-priv/pfx/copy", "", "X-Amz-Copy-Source", "/a-priv/pfx/x").oneOf(t, "copy by a key that only reads", 403)
		id := w.upload(t, w.rw, "/a-priv/rw/mp")
		q := "/a-priv/rw/mp?partNumber=1&uploadId=" + url.QueryEscape(id)
		for _, from := range []string{"/a-priv/other", "/b-priv/secret"} {
			w.s3(t, w.rw, "PUT", q, "", "X-Amz-Copy-Source", from).oneOf(t, "UploadPartCopy of "+from, 403)
		}
		w.s3(t, w.rw, "DELETE", "/a-priv/rw/mp?uploadId="+url.QueryEscape(id), "").oneOf(t, "abort", 204)
		link := w.link(t, w.rw, "PUT", "/a-priv/rw/copy")
		for _, from := range []string{"/a-priv/other", "/b-priv/secret"} {
			w.do(t, request(t, link, "PUT", "", "", "X-Amz-Copy-Source", from)).oneOf(t, "a URL to PUT with a copy source", 403)
		}
	})
}

func copySourceForms(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, from := range []string{"a-priv/../b-priv/secret", "a-priv/%2e%2e/b-priv/secret", "a-priv/%252e%252e/b-priv/secret", "a-priv/..%2Fb-priv%2Fsecret",
			"a-priv/x%3FversionId=../..", "", "/", "//", "b-priv", "/b-priv/", "b-priv%2Fsecret", "/b-priv%2Fsecret", "//b-priv/secret",
			"https://localhost/b-priv/secret", w.server.Endpoint + "/b-priv/secret", "arn:aws:s3:::b-priv/secret", "a-priv/other?versionId=../../b-priv/secret",
			"a-priv\\..\\b-priv\\secret", "b-priv/secret%00", "a-priv/%zz", "a-priv/%ff", "?versionId=1", strings.Repeat("a/", 3000)} {
			a := w.s3(t, w.full, "PUT", "/a-priv/copy", "", "X-Amz-Copy-Source", from)
			if from == "" && a.status == 200 {
				t.Errorf("an empty copy source = 200, want 400: it is neither a copy nor an upload")
				w.s3(t, w.full, "DELETE", "/a-priv/copy", "")
				continue
			}
			a.oneOf(t, fmt.Sprintf("copy of %.60q", from), 400, 403, 404, 501)
			a.lacks(t, fmt.Sprintf("copy of %.60q", from), bSecret)
		}
	})
}

func foreignUpload(t *testing.T, w *world) {
	own := w.upload(t, w.full, "/a-priv/mp")
	complete := `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>`
	w.unchanged(t, func() {
		for _, c := range []struct {
			who      pair
			path, id string
		}{
			{w.full, "/a-priv/k", w.bUpload}, {w.full, "/a-priv/mp", w.bUpload}, {w.full, "/b-priv/mp", w.bUpload}, {w.full, "/b-priv/mp", own},
			{w.full, "/a-priv/k", own}, {w.full, "/a-priv/mp/", own}, {w.full, "/a-priv//mp", own}, {w.bFull, "/b-priv/mp", own}, {w.bFull, "/b-priv/k", w.bUpload},
			{w.rw, "/a-priv/rw/k", own}, {w.rw, "/a-priv/mp", own}, {w.ro, "/a-priv/mp", own}, {nobody, "/a-priv/mp", own},
			{w.full, "/a-priv/mp", ""}, {w.full, "/a-priv/mp", "../../x"}, {w.full, "/a-priv/mp", strings.Repeat("A", 4000)}, {w.full, "/a-priv/mp", "\x00"},
		} {
			q := c.path + "?uploadId=" + url.QueryEscape(c.id)
			call := fmt.Sprintf("%s with %.20q by %s", c.path, c.id, c.who.id)
			w.s3(t, c.who, "PUT", q+"&partNumber=1", "evil").refused(t, "UploadPart "+call)
			w.s3(t, c.who, "PUT", q+"&partNumber=1", "", "X-Amz-Copy-Source", "/a-priv/other").refused(t, "UploadPartCopy "+call)
			w.s3(t, c.who, "GET", q, "").refused(t, "ListParts "+call)
			w.s3(t, c.who, "POST", q, complete).refused(t, "CompleteMultipartUpload "+call)
			w.s3(t, c.who, "DELETE", q, "").refused(t, "AbortMultipartUpload "+call)
		}
	})
	w.s3(t, w.full, "DELETE", "/a-priv/mp?uploadId="+url.QueryEscape(own), "").oneOf(t, "abort of the own upload", 204)
	// B's upload is as good as before.
	q := "/b-priv/mp?uploadId=" + url.QueryEscape(w.bUpload)
	etag := w.s3(t, w.bFull, "PUT", q+"&partNumber=1", bSecret).header.Get("Etag")
	a := w.s3(t, w.bFull, "POST", q, strings.ReplaceAll(complete, `"x"`, etag))
	a.oneOf(t, "CompleteMultipartUpload by B", 200)
	if a := w.s3(t, w.bFull, "GET", "/b-priv/mp", ""); a.body != bSecret {
		t.Errorf("GET of B's upload = %d %.60q, want %q", a.status, a.body, bSecret)
	}
	w.bUpload = w.upload(t, w.bFull, "/b-priv/mp")
}

func listUploads(t *testing.T, w *world) {
	own := w.upload(t, w.full, "/a-priv/outside")
	w.unchanged(t, func() {
		a := w.s3(t, w.full, "GET", "/a-priv?uploads", "")
		a.oneOf(t, "list of the own uploads", 200)
		a.lacks(t, "list of the own uploads", w.bUpload, "b-priv")
		w.s3(t, w.full, "GET", "/b-priv?uploads", "").oneOf(t, "list of B's uploads", 403)
		for _, q := range []string{"", "&prefix=", "&prefix=out", "&prefix=rw", "&prefix=outside", "&key-marker=a&upload-id-marker=" + url.QueryEscape(w.bUpload)} {
			a := w.s3(t, w.rw, "GET", "/a-priv?uploads"+q, "")
			a.oneOf(t, "list of uploads by a key of rw/"+q, 400, 403)
			a.lacks(t, "list of uploads by a key of rw/"+q, own)
		}
		a = w.s3(t, w.full, "GET", "/a-priv?uploads&key-marker=a&upload-id-marker="+url.QueryEscape(w.bUpload), "")
		a.oneOf(t, "list from B's upload on", 200, 400)
	})
	w.s3(t, w.full, "DELETE", "/a-priv/outside?uploadId="+url.QueryEscape(own), "").oneOf(t, "abort", 204)
}

func preconditions(t *testing.T, w *world) {
	etag := w.s3(t, w.full, "HEAD", "/a-priv/other", "").header.Get("Etag")
	w.unchanged(t, func() {
		for _, who := range []pair{nobody, w.bFull, w.up, w.none} {
			for _, h := range [][]string{nil, {"If-None-Match", etag}, {"If-None-Match", "*"}, {"If-Match", etag}, {"If-Match", `"x"`},
				{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, {"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Range", "bytes=0-0"}, {"Range", "bytes=99999-"}} {
				for _, method := range []string{"GET", "HEAD"} {
					a := w.s3(t, who, method, "/a-priv/other", "", h...)
					call := fmt.Sprint(method, " with ", h, " by ", who.id)
					a.oneOf(t, call, 403)
					if a.header.Get("Etag")+a.header.Get("Last-Modified")+a.header.Get("X-Amz-Version-Id")+a.header.Get("Content-Range") != "" {
						t.Errorf("%s tells of the object: %v", call, a.header)
					}
					none := w.s3(t, who, method, "/a-priv/nosuchkey", "", h...)
					none.oneOf(t, call+" of a key that is not there", 403)
				}
			}
			w.s3(t, who, "DELETE", "/a-priv/other", "", "If-Match", `"x"`).oneOf(t, "DELETE by "+who.id, 403)
			w.s3(t, who, "PUT", "/a-priv/other", "evil", "If-None-Match", "*").oneOf(t, "PUT by "+who.id, 403)
		}
	})
}

func foreignTokens(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, key := range []string{"t/1", "t/2"} {
			w.s3(t, w.bFull, "PUT", "/b-priv/"+key, "x").oneOf(t, "PUT", 200)
		}
		page := w.s3(t, w.bFull, "GET", "/b-priv?list-type=2&max-keys=1", "")
		_, rest, _ := strings.Cut(page.body, "<NextContinuationToken>")
		token, _, ok := strings.Cut(rest, "<")
		if !ok {
			t.Errorf("a list of one key has no token: %s", page.body)
		}
		tokens := []string{token, "../", "../b-priv/secret", base64.StdEncoding.EncodeToString([]byte("b-priv/secret")), "\x00", strings.Repeat("A", 3000),
			"AAAA", "/", base64.RawURLEncoding.EncodeToString([]byte("../b-priv/"))}
		for _, token := range tokens {
			for _, p := range []string{"list-type=2&continuation-token=", "list-type=2&start-after=", "marker=", "versions&key-marker=", "uploads&key-marker="} {
				a := w.s3(t, w.full, "GET", "/a-priv?"+p+url.QueryEscape(token), "")
				call := fmt.Sprintf("GET /a-priv?%s%.30q", p, token)
				a.oneOf(t, call, 200, 400)
				a.lacks(t, call, "<Key>secret</Key>", "<Key>t/1", "<Key>t/2", w.bUpload)
			}
			a := w.s3(t, w.full, "GET", "/a-priv/other?versionId="+url.QueryEscape(token), "")
			a.oneOf(t, fmt.Sprintf("GET versionId %.30q", token), 400, 404)
		}
		for _, key := range []string{"t/1", "t/2"} {
			w.s3(t, w.bFull, "DELETE", "/b-priv/"+key, "").oneOf(t, "DELETE", 204)
		}
	})
}

func squatting(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/squat", "").oneOf(t, "CreateBucket by A", 200)
		w.s3(t, w.full, "PUT", "/squat/x", "of A").oneOf(t, "PUT by A", 200)
		upload := w.upload(t, w.full, "/squat/mp")
		scoped := w.newKey(t, api.CreateKeyInput{Name: "squat", Scope: &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetFull, Buckets: []string{"squat"}}}}})
		links := map[string]string{}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			links[method] = w.link(t, w.full, method, "/squat/x")
		}
		w.s3(t, w.full, "DELETE", "/squat/mp?uploadId="+url.QueryEscape(upload), "").oneOf(t, "abort by A", 204)
		w.s3(t, w.full, "DELETE", "/squat/x", "").oneOf(t, "DELETE by A", 204)
		w.s3(t, w.full, "DELETE", "/squat", "").oneOf(t, "DeleteBucket by A", 204)
		a := w.s3(t, w.bFull, "PUT", "/squat", "")
		a.oneOf(t, "CreateBucket by B", 200, 409)
		if a.status == 200 {
			w.s3(t, w.bFull, "PUT", "/squat/x", "of B").oneOf(t, "PUT by B", 200)
			for method, link := range links {
				a := w.follow(t, method, link, "")
				a.oneOf(t, "A's old URL to "+method, 403)
				a.lacks(t, "A's old URL to "+method, "of B")
			}
			for _, who := range []pair{w.full, scoped} {
				w.s3(t, who, "GET", "/squat/x", "").oneOf(t, "GET by A", 403)
				w.s3(t, who, "GET", "/squat", "").oneOf(t, "list by A", 403)
				w.s3(t, who, "POST", "/squat/mp?uploadId="+url.QueryEscape(upload), "").refused(t, "complete by A")
			}
			a := w.s3(t, w.bFull, "GET", "/squat?list-type=2", "")
			a.lacks(t, "list by B", string(w.a.CanonicalID))
			w.s3(t, w.bFull, "DELETE", "/squat/x", "").oneOf(t, "DELETE by B", 204)
			w.s3(t, w.bFull, "DELETE", "/squat", "").oneOf(t, "DeleteBucket by B", 204)
		}
		w.drop(t, scoped)
	})
}

// internal are header names that servers use, or used, between their own parts.
var internal = []string{"X-Coffer-Account", "X-Coffer-Operator", "X-Coffer-Member", "X-Coffer-Role", "X-Coffer-Key", "X-Coffer-Size", "X-Coffer-Etag",
	"X-Coffer-Request-Id", "X-Minio-Internal-Actual-Size", "X-Minio-Source-Etag", "X-Minio-Replication-Server-Side-Encryption-Sealed-Key", "X-Minio-Force-Delete",
	"X-Rustfs-Internal-Size", "X-Seaweedfs-Principal", "X-Seaweedfs-Header-Directory-Key", "X-Forwarded-User", "X-Remote-User", "X-Original-Url", "X-Rewrite-Url"}

func internalHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range internal {
			for _, value := range []string{string(w.b.ID), "/b-priv/secret", "true"} {
				a := w.s3(t, w.full, "PUT", "/a-priv/internal", "hello", name, value)
				a.oneOf(t, "PUT with "+name, 200, 400)
				if got := w.s3(t, w.full, "GET", "/a-priv/internal", "", name, value); a.status == 200 && got.body != "hello" {
					t.Errorf("GET after a PUT with %s: %s = %d %.60q, want hello", name, value, got.status, got.body)
				}
				w.s3(t, w.full, "GET", "/b-priv/secret", "", name, value).oneOf(t, "GET of B's with "+name, 403)
				w.s3(t, nobody, "GET", "/a-priv/other", "", name, value).oneOf(t, "anonymous GET with "+name, 403)
				w.api(t, nobody, "GET", "/v1/keys", "", name, value).oneOf(t, "unsigned GET /v1/keys with "+name, 401)
			}
		}
		// What AWS keeps for itself may be refused, but has no effect.
		for _, name := range []string{"X-Amz-Meta-X-Amz-Key", "X-Amz-Replication-Status", "X-Amz-Server-Side-Encryption-Sealed-Key", "X-Amz-Unencrypted-Content-Length"} {
			a := w.s3(t, w.full, "PUT", "/a-priv/internal", "hello", name, "1")
			a.oneOf(t, "PUT with "+name, 200, 400, 501)
			if got := w.s3(t, w.full, "GET", "/a-priv/internal", ""); got.body != "hello" {
				t.Errorf("GET after a PUT with %s = %d %.60q, want hello", name, got.status, got.body)
			}
		}
		w.s3(t, w.full, "DELETE", "/a-priv/internal", "").oneOf(t, "DELETE", 204)
	})
}

func internalMetadata(t *testing.T, w *world) {
	w.unchanged(t, func() {
		meta := map[string]string{"x-internal-size": "1", "x-amz-acl": "public-read", "etag": "evil", "content-length": "1", "content-type": "text/html",
			"coffer-account": string(w.b.ID), "x-minio-internal-actual-size": "1", "version": "2", "size": "0", "sha256": "0"}
		var headers []string
		for name, value := range meta {
			headers = append(headers, "X-Amz-Meta-"+name, value)
		}
		w.s3(t, w.full, "PUT", "/a-priv/meta", "hello", headers...).oneOf(t, "PUT", 200)
		a := w.s3(t, w.full, "GET", "/a-priv/meta", "")
		if a.body != "hello" || a.header.Get("Content-Type") == "text/html" || a.header.Get("Etag") == "evil" || a.header.Get("Content-Length") != "5" {
			t.Errorf("GET = %q with %v, want hello as it was stored", a.body, a.header)
		}
		for name, value := range meta {
			if got := a.header.Get("X-Amz-Meta-" + name); got != value {
				t.Errorf("the metadata %s = %q, want %q", name, got, value)
			}
		}
		w.s3(t, nobody, "GET", "/a-priv/meta", "").oneOf(t, "anonymous GET", 403)
		w.s3(t, w.full, "DELETE", "/a-priv/meta", "").oneOf(t, "DELETE", 204)
	})
}

// apiCall is one call of the server's OpenAPI document.
type apiCall struct{ method, path string }

// apiCalls are all of them, without those that anyone may make.
func (w *world) apiCalls(t *testing.T) []apiCall {
	t.Helper()
	a := w.api(t, nobody, "GET", "/v1/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("read the OpenAPI document: %v", err)
	}
	var calls []apiCall
	for path, methods := range doc.Paths {
		for method := range methods {
			if m := strings.ToUpper(method); path != "/v1/openapi.json" && strings.Contains(" GET POST PUT PATCH DELETE ", " "+m+" ") {
				calls = append(calls, apiCall{m, path})
			}
		}
	}
	if len(calls) < 30 {
		t.Fatalf("the OpenAPI document has %d calls, want all of them", len(calls))
	}
	return calls
}

// apiBodies fit one call or another; those that fit none are refused as well.
func (w *world) apiBodies() []string {
	return []string{`{}`, `{"name":"x"}`, `{"scope":null}`, `{"minutes":1}`, `{"role":"owner"}`, `{"even_if_in_use":true}`, `{"factors":true}`,
		`{"account":"` + string(w.b.ID) + `"}`, `{"account":"` + string(w.b.ID) + `","role":"owner"}`, `{"email":"x@x.example"}`}
}

func foreignHandles(t *testing.T, w *world) {
	members, err := w.socket.ListMembers(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	link, err := w.socket.Invite(t.Context(), api.InviteInput{Account: string(w.b.ID), Role: coffer.RoleMember})
	if err != nil {
		t.Fatal(err)
	}
	member := "mem_nobody"
	for _, m := range members {
		member = string(m.ID) // keys manage no members, not even their own account's
	}
	own := map[string]bool{"/v1/instance": true, "/v1/keys/self:revoke": true, "/v1/accounts GET": true}
	tried := 0
	w.unchanged(t, func() {
		for _, c := range w.apiCalls(t) {
			if own[c.path] || own[c.path+" "+c.method] {
				continue
			}
			for _, key := range []string{string(w.ids[w.bFull]), w.bFull.id} {
				path := strings.NewReplacer("{key}", key, "{member}", member, "{invitation}", string(link.ID)).Replace(c.path)
				for _, q := range []string{"", "?account=" + string(w.b.ID), "?account=" + w.b.Email} {
					if q == "" && !strings.Contains(c.path, "{") {
						continue // about the caller's own
					}
					for _, body := range w.apiBodies() {
						a := w.api(t, w.full, c.method, path+q, body)
						a.refused(t, c.method+" "+path+q+" "+body)
						a.lacks(t, c.method+" "+path+q, w.b.Name, string(w.b.CanonicalID))
						if tried++; c.method == "GET" || c.method == "DELETE" {
							break
						}
					}
				}
			}
		}
		for _, c := range []string{"/v1/instance:reclaim", "/v1/accounts"} {
			w.api(t, w.full, "POST", c, `{"email":"x@x.example"}`).oneOf(t, "POST "+c+" by a key", 403)
		}
		for _, path := range []string{"/v1/accounts", "/v1/keys", "/v1/keys?deleted=true", "/v1/members", "/v1/audit", "/v1/invitations"} {
			w.api(t, w.full, "GET", path, "").lacks(t, "GET "+path, string(w.b.ID), w.b.Email, w.bFull.id)
		}
	})
	if tried < 100 {
		t.Errorf("%d calls were tried, want each with each handle", tried)
	}
	if err := w.socket.RevokeInvitation(t.Context(), string(w.b.ID), string(link.ID)); err != nil {
		t.Error(err)
	}
}

func unsignedCalls(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, c := range w.apiCalls(t) {
			path := strings.NewReplacer("{key}", w.full.id, "{member}", rootEmail, "{invitation}", "x").Replace(c.path)
			for _, who := range []pair{nobody, {w.full.id, "wrong"}, {"NOSUCHKEY00000000000", "x"}, w.paused} {
				w.api(t, who, c.method, path, `{}`).oneOf(t, c.method+" "+path+" by "+who.id, 401, 403)
			}
			// A signature for objects only, and a URL, are none for the API.
			r := request(t, w.console, c.method, path, "")
			u, err := url.Parse(w.link(t, w.full, c.method, path))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.RawQuery = u.RawQuery
			w.do(t, r).oneOf(t, c.method+" "+path+" by a signed URL", 400, 401, 403)
			w.api(t, nobody, c.method, path, `{}`, "Cookie", "__Host-coffer_session=mem_x.y; coffer_session=mem_x.y").oneOf(t, c.method+" "+path+" with a made-up cookie", 401, 403)
		}
	})
}

func foreignBucket(t *testing.T, w *world) {
	subs := []string{"", "acl", "policy", "policyStatus", "cors", "tagging", "versioning", "lifecycle", "encryption", "object-lock", "ownershipControls",
		"publicAccessBlock", "notification", "logging", "website", "requestPayment", "accelerate", "replication", "uploads", "versions", "location", "list-type=2",
		"inventory", "analytics", "metrics", "intelligent-tiering", "delete", "attributes", "retention", "legal-hold", "torrent", "restore", "select"}
	w.unchanged(t, func() {
		for _, who := range []pair{w.full, w.ro, w.rw, nobody} {
			for _, sub := range subs {
				for _, path := range []string{"/b-priv", "/b-priv/secret"} {
					for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
						a := w.s3(t, who, method, path+"?"+sub, "", "X-Amz-Object-Attributes", "ETag")
						call := method + " " + path + "?" + sub + " by " + who.id
						// Nobody else's CreateBucket says that the name is taken.
						if method == "PUT" && path == "/b-priv" && a.status == 409 {
							a.lacks(t, call, bSecret, string(w.b.CanonicalID))
							continue
						}
						a.oneOf(t, call, 400, 403, 404, 405, 411, 412, 501)
						a.lacks(t, call, bSecret, string(w.b.CanonicalID), w.bUpload)
					}
				}
			}
		}
		a := w.s3(t, w.full, "GET", "/", "")
		a.lacks(t, "ListBuckets", "b-priv")
	})
}

func pathTricks(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, path := range []string{"/a-priv/../b-priv/secret", "/a-priv/%2e%2e/b-priv/secret", "/a-priv/%252e%252e/b-priv/secret", "/a-priv%2F..%2Fb-priv/secret",
			"/a-priv%2F..%2Fb-priv%2Fsecret", "//b-priv/secret", "/./b-priv/secret", "/%2e/b-priv/secret", "/a-priv/..%2f..%2fb-priv%2fsecret", "/a-priv/..;/b-priv/secret",
			"/b-priv%2Fsecret", "/a-priv//../b-priv/secret", "/a-priv/%5c..%5cb-priv%5csecret", "/b-priv/secret%00", "/a-priv/%00/../b-priv/secret", "/a-priv/.%2e/b-priv/secret"} {
			for _, who := range []pair{w.full, w.ro, w.rw, nobody} {
				for _, method := range []string{"GET", "HEAD", "DELETE"} {
					a := w.s3(t, who, method, path, "")
					// Deleting a key that is not there is no failure in S3, within the own bucket.
					if method == "DELETE" && who == w.full && a.status == 204 && strings.HasPrefix(path, "/a-priv/") {
						continue
					}
					a.refused(t, method+" "+path+" by "+who.id)
					a.lacks(t, method+" "+path, bSecret)
				}
			}
		}
		// A key scoped to a folder stays in it.
		for _, path := range []string{"/a-priv/pfx/../other", "/a-priv/pfx/%2e%2e/other", "/a-priv/pfx%2F..%2Fother", "/a-priv/pfx/..%2Fother", "/a-priv//pfx/x", "/a-priv/./pfx/x"} {
			a := w.s3(t, w.ro, "GET", path, "")
			a.refused(t, "GET "+path)
			if a.body == "other" {
				t.Errorf("GET %s shows the object other", path)
			}
		}
	})
}

func bucketOwner(t *testing.T, w *world) {
	w.unchanged(t, func() {
		maker := w.newKey(t, api.CreateKeyInput{Account: string(w.b.ID), Name: "maker"})
		w.s3(t, maker, "PUT", "/made-by-b", "").oneOf(t, "CreateBucket by B", 200)
		a := w.s3(t, w.bFull, "GET", "/", "")
		if !strings.Contains(a.body, "made-by-b") || !strings.Contains(a.body, string(w.b.CanonicalID)) {
			t.Errorf("ListBuckets by B = %s, want made-by-b and the owner %s", a.body, w.b.CanonicalID)
		}
		a.lacks(t, "ListBuckets by B", "a-priv", string(w.a.CanonicalID))
		w.s3(t, w.full, "GET", "/", "").lacks(t, "ListBuckets by A", "made-by-b", string(w.b.CanonicalID))
		w.s3(t, w.full, "DELETE", "/made-by-b", "").oneOf(t, "DeleteBucket by A", 403)
		w.s3(t, maker, "DELETE", "/made-by-b", "").oneOf(t, "DeleteBucket by B", 204)
		w.drop(t, maker)
	})
}

func abortedUpload(t *testing.T, w *world) {
	w.unchanged(t, func() {
		id := w.upload(t, w.full, "/a-priv/gone")
		q := "/a-priv/gone?uploadId=" + url.QueryEscape(id)
		etag := w.s3(t, w.full, "PUT", q+"&partNumber=1", "part").header.Get("Etag")
		w.s3(t, w.full, "DELETE", q, "").oneOf(t, "abort", 204)
		w.s3(t, w.full, "PUT", q+"&partNumber=1", "part").oneOf(t, "UploadPart after abort", 404)
		w.s3(t, w.full, "PUT", q+"&partNumber=1", "", "X-Amz-Copy-Source", "/a-priv/other").oneOf(t, "UploadPartCopy after abort", 404)
		w.s3(t, w.full, "GET", q, "").oneOf(t, "ListParts after abort", 404)
		w.s3(t, w.full, "POST", q, `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>`+etag+`</ETag></Part></CompleteMultipartUpload>`).
			oneOf(t, "complete after abort", 404)
		w.s3(t, w.full, "GET", "/a-priv/gone", "").oneOf(t, "GET", 404)
	})
}

func openPorts(t *testing.T, w *world) {
	w.unchanged(t, func() {
		paths := []string{"/", "/metrics", "/-/live", "/-/ready", "/debug/pprof/", "/debug/vars", "/debug/pprof/heap", "/v1/keys", "/v1/accounts", "/v1/members",
			"/config", "/admin", "/minio/admin/v3/info", "/.env", "/.git/config", "/a-priv/other", "/../../etc/passwd", "/api/keys"}
		for _, base := range []string{w.server.Endpoint, w.console, w.server.Admin} {
			for _, path := range paths {
				a := w.do(t, request(t, base, "GET", path, ""))
				call := "GET " + base + path + " without credentials"
				a.lacks(t, call, append(w.secrets(), w.full.id, w.bFull.id, w.a.Email, w.b.Email, bSecret, w.server.Data, "goroutine ", "root:x:")...)
				if a.status == 200 && (base != w.server.Admin || !strings.HasPrefix(path, "/-/") && path != "/metrics") {
					t.Errorf("%s = 200 %.100q, want a refusal", call, a.body)
				}
			}
			w.do(t, request(t, base, "TRACE", "/", "")).oneOf(t, "TRACE "+base, 400, 403, 404, 405, 501)
		}
		info, err := os.Stat(filepath.Join(w.server.Data, "admin.sock"))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("the socket for operators has the mode %v, %v: want it closed to others", info.Mode(), err)
		}
		if host, _, err := net.SplitHostPort(strings.TrimPrefix(w.server.Admin, "http://")); err != nil || host != "127.0.0.1" {
			t.Errorf("the address of health and metrics is %s, %v: want the loopback", w.server.Admin, err)
		}
	})
}
