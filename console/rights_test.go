package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/objects"
)

// TestRights sends each form and asks for each page as each role, and looks at
// what was answered and, for refusals, that nothing changed.
func TestRights(t *testing.T) {
	const no = http.StatusForbidden
	roles := []coffer.Role{coffer.RoleOwner, coffer.RoleAdmin, coffer.RoleMember, coffer.RoleReadOnly}
	cases := []struct {
		name, method, path string
		form               []string
		want               [4]int
	}{
		{"overview", "GET", "/", nil, [4]int{200, 200, 200, 200}},
		{"list of keys", "GET", "/keys", nil, [4]int{200, 200, 200, 200}},
		{"a key", "GET", "/keys/KEY", nil, [4]int{200, 200, 200, 200}},
		{"reveal", "POST", "/keys/KEY/reveal", nil, [4]int{200, 200, no, no}},
		{"reveal on Connect", "POST", "/connect", []string{"key", "KEY"}, [4]int{200, 200, no, no}},
		{"new key", "POST", "/keys", []string{"name", "n", "scope", "everything"}, [4]int{200, 200, no, no}},
		{"rotate", "POST", "/keys/KEY/rotate", []string{"style", "new-pair", "reason", "routine"}, [4]int{200, 200, no, no}},
		{"pause", "POST", "/keys/KEY/pause", nil, [4]int{303, 303, no, no}},
		{"delete a key", "POST", "/keys/KEY/delete", nil, [4]int{303, 303, no, no}},
		{"scope", "POST", "/keys/KEY/scope", []string{"scope", "limited", "preset", "read-only", "buckets", "", "prefixes", ""}, [4]int{303, 303, no, no}},
		{"expiry", "POST", "/keys/KEY/extend", []string{"expires", "2027-01-01"}, [4]int{303, 303, no, no}},
		{"connect", "GET", "/connect", nil, [4]int{200, 200, 200, 200}},
		{"buckets", "GET", "/buckets", nil, [4]int{200, 200, 200, 200}},
		{"new bucket", "POST", "/buckets", []string{"name", "made-here"}, [4]int{303, 303, 303, no}},
		{"delete a bucket", "POST", "/buckets/empty/delete", nil, [4]int{303, 303, 303, no}},
		{"objects", "GET", "/buckets/photos/objects", nil, [4]int{200, 200, 200, 200}},
		{"download", "GET", "/buckets/photos/download?key=a%2Fb.txt", nil, [4]int{303, 303, 303, 303}},
		{"sign an upload", "POST", "/buckets/photos/sign", []string{"name", "x"}, [4]int{200, 200, 200, no}},
		{"delete an object", "POST", "/buckets/photos/erase", []string{"key", "a/b.txt"}, [4]int{303, 303, 303, no}},
		{"settings of a bucket", "GET", "/buckets/PHOTOS", nil, [4]int{200, 200, 200, 200}},
		{"access to a bucket", "GET", "/buckets/photos/access", nil, [4]int{200, 200, 200, 200}},
		{"lifecycle", "GET", "/buckets/photos/lifecycle", nil, [4]int{200, 200, 200, 200}},
		{"notifications", "GET", "/buckets/photos/notifications", nil, [4]int{200, 200, 200, 200}},
		{"versioning", "POST", "/buckets/photos/versioning", []string{"versioning", "Enabled"}, [4]int{303, 303, 303, no}},
		{"bucket tags", "POST", "/buckets/photos/tags", []string{"revision", "0", "tag_key", "a", "tag_value", "b"}, [4]int{303, 303, 303, no}},
		{"object lock", "POST", "/buckets/photos/lock", []string{"for_good", "1"}, [4]int{409, 409, 409, no}},
		{"public access block", "POST", "/buckets/photos/public-access", nil, [4]int{303, 303, 303, no}},
		{"bucket policy", "POST", "/buckets/photos/policy", []string{"revision", "0", "policy", "{}"}, [4]int{400, 400, 400, no}},
		{"delete a bucket policy", "POST", "/buckets/photos/policy/delete", nil, [4]int{303, 303, 303, no}},
		{"CORS", "POST", "/buckets/photos/cors", []string{"revision", "0", "preset", "reads"}, [4]int{303, 303, 303, no}},
		{"remove CORS", "POST", "/buckets/photos/cors/remove", []string{"revision", "0", "rule", "0"}, [4]int{303, 303, 303, no}},
		{"new lifecycle rule", "POST", "/buckets/photos/lifecycle", []string{"revision", "0", "days", "3"}, [4]int{303, 303, 303, no}},
		{"try a lifecycle rule", "POST", "/buckets/photos/lifecycle", []string{"do", "try", "days", "3"}, [4]int{200, 200, 200, no}},
		{"remove a lifecycle rule", "POST", "/buckets/photos/lifecycle/rule", []string{"revision", "0", "do", "remove", "rule", "x"}, [4]int{400, 400, 400, no}},
		{"new notification", "POST", "/buckets/photos/notifications", []string{"revision", "0", "to", "none", "event", "s3:ObjectCreated:*"}, [4]int{400, 400, 400, no}},
		{"remove a notification", "POST", "/buckets/photos/notifications/remove", []string{"revision", "0", "rule", "x"}, [4]int{303, 303, 303, no}},
		{"versions", "GET", "/buckets/photos/objects?versions=1", nil, [4]int{200, 200, 200, 200}},
		{"restore a version", "POST", "/buckets/photos/restore", []string{"key", "a/b.txt", "version", "null"}, [4]int{303, 303, 303, no}},
		{"delete a version", "POST", "/buckets/photos/erase", []string{"key", "a/b.txt", "version", "null"}, [4]int{303, 303, 303, no}},
		{"audit", "GET", "/audit", nil, [4]int{200, 200, no, no}},
		{"audit export", "GET", "/audit/export", nil, [4]int{200, 200, no, no}},
		{"members", "GET", "/members", nil, [4]int{200, 200, 200, 200}},
		{"invite a member", "POST", "/members/invite", []string{"role", "member"}, [4]int{200, 200, no, no}},
		{"invite an owner", "POST", "/members/invite", []string{"role", "owner"}, [4]int{200, no, no, no}},
		{"make oneself owner", "POST", "/members/SELF/role", []string{"role", "owner"}, [4]int{303, no, no, no}},
		{"remove the owner", "POST", "/members/OWNER/remove", nil, [4]int{http.StatusConflict, no, no, no}},
		{"reset the owner", "POST", "/members/OWNER/reset", nil, [4]int{200, no, no, no}},
		{"settings", "GET", "/settings", nil, [4]int{200, 200, 200, 200}},
		{"own name", "POST", "/settings/name", []string{"name", "N"}, [4]int{303, 303, 303, 303}},
		{"name of the account", "POST", "/settings/account", []string{"account_name", "N"}, [4]int{303, no, no, no}},
		{"end the owner's sessions", "POST", "/members/OWNER/end-sessions", nil, [4]int{303, no, no, no}},
	}
	for i, role := range roles {
		w := newWorld(t)
		// An owner who is no operator: the right over the instance is another.
		w.owner("operator@example.com")
		owner := w.owner("ann@example.com")
		who := owner
		if role != coffer.RoleOwner {
			who = owner.invite("bob@example.com", role)
		}
		for n, tt := range cases {
			key, secret := owner.key("k")
			photos, empty := fmt.Sprintf("photos-%d", n), fmt.Sprintf("empty-%d", n)
			owner.bucket(coffer.BucketName(photos), "a/b.txt", "hello")
			owner.bucket(coffer.BucketName(empty), "", "")
			fill := strings.NewReplacer("KEY", string(key.ID), "SELF", string(who.member.ID), "OWNER", string(owner.member.ID),
				"PHOTOS", photos, "/photos/", "/"+photos+"/", "/empty/", "/"+empty+"/")
			var a answer
			if tt.method == "GET" {
				a = who.get(fill.Replace(tt.path))
			} else {
				form := append([]string(nil), tt.form...)
				for j := range form {
					form[j] = fill.Replace(form[j])
				}
				a = who.post(fill.Replace(tt.path), form...)
			}
			if a.status != tt.want[i] {
				t.Errorf("%s as %s = %d, want %d\n%.600s", tt.name, role, a.status, tt.want[i], after(a.body, "<h1>"))
			}
			shown := strings.Contains(a.body, secret.Reveal())
			if want := strings.HasPrefix(tt.name, "reveal") && tt.want[i] == 200; shown != want {
				t.Errorf("%s as %s shows the secret: %v, want %v", tt.name, role, shown, want)
			}
			if now, err := w.keys.As(coffer.Caller{Operator: true}).Get(t.Context(), string(key.ID)); err != nil || tt.want[i] == no &&
				(now.Status != coffer.KeyActive || now.Rotation != nil || now.Scope != nil || !now.Expires.IsZero()) {
				t.Errorf("%s as %s was refused, and the key is %+v, %v", tt.name, role, now, err)
			}
		}
	}
}

func after(s, mark string) string {
	if _, rest, ok := strings.Cut(s, mark); ok {
		return rest
	}
	return s
}

// TestOtherAccountsAreNotThere uses the handles of another account in every
// route that takes one: each is as unknown as one that never was.
func TestOtherAccountsAreNotThere(t *testing.T) {
	w := newWorld(t)
	for _, attacker := range []string{"operator@example.com", "eve@example.com"} {
		eve := w.owner(attacker)
		victim := w.owner("victim-of-" + attacker)
		key, secret := victim.key("k")
		bucket := coffer.BucketName("bucket-of-" + strings.NewReplacer("@", "-", ".", "-").Replace(attacker))
		victim.bucket(bucket, "secret.txt", "hello")
		for _, r := range routes {
			method, path, _ := strings.Cut(r.pattern, " ")
			if r.access == accessPublic || !strings.Contains(path, "{") || strings.Contains(path, "{$}") || strings.HasSuffix(path, "/upload") {
				continue
			}
			id := string(key.ID)
			if strings.HasPrefix(path, "/members") {
				id = string(victim.member.ID)
			}
			path = strings.NewReplacer("{id}", id, "{bucket}", string(bucket)).Replace(path)
			if strings.HasSuffix(path, "/download") {
				path += "?key=secret.txt"
			}
			form := url.Values{"key": {"secret.txt"}, "name": {"taken"}, "role": {"member"}, "scope": {"everything"}, "minutes": {"5"}, "reason": {"routine"}}
			if method == "GET" {
				form = nil
			}
			a := eve.send(method, path, form)
			if a.status != http.StatusNotFound {
				t.Errorf("%s %s by %s = %d, want 404\n%.300s", method, path, attacker, a.status, after(a.body, "<h1>"))
			}
			if strings.Contains(a.body, secret.Reveal()) || strings.Contains(a.body, victim.member.Email) {
				t.Errorf("%s %s by %s tells of the other account", method, path, attacker)
			}
		}
		for _, path := range []string{"/connect", "/connect/test"} {
			if a := eve.post(path, "key", string(key.Current.AccessKeyID)); a.status != http.StatusNotFound {
				t.Errorf("POST %s with the key of another = %d, want 404", path, a.status)
			}
		}
		now, err := w.keys.As(coffer.Caller{Operator: true}).Get(t.Context(), string(key.ID))
		if err != nil || now.Status != coffer.KeyActive || now.Name != "k" || now.Rotation != nil || now.Scope != nil {
			t.Errorf("the key of the other account is %+v, %v, want it as it was", now, err)
		}
		if current := w.who(victim.tab); current.member.Role != coffer.RoleOwner {
			t.Errorf("the member of the other account is %+v, want it as it was", current.member)
		}
		s := w.objects.As(coffer.Actor{Account: victim.account.ID})
		if _, err := s.Head(t.Context(), objects.GetInput{Bucket: bucket, Key: "secret.txt"}); err != nil {
			t.Errorf("the object of the other account: %v, want it as it was", err)
		}
	}
}

func TestASecretNeedsAFreshSignIn(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, secret := p.key("k")
	w.now = w.now.Add(6 * time.Minute)
	a := p.post("/keys/" + string(key.ID) + "/reveal")
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "Confirm that it is you") || strings.Contains(a.body, secret.Reveal()) {
		t.Fatalf("reveal six minutes after the sign-in = %d, want to be asked again", a.status)
	}
	kept := []string{"kept_to", hidden(a.body, "kept_to"), "kept_form", hidden(a.body, "kept_form")}
	wrong := p.post("/again", append(kept, "password", "not that one at all")...)
	if wrong.status != http.StatusUnauthorized || strings.Contains(wrong.body, secret.Reveal()) || hidden(wrong.body, "kept_to") != kept[1] {
		t.Fatalf("a wrong password = %d, want 401 and the form still kept", wrong.status)
	}
	old := p.cookies["__Host-coffer_session"]
	right := p.post("/again", append(kept, "password", testWord)...)
	if right.status != http.StatusOK || !strings.Contains(right.body, secret.Reveal()) {
		t.Fatalf("the right password = %d, want the secret\n%.400s", right.status, after(right.body, "<h1>"))
	}
	if p.cookies["__Host-coffer_session"] == old {
		t.Error("the session kept its token through a renewed proof")
	}
	if a := p.get("/keys/" + string(key.ID)); strings.Contains(a.body, secret.Reveal()) {
		t.Error("the key's page shows the secret without being asked")
	}
	if a := p.get("/audit"); !strings.Contains(a.body, "key.reveal") {
		t.Error("the audit log does not have key.reveal")
	}
}

func TestARefusedFormKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("taken", "", "")
	for _, tt := range []struct {
		name, path string
		form       []string
		status     int
		want       []string
	}{
		{"bucket name", "/buckets", []string{"name", "Not A Name"}, 400, []string{`value="Not A Name"`, `aria-invalid="true"`, "lower-case letters"}},
		{"taken bucket", "/buckets", []string{"name", "taken"}, 409, []string{`value="taken"`}},
		{"scope of nothing", "/keys", []string{"name", "n", "scope", "limited", "preset", "", "buckets", "photos", "prefixes", ""}, 400, []string{`value="n"`, `value="photos"`, "allowed nothing"}},
		{"past day", "/keys", []string{"name", "n", "scope", "everything", "expires", "2020-01-01"}, 400, []string{`value="2020-01-01"`, "is past"}},
		{"e-mail", "/members/invite", []string{"email", "no address", "role", "admin"}, 400, []string{`value="no address"`, `value="admin" checked`}},
		{"own password", "/settings/password", []string{"old_password", "wrong wrong", "new_password", "another quiet harbour 9"}, 401, []string{`aria-invalid="true"`}},
	} {
		a := p.post(tt.path, tt.form...)
		if a.status != tt.status {
			t.Errorf("%s = %d, want %d\n%.300s", tt.name, a.status, tt.status, after(a.body, "<h1>"))
		}
		for _, want := range tt.want {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: the page lacks %s", tt.name, want)
			}
		}
	}
}

func TestALinkIsGoodForOneObjectAndOneMethod(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "a b/ü+.txt", "hello")
	a := p.get("/buckets/photos/download?" + url.Values{"key": {"a b/ü+.txt"}}.Encode())
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || to.Scheme+"://"+to.Host != testS3 || to.EscapedPath() != "/photos/a%20b/%C3%BC%2B.txt" {
		t.Fatalf("download = %d to %v, %v, want 303 to the object on %s", a.status, to, err, testS3)
	}
	q := to.Query()
	if !strings.HasPrefix(q.Get("response-content-disposition"), "attachment") || q.Get("X-Amz-Expires") != "60" {
		t.Errorf("the link's query is %v, want an attachment for 60 s", q)
	}
	id, _, _ := strings.Cut(q.Get("X-Amz-Credential"), "/")
	signer, err := w.keys.Signer(t.Context(), coffer.AccessKeyID(id), "20260301", "auto", "s3")
	if err != nil || len(signer.Keys) != 1 {
		t.Fatalf("Signer(%s) = %+v, %v", id, signer, err)
	}
	scope := signer.Actor.Scope
	if scope.Allows(coffer.PutObject, "photos", "a b/ü+.txt") || scope.Allows(coffer.GetObject, "photos", "other") || scope.Allows(coffer.GetObject, "logs", "a b/ü+.txt") ||
		!scope.Allows(coffer.GetObject, "photos", "a b/ü+.txt") {
		t.Errorf("the link's scope is %s, want reading that object only", scope)
	}
	if err := signer.Keys[0].Admit(w.now.Add(59*time.Second), true, w.now); err != nil {
		t.Errorf("Admit within the minute = %v, want nil", err)
	}
	if err := signer.Keys[0].Admit(w.now.Add(61*time.Second), true, w.now); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
		t.Errorf("Admit after the minute = %v, want InvalidAccessKeyID", err)
	}
	if all, err := w.keys.As(coffer.Caller{Operator: true}).List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("keys = %v, %v: a link shows up among them", all, err)
	}
	if _, err := w.keys.As(coffer.Caller{Operator: true}).Get(t.Context(), id); coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
		t.Errorf("Get(%s) = %v, want NoSuchKeyRecord", id, err)
	}
}
