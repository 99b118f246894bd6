package accounts

import (
	"context"
	"errors"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

func TestASessionEndsByTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []time.Duration // between requests
		alive bool
	}{
		{"JustBeforeIdle", []time.Duration{30*time.Minute - time.Second}, true},
		{"AtIdle", []time.Duration{30 * time.Minute}, false},
		{"SeenInBetween", []time.Duration{20 * time.Minute, 20 * time.Minute}, true},
		{"AtTheAbsoluteEnd", repeat(29*time.Minute, 25), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.owner()
			var err error
			for _, d := range tt.steps {
				w.pass(d)
				_, err = w.Authenticate(t.Context(), a.token, laptop)
			}
			if alive := err == nil; alive != tt.alive {
				t.Errorf("Authenticate after %v = %v, want alive %v", tt.steps, err, tt.alive)
			}
			if !tt.alive {
				w.pass(-time.Hour)
				_, err := w.Authenticate(t.Context(), a.token, laptop)
				wantCode(t, "a clock that went back", err, coffer.SignInNeeded)
			}
		})
	}
	w := newWorld(t, func(o *Options) { o.Idle, o.Absolute = 4*time.Second, 10*time.Second })
	a := w.owner()
	for range 3 {
		w.pass(3 * time.Second)
		if _, err := w.Authenticate(t.Context(), a.token, laptop); err != nil {
			t.Errorf("within short limits: %v", err)
		}
	}
	w.pass(time.Second)
	_, err := w.Authenticate(t.Context(), a.token, laptop)
	wantCode(t, "after a short absolute end", err, coffer.SignInNeeded)
}

func repeat(d time.Duration, n int) (all []time.Duration) {
	for range n {
		all = append(all, d)
	}
	return all
}

func TestSeenIsWrittenAtMostOnceAMinute(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	before := w.rows()
	for range 59 {
		w.pass(time.Second)
		if _, err := w.Authenticate(t.Context(), a.token, laptop); err != nil {
			t.Fatal(err)
		}
	}
	if w.rows() != before {
		t.Error("requests within a minute wrote something")
	}
	w.pass(time.Second)
	_, _ = w.Authenticate(t.Context(), a.token, Client{Source: "192.0.2.8", UserAgent: "Opera"})
	all, err := a.door().Sessions(t.Context())
	if err != nil || len(all) != 1 || all[0].Source != "192.0.2.8" || !all[0].LastSeen.Equal(w.now) {
		t.Errorf("Sessions = %+v, %v, want it seen now from 192.0.2.8", all, err)
	}
}

func TestOnlyTheHashOfATokenIsStored(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	random := a.token.Reveal()[len(a.member.ID)+1:]
	err := w.store.View(t.Context(), func(r meta.Reader) error {
		return each(r, nil, func(k, v []byte) error {
			for _, s := range []string{random, goodPassword, a.seed, a.codes[0].Reveal()} {
				if contains(k, s) || contains(v, s) {
					t.Errorf("the row %q has a secret in the clear", k)
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func contains(b []byte, s string) bool {
	for i := 0; i+len(s) <= len(b); i++ {
		if string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	var all []Started
	for range 3 {
		w.pass(time.Minute)
		started, err := a.signIn(Client{Source: "192.0.2.50", Device: a.device})
		if err != nil {
			t.Fatalf("sign in: %v", err)
		}
		if !started.Device.Empty() {
			t.Error("a known browser got a new device token")
		}
		all = append(all, started)
	}
	if got, err := a.door().Sessions(t.Context()); err != nil || len(got) != 4 {
		t.Fatalf("Sessions = %+v, %v, want four", got, err)
	}
	if err := a.door().EndSession(t.Context(), all[0].Session.ID); err != nil {
		t.Errorf("EndSession: %v", err)
	}
	wantCode(t, "EndSession again", a.door().EndSession(t.Context(), all[0].Session.ID), coffer.NoSuchSession)
	b := a.invite("bob@example.com", coffer.RoleAdmin)
	wantCode(t, "EndSession of another member's", b.door().EndSession(t.Context(), all[1].Session.ID), coffer.NoSuchSession)
	if n, err := a.door().EndOtherSessions(t.Context(), a.session.ID); n != 2 || err != nil {
		t.Errorf("EndOtherSessions = %d, %v, want 2", n, err)
	}
	for _, s := range all {
		_, err := w.Authenticate(t.Context(), s.Token, laptop)
		wantCode(t, "an ended session", err, coffer.SignInNeeded)
	}
	if err := w.SignOut(t.Context(), a.token, laptop); err != nil {
		t.Errorf("SignOut: %v", err)
	}
	if err := w.SignOut(t.Context(), a.token, laptop); err != nil {
		t.Errorf("SignOut again: %v", err)
	}
	_, err := w.Authenticate(t.Context(), a.token, laptop)
	wantCode(t, "after sign-out", err, coffer.SignInNeeded)
	if _, err := b.w.Authenticate(t.Context(), b.token, laptop); err != nil {
		t.Errorf("another member's session: %v", err)
	}
}

func TestTheEleventhSessionEndsTheOneIdleForLongest(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Idle = 12 * time.Hour })
	a := w.owner()
	for range sessionsMax {
		w.pass(time.Minute)
		if _, err := a.signIn(Client{Device: a.device}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Authenticate(t.Context(), a.token, laptop)
	wantCode(t, "the first session", err, coffer.SignInNeeded)
	cur, err := a.signIn(Client{Device: a.device})
	if err == nil {
		t.Fatalf("a code was taken twice: %+v", cur)
	}
	n := 0
	_ = w.store.View(t.Context(), func(r meta.Reader) error {
		all, err := memberSessions(r, a.member.ID)
		n = len(all)
		return err
	})
	if n != sessionsMax {
		t.Errorf("there are %d sessions, want %d", n, sessionsMax)
	}
}

func TestANewPasswordEndsTheOtherSessionsAndKnownBrowsers(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	w.pass(time.Minute)
	other, err := a.signIn(laptop)
	if err != nil {
		t.Fatal(err)
	}
	next := secret("quiet marble staircase")
	wantCode(t, "SetPassword with a wrong old one", a.door().SetPassword(t.Context(), secret("wrong"), next, a.session.ID), coffer.SignInRefused)
	wantCode(t, "SetPassword to a weak one", a.door().SetPassword(t.Context(), secret(goodPassword), secret("password2026!"), a.session.ID), coffer.InvalidArgument)
	w.pass(time.Second)
	if err := a.door().SetPassword(t.Context(), secret(goodPassword), next, a.session.ID); err != nil {
		t.Fatalf("SetPassword: %v", err)
	}
	_, err = w.Authenticate(t.Context(), other.Token, laptop)
	wantCode(t, "the other session", err, coffer.SignInNeeded)
	a.caller() // this one lives
	_, err = w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
	wantCode(t, "the old password", err, coffer.SignInRefused)
	step, err := w.SignIn(t.Context(), a.member.Email, next, laptop)
	if err != nil || step.Challenge == nil {
		t.Errorf("the new password = %+v, %v, want a challenge", step, err)
	}
	m := &member{Member: a.member, devicesSince: w.now}
	if w.knownDevice(t.Context(), m, a.device) {
		t.Error("a browser of before is still known")
	}
}

func TestWaitEndReturnsAtTheEndOfASession(t *testing.T) {
	for name, end := range map[string]func(w *world, a *ann) error{
		"SignOut": func(w *world, a *ann) error { return w.SignOut(w.t.Context(), a.token, laptop) },
		"Reauth": func(w *world, a *ann) error {
			_, err := w.Reauthenticate(w.t.Context(), a.token, Reauth{Password: secret(goodPassword)}, laptop)
			return err
		},
		"Expire": func(w *world, a *ann) error {
			w.pass(time.Hour)
			return w.Expire(w.t.Context())
		},
		"Other": func(w *world, a *ann) error {
			_, err := w.As(coffer.Caller{Operator: true}).EndMemberSessions(w.t.Context(), a.member.Account, a.member.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.owner()
			done := make(chan error, 1)
			go func() { done <- w.WaitEnd(t.Context(), a.token) }()
			if err := end(w, a); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Errorf("WaitEnd = %v, want nil", err)
			}
		})
	}
	t.Run("Idle", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Idle = 20 * time.Millisecond })
		a := w.owner()
		done := make(chan error, 1)
		go func() { done <- w.WaitEnd(t.Context(), a.token) }()
		w.pass(time.Minute)
		if err := <-done; err != nil {
			t.Errorf("WaitEnd of a session that nobody uses = %v, want nil", err)
		}
	})
	w := newWorld(t)
	a := w.owner()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := w.WaitEnd(ctx, a.token); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitEnd of a live session = %v, want the context's end", err)
	}
	for _, bad := range []string{"", "x", "mem_x.y", "\x00.\x00"} {
		if err := w.WaitEnd(t.Context(), secret(bad)); err != nil {
			t.Errorf("WaitEnd(%q) = %v, want nil", bad, err)
		}
		_, err := w.Authenticate(t.Context(), secret(bad), laptop)
		wantCode(t, "Authenticate of no token", err, coffer.SignInNeeded)
	}
}

func TestExpireRemovesWhatIsOver(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	if _, err := a.door().Invite(t.Context(), a.member.Account, InviteInput{Role: coffer.RoleMember}); err != nil {
		t.Fatal(err)
	}
	before := w.rows()
	if err := w.Expire(t.Context()); err != nil || w.rows() != before {
		t.Errorf("Expire before anything is over = %v, and changed something: %v", err, w.rows() != before)
	}
	w.pass(inviteFor)
	if err := w.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.store.View(t.Context(), func(r meta.Reader) error {
		for _, prefix := range [][]byte{{meta.PrefixSession}, {meta.PrefixLink}, {meta.PrefixPending, rowSpent}} {
			if any, err := anyRow(r, prefix); err != nil || any {
				t.Errorf("rows under %q are left: %v, %v", prefix, any, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ends := 0
	for _, e := range w.events(a.member.Account) {
		if e.Action == actionSessionEnd && e.After["reason"] == "expired" {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("%d sessions ended by time in the log, want 1", ends)
	}
}
