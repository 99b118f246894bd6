package attack

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"coffer"
	"coffer/api"
)

// person is somebody with a browser, which keeps cookies and follows nothing.
type person struct {
	w        *world
	jar      *cookiejar.Jar
	email    string
	recovery []string // codes that are unused
	seed     string   // of the authenticator
}

func (w *world) stranger(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{w: w, jar: jar}
}

// do sends a request with the cookies and keeps those of the answer.
func (p *person) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	origin := p.origin(t)
	for _, c := range p.jar.Cookies(origin) {
		r.AddCookie(c)
	}
	a := p.w.do(t, r)
	p.jar.SetCookies(origin, (&http.Response{Header: a.header}).Cookies())
	return a
}

func (p *person) origin(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(p.w.console)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// session is the value of the session's cookie, "" for none.
func (p *person) session(t *testing.T) string {
	t.Helper()
	for _, c := range p.jar.Cookies(p.origin(t)) {
		if c.Name == "__Host-coffer_session" {
			return c.Value
		}
	}
	return ""
}

func (p *person) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return p.do(t, request(t, p.w.console, "GET", path, "", append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...))
}

// post sends a form of names and values in turn, as a page of the console does.
func (p *person) post(t *testing.T, path string, form ...string) answer {
	t.Helper()
	return p.do(t, p.form(t, path, []string{"Sec-Fetch-Site", "same-origin", "Origin", p.w.console}, form...))
}

func (p *person) form(t *testing.T, path string, headers []string, form ...string) *http.Request {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Add(form[i], form[i+1])
	}
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return request(t, p.w.console, "POST", path, v.Encode(), headers...)
}

var (
	hiddenField  = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)"`)
	recoveryCode = regexp.MustCompile(`(?s)<ul class="codes.*?</ul>`)
	listItem     = regexp.MustCompile(`<li>([^<\s]+)`)
)

// hidden is the value of a hidden field of a page.
func (a answer) hidden(t *testing.T, name string) string {
	t.Helper()
	for _, m := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		if m[1] == name && m[2] != "" {
			return html.UnescapeString(m[2])
		}
	}
	t.Fatalf("the page has no field %s: %d %.800s", name, a.status, a.body)
	return ""
}

// addFactor adds codes as a second factor, which new members must.
func (p *person) addFactor(t *testing.T) {
	t.Helper()
	page := p.post(t, "/settings/totp")
	p.seed = page.hidden(t, "key")
	code, err := totp.GenerateCode(p.seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	done := p.post(t, "/settings/totp/finish", "challenge", page.hidden(t, "challenge"), "url", page.hidden(t, "url"), "key", p.seed, "code", code)
	done.oneOf(t, "the first code", 200)
	for _, m := range listItem.FindAllStringSubmatch(recoveryCode.FindString(done.body), -1) {
		p.recovery = append(p.recovery, m[1])
	}
	if len(p.recovery) < 5 {
		t.Fatalf("%d recovery codes are shown, want some", len(p.recovery))
	}
}

// signIn signs in with the password and a recovery code.
func (p *person) signIn(t *testing.T, form ...string) answer {
	t.Helper()
	page := p.post(t, "/signin", append([]string{"email", p.email, "password", password}, form...)...)
	if len(p.recovery) == 0 {
		t.Fatal("no recovery code is left")
	}
	code := p.recovery[0]
	p.recovery = slices.Clone(p.recovery[1:])
	return p.post(t, "/signin/code", append([]string{"challenge", page.hidden(t, "challenge"), "recovery", "1", "code", code}, form...)...)
}

// owner is the first member, owner of A and operator, signed in.
func (w *world) owner(t *testing.T) *person {
	t.Helper()
	p := w.stranger(t)
	p.email = rootEmail
	p.post(t, "/signin", "email", rootEmail, "password", w.root).oneOf(t, "sign-in of the first member", 303)
	p.addFactor(t)
	return p
}

// join makes a member by an invitation, signed in.
func (w *world) join(t *testing.T, account coffer.AccountID, email string, role coffer.Role) *person {
	t.Helper()
	link, err := w.socket.Invite(t.Context(), api.InviteInput{Account: string(account), Email: email, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	p := w.stranger(t)
	p.email = email
	p.post(t, strings.TrimPrefix(link.URL.Reveal(), w.console), "name", "Somebody", "password", password).oneOf(t, "join", 303)
	p.addFactor(t)
	return p
}

// consoleRoute is one line of the console's table.
type consoleRoute struct {
	method, path string
	public       bool
}

var routeLine = regexp.MustCompile(`\{"(GET|POST) (/[^"]*)", (access\w+),`)

// consoleRoutes are all pages and forms, from the table itself.
func consoleRoutes(t *testing.T) []consoleRoute {
	t.Helper()
	b, err := os.ReadFile("../../console/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []consoleRoute
	for _, m := range routeLine.FindAllStringSubmatch(string(b), -1) {
		all = append(all, consoleRoute{m[1], strings.TrimSuffix(m[2], "{$}"), m[3] == "accessPublic"})
	}
	if len(all) < 60 {
		t.Fatalf("the console's table has %d routes, want all of them", len(all))
	}
	return all
}

// with writes id for each handle of the path, and bucket for the bucket.
func (r consoleRoute) with(id, bucket string) string {
	return strings.NewReplacer("{id}", id, "{token}", "123456789012.AAAAAAAAAAAAAAAAAAAAAAAAAA", "{bucket}", bucket).Replace(r.path)
}
