package accounts

import (
	"strings"
	"testing"
	"time"

	"coffer"
)

// team is an account with one member of each role, and a stranger's account.
type team struct {
	*world
	op     *ann // owner and operator of the first account
	owner  *ann // owner of the second
	owner2 *ann
	admin  *ann
	admin2 *ann
	member *ann
	reader *ann
	id     coffer.AccountID
}

func newTeam(t *testing.T) *team {
	t.Helper()
	w := newWorld(t)
	x := &team{world: w}
	x.op = w.owner()
	account, err := x.op.door().CreateAccount(t.Context(), "acme@example.com", "Acme")
	if err != nil {
		t.Fatal(err)
	}
	x.id = account.ID
	link, err := w.As(coffer.Caller{Operator: true}).Invite(t.Context(), x.id, InviteInput{Email: "owner@example.com", Role: coffer.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	x.owner = w.join(link, "")
	x.owner2 = x.owner.invite("owner2@example.com", coffer.RoleOwner)
	x.admin = x.owner.invite("admin@example.com", coffer.RoleAdmin)
	x.admin2 = x.owner.invite("admin2@example.com", coffer.RoleAdmin)
	x.member = x.owner.invite("member@example.com", coffer.RoleMember)
	x.reader = x.owner.invite("reader@example.com", coffer.RoleReadOnly)
	return x
}

// calls are those that change an account or show what is not everyone's, on a
// member of it.
var calls = map[string]func(x *team, d Door, target *ann) error{
	"SetRole": func(x *team, d Door, target *ann) error {
		role := coffer.RoleMember
		if target.member.Role == role {
			role = coffer.RoleReadOnly
		}
		return d.SetRole(x.t.Context(), x.id, target.member.ID, role)
	},
	"Remove": func(x *team, d Door, target *ann) error {
		return d.RemoveMember(x.t.Context(), x.id, target.member.ID)
	},
	"Reset": func(x *team, d Door, target *ann) error {
		return second(d.ResetMember(x.t.Context(), x.id, target.member.ID, true))
	},
	"EndSessions": func(x *team, d Door, target *ann) error {
		return second(d.EndMemberSessions(x.t.Context(), x.id, target.member.ID))
	},
	"Sessions": func(x *team, d Door, target *ann) error {
		return second(d.MemberSessions(x.t.Context(), x.id, target.member.ID))
	},
}

func TestWhoMayChangeWhom(t *testing.T) {
	who := map[string]func(*team) coffer.Caller{
		"socket":   func(*team) coffer.Caller { return coffer.Caller{Operator: true} },
		"operator": func(x *team) coffer.Caller { return x.op.caller() },
		"owner":    func(x *team) coffer.Caller { return x.owner.caller() },
		"admin":    func(x *team) coffer.Caller { return x.admin.caller() },
		"member":   func(x *team) coffer.Caller { return x.member.caller() },
		"reader":   func(x *team) coffer.Caller { return x.reader.caller() },
		"key":      func(x *team) coffer.Caller { return coffer.Caller{Account: x.id, Key: "key_x", Fresh: true} },
		"nobody":   func(*team) coffer.Caller { return coffer.Caller{} },
		"roleOnly": func(x *team) coffer.Caller {
			return coffer.Caller{Account: x.id, Role: coffer.RoleOwner, Fresh: true}
		},
	}
	targets := map[string]func(*team) *ann{
		"owner2": func(x *team) *ann { return x.owner2 }, "admin2": func(x *team) *ann { return x.admin2 }, "member": func(x *team) *ann { return x.member },
	}
	allowed := map[string]string{
		"socket": "owner2 admin2 member", "operator": "owner2 admin2 member", "owner": "owner2 admin2 member", "admin": "admin2 member",
	}
	shared := newTeam(t) // a refused call leaves it as it is
	for caller, as := range who {
		for target, of := range targets {
			if caller == target {
				continue
			}
			for call, do := range calls {
				t.Run(caller+"/"+call+"/"+target, func(t *testing.T) {
					want := strings.Contains(allowed[caller], target)
					x := shared
					if want {
						x = newTeam(t)
					}
					by := as(x)
					before := x.rows()
					err := do(x, x.As(by), of(x))
					if ok := err == nil; ok != want {
						t.Errorf("%v, want allowed %v", err, want)
					}
					if !want && x.rows() != before {
						t.Error("the refused call changed something")
					}
				})
			}
		}
	}
}

func TestNobodyRisesAboveThemselves(t *testing.T) {
	x := newTeam(t)
	admin := x.admin.door()
	for name, err := range map[string]error{
		"admin makes themselves owner": admin.SetRole(t.Context(), x.id, x.admin.member.ID, coffer.RoleOwner),
		"admin makes an owner":         admin.SetRole(t.Context(), x.id, x.member.member.ID, coffer.RoleOwner),
		"admin invites an owner":       second(admin.Invite(t.Context(), x.id, InviteInput{Role: coffer.RoleOwner})),
		"owner makes an operator":      x.owner.door().SetOperator(t.Context(), x.id, x.owner.member.ID, true),
		"owner makes an account":       second(x.owner.door().CreateAccount(t.Context(), "new@example.com", "")),
		"admin renames the account":    admin.RenameAccount(t.Context(), x.id, "Mine"),
		"member invites":               second(x.member.door().Invite(t.Context(), x.id, InviteInput{Role: coffer.RoleReadOnly})),
		"member lists links":           second(x.member.door().Links(t.Context(), x.id)),
		"reader removes themselves?":   errOr(x.reader.door().RemoveMember(t.Context(), x.id, x.member.member.ID)),
	} {
		wantCode(t, name, err, coffer.AccessDenied)
	}
	if err := x.op.door().SetOperator(t.Context(), x.id, x.member.member.ID, true); err != nil {
		t.Fatalf("SetOperator by an operator: %v", err)
	}
	_, err := x.owner.door().ResetMember(t.Context(), x.id, x.member.member.ID, true)
	wantCode(t, "an owner takes an operator's password", err, coffer.AccessDenied)
	wantCode(t, "an owner changes an operator", x.owner.door().SetRole(t.Context(), x.id, x.member.member.ID, coffer.RoleReadOnly), coffer.AccessDenied)
	if err := x.reader.door().RemoveMember(t.Context(), x.id, x.reader.member.ID); err != nil {
		t.Errorf("a reader leaves: %v", err)
	}
	_, err = x.Authenticate(t.Context(), x.reader.token, laptop)
	wantCode(t, "the session of one who left", err, coffer.SignInNeeded)
}

func errOr(err error) error { return err }

func TestRightsAreThoseOfTheMoment(t *testing.T) {
	x := newTeam(t)
	asAdmin := x.admin.caller() // a request that began before
	if err := x.owner.door().SetRole(t.Context(), x.id, x.admin.member.ID, coffer.RoleReadOnly); err != nil {
		t.Fatal(err)
	}
	_, err := x.As(asAdmin).Invite(t.Context(), x.id, InviteInput{Role: coffer.RoleMember})
	wantCode(t, "Invite by one who was an admin", err, coffer.AccessDenied)
	if got := x.admin.caller().Role; got != coffer.RoleReadOnly {
		t.Errorf("role of the next request = %q, want read-only", got)
	}
	asOperator := x.op.caller()
	if err := x.As(coffer.Caller{Operator: true}).SetOperator(t.Context(), x.op.member.Account, x.op.member.ID, false); err != nil {
		t.Fatal(err)
	}
	_, err = x.As(asOperator).Members(t.Context(), x.id)
	wantCode(t, "Members by one who was an operator", err, coffer.NoSuchAccount)
	asOwner := x.owner2.caller()
	if err := x.owner.door().RemoveMember(t.Context(), x.id, x.owner2.member.ID); err != nil {
		t.Fatal(err)
	}
	_, err = x.As(asOwner).Members(t.Context(), x.id)
	wantCode(t, "Members by one who was removed", err, coffer.SignInNeeded)
	wantCode(t, "SetName by one who was removed", x.As(asOwner).SetName(t.Context(), "x"), coffer.SignInNeeded)
}

func TestEveryRoleSeesTheMembers(t *testing.T) {
	x := newTeam(t)
	x.reader.addPasskey()
	for _, a := range []*ann{x.owner, x.admin, x.member, x.reader, x.op} {
		all, err := a.door().Members(t.Context(), x.id)
		if err != nil || len(all) != 6 {
			t.Errorf("Members as %s = %+v, %v, want all six", a.member.Email, all, err)
		}
		for _, handle := range []string{"READER@example.com", string(x.reader.member.ID)} {
			got, err := a.door().Member(t.Context(), x.id, handle)
			if err != nil || got.ID != x.reader.member.ID || !got.TOTP || got.Passkeys != 1 || got.Sessions != 1 {
				t.Errorf("Member(%q) as %s = %+v, %v, want the reader with an app, a passkey and a session", handle, a.member.Email, got, err)
			}
		}
		if got, err := a.door().Account(t.Context(), "acme@example.com"); err != nil || got.ID != x.id {
			t.Errorf("Account as %s = %+v, %v, want Acme", a.member.Email, got, err)
		}
	}
	if err := x.owner.door().RenameAccount(t.Context(), x.id, " New Name "); err != nil {
		t.Errorf("RenameAccount: %v", err)
	}
	if got, _ := x.Get(t.Context(), x.id); got.Name != "New Name" {
		t.Errorf("the account is called %q, want New Name", got.Name)
	}
}

func TestTheLastOwnerStays(t *testing.T) {
	x := newTeam(t)
	if err := x.owner.door().SetRole(t.Context(), x.id, x.owner2.member.ID, coffer.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	id := x.owner.member.ID
	wantCode(t, "SetRole of the last owner", x.owner.door().SetRole(t.Context(), x.id, id, coffer.RoleAdmin), coffer.LastOwner)
	wantCode(t, "RemoveMember of the last owner", x.owner.door().RemoveMember(t.Context(), x.id, id), coffer.LastOwner)
	wantCode(t, "by the operator", x.op.door().RemoveMember(t.Context(), x.id, id), coffer.LastOwner)
	if err := x.owner.door().SetRole(t.Context(), x.id, x.owner2.member.ID, coffer.RoleOwner); err != nil {
		t.Fatal(err)
	}
	if err := x.owner.door().RemoveMember(t.Context(), x.id, id); err != nil {
		t.Errorf("RemoveMember of one of two owners: %v", err)
	}
}

func TestAnotherAccountDoesNotExist(t *testing.T) {
	x := newTeam(t)
	other, err := x.Create(t.Context(), "other@example.com", "Other")
	if err != nil {
		t.Fatal(err)
	}
	link, err := x.As(coffer.Caller{Operator: true}).Invite(t.Context(), other.ID, InviteInput{Email: "eve@example.com", Role: coffer.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	eve := x.join(link, "")
	d := eve.door()
	before := x.rows()
	nobody := coffer.AccountID("100000000000")
	for _, account := range []coffer.AccountID{x.id, nobody, "", "\x00"} {
		for name, err := range map[string]error{
			"Members":     second(d.Members(t.Context(), account)),
			"Member":      second(d.Member(t.Context(), account, x.admin.member.Email)),
			"Invite":      second(d.Invite(t.Context(), account, InviteInput{Role: coffer.RoleMember})),
			"Links":       second(d.Links(t.Context(), account)),
			"RevokeLink":  d.RevokeLink(t.Context(), account, "lnk_x"),
			"SetRole":     d.SetRole(t.Context(), account, x.admin.member.ID, coffer.RoleMember),
			"Remove":      d.RemoveMember(t.Context(), account, x.admin.member.ID),
			"Reset":       second(d.ResetMember(t.Context(), account, x.admin.member.ID, true)),
			"EndSessions": second(d.EndMemberSessions(t.Context(), account, x.admin.member.ID)),
			"Sessions":    second(d.MemberSessions(t.Context(), account, x.admin.member.ID)),
			"Rename":      d.RenameAccount(t.Context(), account, "Mine"),
			"Account":     second(d.Account(t.Context(), string(account))),
		} {
			wantCode(t, name+" of "+string(account), err, coffer.NoSuchAccount)
		}
	}
	for name, err := range map[string]error{
		"Member":  second(d.Member(t.Context(), other.ID, x.admin.member.Email)),
		"ByID":    second(d.Member(t.Context(), other.ID, string(x.admin.member.ID))),
		"SetRole": d.SetRole(t.Context(), other.ID, x.admin.member.ID, coffer.RoleMember),
		"Remove":  d.RemoveMember(t.Context(), other.ID, x.admin.member.ID),
		"Reset":   second(d.ResetMember(t.Context(), other.ID, x.admin.member.ID, true)),
	} {
		wantCode(t, name+" of another account's member", err, coffer.NoSuchMember)
	}
	_, err = d.Account(t.Context(), "acme@example.com")
	wantCode(t, "Account by its address", err, coffer.NoSuchAccount)
	if all, err := d.Accounts(t.Context()); err != nil || len(all) != 1 || all[0].ID != other.ID {
		t.Errorf("Accounts = %+v, %v, want eve's own", all, err)
	}
	if x.rows() != before {
		t.Error("the refused calls changed something")
	}
	if all, err := x.op.door().Accounts(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("Accounts of the operator = %+v, %v, want all three", all, err)
	}
}

func TestSecuritySettingsNeedAFreshProof(t *testing.T) {
	x := newTeam(t)
	x.pass(freshFor)
	d := x.owner.door()
	before := x.rows()
	for name, err := range map[string]error{
		"SetEmail":         d.SetEmail(t.Context(), "new@example.com"),
		"BeginTOTP":        second(d.BeginTOTP(t.Context())),
		"RemoveTOTP":       d.RemoveTOTP(t.Context()),
		"RemovePasskey":    d.RemovePasskey(t.Context(), "pk_x"),
		"NewRecoveryCodes": second(d.NewRecoveryCodes(t.Context())),
		"SetRole":          d.SetRole(t.Context(), x.id, x.admin.member.ID, coffer.RoleMember),
		"SetOperator":      d.SetOperator(t.Context(), x.id, x.admin.member.ID, true),
		"RemoveMember":     d.RemoveMember(t.Context(), x.id, x.admin.member.ID),
		"ResetMember":      second(d.ResetMember(t.Context(), x.id, x.admin.member.ID, false)),
		"Invite owner":     second(d.Invite(t.Context(), x.id, InviteInput{Role: coffer.RoleOwner})),
		"Invite admin":     second(d.Invite(t.Context(), x.id, InviteInput{Role: coffer.RoleAdmin})),
	} {
		wantCode(t, name, err, coffer.FreshSignInNeeded)
	}
	if x.rows() != before {
		t.Error("the refused calls changed something")
	}
	x.owner.renew()
	if err := x.owner.door().SetEmail(t.Context(), "New@example.com"); err != nil {
		t.Errorf("SetEmail when fresh: %v", err)
	}
	wantCode(t, "SetEmail to a taken one", x.owner.door().SetEmail(t.Context(), "admin@example.com"), coffer.MemberExists)
	_, err := x.SignIn(t.Context(), "owner@example.com", secret(goodPassword), laptop)
	wantCode(t, "the old address", err, coffer.SignInRefused)
	if _, err := x.SignIn(t.Context(), "new@example.com", secret(goodPassword), laptop); err != nil {
		t.Errorf("the new address: %v", err)
	}
}

func TestEveryChangeIsAudited(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	a.addPasskey()
	d, account := a.door(), a.member.Account
	p, _ := d.Me(t.Context())
	key := p.Passkeys[0].ID
	link, _ := d.Invite(t.Context(), account, InviteInput{Role: coffer.RoleMember})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.RevokeLink(t.Context(), account, link.ID))
	b := a.invite("bob@example.com", coffer.RoleMember)
	must(d.SetRole(t.Context(), account, b.member.ID, coffer.RoleAdmin))
	must(d.SetOperator(t.Context(), account, b.member.ID, true))
	must(second(d.ResetMember(t.Context(), account, b.member.ID, true)))
	must(d.RemoveMember(t.Context(), account, b.member.ID))
	must(d.SetName(t.Context(), "Ann"))
	must(d.RenameAccount(t.Context(), account, "Acme"))
	must(d.RenamePasskey(t.Context(), key, "x"))
	must(d.RemovePasskey(t.Context(), key))
	a.addPasskey()
	must(d.RemoveTOTP(t.Context()))
	must(second(d.NewRecoveryCodes(t.Context())))
	must(d.SetEmail(t.Context(), "ann@example.org"))
	must(d.SetPassword(t.Context(), secret(goodPassword), secret("quiet marble staircase"), a.session.ID))
	w.pass(time.Second)
	must(w.SignOut(t.Context(), a.token, laptop))

	got := map[string]bool{}
	for _, e := range w.events(account) {
		got[e.Action] = true
		if e.Action != actionMemberJoin && e.Action != actionAccountCreate && e.Who.Kind != "member" {
			t.Errorf("%s was done by %+v, want a member", e.Action, e.Who)
		}
		if e.Source != laptop.Source || e.UserAgent != laptop.UserAgent {
			t.Errorf("%s is from %q with %q, want the laptop", e.Action, e.Source, e.UserAgent)
		}
	}
	for _, want := range []string{actionSessionStart, actionSessionEnd, actionAccountCreate, actionAccountRename,
		actionMemberJoin, actionMemberInvite, actionMemberRevoke, actionMemberReset, actionMemberName, actionMemberEmail,
		actionMemberPassword, actionMemberRole, actionMemberOperator, actionMemberRemove, actionTOTPAdd, actionTOTPRemove,
		actionPasskeyAdd, actionPasskeyRename, actionPasskeyRemove, actionRecoveryNew} {
		if !got[want] {
			t.Errorf("there is no event %s", want)
		}
	}
}
