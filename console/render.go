package console

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"coffer"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are the templates by name. A file is one page; those whose name begins
// with an underscore are shared by all of them.
type pages map[string]*template.Template

func parsePages(static func(string) string) (pages, error) {
	shared := template.New("").Funcs(funcs(static))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("find templates: %w", err)
	}
	var own []string
	for _, name := range names {
		if !strings.HasPrefix(path.Base(name), "_") {
			own = append(own, name)
			continue
		}
		if shared, err = shared.ParseFS(templateFiles, name); err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
	}
	all := pages{}
	for _, name := range own {
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		all[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return all, nil
}

// shell is what every page has around its own content; page models embed it.
type shell struct {
	Title     string
	RequestID string
	Theme     string // "", "light" or "dark"
	Nav       string // path of the page's entry in the menu
	Version   string
	// Notice says what was just done.
	Notice string

	SignedIn bool
	Member   coffer.Member
	Account  coffer.Account
	// Manages tells whether keys, buckets and members may be changed; Writes
	// whether objects and buckets may.
	Manages, Owns, Writes bool
	// NeedsFactor hides the menu while a second factor is still to be set up.
	NeedsFactor bool
	// RevealOff says that the instance shows secrets only when they are made.
	Passkeys bool
}

// Heading is the page's title, for templates that print it.
func (s shell) Heading() string { return s.Title }

func (q *request) shell(title string) shell {
	s := shell{Title: title, RequestID: q.id(), Version: coffer.Version, Notice: notices[q.query("did")], Passkeys: q.Accounts.Passkeys()}
	if theme := q.cookie(themeCookie); theme == "light" || theme == "dark" {
		s.Theme = theme
	}
	if q.current.Member.ID == "" {
		return s
	}
	s.SignedIn, s.NeedsFactor = true, q.current.NeedsFactor
	s.Member, s.Account = q.current.Member, q.current.Account
	s.Manages, s.Owns, s.Writes = q.may(coffer.RoleAdmin), q.may(coffer.RoleOwner), q.may(coffer.RoleMember)
	for _, n := range menu {
		if q.r.URL.Path == n.Path || n.Path != "/" && strings.HasPrefix(q.r.URL.Path, n.Path+"/") {
			s.Nav = n.Path
		}
	}
	return s
}

// notices are what a page says at its top after a form was carried out. The URL
// names them, so nothing but these can be said.
var notices = map[string]string{
	"renamed":     "The name was changed.",
	"paused":      "The key is paused: requests signed with it are refused from now on.",
	"resumed":     "The key works again.",
	"deleted":     "The key was deleted and is refused from now on. It can be brought back within 30 days.",
	"undeleted":   "The key is back and works again.",
	"extended":    "The expiry was changed.",
	"scoped":      "The scope was changed. It holds from now on.",
	"confirmed":   "The rotation is confirmed: the old credential is refused from now on.",
	"cancelled":   "The rotation is cancelled: the old credential is the current one again.",
	"scream":      "The scream test runs: the old credential is refused until it ends.",
	"screamed":    "The scream test has ended: the old credential works again.",
	"made":        "The bucket was made.",
	"removed":     "The bucket was deleted.",
	"rule-gone":   "The rule was removed.",
	"policy-gone": "The policy was deleted.",
	"saved":       "The settings were saved. They hold from now on.",
	"uploaded":    "The file was uploaded.",
	"uploads":     "The files were uploaded.",
	"erased":      "The object was deleted.",
	"restored":    "The version was copied, and the copy is the newest now. The older ones are still there.",
	"unversioned": "The version was deleted for good.",
	"role":        "The role was changed.",
	"member-gone": "The member was removed and is signed out everywhere.",
	"link-gone":   "The link does not work any more.",
	"ended":       "The session has ended.",
	"others":      "All other sessions have ended.",
	"password":    "The password was changed, and all other sessions have ended.",
	"email":       "The e-mail address was changed.",
	"profile":     "The profile was saved.",
	"account":     "The account's name was changed.",
	"factor":      "The second factor is set up.",
	"factor-gone": "The second factor was removed.",
	"welcome":     "Welcome to coffer. This page has all that a client needs.",
}

// menuEntry is one line of the menu.
type menuEntry struct{ Path, Name, Icon string }

var menu = []menuEntry{
	{"/", "Overview", "home"},
	{"/keys", "Access keys", "key"},
	{"/connect", "Connect", "plug"},
	{"/buckets", "Buckets", "bucket"},
	{"/audit", "Audit log", "list"},
	{"/members", "Members", "people"},
	{"/settings", "Settings", "gear"},
}

// render writes a page. It is made whole before the first byte is sent, so that
// a template that fails is an error page and not half a page.
func (q *request) render(status int, name string, model any) error {
	t, ok := q.pages[name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	b, release, err := q.page(t, name, model)
	if err != nil {
		return err
	}
	defer release()
	q.began = true
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b.Bytes()) // the browser is gone, or it is not
	return nil
}

// page makes a page once there is room for it, and returns what gives that back. How
// large it is, only making it tells: one that has to wait is made again.
func (q *request) page(t *template.Template, name string, model any) (b *bytes.Buffer, release func(), err error) {
	for {
		b, err = q.execute(t, name, model)
		if err != nil && release != nil {
			release()
		}
		if err != nil || release != nil {
			return b, release, err
		}
		account, size := q.current.Account.ID, b.Cap()
		if release = q.memory.take(account, size); release != nil {
			return b, release, nil
		}
		b = nil
		if release, err = q.memory.wait(q.ctx(), account, size); err != nil {
			return nil, nil, err
		}
	}
}

// execute makes a page while few others are made.
func (q *request) execute(t *template.Template, name string, model any) (*bytes.Buffer, error) {
	done, err := q.memory.making(q.ctx())
	if err != nil {
		return nil, err
	}
	defer done()
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", model); err != nil {
		return nil, fmt.Errorf("write page %s: %w", name, err)
	}
	return &b, nil
}

// fragment writes one named template of a page to a string.
func (c *Console) fragment(page, name string, model any) (string, error) {
	var b strings.Builder
	if err := c.pages[page].ExecuteTemplate(&b, name, model); err != nil {
		return "", fmt.Errorf("write %s of page %s: %w", name, page, err)
	}
	return b.String(), nil
}

// problems are what was wrong with a form, by field; "" for the form as a whole.
type problems map[string]string

// Of is the text for one field.
func (p problems) Of(field string) string { return p[field] }

// typo puts a refusal beside a field of the form; it returns the status for the
// page and whether err is one that the form can show at all.
func (q *request) typo(p problems, field string, err error) (int, bool) {
	if e, ok := errors.AsType[*coffer.Error](err); ok {
		for _, f := range e.Fields {
			if f.Name == "RetryAfter" {
				q.w.Header().Set("Retry-After", f.Value)
			}
		}
	}
	switch status := statusOf(err); status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		p[field] = messageOf(err)
		return status, true
	}
	return 0, false
}
