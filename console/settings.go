package console

import (
	"net/http"
	"time"

	"coffer"
	"coffer/accounts"
)

// settingsPage is the member's own things.
type settingsPage struct {
	shell
	Profile  accounts.Profile
	Sessions []accounts.Session
	// This is the session of the page itself.
	This  accounts.SessionID
	Now   time.Time
	Fresh bool
	// Name, Email and AccountName are what was typed, or what is stored.
	Name, Email, AccountName string
	Wrong                    problems
}

func (q *request) settings() error { return q.settingsAnswer(http.StatusOK, problems{}) }

func (q *request) settingsAnswer(status int, wrong problems) error {
	door := q.Accounts.As(q.caller())
	profile, err := door.Me(q.ctx())
	if err != nil {
		return err
	}
	sessions, err := door.Sessions(q.ctx())
	if err != nil {
		return err
	}
	page := settingsPage{shell: q.shell("Settings"), Profile: profile, Sessions: sessions, This: q.current.Session.ID, Now: q.Now(), Fresh: q.caller().Fresh,
		Name: profile.Member.Name, Email: profile.Member.Email, AccountName: q.current.Account.Name, Wrong: wrong}
	for name, to := range map[string]*string{"name": &page.Name, "email": &page.Email, "account_name": &page.AccountName} {
		if q.r.PostForm.Has(name) {
			*to = q.value(name)
		}
	}
	return q.render(status, "settings", page)
}

// settingDone answers a change: refusals stand beside their field.
func (q *request) settingDone(err error, field, did string) error {
	if err == nil {
		return q.redirect("/settings?did=" + did)
	}
	wrong := problems{}
	status, ok := q.typo(wrong, field, err)
	if !ok {
		return err
	}
	return q.settingsAnswer(status, wrong)
}

func (q *request) setName() error {
	return q.settingDone(q.Accounts.As(q.caller()).SetName(q.ctx(), q.value("name")), "name", "profile")
}

func (q *request) setEmail() error {
	return q.settingDone(q.Accounts.As(q.caller()).SetEmail(q.ctx(), q.value("email")), "email", "email")
}

func (q *request) setPassword() error {
	err := q.Accounts.As(q.caller()).SetPassword(q.ctx(), q.secret("old_password"), q.secret("new_password"), q.current.Session.ID)
	field := "new_password"
	if coffer.CodeOf(err) == coffer.SignInRefused {
		field = "old_password"
	}
	return q.settingDone(err, field, "password")
}

func (q *request) renameAccount() error {
	return q.settingDone(q.Accounts.As(q.caller()).RenameAccount(q.ctx(), q.current.Account.ID, q.value("account_name")), "account_name", "account")
}

func (q *request) endSession() error {
	id := accounts.SessionID(q.r.PathValue("id"))
	if err := q.Accounts.As(q.caller()).EndSession(q.ctx(), id); err != nil {
		return err
	}
	if id == q.current.Session.ID {
		return q.redirect("/signin")
	}
	return q.redirect("/settings?did=ended")
}

func (q *request) endOthers() error {
	if _, err := q.Accounts.As(q.caller()).EndOtherSessions(q.ctx(), q.current.Session.ID); err != nil {
		return err
	}
	return q.redirect("/settings?did=others")
}

// setTheme keeps the choice of dark or light in a cookie: it belongs to the
// browser, not to the person.
func (q *request) setTheme() error {
	switch theme := q.value("theme"); theme {
	case "light", "dark":
		q.setCookie(themeCookie, theme, themeCookieAge)
	default:
		q.setCookie(themeCookie, "", -1)
	}
	return q.redirect("/settings?did=profile")
}
