package api

import (
	"context"
	"time"

	"coffer"
	"coffer/accounts"
)

// Member is a member as others of the account see it.
type Member struct {
	ID         coffer.MemberID  `json:"id"`
	Account    coffer.AccountID `json:"account"`
	Email      string           `json:"email"`
	Name       string           `json:"name"`
	Role       coffer.Role      `json:"role"`
	Operator   bool             `json:"operator" doc:"The right over the whole instance, apart from the role."`
	Created    time.Time        `json:"created"`
	LastSignIn *time.Time       `json:"last_sign_in"`
	TOTP       bool             `json:"totp" doc:"Signs in with one-time codes as a second factor."`
	Passkeys   int              `json:"passkeys"`
	Sessions   int              `json:"sessions"`
}

// Invitation is a one-time link by which somebody joins, or sets a new password.
type Invitation struct {
	ID      accounts.LinkID   `json:"id"`
	Kind    accounts.LinkKind `json:"kind" doc:"invite, or reset for a new password."`
	Account coffer.AccountID  `json:"account"`
	Email   string            `json:"email" doc:"Whom it is for; empty: whoever uses it says so."`
	Role    coffer.Role       `json:"role,omitempty"`
	By      string            `json:"by" doc:"Who made it; empty for the operator at the socket."`
	Created time.Time         `json:"created"`
	Expires time.Time         `json:"expires"`
	// URL works once, for whoever has it; it is only in the answer that made it.
	URL PlainSecret `json:"url,omitzero" doc:"Works once, for whoever has it. Only in the answer that made it."`
}

// InviteInput is the body of POST /v1/invitations.
type InviteInput struct {
	Account string      `json:"account,omitempty" doc:"ID or e-mail address of the account; may be left out by who belongs to one, and while there is one only."`
	Email   string      `json:"email,omitempty" doc:"Whom it is for; left out: whoever uses it says so."`
	Role    coffer.Role `json:"role"`
}

// ChangeMemberInput is the body of PATCH /v1/members/{member}. Exactly one field
// is set.
type ChangeMemberInput struct {
	Role     *coffer.Role `json:"role,omitempty"`
	Operator *bool        `json:"operator,omitempty" doc:"Only operators make operators."`
}

// ResetMemberInput is the body of POST /v1/members/{member}:reset.
type ResetMemberInput struct {
	Factors bool `json:"factors,omitempty" doc:"Second factors begin anew, too."`
}

// memberQuery names the account of a member.
type memberQuery struct {
	Account string `query:"account" doc:"ID or e-mail address of the account; may be left out by who belongs to one. At the socket, all accounts are looked through without it."`
}

type memberList struct {
	Members []Member `json:"members"`
}

type invitationList struct {
	Invitations []Invitation `json:"invitations"`
}

func memberOf(m accounts.MemberInfo) Member {
	return Member{ID: m.ID, Account: m.Account, Email: m.Email, Name: m.Name, Role: m.Role, Operator: m.Operator,
		Created: m.Created, LastSignIn: orNull(m.LastSignIn), TOTP: m.TOTP, Passkeys: m.Passkeys, Sessions: m.Sessions}
}

func (q *request) invitationOf(l accounts.Link) Invitation {
	i := Invitation{ID: l.ID, Kind: l.Kind, Account: l.Account, Email: l.Email, Role: l.Role, By: l.By, Created: l.Created, Expires: l.Expires}
	if !l.Token.Empty() && q.LinkURL != nil {
		i.URL = PlainSecret{coffer.NewSecretFrom(q.LinkURL(l))}
	}
	return i
}

func (q *request) listMembers(in memberQuery, _ none) (memberList, error) {
	list := memberList{Members: []Member{}}
	err := q.eachAccount(in.Account, func(account coffer.AccountID) (bool, error) {
		all, err := q.Accounts.As(q.caller).Members(q.ctx(), account)
		for _, m := range all {
			list.Members = append(list.Members, memberOf(m))
		}
		return false, err
	})
	return list, err
}

// eachAccount calls fn with the account that handle names, or with each that the
// caller may mean by none, until it is done.
func (q *request) eachAccount(handle string, fn func(coffer.AccountID) (done bool, err error)) error {
	if handle != "" || q.caller.Account != "" {
		a, err := q.account(handle)
		if err != nil {
			return err
		}
		_, err = fn(a.ID)
		return err
	}
	all, err := q.Accounts.As(q.caller).Accounts(q.ctx())
	if err != nil {
		return err
	}
	for _, a := range all {
		if done, err := fn(a.ID); done || err != nil {
			return err
		}
	}
	return nil
}

// member finds the member that the path names, by ID or e-mail address.
func (q *request) member(in memberQuery) (accounts.MemberInfo, error) {
	handle := q.r.PathValue("member")
	var found accounts.MemberInfo
	err := q.eachAccount(in.Account, func(account coffer.AccountID) (bool, error) {
		var err error
		found, err = q.Accounts.As(q.caller).Member(q.ctx(), account, handle)
		if coffer.CodeOf(err) == coffer.NoSuchMember {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil && found.ID == "" {
		err = coffer.Errorf(coffer.NoSuchMember, "there is no member %.254q", handle)
	}
	return found, err
}

func (q *request) getMember(in memberQuery, _ none) (Member, error) {
	m, err := q.member(in)
	if err != nil {
		return Member{}, err
	}
	return memberOf(m), nil
}

func (q *request) changeMember(in memberQuery, body ChangeMemberInput) (Member, error) {
	if (body.Role == nil) == (body.Operator == nil) {
		return Member{}, coffer.Errorf(coffer.InvalidRequest, "the body must have one of role and operator")
	}
	return q.memberChanged(in, func(ctx context.Context, door accounts.Door, m accounts.MemberInfo) error {
		if body.Role != nil {
			return door.SetRole(ctx, m.Account, m.ID, *body.Role)
		}
		return door.SetOperator(ctx, m.Account, m.ID, *body.Operator)
	})
}

// memberChanged makes a change and answers with the member as it is then.
func (q *request) memberChanged(in memberQuery, fn func(context.Context, accounts.Door, accounts.MemberInfo) error) (Member, error) {
	m, err := q.member(in)
	if err != nil {
		return Member{}, err
	}
	door := q.Accounts.As(q.caller)
	if err := fn(q.ctx(), door, m); err != nil {
		return Member{}, err
	}
	if m, err = door.Member(q.ctx(), m.Account, string(m.ID)); err != nil {
		return Member{}, err
	}
	return memberOf(m), nil
}

// removeMember answers with the member as it was.
func (q *request) removeMember(in memberQuery, _ none) (Member, error) {
	m, err := q.member(in)
	if err == nil {
		err = q.Accounts.As(q.caller).RemoveMember(q.ctx(), m.Account, m.ID)
	}
	if err != nil {
		return Member{}, err
	}
	m.Sessions = 0
	return memberOf(m), nil
}

func (q *request) resetMember(in memberQuery, body ResetMemberInput) (Invitation, error) {
	m, err := q.member(in)
	if err != nil {
		return Invitation{}, err
	}
	l, err := q.Accounts.As(q.caller).ResetMember(q.ctx(), m.Account, m.ID, body.Factors)
	if err != nil {
		return Invitation{}, err
	}
	return q.invitationOf(l), nil
}

func (q *request) endMemberSessions(in memberQuery, _ none) (Member, error) {
	return q.memberChanged(in, func(ctx context.Context, door accounts.Door, m accounts.MemberInfo) error {
		_, err := door.EndMemberSessions(ctx, m.Account, m.ID)
		return err
	})
}

func (q *request) invite(_ none, in InviteInput) (Invitation, error) {
	a, err := q.account(in.Account)
	if err != nil {
		return Invitation{}, err
	}
	l, err := q.Accounts.As(q.caller).Invite(q.ctx(), a.ID, accounts.InviteInput{Email: in.Email, Role: in.Role})
	if err != nil {
		return Invitation{}, err
	}
	return q.invitationOf(l), nil
}

func (q *request) listInvitations(in memberQuery, _ none) (invitationList, error) {
	list := invitationList{Invitations: []Invitation{}}
	err := q.eachAccount(in.Account, func(account coffer.AccountID) (bool, error) {
		all, err := q.Accounts.As(q.caller).Links(q.ctx(), account)
		for _, l := range all {
			list.Invitations = append(list.Invitations, q.invitationOf(l))
		}
		return false, err
	})
	return list, err
}

func (q *request) revokeInvitation(in memberQuery, _ none) (Done, error) {
	id := accounts.LinkID(q.r.PathValue("invitation"))
	found := false
	err := q.eachAccount(in.Account, func(account coffer.AccountID) (bool, error) {
		err := q.Accounts.As(q.caller).RevokeLink(q.ctx(), account, id)
		if coffer.CodeOf(err) == coffer.NoSuchLink {
			return false, nil
		}
		found = err == nil
		return found, err
	})
	if err == nil && !found {
		err = coffer.Errorf(coffer.NoSuchLink, "there is no link %.40q", string(id))
	}
	return Done{}, err
}
