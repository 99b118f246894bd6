package accounts

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// RedeemInput is what a person fills in behind a link. Links of a kind ignore
// what is not theirs.
type RedeemInput struct {
	// Email is for a setup link, and for an invitation that names nobody.
	Email string
	Name  string
	// AccountName, if not empty, is for a setup link.
	AccountName string
	Password    coffer.Secret
}

// Redeem uses a link up: it makes the member, or sets the new password, and signs
// in. A member who has a second factor is asked for it all the same. It ends in
// NoSuchLink for a link that is unknown, used, revoked, expired or no longer its
// maker's to give.
func (s *Service) Redeem(ctx context.Context, token coffer.Secret, in RedeemInput, c Client) (Step, error) {
	l, account, err := s.OpenLink(ctx, token)
	if err != nil {
		return Step{}, err
	}
	if l.Kind == LinkReset {
		return s.redeemReset(ctx, token, l, account, in, c)
	}
	if l.Email != "" {
		in.Email = l.Email
	}
	m, err := s.newMember(ctx, l, account, in)
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	accountIDs, err := s.drawAccount(m.Email, in.AccountName)
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	b, err := s.beginSession(ctx, m, c)
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	var started Started
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		key, l, err := s.readLink(tx, token)
		if err != nil {
			return err
		}
		m := *m
		if l.Kind == LinkSetup {
			if m.Account, err = s.firstAccount(ctx, tx, accountIDs, in.AccountName, c.caller(&m)); err != nil {
				return err
			}
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
		if err := s.join(ctx, tx, &m, c.caller(&m), l.By); err != nil {
			return err
		}
		started, err = s.startSession(ctx, tx, b, &m, c, "password", false)
		return err
	})
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	return Step{Started: &started}, nil
}

// newMember checks what a person filled in and makes the member of it.
func (s *Service) newMember(ctx context.Context, l Link, account coffer.Account, in RedeemInput) (*member, error) {
	email, err := coffer.ParseEmail(in.Email)
	if err != nil {
		return nil, err
	}
	name, err := coffer.ParseName(in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.checkPassword(in.Password, email, name, account.Name, in.AccountName); err != nil {
		return nil, err
	}
	id, err := coffer.NewMemberID(s.rand)
	if err != nil {
		return nil, err
	}
	now := s.time()
	m := &member{Member: coffer.Member{ID: id, Account: l.Account, Email: email, Name: name, Role: l.Role,
		Operator: l.Operator, Created: now}, passwordChanged: now, devicesSince: now}
	m.password, err = s.hasher.hash(ctx, s.rand, in.Password)
	return m, err
}

func (s *Service) checkPassword(password coffer.Secret, known ...string) error {
	return checkPassword(password, s.passwordAlone, append(known, s.issuer)...)
}

// join adds a new member.
func (s *Service) join(ctx context.Context, tx meta.Tx, m *member, by coffer.Caller, invitedBy string) error {
	if err := insertMember(tx, m); err != nil {
		return err
	}
	after := fields{"email": m.Email, "role": string(m.Role)}
	if m.Operator {
		after["operator"] = "yes"
	}
	if invitedBy != "" {
		after["invited_by"] = invitedBy
	}
	return s.write(ctx, tx, by, m.Account, actionMemberJoin, string(m.ID), nil, after)
}

// firstAccount returns the account that the first member joins: the oldest one,
// or fresh if there is none. A name replaces the one it had.
func (s *Service) firstAccount(ctx context.Context, tx meta.Tx, fresh coffer.Account, name string, by coffer.Caller) (coffer.AccountID, error) {
	a, found, err := oldestAccount(tx)
	switch {
	case err != nil:
		return "", err
	case !found:
		if err := insert(tx, fresh); err != nil {
			return "", err
		}
		by.Account = fresh.ID
		return fresh.ID, s.write(ctx, tx, by, fresh.ID, actionAccountCreate, string(fresh.ID), nil,
			fields{"email": fresh.Email, "name": fresh.Name})
	case fresh.Name != "" && fresh.Name != a.Name:
		return a.ID, s.renameAccount(ctx, tx, by, a, fresh.Name)
	}
	return a.ID, nil
}

// EnsureFirstMember makes the first member without a link, for machines that are
// set up by a program. It changes nothing where there is a member already.
func (s *Service) EnsureFirstMember(ctx context.Context, email string, password coffer.Secret) (coffer.Member, bool, error) {
	if any, err := s.HasMembers(ctx); err != nil || any {
		return coffer.Member{}, false, err
	}
	m, err := s.newMember(ctx, Link{Role: coffer.RoleOwner, Operator: true}, coffer.Account{}, RedeemInput{Email: email, Password: password})
	if err != nil {
		return coffer.Member{}, false, wrapf(err, "make the first member")
	}
	fresh, err := s.drawAccount(m.Email, "")
	if err != nil {
		return coffer.Member{}, false, wrapf(err, "make the first member")
	}
	made := false
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		made = false
		any, err := anyRow(tx, meta.Key(meta.PrefixMember))
		if err != nil || any {
			return err
		}
		if m.Account, err = s.firstAccount(ctx, tx, fresh, "", coffer.Caller{}); err != nil {
			return err
		}
		if _, err := endLinks(tx, setupOwner, func(Link) bool { return true }); err != nil {
			return err
		}
		made = true
		return s.join(ctx, tx, m, coffer.Caller{}, "")
	})
	if err != nil || !made {
		return coffer.Member{}, false, wrapf(err, "make the first member")
	}
	return m.Member, true, nil
}

func (s *Service) redeemReset(ctx context.Context, token coffer.Secret, l Link, account coffer.Account, in RedeemInput, c Client) (Step, error) {
	var m *member
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		m, err = readMember(r, l.Account, l.Member)
		return err
	})
	if err == nil {
		err = s.checkPassword(in.Password, m.Email, m.Name, account.Name)
	}
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	hash, err := s.hasher.hash(ctx, s.rand, in.Password)
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		key, l, err := s.readLink(tx, token)
		if err != nil {
			return err
		}
		if m, err = readMember(tx, l.Account, l.Member); err != nil {
			return err
		}
		now := s.time()
		m.password, m.passwordChanged, m.devicesSince = hash, now, now
		m.changed()
		if l.factors {
			m.forgetFactors()
		}
		if _, err := endSessions(tx, m.ID, func(Session) bool { return true }); err != nil {
			return err
		}
		if err := errors.Join(tx.Delete(key), writeMember(tx, m)); err != nil {
			return err
		}
		after := fields{"by": "reset link", "made_by": l.By}
		if l.factors {
			if err := s.write(ctx, tx, c.caller(m), m.Account, actionFactorsReset, string(m.ID), nil, after); err != nil {
				return err
			}
		}
		return s.write(ctx, tx, c.caller(m), m.Account, actionMemberPassword, string(m.ID), nil, after)
	})
	if err != nil {
		return Step{}, wrapf(err, "use link")
	}
	return s.passed(ctx, m, "password", c)
}
