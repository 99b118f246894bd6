package accounts

import (
	"sync"
	"testing"
	"time"

	"coffer"
)

func TestASetupLinkMakesOneFirstMember(t *testing.T) {
	w := newWorld(t)
	first, err := w.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	link, err := w.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.OpenLink(t.Context(), first.Token)
	wantCode(t, "the link of before", err, coffer.NoSuchLink)
	if l, account, err := w.OpenLink(t.Context(), link.Token); err != nil || l.Kind != LinkSetup || account.ID != "" || !l.Token.Empty() {
		t.Errorf("OpenLink = %+v, %+v, %v, want a setup link, no account, no token", l, account, err)
	}
	_, err = w.Redeem(t.Context(), link.Token, RedeemInput{Email: "ann@example.com", Password: secret("short")}, laptop)
	wantCode(t, "a weak password", err, coffer.InvalidArgument)
	_, err = w.Redeem(t.Context(), link.Token, RedeemInput{Email: "ann", Password: secret(goodPassword)}, laptop)
	wantCode(t, "no address", err, coffer.InvalidArgument)

	var wg sync.WaitGroup
	results := make(chan error, 4)
	for i := range 4 {
		wg.Go(func() {
			_, err := w.Redeem(t.Context(), link.Token, RedeemInput{Email: string(rune('a'+i)) + "@example.com",
				AccountName: "Acme", Password: secret(goodPassword)}, laptop)
			results <- err
		})
	}
	wg.Wait()
	made := 0
	for range 4 {
		switch err := <-results; coffer.CodeOf(err) {
		case coffer.NoSuchLink:
		default:
			if err != nil {
				t.Errorf("Redeem = %v", err)
			}
			made++
		}
	}
	all, err := w.List(t.Context())
	if made != 1 || err != nil || len(all) != 1 || all[0].Name != "Acme" {
		t.Errorf("four at once made %d members and the accounts %+v, %v, want one and Acme", made, all, err)
	}
}

func TestTheFirstMemberJoinsTheAccountThatIsThere(t *testing.T) {
	w := newWorld(t)
	root, err := w.Create(t.Context(), "root@coffer.example", "root")
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if _, err := w.Create(t.Context(), "later@example.com", ""); err != nil {
		t.Fatal(err)
	}
	link, _ := w.SetupLink(t.Context())
	step, err := w.Redeem(t.Context(), link.Token, RedeemInput{Email: "ann@example.com", AccountName: "Acme", Password: secret(goodPassword)}, laptop)
	if err != nil || step.Started.Member.Account != root.ID {
		t.Fatalf("Redeem = %+v, %v, want a member of %s", step.Started, err, root.ID)
	}
	if got, err := w.Get(t.Context(), root.ID); err != nil || got.Name != "Acme" {
		t.Errorf("the account = %+v, %v, want its new name", got, err)
	}
}

func TestLinksEnd(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	door := a.door()
	account := a.member.Account
	invite := func() Link {
		t.Helper()
		l, err := door.Invite(t.Context(), account, InviteInput{Role: coffer.RoleMember})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	redeem := func(l Link) error {
		_, err := w.Redeem(t.Context(), l.Token, RedeemInput{Email: "new@example.com", Password: secret(goodPassword)}, laptop)
		return err
	}
	revoked := invite()
	if all, err := door.Links(t.Context(), account); err != nil || len(all) != 1 || all[0].ID != revoked.ID || !all[0].Token.Empty() || all[0].By != a.member.Email {
		t.Errorf("Links = %+v, %v, want the one, without its token", all, err)
	}
	if err := door.RevokeLink(t.Context(), account, revoked.ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "RevokeLink again", door.RevokeLink(t.Context(), account, revoked.ID), coffer.NoSuchLink)
	wantCode(t, "a revoked link", redeem(revoked), coffer.NoSuchLink)
	for _, bad := range []string{"", "x.y", "setup.", string(account) + ".AAAA", revoked.Token.Reveal() + "A"} {
		wantCode(t, bad, redeem(Link{Token: secret(bad)}), coffer.NoSuchLink)
	}
	old := invite()
	w.pass(inviteFor)
	wantCode(t, "a link after its time", redeem(old), coffer.NoSuchLink)
	w.pass(-inviteFor)
	if err := redeem(old); err != nil {
		t.Errorf("the link within its time: %v", err)
	}
	wantCode(t, "a used link", redeem(old), coffer.NoSuchLink)

	// What a link gives is never more than its maker has.
	b := a.invite("bob@example.com", coffer.RoleAdmin)
	l, err := b.door().Invite(t.Context(), account, InviteInput{Email: "eve@example.com", Role: coffer.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.door().SetRole(t.Context(), account, b.member.ID, coffer.RoleMember); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "the link of one who is no admin any more", redeem(l), coffer.NoSuchLink)
	if all, err := door.Links(t.Context(), account); err != nil || len(all) != 0 {
		t.Errorf("Links = %+v, %v, want none", all, err)
	}
	if err := a.door().SetRole(t.Context(), account, b.member.ID, coffer.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if err := a.door().RemoveMember(t.Context(), account, b.member.ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "the link of one who is gone", redeem(l), coffer.NoSuchLink)
}

func TestAnInvitationForSomeoneIsForThemOnly(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	link, err := a.door().Invite(t.Context(), a.member.Account, InviteInput{Email: "Bob@example.com", Role: coffer.RoleReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.door().Invite(t.Context(), a.member.Account, InviteInput{Email: "ANN@example.com", Role: coffer.RoleReadOnly})
	wantCode(t, "Invite of a member", err, coffer.MemberExists)
	b := w.join(link, "mallory@example.com")
	if b.member.Email != "bob@example.com" || b.member.Role != coffer.RoleReadOnly || b.member.Operator {
		t.Errorf("member = %+v, want bob, read-only, no operator", b.member)
	}
	open, err := a.door().Invite(t.Context(), a.member.Account, InviteInput{Role: coffer.RoleReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	before := w.rows()
	_, err = w.Redeem(t.Context(), open.Token, RedeemInput{Email: "bob@example.com", Password: secret(goodPassword)}, laptop)
	wantCode(t, "Redeem with an address that is taken", err, coffer.MemberExists)
	if w.rows() != before {
		t.Error("the refused redeem changed something")
	}
}

func TestAResetStillAsksForTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	b := a.invite("bob@example.com", coffer.RoleMember)
	first, err := a.door().ResetMember(t.Context(), a.member.Account, b.member.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	link, err := a.door().ResetMember(t.Context(), a.member.Account, b.member.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	next := secret("quiet marble staircase")
	_, err = w.Redeem(t.Context(), first.Token, RedeemInput{Password: next}, laptop)
	wantCode(t, "the first of two links", err, coffer.NoSuchLink)
	b.caller() // nothing has changed yet
	w.pass(time.Minute)
	step, err := w.Redeem(t.Context(), link.Token, RedeemInput{Password: next, Email: "x@example.com"}, laptop)
	if err != nil || step.Challenge == nil || !step.Challenge.TOTP {
		t.Fatalf("Redeem = %+v, %v, want a challenge", step, err)
	}
	_, err = w.Authenticate(t.Context(), b.token, laptop)
	wantCode(t, "a session of before", err, coffer.SignInNeeded)
	if _, err := w.SignInTOTP(t.Context(), step.Challenge.Token, b.code(), laptop); err != nil {
		t.Errorf("SignInTOTP: %v", err)
	}

	a.renew()
	link, err = a.door().ResetMember(t.Context(), a.member.Account, b.member.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	step, err = w.Redeem(t.Context(), link.Token, RedeemInput{Password: secret(goodPassword)}, laptop)
	if err != nil || step.Started == nil || !step.Started.NeedsFactor {
		t.Fatalf("Redeem of a link for factors = %+v, %v, want a session that needs a factor", step, err)
	}
	_, err = w.Redeem(t.Context(), link.Token, RedeemInput{Password: next}, laptop)
	wantCode(t, "the link again", err, coffer.NoSuchLink)
}

// TestALinkIntoAnotherAccountEndsWithItsMakersRight: an operator's links are good
// for as long as their maker is one.
func TestALinkIntoAnotherAccountEndsWithItsMakersRight(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	b := a.invite("bob@example.com", coffer.RoleOwner)
	other, err := w.Create(t.Context(), "other@example.com", "Other")
	if err != nil {
		t.Fatal(err)
	}
	operate := func(on bool) {
		t.Helper()
		a.renew()
		if err := a.door().SetOperator(t.Context(), a.member.Account, b.member.ID, on); err != nil {
			t.Fatal(err)
		}
	}
	operate(true)
	b.renew()
	link, err := b.door().Invite(t.Context(), other.ID, InviteInput{Role: coffer.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.OpenLink(t.Context(), link.Token); err != nil {
		t.Errorf("OpenLink while its maker is an operator = %v", err)
	}
	operate(false)
	_, _, err = w.OpenLink(t.Context(), link.Token)
	wantCode(t, "the link of who is no operator any more", err, coffer.NoSuchLink)
	_, err = w.Redeem(t.Context(), link.Token, RedeemInput{Email: "x@example.com", Password: secret(goodPassword)}, laptop)
	wantCode(t, "Redeem of it", err, coffer.NoSuchLink)
}
