package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// Profile is a member as the member sees it.
type Profile struct {
	Member          coffer.Member
	TOTP            bool
	Passkeys        []Passkey
	RecoveryLeft    int
	PasswordChanged time.Time
}

// Me returns the caller's own profile.
func (d Door) Me(ctx context.Context) (Profile, error) {
	m, err := d.me(ctx)
	if err != nil {
		return Profile{}, wrapf(err, "read profile")
	}
	p := Profile{Member: m.Member, TOTP: len(m.totp) > 0, RecoveryLeft: len(m.recovery), PasswordChanged: m.passwordChanged}
	for _, k := range m.passkeys {
		p.Passkeys = append(p.Passkeys, k.view())
	}
	return p, nil
}

// SetName changes the caller's name.
func (d Door) SetName(ctx context.Context, name string) error {
	name, err := coffer.ParseName(name)
	if err != nil {
		return err
	}
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		before := m.Name
		m.Name = name
		return d.note(ctx, tx, m.Account, actionMemberName, string(m.ID), fields{"name": before}, fields{"name": name})
	}), "change name")
}

// SetEmail changes the address that the caller signs in with.
func (d Door) SetEmail(ctx context.Context, email string) error {
	if err := d.fresh(); err != nil {
		return err
	}
	email, err := coffer.ParseEmail(email)
	if err != nil {
		return err
	}
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		if email == m.Email {
			return nil
		}
		before := m.Email
		if err := claimEmail(tx, email, m.Account, m.ID); err != nil {
			return err
		}
		if err := tx.Delete(memberEmailKey(before)); err != nil {
			return err
		}
		m.Email = email
		return d.note(ctx, tx, m.Account, actionMemberEmail, string(m.ID), fields{"email": before}, fields{"email": email})
	}), "change e-mail address")
}

// SetPassword changes the caller's password, for which the old one is needed, and
// ends all sessions but the current one. All browsers are strangers again.
func (d Door) SetPassword(ctx context.Context, old, password coffer.Secret, current SessionID) error {
	m, err := d.me(ctx)
	if err != nil {
		return wrapf(err, "change password")
	}
	who := "reauth " + string(m.ID)
	if w := d.s.slowFactor.begin(who, d.s.time()); w > 0 {
		return slowDown(w)
	}
	ok, err := d.s.hasher.matches(ctx, m.password, old)
	switch {
	case err != nil:
		d.s.slowFactor.undo(who)
		return wrapf(err, "change password")
	case !ok:
		d.s.failed(ctx, Client{Source: d.c.Source, UserAgent: d.c.UserAgent}, m, "", "change password")
		return coffer.Errorf(coffer.SignInRefused, "the old password is wrong")
	}
	d.s.slowFactor.clear(who)
	var account coffer.Account
	if err := d.s.meta.View(ctx, func(r meta.Reader) error {
		account, err = readAccount(r, m.Account)
		return err
	}); err != nil {
		return wrapf(err, "change password")
	}
	if err := d.s.checkPassword(password, m.Email, m.Name, account.Name); err != nil {
		return err
	}
	hash, err := d.s.hasher.hash(ctx, d.s.rand, password)
	if err != nil {
		return wrapf(err, "change password")
	}
	epoch := m.epoch
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		if m.epoch != epoch {
			return errStale()
		}
		m.changed()
		m.password, m.passwordChanged, m.devicesSince = hash, d.s.time(), d.s.time()
		if _, err := d.endOthers(ctx, tx, m, current, func(Session) bool { return true }); err != nil {
			return err
		}
		return d.note(ctx, tx, m.Account, actionMemberPassword, string(m.ID), nil, fields{"by": "old password"})
	}), "change password")
}

// Sessions returns the caller's sessions that have not ended, the last seen
// first. Current is not known here: compare IDs.
func (d Door) Sessions(ctx context.Context) ([]Session, error) {
	if err := d.isMember(); err != nil {
		return nil, err
	}
	return d.s.sessionsOf(ctx, d.c.Member)
}

func (s *Service) sessionsOf(ctx context.Context, id coffer.MemberID) (all []Session, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		all, err = memberSessions(r, id)
		return err
	})
	if err != nil {
		return nil, wrapf(err, "list sessions")
	}
	now := s.time()
	all = slices.DeleteFunc(all, func(x Session) bool { return !s.alive(x, now) })
	slices.SortFunc(all, func(a, b Session) int { return b.LastSeen.Compare(a.LastSeen) })
	return all, nil
}

// EndSession ends one of the caller's sessions, or NoSuchSession.
func (d Door) EndSession(ctx context.Context, id SessionID) error {
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		ended, err := d.end(ctx, tx, m, func(x Session) bool { return x.ID == id })
		if err == nil && len(ended) == 0 {
			err = coffer.Errorf(coffer.NoSuchSession, "there is no session %.40q", string(id))
		}
		return err
	}), "end session")
}

// EndOtherSessions ends all of the caller's sessions but the current one, makes
// all browsers strangers again, and tells how many sessions there were.
func (d Door) EndOtherSessions(ctx context.Context, current SessionID) (n int, err error) {
	err = d.self(ctx, func(tx meta.Tx, m *member) error {
		m.devicesSince = d.s.time()
		n, err = d.endOthers(ctx, tx, m, current, func(Session) bool { return true })
		return err
	})
	return n, wrapf(err, "end sessions")
}

func (d Door) endOthers(ctx context.Context, tx meta.Tx, m *member, current SessionID, fn func(Session) bool) (int, error) {
	ended, err := d.end(ctx, tx, m, func(x Session) bool { return x.ID != current && fn(x) })
	return len(ended), err
}

// end ends the sessions of m that fn picks, with an event for each.
func (d Door) end(ctx context.Context, tx meta.Tx, m *member, fn func(Session) bool) ([]Session, error) {
	ended, err := endSessions(tx, m.ID, fn)
	for _, x := range ended {
		err = errors.Join(err, d.note(ctx, tx, m.Account, actionSessionEnd, string(m.ID), nil,
			fields{"session": string(x.ID), "reason": "ended by " + d.who()}))
	}
	return ended, err
}

// who is the caller in a few words.
func (d Door) who() string {
	if d.c.Name != "" {
		return d.c.Name
	}
	return "the operator"
}
