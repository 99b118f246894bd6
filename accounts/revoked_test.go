package accounts

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"coffer"
)

// machine is one member who signs in and out, and invites, while power is cut.
// What was used or ended is written down, and must never work again.
type machine struct {
	t    *rapid.T
	tb   testing.TB
	w    *world
	a    *ann
	live map[string]coffer.Secret // sessions by token
	dead map[string]coffer.Secret
	link []Link // open links
	gone []Link
	left []coffer.Secret // recovery codes
	used []coffer.Secret
	open []Challenge
	shut []coffer.Secret // challenges that were answered, or whose time is over
	next int             // for e-mail addresses
}

func (m *machine) started(s Started) { m.live[s.Token.Reveal()] = s.Token }

func (m *machine) bury(token coffer.Secret) {
	delete(m.live, token.Reveal())
	m.dead[token.Reveal()] = token
}

func (m *machine) fatal(what string, err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
}

// client is a known browser, so that the many tries here are not slowed down.
func (m *machine) client() Client { return Client{Source: "192.0.2.1", Device: m.a.device} }

// self is the member, freshly proven.
func (m *machine) self() Door {
	return m.w.As(coffer.Caller{Account: m.a.member.Account, Member: m.a.member.ID, Role: coffer.RoleOwner, Name: "ann", Fresh: true})
}

func (m *machine) challenge(t *rapid.T) {
	if len(m.open) >= 4 {
		t.Skip("enough challenges")
	}
	step, err := m.w.SignIn(m.tb.Context(), m.a.member.Email, secret(goodPassword), m.client())
	m.fatal("SignIn", err)
	m.open = append(m.open, *step.Challenge)
}

// lapse shuts the challenges whose time is over.
func (m *machine) lapse() {
	for len(m.open) > 0 && !m.w.clock().Before(m.open[0].Expires) {
		m.shut, m.open = append(m.shut, m.open[0].Token), m.open[1:]
	}
}

func (m *machine) takeChallenge(t *rapid.T) coffer.Secret {
	m.w.pass(30 * time.Second) // to the next code
	m.lapse()
	if len(m.open) == 0 {
		t.Skip("no challenge")
	}
	i := rapid.IntRange(0, len(m.open)-1).Draw(t, "challenge")
	token := m.open[i].Token
	m.open = append(m.open[:i:i], m.open[i+1:]...)
	m.shut = append(m.shut, token)
	return token
}

func (m *machine) totp(t *rapid.T) {
	token := m.takeChallenge(t)
	started, err := m.w.SignInTOTP(m.tb.Context(), token, m.a.code(), m.client())
	m.fatal("SignInTOTP", err)
	m.started(started)
	m.trim()
}

func (m *machine) recovery(t *rapid.T) {
	if len(m.left) == 0 {
		t.Skip("no codes left")
	}
	token := m.takeChallenge(t)
	i := rapid.IntRange(0, len(m.left)-1).Draw(t, "code")
	code := m.left[i]
	m.left = append(m.left[:i:i], m.left[i+1:]...)
	m.used = append(m.used, code)
	started, err := m.w.SignInRecovery(m.tb.Context(), token, code.Reveal(), m.client())
	m.fatal("SignInRecovery", err)
	m.started(started)
	m.trim()
}

// trim looks which sessions the limit has ended.
func (m *machine) trim() {
	for _, token := range m.live {
		if _, err := m.w.Authenticate(m.tb.Context(), token, laptop); coffer.CodeOf(err) == coffer.SignInNeeded {
			m.bury(token)
		}
	}
	if len(m.live) > sessionsMax {
		m.t.Fatalf("%d sessions live, want at most %d", len(m.live), sessionsMax)
	}
}

func (m *machine) anySession(t *rapid.T) coffer.Secret {
	for _, token := range m.live {
		return token
	}
	t.Skip("no session")
	return coffer.Secret{}
}

func (m *machine) signOut(t *rapid.T) {
	token := m.anySession(t)
	m.fatal("SignOut", m.w.SignOut(m.tb.Context(), token, laptop))
	m.bury(token)
}

func (m *machine) renew(t *rapid.T) {
	token := m.anySession(t)
	started, err := m.w.Reauthenticate(m.tb.Context(), token, Reauth{Password: secret(goodPassword)}, laptop)
	m.fatal("Reauthenticate", err)
	m.bury(token)
	m.started(started)
}

func (m *machine) endOthers(t *rapid.T) {
	keep := m.anySession(t)
	cur, err := m.w.Authenticate(m.tb.Context(), keep, laptop)
	m.fatal("Authenticate", err)
	_, err = m.self().EndOtherSessions(m.tb.Context(), cur.Session.ID)
	m.fatal("EndOtherSessions", err)
	for _, token := range m.live {
		if token != keep {
			m.bury(token)
		}
	}
	m.w.pass(time.Second)
	b, err := m.w.newDevice(m.tb.Context(), &member{Member: m.a.member})
	m.fatal("newDevice", err)
	m.a.device = b
}

func (m *machine) invite(t *rapid.T) {
	if len(m.link) >= 4 {
		t.Skip("enough links")
	}
	l, err := m.self().Invite(m.tb.Context(), m.a.member.Account, InviteInput{Role: coffer.RoleMember})
	m.fatal("Invite", err)
	m.link = append(m.link, l)
}

func (m *machine) takeLink(t *rapid.T) Link {
	if len(m.link) == 0 {
		t.Skip("no link")
	}
	i := rapid.IntRange(0, len(m.link)-1).Draw(t, "link")
	l := m.link[i]
	m.link = append(m.link[:i:i], m.link[i+1:]...)
	m.gone = append(m.gone, l)
	return l
}

func (m *machine) redeemInput() RedeemInput {
	m.next++
	return RedeemInput{Email: "p" + itoa(int64(m.next)) + "@example.com", Password: secret(goodPassword)}
}

func (m *machine) redeem(t *rapid.T) {
	_, err := m.w.Redeem(m.tb.Context(), m.takeLink(t).Token, m.redeemInput(), laptop)
	m.fatal("Redeem", err)
}

func (m *machine) revoke(t *rapid.T) {
	m.fatal("RevokeLink", m.self().RevokeLink(m.tb.Context(), m.a.member.Account, m.takeLink(t).ID))
}

func (m *machine) crash(*rapid.T) {
	m.w = m.w.crash()
	m.a.w = m.w
}

func (m *machine) expire(*rapid.T) { m.fatal("Expire", m.w.Expire(m.tb.Context())) }

// check tries everything that is over, and everything that is not.
func (m *machine) check(t *rapid.T) {
	ctx := m.tb.Context()
	for _, token := range m.dead {
		if _, err := m.w.Authenticate(ctx, token, laptop); coffer.CodeOf(err) != coffer.SignInNeeded {
			t.Fatalf("an ended session = %v, want SignInNeeded", err)
		}
		if _, err := m.w.Reauthenticate(ctx, token, Reauth{Password: secret(goodPassword)}, laptop); coffer.CodeOf(err) != coffer.SignInNeeded {
			t.Fatalf("an ended session was renewed: %v", err)
		}
	}
	for _, token := range m.live {
		if _, err := m.w.Authenticate(ctx, token, laptop); err != nil {
			t.Fatalf("a live session = %v", err)
		}
	}
	for _, l := range m.gone {
		if _, err := m.w.Redeem(ctx, l.Token, m.redeemInput(), laptop); coffer.CodeOf(err) != coffer.NoSuchLink {
			t.Fatalf("a used or revoked link = %v, want NoSuchLink", err)
		}
	}
	for _, l := range m.link {
		if _, _, err := m.w.OpenLink(ctx, l.Token); err != nil {
			t.Fatalf("an open link = %v", err)
		}
	}
	m.lapse()
	for _, token := range m.shut {
		m.w.slowFactor.clear(string(m.a.member.ID))
		if _, err := m.w.SignInTOTP(ctx, token, codeAt(m.tb, m.a.seed, m.w.clock().Add(30*time.Second)), m.client()); coffer.CodeOf(err) != coffer.SignInRefused {
			t.Fatalf("a challenge that was answered = %v, want SignInRefused", err)
		}
	}
	for _, code := range m.used {
		if len(m.open) == 0 {
			break
		}
		m.w.slowFactor.clear(string(m.a.member.ID))
		if _, err := m.w.SignInRecovery(ctx, m.open[len(m.open)-1].Token, code.Reveal(), m.client()); coffer.CodeOf(err) != coffer.SignInRefused {
			t.Fatalf("a used recovery code = %v, want SignInRefused", err)
		}
	}
	m.w.slowFactor.clear(string(m.a.member.ID))
}

func TestWhatIsOverNeverWorksAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, func(o *Options) { o.Idle = 12 * time.Hour })
		a := w.owner()
		m := &machine{t: rt, tb: t, w: w, a: a, live: map[string]coffer.Secret{a.token.Reveal(): a.token}, dead: map[string]coffer.Secret{}, left: a.codes}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "challenge": m.challenge, "totp": m.totp, "recovery": m.recovery, "signOut": m.signOut,
			"renew": m.renew, "endOthers": m.endOthers, "invite": m.invite, "redeem": m.redeem, "revoke": m.revoke,
			"crash": m.crash, "expire": m.expire,
		})
	})
}
