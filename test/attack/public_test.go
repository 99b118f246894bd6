package attack

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// What strangers may do in buckets that are open to them is what a policy says,
// and nothing beside it.
var publicRows = []row{
	{"RSP-01", "strangers override no header of what they may read", publicOverrides},
	{"KEY-13", "who may list may not see versions", publicListing},
	{"TEN-07", "who may list learns nothing of what only others may read", listedPreconditions},
	{"CHK-13", "strangers that may write stream nothing that is signed by nobody", publicStreams},
	{"PUB-01", "who may write may set nothing beside the bytes", publicWrites},
	{"PUB-02", "who may read may change nothing", publicReads},
	{"PUB-03", "a form of nobody may do what a write of nobody may", publicForms},
	{"PUB-04", "the public access block counts before the policy", publicBlock},
	{"PUB-05", "a bad credential is not nobody", publicBadCredentials},
}

func TestPublicBuckets(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	for bucket, statement := range map[string]string{
		"a-pub":  `"Action":"s3:GetObject","Resource":"arn:aws:s3:::a-pub/*"`,
		"a-list": `"Action":"s3:ListBucket","Resource":"arn:aws:s3:::a-list"`,
		"a-drop": `"Action":"s3:PutObject","Resource":"arn:aws:s3:::a-drop/*"`,
	} {
		w.s3(t, w.full, "PUT", "/"+bucket, "").oneOf(t, "PUT /"+bucket, 200)
		w.s3(t, w.full, "DELETE", "/"+bucket+"?publicAccessBlock", "").oneOf(t, "open "+bucket, 204)
		w.policy(t, bucket, `"Effect":"Allow","Principal":"*",`+statement)
		w.s3(t, w.full, "PUT", "/"+bucket+"/x", "bytes of "+bucket).oneOf(t, "PUT", 200)
	}
	w.versions(t, "a-list")
	attack(t, w, publicRows)
}

// policy sets the policy of a bucket of A to statements.
func (w *world) policy(t *testing.T, bucket string, statements ...string) {
	t.Helper()
	text := `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + `}]}`
	w.s3(t, w.full, "PUT", "/"+bucket+"?policy", text).oneOf(t, "PutBucketPolicy "+text, 200, 204)
}

// versions turns versioning on in a bucket of A.
func (w *world) versions(t *testing.T, bucket string) {
	t.Helper()
	w.document(t, "PUT", "/"+bucket+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>").
		oneOf(t, "PutBucketVersioning", 200)
}

func publicOverrides(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range overrides {
			for _, query := range []string{"response-" + name + "=text/html", "response-" + name, "response-" + strings.ReplaceAll(name, "-", "%2D") + "=text%2Fhtml",
				"%72esponse-" + name + "=text/html", "a=b&response-" + name + "=x&response-" + name + "=text/html"} {
				a := w.s3(t, nobody, "GET", "/a-pub/x?"+query, "")
				a.is(t, "GET of a public object with "+query, 400, "InvalidRequest")
				if !strings.Contains(a.body, "cannot be used for anonymous GET requests") {
					t.Errorf("GET with %s = %s, want why", query, a.body)
				}
				w.s3(t, nobody, "HEAD", "/a-pub/x?"+query, "").oneOf(t, "HEAD of a public object with "+query, 400)
			}
		}
		if a := w.s3(t, nobody, "GET", "/a-pub/x", ""); a.status != 200 || a.body != "bytes of a-pub" {
			t.Errorf("GET of a public object = %d %q, want its bytes", a.status, a.body)
		}
	})
}

func publicListing(t *testing.T, w *world) {
	id := w.s3(t, w.full, "PUT", "/a-list/versioned", "one").header.Get("X-Amz-Version-Id")
	w.unchanged(t, func() {
		w.s3(t, nobody, "GET", "/a-list?list-type=2", "").oneOf(t, "ListObjectsV2 by a stranger", 200)
		for _, path := range []string{"/a-list?versions", "/a-list?versions&prefix=versioned", "/a-list?versions=&list-type=2", "/a-list?uploads", "/a-list?policy", "/a-list?acl", "/a-list?location",
			"/a-list?policyStatus", "/a-list?versioning", "/a-list?lifecycle", "/a-list/versioned", "/a-list/versioned?versionId=" + id, "/a-list/versioned?versionId=null", "/a-list/versioned?attributes",
			"/a-list/versioned?tagging", "/a-list/versioned?acl", "/a-list/versioned?partNumber=1"} {
			a := w.s3(t, nobody, "GET", path, "", "X-Amz-Object-Attributes", "ETag")
			a.oneOf(t, "GET "+path+" by a stranger", 400, 403, 405)
			a.lacks(t, "GET "+path+" by a stranger", id)
		}
	})
}

func listedPreconditions(t *testing.T, w *world) {
	etag := w.s3(t, w.full, "HEAD", "/a-list/x", "").header.Get("Etag")
	w.unchanged(t, func() {
		for _, h := range [][]string{{"If-None-Match", etag}, {"If-None-Match", "*"}, {"If-Match", etag}, {"If-Match", `"x"`}, {"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"},
			{"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Range", "bytes=999999-"}, {"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"}} {
			for _, method := range []string{"GET", "HEAD"} {
				a := w.s3(t, nobody, method, "/a-list/x", "", h...)
				a.oneOf(t, fmt.Sprint(method, " by a stranger with ", h), 400, 403)
				if a.header.Get("Etag")+a.header.Get("Last-Modified")+a.header.Get("X-Amz-Version-Id") != "" {
					t.Errorf("%s by a stranger with %v tells of the object: %v", method, h, a.header)
				}
			}
		}
	})
}

func publicStreams(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			s := stream(w, kind, "evil")
			s.who, s.path = nobody, "/a-drop/stream"
			a := w.exchange(t, "PUT", s.text(w))
			if kind == unsignedStream && a.status == 200 {
				// Nobody signed it, and nobody says they did: the trailer's checksum is checked.
				s.trailer = crc("another")
				w.exchange(t, "PUT", s.text(w)).is(t, "a stream of nobody with a wrong trailer", 400, "BadDigest")
				if got := w.s3(t, w.full, "GET", "/a-drop/stream", ""); got.body != "evil" {
					t.Errorf("GET of a stream of nobody = %d %q, want the payload without framing", got.status, got.body)
				}
				w.s3(t, w.full, "DELETE", "/a-drop/stream", "").oneOf(t, "DELETE", 204)
				continue
			}
			a.oneOf(t, "PUT of "+kind+" without credentials", 400, 403)
		}
		for _, hash := range []string{sum("another"), strings.ToUpper(sum("evil")), "nonsense", "STREAMING-", sum("evil")[1:]} {
			f := forged{method: "PUT", path: "/a-drop/wrong", body: "evil", hash: hash}
			w.forge(t, f).oneOf(t, "PUT without credentials and the hash "+hash, 400)
		}
		w.s3(t, nobody, "PUT", "/a-drop/wrong", "evil", "Content-Md5", "AAAAAAAAAAAAAAAAAAAAAA==").oneOf(t, "PUT with a wrong MD5", 400)
		w.s3(t, nobody, "PUT", "/a-drop/wrong", "evil", "X-Amz-Checksum-Crc32", crc("another")).oneOf(t, "PUT with a wrong checksum", 400)
	})
}

func publicWrites(t *testing.T, w *world) {
	etag := w.s3(t, w.full, "HEAD", "/a-drop/x", "").header.Get("Etag")
	w.unchanged(t, func() {
		for _, h := range [][]string{{"X-Amz-Acl", "public-read"}, {"X-Amz-Grant-Read", "uri=http://acs.amazonaws.com/groups/global/AllUsers"}, {"X-Amz-Tagging", "a=b"},
			{"X-Amz-Object-Lock-Legal-Hold", "ON", "Content-Md5", "TPO3DRB3ORi5oSjpNp/0RA=="}, {"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", "2030-01-01T00:00:00Z"},
			{"X-Amz-Bypass-Governance-Retention", "true", "X-Amz-Tagging", "a=b"}, {"X-Amz-Copy-Source", "/a-drop/x"}, {"X-Amz-Copy-Source", "/b-priv/secret"}, {"X-Amz-Rename-Source", "/a-drop/x"}} {
			w.s3(t, nobody, "PUT", "/a-drop/set", "evil", h...).oneOf(t, fmt.Sprint("PUT by a stranger with ", h), 400, 403, 501)
		}
		for _, c := range [][2]string{{"GET", "/a-drop/x"}, {"HEAD", "/a-drop/x"}, {"DELETE", "/a-drop/x"}, {"GET", "/a-drop"}, {"PUT", "/a-drop/x?tagging"}, {"PUT", "/a-drop/x?acl"}, {"PUT", "/a-drop?policy"},
			{"DELETE", "/a-drop?policy"}, {"PUT", "/a-drop?acl"}, {"PUT", "/a-drop/x?retention"}, {"PUT", "/a-drop/x?legal-hold"}, {"POST", "/a-drop/x?restore"}, {"GET", "/a-drop?uploads"}, {"POST", "/a-drop?delete"},
			{"DELETE", "/a-drop"}, {"PUT", "/a-drop?versioning"}, {"PUT", "/made-by-nobody"}} {
			w.s3(t, nobody, c[0], c[1], "").oneOf(t, c[0]+" "+c[1]+" by a stranger", 400, 403)
		}
		// Conditions tell the writer whether something is there; what it is, they do not.
		for _, h := range [][]string{{"If-None-Match", "*"}, {"If-Match", etag}, {"If-Match", `"x"`}} {
			path := "/a-drop/x"
			if h[1] == etag {
				path = "/a-drop/not-there"
			}
			a := w.s3(t, nobody, "PUT", path, "evil", h...)
			a.oneOf(t, fmt.Sprint("PUT by a stranger with ", h), 403, 404, 412)
			a.lacks(t, fmt.Sprint("PUT by a stranger with ", h), etag, "<Size>", "Last-Modified")
		}
		// Who says that they replicate, and has not signed it, writes as anybody.
		w.s3(t, nobody, "PUT", "/a-drop/replica", "x", "X-Coffer-Replica", "true").oneOf(t, "PUT by a stranger who says to replicate", 200)
		if a := w.s3(t, w.full, "HEAD", "/a-drop/replica", ""); a.header.Get("X-Amz-Replication-Status") != "" {
			t.Errorf("what a stranger put has the replication status %q", a.header.Get("X-Amz-Replication-Status"))
		}
		w.s3(t, w.full, "DELETE", "/a-drop/replica", "").oneOf(t, "DELETE", 204)
	})
}

func publicReads(t *testing.T, w *world) {
	w.unchanged(t, func() {
		// Who may read and not list is not told of what is not there.
		for _, path := range []string{"/a-pub/none", "/a-pub/none?versionId=null", "/a-pub/x/", "/a-pub/none?tagging"} {
			w.s3(t, nobody, "GET", path, "").oneOf(t, "GET "+path+" by a stranger who may not list", 403)
		}
		before := w.configured(t, "a-pub", "x")
		for _, op := range operations(t) {
			if op.level == "Service" || op.anonymous || op.method == "GET" || op.method == "HEAD" {
				continue
			}
			method, path, query, body, lines := op.aimed(aim{bucket: "a-pub", key: "x", upload: w.bUpload, source: "/a-pub/x", newBucket: "a-pub", deletedBucket: "a-pub"})
			a := w.forge(t, forged{method: method, path: path, query: query, body: body, lines: lines})
			if op.name == "DeleteObjects" && a.status == 200 && strings.Contains(a.body, "<Code>AccessDenied</Code>") && !strings.Contains(a.body, "<Deleted>") {
				continue
			}
			a.oneOf(t, op.name+" of a public bucket by a stranger", 400, 403, 404, 405, 501)
		}
		if after := w.configured(t, "a-pub", "x"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
	})
}

func publicForms(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.form(t, "a-pub", fields{{"key", "form"}}, "x").oneOf(t, "a form of nobody to a bucket that is read", 403)
		w.form(t, "a-drop", fields{{"key", "form"}}, "x").oneOf(t, "a form of nobody to a bucket that is written", 204)
		w.s3(t, w.full, "DELETE", "/a-drop/form", "").oneOf(t, "DELETE", 204)
		for _, f := range []fields{{{"acl", "public-read"}}, {{"x-amz-acl", "public-read"}}, {{"tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"}},
			{{"x-amz-object-lock-mode", "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"}}, {{"acl", "private"}, {"x-amz-acl", "public-read"}},
			{{"policy", "x"}}, {{"x-amz-signature", sum("x")}}, {{"x-amz-credential", w.full.id}}, {{"x-amz-algorithm", "AWS4-HMAC-SHA256"}}, {{"x-amz-date", ago(0)}}, {{"AWSAccessKeyId", w.full.id}},
			{{"signature", "x"}}, {{"x-amz-security-token", "x"}}, {{"bucket", "a-priv"}}, {{"x-amz-grant-read", "id=x"}}} {
			f = append(fields{{"key", "form"}}, f...)
			a := w.form(t, "a-drop", f, "x")
			a.oneOf(t, fmt.Sprint("a form of nobody with ", f[1:]), 400, 403)
			if a.status == 204 {
				w.s3(t, w.full, "DELETE", "/a-drop/form", "").oneOf(t, "DELETE", 204)
			}
		}
	})
}

func publicBlock(t *testing.T, w *world) {
	w.unchanged(t, func() {
		block := func(setting string) {
			w.document(t, "PUT", "/a-pub?publicAccessBlock", "<PublicAccessBlockConfiguration><"+setting+">true</"+setting+"></PublicAccessBlockConfiguration>").oneOf(t, "PutPublicAccessBlock", 200)
		}
		block("RestrictPublicBuckets")
		w.s3(t, nobody, "GET", "/a-pub/x", "").oneOf(t, "GET by a stranger under RestrictPublicBuckets", 403)
		w.s3(t, w.bFull, "GET", "/a-pub/x", "").oneOf(t, "GET by B under RestrictPublicBuckets", 403)
		block("BlockPublicPolicy")
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"s3:GetObject","Resource":"arn:aws:s3:::a-pub/*"}]}`
		for _, principal := range []string{`"*"`, `{"AWS":"*"}`, `{"AWS":["*"]}`, `{"AWS":["` + string(w.b.ID) + `","*"]}`} {
			w.s3(t, w.full, "PUT", "/a-pub?policy", fmt.Sprintf(policy, principal)).oneOf(t, "a public policy under BlockPublicPolicy for "+principal, 403)
		}
		// Who signs nothing has a user ID too.
		nobodys := strings.TrimSuffix(fmt.Sprintf(policy, `"*"`), "}]}") + `,"Condition":{"StringEquals":{"aws:userid":"anonymous"}}}]}`
		w.s3(t, w.full, "PUT", "/a-pub?policy", nobodys).oneOf(t, "a policy for the user ID of nobody under BlockPublicPolicy", 403)
		w.s3(t, w.full, "DELETE", "/a-pub?publicAccessBlock", "").oneOf(t, "open a-pub", 204)
		w.s3(t, nobody, "GET", "/a-pub/x", "").oneOf(t, "GET by a stranger", 200)
	})
}

func publicBadCredentials(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, who := range []pair{{w.full.id, "wrong"}, {"TEST0000000000000000", "x"}, w.paused, {"", "x"}} {
			w.forge(t, forged{who: who, path: "/a-pub/x"}).oneOf(t, "GET of a public object by "+who.id, 400, 403)
			w.forge(t, forged{who: who, method: "PUT", path: "/a-drop/bad", body: "evil"}).oneOf(t, "PUT into a public bucket by "+who.id, 400, 403)
		}
		for _, line := range []string{"Authorization: ", "Authorization: Basic YTpi", "Authorization: Bearer x", "authorization: AWS x:y"} {
			w.forge(t, forged{path: "/a-pub/x", lines: []string{line}}).oneOf(t, "GET of a public object with "+line, 400, 403)
		}
		for _, q := range []string{"X-Amz-Signature=x", "X-Amz-Credential=" + url.QueryEscape(w.full.id), "x-amz-date=1", "AWSAccessKeyId=x", "X-Amz-Security-Token=x", "X-Amz-%45xpires=5"} {
			w.forge(t, forged{path: "/a-pub/x", query: q}).oneOf(t, "GET of a public object with "+q, 400, 403)
		}
	})
}
