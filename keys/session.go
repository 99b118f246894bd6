package keys

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// SessionSigner returns who signs as id with a session token, as Signer does for a
// long-lived key. A token that is malformed, was not made by a key that there is,
// or is another session's is InvalidToken.
func (s *Service) SessionSigner(ctx context.Context, id coffer.AccessKeyID, token, date, region, service string) (Signer, error) {
	e, err := s.session(ctx, id, token)
	if err != nil {
		return Signer{}, err
	}
	return Signer{Actor: e.actor, Keys: e.signingKeys(binding{date, region, service})}, nil
}

// session derives what a token stands for from the key that it was made of. What
// was derived before is good for as long as nothing about that key has changed.
func (s *Service) session(ctx context.Context, id coffer.AccessKeyID, text string) (*entry, error) {
	if known := s.sessions.get(text); known != nil && known.actor.AccessKeyID == id {
		parent, _ := s.cache.get(known.actor.Session.Parent)
		if parent != nil && parent == known.parent {
			return known.entry, nil
		}
	}
	token, err := coffer.ParseSessionToken(text)
	if err != nil {
		return nil, err
	}
	if token.ID != id {
		return nil, &coffer.Error{Code: coffer.InvalidToken}
	}
	parent, err := s.entry(ctx, token.Parent)
	if coffer.CodeOf(err) == coffer.InvalidAccessKeyID {
		return nil, &coffer.Error{Code: coffer.InvalidToken}
	}
	if err != nil {
		return nil, err
	}
	e, ok := derive(parent, token)
	if !ok {
		return nil, &coffer.Error{Code: coffer.InvalidToken}
	}
	// The text is often a piece of a request's header, all of which it would keep alive.
	s.sessions.put(strings.Clone(text), sessionEntry{entry: e, parent: parent})
	return e, nil
}

// derive makes the entry of a session from that of its parent; false if no
// credential of the parent made the token.
func derive(parent *entry, token coffer.SessionToken) (*entry, bool) {
	for _, c := range parent.candidates {
		secret, ok := token.Secret(c.secret)
		if !ok {
			continue
		}
		e := &entry{actor: parent.actor}
		e.actor.AccessKeyID = token.ID
		e.actor.Scope = token.Scope.Within(parent.actor.Scope)
		e.actor.Session = &token.Session
		st := *c.state
		st.id, st.session = token.ID, &token.Session
		e.candidates = []candidate{{c.credential, secret, &st}}
		return e, true
	}
	return nil, false
}

// sessionsMax is how many sessions are kept derived, and sessionsBytes about what they
// take in all: a token may have 12 KiB, and its scope takes some times as much as its text.
const (
	sessionsMax   = 1000
	sessionsBytes = 8 << 20
)

// sessions has derived sessions by their tokens.
type sessions struct {
	mu      sync.RWMutex // guards what follows
	entries map[string]sessionEntry
	bytes   int // of entries
}

type sessionEntry struct {
	*entry
	parent *entry // that it was derived from
}

func (s *sessions) get(token string) *sessionEntry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.entries[token]; ok {
		return &e
	}
	return nil
}

// put keeps e. When there are too many, those go that the map's order picks.
func (s *sessions) put(token string, e sessionEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[string]sessionEntry{}
	}
	s.remove(token)
	more := sessionBytes(token, e)
	for other := range s.entries {
		if len(s.entries) < sessionsMax && s.bytes+more <= sessionsBytes {
			break
		}
		s.remove(other)
	}
	s.entries[token] = e
	s.bytes += more
}

// remove drops the session of a token. The lock is held.
func (s *sessions) remove(token string) {
	if e, ok := s.entries[token]; ok {
		delete(s.entries, token)
		s.bytes -= sessionBytes(token, e)
	}
}

// sessionBytes is about what a session takes, with its parent, which may be remembered
// nowhere else any more.
func sessionBytes(token string, e sessionEntry) int {
	return entryBytes + 2*len(token) + scopeBytes(e.actor.Session.Scope) + scopeBytes(e.parent.actor.Scope)
}

// How many temporary credentials an account may be given: so many at once, and then
// so many a second. Each is an event of the audit log.
const (
	sessionsBurst     = 500
	sessionsPerSecond = 50
)

// SessionInput says which temporary credential to make.
type SessionInput struct {
	Name   string
	Scope  *coffer.Scope
	Policy string
	Life   time.Duration
}

// TemporaryCredential is a session with what signs for it.
type TemporaryCredential struct {
	coffer.Session
	Secret coffer.Secret
	Token  string
}

// NewSession makes a temporary credential from the one that signed the call, which
// must be a key's own: a session makes no other. It may what both the key and in
// allow, and is in the audit log before it leaves.
func (s Session) NewSession(ctx context.Context, actor coffer.Actor, in SessionInput) (TemporaryCredential, error) {
	if actor.Session != nil || actor.Key == "" || actor.Key != s.caller.Key {
		return TemporaryCredential{}, coffer.Errorf(coffer.AccessDenied, "a temporary credential is made with an access key, not with another temporary credential")
	}
	if !s.s.made.take(s.s.now(), actor.Account) {
		return TemporaryCredential{}, coffer.Errorf(coffer.SlowDown, "Please reduce your request rate: this account asks for more than %d temporary credentials a second.", sessionsPerSecond)
	}
	id, err := coffer.NewTemporaryID(s.s.rand)
	if err != nil {
		return TemporaryCredential{}, fmt.Errorf("make Access Key ID: %w", err)
	}
	now := s.s.clock()
	made := TemporaryCredential{Session: coffer.Session{ID: id, Parent: actor.AccessKeyID, Name: in.Name, Scope: in.Scope,
		Policy: in.Policy, Issued: now.Truncate(time.Second), Expires: now.Truncate(time.Second).Add(in.Life)}}
	err = s.s.meta.Update(ctx, func(tx meta.Tx) error {
		key, err := readKey(tx, actor.Account, actor.Key)
		if err != nil {
			return denied()
		}
		if ends := key.Expires.Truncate(time.Second); !key.Expires.IsZero() && made.Expires.After(ends) {
			made.Expires = ends // so that the client asks again in time
		}
		if made.Token, made.Secret, err = s.s.issue(tx, key, actor, made.Session); err != nil {
			return err
		}
		event := audit.By(ctx, s.caller, now, key.Account, "session.create", string(key.ID))
		event.After = map[string]string{"access_key_id": string(id), "name": in.Name, "expires": made.Expires.Format(time.RFC3339)}
		return audit.Write(tx, event)
	})
	if err != nil && coffer.CodeOf(err) == coffer.Internal {
		err = fmt.Errorf("make temporary credential of key %s: %w", actor.Key, err)
	}
	if err != nil {
		return TemporaryCredential{}, err
	}
	return made, nil
}

// issue signs a session with the secret of the credential that actor signed with.
func (s *Service) issue(r meta.Reader, key record, actor coffer.Actor, session coffer.Session) (string, coffer.Secret, error) {
	c, err := readCredential(r, actor.AccessKeyID)
	if err != nil {
		return "", coffer.Secret{}, denied()
	}
	for _, own := range key.credentials() {
		if own.AccessKeyID != actor.AccessKeyID || own.Generation != actor.Generation {
			continue
		}
		parent, err := s.openSecret(own.Credential, c)
		if err != nil {
			return "", coffer.Secret{}, err
		}
		return session.Issue(parent)
	}
	return "", coffer.Secret{}, denied()
}
