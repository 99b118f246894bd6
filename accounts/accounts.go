// Package accounts makes and finds accounts, the tenants that own buckets and
// keys, and their members: the people who sign in. It proves who they are, by
// password, authenticator app, passkey or recovery code, keeps their sessions,
// and checks what each may change. It knows nothing of access keys, of buckets,
// of HTTP or of mail.
//
// # Ways in
//
// All that a member can sign in with, each as strong as the others (ASVS 5,
// 6.3.4): password and authenticator app; password and passkey; a passkey alone
// that verified who holds it; password and one of ten recovery codes. A member
// without a second factor gets a session that can do nothing but add one. Links
// are made with 256 random bits and used once: setup (1 hour), invitation (7
// days), reset (24 hours); a reset still asks for the second factor unless its
// maker, who knows the person, chose to begin that anew.
//
// # Guessing
//
// Failures slow the next try down: after the free ones the pause is 1 s and
// doubles up to a longest one; an hour without a failure forgets. Tries that run
// at once count before they are answered.
//
//	what                        free   longest pause
//	a source (IPv6: its /64)      20   5 minutes
//	an e-mail address             10   30 seconds
//	a known browser               10   5 minutes, instead of the two above
//	second factor of a member      5   5 minutes, needs the right password
//
// Nobody can lock a person out with that. A browser that signed in before is known
// for 180 days and has a count of its own, which strangers cannot reach; passkeys
// are never slowed down; and for all others the pause is short and the same for
// an address that does not exist. At most four passwords are hashed at a time and
// 64 wait; who comes then is told that sign-in is busy. A wrong password and an
// unknown address cost the same work and get the same text.
//
// # Sessions
//
// A session ends after 30 minutes without a request, after 12 hours in any case,
// when it is ended from any browser of the member or by an admin, and with a new
// password. A member has ten; the one that was idle for longest makes room. Its
// token is new at each sign-in and each renewed proof, and only its SHA-256 is
// stored.
package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"coffer"
	"coffer/meta"
)

// idTries bounds the search for an unused ID. With 9·10¹¹ IDs a second try is
// rare; a tenth means that the source of randomness repeats itself.
const idTries = 10

// errTaken says that a random ID is in use.
var errTaken = errors.New("the ID is taken")

// The ends of a session, unless Options say otherwise.
const (
	usualIdle     = 30 * time.Minute
	usualAbsolute = 12 * time.Hour
	usualIssuer   = "coffer"
)

// Options is what a Service is made of.
type Options struct {
	Meta meta.Store
	Now  func() time.Time
	// Rand is where IDs, tokens, seeds and salts come from: crypto/rand.Reader.
	Rand   io.Reader
	Logger *slog.Logger
	// Sealer keeps the seeds of authenticator apps.
	Sealer Sealer

	// RPID is the host name of the console and Origins the addresses it is opened
	// at, scheme and port included. Without a host name there are no passkeys.
	RPID    string
	Origins []string
	// Issuer is what authenticator apps and browsers call this instance.
	Issuer string
	// Idle and Absolute are the ends of a session; zero is 30 minutes and 12 hours.
	Idle, Absolute time.Duration
	// PasswordAlone lets members go without a second factor. Passwords must be
	// longer then.
	PasswordAlone bool
}

// Service keeps the accounts and members of one store. Its methods may be called
// from many goroutines.
type Service struct {
	meta          meta.Store
	now           func() time.Time
	rand          io.Reader
	log           *slog.Logger
	sealer        Sealer
	webauthn      *webauthn.WebAuthn // nil: no passkeys
	issuer        string
	idle          time.Duration
	absolute      time.Duration
	passwordAlone bool

	hasher   *hasher
	box      box
	failures *failures
	// Who failed how often: sources and addresses of strangers, known browsers,
	// members at their second factor.
	slowSource, slowEmail, slowDevice, slowFactor *throttle
}

// New makes a Service. It reads and writes nothing yet.
func New(opt Options) (*Service, error) {
	if opt.Sealer.Seal == nil || opt.Sealer.Open == nil {
		return nil, errors.New("open accounts: there is nothing to seal with")
	}
	if opt.Issuer == "" {
		opt.Issuer = usualIssuer
	}
	w, err := newWebAuthn(opt)
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	h, err := newHasher(usualCost, opt.Rand)
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	s := &Service{meta: opt.Meta, now: opt.Now, rand: opt.Rand, log: opt.Logger, sealer: opt.Sealer, webauthn: w,
		issuer: opt.Issuer, idle: opt.Idle, absolute: opt.Absolute, passwordAlone: opt.PasswordAlone,
		hasher: h, failures: newFailures(),
		slowSource: newThrottle(ruleSource), slowEmail: newThrottle(ruleEmail),
		slowDevice: newThrottle(ruleDevice), slowFactor: newThrottle(ruleFactor)}
	if s.idle <= 0 {
		s.idle = usualIdle
	}
	if s.absolute <= 0 {
		s.absolute = usualAbsolute
	}
	return s, nil
}

// Create makes an account. An e-mail address, compared without regard to case,
// belongs to one account: a second one is refused as AccountExists. It checks
// nobody's rights; it is for the server's own first start. See Door.CreateAccount.
func (s *Service) Create(ctx context.Context, email, name string) (coffer.Account, error) {
	return s.create(ctx, coffer.Caller{}, email, name)
}

func (s *Service) create(ctx context.Context, by coffer.Caller, email, name string) (coffer.Account, error) {
	email, err := coffer.ParseEmail(email)
	if err != nil {
		return coffer.Account{}, err
	}
	if name, err = coffer.ParseName(name); err != nil {
		return coffer.Account{}, err
	}
	var a coffer.Account
	for range idTries {
		if a, err = s.drawAccount(email, name); err != nil {
			return coffer.Account{}, err
		}
		err = s.meta.Update(ctx, func(tx meta.Tx) error {
			if err := insert(tx, a); err != nil {
				return err
			}
			return s.write(ctx, tx, by, a.ID, actionAccountCreate, string(a.ID), nil, fields{"email": email, "name": name})
		})
		if !errors.Is(err, errTaken) {
			break
		}
	}
	if err != nil {
		return coffer.Account{}, wrapf(err, "create account "+email)
	}
	return a, nil
}

// drawAccount gives a new account its IDs.
func (s *Service) drawAccount(email, name string) (a coffer.Account, err error) {
	if name, err = coffer.ParseName(name); err != nil {
		return a, err
	}
	a = coffer.Account{Email: email, Name: name, Created: s.time()}
	if a.ID, err = coffer.NewAccountID(s.rand); err != nil {
		return a, fmt.Errorf("make account ID: %w", err)
	}
	if a.Canonical, err = coffer.NewCanonicalID(s.rand); err != nil {
		return a, fmt.Errorf("make canonical ID: %w", err)
	}
	return a, nil
}

func insert(tx meta.Tx, a coffer.Account) error {
	switch _, err := tx.Get(emailKey(a.Email)); {
	case err == nil:
		return coffer.Errorf(coffer.AccountExists, "an account with the e-mail address %s exists already", a.Email)
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	switch _, err := tx.Get(accountKey(a.ID)); {
	case err == nil:
		return errTaken
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	if err := tx.Set(accountKey(a.ID), encodeAccount(a)); err != nil {
		return err
	}
	return errors.Join(
		tx.Set(emailKey(a.Email), encodeEmail(a.ID)),
		tx.Set(canonicalKey(a.Canonical), encodeEmail(a.ID)))
}

// List returns all accounts in the order of their IDs.
func (s *Service) List(ctx context.Context) ([]coffer.Account, error) {
	var all []coffer.Account
	err := s.meta.View(ctx, func(r meta.Reader) error {
		return each(r, meta.Key(meta.PrefixAccount), func(key, value []byte) error {
			a, err := decodeAccount(value)
			if err != nil {
				return fmt.Errorf("account %q: %w", key[1:], err)
			}
			all = append(all, a)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// Get returns the account with an ID, or NoSuchAccount.
func (s *Service) Get(ctx context.Context, id coffer.AccountID) (coffer.Account, error) {
	return s.find(ctx, string(id), func(meta.Reader) (coffer.AccountID, error) { return id, nil })
}

// ByEmail returns the account with an e-mail address, in any case, or
// NoSuchAccount.
func (s *Service) ByEmail(ctx context.Context, email string) (coffer.Account, error) {
	return s.find(ctx, email, func(r meta.Reader) (coffer.AccountID, error) {
		value, err := r.Get(emailKey(strings.ToLower(email)))
		if err != nil {
			return "", err
		}
		return decodeEmail(value)
	})
}

// ByCanonical returns the account with a canonical ID, or NoSuchAccount.
func (s *Service) ByCanonical(ctx context.Context, id coffer.CanonicalID) (coffer.Account, error) {
	return s.find(ctx, string(id), func(r meta.Reader) (coffer.AccountID, error) {
		value, err := r.Get(canonicalKey(id))
		if err != nil {
			return "", err
		}
		return decodeEmail(value)
	})
}

// canonicalLen is the length of a canonical ID, which no other name of an account
// has.
const canonicalLen = 64

// Find returns the account that handle names: an e-mail address if it has an @, a
// canonical ID if it has 64 characters, an ID otherwise.
func (s *Service) Find(ctx context.Context, handle string) (coffer.Account, error) {
	switch {
	case strings.Contains(handle, "@"):
		return s.ByEmail(ctx, handle)
	case len(handle) == canonicalLen:
		return s.ByCanonical(ctx, coffer.CanonicalID(handle))
	}
	return s.Get(ctx, coffer.AccountID(handle))
}

// handleMax is longer than any ID and any e-mail address, and short enough for
// a key of the store.
const handleMax = 254

func (s *Service) find(ctx context.Context, handle string,
	id func(meta.Reader) (coffer.AccountID, error)) (coffer.Account, error) {
	var a coffer.Account
	err := meta.ErrNotFound
	if handle != "" && len(handle) <= handleMax {
		err = s.meta.View(ctx, func(r meta.Reader) error {
			id, err := id(r)
			if err != nil {
				return err
			}
			value, err := r.Get(accountKey(id))
			if errors.Is(err, meta.ErrNotFound) && string(id) != handle {
				return fmt.Errorf("its record names the account %s, which is missing", id)
			}
			if err != nil {
				return err
			}
			a, err = decodeAccount(value)
			return err
		})
	}
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return coffer.Account{}, errNoAccount(handle)
	case err != nil:
		return coffer.Account{}, fmt.Errorf("read account %q: %w", handle, err)
	}
	return a, nil
}

func errNoAccount(handle string) error {
	return coffer.Errorf(coffer.NoSuchAccount, "there is no account %.254q", handle)
}

// readAccount returns an account, or NoSuchAccount.
func readAccount(r meta.Reader, id coffer.AccountID) (coffer.Account, error) {
	if !isID(string(id)) {
		return coffer.Account{}, errNoAccount(string(id))
	}
	value, err := r.Get(accountKey(id))
	if errors.Is(err, meta.ErrNotFound) {
		return coffer.Account{}, errNoAccount(string(id))
	}
	if err != nil {
		return coffer.Account{}, err
	}
	return decodeAccount(value)
}

// wrapf says what was being done when err happened. An error that has a code is
// for the caller and says so itself.
func wrapf(err error, doing string) error {
	if err == nil || coffer.CodeOf(err) != coffer.Internal {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// userAgentMax bounds what is stored of what a browser says it is.
const userAgentMax = 256

func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > userAgentMax {
		s = strings.ToValidUTF8(s[:userAgentMax], "")
	}
	return s
}

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
