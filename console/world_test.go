package console

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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

const (
	testConsole = "https://console.example.com"
	testS3      = "https://s3.example.com"
	testWord    = "quiet harbour lantern 27"
)

// world is a console over real services on stores in memory.
type world struct {
	t        *testing.T
	console  *Console
	accounts *accounts.Service
	keys     *keys.Service
	objects  *objects.Service
	audit    *audit.Log
	traffic  *audit.Traffic
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon}
	now := func() time.Time { return w.now }
	logger := slog.New(slog.DiscardHandler)
	store, err := pebble.Open("meta", pebble.Options{FS: vfs.NewMem(), Logger: logger, Fatal: func(err error) { t.Errorf("Fatal(%v)", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.keys, err = keys.Open(t.Context(), keys.Options{Meta: store, Now: now, Rand: rand.Reader, Logger: logger, Reveal: true,
		Master: keys.Master{Secret: coffer.NewSecretFrom(strings.Repeat("m", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.keys.Close() })
	w.accounts, err = accounts.New(accounts.Options{Meta: store, Now: now, Rand: rand.Reader, Logger: logger, PasswordAlone: true,
		RPID: "console.example.com", Origins: []string{testConsole}, Sealer: accounts.Sealer{Seal: w.keys.Seal, Open: w.keys.Unseal}})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(disk.Options{FS: vfs.NewMem(), Dirs: []string{"blobs"}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.objects, err = objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: now, Rand: rand.Reader, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	w.audit = &audit.Log{Meta: store, Now: now}
	w.traffic = &audit.Traffic{Meta: store, Now: now}
	w.console, err = New(Options{Accounts: w.accounts, Keys: w.keys, Objects: w.objects, Audit: w.audit, Traffic: w.traffic, Now: now, Rand: rand.Reader,
		Logger: logger, ConsoleURL: testConsole, S3URL: func() string { return testS3 }, Region: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// tab is a browser: it keeps cookies and nothing else.
type tab struct {
	w       *world
	cookies map[string]string
}

func (w *world) tab() *tab { return &tab{w, map[string]string{}} }

// answer is what the console sent.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request as a browser on the console's own page would.
func (b *tab) send(method, path string, form url.Values, change ...func(*http.Request)) answer {
	b.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, path, body)
	r.Host = "console.example.com"
	r.Header.Set("User-Agent", "test")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", testConsole)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, fn := range change {
		fn(r)
	}
	rec := httptest.NewRecorder()
	b.w.console.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{rec.Code, rec.Header(), rec.Body.String()}
}

func (b *tab) get(path string) answer { b.w.t.Helper(); return b.send("GET", path, nil) }

// post sends a form; pairs are names and values.
func (b *tab) post(path string, pairs ...string) answer {
	b.w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.send("POST", path, form)
}

// person is a member who is signed in.
type person struct {
	*tab
	member  coffer.Member
	account coffer.Account
}

// owner makes an account with its first member; the first one ever is the
// operator too, as in life.
func (w *world) owner(email string) person {
	w.t.Helper()
	ctx := w.t.Context()
	if any, err := w.accounts.HasMembers(ctx); err != nil || !any {
		link, err := w.accounts.SetupLink(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.join(link, email)
	}
	account, err := w.accounts.Create(ctx, "account-of-"+email, "")
	if err != nil {
		w.t.Fatal(err)
	}
	link, err := w.accounts.As(coffer.Caller{Operator: true}).Invite(ctx, account.ID, accounts.InviteInput{Email: email, Role: coffer.RoleOwner})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.join(link, email)
}

// member adds a member to the account of p.
func (p person) invite(email string, role coffer.Role) person {
	p.w.t.Helper()
	link, err := p.w.accounts.As(coffer.Caller{Operator: true}).Invite(p.w.t.Context(), p.account.ID, accounts.InviteInput{Email: email, Role: role})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return p.w.join(link, email)
}

// join follows a link through the console.
func (w *world) join(link accounts.Link, email string) person {
	w.t.Helper()
	b := w.tab()
	if a := b.post(joinPath(link), "email", email, "password", testWord); a.status != http.StatusSeeOther {
		w.t.Fatalf("join as %s = %d, want 303\n%s", email, a.status, a.body)
	}
	return w.who(b)
}

// who tells who is signed in in a tab.
func (w *world) who(b *tab) person {
	w.t.Helper()
	current, err := w.accounts.Authenticate(w.t.Context(), coffer.NewSecretFrom(b.cookies["__Host-coffer_session"]), accounts.Client{Source: "192.0.2.1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return person{b, current.Member, current.Account}
}

// key makes a key of the account of p.
func (p person) key(name string) (coffer.Key, coffer.Secret) {
	p.w.t.Helper()
	key, secret, err := p.w.keys.As(coffer.Caller{Operator: true, Name: "test"}).Create(p.w.t.Context(), p.account, keys.CreateInput{Name: name})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return key, secret
}

// bucket makes a bucket of the account of p with one object.
func (p person) bucket(name coffer.BucketName, key, content string) {
	p.w.t.Helper()
	s := p.w.objects.As(coffer.Actor{Account: p.account.ID, Canonical: p.account.Canonical})
	if _, err := s.CreateBucket(context.Background(), name, "auto"); err != nil {
		p.w.t.Fatal(err)
	}
	if key == "" {
		return
	}
	if _, err := s.Put(context.Background(), objects.PutInput{Bucket: name, Key: key, Body: strings.NewReader(content), Size: int64(len(content))}); err != nil {
		p.w.t.Fatal(err)
	}
}

// use counts a request signed with a key's credential, as the S3 front does.
func (w *world) use(id coffer.AccessKeyID, agent string) {
	w.t.Helper()
	signer, err := w.keys.Signer(w.t.Context(), id, w.now.UTC().Format("20060102"), "auto", "s3")
	if err != nil {
		w.t.Fatal(err)
	}
	w.keys.Used(signer.Keys[0], keys.Use{Time: w.now, UserAgent: agent, Operation: "ListBuckets", Region: "auto"})
}
