package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/sigv4"
)

var auditAll = audit.Filter{}

// tenant is an account with all that the interface can name.
type tenant struct {
	account    Account
	key        Key
	member     accounts.MemberInfo
	invitation accounts.Link
}

func newTenant(t *testing.T, opt Options, email string) tenant {
	t.Helper()
	ctx, operator := t.Context(), coffer.Caller{Operator: true}
	socket := httptest.NewServer(Handler(opt))
	defer socket.Close()
	made := newAccount(t, &Client{HTTP: socket.Client(), Base: socket.URL}, email)
	door := opt.Accounts.As(operator)
	link, err := door.Invite(ctx, made.Account.ID, accounts.InviteInput{Email: email, Role: coffer.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	in := accounts.RedeemInput{Name: "owner", Password: coffer.NewSecretFrom("a horse that eats batteries")}
	if _, err := opt.Accounts.Redeem(ctx, link.Token, in, accounts.Client{}); err != nil {
		t.Fatal(err)
	}
	out := tenant{account: made.Account, key: made.Key}
	if _, err := opt.Objects.As(coffer.Actor{Account: made.Account.ID}).CreateBucket(ctx, coffer.BucketName("b"+string(made.Account.ID)), "auto"); err != nil {
		t.Fatal(err)
	}
	rules := coffer.Lifecycle{TransitionMinimum: coffer.TransitionMinimumAll, Rules: []coffer.LifecycleRule{
		{ID: "first of ann", Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered}, AbortDays: 1}}}
	if err := opt.Objects.As(coffer.Actor{Account: made.Account.ID}).PutBucketLifecycle(ctx, coffer.BucketName("b"+string(made.Account.ID)), rules); err != nil {
		t.Fatal(err)
	}
	if out.member, err = door.Member(ctx, made.Account.ID, email); err != nil {
		t.Fatal(err)
	}
	if out.invitation, err = door.Invite(ctx, made.Account.ID, accounts.InviteInput{Role: coffer.RoleMember}); err != nil {
		t.Fatal(err)
	}
	return out
}

// bodies has a body that works for each call that takes one; ACCOUNT stands for
// an account.
var bodies = map[string]string{
	"reclaim": `{}`, "checkInstance": `{}`, "startScrub": `{}`, "createAccount": `{"email":"new@example.com"}`, "createKey": `{"account":"ACCOUNT"}`,
	"changeKey": `{"name":"mine now"}`, "setKeyScope": `{"scope":null}`, "rotateKey": `{}`, "confirmKey": `{"even_if_in_use":true}`,
	"cancelKey": `{"even_if_in_use":true}`, "screamTest": `{"minutes":1}`, "changeMember": `{"role":"read-only"}`,
	"resetMember": `{"factors":true}`, "invite": `{"account":"ACCOUNT","role":"read-only"}`,
	"changeAccountQuota": `{"bytes":1000}`, "changeBucketQuota": `{"objects":2}`,
}

// targets are the requests of a route with the handles of a tenant.
func (x tenant) targets(r route) []string {
	path := r.path
	if r.verb != "" {
		path += ":" + r.verb
	}
	var out []string
	for _, key := range []string{string(x.key.ID), string(x.key.Current.AccessKeyID)} {
		p := strings.NewReplacer("{key}", key, "{member}", string(x.member.ID), "{invitation}", string(x.invitation.ID),
			"{account}", string(x.account.ID), "{bucket}", "b"+string(x.account.ID), "{webhook}", "hook").Replace(path)
		out = append(out, p)
		for _, f := range queryFields(r.query) {
			if f.Tag.Get("query") == "account" {
				out = append(out, p+"?account="+string(x.account.ID), p+"?account="+x.account.Email)
			}
		}
	}
	return out
}

// own are the calls that are about the caller, whatever the handles say.
var own = map[string]bool{"getInstance": true, "getOpenAPI": true, "revokeSelf": true, "listAccounts": true}

// TestOneAccountCannotReachAnother makes every call of the table with the handles
// of another account, as its full key and as its owner.
func TestOneAccountCannotReachAnother(t *testing.T) {
	opt, _ := newOptions(t)
	ann, bob := newTenant(t, opt, "ann@example.com"), newTenant(t, opt, "bob@example.com")
	opt.Session = func(r *http.Request) (coffer.Caller, bool, error) {
		return coffer.Caller{Account: bob.account.ID, Member: bob.member.ID, Role: coffer.RoleOwner, Name: bob.member.Email, Fresh: true}, true, nil
	}
	h := Public(opt)
	call := func(method, target, body string, signed bool) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://console.example.com"+target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if signed {
			sum := sha256.Sum256([]byte(body))
			sigv4.Sign(r, string(bob.key.Current.AccessKeyID), bob.key.Current.SecretAccessKey.Reveal(), "auto", "coffer", hex.EncodeToString(sum[:]), noon)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	before := opt.state(t)
	tried := 0
	for _, r := range routes {
		body := bodies[r.id]
		if r.body != reflect.TypeFor[none]() && body == "" {
			t.Errorf("%s takes a body, and bodies has none for it", r.id)
		}
		body = strings.ReplaceAll(body, "ACCOUNT", string(ann.account.ID))
		if own[r.id] {
			continue
		}
		for _, target := range ann.targets(r) {
			if !strings.Contains(r.path, "{") && !strings.Contains(target, "?") && !strings.Contains(body, string(ann.account.ID)) && r.access != operators {
				continue // without a handle of hers it is a call about his own
			}
			for _, signed := range []bool{true, false} {
				w := call(r.method, target, body, signed)
				if tried++; w.Code != 403 && w.Code != 404 {
					t.Errorf("%s %s %s, signed %t: %d %s, want 403 or 404", r.method, target, body, signed, w.Code, w.Body)
				}
				for _, hers := range []string{ann.member.Email + "\"", "first of ann"} {
					if text := w.Body.String(); strings.Contains(text, hers) && !strings.Contains(target, ann.member.Email) {
						t.Errorf("%s %s, signed %t: the answer tells of her: %s", r.method, target, signed, text)
					}
				}
			}
		}
	}
	if after := opt.state(t); after != before {
		t.Errorf("the state changed:\n%s\nwas:\n%s", after, before)
	}
	if tried < 60 {
		t.Errorf("%d calls were made, want each of the table", tried)
	}
	for _, target := range []string{"/v1/accounts", "/v1/keys", "/v1/members", "/v1/invitations", "/v1/audit"} {
		if w := call("GET", target, "", false); w.Code != 200 || strings.Contains(w.Body.String(), string(ann.account.ID)) || !strings.Contains(w.Body.String(), string(bob.account.ID)) {
			t.Errorf("GET %s = %d %s, want what is his and nothing of hers", target, w.Code, w.Body)
		}
	}
}

// TestTheBodiesWork makes sure that the calls above fail for the handles, not for
// the bodies: the operator makes each of them.
func TestTheBodiesWork(t *testing.T) {
	opt, _ := newOptions(t)
	newTenant(t, opt, "other@example.com")
	for _, r := range routes {
		if own[r.id] || r.id == "revealKey" && r.verb == "" {
			continue
		}
		ann := newTenant(t, opt, r.id+"@example.com")
		if r.id == "confirmKey" || r.id == "cancelKey" || r.id == "screamTest" {
			if w := send(Handler(opt), "POST", "/v1/keys/"+string(ann.key.ID)+":rotate", "{}"); w.Code != 200 {
				t.Fatalf("rotate: %d %s", w.Code, w.Body)
			}
		}
		if strings.HasSuffix(r.id, "Member") { // the last owner may not change
			door := opt.Accounts.As(coffer.Caller{Operator: true})
			link, err := door.Invite(t.Context(), ann.account.ID, accounts.InviteInput{Email: "second-" + r.id + "@example.com", Role: coffer.RoleOwner})
			if err == nil {
				_, err = opt.Accounts.Redeem(t.Context(), link.Token, accounts.RedeemInput{Password: coffer.NewSecretFrom("a horse that eats batteries")}, accounts.Client{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		body := strings.ReplaceAll(bodies[r.id], "ACCOUNT", string(ann.account.ID))
		if w := send(Handler(opt), r.method, ann.targets(r)[0], body); w.Code != 200 {
			t.Errorf("%s %s %s = %d %s, want 200", r.method, ann.targets(r)[0], body, w.Code, w.Body)
		}
	}
}

func TestASessionNeedsItsOwnOrigin(t *testing.T) {
	opt, _ := newOptions(t)
	ann := newTenant(t, opt, "ann@example.com")
	opt.Session = func(*http.Request) (coffer.Caller, bool, error) {
		return coffer.Caller{Account: ann.account.ID, Member: ann.member.ID, Role: coffer.RoleOwner, Name: "ann", Fresh: true}, true, nil
	}
	for _, tt := range []struct {
		name, header, value string
		status              int
	}{
		{"SameOrigin", "Sec-Fetch-Site", "same-origin", 200},
		{"OwnOriginBehindAProxy", "Origin", "https://console.example.com", 200},
		{"CrossSite", "Sec-Fetch-Site", "cross-site", 403},
		{"SameSite", "Sec-Fetch-Site", "same-site", 403},
		{"OtherOrigin", "Origin", "https://evil.example", 403},
		{"NullOrigin", "Origin", "null", 403},
		{"PlainText", "Content-Type", "text/plain", 415},
	} {
		for method, target := range map[string]string{"POST": ":pause", "PATCH": "", "DELETE": ""} {
			if method == "DELETE" && tt.status != 403 {
				continue
			}
			before := opt.state(t)
			body := map[string]string{"PATCH": `{"name":"` + tt.name + method + `"}`}[method]
			r := httptest.NewRequest(method, "http://internal:9001/v1/keys/"+string(ann.key.ID)+target, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(tt.header, tt.value)
			w := httptest.NewRecorder()
			if Public(opt).ServeHTTP(w, r); w.Code != tt.status {
				t.Errorf("%s: %s = %d %s, want %d", tt.name, method, w.Code, w.Body, tt.status)
			}
			if tt.status != 200 && opt.state(t) != before {
				t.Errorf("%s: %s changed something", tt.name, method)
			}
		}
	}
}

func TestASessionWithoutItsFactorDoesNothing(t *testing.T) {
	opt, _ := newOptions(t)
	ann := newTenant(t, opt, "ann@example.com")
	opt.Session = func(*http.Request) (coffer.Caller, bool, error) {
		return coffer.Caller{Account: ann.account.ID, Member: ann.member.ID, Name: "ann", Fresh: true}, true, nil
	}
	before := opt.state(t)
	for _, r := range routes {
		if r.access == anyone {
			continue
		}
		if w := send(Public(opt), r.method, ann.targets(r)[0], strings.ReplaceAll(bodies[r.id], "ACCOUNT", string(ann.account.ID))); w.Code != 403 {
			t.Errorf("%s = %d %s, want 403", r.id, w.Code, w.Body)
		}
	}
	if after := opt.state(t); after != before {
		t.Errorf("the state changed: %s", after)
	}
}

func TestAuditAsJSONLines(t *testing.T) {
	opt, _ := newOptions(t)
	newTenant(t, opt, "ann@example.com")
	_, operator := newPublic(t, opt)
	var out strings.Builder
	if err := operator.ExportAudit(t.Context(), AuditFilter{Account: "ann@example.com", Action: "key."}, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	var e audit.Event
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || len(lines) != 1 || e.Action != "key.create" || e.Who.Kind != audit.KindOperator {
		t.Errorf("ExportAudit = %q, %v, want the event of the first key", lines, err)
	}
	all, err := operator.ListAudit(t.Context(), AuditFilter{}, 1)
	if err != nil || len(all) != 1 {
		t.Errorf("ListAudit = %+v, %v, want one event", all, err)
	}
}

func TestPagesMakeTheWhole(t *testing.T) {
	opt, _ := newOptions(t)
	h := Handler(opt)
	send(h, "POST", "/v1/accounts", `{"email":"a@example.com"}`)
	send(h, "POST", "/v1/accounts", `{"email":"b@example.com"}`)
	for range 5 {
		send(h, "POST", "/v1/keys", `{"account":"a@example.com"}`)
		send(h, "POST", "/v1/keys", `{"account":"b@example.com"}`)
	}
	seen := map[coffer.KeyID]bool{}
	after := ""
	for n := 1; ; n++ {
		var list keyList
		if err := json.Unmarshal(send(h, "GET", "/v1/keys?max=5"+after, "").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, k := range list.Keys {
			seen[k.ID] = true
		}
		if after = "&after=" + list.Next; list.Next == "" {
			if n != 3 || len(seen) != 12 || len(list.Keys) != 2 {
				t.Errorf("%d pages have %d keys, the last %d, want 3, 12 and 2", n, len(seen), len(list.Keys))
			}
			return
		}
	}
}
