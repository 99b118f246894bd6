package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"rsc.io/qr"

	"coffer"
	"coffer/accounts"
)

// factorRoutes are what a member may use before there is a second factor.
var factorRoutes = map[string]bool{
	"GET /settings/factors":         true,
	"POST /settings/totp":           true,
	"POST /settings/totp/finish":    true,
	"POST /settings/passkeys/begin": true,
	"POST /settings/passkeys":       true,
	"POST /signout":                 true,
	"POST /again":                   true,
}

// factorsPage offers the second factors to a member who has none yet.
type factorsPage struct {
	shell
	Wrong problems
}

// totpPage shows the seed of an authenticator app and asks for the first code.
type totpPage struct {
	shell
	QR    template.HTML
	Key   string // the seed, to type
	URL   string // otpauth:
	Token string
	Wrong problems
}

// codesPage shows recovery codes, once.
type codesPage struct {
	shell
	Codes []string
	Next  string
	First bool
}

func (q *request) factors() error {
	return q.render(http.StatusOK, "factors", factorsPage{shell: q.shell("Add a second factor"), Wrong: problems{}})
}

func (q *request) beginTOTP() error {
	setup, err := q.Accounts.As(q.caller()).BeginTOTP(q.ctx())
	if err != nil {
		return err
	}
	return q.totpPage(setup.URL.Reveal(), setup.Key.Reveal(), setup.Token.Reveal(), problems{}, http.StatusOK)
}

func (q *request) totpPage(url, key, token string, wrong problems, status int) error {
	code, err := qrCode(url)
	if err != nil {
		return err
	}
	return q.render(status, "totp", totpPage{shell: q.shell("Set up an authenticator app"), QR: code, Key: key, URL: url, Token: token, Wrong: wrong})
}

func (q *request) finishTOTP() error {
	codes, err := q.Accounts.As(q.caller()).FinishTOTP(q.ctx(), q.secret("challenge"), q.value("code"), q.current.Session.ID)
	if err != nil {
		wrong := problems{}
		status, ok := q.typo(wrong, "code", err)
		if !ok || !strings.HasPrefix(q.value("url"), "otpauth:") {
			return err
		}
		return q.totpPage(q.value("url"), q.value("key"), q.value("challenge"), wrong, status)
	}
	return q.factorDone(codes)
}

func (q *request) beginNewPasskey() error {
	c, err := q.Accounts.As(q.caller()).BeginPasskey(q.ctx())
	if coffer.CodeOf(err) == coffer.FreshSignInNeeded {
		return q.failJSON(coffer.Errorf(coffer.FreshSignInNeeded, "your sign-in is older than five minutes: open Settings again and confirm that it is you"))
	}
	return q.challenge(c, err)
}

func (q *request) finishPasskey() error {
	_, codes, err := q.Accounts.As(q.caller()).FinishPasskey(q.ctx(), q.secret("challenge"), q.value("name"),
		[]byte(q.r.PostForm.Get("credential")), q.current.Session.ID)
	if err != nil {
		return err
	}
	return q.factorDone(codes)
}

// factorDone shows the recovery codes if there are new ones, and goes on.
func (q *request) factorDone(codes []coffer.Secret) error {
	first := q.current.NeedsFactor
	if err := q.authenticate(); err != nil {
		return err
	}
	next := "/settings?did=factor"
	if first {
		next = "/?did=welcome"
	}
	if len(codes) == 0 {
		return q.redirect(next)
	}
	return q.codes(codes, next, first)
}

func (q *request) codes(codes []coffer.Secret, next string, first bool) error {
	page := codesPage{shell: q.shell("Your recovery codes"), Next: next, First: first}
	for _, c := range codes {
		page.Codes = append(page.Codes, c.Reveal())
	}
	return q.render(http.StatusOK, "codes", page)
}

func (q *request) newRecoveryCodes() error {
	codes, err := q.Accounts.As(q.caller()).NewRecoveryCodes(q.ctx())
	if err != nil {
		return err
	}
	return q.codes(codes, "/settings", false)
}

func (q *request) removeTOTP() error {
	if err := q.Accounts.As(q.caller()).RemoveTOTP(q.ctx()); err != nil {
		return err
	}
	return q.redirect("/settings?did=factor-gone")
}

func (q *request) renamePasskey() error {
	id := accounts.PasskeyID(q.r.PathValue("id"))
	if err := q.Accounts.As(q.caller()).RenamePasskey(q.ctx(), id, q.value("name")); err != nil {
		return err
	}
	return q.redirect("/settings?did=renamed")
}

func (q *request) removePasskey() error {
	id := accounts.PasskeyID(q.r.PathValue("id"))
	if err := q.Accounts.As(q.caller()).RemovePasskey(q.ctx(), id); err != nil {
		return err
	}
	return q.redirect("/settings?did=factor-gone")
}

// qrCode draws text as a QR code: one path of squares, black on white in both
// themes, since cameras read no other.
func qrCode(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<svg role="img" aria-label="QR code of the key below" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#000" d="%s"/></svg>`,
		code.Size, code.Size, path.String())), nil
}
