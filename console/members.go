package console

import (
	"net/http"
	"time"

	"coffer"
	"coffer/accounts"
)

// membersPage is who is in the account and who was invited.
type membersPage struct {
	shell
	Members []memberView
	Links   []accounts.Link
	Now     time.Time
	// Made is a link that was just made, shown this once.
	Made *madeLink
	// Email and Role are what was typed.
	Email, Role string
	Roles       []coffer.Role
	Wrong       problems
}

type madeLink struct {
	accounts.Link
	URL string
	For string
}

type memberView struct {
	accounts.MemberInfo
	Now time.Time
	// Self is the person who looks; Changes tells whether that person may change
	// this member.
	Self, Changes bool
	Roles         []coffer.Role
}

// roleWords say what a role may do.
var roleWords = map[coffer.Role]string{
	coffer.RoleOwner:    "everything, including owners",
	coffer.RoleAdmin:    "keys, buckets and members other than owners",
	coffer.RoleMember:   "buckets and objects; sees keys, but no secrets",
	coffer.RoleReadOnly: "sees all of it and changes nothing",
}

// RoleWords is for templates.
func (shell) RoleWords(r coffer.Role) string { return roleWords[r] }

func (q *request) members() error { return q.membersAnswer(http.StatusOK, nil, problems{}) }

func (q *request) membersAnswer(status int, made *madeLink, wrong problems) error {
	door := q.Accounts.As(q.caller())
	account := q.current.Account.ID
	all, err := door.Members(q.ctx(), account)
	if err != nil {
		return err
	}
	page := membersPage{shell: q.shell("Members"), Now: q.Now(), Made: made, Email: q.value("email"), Role: q.value("role"), Wrong: wrong}
	if made != nil {
		page.Email, page.Role = "", ""
	}
	for _, r := range coffer.Roles() {
		if r != coffer.RoleOwner || q.may(coffer.RoleOwner) {
			page.Roles = append(page.Roles, r)
		}
	}
	if page.Role == "" {
		page.Role = string(coffer.RoleMember)
	}
	for _, m := range all {
		v := memberView{MemberInfo: m, Now: q.Now(), Self: m.ID == q.current.Member.ID, Roles: page.Roles}
		v.Changes = q.may(coffer.RoleAdmin) && (m.Role != coffer.RoleOwner || q.may(coffer.RoleOwner)) &&
			(!m.Operator || q.current.Member.Operator)
		page.Members = append(page.Members, v)
	}
	if page.Manages {
		if page.Links, err = door.Links(q.ctx(), account); err != nil {
			return err
		}
	}
	return q.render(status, "members", page)
}

func (q *request) invite() error {
	role, err := coffer.ParseRole(q.value("role"))
	var link accounts.Link
	if err == nil {
		link, err = q.Accounts.As(q.caller()).Invite(q.ctx(), q.current.Account.ID, accounts.InviteInput{Email: q.value("email"), Role: role})
	}
	if err != nil {
		wrong := problems{}
		status, ok := q.typo(wrong, "email", err)
		if !ok {
			return err
		}
		return q.membersAnswer(status, nil, wrong)
	}
	return q.membersAnswer(http.StatusOK, &madeLink{Link: link, URL: q.link(joinPath(link)), For: link.Email}, problems{})
}

func (q *request) revokeLink() error {
	if err := q.Accounts.As(q.caller()).RevokeLink(q.ctx(), q.current.Account.ID, accounts.LinkID(q.r.PathValue("id"))); err != nil {
		return err
	}
	return q.redirect("/members?did=link-gone")
}

// memberDone answers a change of a member: refusals stand on the page itself.
func (q *request) memberDone(err error, did string) error {
	if err == nil {
		return q.redirect("/members?did=" + did)
	}
	wrong := problems{}
	status, ok := q.typo(wrong, "", err)
	if !ok {
		return err
	}
	return q.membersAnswer(status, nil, wrong)
}

func (q *request) memberID() coffer.MemberID { return coffer.MemberID(q.r.PathValue("id")) }

func (q *request) setRole() error {
	role, err := coffer.ParseRole(q.value("role"))
	if err == nil {
		err = q.Accounts.As(q.caller()).SetRole(q.ctx(), q.current.Account.ID, q.memberID(), role)
	}
	return q.memberDone(err, "role")
}

func (q *request) removeMember() error {
	err := q.Accounts.As(q.caller()).RemoveMember(q.ctx(), q.current.Account.ID, q.memberID())
	if err == nil && q.memberID() == q.current.Member.ID {
		return q.redirect("/signin")
	}
	return q.memberDone(err, "member-gone")
}

func (q *request) endMemberSessions() error {
	_, err := q.Accounts.As(q.caller()).EndMemberSessions(q.ctx(), q.current.Account.ID, q.memberID())
	return q.memberDone(err, "ended")
}

func (q *request) resetMember() error {
	door := q.Accounts.As(q.caller())
	member, err := door.Member(q.ctx(), q.current.Account.ID, string(q.memberID()))
	if err != nil {
		return err
	}
	link, err := door.ResetMember(q.ctx(), q.current.Account.ID, q.memberID(), q.value("factors") != "")
	if err != nil {
		return q.memberDone(err, "")
	}
	return q.membersAnswer(http.StatusOK, &madeLink{Link: link, URL: q.link(joinPath(link)), For: member.DisplayName()}, problems{})
}
