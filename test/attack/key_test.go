package attack

import (
	"encoding/json"
	"fmt"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
	"coffer/test/harness"
)

// KEY-05, and what KEY-01, 07, 09 and 24 say of temporary credentials, are in
// TestSessions. KEY-12, 13, 15 and 16 go on in TestBucketPolicies, KEY-20 is in
// TestLocks.
var keyRows = []row{
	{"KEY-01", "a scoped key makes no key", scopedKeyMakesNone},
	{"KEY-03", "a scoped key does not change itself", scopedKeyChangesNothing},
	{"KEY-03", "a field that a call does not have is refused", unknownFields},
	{"KEY-03", "a field counts once and by its own name", repeatedFields},
	{"KEY-04", "an import needs the right to make keys, in the own account", imports},
	{"KEY-04", "no answer about keys has a secret in it", noSecretInLists},
	{"KEY-08", "a key whose scope is empty can do nothing", emptyScope},
	{"KEY-09", "a key that ends is refused on the open connection", revocation},
	{"KEY-11", "both pairs work until confirm and only the new one after", rotation},
	{"KEY-12", "a bucket policy is not written by who writes objects", bucketPolicy},
	{"KEY-13", "versions are not a way around the scope", versions},
	{"KEY-15", "the source of a request is not what its headers say", sourceAddress},
	{"KEY-17", "a prefix ends at its slash", prefixBoundary},
	{"KEY-19", "DeleteObjects asks for each key", deleteObjects},
	{"KEY-23", "keys of another account are as unknown as none", foreignKeys},
	{"KEY-24", "a key is refused from its expiry on", expiry},
	{"KEY-24", "an expiry out of bounds is refused", expiryBounds},
	{"KEY-24", "a paused key is refused everywhere", pausedKey},
}

func TestKeys(t *testing.T) {
	t.Parallel()
	attack(t, newWorld(t), keyRows)
}

const fullScope = `{"grants":[{"preset":"full"}]}`

func scopedKeyMakesNone(t *testing.T, w *world) {
	bodies := []string{`{}`, `{"name":"wide"}`, `{"scope":null}`, `{"scope":` + fullScope + `}`, `{"scope":{"grants":[]}}`,
		`{"account":"` + string(w.a.ID) + `"}`, `{"import":{"access_key_id":"IMPORTEDBYANATTACKER","secret_access_key":"aSecretThatIsLongEnough1234567890abcdefgh"}}`}
	w.unchanged(t, func() {
		for _, who := range []pair{w.ro, w.up, w.rw, w.none} {
			for _, body := range bodies {
				w.api(t, who, "POST", "/v1/keys", body).oneOf(t, "POST /v1/keys "+body, 403)
			}
			w.api(t, who, "POST", "/v1/keys", `{"account":"`+string(w.b.ID)+`"}`).oneOf(t, "POST /v1/keys for another account", 403, 404)
			w.api(t, who, "POST", "/v1/accounts", `{"email":"x@x.example"}`).oneOf(t, "POST /v1/accounts", 403)
			w.api(t, who, "POST", "/v1/invitations", `{"role":"owner"}`).oneOf(t, "POST /v1/invitations", 403)
		}
	})
}

// verbs are the changes of a key: a method, what follows the key's path, a body.
var verbs = [][3]string{
	{"PATCH", "", `{"name":"mine"}`}, {"PATCH", "", `{"status":"active"}`}, {"PATCH", "", `{"expires":null}`},
	{"PATCH", "", `{"expires":"2099-01-01T00:00:00Z"}`}, {"PUT", "/scope", `{"scope":null}`},
	{"PUT", "/scope", `{"scope":` + fullScope + `}`}, {"POST", ":reveal", ``}, {"POST", ":pause", ``}, {"POST", ":resume", ``},
	{"POST", ":rotate", `{}`}, {"POST", ":rotate", `{"same_id":true}`}, {"POST", ":confirm", `{"even_if_in_use":true}`},
	{"POST", ":cancel", `{"even_if_in_use":true}`}, {"POST", ":scream-test", `{"minutes":1}`}, {"POST", ":undelete", ``},
	{"DELETE", "", ``},
}

func scopedKeyChangesNothing(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, who := range []pair{w.ro, w.none} {
			for _, handle := range []string{"self", who.id, string(w.ids[who]), w.full.id, string(w.ids[w.up])} {
				for _, v := range verbs {
					call := v[0] + " /v1/keys/" + handle + v[1]
					w.api(t, who, v[0], "/v1/keys/"+handle+v[1], v[2]).oneOf(t, call+" "+v[2], 403, 404)
				}
			}
		}
	})
}

func unknownFields(t *testing.T, w *world) {
	id := string(w.ids[w.ro])
	w.unchanged(t, func() {
		for _, extra := range []string{`"role":"owner"`, `"tenant":"x"`, `"policy":{}`, `"account":"` + string(w.b.ID) + `"`, `"operator":true`,
			`"scope":null`, `"secret_access_key":"x"`, `"status":"active"`} {
			w.api(t, w.full, "PATCH", "/v1/keys/"+id, `{"name":"renamed",`+extra+`}`).oneOf(t, "PATCH with "+extra, 400)
		}
		for _, extra := range []string{`"role":"owner"`, `"tenant":"x"`, `"policy":{}`, `"status":"active"`, `"id":"key_1"`, `"parent":"x"`} {
			w.api(t, w.full, "POST", "/v1/keys", `{"name":"extra",`+extra+`}`).oneOf(t, "POST with "+extra, 400)
			w.api(t, w.full, "PUT", "/v1/keys/"+id+"/scope", `{"scope":null,`+extra+`}`).oneOf(t, "PUT scope with "+extra, 400)
		}
		for _, body := range []string{`{}`, ``, `[]`, `null`, `{"scope":{"grants":[{"preset":"root"}]}}`, `{"scope":{"grants":[{}]}}`,
			`{"scope":{"grants":[{"preset":"full","actions":["*"]}]}}`, `{"scope":{"grants":[]}} {"scope":null}`} {
			w.api(t, w.full, "PUT", "/v1/keys/"+id+"/scope", body).oneOf(t, "PUT scope "+body, 400)
		}
	})
}

// repeatedFields sends what one reader takes for narrow and another for wide.
func repeatedFields(t *testing.T, w *world) {
	id := string(w.ids[w.ro])
	const narrow, wide = `{"grants":[]}`, `null`
	w.unchanged(t, func() {
		for _, body := range []string{`{"scope":` + narrow + `,"scope":` + wide + `}`, `{"scope":` + narrow + `,"Scope":` + wide + `}`, `{"scope":` + narrow + `,"SCOPE":` + wide + `}`,
			`{"scope":` + narrow + `,"\u0073cope":` + wide + `}`, `{"scope":` + narrow + `,"\u017fcope":` + wide + `}`, `{"Scope":` + narrow + `}`,
			`{"scope":{"grants":[],"grants":[{"preset":"full"}]}}`, `{"scope":{"grants":[{"preset":"read-only","preset":"full"}]}}`, `{"scope":{"grants":[{"preset":"read-only","buckets":["x"],"Buckets":[]}]}}`} {
			w.api(t, w.full, "PUT", "/v1/keys/"+id+"/scope", body).oneOf(t, "PUT scope "+body, 400)
			w.api(t, w.full, "POST", "/v1/keys", body).oneOf(t, "POST key "+body, 400)
		}
		for _, body := range []string{`{"name":"a","name":"b"}`, `{"name":"a","NAME":"b"}`, `{"status":"paused","status":"active"}`} {
			w.api(t, w.full, "PATCH", "/v1/keys/"+id, body).oneOf(t, "PATCH key "+body, 400)
		}
		for _, query := range []string{"?account=" + string(w.a.ID) + "&account=" + string(w.b.ID), "?Account=" + string(w.b.ID), "?deleted=true&deleted=false"} {
			w.api(t, w.full, "GET", "/v1/keys"+query, "").oneOf(t, "GET /v1/keys"+query, 400)
		}
	})
}

func imports(t *testing.T, w *world) {
	body := func(id, account string) string {
		return `{"account":"` + account + `","import":{"access_key_id":"` + id + `","secret_access_key":"aSecretThatIsLongEnough1234567890abcdefgh"}}`
	}
	w.unchanged(t, func() {
		w.api(t, w.ro, "POST", "/v1/keys", body("IMPORTED000000000001", "")).oneOf(t, "import by a scoped key", 403)
		w.api(t, w.full, "POST", "/v1/keys", body("IMPORTED000000000001", string(w.b.ID))).oneOf(t, "import into another account", 403, 404)
		w.api(t, w.full, "POST", "/v1/keys", body("IMPORTED000000000001", w.b.Email)).oneOf(t, "import into another account by e-mail", 403, 404)
		w.api(t, w.full, "POST", "/v1/keys", body(w.bFull.id, "")).oneOf(t, "import of another account's ID", 409)
	})
	w.s3(t, w.bFull, "GET", "/b-priv/secret", "").oneOf(t, "GET by the key whose ID was imported", 200)
}

// secrets are those of all keys.
func (w *world) secrets() []string {
	var out []string
	for p := range w.ids {
		out = append(out, p.secret)
	}
	return out
}

func noSecretInLists(t *testing.T, w *world) {
	w.unchanged(t, func() {
		paths := []string{"/v1/keys", "/v1/keys?deleted=true", "/v1/members", "/v1/invitations", "/v1/accounts", "/v1/instance"}
		for p := range w.ids {
			paths = append(paths, "/v1/keys/"+p.id, "/v1/keys/"+p.id+"/usage")
		}
		for _, path := range paths {
			w.api(t, w.full, "GET", path, "").lacks(t, "GET "+path, w.secrets()...)
		}
		for _, args := range [][]string{{"key", "list"}, {"key", "list", "--json"}, {"key", "show", w.full.id}, {"audit", "list"}} {
			r := w.server.Command(args...)
			answer{r.Code, nil, r.Stdout + r.Stderr}.lacks(t, "coffer "+strings.Join(args, " "), w.secrets()...)
		}
	})
}

func emptyScope(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, c := range [][2]string{
			{"GET", "/a-priv"}, {"GET", "/a-priv?list-type=2"}, {"HEAD", "/a-priv"}, {"GET", "/a-priv/other"}, {"HEAD", "/a-priv/other"},
			{"PUT", "/a-priv/new"}, {"DELETE", "/a-priv/other"}, {"PUT", "/new-bucket"}, {"DELETE", "/a-priv"}, {"GET", "/a-priv?uploads"},
			{"POST", "/a-priv/new?uploads"}, {"GET", "/a-priv?location"}, {"GET", "/a-priv?acl"}, {"GET", "/a-priv?versions"},
		} {
			w.s3(t, w.none, c[0], c[1], "").oneOf(t, c[0]+" "+c[1], 403)
		}
		w.s3(t, w.none, "PUT", "/a-priv/new", "", "X-Amz-Copy-Source", "/a-priv/other").oneOf(t, "CopyObject", 403)
		a := w.s3(t, w.none, "GET", "/", "")
		a.oneOf(t, "ListBuckets", 200, 403)
		a.lacks(t, "ListBuckets", "a-priv", "b-priv")
	})
}

// revocation ends keys in every way while a client keeps its connection.
func revocation(t *testing.T, w *world) {
	ends := []struct {
		name string
		end  func(p pair) error
	}{
		{"paused", func(p pair) error { _, err := w.socket.PauseKey(t.Context(), p.id); return err }},
		{"deleted", func(p pair) error { _, err := w.socket.DeleteKey(t.Context(), p.id); return err }},
		{"revoked by itself", func(p pair) error { w.api(t, p, "POST", "/v1/keys/self:revoke", ""); return nil }},
		{"rotated and confirmed", func(p pair) error {
			k, err := w.socket.RotateKey(t.Context(), p.id, api.RotateInput{})
			if err == nil {
				w.server.Hide(k.Current.SecretAccessKey.Reveal())
				_, err = w.socket.ConfirmKey(t.Context(), p.id, api.ConfirmInput{EvenIfInUse: true})
			}
			return err
		}},
		{"rotated with the same ID and confirmed", func(p pair) error {
			k, err := w.socket.RotateKey(t.Context(), p.id, api.RotateInput{SameID: true})
			if err == nil {
				w.server.Hide(k.Current.SecretAccessKey.Reveal())
				_, err = w.socket.ConfirmKey(t.Context(), p.id, api.ConfirmInput{EvenIfInUse: true})
			}
			return err
		}},
		{"narrowed", func(p pair) error {
			_, err := w.socket.SetKeyScope(t.Context(), p.id, &coffer.Scope{Grants: []coffer.Grant{}})
			return err
		}},
	}
	w.unchanged(t, func() {
		for _, e := range ends {
			p := w.newKey(t, api.CreateKeyInput{Name: e.name})
			url := w.link(t, p, "GET", "/a-priv/other")
			// The connection of the loop is its own.
			reused := false
			trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}
			get := func() answer {
				r := w.signed(t, p, "GET", "/a-priv/other", "")
				return w.do(t, r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
			}
			for range 5 {
				get().oneOf(t, "GET before the key was "+e.name, 200)
			}
			w.follow(t, "GET", url, "").oneOf(t, "a URL before the key was "+e.name, 200)
			if err := e.end(p); err != nil {
				t.Fatalf("the key is to be %s: %v", e.name, err)
			}
			begin := time.Now()
			get().oneOf(t, "GET after the key was "+e.name, 403)
			if !reused {
				t.Errorf("the connection after the key was %s is a new one, want the open one", e.name)
			}
			t.Logf("%s: refused by the first request, %s after the answer", e.name, time.Since(begin).Round(time.Microsecond))
			w.follow(t, "GET", url, "").oneOf(t, "a URL after the key was "+e.name, 403)
			w.api(t, p, "GET", "/v1/keys", "").lacks(t, "GET /v1/keys by a key that was "+e.name, w.full.id)
			w.endByID(t, w.ids[p])
		}
	})
}

// endByID deletes a key, unless it was.
func (w *world) endByID(t *testing.T, id coffer.KeyID) {
	t.Helper()
	k, err := w.socket.GetKey(t.Context(), string(id))
	if err == nil && k.Status != coffer.KeyDeleted {
		_, err = w.socket.DeleteKey(t.Context(), string(id))
	}
	if err != nil {
		t.Errorf("delete the key %s: %v", id, err)
	}
}

func rotation(t *testing.T, w *world) {
	w.unchanged(t, func() {
		old := w.newKey(t, api.CreateKeyInput{Name: "rotated"})
		id := string(w.ids[old])
		a := w.api(t, w.full, "POST", "/v1/keys/"+id+":rotate", `{}`)
		var k api.Key
		if err := json.Unmarshal([]byte(a.body), &k); err != nil || a.status != 200 {
			t.Fatalf("rotate = %d %s", a.status, a.body)
		}
		fresh := pair{string(k.Current.AccessKeyID), k.Current.SecretAccessKey.Reveal()}
		w.server.Hide(fresh.secret)
		for name, p := range map[string]pair{"old": old, "new": fresh} {
			w.s3(t, p, "GET", "/a-priv/other", "").oneOf(t, "GET with the "+name+" pair during the rotation", 200)
		}
		w.api(t, w.full, "POST", "/v1/keys/"+id+":rotate", `{}`).oneOf(t, "a second rotation", 409)
		w.api(t, w.full, "POST", "/v1/keys/"+id+":confirm", `{}`).oneOf(t, "confirm while the old pair is in use", 409)
		w.s3(t, old, "GET", "/a-priv/other", "").oneOf(t, "GET with the old pair after a refused confirm", 200)
		w.api(t, w.full, "POST", "/v1/keys/"+id+":confirm", `{"even_if_in_use":true}`).oneOf(t, "confirm", 200)
		w.s3(t, old, "GET", "/a-priv/other", "").oneOf(t, "GET with the old pair after confirm", 403)
		w.s3(t, fresh, "GET", "/a-priv/other", "").oneOf(t, "GET with the new pair after confirm", 200)
		for _, path := range []string{"/v1/keys", "/v1/keys/" + id, "/v1/keys/" + id + "/usage", "/v1/keys/" + fresh.id} {
			w.api(t, w.full, "GET", path, "").lacks(t, "GET "+path, old.secret, fresh.secret)
		}
		w.api(t, w.full, "POST", "/v1/keys/"+id+":reveal", "").lacks(t, "reveal after confirm", old.secret)
		audit := w.server.Command("audit", "list", "--json")
		answer{0, nil, audit.Stdout}.lacks(t, "the audit log", old.secret, fresh.secret)
		w.endByID(t, w.ids[old])
	})
}

func bucketPolicy(t *testing.T, w *world) {
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::a-priv/*"}]}`
	w.unchanged(t, func() {
		for _, who := range []pair{w.up, w.rw, w.ro, w.bFull, nobody} {
			for _, method := range []string{"PUT", "DELETE"} {
				w.s3(t, who, method, "/a-priv?policy", policy).oneOf(t, method+" ?policy", 403, 501)
			}
		}
		w.s3(t, nobody, "GET", "/a-priv/other", "").oneOf(t, "anonymous GET afterwards", 403)
	})
}

func versions(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.ro, "GET", "/a-priv/other?versionId=null", "").oneOf(t, "GET versionId outside of the prefix", 403)
		w.s3(t, w.up, "GET", "/a-priv/up/x?versionId=null", "").oneOf(t, "GET versionId by a key that writes", 403)
		w.s3(t, w.rw, "PUT", "/a-priv/rw/x", "", "X-Amz-Copy-Source", "/a-priv/other?versionId=null").oneOf(t, "copy of a version", 403)
		w.s3(t, w.ro, "GET", "/a-priv?versions", "").oneOf(t, "GET ?versions by a key of a prefix", 403)
		w.s3(t, nobody, "GET", "/a-priv?versions", "").oneOf(t, "anonymous GET ?versions", 403)
	})
}

func sourceAddress(t *testing.T, w *world) {
	p := w.newKey(t, api.CreateKeyInput{Name: "source"})
	w.unchanged(t, func() {
		for _, header := range [][]string{{"X-Forwarded-For", "10.0.0.1"}, {"X-Real-Ip", "10.0.0.1"}, {"Forwarded", "for=10.0.0.1"},
			{"X-Forwarded-For", strings.Repeat("10.0.0.1, ", 200) + "10.0.0.1"}, {"True-Client-Ip", "10.0.0.1"}} {
			w.s3(t, p, "GET", "/a-priv/other", "", header...).oneOf(t, "GET", 200)
			w.api(t, p, "GET", "/v1/keys/self", "", header...).oneOf(t, "GET /v1/keys/self", 200)
		}
		usage, err := w.socket.KeyUsage(t.Context(), p.id)
		if err != nil || len(usage.Current) == 0 {
			t.Fatalf("usage = %+v, %v, want the requests", usage, err)
		}
		for _, u := range usage.Current {
			if u.Source != "127.0.0.1" {
				t.Errorf("the evidence has the source %q, want 127.0.0.1, where the request came from", u.Source)
			}
		}
	})
	w.drop(t, p)
}

func prefixBoundary(t *testing.T, w *world) {
	w.unchanged(t, func() {
		p := w.key(t, "boundary", coffer.PresetReadWrite, "tenant1")
		k, err := w.socket.GetKey(t.Context(), p.id)
		if err != nil || k.Scope == nil || k.Scope.Grants[0].Prefixes[0] != "tenant1/" {
			t.Errorf("the scope is stored as %+v, %v, want tenant1/ with its slash", k.Scope, err)
		}
		w.s3(t, p, "PUT", "/a-priv/tenant1/x", "mine").oneOf(t, "PUT tenant1/x", 200)
		for _, key := range []string{"tenant1234/x", "tenant1-old/x", "tenant1", "tenant", "Tenant1/x", "tenant1%2F..%2Fother", "/tenant1/x", "tenant1%00/x"} {
			for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
				if key == "tenant1%2F..%2Fother" {
					continue // a key below tenant1/, whatever it looks like
				}
				w.s3(t, p, method, "/a-priv/"+key, "").oneOf(t, method+" "+key, 400, 403)
			}
		}
		for _, prefix := range []string{"", "tenant1", "tenant", "tenant1234/", "tenant1-"} {
			a := w.s3(t, p, "GET", "/a-priv?list-type=2&prefix="+prefix, "")
			a.oneOf(t, "list of the prefix "+prefix, 403)
		}
		w.s3(t, p, "GET", "/a-priv?list-type=2&prefix=tenant1/", "").oneOf(t, "list of the own prefix", 200)
		w.s3(t, p, "DELETE", "/a-priv/tenant1/x", "").oneOf(t, "DELETE tenant1/x", 204)
		w.drop(t, p)
	})
}

func deleteObjects(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-priv/rw/a", "a").oneOf(t, "PUT", 200)
		body := `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>rw/a</Key></Object><Object><Key>other</Key></Object>` +
			`<Object><Key>pfx/x</Key><VersionId>null</VersionId></Object><Object><Key>rw</Key></Object></Delete>`
		a := w.s3(t, w.rw, "POST", "/a-priv?delete", body, "X-Amz-Checksum-Sha256", checksum(body))
		a.oneOf(t, "DeleteObjects", 200)
		if n := strings.Count(a.body, "<Code>AccessDenied</Code>"); n != 3 || !strings.Contains(a.body, "<Deleted><Key>rw/a</Key></Deleted>") {
			t.Errorf("DeleteObjects = %s, want rw/a deleted and AccessDenied for the three others", a.body)
		}
		w.s3(t, w.full, "GET", "/a-priv/rw/a", "").oneOf(t, "GET of what was deleted", 404)
	})
}

func foreignKeys(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, account := range []string{string(w.b.ID), w.b.Email} {
			a := w.api(t, w.full, "GET", "/v1/keys?account="+account, "")
			a.oneOf(t, "GET keys of another account", 403, 404)
			a.lacks(t, "GET keys of another account", w.bFull.id)
		}
		w.api(t, w.full, "GET", "/v1/keys", "").lacks(t, "GET /v1/keys", w.bFull.id, string(w.ids[w.bFull]))
		for _, handle := range []string{w.bFull.id, string(w.ids[w.bFull])} {
			for _, v := range append(verbs, [3]string{"GET", "", ""}, [3]string{"GET", "/usage", ""}) {
				a := w.api(t, w.full, v[0], "/v1/keys/"+handle+v[1], v[2])
				a.oneOf(t, fmt.Sprintf("%s /v1/keys/%s%s", v[0], handle, v[1]), 403, 404)
				none := w.api(t, w.full, v[0], "/v1/keys/"+strings.Repeat("X", len(handle))+v[1], v[2])
				if none.status != a.status {
					t.Errorf("%s %s of another account = %d, of nobody %d: want the same", v[0], v[1], a.status, none.status)
				}
			}
		}
	})
}

func expiry(t *testing.T, w *world) {
	w.unchanged(t, func() {
		ends := time.Now().Add(2 * time.Second)
		p := w.newKey(t, api.CreateKeyInput{Name: "short", Expires: &ends})
		url := w.link(t, p, "GET", "/a-priv/other")
		last := answer{}
		for deadline := ends.Add(10 * time.Second); time.Now().Before(deadline); {
			sent := time.Now()
			if last = w.s3(t, p, "GET", "/a-priv/other", ""); last.status != 200 {
				break
			}
			if sent.After(ends.Add(time.Second)) {
				t.Fatalf("GET %s after the expiry = 200, want 403", sent.Sub(ends))
			}
		}
		last.oneOf(t, "GET after the expiry", 403)
		if early := time.Until(ends); early > 0 {
			t.Errorf("the key was refused %s before its expiry", early)
		}
		w.follow(t, "GET", url, "").oneOf(t, "a URL after the expiry", 403)
		w.api(t, p, "GET", "/v1/keys/self", "").oneOf(t, "GET /v1/keys/self after the expiry", 403)
		w.api(t, p, "PATCH", "/v1/keys/self", `{"expires":null}`).oneOf(t, "an expired key extends itself", 403)
		w.drop(t, p)
	})
}

func expiryBounds(t *testing.T, w *world) {
	p := w.newKey(t, api.CreateKeyInput{Name: "ends", Expires: new(time.Now().Add(time.Hour))})
	w.unchanged(t, func() {
		for _, at := range []string{`"2001-01-01T00:00:00Z"`, `"0001-01-01T00:00:01Z"`, `"+33658-09-27T01:46:40Z"`, `"9999-12-31T23:59:59Z"`, `1`, `-1`,
			`1000000000000`, `"soon"`, `""`, `[]`} {
			a := w.api(t, w.full, "POST", "/v1/keys", `{"name":"bounds","expires":`+at+`}`)
			a.oneOf(t, "POST with expires "+at, 400)
			w.api(t, w.full, "PATCH", "/v1/keys/"+string(w.ids[p]), `{"expires":`+at+`}`).oneOf(t, "PATCH with expires "+at, 400)
		}
		for _, body := range []string{`{}`, `{"scope":null}`, `{"expires":"2099-01-01T00:00:00Z"}`} {
			w.api(t, p, "POST", "/v1/keys", body).oneOf(t, "a key that ends makes one that lives longer, "+body, 400, 403)
		}
		w.api(t, p, "PATCH", "/v1/keys/self", `{"expires":null}`).oneOf(t, "a key that ends extends itself", 400, 403)
	})
	w.drop(t, p)
}

func pausedKey(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, c := range [][2]string{{"GET", "/"}, {"GET", "/a-priv/other"}, {"PUT", "/a-priv/new"}, {"DELETE", "/a-priv/other"}, {"PUT", "/new-bucket"}} {
			w.s3(t, w.paused, c[0], c[1], "").oneOf(t, c[0]+" "+c[1], 403)
			w.follow(t, c[0], w.link(t, w.paused, c[0], c[1]), "").oneOf(t, "a URL to "+c[0]+" "+c[1], 403)
		}
		for _, v := range verbs {
			w.api(t, w.paused, v[0], "/v1/keys/self"+v[1], v[2]).oneOf(t, v[0]+" /v1/keys/self"+v[1], 403)
		}
		w.api(t, w.paused, "POST", "/v1/keys", `{}`).oneOf(t, "POST /v1/keys", 403)
	})
}

// wellKnown are pairs that servers were shipped with.
var wellKnown = []pair{
	{"minioadmin", "minioadmin"}, {"minio", "minio123"}, {"rustfsadmin", "rustfsadmin"}, {"admin", "admin"}, {"admin", "password"},
	{"root", "root"}, {"coffer", "coffer"}, {"cofferadmin", "cofferadmin"}, {"test", "test"}, {"any", "any"}, {"S3RVER", "S3RVER"},
	{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, {"some_access_key1", "some_secret_key1"},
	{"GK31c2f218a2e44f485b94239e", "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835"}, {"rustfs", "rustfs rpc"},
	{"accessKey1", "verySecretKey1"}, {"0555b35654ad1656d804", "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q=="},
}

// TestFreshInstallHasNoDefaultCredentials starts a server that nobody has
// configured, and tries the pairs that other servers were shipped with (KEY-21).
func TestFreshInstallHasNoDefaultCredentials(t *testing.T) {
	t.Parallel()
	first, second := fresh(t), fresh(t)
	if first.full.secret == second.full.secret || first.full.id == second.full.id || len(first.full.secret) < 40 {
		t.Errorf("two installations have the keys %s and %s, want different ones of 40 characters and more", first.full.id, second.full.id)
	}
	w := first
	for _, p := range append(wellKnown, pair{second.full.id, second.full.secret}, pair{w.full.id, "minioadmin"}, pair{w.full.id, ""}) {
		w.s3(t, p, "GET", "/", "").oneOf(t, "ListBuckets with "+p.id, 400, 403)
		w.api(t, p, "GET", "/v1/keys", "").oneOf(t, "GET /v1/keys with "+p.id, 400, 403)
		r := w.signed(t, nobody, "GET", "/v1/keys", "")
		r.URL.Host = strings.TrimPrefix(w.console, "https://")
		r.SetBasicAuth(p.id, p.secret)
		w.do(t, r).oneOf(t, "GET /v1/keys with basic authentication by "+p.id, 400, 401, 403)
		form := "email=" + p.id + "%40example.com&password=" + p.secret
		w.do(t, request(t, w.console, "POST", "/signin", form, "Content-Type", "application/x-www-form-urlencoded")).
			oneOf(t, "sign-in as "+p.id, 400, 401, 403, 429)
	}
	for _, e := range w.errors.take() {
		// Sign-ins that come too fast are told to wait.
		if !strings.Contains(e, "/signin") {
			t.Errorf("server error: %s", e)
		}
	}
}

// fresh starts a server without any setting of credentials.
func fresh(t *testing.T) *world {
	t.Helper()
	w := &world{errors: &errorList{}, ids: map[pair]coffer.KeyID{}}
	w.server = harness.Start(t, harness.Options{TLS: true, Env: []string{"COFFER_ROOT_ACCESS_KEY_ID=", "COFFER_ROOT_SECRET_ACCESS_KEY="}})
	w.connect(t)
	keys, err := w.socket.ListKeys(t.Context(), "", false)
	if err != nil || len(keys) != 1 {
		t.Fatalf("a fresh installation has the keys %+v, %v, want one", keys, err)
	}
	k, err := w.socket.RevealKey(t.Context(), string(keys[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	w.full = w.remember(k)
	return w
}
