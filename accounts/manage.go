package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// MemberInfo is a member as others of the account see it.
type MemberInfo struct {
	coffer.Member
	TOTP     bool
	Passkeys int
	Sessions int
}

// Members returns the members of an account, the oldest first. Every role sees
// them.
func (d Door) Members(ctx context.Context, account coffer.AccountID) ([]MemberInfo, error) {
	var all []MemberInfo
	err := d.view(ctx, account, func(r meta.Reader, a authority) error {
		if !a.may(coffer.RoleReadOnly) {
			return errDenied("this is for members of the account")
		}
		return eachMember(r, account, func(m *member) error {
			info, err := d.info(r, m)
			all = append(all, info)
			return err
		})
	})
	if err != nil {
		return nil, wrapf(err, "list members")
	}
	slices.SortStableFunc(all, func(a, b MemberInfo) int { return a.Created.Compare(b.Created) })
	return all, nil
}

func (d Door) info(r meta.Reader, m *member) (MemberInfo, error) {
	sessions, err := memberSessions(r, m.ID)
	info := MemberInfo{Member: m.Member, TOTP: len(m.totp) > 0, Passkeys: len(m.passkeys)}
	for _, x := range sessions {
		if d.s.alive(x, d.s.time()) {
			info.Sessions++
		}
	}
	return info, err
}

// Member returns the member of an account that handle names: an e-mail address or
// an ID.
func (d Door) Member(ctx context.Context, account coffer.AccountID, handle string) (info MemberInfo, err error) {
	err = d.view(ctx, account, func(r meta.Reader, a authority) error {
		if !a.may(coffer.RoleReadOnly) {
			return errDenied("this is for members of the account")
		}
		m, err := findMember(r, account, handle)
		if err != nil {
			return err
		}
		info, err = d.info(r, m)
		return err
	})
	return info, wrapf(err, "read member")
}

// InviteInput says whom a link invites.
type InviteInput struct {
	// Email may be empty: then whoever has the link says who they are.
	Email string
	Role  coffer.Role
}

// Invite makes a link by which a person becomes a member, for seven days.
func (d Door) Invite(ctx context.Context, account coffer.AccountID, in InviteInput) (Link, error) {
	role, err := coffer.ParseRole(string(in.Role))
	if err != nil {
		return Link{}, err
	}
	if in.Email != "" {
		if in.Email, err = coffer.ParseEmail(in.Email); err != nil {
			return Link{}, err
		}
	}
	l, err := d.s.drawLink(Link{Kind: LinkInvite, Account: account, Email: in.Email, Role: role, By: d.c.Name, byMember: d.c.Member, byAccount: d.c.Account}, inviteFor)
	if err != nil {
		return Link{}, err
	}
	err = d.update(ctx, account, func(tx meta.Tx, a authority) error {
		if err := errors.Join(a.grant(role), d.freshFor(role)); err != nil {
			return err
		}
		if in.Email != "" {
			// That an address is a member of another account is for nobody here to know:
			// the link is made, and whoever uses it is told.
			if m, err := memberByEmail(tx, in.Email); err == nil && m.Account == account {
				return coffer.Errorf(coffer.MemberExists, "a member with the e-mail address %s exists already", in.Email)
			} else if err != nil && coffer.CodeOf(err) != coffer.NoSuchMember {
				return err
			}
		}
		if err := d.roomForLink(tx, account); err != nil {
			return err
		}
		if err := writeLink(tx, l); err != nil {
			return err
		}
		return d.note(ctx, tx, account, actionMemberInvite, string(l.ID), nil,
			fields{"email": in.Email, "role": string(role), "expires": l.Expires.Format(time.RFC3339)})
	})
	if err != nil {
		return Link{}, wrapf(err, "invite a member")
	}
	return l, nil
}

// freshFor asks for a proof where the new member may see secrets and change others:
// who found a browser open could else let themself in, and have a proof of their own.
func (d Door) freshFor(role coffer.Role) error {
	if role.AtLeast(coffer.RoleAdmin) {
		return d.fresh()
	}
	return nil
}

func (d Door) roomForLink(tx meta.Tx, account coffer.AccountID) error {
	open := 0
	err := eachLink(tx, string(account), func(_ []byte, l Link) error {
		if d.s.time().Before(l.Expires) {
			open++
		}
		return nil
	})
	if err == nil && open >= linksMax {
		err = coffer.Errorf(coffer.InvalidRequest, "there are %d open links already: revoke some first", linksMax)
	}
	return err
}

// Links returns the open links of an account, the newest first.
func (d Door) Links(ctx context.Context, account coffer.AccountID) ([]Link, error) {
	var all []Link
	err := d.view(ctx, account, func(r meta.Reader, a authority) error {
		if !a.may(coffer.RoleAdmin) {
			return errDenied("only owners and admins manage members")
		}
		return eachLink(r, string(account), func(_ []byte, l Link) error {
			if !d.s.time().Before(l.Expires) {
				return nil
			}
			switch err := d.s.checkLink(r, l); {
			case err == nil:
				all = append(all, l)
			case coffer.CodeOf(err) != coffer.NoSuchLink:
				return err
			}
			return nil
		})
	})
	if err != nil {
		return nil, wrapf(err, "list links")
	}
	slices.SortFunc(all, func(a, b Link) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// RevokeLink ends a link, or NoSuchLink.
func (d Door) RevokeLink(ctx context.Context, account coffer.AccountID, id LinkID) error {
	return wrapf(d.update(ctx, account, func(tx meta.Tx, a authority) error {
		if !a.may(coffer.RoleAdmin) {
			return errDenied("only owners and admins manage members")
		}
		ended, err := endLinks(tx, string(account), func(l Link) bool { return l.ID == id })
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return coffer.Errorf(coffer.NoSuchLink, "there is no link %.40q", string(id))
		}
		return d.note(ctx, tx, account, actionMemberRevoke, string(id), fields{"kind": string(ended[0].Kind), "email": ended[0].Email}, nil)
	}), "revoke link")
}

// change runs fn on a member that the caller may change, and writes the member
// unless fn removed it.
func (d Door) change(ctx context.Context, account coffer.AccountID, id coffer.MemberID,
	fn func(meta.Tx, authority, *member) (keep bool, err error)) error {
	if err := d.fresh(); err != nil {
		return err
	}
	return d.update(ctx, account, func(tx meta.Tx, a authority) error {
		m, err := readMember(tx, account, id)
		if err != nil {
			return err
		}
		keep, err := fn(tx, a, m)
		if err != nil || !keep {
			return err
		}
		return writeMember(tx, m)
	})
}

// keepsOwner refuses to take the last owner from an account.
func keepsOwner(tx meta.Tx, m *member) error {
	n, err := owners(tx, m.Account)
	if err == nil && m.Role == coffer.RoleOwner && n <= 1 {
		err = coffer.Errorf(coffer.LastOwner, "%s is the last owner of the account: make another member an owner first", m.Email)
	}
	return err
}

// SetRole changes a member's role, from the member's next request on.
func (d Door) SetRole(ctx context.Context, account coffer.AccountID, id coffer.MemberID, role coffer.Role) error {
	role, err := coffer.ParseRole(string(role))
	if err != nil {
		return err
	}
	return wrapf(d.change(ctx, account, id, func(tx meta.Tx, a authority, m *member) (bool, error) {
		if err := errors.Join(a.touch(m), a.grant(role)); err != nil {
			return false, err
		}
		if role == m.Role {
			return false, nil
		}
		if err := keepsOwner(tx, m); err != nil {
			return false, err
		}
		before := m.Role
		m.Role = role
		return true, d.note(ctx, tx, account, actionMemberRole, string(id), fields{"role": string(before)}, fields{"role": string(role)})
	}), "change role")
}

// SetOperator gives or takes the right over the instance. Only operators do.
func (d Door) SetOperator(ctx context.Context, account coffer.AccountID, id coffer.MemberID, on bool) error {
	return wrapf(d.change(ctx, account, id, func(tx meta.Tx, a authority, m *member) (bool, error) {
		if !a.operator {
			return false, errDenied("only operators of this instance make operators")
		}
		if on == m.Operator {
			return false, nil
		}
		m.Operator = on
		yes := map[bool]string{true: "yes", false: "no"}
		return true, d.note(ctx, tx, account, actionMemberOperator, string(id), fields{"operator": yes[!on]}, fields{"operator": yes[on]})
	}), "change operator right")
}

// RemoveMember ends a member with their sessions and the links they made. The
// last owner stays; oneself one may always remove.
func (d Door) RemoveMember(ctx context.Context, account coffer.AccountID, id coffer.MemberID) error {
	return wrapf(d.change(ctx, account, id, func(tx meta.Tx, a authority, m *member) (bool, error) {
		if d.c.Member != id || a.role == "" {
			if err := a.touch(m); err != nil {
				return false, err
			}
		}
		if err := keepsOwner(tx, m); err != nil {
			return false, err
		}
		if err := deleteMember(tx, m); err != nil {
			return false, err
		}
		if _, err := endLinks(tx, string(account), func(l Link) bool { return l.byMember == id || l.Member == id }); err != nil {
			return false, err
		}
		return false, d.note(ctx, tx, account, actionMemberRemove, string(id), fields{"email": m.Email, "role": string(m.Role)}, nil)
	}), "remove member")
}

// ResetMember makes a link by which a member who cannot sign in sets a new
// password, for 24 hours; with factors, second factors begin anew as well. Until
// it is used nothing changes. Whoever hands it out must know whom to.
func (d Door) ResetMember(ctx context.Context, account coffer.AccountID, id coffer.MemberID, factors bool) (Link, error) {
	l, err := d.s.drawLink(Link{Kind: LinkReset, Account: account, Member: id, By: d.c.Name, byMember: d.c.Member, byAccount: d.c.Account, factors: factors}, resetFor)
	if err != nil {
		return Link{}, err
	}
	err = d.change(ctx, account, id, func(tx meta.Tx, a authority, m *member) (bool, error) {
		if err := a.touch(m); err != nil {
			return false, err
		}
		l.Email = m.Email
		// A second link for one member ends the first.
		if _, err := endLinks(tx, string(account), func(l Link) bool { return l.Kind == LinkReset && l.Member == id }); err != nil {
			return false, err
		}
		if err := errors.Join(d.roomForLink(tx, account), writeLink(tx, l)); err != nil {
			return false, err
		}
		with := fields{"link": string(l.ID), "expires": l.Expires.Format(time.RFC3339)}
		if factors {
			with["factors"] = "begin anew"
		}
		return false, d.note(ctx, tx, account, actionMemberReset, string(id), nil, with)
	})
	if err != nil {
		return Link{}, wrapf(err, "make reset link")
	}
	return l, nil
}

// MemberSessions returns the sessions of a member.
func (d Door) MemberSessions(ctx context.Context, account coffer.AccountID, id coffer.MemberID) ([]Session, error) {
	err := d.view(ctx, account, func(r meta.Reader, a authority) error {
		m, err := readMember(r, account, id)
		if err == nil && d.c.Member != id {
			err = a.touch(m)
		}
		return err
	})
	if err != nil {
		return nil, wrapf(err, "list sessions")
	}
	return d.s.sessionsOf(ctx, id)
}

// EndMemberSessions ends all sessions of a member, and tells how many there were.
func (d Door) EndMemberSessions(ctx context.Context, account coffer.AccountID, id coffer.MemberID) (n int, err error) {
	err = d.update(ctx, account, func(tx meta.Tx, a authority) error {
		m, err := readMember(tx, account, id)
		if err != nil {
			return err
		}
		if err := a.touch(m); err != nil {
			return err
		}
		n, err = d.endOthers(ctx, tx, m, "", func(Session) bool { return true })
		if err != nil {
			return err
		}
		m.devicesSince = d.s.time()
		return writeMember(tx, m)
	})
	return n, wrapf(err, "end sessions")
}

// Accounts returns the accounts that the caller may see: their own, or all.
func (d Door) Accounts(ctx context.Context) ([]coffer.Account, error) {
	var all []coffer.Account
	err := d.s.meta.View(ctx, func(r meta.Reader) error {
		a, err := d.authority(r, d.c.Account)
		if err != nil {
			return err
		}
		return each(r, meta.Key(meta.PrefixAccount), func(_, value []byte) error {
			account, err := decodeAccount(value)
			if err == nil && (a.operator || account.ID == d.c.Account && a.may(coffer.RoleReadOnly)) {
				all = append(all, account)
			}
			return err
		})
	})
	return all, wrapf(err, "list accounts")
}

// Account returns the account that handle names, an ID or an e-mail address, if
// the caller may see it, or NoSuchAccount.
func (d Door) Account(ctx context.Context, handle string) (coffer.Account, error) {
	account, err := d.s.Find(ctx, handle)
	if err != nil {
		return coffer.Account{}, err
	}
	err = d.view(ctx, account.ID, func(_ meta.Reader, a authority) error {
		if !a.may(coffer.RoleReadOnly) {
			return errNoAccount(handle)
		}
		return nil
	})
	if coffer.CodeOf(err) == coffer.NoSuchAccount {
		// In the words of an account that is not there.
		err = errNoAccount(handle)
	}
	if err != nil {
		return coffer.Account{}, wrapf(err, "read account")
	}
	return account, nil
}

// CreateAccount makes an account. Only operators do.
func (d Door) CreateAccount(ctx context.Context, email, name string) (coffer.Account, error) {
	err := d.s.meta.View(ctx, func(r meta.Reader) error {
		a, err := d.authority(r, d.c.Account)
		if err == nil && !a.operator {
			err = errDenied("only operators of this instance make accounts")
		}
		return err
	})
	if err != nil {
		return coffer.Account{}, wrapf(err, "create account")
	}
	return d.s.create(ctx, d.c, email, name)
}

// RenameAccount changes the name of an account. Owners do.
func (d Door) RenameAccount(ctx context.Context, id coffer.AccountID, name string) error {
	name, err := coffer.ParseName(strings.TrimSpace(name))
	if err != nil {
		return err
	}
	return wrapf(d.update(ctx, id, func(tx meta.Tx, a authority) error {
		if !a.may(coffer.RoleOwner) {
			return errDenied("only owners rename the account")
		}
		account, err := readAccount(tx, id)
		if err != nil {
			return err
		}
		return d.s.renameAccount(ctx, tx, d.c, account, name)
	}), "rename account")
}

func (s *Service) renameAccount(ctx context.Context, tx meta.Tx, by coffer.Caller, a coffer.Account, name string) error {
	before := a.Name
	a.Name = name
	if err := tx.Set(accountKey(a.ID), encodeAccount(a)); err != nil {
		return err
	}
	return s.write(ctx, tx, by, a.ID, actionAccountRename, string(a.ID), fields{"name": before}, fields{"name": name})
}
