package console

import (
	"net/http"

	"coffer"
	"coffer/accounts"
)

// againPage asks who is there once more before something that matters: secrets
// and what guards them.
type againPage struct {
	shell
	Kept    kept
	TOTP    bool
	Options string // of a passkey, as JSON; "" if there is none
	// Challenge belongs to Options.
	Challenge string
	Wrong     problems
}

// askAgain shows the page; the form of this request is kept and carried out
// once the answer is right.
func (q *request) askAgain(wrong string) error {
	k := q.keptOf()
	if k.To == "" {
		k = q.keep()
	}
	c, err := q.Accounts.BeginReauth(q.ctx(), q.sessionToken(), q.client())
	if err != nil {
		return err
	}
	page := againPage{shell: q.shell("Confirm that it is you"), Kept: k, TOTP: c.TOTP, Options: string(c.Passkey),
		Challenge: c.Token.Reveal(), Wrong: problems{}}
	status := http.StatusForbidden
	if wrong != "" {
		page.Wrong[""] = wrong
		status = http.StatusUnauthorized
	}
	return q.render(status, "again", page)
}

// again takes the answer: a password, a code, or a passkey.
func (q *request) again() error {
	var started accounts.Started
	var err error
	if credential := q.r.PostForm.Get("credential"); credential != "" {
		started, err = q.Accounts.ReauthPasskey(q.ctx(), q.sessionToken(), q.secret("challenge"), []byte(credential), q.client())
	} else {
		in := accounts.Reauth{TOTP: q.value("code")}
		if in.TOTP == "" {
			in.Password = q.secret("password")
		}
		started, err = q.Accounts.Reauthenticate(q.ctx(), q.sessionToken(), in, q.client())
	}
	switch coffer.CodeOf(err) {
	case coffer.SignInRefused, coffer.SlowDown, coffer.InvalidArgument:
		return q.askAgain(messageOf(err))
	}
	if err != nil {
		return err
	}
	q.start(started)
	k := q.keptOf()
	if k.To == "" {
		k.To = "/settings"
	}
	return q.replay(k, started.Token)
}
