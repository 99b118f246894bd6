package accounts

import (
	"testing"
	"time"

	"coffer"
)

const year = 365 * 24 * time.Hour

// begin makes what somebody has to go on with: an invitation, and a sign-in that waits
// for its second step.
func (a *ann) begin() (Link, Step) {
	a.w.t.Helper()
	link, err := a.door().Invite(a.w.t.Context(), a.member.Account, InviteInput{Email: "eve@example.com", Role: coffer.RoleAdmin})
	if err != nil {
		a.w.t.Fatal(err)
	}
	step, err := a.w.SignIn(a.w.t.Context(), a.member.Email, secret(goodPassword), laptop)
	if err != nil {
		a.w.t.Fatal(err)
	}
	return link, step
}

// TestWhatAClockThatWasAheadMadeIsNoGoodForYears sets the clock right after it was a
// year ahead: nothing that was made meanwhile lives a year longer than it should.
func TestWhatAClockThatWasAheadMadeIsNoGoodForYears(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	w.pass(year)
	before, err := a.signIn(laptop)
	if err != nil {
		t.Fatal(err)
	}
	a.token, a.session = before.Token, before.Session
	link, step := a.begin()
	w.pass(-year)
	if err := w.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.OpenLink(t.Context(), link.Token)
	wantCode(t, "a link that was made a year ahead", err, coffer.NoSuchLink)
	_, err = w.SignInRecovery(t.Context(), step.Challenge.Token, a.codes[0].Reveal(), laptop)
	wantCode(t, "a challenge that was made a year ahead", err, coffer.SignInRefused)
	for range 2 {
		_, err = w.Authenticate(t.Context(), before.Token, laptop)
		wantCode(t, "a session that began a year ahead", err, coffer.SignInNeeded)
		w.pass(year)
	}
}

// TestAClockThatStepsBackALittleEndsNothing is of a clock that is set right from time
// to time.
func TestAClockThatStepsBackALittleEndsNothing(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	link, step := a.begin()
	w.pass(-time.Minute)
	if _, err := w.Authenticate(t.Context(), a.token, laptop); err != nil {
		t.Errorf("Authenticate a minute before the session began = %v", err)
	}
	if _, _, err := w.OpenLink(t.Context(), link.Token); err != nil {
		t.Errorf("OpenLink a minute before it was made = %v", err)
	}
	if _, err := w.SignInRecovery(t.Context(), step.Challenge.Token, a.codes[0].Reveal(), laptop); err != nil {
		t.Errorf("SignInRecovery a minute before the challenge = %v", err)
	}
}

// TestAClockThatWasAheadLocksNobodyOut is of wrong passwords that came meanwhile.
func TestAClockThatWasAheadLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	w.pass(year)
	for range ruleEmail.free {
		_, err := w.SignIn(t.Context(), a.member.Email, secret("wrong"), laptop)
		wantCode(t, "a wrong password", err, coffer.SignInRefused)
	}
	w.pass(-year)
	_, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
	wantCode(t, "the right one at once", err, coffer.SlowDown)
	w.pass(ruleEmail.longest)
	if _, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop); err != nil {
		t.Errorf("SignIn when the wait is over = %v", err)
	}
}
