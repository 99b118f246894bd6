package console

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"coffer"
)

const readsOnePolicy = `{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject"],
    "Resource": "arn:aws:s3:::photos/2026/*"
  }]
}`

// key reads the key of the name.
func (w *world) keyNamed(name string) coffer.Key {
	w.t.Helper()
	all, err := w.keys.As(coffer.Caller{Operator: true}).List(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range all {
		if k.Name == name {
			return k
		}
	}
	return coffer.Key{}
}

// area reads a text area, as a browser would show it.
func area(body, name string) string {
	_, rest, _ := strings.Cut(body, `name="`+name+`"`)
	_, rest, _ = strings.Cut(rest, ">\n")
	text, _, _ := strings.Cut(rest, "</textarea>")
	return html.UnescapeString(text)
}

func TestAKeyIsMadeWithAPolicy(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	form := p.get("/keys/new")
	if !strings.Contains(form.body, `name="scope" value="policy"`) || !strings.Contains(area(form.body, "policy"), "arn:aws:s3:::my-bucket/*") {
		t.Fatalf("GET /keys/new = %d, want a policy to begin with\n%s", form.status, form.body)
	}
	const want = "s3:GetObject, s3:PutObject on photos/2026/"
	send := []string{"name", "ci", "scope", "policy", "policy", strings.ReplaceAll(readsOnePolicy, "\n", "\r\n"), "preset", "full", "buckets", "", "prefixes", "", "expires", "2030-01-01"}
	a := p.post("/keys", append(send, "check", "1")...)
	if a.status != http.StatusOK || !strings.Contains(a.body, want) || !strings.Contains(a.body, "not saved yet") || area(a.body, "policy") != readsOnePolicy {
		t.Errorf("POST /keys to say what it allows = %d, want 200, %q and the policy as it was\n%s", a.status, want, a.body)
	}
	if k := w.keyNamed("ci"); k.ID != "" {
		t.Errorf("asking what a policy allows made the key %s", k.ID)
	}
	a = p.post("/keys", send...)
	if a.status != http.StatusOK || !strings.Contains(a.body, "ci is ready") {
		t.Fatalf("POST /keys with a policy = %d, want the key\n%s", a.status, a.body)
	}
	k := w.keyNamed("ci")
	if got := k.Scope.String(); got != want {
		t.Errorf("the key's scope is %s, want %s", got, want)
	}
	if k.Scope.Allows(coffer.DeleteObject, "photos", "2026/a") || k.Scope.Allows(coffer.GetObject, "photos", "2025/a") || !k.Scope.Allows(coffer.PutObject, "photos", "2026/a") {
		t.Errorf("the key's scope %s does not allow what the policy says", k.Scope)
	}
}

// TestAWrongPolicyLosesNothing holds that an error says where it is and what to do, and
// that all that was typed is there again.
func TestAWrongPolicyLosesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, _ := p.key("k")
	wrong := strings.Replace(readsOnePolicy, "s3:PutObject", "s3:PutObj<ct", 1)
	for _, path := range []string{"/keys", "/keys/" + string(key.ID) + "/scope"} {
		for _, check := range []string{"", "1"} {
			a := p.post(path, "name", "new", "scope", "policy", "policy", wrong, "preset", "list-only", "buckets", "logs-*", "prefixes", "a/", "expires", "2030-01-01", "check", check)
			for _, part := range []string{"s3:PutObj&lt;ct", "Statement[0].Action", "did you mean s3:PutObject?", `aria-invalid="true"`, `aria-describedby="h-policy e-policy"`, `value="policy" checked`,
				`value="list-only" selected`, `value="logs-*"`, `value="a/"`} {
				if a.status != http.StatusBadRequest || !strings.Contains(a.body, part) {
					t.Errorf("POST %s with a wrong policy = %d, want 400 and %s", path, a.status, part)
				}
			}
			if path == "/keys" && (!strings.Contains(a.body, `value="2030-01-01"`) || !strings.Contains(a.body, `value="new"`)) {
				t.Errorf("POST %s with a wrong policy forgets the name or the last day", path)
			}
			if got := area(a.body, "policy"); got != wrong {
				t.Errorf("POST %s with a wrong policy shows the policy %q, want as it was", path, got)
			}
		}
	}
	for _, tt := range []struct{ name, policy, want string }{
		{"Empty", " \r\n", "There is no policy in the field"},
		{"TooLong", `{"Version":"2012-10-17","Id":"` + strings.Repeat("a", 21<<10) + `"}`, "may have up to 20480"},
		{"Deny", strings.Replace(readsOnePolicy, "Allow", "Deny", 1), "only allows"},
	} {
		if a := p.post("/keys", "name", "new", "scope", "policy", "policy", tt.policy); a.status != http.StatusBadRequest || !strings.Contains(a.body, tt.want) {
			t.Errorf("%s: POST /keys = %d, want 400 and %q", tt.name, a.status, tt.want)
		}
	}
	if a := p.post("/keys", "name", "new", "scope", "polciy", "policy", readsOnePolicy); a.status != http.StatusBadRequest {
		t.Errorf("POST /keys with a way that there is not = %d, want 400", a.status)
	}
	if k := w.keyNamed("new"); k.ID != "" || w.keyNamed("k").Scope != nil {
		t.Error("a wrong policy made a key, or changed one")
	}
}

func TestAScopeIsShownAsAPolicyAndChanged(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, _ := p.key("k")
	path := "/keys/" + string(key.ID)
	if got := area(p.get(path).body, "policy"); !strings.Contains(got, `"s3:*"`) {
		t.Errorf("the policy of everything is shown as %s", got)
	}
	save := func(pairs ...string) answer {
		return p.post(path+"/scope", append(pairs, "revision", hidden(p.get(path).body, "revision"))...)
	}
	if a := save("scope", "limited", "preset", "read-only", "buckets", "photos", "prefixes", "2026/"); a.status != http.StatusSeeOther {
		t.Fatalf("POST scope, lines = %d, want 303\n%s", a.status, a.body)
	}
	shown := area(p.get(path).body, "policy")
	if !strings.Contains(shown, "arn:aws:s3:::photos/2026/*") {
		t.Fatalf("read-only on photos/2026/ is shown as\n%s", shown)
	}
	// As it is shown it is the same scope, said by its preset.
	if a := save("scope", "policy", "policy", shown); a.status != http.StatusSeeOther || w.keyNamed("k").Scope.String() != "read-only on photos/2026/" {
		t.Errorf("POST scope, the policy that is shown = %d, the scope is %s, want read-only on photos/2026/", a.status, w.keyNamed("k").Scope)
	}
	if a := save("scope", "policy", "policy", readsOnePolicy); a.status != http.StatusSeeOther {
		t.Fatalf("POST scope, a policy = %d\n%s", a.status, a.body)
	}
	a := p.get(path)
	if !strings.Contains(a.body, `value="policy" checked`) || !strings.Contains(a.body, "s3:GetObject, s3:PutObject on photos/2026/") {
		t.Errorf("after a policy the page shows another way, or not what it allows\n%s", a.body)
	}
	// What a person typed in another way does not count.
	if a := save("scope", "everything", "policy", readsOnePolicy, "preset", "read-only", "buckets", "photos", "prefixes", ""); a.status != http.StatusSeeOther || w.keyNamed("k").Scope != nil {
		t.Errorf("POST scope, everything = %d, the scope is %s", a.status, w.keyNamed("k").Scope)
	}
}

// TestTwoPeopleChangeOneScope holds that the second of two forms that were opened on
// the same scope tells of the first, and counts when it is sent again.
func TestTwoPeopleChangeOneScope(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	bob := p.invite("bob@example.com", coffer.RoleAdmin)
	key, _ := p.key("k")
	path := "/keys/" + string(key.ID)
	was := hidden(p.get(path).body, "revision")
	if a := bob.post(path+"/scope", "revision", was, "scope", "limited", "preset", "list-only", "buckets", "", "prefixes", ""); a.status != http.StatusSeeOther {
		t.Fatalf("POST scope = %d\n%s", a.status, a.body)
	}
	a := p.post(path+"/scope", "revision", was, "scope", "policy", "policy", readsOnePolicy)
	if a.status != http.StatusConflict || !strings.Contains(a.body, "Somebody has changed the scope in the meantime") || !strings.Contains(a.body, "list-only on all buckets") || area(a.body, "policy") != readsOnePolicy {
		t.Errorf("POST scope after another one = %d, want 409, what the scope is now, and what was typed\n%s", a.status, a.body)
	}
	if got := w.keyNamed("k").Scope.String(); got != "list-only on all buckets" {
		t.Errorf("the scope is %s, want that of the first", got)
	}
	if a := p.post(path+"/scope", "revision", hidden(a.body, "revision"), "scope", "policy", "policy", readsOnePolicy); a.status != http.StatusSeeOther {
		t.Errorf("POST scope once more = %d, want 303", a.status)
	}
}

func TestWhoMayOnlyLookChangesNoScope(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, _ := p.key("k")
	for _, role := range []coffer.Role{coffer.RoleMember, coffer.RoleReadOnly} {
		b := p.invite(string(role)+"@example.com", role)
		path := "/keys/" + string(key.ID)
		for _, more := range [][]string{nil, {"check", "1"}} {
			if a := b.post(path+"/scope", append(more, "scope", "policy", "policy", readsOnePolicy)...); a.status == http.StatusSeeOther || w.keyNamed("k").Scope != nil {
				t.Errorf("%s: POST scope %v = %d, the scope is %s", role, more, a.status, w.keyNamed("k").Scope)
			}
		}
		if a := b.get(path); strings.Contains(a.body, `name="policy"`) {
			t.Errorf("%s sees the form of the scope", role)
		}
	}
}
