package accounts

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"coffer"
)

func TestTheFirstMemberOwnsAndOperates(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	if a.member.Role != coffer.RoleOwner || !a.member.Operator || a.member.Email != "ann@example.com" {
		t.Errorf("first member = %+v, want an owner who is an operator", a.member)
	}
	if len(a.codes) != recoveryCodes {
		t.Errorf("the first second factor gave %d recovery codes, want %d", len(a.codes), recoveryCodes)
	}
	c := a.caller()
	if c.Role != coffer.RoleOwner || !c.Operator || !c.Fresh || c.Account != a.member.Account || c.Name != "ann@example.com" ||
		c.Source != laptop.Source || c.UserAgent != laptop.UserAgent {
		t.Errorf("caller = %+v, want an owner, an operator, fresh, with address and agent", c)
	}
	if _, err := w.SetupLink(t.Context()); coffer.CodeOf(err) != coffer.MemberExists {
		t.Errorf("SetupLink with a member = %v, want MemberExists", err)
	}
}

func TestWithoutASecondFactorThereAreNoRights(t *testing.T) {
	w := newWorld(t)
	link, _ := w.SetupLink(t.Context())
	step, err := w.Redeem(t.Context(), link.Token, RedeemInput{Email: "ann@example.com", Password: secret(goodPassword)}, laptop)
	if err != nil || !step.Started.NeedsFactor {
		t.Fatalf("Redeem = %+v, %v, want a session that needs a factor", step.Started, err)
	}
	cur, err := w.Authenticate(t.Context(), step.Started.Token, laptop)
	if err != nil || !cur.NeedsFactor || cur.Caller.Role != "" || cur.Caller.Operator {
		t.Errorf("Authenticate = %+v, %v, want a caller without role and operator right", cur.Caller, err)
	}
	for name, call := range map[string]error{
		"Members": second(w.As(cur.Caller).Members(t.Context(), cur.Account.ID)),
		"Invite":  second(w.As(cur.Caller).Invite(t.Context(), cur.Account.ID, InviteInput{Role: coffer.RoleAdmin})),
		"Create":  second(w.As(cur.Caller).CreateAccount(t.Context(), "x@example.com", "")),
		"Rename":  w.As(cur.Caller).RenameAccount(t.Context(), cur.Account.ID, "x"),
	} {
		wantCode(t, name, call, coffer.AccessDenied)
	}

	// Someone who has the password as well must not rise with the owner.
	thief, err := w.SignIn(t.Context(), "ann@example.com", secret(goodPassword), Client{Source: "198.51.100.9"})
	if err != nil {
		t.Fatal(err)
	}
	a := &ann{w: w, member: step.Started.Member, token: step.Started.Token, session: step.Started.Session}
	a.addTOTP()
	if got := a.caller(); got.Role != coffer.RoleOwner {
		t.Errorf("role after a factor was added = %q, want owner", got.Role)
	}
	_, err = w.Authenticate(t.Context(), thief.Started.Token, laptop)
	wantCode(t, "the other session without a factor", err, coffer.SignInNeeded)
}

func second[T any](_ T, err error) error { return err }

func TestPasswordAloneCanBeAllowed(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PasswordAlone = true })
	m, made, err := w.EnsureFirstMember(t.Context(), "Ann@Example.com", secret(goodPassword))
	if err != nil || !made || m.Role != coffer.RoleOwner || !m.Operator {
		t.Fatalf("EnsureFirstMember = %+v, %v, %v, want an owner and operator", m, made, err)
	}
	if _, made, err := w.EnsureFirstMember(t.Context(), "b@example.com", secret(goodPassword)); made || err != nil {
		t.Errorf("second EnsureFirstMember = %v, %v, want nothing", made, err)
	}
	step, err := w.SignIn(t.Context(), " ANN@example.com ", secret(goodPassword), laptop)
	if err != nil || step.Started == nil || step.Started.NeedsFactor {
		t.Fatalf("SignIn = %+v, %v, want a full session", step, err)
	}
	cur, err := w.Authenticate(t.Context(), step.Started.Token, laptop)
	if err != nil || cur.Caller.Role != coffer.RoleOwner {
		t.Errorf("Authenticate = %+v, %v, want an owner", cur.Caller, err)
	}
}

func TestWrongPasswordAndUnknownAddressAreToldAlike(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	_, wrong := w.SignIn(t.Context(), a.member.Email, secret("not the password"), laptop)
	_, unknown := w.SignIn(t.Context(), "nobody@example.com", secret("not the password"), laptop)
	_, noMail := w.SignIn(t.Context(), "\x00\xff", secret(""), laptop)
	_, long := w.SignIn(t.Context(), a.member.Email, secret(strings.Repeat("x", 1<<20)), laptop)
	for name, err := range map[string]error{"wrong": wrong, "unknown": unknown, "no address": noMail, "long": long} {
		wantCode(t, name, err, coffer.SignInRefused)
		if err != nil && err.Error() != wrong.Error() {
			t.Errorf("%s: %q, want the same text as for a wrong password: %q", name, err, wrong)
		}
	}
	// The same work: an unknown address is compared with a hash of the same cost.
	stored, _, _, err := parseHash(w.hasher.dummy)
	if err != nil || stored != w.hasher.cost {
		t.Errorf("the dummy hash costs %+v, %v, want %+v", stored, err, w.hasher.cost)
	}
	if ok, err := w.hasher.matches(t.Context(), "", secret("")); ok || err != nil {
		t.Errorf("an empty password matches no hash: %v, %v", ok, err)
	}
}

func TestEachCodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	w.pass(time.Minute)
	challenge := func() coffer.Secret {
		t.Helper()
		step, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
		if err != nil || step.Challenge == nil || !step.Challenge.TOTP || !step.Challenge.Recovery || step.Challenge.Passkey != nil {
			t.Fatalf("SignIn = %+v, %v, want a challenge for a code", step, err)
		}
		return step.Challenge.Token
	}
	first := challenge()
	if _, err := w.SignInTOTP(t.Context(), first, a.code(), laptop); err != nil {
		t.Fatalf("SignInTOTP: %v", err)
	}
	_, err := w.SignInTOTP(t.Context(), challenge(), a.code(), laptop)
	wantCode(t, "the same code again", err, coffer.SignInRefused)
	_, err = w.SignInTOTP(t.Context(), challenge(), codeAt(t, a.seed, w.clock().Add(-30*time.Second)), laptop)
	wantCode(t, "an earlier code", err, coffer.SignInRefused)
	w.pass(30 * time.Second)
	_, err = w.SignInTOTP(t.Context(), first, a.code(), laptop)
	wantCode(t, "a challenge that was answered", err, coffer.SignInRefused)
	if _, err := w.SignInTOTP(t.Context(), challenge(), codeAt(t, a.seed, w.clock().Add(30*time.Second)), laptop); err != nil {
		t.Errorf("a code of the next step: %v", err)
	}

	typed := strings.ToUpper(strings.ReplaceAll(a.codes[3].Reveal(), "-", " "))
	if _, err := w.SignInRecovery(t.Context(), challenge(), typed, laptop); err != nil {
		t.Errorf("SignInRecovery(as typed): %v", err)
	}
	_, err = w.SignInRecovery(t.Context(), challenge(), a.codes[3].Reveal(), laptop)
	wantCode(t, "a recovery code again", err, coffer.SignInRefused)
	if p, _ := a.door().Me(t.Context()); p.RecoveryLeft != recoveryCodes-1 {
		t.Errorf("recovery codes left = %d, want %d", p.RecoveryLeft, recoveryCodes-1)
	}
	a.renew()
	if _, err := a.door().NewRecoveryCodes(t.Context()); err != nil {
		t.Fatalf("NewRecoveryCodes: %v", err)
	}
	_, err = w.SignInRecovery(t.Context(), challenge(), a.codes[4].Reveal(), laptop)
	wantCode(t, "a recovery code of before", err, coffer.SignInRefused)
}

// renew makes a's session fresh.
func (a *ann) renew() {
	a.w.t.Helper()
	started, err := a.w.Reauthenticate(a.w.t.Context(), a.token, Reauth{Password: secret(goodPassword)}, laptop)
	if err != nil {
		a.w.t.Fatalf("Reauthenticate: %v", err)
	}
	a.token = started.Token
}

func TestAChallengeIsGoodForItsMemberItsKindAndItsTime(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	b := a.invite("bob@example.com", coffer.RoleMember)
	w.pass(time.Minute)
	step, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
	if err != nil {
		t.Fatal(err)
	}
	token := step.Challenge.Token
	_, err = w.SignInTOTP(t.Context(), token, b.code(), laptop)
	wantCode(t, "another member's code", err, coffer.SignInRefused)
	setup, err := b.door().BeginTOTP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.SignInTOTP(t.Context(), setup.Token, b.code(), laptop)
	wantCode(t, "the challenge of a new app", err, coffer.SignInRefused)
	_, err = a.door().FinishTOTP(t.Context(), setup.Token, codeAt(t, setup.Key.Reveal(), w.clock()), a.session.ID)
	wantCode(t, "another member's new app", err, coffer.SignInRefused)
	for _, bad := range []string{"", "x", token.Reveal() + "A", token.Reveal()[1:], token.Reveal() + "\n", b.device.Reveal()} {
		_, err = w.SignInTOTP(t.Context(), secret(bad), a.code(), laptop)
		wantCode(t, fmt.Sprintf("challenge %.10q…", bad), err, coffer.SignInRefused)
	}
	w.pass(challengeFor)
	_, err = w.SignInTOTP(t.Context(), token, a.code(), laptop)
	wantCode(t, "a challenge after its time", err, coffer.SignInRefused)

	w.pass(-time.Minute)
	a.renew()
	if err := a.door().SetPassword(t.Context(), secret(goodPassword), secret("another fine teapot"), a.session.ID); err != nil {
		t.Fatalf("SetPassword: %v", err)
	}
	_, err = w.SignInTOTP(t.Context(), token, a.code(), laptop)
	wantCode(t, "a challenge from before the new password", err, coffer.SignInRefused)
}

func TestStrangersCannotLockAPersonOut(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	a.addPasskey()
	var slowed bool
	for i := range 40 {
		_, err := w.SignIn(t.Context(), a.member.Email, secret("guess"), Client{Source: fmt.Sprintf("203.0.113.%d", i)})
		slowed = slowed || coffer.CodeOf(err) == coffer.SlowDown
	}
	if !slowed {
		t.Error("40 guesses at one address from 40 sources were not slowed down")
	}
	_, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), Client{Source: "192.0.2.99"})
	wantCode(t, "the right password from a new browser at once", err, coffer.SlowDown)
	if e, ok := errors.AsType[*coffer.Error](err); !ok || len(e.Fields) != 1 || e.Fields[0].Name != "RetryAfter" {
		t.Errorf("SlowDown = %+v, want the field RetryAfter", e)
	}
	if _, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), Client{Source: "203.0.113.1", Device: a.device}); err != nil {
		t.Errorf("the right password from a known browser: %v", err)
	}
	ch, err := w.BeginPasskeySignIn(t.Context(), laptop)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop); err != nil {
		t.Errorf("a passkey: %v", err)
	}
	w.pass(ruleEmail.longest)
	if _, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), Client{Source: "192.0.2.99"}); err != nil {
		t.Errorf("the right password from a new browser after %v: %v", ruleEmail.longest, err)
	}
}

func TestOneSourceIsSlowedDownOverManyAddresses(t *testing.T) {
	w := newWorld(t)
	refused, slowed := 0, 0
	for i := range 300 {
		_, err := w.SignIn(t.Context(), fmt.Sprintf("p%d@example.com", i), secret("guess"), Client{Source: fmt.Sprintf("2001:db8::%x", i+1)})
		switch coffer.CodeOf(err) {
		case coffer.SignInRefused:
			refused++
		case coffer.SlowDown:
			slowed++
		default:
			t.Fatalf("SignIn = %v", err)
		}
	}
	if refused != ruleSource.free || slowed != 300-ruleSource.free {
		t.Errorf("%d tries were answered and %d slowed down, want %d and the rest", refused, slowed, ruleSource.free)
	}
}

func TestCodesCannotBeGuessed(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	w.pass(time.Minute)
	step, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ruleFactor.free {
		_, err := w.SignInTOTP(t.Context(), step.Challenge.Token, "000000", laptop)
		wantCode(t, fmt.Sprintf("guess %d", i), err, coffer.SignInRefused)
	}
	_, err = w.SignInTOTP(t.Context(), step.Challenge.Token, a.code(), laptop)
	wantCode(t, "the next try", err, coffer.SlowDown)
	w.pass(firstDelay)
	if _, err := w.SignInTOTP(t.Context(), step.Challenge.Token, a.code(), laptop); err != nil {
		t.Errorf("the right code after the pause: %v", err)
	}
}

func TestManyAtOnceAreBounded(t *testing.T) {
	w := newWorld(t)
	for range hashesMax {
		w.hasher.running <- struct{}{} // all turns are taken
	}
	var wg sync.WaitGroup
	codes := make(chan coffer.Code, 200)
	for i := range 200 {
		wg.Go(func() {
			_, err := w.SignIn(t.Context(), fmt.Sprintf("p%d@example.com", i), secret("guess"), Client{Source: fmt.Sprintf("10.0.0.%d", i)})
			codes <- coffer.CodeOf(err)
		})
	}
	for range 200 - hashQueueMax {
		if c := <-codes; c != coffer.ServiceUnavailable {
			t.Errorf("over the queue: code %d, want ServiceUnavailable", c)
		}
	}
	for range hashesMax {
		<-w.hasher.running
	}
	wg.Wait()
	for range hashQueueMax {
		if c := <-codes; c != coffer.SignInRefused {
			t.Errorf("in the queue: code %d, want SignInRefused", c)
		}
	}
}

func TestFailuresAreAuditedButDoNotFloodTheLog(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	for i := range 500 {
		_, _ = w.SignIn(t.Context(), fmt.Sprintf("p%d@example.com", i), secret("hunter2-hunter2"), Client{Source: fmt.Sprintf("10.0.%d.%d", i/250, i%250), UserAgent: "evil\r\nline"})
	}
	w.pass(time.Minute)
	_, _ = w.SignIn(t.Context(), a.member.Email, secret("hunter2-hunter2"), laptop)
	_, _ = w.SignIn(t.Context(), "my password, oops", secret("x"), laptop)
	n, mine, untold := 0, 0, ""
	for _, e := range append(w.events(""), w.events(a.member.Account)...) {
		if e.Action != actionSessionFail {
			continue
		}
		n++
		if e.Target == string(a.member.ID) {
			mine++
			untold = e.After["not_shown_before"]
		}
		if strings.Contains(fmt.Sprint(e), "hunter2") || strings.Contains(fmt.Sprint(e), "oops") {
			t.Errorf("the event %+v has what was typed", e)
		}
	}
	if n < failuresPerMinute || n > 2*failuresPerMinute+4 || mine == 0 || untold != itoa(500-failuresPerMinute) {
		t.Errorf("%d failures are in the log, %d of them the member's, %q not shown: want about %d, some, and %d", n, mine, untold, failuresPerMinute, 500-failuresPerMinute)
	}
	if got := strings.Count(w.log.String(), "sign-in refused"); got != 502 {
		t.Errorf("the log has %d failures, want all 502", got)
	}
	if strings.Contains(w.log.String(), "hunter2") || strings.Contains(w.log.String(), "evil\r\n") {
		t.Error("the log has a password or a raw line break")
	}
}
