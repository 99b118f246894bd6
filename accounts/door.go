package accounts

import (
	"context"
	"time"

	"coffer"
	"coffer/meta"
)

// As returns the calls that caller may make. There is no other way in for what
// is not part of signing in.
func (s *Service) As(caller coffer.Caller) Door { return Door{s, caller} }

// Door is the accounts and members as one caller may see and change them.
type Door struct {
	s *Service
	c coffer.Caller
}

// authority is what a caller may do, as of the transaction that asks.
type authority struct {
	role     coffer.Role
	operator bool
}

// may tells whether a has at least a role, or is the operator.
func (a authority) may(r coffer.Role) bool { return a.operator || a.role.AtLeast(r) }

func errDenied(format string, args ...any) error {
	return coffer.Errorf(coffer.AccessDenied, format, args...)
}

// grant tells whether a may give a role: only owners make owners.
func (a authority) grant(r coffer.Role) error {
	if !a.may(coffer.RoleAdmin) || r == coffer.RoleOwner && !a.may(coffer.RoleOwner) {
		return errDenied("only owners make owners, and only owners and admins other members")
	}
	return nil
}

// touch tells whether a may change a member: an operator is above every role, so
// that nobody becomes one through another's password.
func (a authority) touch(m *member) error {
	switch {
	case !a.may(coffer.RoleAdmin):
		return errDenied("only owners and admins manage members")
	case m.Operator && !a.operator:
		return errDenied("%s is an operator of this instance: only operators change that member", m.Email)
	case m.Role == coffer.RoleOwner && !a.may(coffer.RoleOwner):
		return errDenied("%s is an owner: only owners change owners", m.Email)
	}
	return nil
}

// authority reads what the caller may do in an account. Of a member the record
// counts, not what the request began with; of neither more. An account that is
// not the caller's does not exist for them.
func (d Door) authority(r meta.Reader, account coffer.AccountID) (authority, error) {
	c := d.c
	if c.Key != "" {
		return authority{}, errDenied("access keys do not manage accounts and members: sign in to the console")
	}
	a := authority{operator: c.Operator}
	if c.Member != "" {
		m, err := readMember(r, c.Account, c.Member)
		if coffer.CodeOf(err) == coffer.NoSuchMember {
			return authority{}, errSignIn()
		}
		if err != nil {
			return authority{}, err
		}
		a.operator = c.Operator && m.Operator
		if c.Account == account && c.Role != "" {
			a.role = narrower(c.Role, m.Role)
		}
	}
	if !a.operator && (c.Member == "" || c.Account != account) {
		return authority{}, errNoAccount(string(account))
	}
	return a, nil
}

func narrower(a, b coffer.Role) coffer.Role {
	if a.AtLeast(b) {
		return b
	}
	return a
}

// fresh checks that the caller proved lately who they are. Who is no member has
// nothing to prove: the operator at the socket.
func (d Door) fresh() error {
	if d.c.Member != "" && !d.c.Fresh {
		return coffer.Errorf(coffer.FreshSignInNeeded, "this changes security settings: confirm that it is you, and try again")
	}
	return nil
}

// view runs fn with what the caller may do in account.
func (d Door) view(ctx context.Context, account coffer.AccountID, fn func(meta.Reader, authority) error) error {
	return d.s.meta.View(ctx, func(r meta.Reader) error {
		a, err := d.authority(r, account)
		if err == nil {
			_, err = readAccount(r, account)
		}
		if err != nil {
			return err
		}
		return fn(r, a)
	})
}

// update runs fn with what the caller may do in account.
func (d Door) update(ctx context.Context, account coffer.AccountID, fn func(meta.Tx, authority) error) error {
	return d.s.meta.Update(ctx, func(tx meta.Tx) error {
		a, err := d.authority(tx, account)
		if err == nil {
			_, err = readAccount(tx, account)
		}
		if err != nil {
			return err
		}
		return fn(tx, a)
	})
}

// self runs fn with the member who calls, and writes the member if fn says so.
func (d Door) self(ctx context.Context, fn func(tx meta.Tx, m *member) error) error {
	if err := d.isMember(); err != nil {
		return err
	}
	return d.s.meta.Update(ctx, func(tx meta.Tx) error {
		m, err := readMember(tx, d.c.Account, d.c.Member)
		if coffer.CodeOf(err) == coffer.NoSuchMember {
			return errSignIn()
		}
		if err != nil {
			return err
		}
		if err := fn(tx, m); err != nil {
			return err
		}
		return writeMember(tx, m)
	})
}

func (d Door) isMember() error {
	if d.c.Member == "" || d.c.Key != "" {
		return errDenied("this is for a member who is signed in")
	}
	return nil
}

// me reads the member who calls.
func (d Door) me(ctx context.Context) (m *member, err error) {
	if err := d.isMember(); err != nil {
		return nil, err
	}
	err = d.s.meta.View(ctx, func(r meta.Reader) error {
		m, err = readMember(r, d.c.Account, d.c.Member)
		return err
	})
	if coffer.CodeOf(err) == coffer.NoSuchMember {
		err = errSignIn()
	}
	return m, err
}

// note records what the caller did.
func (d Door) note(ctx context.Context, tx meta.Tx, account coffer.AccountID, action, target string, before, after fields) error {
	return d.s.write(ctx, tx, d.c, account, action, target, before, after)
}

// time is now, as it can be stored.
func (s *Service) time() time.Time { return s.now().UTC().Round(0) }
