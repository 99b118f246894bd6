package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/blob/disk"
	"coffer/keys"
	"coffer/meta/pebble"
	"coffer/objects"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newOptions is the interface over an empty store in memory, and its log.
func newOptions(t *testing.T) (Options, *bytes.Buffer) {
	t.Helper()
	store, err := pebble.Open("db", pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	now := func() time.Time { return noon }
	service, err := keys.Open(t.Context(), keys.Options{Meta: store, Now: now, Rand: rand.Reader, Logger: logger,
		Master: keys.Master{Secret: coffer.NewSecretFrom(strings.Repeat("m", 32))}, Reveal: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	members, err := accounts.New(accounts.Options{Meta: store, Now: now, Rand: rand.Reader, Logger: logger,
		Sealer: accounts.Sealer{Seal: service.Seal, Open: service.Unseal}})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(disk.Options{FS: vfs.NewMem(), Dirs: []string{"blobs"}})
	if err != nil {
		t.Fatal(err)
	}
	buckets, err := objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: now, Rand: rand.Reader, Logger: logger,
		Webhooks: []coffer.Webhook{{Name: "hook", URL: coffer.NewSecretFrom("https://sink.example")}}})
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Accounts: members, Keys: service, Objects: buckets, Audit: &audit.Log{Meta: store, Now: now},
		Logger: logger, Now: now, Rand: rand.Reader, Version: coffer.Version,
		ConsoleURL: "https://console.example.com",
		LinkURL:    func(l accounts.Link) string { return "https://console.example.com/invite/" + l.Token.Reveal() },
		Endpoint:   func() string { return "http://127.0.0.1:9000" }, Region: "auto",
		Check: func(context.Context, coffer.Caller, CheckInput, func(Found) error) (objects.Checked, error) {
			return objects.Checked{}, nil
		},
		Reclaim: func(context.Context) (ReclaimReport, error) { return ReclaimReport{Blobs: 2, Bytes: 3}, nil },
	}, &log
}

// newClient serves the interface on a socket at path until the test ends.
func newClient(t *testing.T, path string, opt Options) *Client {
	t.Helper()
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatalf("ListenUnix(%q): %v", path, err)
	}
	server := &http.Server{Handler: Handler(opt)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() { server.Close(); <-done })
	return Dial(path)
}

func TestLifeOfAKeyOverTheSocket(t *testing.T) {
	ctx := t.Context()
	opt, log := newOptions(t)
	c := newClient(t, filepath.Join(t.TempDir(), "admin.sock"), opt)

	made, err := c.CreateAccount(ctx, CreateAccountInput{Email: "ann@example.com", Name: "Ann", KeyName: "first"})
	if err != nil {
		t.Fatalf("CreateAccount: %v", err)
	}
	secret := made.Key.Current.SecretAccessKey
	if made.Key.Account != made.Account.ID || made.Key.Name != "first" || len(secret.Reveal()) != 40 || !made.Key.Created.Equal(noon) {
		t.Errorf("CreateAccount = %+v, want a first key with its secret", made)
	}
	if all, err := c.ListAccounts(ctx); err != nil || len(all) != 1 || all[0] != made.Account {
		t.Errorf("ListAccounts = %+v, %v, want %+v", all, err, made.Account)
	}
	id := string(made.Key.Current.AccessKeyID)
	if key, err := c.GetKey(ctx, id); err != nil || key.ID != made.Key.ID || !key.Current.SecretAccessKey.Empty() {
		t.Errorf("GetKey = %+v, %v, want the key without its secret", key, err)
	}
	if key, err := c.RevealKey(ctx, string(made.Key.ID)); err != nil || !key.Current.SecretAccessKey.Equal(secret.Secret) {
		t.Errorf("RevealKey = %+v, %v, want the key with its secret", key, err)
	}

	imported := coffer.NewSecretFrom(`quo"ted<&>secret`)
	second, err := c.CreateKey(ctx, CreateKeyInput{Name: "second", // the only account there is
		Import: &ImportedPair{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: PlainSecret{imported}}})
	if err != nil || second.Account != made.Account.ID || !second.Current.SecretAccessKey.Equal(imported) {
		t.Errorf("CreateKey = %+v, %v, want the imported pair", second, err)
	}
	for account, want := range map[string]int{"": 2, "ann@example.com": 2, string(made.Account.ID): 2} {
		if list, err := c.ListKeys(ctx, account, false); err != nil || len(list) != want {
			t.Errorf("ListKeys(%q) = %+v, %v, want %d", account, list, err, want)
		}
	}
	if key, err := c.DeleteKey(ctx, id); err != nil || key.Status != coffer.KeyDeleted || !key.Deleted.Equal(noon) {
		t.Errorf("DeleteKey = %+v, %v, want it deleted", key, err)
	}
	signer, err := opt.Keys.Signer(ctx, made.Key.Current.AccessKeyID, "20260301", "auto", "s3")
	if err != nil || coffer.CodeOf(signer.Keys[0].Admit(noon, false, noon)) != coffer.InvalidAccessKeyID {
		t.Errorf("Signer after DeleteKey = %+v, %v, want one that is refused as InvalidAccessKeyID", signer, err)
	}
	for deleted, want := range map[bool]int{false: 1, true: 2} {
		if list, err := c.ListKeys(ctx, "", deleted); err != nil || len(list) != want {
			t.Errorf("ListKeys(deleted %t) = %+v, %v, want %d", deleted, list, err, want)
		}
	}
	if report, err := c.Reclaim(ctx); err != nil || report != (ReclaimReport{2, 3}) {
		t.Errorf("Reclaim = %+v, %v, want 2 and 3", report, err)
	}
	if i, err := c.Instance(ctx); err != nil || i != (Instance{coffer.Version, "http://127.0.0.1:9000", "auto"}) {
		t.Errorf("Instance = %+v, %v", i, err)
	}
	logged := log.String()
	if !strings.Contains(logged, "secret revealed") || strings.Contains(logged, secret.Reveal()) || strings.Contains(logged, "ted<&>") {
		t.Errorf("the log lacks the reveal or has a secret:\n%s", logged)
	}
}

func TestAnswersAreAsDocumented(t *testing.T) {
	opt, _ := newOptions(t)
	h := Handler(opt)
	w := send(h, "POST", "/v1/accounts", `{"email":"ann@example.com"}`)
	var answer struct {
		Account map[string]any
		Key     map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	current, _ := answer.Key["current"].(map[string]any)
	for name, v := range map[string]any{"account.id": answer.Account["id"], "account.email": answer.Account["email"],
		"key.id": answer.Key["id"], "key.account": answer.Key["account"], "key.created": answer.Key["created"],
		"current.access_key_id": current["access_key_id"], "current.secret_access_key": current["secret_access_key"]} {
		if s, _ := v.(string); s == "" || s == "[secret]" {
			t.Errorf("%s is %q in %s", name, v, w.Body)
		}
	}
	if answer.Key["status"] != "active" {
		t.Errorf("key.status is %q, want active", answer.Key["status"])
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w := send(h, "GET", "/v1/keys", ""); strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "deleted") {
		t.Errorf("GET /v1/keys = %s, want neither a secret nor a time of deletion", w.Body)
	}
	for _, name := range []string{"scope", "expires", "outgoing"} {
		if v, ok := answer.Key[name]; !ok || v != nil {
			t.Errorf("key.%s is %v, %t, want null", name, v, ok)
		}
	}
	empty, _ := newOptions(t)
	if w := send(Handler(empty), "GET", "/v1/keys", ""); w.Body.String() != `{"keys":[]}`+"\n" {
		t.Errorf("GET /v1/keys of nothing = %s", w.Body)
	}
}

func send(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if method != "GET" && method != "DELETE" {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRefusals(t *testing.T) {
	opt, log := newOptions(t)
	h := Handler(opt)
	if w := send(h, "POST", "/v1/accounts", `{"email":"ann@example.com"}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	big := `{"email":"x@example.com","name":"` + strings.Repeat("x", bodyBytesMax) + `"}`
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
		code                       string
	}{
		{"UnknownPath", "GET", "/v2/keys", "", 404, "NotFound"},
		{"UnknownVerb", "POST", "/v1/keys/x:explode", "", 404, "NotFound"},
		{"WrongMethod", "PUT", "/v1/keys", "", 405, "MethodNotAllowed"},
		{"VerbNeedsPost", "GET", "/v1/keys/x:reveal", "", 405, "MethodNotAllowed"},
		{"PostNeedsVerb", "POST", "/v1/keys/x", "", 405, "MethodNotAllowed"},
		{"PatchOfNothing", "PATCH", "/v1/keys/x", `{}`, 400, "InvalidRequest"},
		{"CreateThatEndsInTheYear1", "POST", "/v1/keys", `{"name":"a","expires":"0001-01-01T00:00:00Z"}`, 400, "InvalidArgument"},
		{"PatchOfTwoThings", "PATCH", "/v1/keys/x", `{"name":"a","expires":null}`, 400, "InvalidRequest"},
		{"PatchOfTheRole", "PATCH", "/v1/keys/x", `{"account":"1"}`, 400, "InvalidRequest"},
		{"PatchToDeleted", "PATCH", "/v1/keys/x", `{"status":"deleted"}`, 400, "InvalidArgument"},
		{"ScopeThatIsNotThere", "PUT", "/v1/keys/x/scope", `{}`, 400, "InvalidRequest"},
		{"UnknownFieldOfAScope", "PUT", "/v1/keys/x/scope", `{"scope":{"grants":[],"policy":1}}`, 400, "InvalidRequest"},
		{"ScopeOfAnActionThatIsNone", "POST", "/v1/keys", `{"scope":{"grants":[{"actions":["s3:GetObjcet"]}]}}`, 400, "InvalidRequest"},
		{"ScopeOfActionsByWildcard", "PUT", "/v1/keys/x/scope", `{"scope":{"grants":[{"actions":["s3:*"]}]}}`, 400, "InvalidRequest"},
		{"ScopeOfAPresetAndActions", "POST", "/v1/keys", `{"scope":{"grants":[{"preset":"read-only","actions":["s3:PutObject"]}]}}`, 400, "InvalidArgument"},
		{"ScopeOfNoActions", "POST", "/v1/keys", `{"scope":{"grants":[{"actions":[]}]}}`, 400, "InvalidArgument"},
		{"ScopeOfNull", "PUT", "/v1/keys/x/scope", `null`, 400, "InvalidRequest"},
		{"RevokeOfTheOperator", "POST", "/v1/keys/self:revoke", ``, 403, "AccessDenied"},
		{"BadPage", "GET", "/v1/keys?max=0", "", 400, "InvalidArgument"},
		{"LongPage", "GET", "/v1/keys?max=1001", "", 400, "InvalidArgument"},
		{"BadTime", "GET", "/v1/audit?from=yesterday", "", 400, "InvalidArgument"},
		{"BadEvent", "GET", "/v1/audit?after=evt_1", "", 400, "InvalidArgument"},
		{"BadRole", "POST", "/v1/invitations", `{"role":"root"}`, 400, "InvalidArgument"},
		{"NoSuchMember", "DELETE", "/v1/members/bob@example.com", "", 404, "NoSuchMember"},
		{"NoSuchLink", "DELETE", "/v1/invitations/lnk_1", "", 404, "NoSuchLink"},
		{"UnknownField", "POST", "/v1/keys", `{"policy":"*"}`, 400, "InvalidRequest"},
		{"NestedUnknownField", "POST", "/v1/keys", `{"import":{"access_key_id":"a","x":1}}`, 400, "InvalidRequest"},
		{"TrailingBytes", "POST", "/v1/keys", `{} {}`, 400, "InvalidRequest"},
		{"EmptyBody", "POST", "/v1/accounts", ``, 400, "InvalidRequest"},
		{"CutBody", "POST", "/v1/accounts", `{"email":`, 400, "InvalidRequest"},
		{"WrongType", "POST", "/v1/accounts", `{"email":7}`, 400, "InvalidRequest"},
		{"TooLong", "POST", "/v1/accounts", big, 413, "EntityTooLarge"},
		{"BodyOfAReveal", "POST", "/v1/keys/x:reveal", `{"a":1}`, 400, "InvalidRequest"},
		{"BadEmail", "POST", "/v1/accounts", `{"email":"ann"}`, 400, "InvalidArgument"},
		{"BadKeyName", "POST", "/v1/accounts", `{"email":"new@example.com","key_name":"a\nb"}`, 400, "InvalidArgument"},
		{"SameEmail", "POST", "/v1/accounts", `{"email":"ANN@example.com"}`, 409, "AccountExists"},
		{"NoSuchAccount", "POST", "/v1/keys", `{"account":"bob@example.com"}`, 404, "NoSuchAccount"},
		{"ListOfNoAccount", "GET", "/v1/keys?account=1", "", 404, "NoSuchAccount"},
		{"ListOfEmptyAccount", "GET", "/v1/keys?account=", "", 404, "NoSuchAccount"},
		{"UnknownParameter", "GET", "/v1/keys?acount=1", "", 400, "InvalidArgument"},
		{"ParameterTwice", "GET", "/v1/keys?account=1&account=2", "", 400, "InvalidArgument"},
		{"BadBool", "GET", "/v1/keys?deleted=maybe", "", 400, "InvalidArgument"},
		{"NoSuchKey", "GET", "/v1/keys/CFAK0000", "", 404, "NoSuchKey"},
		{"RevealOfNoKey", "POST", "/v1/keys/key_0:reveal", "", 404, "NoSuchKey"},
		{"DeleteOfNoKey", "DELETE", "/v1/keys/%00%ff", "", 404, "NoSuchKey"},
		{"BadImport", "POST", "/v1/keys", `{"import":{"access_key_id":"short","secret_access_key":"topsecret"}}`, 400, "InvalidArgument"},
	} {
		w := send(h, tt.method, tt.target, tt.body)
		var answer errorAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != tt.status || answer.Error.Code != tt.code {
			t.Errorf("%s: %s %s = %d %s, want %d %s", tt.name, tt.method, tt.target, w.Code, w.Body, tt.status, tt.code)
		}
		if e := answer.Error; e.Message == "" || e.RequestID == "" || e.RequestID != w.Header().Get("X-Request-Id") ||
			strings.Contains(e.Message, "topsecret") {
			t.Errorf("%s: the error is %+v, want a message, the request's ID and no secret", tt.name, e)
		}
	}
	if all, err := opt.Keys.As(coffer.Caller{Operator: true}).List(t.Context(), ""); err != nil || len(all) != 1 {
		t.Errorf("after the refusals there are %d keys, %v, want 1", len(all), err)
	}
	if strings.Contains(log.String(), "topsecret") {
		t.Error("the log has a secret")
	}
}

func TestAPostNeedsTheJSONType(t *testing.T) {
	opt, _ := newOptions(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", ";"} {
		for _, target := range []string{"/v1/keys", "/v1/instance:reclaim"} {
			r := httptest.NewRequest("POST", target, strings.NewReader("{}"))
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			if Handler(opt).ServeHTTP(w, r); w.Code != http.StatusUnsupportedMediaType {
				t.Errorf("POST %s with Content-Type %q = %d, want 415", target, kind, w.Code)
			}
		}
	}
}

func TestTwoAccountsMustBeNamed(t *testing.T) {
	opt, _ := newOptions(t)
	h := Handler(opt)
	for _, body := range []string{`{"email":"a@example.com"}`, `{"email":"b@example.com"}`} {
		send(h, "POST", "/v1/accounts", body)
	}
	if w := send(h, "POST", "/v1/keys", `{}`); w.Code != 400 || !strings.Contains(w.Body.String(), "2 accounts") {
		t.Errorf("POST /v1/keys without an account = %d %s, want 400", w.Code, w.Body)
	}
	if w := send(h, "POST", "/v1/keys", `{"account":"b@example.com"}`); w.Code != 200 {
		t.Errorf("POST /v1/keys = %d %s, want 200", w.Code, w.Body)
	}
}

func TestEveryCodeHasAnAnswer(t *testing.T) {
	names := map[string]coffer.Code{}
	for code := range coffer.CodeCount {
		line := wire[code]
		if line.name == "" || line.status < 400 || http.StatusText(line.status) == "" {
			t.Errorf("code %d is %+v, want a name and a status of an error", code, line)
		}
		if other, ok := names[line.name]; ok {
			t.Errorf("codes %d and %d are both %s", other, code, line.name)
		}
		names[line.name] = code
	}
}

func TestInternalErrorsStayInTheLog(t *testing.T) {
	opt, log := newOptions(t)
	opt.Reclaim = func(context.Context) (ReclaimReport, error) {
		return ReclaimReport{}, fmt.Errorf("open /data/blobs/00: %w", io.ErrUnexpectedEOF)
	}
	c := newClient(t, filepath.Join(t.TempDir(), "s"), opt)
	_, err := c.Reclaim(t.Context())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != 500 || e.Code != "InternalError" || strings.Contains(e.Message, "blobs") || !strings.Contains(e.Message, e.RequestID) {
		t.Errorf("Reclaim = %+v, want an internal error that names the request only", err)
	}
	if e != nil && (!strings.Contains(log.String(), "/data/blobs/00") || !strings.Contains(log.String(), e.RequestID)) {
		t.Errorf("the log does not tell why:\n%s", log)
	}
}

func TestAPlainSecretPrintsOnlyAsJSON(t *testing.T) {
	key := Key{ID: "key_1", Current: Credential{AccessKeyID: "AKIA", SecretAccessKey: PlainSecret{coffer.NewSecretFrom("topsecret")}}}
	var out bytes.Buffer
	for _, v := range []any{key, &key, key.Current, []Key{key}, NewAccount{Key: key}, CreateKeyInput{Import: &ImportedPair{SecretAccessKey: key.Current.SecretAccessKey}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	for _, v := range []any{key, key.Current, key.Current.SecretAccessKey} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	if s := out.String(); strings.Contains(s, "topsecret") || strings.Contains(s, fmt.Sprintf("%x", "topsecret")) {
		t.Errorf("the secret is printed: %s", s)
	}
	b, err := json.Marshal(key)
	var back Key
	if err != nil || json.Unmarshal(b, &back) != nil || back.Current.SecretAccessKey.Reveal() != "topsecret" {
		t.Errorf("the JSON %s (%v) does not give the secret to its owner", b, err)
	}
}
