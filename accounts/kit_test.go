package accounts

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/pquerna/otp/hotp"

	"coffer"
	"coffer/audit"
	"coffer/meta"
	"coffer/meta/pebble"
)

const goodPassword = "violet teapot harbour 9"

var laptop = Client{Source: "192.0.2.7", UserAgent: "Firefox"}

// cheap makes hashing cost nothing, so that tests can do much of it.
var cheap = cost{memoryKiB: 8, passes: 1, lanes: 1}

func secret(s string) coffer.Secret { return coffer.NewSecretFrom(s) }

// testSealer is AES-GCM under a fixed key, bound to the context.
func testSealer(t testing.TB) Sealer {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return Sealer{
		Seal: func(context string, plain []byte) ([]byte, error) {
			nonce := make([]byte, aead.NonceSize())
			if _, err := rand.Read(nonce); err != nil {
				return nil, err
			}
			return aead.Seal(nonce, nonce, plain, []byte(context)), nil
		},
		Open: func(context string, sealed []byte) ([]byte, error) {
			if len(sealed) < aead.NonceSize() {
				return nil, errors.New("cut")
			}
			return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(context))
		},
	}
}

// world is a Service in memory, its clock and its log.
type world struct {
	*Service
	t     testing.TB
	fs    *vfs.MemFS
	store *pebble.Store
	log   *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	return openWorld(t, vfs.NewCrashableMem(), noon, change...)
}

func openWorld(t testing.TB, fs *vfs.MemFS, now time.Time, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, fs: fs, now: now, log: &bytes.Buffer{}}
	var err error
	w.store, err = pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { w.store.Close() })
	t.Cleanup(func() { wantFound(t, w.store) })
	opt := Options{Meta: w.store, Now: w.clock, Rand: rand.Reader, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
		Sealer: testSealer(t), RPID: "localhost", Origins: []string{"http://localhost:9001"}}
	for _, fn := range change {
		fn(&opt)
	}
	if w.Service, err = New(opt); err != nil {
		t.Fatalf("New: %v", err)
	}
	w.hasher, err = newHasher(cheap, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// crash returns the world as the next start finds it after a power cut.
func (w *world) crash(change ...func(*Options)) *world {
	w.t.Helper()
	return openWorld(w.t, w.fs.CrashClone(vfs.CrashCloneCfg{}), w.clock(), change...)
}

// ann is someone who is signed in.
type ann struct {
	w       *world
	member  coffer.Member
	token   coffer.Secret
	device  coffer.Secret
	session Session
	seed    string
	codes   []coffer.Secret
	phone   *authenticator
}

// caller is what Authenticate says of a.
func (a *ann) caller() coffer.Caller {
	a.w.t.Helper()
	cur, err := a.w.Authenticate(a.w.t.Context(), a.token, laptop)
	if err != nil {
		a.w.t.Fatalf("Authenticate: %v", err)
	}
	return cur.Caller
}

func (a *ann) door() Door {
	a.w.t.Helper()
	return a.w.As(a.caller())
}

// code is what the app shows now.
func (a *ann) code() string { return codeAt(a.w.t, a.seed, a.w.clock()) }

func codeAt(t testing.TB, seed string, at time.Time) string {
	t.Helper()
	code, err := hotp.GenerateCode(seed, uint64(at.Unix()/totpPeriod))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// owner is the first member, with an authenticator app.
func (w *world) owner() *ann {
	w.t.Helper()
	link, err := w.SetupLink(w.t.Context())
	if err != nil {
		w.t.Fatalf("SetupLink: %v", err)
	}
	return w.join(link, "ann@example.com")
}

// join redeems a link and adds an authenticator app.
func (w *world) join(link Link, email string) *ann {
	w.t.Helper()
	step, err := w.Redeem(w.t.Context(), link.Token, RedeemInput{Email: email, Name: "A", Password: secret(goodPassword)}, laptop)
	if err != nil || step.Started == nil {
		w.t.Fatalf("Redeem = %+v, %v, want a session", step, err)
	}
	a := &ann{w: w, member: step.Started.Member, token: step.Started.Token, device: step.Started.Device, session: step.Started.Session}
	a.addTOTP()
	return a
}

func (a *ann) addTOTP() {
	a.w.t.Helper()
	setup, err := a.door().BeginTOTP(a.w.t.Context())
	if err != nil {
		a.w.t.Fatalf("BeginTOTP: %v", err)
	}
	a.seed = setup.Key.Reveal()
	codes, err := a.door().FinishTOTP(a.w.t.Context(), setup.Token, a.code(), a.session.ID)
	if err != nil {
		a.w.t.Fatalf("FinishTOTP: %v", err)
	}
	if codes != nil {
		a.codes = codes
	}
}

func (a *ann) addPasskey() {
	a.w.t.Helper()
	ch, err := a.door().BeginPasskey(a.w.t.Context())
	if err != nil {
		a.w.t.Fatalf("BeginPasskey: %v", err)
	}
	a.phone = newAuthenticator(a.w.t)
	if _, _, err := a.door().FinishPasskey(a.w.t.Context(), ch.Token, "phone", a.phone.create(ch.Passkey), a.session.ID); err != nil {
		a.w.t.Fatalf("FinishPasskey: %v (%v)", err, errors.Unwrap(err))
	}
}

// member invites a further member.
func (a *ann) invite(email string, role coffer.Role) *ann {
	a.w.t.Helper()
	link, err := a.door().Invite(a.w.t.Context(), a.member.Account, InviteInput{Email: email, Role: role})
	if err != nil {
		a.w.t.Fatalf("Invite(%s, %s): %v", email, role, err)
	}
	return a.w.join(link, "")
}

// signIn is the whole of it, with password and app.
func (a *ann) signIn(c Client) (Started, error) {
	a.w.t.Helper()
	step, err := a.w.SignIn(a.w.t.Context(), a.member.Email, secret(goodPassword), c)
	if err != nil {
		return Started{}, err
	}
	return a.w.SignInTOTP(a.w.t.Context(), step.Challenge.Token, a.code(), c)
}

// actions are the audited actions of an account, the oldest first.
func (w *world) events(account coffer.AccountID) (all []audit.Event) {
	w.t.Helper()
	log := &audit.Log{Meta: w.store, Now: w.clock}
	all, _, err := log.As(coffer.Caller{Operator: true}).List(w.t.Context(), account, audit.Filter{}, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// rows is everything under the prefixes that this package writes, as one text:
// two states are equal if it is.
func (w *world) rows() string {
	w.t.Helper()
	var b bytes.Buffer
	err := w.store.View(w.t.Context(), func(r meta.Reader) error {
		for _, p := range []byte{meta.PrefixAccount, meta.PrefixMember, meta.PrefixMemberEmail, meta.PrefixSession, meta.PrefixLink} {
			if err := each(r, []byte{p}, func(k, v []byte) error {
				b.Write(k)
				b.Write(v)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func wantCode(t testing.TB, what string, err error, want coffer.Code) {
	t.Helper()
	if err == nil || coffer.CodeOf(err) != want {
		t.Errorf("%s = %v, want error code %d", what, err, want)
	}
}
