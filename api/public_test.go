package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/sigv4"
)

// newPublic serves the console's address until the test ends, and returns its
// URL and a client of the operator beside it.
func newPublic(t *testing.T, opt Options) (string, *Client) {
	t.Helper()
	public := httptest.NewServer(Public(opt))
	t.Cleanup(public.Close)
	socket := httptest.NewServer(Handler(opt))
	t.Cleanup(socket.Close)
	return public.URL, &Client{HTTP: socket.Client(), Base: socket.URL}
}

// as returns a client that signs with the current credential of key.
func as(t *testing.T, url string, key Key) *Client {
	t.Helper()
	c, err := DialURL(url, Pair{AccessKeyID: string(key.Current.AccessKeyID), Secret: key.Current.SecretAccessKey.Secret,
		Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantError(t *testing.T, call string, err error, status int, code string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != status || e.Code != code {
		t.Errorf("%s = %+v, want %d %s", call, err, status, code)
	}
}

func newAccount(t *testing.T, operator *Client, email string) NewAccount {
	t.Helper()
	made, err := operator.CreateAccount(t.Context(), CreateAccountInput{Email: email, KeyName: "first of " + email})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAFullKeyManagesItsAccount(t *testing.T) {
	ctx := t.Context()
	opt, _ := newOptions(t)
	url, operator := newPublic(t, opt)
	made := newAccount(t, operator, "ann@example.com")
	c := as(t, url, made.Key)
	if i, err := c.Instance(ctx); err != nil || i.Region != "auto" {
		t.Errorf("Instance = %+v, %v", i, err)
	}
	scope := &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly, Buckets: []string{"photos"}}}}
	second, err := c.CreateKey(ctx, CreateKeyInput{Name: "second", Scope: scope, Expires: new(noon.Add(time.Hour))})
	if err != nil || second.Scope == nil || second.Scope.String() != "read-only on photos" || second.Expires == nil || second.Account != made.Account.ID {
		t.Fatalf("CreateKey = %+v, %v, want a scoped key of an hour", second, err)
	}
	id := string(second.ID)
	for _, step := range []struct {
		name string
		do   func() (Key, error)
		ok   func(Key) bool
	}{
		{"RenameKey", func() (Key, error) { return c.RenameKey(ctx, id, "other") }, func(k Key) bool { return k.Name == "other" }},
		{"ExtendKey", func() (Key, error) { return c.ExtendKey(ctx, id, time.Time{}) }, func(k Key) bool { return k.Expires == nil }},
		{"PauseKey", func() (Key, error) { return c.PauseKey(ctx, id) }, func(k Key) bool { return k.Status == coffer.KeyPaused }},
		{"ResumeKey", func() (Key, error) { return c.ResumeKey(ctx, id) }, func(k Key) bool { return k.Status == coffer.KeyActive }},
		{"SetKeyScope", func() (Key, error) { return c.SetKeyScope(ctx, id, nil) }, func(k Key) bool { return k.Scope == nil }},
		{"RotateKey", func() (Key, error) {
			return c.RotateKey(ctx, id, RotateInput{Reason: coffer.ReasonLeaked, ConfirmBy: noon.Add(time.Hour)})
		}, func(k Key) bool {
			return k.Outgoing != nil && k.Outgoing.AccessKeyID == second.Current.AccessKeyID && k.Rotation.Reason == coffer.ReasonLeaked &&
				k.Outgoing.SecretAccessKey.Empty() && k.Current.SecretAccessKey.Minted()
		}},
		{"ScreamTestKey", func() (Key, error) { return c.ScreamTestKey(ctx, id, 5) }, func(k Key) bool { return k.Rotation.ScreamUntil.Equal(noon.Add(5 * time.Minute)) }},
		{"CancelKey", func() (Key, error) { return c.CancelKey(ctx, id, CancelInput{}) }, func(k Key) bool { return k.Outgoing == nil && k.Current.AccessKeyID == second.Current.AccessKeyID }},
		{"DeleteKey", func() (Key, error) { return c.DeleteKey(ctx, id) }, func(k Key) bool { return k.Status == coffer.KeyDeleted }},
		{"UndeleteKey", func() (Key, error) { return c.UndeleteKey(ctx, id) }, func(k Key) bool { return k.Status == coffer.KeyActive }},
	} {
		if k, err := step.do(); err != nil || !step.ok(k) {
			t.Errorf("%s = %+v, %v", step.name, k, err)
		}
	}
	_, err = c.RevealKey(ctx, id)
	wantError(t, "RevealKey by a key", err, 403, "AccessDenied")
	_, err = c.ListAudit(ctx, AuditFilter{}, 10)
	wantError(t, "ListAudit by a key", err, 403, "AccessDenied")
	events, err := operator.ListAudit(ctx, AuditFilter{Target: id}, 100)
	if err != nil || len(events) < 11 || events[0].Who.Name != "first of ann@example.com" || events[0].Source != "127.0.0.1" {
		t.Errorf("ListAudit = %d events, %v, want each change, by the key's name and address", len(events), err)
	}
}

func TestConfirmTellsWhoUsesTheKey(t *testing.T) {
	ctx := t.Context()
	opt, _ := newOptions(t)
	url, operator := newPublic(t, opt)
	made := newAccount(t, operator, "ann@example.com")
	old := as(t, url, made.Key)
	rotated, err := operator.RotateKey(ctx, string(made.Key.ID), RotateInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.GetKey(ctx, "self"); err != nil {
		t.Errorf("GetKey with the outgoing credential: %v", err)
	}
	_, err = operator.ConfirmKey(ctx, string(made.Key.ID), ConfirmInput{})
	wantError(t, "ConfirmKey", err, 409, KeyInUse())
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.InUse == nil || len(e.InUse.Clients) != 1 || e.InUse.Clients[0].Operation != "api:getKey" || e.InUse.AccessKeyID != made.Key.Current.AccessKeyID {
		t.Fatalf("ConfirmKey = %+v, want the one who uses it", e)
	}
	if u, err := operator.KeyUsage(ctx, string(made.Key.ID)); err != nil || !u.InUse || u.IdleAt == nil || len(u.Outgoing) != 1 || u.Outgoing[0] != e.InUse.Clients[0] && u.Outgoing[0].Count != 1 {
		t.Errorf("KeyUsage = %+v, %v, want the same", u, err)
	}
	if k, err := operator.RenameKey(ctx, string(made.Key.ID), "renamed"); err != nil || k.Outgoing.LastUsed == nil || k.Outgoing.LastUsed.Operation != "api:getKey" {
		t.Errorf("RenameKey = %+v, %v, want it with when it was last used", k, err)
	}
	if k, err := operator.ConfirmKey(ctx, string(made.Key.ID), ConfirmInput{EvenIfInUse: true}); err != nil || k.Outgoing != nil {
		t.Errorf("ConfirmKey although in use = %+v, %v", k, err)
	}
	_, err = old.GetKey(ctx, "self")
	wantError(t, "GetKey with the old credential", err, 403, "InvalidAccessKeyId")
	if _, err := as(t, url, rotated).GetKey(ctx, "self"); err != nil {
		t.Errorf("GetKey with the new credential: %v", err)
	}
}

func TestAScopedKeyManagesItselfOnly(t *testing.T) {
	ctx := t.Context()
	opt, _ := newOptions(t)
	url, operator := newPublic(t, opt)
	made := newAccount(t, operator, "ann@example.com")
	scoped, err := operator.CreateKey(ctx, CreateKeyInput{Scope: &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetListOnly}}}})
	if err != nil {
		t.Fatal(err)
	}
	c := as(t, url, scoped)
	for name, err := range map[string]error{
		"ListKeys": second(c.ListKeys(ctx, "", false)), "CreateKey": second(c.CreateKey(ctx, CreateKeyInput{})),
		"GetKey": second(c.GetKey(ctx, string(made.Key.ID))), "SetKeyScope": second(c.SetKeyScope(ctx, "self", nil)),
		"RotateKey": second(c.RotateKey(ctx, "self", RotateInput{})), "ExtendKey": second(c.ExtendKey(ctx, "self", time.Time{})),
		"DeleteKey": second(c.DeleteKey(ctx, string(made.Key.ID))), "ListMembers": second(c.ListMembers(ctx, "")),
		"Invite": second(c.Invite(ctx, InviteInput{Role: coffer.RoleOwner})), "CreateAccount": second(c.CreateAccount(ctx, CreateAccountInput{Email: "x@example.com"})),
		"Reclaim": second(c.Reclaim(ctx)), "ExportAudit": c.ExportAudit(ctx, AuditFilter{}, nil),
	} {
		wantError(t, name, err, 403, "AccessDenied")
	}
	if k, err := c.GetKey(ctx, "self"); err != nil || k.ID != scoped.ID {
		t.Errorf("GetKey(self) = %+v, %v", k, err)
	}
	if k, err := c.RevokeSelf(ctx); err != nil || k.Status != coffer.KeyDeleted {
		t.Errorf("RevokeSelf = %+v, %v", k, err)
	}
	_, err = c.GetKey(ctx, "self")
	wantError(t, "GetKey after RevokeSelf", err, 403, "InvalidAccessKeyId")
}

func second[T any](_ T, err error) error { return err }

func TestWhoIsNotProvedIsRefused(t *testing.T) {
	opt, _ := newOptions(t)
	_, operator := newPublic(t, opt)
	made := newAccount(t, operator, "ann@example.com")
	id, secret := string(made.Key.Current.AccessKeyID), made.Key.Current.SecretAccessKey.Reveal()
	body := `{"name":"new"}`
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	linkID, linkSecret, err := opt.Keys.Link(coffer.Actor{Account: made.Account.ID}, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(id, secret, service, hash string, at time.Time) func(*http.Request) {
		return func(r *http.Request) { sigv4.Sign(r, id, secret, "auto", service, hash, at) }
	}
	for _, tt := range []struct {
		name   string
		sign   func(*http.Request)
		status int
		code   string
	}{
		{"Nobody", func(*http.Request) {}, 401, "SignInNeeded"},
		{"Bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 400, "InvalidArgument"},
		{"WrongSecret", sign(id, secret+"x", "coffer", hash, noon), 403, "SignatureDoesNotMatch"},
		{"UnknownID", sign("CFAK0123456789ABCDEF", secret, "coffer", hash, noon), 403, "InvalidAccessKeyId"},
		{"OtherService", sign(id, secret, "iam", hash, noon), 400, "AuthorizationHeaderMalformed"},
		{"OtherBody", sign(id, secret, "s3", strings.Repeat("0", 64), noon), 400, "ContentSHA256Mismatch"},
		{"OtherBodyUnsaid", sign(id, secret, "coffer", strings.Repeat("0", 64), noon), 403, "SignatureDoesNotMatch"},
		{"UnsignedBody", sign(id, secret, "s3", "UNSIGNED-PAYLOAD", noon), 400, "InvalidRequest"},
		{"Old", sign(id, secret, "coffer", hash, noon.Add(-16*time.Minute)), 403, "RequestTimeTooSkewed"},
		{"LinkCredential", sign(string(linkID), linkSecret.Reveal(), "s3", hash, noon), 403, "AccessDenied"},
		{"SessionToken", func(r *http.Request) {
			r.Header.Set("X-Amz-Security-Token", "x")
			sign(id, secret, "s3", hash, noon)(r)
		}, 400, "InvalidToken"},
		{"UnsignedHeader", func(r *http.Request) {
			sign(id, secret, "s3", hash, noon)(r)
			r.Header.Set("X-Amz-Acl", "private")
		}, 403, "AccessDenied"},
		{"PresignedForS3", func(r *http.Request) { sigv4.Presign(r, id, secret, "auto", "s3", time.Minute, noon) }, 400, "AuthorizationQueryParametersError"},
		{"Presigned", func(r *http.Request) { sigv4.Presign(r, id, secret, "auto", "coffer", time.Minute, noon) }, 403, "AccessDenied"},
		{"S3", sign(id, secret, "s3", hash, noon), 200, ""},
		{"Coffer", sign(id, secret, "coffer", hash, noon), 200, ""},
	} {
		before := opt.state(t)
		r := httptest.NewRequest("POST", "https://console.example.com/v1/keys", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		tt.sign(r)
		w := httptest.NewRecorder()
		Public(opt).ServeHTTP(w, r)
		var answer errorAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != tt.status || answer.Error.Code != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, w.Code, w.Body, tt.status, tt.code)
		}
		if after := opt.state(t); (after == before) != (tt.status != 200) {
			t.Errorf("%s: the state is %s, was %s", tt.name, after, before)
		}
	}
}

// state is all that the interface could change, but for when keys were used.
func (opt Options) state(t *testing.T) string {
	t.Helper()
	ctx, door := context.WithoutCancel(t.Context()), coffer.Caller{Operator: true}
	all, err := opt.Keys.As(door).List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].Current.LastUsed = nil
		if all[i].Rotation != nil {
			all[i].Rotation.Outgoing.LastUsed = nil
		}
	}
	list, err := opt.Accounts.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	state := []any{all, list}
	for _, a := range list {
		members, err := opt.Accounts.As(door).Members(ctx, a.ID)
		links, err2 := opt.Accounts.As(door).Links(ctx, a.ID)
		events, _, err3 := opt.Audit.As(door).List(ctx, a.ID, auditAll, "", 1000)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		state = append(state, members, links, events)
	}
	b, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
