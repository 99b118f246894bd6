package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// SessionID names a session, for its owner to end it. It is no secret.
type SessionID string

// Session is one browser that is signed in.
type Session struct {
	ID        SessionID
	Account   coffer.AccountID
	Member    coffer.MemberID
	Source    string
	UserAgent string
	// Method is how the member signed in: "password+totp", "passkey" and so on.
	Method  string
	Created time.Time
	// LastSeen is up to a minute behind.
	LastSeen time.Time
	// Fresh is when the member last proved who they are.
	Fresh time.Time
	// Ends is when it ends at the latest.
	Ends time.Time

	// strong: signed in with a second factor, or one was added in it.
	strong bool
}

// Current is what a request with a good session token may go on with.
type Current struct {
	Caller  coffer.Caller
	Session Session
	Member  coffer.Member
	Account coffer.Account
	// NeedsFactor: the member must add a second factor first. Caller has neither a
	// role nor the operator's right until then.
	NeedsFactor bool
	FreshUntil  time.Time
}

const (
	// sessionsMax is how many sessions a member has; the one that was idle for
	// longest ends when one more begins.
	sessionsMax = 10
	tokenBytes  = 32
	// touchAfter is how far LastSeen falls behind before it is written.
	touchAfter = time.Minute
	// freshFor is how long a proof is good for secrets and security settings.
	freshFor = 5 * time.Minute
	// tokenMax is longer than any token.
	tokenMax = 256
)

// tokenSplit stands between whose a token is and its random part.
const tokenSplit = "."

// newToken makes a random token that says whose it is, so that its row is found
// among theirs.
func newToken(rand io.Reader, whose string) (coffer.Secret, error) {
	b := make([]byte, tokenBytes)
	if _, err := io.ReadFull(rand, b); err != nil {
		return coffer.Secret{}, fmt.Errorf("read randomness: %w", err)
	}
	return coffer.NewSecretFrom(whose + tokenSplit + base64.RawURLEncoding.EncodeToString(b)), nil
}

// tokenRow is the key of the row that a token leads to, which has only its hash.
func tokenRow(prefix byte, token coffer.Secret) (key []byte, whose string, ok bool) {
	text := token.Reveal()
	whose, _, ok = strings.Cut(text, tokenSplit)
	if !ok || !isID(whose) || len(text) > tokenMax {
		return nil, "", false
	}
	sum := sha256.Sum256([]byte(text))
	return meta.Key(prefix, meta.KeyText(whose), sum[:]), whose, true
}

// newID makes a random ID that is no secret.
func newID(rand io.Reader, prefix string) (string, error) {
	var b [10]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return prefix + hex.EncodeToString(b[:]), nil
}

func sessionsPrefix(id coffer.MemberID) []byte {
	return meta.Key(meta.PrefixSession, meta.KeyText(string(id)))
}

func errSignIn() error {
	return coffer.Errorf(coffer.SignInNeeded, "you are not signed in, or the session has ended: sign in")
}

// alive tells whether a session is still good. One that was seen in a time to come
// was so by a clock that was ahead, and would be good for as long as that was.
func (s *Service) alive(x Session, now time.Time) bool {
	return !s.over(x, now) && x.LastSeen.Sub(now) < s.idle
}

// over tells whether the time of a session has passed.
func (s *Service) over(x Session, now time.Time) bool {
	return !now.Before(x.Ends) || now.Sub(x.LastSeen) >= s.idle
}

// readSession returns the session of token with its member, or SignInNeeded.
func (s *Service) readSession(r meta.Reader, token coffer.Secret) (key []byte, x Session, m *member, err error) {
	key, _, ok := tokenRow(meta.PrefixSession, token)
	if !ok {
		return nil, x, nil, errSignIn()
	}
	value, err := r.Get(key)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, x, nil, errSignIn()
	}
	if err != nil {
		return nil, x, nil, err
	}
	if x, err = decodeSession(value); err != nil {
		return nil, x, nil, err
	}
	m, err = readMember(r, x.Account, x.Member)
	if coffer.CodeOf(err) == coffer.NoSuchMember {
		err = errSignIn()
	}
	if err == nil && !s.alive(x, s.time()) {
		return key, x, m, errSignIn()
	}
	return key, x, m, err
}

// Authenticate returns who a session's token belongs to, or SignInNeeded. Rights
// are read anew each time, so a change of them holds from the next request on.
func (s *Service) Authenticate(ctx context.Context, token coffer.Secret, c Client) (Current, error) {
	var x Session
	var m *member
	var account coffer.Account
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var err error
		if _, x, m, err = s.readSession(r, token); err != nil {
			return err
		}
		account, err = readAccount(r, x.Account)
		return err
	})
	if coffer.CodeOf(err) == coffer.SignInNeeded && x.ID != "" {
		// It was there and its time is over: it must not come back with the clock.
		return Current{}, errors.Join(s.expireSession(ctx, token), err)
	}
	if err != nil {
		return Current{}, wrapf(err, "read session")
	}
	now := s.time()
	if now.Sub(x.LastSeen) >= min(touchAfter, s.idle/4) {
		x, err = s.touch(ctx, token, c)
		if err != nil {
			return Current{}, wrapf(err, "read session")
		}
	}
	cur := Current{Session: x, Member: m.Member, Account: account, FreshUntil: x.Fresh.Add(freshFor),
		NeedsFactor: !x.strong && !s.passwordAlone}
	cur.Caller = coffer.Caller{Account: m.Account, Member: m.ID, Name: m.Email, Source: c.Source, UserAgent: c.UserAgent,
		Fresh: isFresh(x.Fresh, now)}
	if !cur.NeedsFactor {
		cur.Caller.Role, cur.Caller.Operator = m.Role, m.Operator
	}
	return cur, nil
}

// isFresh: a proof from the future is none, as one from too long ago.
func isFresh(fresh, now time.Time) bool {
	age := now.Sub(fresh)
	return age >= 0 && age < freshFor
}

// touch writes that a session was seen.
func (s *Service) touch(ctx context.Context, token coffer.Secret, c Client) (x Session, err error) {
	now := s.time()
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		var key []byte
		if key, x, _, err = s.readSession(tx, token); err != nil {
			return err
		}
		x.LastSeen, x.Source, x.UserAgent = now, c.Source, clip(c.UserAgent)
		return tx.Set(key, encodeSession(x))
	})
	return x, err
}

// expireSession removes a session whose time is over.
func (s *Service) expireSession(ctx context.Context, token coffer.Secret) error {
	return s.meta.Update(ctx, func(tx meta.Tx) error {
		key, x, _, err := s.readSession(tx, token)
		if coffer.CodeOf(err) != coffer.SignInNeeded || x.ID == "" {
			return err
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
		return s.write(ctx, tx, coffer.Caller{}, x.Account, actionSessionEnd, string(x.Member),
			nil, fields{"session": string(x.ID), "reason": "expired"})
	})
}

// begin is a session that is about to start: what is random is drawn before the
// transaction, which may run more than once.
type begin struct {
	token  coffer.Secret
	id     SessionID
	device coffer.Secret
}

func (s *Service) beginSession(ctx context.Context, m *member, c Client) (b begin, err error) {
	if b.token, err = newToken(s.rand, string(m.ID)); err != nil {
		return b, err
	}
	id, err := newID(s.rand, "ses_")
	if err != nil {
		return b, err
	}
	b.id = SessionID(id)
	if !s.knownDevice(ctx, m, c.Device) {
		b.device, err = s.newDevice(ctx, m)
	}
	return b, err
}

// startSession adds a session of m, writes m, and ends the session that is one too
// many.
func (s *Service) startSession(ctx context.Context, tx meta.Tx, b begin, m *member, c Client, method string, strong bool) (Started, error) {
	now := s.time()
	x := Session{ID: b.id, Account: m.Account, Member: m.ID, Source: c.Source, UserAgent: clip(c.UserAgent), Method: method,
		Created: now, LastSeen: now, Fresh: now, Ends: now.Add(s.absolute), strong: strong}
	others, err := memberSessions(tx, m.ID)
	if err != nil {
		return Started{}, err
	}
	slices.SortFunc(others, func(a, b Session) int { return b.LastSeen.Compare(a.LastSeen) })
	for i, o := range others {
		if i < sessionsMax-1 {
			continue
		}
		if _, err := endSessions(tx, m.ID, func(x Session) bool { return x.ID == o.ID }); err != nil {
			return Started{}, err
		}
		if err := s.write(ctx, tx, c.caller(m), m.Account, actionSessionEnd, string(m.ID),
			nil, fields{"session": string(o.ID), "reason": "too many sessions"}); err != nil {
			return Started{}, err
		}
	}
	key, _, _ := tokenRow(meta.PrefixSession, b.token)
	if err := tx.Set(key, encodeSession(x)); err != nil {
		return Started{}, err
	}
	m.LastSignIn = now
	if err := writeMember(tx, m); err != nil {
		return Started{}, err
	}
	err = s.write(ctx, tx, c.caller(m), m.Account, actionSessionStart, string(m.ID), nil,
		fields{"session": string(x.ID), "method": method})
	return Started{Token: b.token, Device: b.device, Session: x, Member: m.Member, NeedsFactor: !strong && !s.passwordAlone}, err
}

// memberSessions returns all sessions of a member, ended by time or not.
func memberSessions(r meta.Reader, id coffer.MemberID) (all []Session, err error) {
	err = each(r, sessionsPrefix(id), func(_, value []byte) error {
		x, err := decodeSession(value)
		all = append(all, x)
		return err
	})
	return all, err
}

// endSessions removes the sessions of a member that fn picks, and returns them.
func endSessions(tx meta.Tx, id coffer.MemberID, fn func(Session) bool) (ended []Session, err error) {
	var keys [][]byte
	err = each(tx, sessionsPrefix(id), func(key, value []byte) error {
		x, err := decodeSession(value)
		if err != nil {
			return err
		}
		if fn(x) {
			ended, keys = append(ended, x), append(keys, slices.Clone(key))
		}
		return nil
	})
	for _, key := range keys {
		err = errors.Join(err, tx.Delete(key))
	}
	return ended, err
}

// SignOut ends the session of a token. One that is gone already is no error.
func (s *Service) SignOut(ctx context.Context, token coffer.Secret, c Client) error {
	err := s.meta.Update(ctx, func(tx meta.Tx) error {
		key, x, m, err := s.readSession(tx, token)
		if coffer.CodeOf(err) == coffer.SignInNeeded && x.ID == "" {
			return nil
		}
		if err != nil && coffer.CodeOf(err) != coffer.SignInNeeded {
			return err
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
		return s.write(ctx, tx, c.caller(m), x.Account, actionSessionEnd, string(x.Member),
			nil, fields{"session": string(x.ID), "reason": "signed out"})
	})
	return wrapf(err, "sign out")
}

// WaitEnd returns nil once the session of token has ended, by time too, or was
// given a new token, and the error of ctx when that is done first.
func (s *Service) WaitEnd(ctx context.Context, token coffer.Secret) error {
	key, _, ok := tokenRow(meta.PrefixSession, token)
	if !ok {
		return nil
	}
	for {
		left, err := s.left(ctx, token)
		if err != nil || left <= 0 {
			return wrapf(err, "watch session")
		}
		if err := s.waitChange(ctx, key, token, left); err != nil {
			return err
		}
	}
}

// left is how long the session of token lasts if nobody uses it; 0 once it ended.
func (s *Service) left(ctx context.Context, token coffer.Secret) (left time.Duration, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		_, x, _, err := s.readSession(r, token)
		if err != nil {
			return err
		}
		now := s.time()
		left = max(time.Millisecond, min(x.Ends.Sub(now), x.LastSeen.Add(s.idle).Sub(now)))
		return nil
	})
	if coffer.CodeOf(err) == coffer.SignInNeeded {
		return 0, nil
	}
	return left, err
}

// waitChange returns when the row of a session changes or its time is over, and
// with the error of ctx when that is done.
func (s *Service) waitChange(ctx context.Context, key []byte, token coffer.Secret, left time.Duration) error {
	timed, stop := context.WithTimeout(ctx, left)
	defer stop()
	events := s.meta.Watch(timed, key)
	// It may have changed before the watch began.
	if left, err := s.left(ctx, token); err != nil || left <= 0 {
		return wrapf(err, "watch session")
	}
	for _, err := range events {
		if err != nil && timed.Err() == nil {
			return wrapf(err, "watch session")
		}
		break
	}
	return ctx.Err()
}
