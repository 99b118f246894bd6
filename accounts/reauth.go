package accounts

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// Reauth is what a signed-in member proves it with once more: one of the two.
type Reauth struct {
	Password coffer.Secret
	TOTP     string
}

// Reauthenticate makes a session fresh for five minutes, under a new token; the
// old token ends. It ends in SignInRefused or SlowDown.
func (s *Service) Reauthenticate(ctx context.Context, token coffer.Secret, in Reauth, c Client) (Started, error) {
	var m *member
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		_, _, m, err = s.readSession(r, token)
		return err
	})
	if err != nil {
		return Started{}, wrapf(err, "confirm a session")
	}
	who := "reauth " + string(m.ID)
	if w := s.slowFactor.begin(who, s.time()); w > 0 {
		return Started{}, slowDown(w)
	}
	if in.TOTP != "" {
		started, err := s.renew(ctx, token, "totp", c, func(_ meta.Tx, m *member, _ Session) error { return s.useTOTP(m, in.TOTP) })
		return s.reauthed(ctx, started, who, m, "totp", c, err)
	}
	ok, err := s.hasher.matches(ctx, m.password, in.Password)
	if err == nil && !ok {
		err = coffer.Errorf(coffer.SignInRefused, "the password is wrong")
	}
	var started Started
	if err == nil {
		epoch := m.epoch
		started, err = s.renew(ctx, token, "password", c, func(_ meta.Tx, m *member, _ Session) error {
			if m.epoch != epoch {
				return errStale()
			}
			return nil
		})
	}
	return s.reauthed(ctx, started, who, m, "password", c, err)
}

// reauthed settles the count of tries.
func (s *Service) reauthed(ctx context.Context, started Started, who string, m *member, method string, c Client, err error) (Started, error) {
	switch {
	case err == nil:
		s.slowFactor.clear(who)
		return started, nil
	case coffer.CodeOf(err) == coffer.SignInRefused:
		s.failed(ctx, c, m, "", "reauth "+method)
	default:
		s.slowFactor.undo(who)
	}
	return Started{}, wrapf(err, "confirm a session")
}

// BeginReauth asks a signed-in member for a passkey, if there is one. TOTP tells
// whether a code would do as well; the password always does.
func (s *Service) BeginReauth(ctx context.Context, token coffer.Secret, _ Client) (Challenge, error) {
	var x Session
	var m *member
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		_, x, m, err = s.readSession(r, token)
		return err
	})
	if err != nil {
		return Challenge{}, wrapf(err, "confirm a session")
	}
	ch, err := s.factorChallenge(ctx, m, pending{Kind: kindReauth, Account: m.Account, Member: m.ID, Session: x.ID, Epoch: m.epoch})
	ch.Recovery = false
	return ch, wrapf(err, "confirm a session")
}

// ReauthPasskey is Reauthenticate by the passkey that BeginReauth asked for.
func (s *Service) ReauthPasskey(ctx context.Context, token, challenge coffer.Secret, response []byte, c Client) (Started, error) {
	if !s.Passkeys() {
		return Started{}, errNoPasskeys()
	}
	p, err := s.answer(ctx, challenge, kindReauth)
	if err == nil && p.WebAuthn == nil {
		err = errPasskey(errors.New("the challenge is not for one"))
	}
	if err != nil {
		return Started{}, wrapf(err, "confirm a session")
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return Started{}, err
	}
	started, err := s.renew(ctx, token, "passkey", c, func(tx meta.Tx, m *member, x Session) error {
		if m.ID != p.Member || x.ID != p.Session || m.epoch != p.Epoch {
			return errStale()
		}
		if err := spend(tx, challenge, p.Until); err != nil {
			return err
		}
		_, err := s.usePasskey(m, *p.WebAuthn, parsed)
		return err
	})
	if coffer.CodeOf(err) == coffer.SignInRefused {
		s.failed(ctx, c, &member{Member: coffer.Member{ID: p.Member, Account: p.Account}}, "", "reauth passkey")
	}
	return started, wrapf(err, "confirm a session")
}

// renew gives a session a new token and a new proof, if use agrees.
func (s *Service) renew(ctx context.Context, token coffer.Secret, method string, c Client,
	use func(meta.Tx, *member, Session) error) (started Started, err error) {
	_, whose, ok := tokenRow(meta.PrefixSession, token)
	if !ok {
		return started, errSignIn()
	}
	fresh, err := newToken(s.rand, whose)
	if err != nil {
		return started, err
	}
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		key, x, m, err := s.readSession(tx, token)
		if err != nil {
			return err
		}
		if err := use(tx, m, x); err != nil {
			return err
		}
		now := s.time()
		x.Fresh, x.LastSeen, x.Source, x.UserAgent = now, now, c.Source, clip(c.UserAgent)
		if err := tx.Delete(key); err != nil {
			return err
		}
		key, _, _ = tokenRow(meta.PrefixSession, fresh)
		if err := tx.Set(key, encodeSession(x)); err != nil {
			return err
		}
		if err := writeMember(tx, m); err != nil {
			return err
		}
		started = Started{Token: fresh, Session: x, Member: m.Member, NeedsFactor: !x.strong && !s.passwordAlone}
		return s.write(ctx, tx, c.caller(m), m.Account, actionSessionReauth, string(m.ID), nil,
			fields{"session": string(x.ID), "method": method})
	})
	return started, err
}
