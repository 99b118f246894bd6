package console

import (
	"encoding/json"
	"net/http"
	"net/url"

	"coffer"
	"coffer/accounts"
)

// signInPage is the first page of a sign-in.
type signInPage struct {
	shell
	Kept  kept
	Email string
	// Ended says why the page is there instead of another.
	Ended bool
	Wrong problems
}

// codePage asks for a second factor.
type codePage struct {
	shell
	Kept      kept
	Challenge string
	TOTP      bool
	Recovery  bool
	// Options is what a passkey is asked with, as JSON; "" if none would do.
	Options string
	// UseRecovery shows the field for a recovery code.
	UseRecovery bool
	Wrong       problems
}

// askSignIn answers a request without a session. A form that was sent is kept.
func (q *request) askSignIn() error {
	if q.r.Header.Get("HX-Request") != "" {
		q.w.Header().Set("HX-Redirect", "/signin")
	}
	if q.r.Header.Get("Accept") == "text/event-stream" {
		q.w.WriteHeader(http.StatusNoContent) // tells the browser not to try again
		q.began = true
		return nil
	}
	if q.r.Method == http.MethodGet {
		if to := localPath(q.r.URL.RequestURI()); to != "" && to != "/" {
			return q.redirect("/signin?" + url.Values{"next": {to}}.Encode())
		}
		return q.redirect("/signin")
	}
	return q.render(http.StatusUnauthorized, "signin", signInPage{shell: q.shell("Sign in"), Kept: q.keep(),
		Ended: true})
}

func (q *request) signInForm() error {
	if q.authenticate() == nil {
		return q.redirect("/")
	}
	any, err := q.Accounts.HasMembers(q.ctx())
	if err != nil {
		return err
	}
	if !any {
		return q.render(http.StatusOK, "unset", unsetPage{q.shell("Almost there")})
	}
	return q.render(http.StatusOK, "signin", signInPage{shell: q.shell("Sign in"), Kept: q.keptOf(),
		Ended: q.cookie(sessionCookie) != ""})
}

// unsetPage is shown while nobody can sign in yet.
type unsetPage struct{ shell }

func (q *request) signIn() error {
	step, err := q.Accounts.SignIn(q.ctx(), q.value("email"), q.secret("password"), q.client())
	if err != nil {
		return q.signInWrong(err)
	}
	return q.step(step, q.keptOf())
}

// step goes on after one proof: to the session, or to the second factor.
func (q *request) step(step accounts.Step, k kept) error {
	if step.Started != nil {
		return q.signedIn(*step.Started, k)
	}
	return q.render(http.StatusOK, "code", q.codePage(*step.Challenge, k))
}

func (q *request) codePage(c accounts.Challenge, k kept) codePage {
	return codePage{shell: q.shell("Second step"), Kept: k, Challenge: c.Token.Reveal(), TOTP: c.TOTP,
		Recovery: c.Recovery, Options: string(c.Passkey), Wrong: problems{}}
}

// signedIn ends a sign-in. The cookie is a new one, whatever the browser had.
func (q *request) signedIn(s accounts.Started, k kept) error {
	q.start(s)
	if s.NeedsFactor {
		return q.redirect("/settings/factors")
	}
	if k.values() != nil {
		q.setToken(s.Token)
	}
	return q.resume(k)
}

// setToken makes the rest of this request see the session that it began.
func (q *request) setToken(token coffer.Secret) {
	r := q.r.Clone(q.ctx())
	r.Header.Del("Cookie")
	for _, c := range q.r.Cookies() {
		if c.Name != q.cookieName(sessionCookie) {
			r.AddCookie(c)
		}
	}
	r.AddCookie(&http.Cookie{Name: q.cookieName(sessionCookie), Value: token.Reveal()})
	q.r = r
}

func (q *request) authenticateAgain() error { return q.authenticate() }

func (q *request) signInWrong(err error) error {
	page := signInPage{shell: q.shell("Sign in"), Kept: q.keptOf(), Email: q.value("email"), Wrong: problems{}}
	status, ok := q.typo(page.Wrong, "", err)
	if !ok {
		return err
	}
	return q.render(status, "signin", page)
}

func (q *request) signInCode() error {
	challenge := q.secret("challenge")
	var started accounts.Started
	var err error
	recovery := q.value("recovery") != ""
	if recovery {
		started, err = q.Accounts.SignInRecovery(q.ctx(), challenge, q.value("code"), q.client())
	} else {
		started, err = q.Accounts.SignInTOTP(q.ctx(), challenge, q.value("code"), q.client())
	}
	if err == nil {
		return q.signedIn(started, q.keptOf())
	}
	if coffer.CodeOf(err) != coffer.SignInRefused && coffer.CodeOf(err) != coffer.SlowDown {
		return q.signInWrong(err)
	}
	page := codePage{shell: q.shell("Second step"), Kept: q.keptOf(), Challenge: challenge.Reveal(), TOTP: q.value("has_totp") != "",
		Recovery: q.value("has_recovery") != "", Options: q.value("options"), UseRecovery: recovery, Wrong: problems{}}
	status, _ := q.typo(page.Wrong, "code", err)
	return q.render(status, "code", page)
}

// beginPasskey answers the script that asks for a challenge: without a name, as
// a sign-in by passkey alone needs none.
func (q *request) beginPasskey() error {
	c, err := q.Accounts.BeginPasskeySignIn(q.ctx(), q.client())
	return q.challenge(c, err)
}

// passkeyChallenge is what passkey.js reads.
type passkeyChallenge struct {
	Challenge string          `json:"challenge"`
	Options   json.RawMessage `json:"options"`
}

func (q *request) challenge(c accounts.Challenge, err error) error {
	if err != nil {
		return q.failJSON(err)
	}
	if c.Passkey == nil {
		return q.failJSON(coffer.Errorf(coffer.InvalidRequest, "there is no passkey to ask for"))
	}
	return q.json(http.StatusOK, passkeyChallenge{c.Token.Reveal(), c.Passkey})
}

func (q *request) signInPasskey() error {
	started, err := q.Accounts.SignInPasskey(q.ctx(), q.secret("challenge"), []byte(q.r.PostForm.Get("credential")), q.client())
	if err != nil {
		return q.signInWrong(err)
	}
	return q.signedIn(started, q.keptOf())
}

// json answers a script.
func (q *request) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	q.began = true
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(body)
	return nil
}

// failJSON refuses what a script asked for.
func (q *request) failJSON(err error) error {
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		q.Logger.ErrorContext(q.ctx(), "console request failed", "request_id", q.id(), "error", err.Error())
	}
	return q.json(status, map[string]string{"message": messageOf(err), "request_id": q.id()})
}

func (q *request) signOut() error {
	if err := q.Accounts.SignOut(q.ctx(), q.sessionToken(), q.client()); err != nil {
		return err
	}
	q.setCookie(sessionCookie, "", -1)
	q.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	q.current = accounts.Current{}
	return q.render(http.StatusOK, "signedout", signedOutPage{q.shell("Signed out")})
}

// signedOutPage says goodbye.
type signedOutPage struct{ shell }
