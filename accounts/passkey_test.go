package accounts

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"coffer"
)

func TestAPasskeySignsInAloneAndAsSecondFactor(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	a.addPasskey()
	ch, err := w.BeginPasskeySignIn(t.Context(), laptop)
	if err != nil {
		t.Fatal(err)
	}
	started, err := w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop)
	if err != nil || started.Member.ID != a.member.ID || started.Session.Method != "passkey" || started.NeedsFactor {
		t.Fatalf("SignInPasskey = %+v, %v, want a full session of ann", started, err)
	}
	_, err = w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop)
	wantCode(t, "the challenge again", err, coffer.SignInRefused)

	a.phone.noUV = true
	ch, _ = w.BeginPasskeySignIn(t.Context(), laptop)
	_, err = w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop)
	wantCode(t, "alone, without user verification", err, coffer.SignInRefused)
	step, err := w.SignIn(t.Context(), a.member.Email, secret(goodPassword), laptop)
	if err != nil {
		t.Fatal(err)
	}
	if o := readOptions(t, step.Challenge.Passkey); len(o.PublicKey.AllowCredentials) != 1 {
		t.Errorf("options allow %+v, want the one passkey", o.PublicKey.AllowCredentials)
	}
	started, err = w.SignInPasskey(t.Context(), step.Challenge.Token, a.phone.get(step.Challenge.Passkey), laptop)
	if err != nil || started.Session.Method != "password+passkey" {
		t.Errorf("after the password, without user verification = %+v, %v, want a session", started, err)
	}
	p, err := a.door().Me(t.Context())
	if err != nil || len(p.Passkeys) != 1 || p.Passkeys[0].Name != "phone" || p.Passkeys[0].LastUsed.IsZero() {
		t.Errorf("Me = %+v, %v, want one used passkey", p, err)
	}
}

func TestPasskeyOptionsAskForWhatIsNeeded(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	ch, err := a.door().BeginPasskey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := readOptions(t, ch.Passkey).PublicKey
	if o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "preferred" {
		t.Errorf("creation options = %s, want a resident key and user verification preferred", ch.Passkey)
	}
	ch, err = w.BeginPasskeySignIn(t.Context(), laptop)
	if o := readOptions(t, ch.Passkey).PublicKey; err != nil || len(o.AllowCredentials) != 0 || o.UserVerification != "preferred" {
		t.Errorf("request options = %s, %v, want any passkey, user verification preferred", ch.Passkey, err)
	}
}

func TestABadPasskeyIsRefused(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	a.addPasskey()
	b := a.invite("bob@example.com", coffer.RoleMember)
	b.addPasskey()
	tests := []struct {
		name   string
		answer func(ask json.RawMessage) []byte
	}{
		{"AnotherOrigin", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.origin = "https://evil.test"
			return k.get(ask)
		}},
		{"AnotherRelyingParty", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.rp = "evil.test"
			return k.get(ask)
		}},
		{"AnotherKey", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.key = newAuthenticator(t).key
			return k.get(ask)
		}},
		{"AnotherMembersHandle", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.user = b.phone.user
			return k.get(ask)
		}},
		{"AHandleOfNobody", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.user = []byte(string(a.member.Account) + "/mem_00000000000000000000")
			return k.get(ask)
		}},
		{"AHandleWithANul", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.user = []byte("\x00/\x00")
			return k.get(ask)
		}},
		{"ACounterThatWentBack", func(ask json.RawMessage) []byte {
			k := *a.phone
			k.count = 0
			return k.get(ask)
		}},
		{"AnotherChallenge", func(json.RawMessage) []byte {
			other, err := w.BeginPasskeySignIn(t.Context(), laptop)
			if err != nil {
				t.Fatal(err)
			}
			return a.phone.get(other.Passkey)
		}},
		{"ARegistration", func(ask json.RawMessage) []byte { k := *a.phone; return k.create(ask) }},
		{"Nothing", func(json.RawMessage) []byte { return nil }},
		{"NoJSON", func(json.RawMessage) []byte { return []byte("{") }},
		{"TooLong", func(json.RawMessage) []byte { return bytes.Repeat([]byte("x"), responseMax+1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := w.rows()
			ch, err := w.BeginPasskeySignIn(t.Context(), laptop)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.SignInPasskey(t.Context(), ch.Token, tt.answer(ch.Passkey), laptop)
			wantCode(t, "SignInPasskey", err, coffer.SignInRefused)
			if w.rows() != before {
				t.Error("the refused sign-in changed something")
			}
		})
	}
	ch, _ := w.BeginPasskeySignIn(t.Context(), laptop)
	if _, err := w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop); err != nil {
		t.Errorf("the right passkey after all that: %v", err)
	}
}

func TestAPasskeyIsAddedByItsMemberOnly(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	b := a.invite("bob@example.com", coffer.RoleMember)
	ch, err := a.door().BeginPasskey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := newAuthenticator(t)
	answer := key.create(ch.Passkey)
	_, _, err = b.door().FinishPasskey(t.Context(), ch.Token, "", answer, b.session.ID)
	wantCode(t, "by another member", err, coffer.SignInRefused)
	if _, _, err := a.door().FinishPasskey(t.Context(), ch.Token, " ", answer, a.session.ID); err != nil {
		t.Fatalf("FinishPasskey: %v", err)
	}
	_, _, err = a.door().FinishPasskey(t.Context(), ch.Token, "", answer, a.session.ID)
	wantCode(t, "the challenge again", err, coffer.SignInRefused)
	ch, _ = a.door().BeginPasskey(t.Context())
	_, _, err = a.door().FinishPasskey(t.Context(), ch.Token, "", key.create(ch.Passkey), a.session.ID)
	wantCode(t, "the same passkey again", err, coffer.InvalidRequest)

	w.pass(freshFor)
	_, err = a.door().BeginPasskey(t.Context())
	wantCode(t, "BeginPasskey when not fresh", err, coffer.FreshSignInNeeded)
}

func TestTheLastSecondFactorStays(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	wantCode(t, "RemoveTOTP of the only factor", a.door().RemoveTOTP(t.Context()), coffer.InvalidRequest)
	a.addPasskey()
	p, _ := a.door().Me(t.Context())
	id := p.Passkeys[0].ID
	if err := a.door().RenamePasskey(t.Context(), id, "work phone"); err != nil {
		t.Errorf("RenamePasskey: %v", err)
	}
	if err := a.door().RemoveTOTP(t.Context()); err != nil {
		t.Errorf("RemoveTOTP: %v", err)
	}
	wantCode(t, "RemovePasskey of the only factor", a.door().RemovePasskey(t.Context(), id), coffer.InvalidRequest)
	wantCode(t, "RemoveTOTP again", a.door().RemoveTOTP(t.Context()), coffer.NoSuchFactor)
	wantCode(t, "RemovePasskey of none", a.door().RemovePasskey(t.Context(), "pk_x"), coffer.NoSuchFactor)
	a.addTOTP()
	if err := a.door().RemovePasskey(t.Context(), id); err != nil {
		t.Errorf("RemovePasskey: %v", err)
	}
	ch, _ := w.BeginPasskeySignIn(t.Context(), laptop)
	_, err := w.SignInPasskey(t.Context(), ch.Token, a.phone.get(ch.Passkey), laptop)
	wantCode(t, "the removed passkey", err, coffer.SignInRefused)
}

func TestReauthenticationMakesASessionFreshUnderANewToken(t *testing.T) {
	w := newWorld(t)
	a := w.owner()
	a.addPasskey()
	for _, by := range []string{"password", "totp", "passkey"} {
		t.Run(by, func(t *testing.T) {
			w.pass(freshFor)
			if a.caller().Fresh {
				t.Error("the session is fresh after five minutes")
			}
			ch, err := w.BeginReauth(t.Context(), a.token, laptop)
			if err != nil || !ch.TOTP || ch.Passkey == nil {
				t.Fatalf("BeginReauth = %+v, %v, want a passkey or a code", ch, err)
			}
			var started Started
			switch by {
			case "password":
				_, err = w.Reauthenticate(t.Context(), a.token, Reauth{Password: secret("wrong")}, laptop)
				wantCode(t, "wrong password", err, coffer.SignInRefused)
				started, err = w.Reauthenticate(t.Context(), a.token, Reauth{Password: secret(goodPassword)}, laptop)
			case "totp":
				started, err = w.Reauthenticate(t.Context(), a.token, Reauth{TOTP: a.code()}, laptop)
			case "passkey":
				answer := a.phone.get(ch.Passkey)
				started, err = w.ReauthPasskey(t.Context(), a.token, ch.Token, answer, laptop)
			}
			if err != nil {
				t.Fatalf("Reauthenticate: %v", err)
			}
			_, err = w.Authenticate(t.Context(), a.token, laptop)
			wantCode(t, "the old token", err, coffer.SignInNeeded)
			if started.Session.ID != a.session.ID || started.Session.Ends != a.session.Ends {
				t.Errorf("session = %+v, want the same one with the same end", started.Session)
			}
			a.token = started.Token
			if !a.caller().Fresh {
				t.Error("the session is not fresh")
			}
		})
	}
	var err error
	for range ruleFactor.free + 1 {
		_, err = w.Reauthenticate(t.Context(), a.token, Reauth{Password: secret("guess")}, laptop)
	}
	wantCode(t, "many guesses", err, coffer.SlowDown)
	w.pass(time.Minute)
	if !w.now.Before(a.session.Ends) {
		t.Fatal("the clock is past the session")
	}
}

func TestWithoutAHostNameThereAreNoPasskeys(t *testing.T) {
	for _, rp := range []string{"", "127.0.0.1", "::1"} {
		w := newWorld(t, func(o *Options) { o.RPID = rp })
		if w.Passkeys() {
			t.Errorf("Passkeys() with %q = true", rp)
		}
		_, err := w.BeginPasskeySignIn(t.Context(), laptop)
		wantCode(t, "BeginPasskeySignIn", err, coffer.InvalidRequest)
		_, err = w.SignInPasskey(t.Context(), secret("x"), nil, laptop)
		wantCode(t, "SignInPasskey", err, coffer.InvalidRequest)
		_, err = w.owner().door().BeginPasskey(t.Context())
		wantCode(t, "BeginPasskey", err, coffer.InvalidRequest)
	}
}
