package attack

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
	"coffer/sigv4"
)

var sessionRows = []row{
	{"SIG-28", "STS takes no worse a signature than S3", stsSignatures},
	{"SIG-29", "a session token is good with its own pair only", tokensOfOthers},
	{"PRE-13", "a URL ends with its session", linkOutlivesSession},
	{"KEY-01", "a temporary credential makes no key", sessionMakesNone},
	{"KEY-05", "a temporary credential makes no other", sessionMakesNoSession},
	{"KEY-05", "a role and a policy bind who may do everything", roleBinds},
	{"KEY-05", "a role, a policy or a name that got lost is refused", emptyParameters},
	{"KEY-07", "nothing is given without a signature", unsignedSTS},
	{"KEY-07", "a website is no STS, whoever signs", stsOfWebsites},
	{"KEY-09", "a temporary credential ends with its key, on the open connection", sessionRevocation},
	{"KEY-24", "a session is as long as STS allows", sessionLife},
	{"TEN-01", "a copy reads no more than its session may", sessionCopies},
	{"TEN-17", "what a session makes is its account's", sessionOwner},
	{"KEY-01", "a token that was written by hand is worth nothing", forgedTokens},
}

func TestSessions(t *testing.T) {
	t.Parallel()
	attack(t, newWorld(t), sessionRows)
}

// temporary is a pair and its session token.
type temporary struct {
	pair
	token string
}

func (s temporary) header() []string { return []string{"X-Amz-Security-Token", s.token} }

// offline makes a temporary credential as the holder of a key does, without asking.
func offline(t *testing.T, who pair, change func(*coffer.Session)) temporary {
	t.Helper()
	id, err := coffer.NewTemporaryID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	s := coffer.Session{ID: id, Parent: coffer.AccessKeyID(who.id), Issued: now, Expires: now.Add(time.Hour)}
	if change != nil {
		change(&s)
	}
	token, secret, err := s.Issue(coffer.NewSecretFrom(who.secret))
	if err != nil {
		t.Fatal(err)
	}
	return temporary{pair{string(s.ID), secret.Reveal()}, token}
}

// sts calls STS, signed by who.
func (w *world) sts(t *testing.T, who pair, form string, headers ...string) answer {
	t.Helper()
	r := request(t, w.server.Endpoint, "POST", "/", form, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
	if who != nobody {
		sigv4.Sign(r, who.id, who.secret, "us-east-1", "sts", sum(form), time.Now())
	}
	return w.do(t, r)
}

const stsForm = "Version=2011-06-15&Action="

// assume gets a temporary credential by AssumeRole.
func (w *world) assume(t *testing.T, who pair, role, policy string) temporary {
	t.Helper()
	form := stsForm + "AssumeRole&RoleSessionName=attack"
	if role != "" {
		form += "&RoleArn=" + url.QueryEscape("arn:aws:iam::"+string(w.a.ID)+":role/"+role)
	}
	if policy != "" {
		form += "&Policy=" + url.QueryEscape(policy)
	}
	a := w.sts(t, who, form)
	var got struct {
		ID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		Secret string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token  string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	if err := xml.Unmarshal([]byte(a.body), &got); a.status != 200 || err != nil || got.Token == "" {
		t.Fatalf("AssumeRole = %d %s (%v)", a.status, a.body, err)
	}
	return temporary{pair{got.ID, got.Secret}, got.Token}
}

// as sends a request to the S3 address with a temporary credential.
func (w *world) as(t *testing.T, s temporary, method, path, body string, headers ...string) answer {
	t.Helper()
	return w.s3(t, s.pair, method, path, body, append(headers, s.header()...)...)
}

func stsSignatures(t *testing.T, w *world) {
	const form = stsForm + "GetSessionToken"
	good := func() forged {
		return forged{who: w.full, method: "POST", path: "/", scope: "sts/aws4_request", hash: sum(form), body: form,
			lines: []string{"Content-Type: application/x-www-form-urlencoded"}}
	}
	w.forge(t, good()).oneOf(t, "GetSessionToken", 200)
	w.unchanged(t, func() {
		for name, change := range map[string]func(f *forged){
			"a wrong secret":       func(f *forged) { f.who.secret = "wrong" },
			"an unknown ID":        func(f *forged) { f.who.id = "TEST0000000000000000" },
			"a paused key":         func(f *forged) { f.who = w.paused },
			"version 2":            func(f *forged) { f.auth = func(string) string { return "AWS " + w.full.id + ":x" } },
			"no signature":         func(f *forged) { f.auth = func(v string) string { s, _, _ := strings.Cut(v, ", Signature"); return s } },
			"another day":          func(f *forged) { f.day = "20260101" },
			"no date":              func(f *forged) { f.date = "-" },
			"an old date":          func(f *forged) { f.date = ago(16 * time.Minute) },
			"an unsigned host":     func(f *forged) { f.signed = []string{"x-amz-content-sha256", "x-amz-date"} },
			"no hash of the body":  func(f *forged) { f.hash = unsigned },
			"another body":         func(f *forged) { f.body = stsForm + "GetFederationToken&Name=xx" },
			"the service of S3":    func(f *forged) { f.scope = "s3/aws4_request" },
			"another region":       func(f *forged) { f.scope = "mars/sts/aws4_request" },
			"a token that is none": func(f *forged) { f.lines = append(f.lines, "x-amz-security-token: x") },
			"two dates":            func(f *forged) { f.lines = append(f.lines, "x-amz-date: "+ago(time.Hour)) },
			"an unsigned x-amz line": func(f *forged) {
				f.lines = append(f.lines, "x-amz-target: x")
				f.signed = []string{"host", "x-amz-content-sha256", "x-amz-date"}
			},
			"two Authorization lines": func(f *forged) { f.lines = append(f.lines, "Authorization: AWS4-HMAC-SHA256 x") },
		} {
			f := good()
			change(&f)
			a := w.forge(t, f)
			a.oneOf(t, "GetSessionToken with "+name, 400, 403)
			a.lacks(t, "GetSessionToken with "+name, "SecretAccessKey", "SessionToken")
		}
		f := good()
		w.exchange(t, "POST", f.link(w, "600", nil, nil)).oneOf(t, "GetSessionToken by a URL", 400, 403, 405)
		w.sts(t, w.full, strings.Repeat("a", 70<<10)).oneOf(t, "a form of 70 KiB", 400)
		w.sts(t, w.full, form+"&Action=AssumeRole").oneOf(t, "two actions", 400)
		w.sts(t, w.full, form+"&SerialNumber=x&TokenCode=1").oneOf(t, "an MFA device", 400)
		w.sts(t, w.full, "Action=GetSessionToken").oneOf(t, "no version", 400)
		w.sts(t, w.full, "%zz").oneOf(t, "no form", 400)
	})
}

func tokensOfOthers(t *testing.T, w *world) {
	one, two, other := offline(t, w.full, nil), offline(t, w.full, nil), offline(t, w.bFull, nil)
	w.as(t, one, "GET", "/a-priv/other", "").oneOf(t, "GET with a session", 200)
	w.unchanged(t, func() {
		for name, s := range map[string]temporary{
			"the token of another session": {one.pair, two.token},
			"the token of another account": {one.pair, other.token},
			"the pair of another":          {two.pair, one.token},
			"a token on a key":             {w.full, one.token},
			"a token that was cut":         {one.pair, one.token[:len(one.token)-1]},
			"an empty token":               {one.pair, ""},
			"a token twice as long":        {one.pair, one.token + one.token},
			"a token in a token":           {one.pair, one.token + "." + one.token},
			"the parent's secret":          {pair{one.id, w.full.secret}, one.token},
			"a token of 15 KiB":            {one.pair, strings.Repeat("A", 15<<10)},
		} {
			for _, c := range [][2]string{{"GET", "/a-priv/other"}, {"PUT", "/a-priv/new"}, {"DELETE", "/a-priv/other"}, {"GET", "/"}} {
				a := w.as(t, s, c[0], c[1], "")
				a.oneOf(t, c[0]+" "+c[1]+" with "+name, 400, 403)
			}
		}
		a := w.s3(t, one.pair, "GET", "/a-priv/other", "")
		a.is(t, "GET with a temporary pair and no token", 403, "InvalidAccessKeyId")
		r := w.signed(t, one.pair, "GET", "/a-priv/other", "")
		r.Header.Set("X-Amz-Security-Token", one.token)
		w.do(t, r).is(t, "GET with a token that is not signed", 403, "AccessDenied")
		w.as(t, temporary{w.full, one.token}, "GET", "/a-priv/other", "").is(t, "GET by a key with a token", 403, "InvalidToken")
	})
}

func linkOutlivesSession(t *testing.T, w *world) {
	link := func(s temporary, method, path string) string {
		r := request(t, w.server.Endpoint, method, path, "")
		r.Header.Set("X-Amz-Security-Token", s.token)
		sigv4.Presign(r, s.id, s.secret, "us-east-1", "s3", time.Hour, time.Now())
		return r.URL.String()
	}
	good := link(offline(t, w.full, nil), "GET", "/a-priv/other")
	w.follow(t, "GET", good, "").oneOf(t, "a URL of a session", 200)
	w.unchanged(t, func() {
		ended := offline(t, w.full, func(s *coffer.Session) { s.Issued, s.Expires = s.Issued.Add(-time.Hour), s.Issued.Add(-time.Second) })
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			w.follow(t, method, link(ended, method, "/a-priv/other"), "").is(t, method+" by a URL of a session that has ended", 403, "ExpiredToken")
		}
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Del("X-Amz-Security-Token")
		w.follow(t, "GET", w.server.Endpoint+"/a-priv/other?"+query.Encode(), "").oneOf(t, "a URL without its token", 400, 403)
		query.Set("X-Amz-Security-Token", offline(t, w.full, nil).token)
		w.follow(t, "GET", w.server.Endpoint+"/a-priv/other?"+query.Encode(), "").oneOf(t, "a URL with another token", 400, 403)
	})
}

func sessionMakesNone(t *testing.T, w *world) {
	s := offline(t, w.full, nil)
	w.unchanged(t, func() {
		for _, c := range [][3]string{{"POST", "/v1/keys", "{}"}, {"GET", "/v1/keys", ""}, {"GET", "/v1/keys/self", ""}, {"POST", "/v1/keys/self:revoke", ""},
			{"PUT", "/v1/keys/self/scope", "{}"}, {"POST", "/v1/keys/" + w.ro.id + ":rotate", "{}"}, {"GET", "/v1/audit", ""}, {"POST", "/v1/invitations", `{"role":"owner"}`}} {
			a := w.api(t, s.pair, c[0], c[1], c[2], s.header()...)
			a.oneOf(t, c[0]+" "+c[1]+" by a temporary credential", 403)
			a.lacks(t, c[0]+" "+c[1]+" by a temporary credential", w.ro.id)
			w.api(t, s.pair, c[0], c[1], c[2]).oneOf(t, c[0]+" "+c[1]+" by a temporary pair without its token", 403)
		}
	})
}

func sessionMakesNoSession(t *testing.T, w *world) {
	denied := offline(t, w.full, func(s *coffer.Session) {
		s.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}]}`
	})
	w.unchanged(t, func() {
		for _, s := range []temporary{offline(t, w.full, nil), denied, w.assume(t, w.full, "", "")} {
			for _, action := range []string{"AssumeRole", "GetSessionToken", "GetFederationToken&Name=xx"} {
				a := w.sts(t, s.pair, stsForm+action, s.header()...)
				a.is(t, action+" by a temporary credential", 403, "AccessDenied")
				a.lacks(t, action+" by a temporary credential", "SessionToken")
			}
			a := w.sts(t, s.pair, stsForm+"GetCallerIdentity", s.header()...)
			a.oneOf(t, "GetCallerIdentity by a temporary credential", 200)
			if !strings.Contains(a.body, "<Account>"+string(w.a.ID)+"</Account>") {
				t.Errorf("GetCallerIdentity = %s, want the account", a.body)
			}
		}
		// Nor offline: the parent of a session is a key.
		s := offline(t, w.full, nil)
		chained := coffer.Session{ID: "CFTK00000000000098E4", Parent: coffer.AccessKeyID(s.id), Issued: time.Now(), Expires: time.Now().Add(time.Hour)}
		if _, _, err := chained.Issue(coffer.NewSecretFrom(s.secret)); err == nil {
			t.Error("a session of a session was made")
		}
	})
}

func roleBinds(t *testing.T, w *world) {
	const below = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a-priv/pfx/*"}]}`
	for name, s := range map[string]temporary{
		"a role":                      w.assume(t, w.full, "read-only", ""),
		"a policy":                    w.assume(t, w.full, "", below),
		"the key's scope":             w.assume(t, w.ro, "full", ""),
		"the key's scope, and a role": w.assume(t, w.ro, "read-write", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`),
		"an offline scope": offline(t, w.full, func(s *coffer.Session) {
			s.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly, Buckets: []string{"a-priv"}, Prefixes: []string{"pfx/"}}}}
		}),
	} {
		w.unchanged(t, func() {
			for _, c := range [][2]string{{"PUT", "/a-priv/new"}, {"DELETE", "/a-priv/other"}, {"DELETE", "/a-priv"}, {"PUT", "/new-bucket"}, {"PUT", "/a-priv?policy"},
				{"PUT", "/a-priv/other?tagging"}, {"POST", "/a-priv/new?uploads"}, {"GET", "/b-priv/secret"}, {"GET", "/b-priv"}} {
				w.as(t, s, c[0], c[1], "").oneOf(t, c[0]+" "+c[1]+" bound by "+name, 400, 403)
			}
			if name != "a role" {
				w.as(t, s, "GET", "/a-priv/other", "").is(t, "GET /a-priv/other bound by "+name, 403, "AccessDenied")
				w.as(t, s, "GET", "/a-priv", "").is(t, "a list of a-priv bound by "+name, 403, "AccessDenied")
			}
		})
	}
	w.unchanged(t, func() {
		for _, arn := range []string{"arn:aws:iam::" + string(w.b.ID) + ":role/full", "arn:aws:iam::" + string(w.a.ID) + ":role/nothing", "arn:aws:iam::1:role/full", "x",
			"arn:aws:iam::" + string(w.a.ID) + ":role/", "arn:aws:iam::" + string(w.a.ID) + ":role/../full"} {
			w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName=xx&RoleArn="+url.QueryEscape(arn)).is(t, "AssumeRole of "+arn, 403, "AccessDenied")
		}
		for _, policy := range []string{"x", "{}", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}`, strings.Repeat(" ", 2049)} {
			w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName=xx&Policy="+url.QueryEscape(policy)).is(t, "AssumeRole with the policy "+policy, 400, "MalformedPolicyDocument")
		}
		for _, name := range []string{"x", strings.Repeat("x", 65), "a b", "a\nb", "<x>"} {
			w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName="+url.QueryEscape(name)).is(t, "AssumeRole as "+name, 400, "ValidationError")
		}
	})
}

func unsignedSTS(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, who := range []pair{nobody, {w.full.id, "wrong"}, {"CFAK0000000000000000", w.full.secret}, w.paused} {
			for _, action := range []string{"AssumeRole", "GetSessionToken", "GetFederationToken", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "AssumeRoleWithLDAPIdentity",
				"AssumeRoleWithClientGrants", "AssumeRoleWithCertificate", "AssumeRoot", "GetCallerIdentity", "", "Login"} {
				form := stsForm + action + "&RoleArn=arn:aws:iam::" + string(w.a.ID) + ":role/full&RoleSessionName=ss&WebIdentityToken=x&LDAPUsername=ann&LDAPPassword=x"
				a := w.sts(t, who, form)
				a.oneOf(t, action+" by "+who.id, 403)
				a.lacks(t, action+" by "+who.id, "SecretAccessKey", "SessionToken")
			}
		}
		w.sts(t, w.bFull, stsForm+"AssumeRole&RoleSessionName=ss&RoleArn="+url.QueryEscape("arn:aws:iam::"+string(w.a.ID)+":role/full")).is(t, "AssumeRole of another account", 403, "AccessDenied")
		w.sts(t, w.full, stsForm+"AssumeRoleWithWebIdentity&WebIdentityToken=x").is(t, "AssumeRoleWithWebIdentity", 400, "InvalidAction")
	})
}

// stsOfWebsites sends forms to the host of a website, as pages there may: its visitors
// see no answer but the website's.
func stsOfWebsites(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, host := range []string{"a-pub.website.localhost", "A-PUB.website.localhost.:9000", "no-such-bucket.website.localhost", "website.localhost"} {
			for _, who := range []pair{nobody, w.full, {w.full.id, "wrong"}} {
				a := w.sts(t, who, stsForm+"GetSessionToken", "Host", host)
				call := "GetSessionToken of " + host + " by " + who.id
				a.oneOf(t, call, 404, 405)
				a.lacks(t, call, "SecretAccessKey", "SessionToken", "sts.amazonaws.com")
			}
		}
	})
}

// emptyParameters sends what is left of a parameter whose value got lost: to ignore it
// would give all that the key may.
func emptyParameters(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, form := range []string{"AssumeRole&RoleSessionName=ss&RoleArn=", "AssumeRole&RoleSessionName=ss&RoleArn", "AssumeRole&RoleSessionName=ss&Policy=", "AssumeRole&RoleSessionName=",
			"GetFederationToken&Name=ff&Policy=", "GetFederationToken&Name=", "GetSessionToken&DurationSeconds="} {
			a := w.sts(t, w.full, stsForm+form)
			a.is(t, form, 400, "ValidationError")
			a.lacks(t, form, "SecretAccessKey", "SessionToken")
		}
		for _, role := range []string{"arn:aws:iam::" + string(w.a.ID) + ":role/read-only%00", "arn:aws:iam::" + string(w.a.ID) + ":role/Read-Only", "arn:aws:iam::" + string(w.a.ID) + ":role/x/read-only", " arn:aws:iam::" + string(w.a.ID) + ":role/full"} {
			w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName=ss&RoleArn="+strings.ReplaceAll(role, " ", "%20")).oneOf(t, "AssumeRole of "+role, 400, 403)
		}
		w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName=ss&rolearn=x").oneOf(t, "a parameter in other case", 400)
		w.sts(t, w.full, stsForm+"AssumeRole;RoleArn=x&RoleSessionName=ss").oneOf(t, "a semicolon", 400)
	})
}

// sessionRevocation ends keys in every way while a client of a session of theirs
// keeps its connection.
func sessionRevocation(t *testing.T, w *world) {
	for name, end := range map[string]func(p pair) error{
		"paused":            func(p pair) error { _, err := w.socket.PauseKey(t.Context(), p.id); return err },
		"deleted":           func(p pair) error { _, err := w.socket.DeleteKey(t.Context(), p.id); return err },
		"revoked by itself": func(p pair) error { w.api(t, p, "POST", "/v1/keys/self:revoke", ""); return nil },
		"narrowed to nothing": func(p pair) error {
			_, err := w.socket.SetKeyScope(t.Context(), p.id, &coffer.Scope{Grants: []coffer.Grant{}})
			return err
		},
	} {
		p := w.newKey(t, api.CreateKeyInput{Name: "parent"})
		sessions := []temporary{offline(t, p, nil), w.assume(t, p, "", "")}
		for _, s := range sessions {
			w.as(t, s, "GET", "/a-priv/other", "").oneOf(t, "GET before its key was "+name, 200)
		}
		if err := end(p); err != nil {
			t.Fatal(err)
		}
		w.unchanged(t, func() {
			for _, s := range sessions {
				for _, c := range [][2]string{{"GET", "/a-priv/other"}, {"PUT", "/a-priv/new"}} {
					w.as(t, s, c[0], c[1], "").oneOf(t, c[0]+" after its key was "+name, 403)
				}
			}
		})
	}
}

func sessionLife(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, seconds := range []string{"1", "0", "-1", "899", "43201", "1000000000000", "99999999999999999999", "x", "9e2", "900.5", "+900"} {
			want := 400
			if seconds == "+900" { // 900, and a sign
				want = 200
			}
			w.sts(t, w.full, stsForm+"GetSessionToken&DurationSeconds="+url.QueryEscape(seconds)).oneOf(t, "GetSessionToken for "+seconds+" s", want)
			w.sts(t, w.full, stsForm+"AssumeRole&RoleSessionName=ss&DurationSeconds="+url.QueryEscape(seconds)).oneOf(t, "AssumeRole for "+seconds+" s", want)
		}
		w.sts(t, w.full, stsForm+"GetFederationToken&Name=xx&DurationSeconds=604801").oneOf(t, "GetFederationToken for more than a week", 400)
		w.sts(t, w.full, stsForm+"GetFederationToken&Name=xx&DurationSeconds=604800").oneOf(t, "GetFederationToken for a week", 200)
		ended := offline(t, w.full, func(s *coffer.Session) { s.Issued, s.Expires = s.Issued.Add(-time.Hour), s.Issued.Add(-time.Second) })
		w.as(t, ended, "GET", "/a-priv/other", "").is(t, "GET with a session that has ended", 403, "ExpiredToken")
		early := offline(t, w.full, func(s *coffer.Session) {
			s.Issued, s.Expires = s.Issued.Add(20*time.Minute), s.Expires.Add(20*time.Minute)
		})
		w.as(t, early, "GET", "/a-priv/other", "").is(t, "GET with a session that is to come", 403, "InvalidToken")
	})
}

func sessionCopies(t *testing.T, w *world) {
	s := offline(t, w.full, func(s *coffer.Session) {
		s.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadWrite, Buckets: []string{"a-priv"}, Prefixes: []string{"pfx/"}}}}
	})
	w.unchanged(t, func() {
		for _, source := range []string{"/a-priv/other", "a-priv/other", "/b-priv/secret", "/a-priv/pfx/../other"} {
			w.as(t, s, "PUT", "/a-priv/pfx/copied", "", "X-Amz-Copy-Source", source).oneOf(t, "CopyObject from "+source, 403, 404)
		}
	})
}

func sessionOwner(t *testing.T, w *world) {
	w.unchanged(t, func() {
		s := offline(t, w.bFull, nil)
		a := w.as(t, s, "PUT", "/made-by-a-session", "")
		a.oneOf(t, "CreateBucket by a session", 200)
		a = w.as(t, s, "GET", "/", "")
		a.lacks(t, "ListBuckets by a session of B", "a-priv", "a-pub")
		if !strings.Contains(a.body, "made-by-a-session") || !strings.Contains(a.body, string(w.b.CanonicalID)) {
			t.Errorf("ListBuckets = %s, want the new bucket, of account B", a.body)
		}
		w.s3(t, w.full, "GET", "/made-by-a-session", "").oneOf(t, "a list of it by A", 403)
		w.s3(t, w.bFull, "DELETE", "/made-by-a-session", "").oneOf(t, "DeleteBucket by the key of B", 204)
	})
}

// forgedTokens are tokens of somebody who has no secret of A, for keys of A.
func forgedTokens(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for name, s := range map[string]temporary{
			"the secret of B":  offline(t, pair{w.full.id, w.bFull.secret}, nil),
			"an empty secret":  offline(t, pair{w.full.id, ""}, nil),
			"the ID as secret": offline(t, pair{w.full.id, w.full.id}, nil),
			"no such key":      offline(t, pair{"CFAK00000000000000ZZ", "x"}, nil),
			"a paused key":     offline(t, w.paused, nil),
			"a narrow key's":   offline(t, pair{w.full.id, w.ro.secret}, nil),
		} {
			for _, c := range [][2]string{{"GET", "/a-priv/other"}, {"PUT", "/a-priv/new"}, {"DELETE", "/a-priv/other"}, {"GET", "/"}} {
				w.as(t, s, c[0], c[1], "").oneOf(t, fmt.Sprintf("%s %s with a token of %s", c[0], c[1], name), 403)
			}
		}
	})
}
