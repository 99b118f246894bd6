package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"coffer"
)

// A form that cannot be carried out before the person has signed in (again) is
// not lost: it travels through the pages between as two hidden fields, where it
// was going and what was typed. It never leaves the pages of the one browser,
// and nothing of it is stored.
const (
	keptTo   = "kept_to"
	keptForm = "kept_form"
)

// keptMax bounds what is carried; a longer form must be typed again.
const keptMax = 64 << 10

// kept is a form that waits.
type kept struct {
	To   string // path of the console, "" for none
	Form string // base64 of the fields
}

// neverKept are fields that are not written into another page: secrets, and what
// belongs to the sign-in pages themselves.
var neverKept = []string{"password", "new_password", "old_password", "code", "secret", "credential", "challenge", keptTo, keptForm}

// keep takes the form of this request for later.
func (q *request) keep() kept {
	if q.r.Method != http.MethodPost {
		return kept{To: localPath(q.r.URL.RequestURI())}
	}
	form := url.Values{}
	for name, values := range q.r.PostForm {
		if !slices.Contains(neverKept, name) {
			form[name] = values
		}
	}
	text := form.Encode()
	if len(text) > keptMax {
		return kept{}
	}
	return kept{To: localPath(q.r.URL.Path), Form: "f" + base64.RawURLEncoding.EncodeToString([]byte(text))}
}

// keptOf reads what an earlier page of the way carried along.
func (q *request) keptOf() kept {
	k := kept{To: localPath(q.value(keptTo)), Form: q.value(keptForm)}
	if k.To == "" && q.r.Method == http.MethodGet {
		k.To = localPath(q.query("next"))
	}
	if k.To == "" || len(k.Form) > 2*keptMax {
		return kept{}
	}
	return k
}

// values is the form that was kept, nil if it was a page that was asked for.
func (k kept) values() url.Values {
	encoded, ok := strings.CutPrefix(k.Form, "f")
	if !ok {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	v, err := url.ParseQuery(string(text))
	if err != nil {
		return nil
	}
	return v
}

// localPath returns s if it is a path of this origin, else "". A browser reads
// // and /\ at the start as another host's name, and drops tabs and newlines
// before it looks.
func localPath(s string) string {
	if len(s) > 2048 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") ||
		strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return ""
	}
	return s
}

// resume goes on where a sign-in interrupted: to the page that was asked for, or
// to one that shows the form that was being sent and offers to send it. It is
// not sent by itself: another person may have signed in.
func (q *request) resume(k kept) error {
	if k.To == "" || strings.HasPrefix(k.To, "/signin") || strings.HasPrefix(k.To, "/signout") {
		return q.redirect("/")
	}
	if k.values() == nil {
		return q.redirect(k.To)
	}
	if err := q.authenticateAgain(); err != nil {
		return err
	}
	page := resumePage{shell: q.shell("Go on where you were"), To: k.To}
	for name, values := range k.values() {
		for _, v := range values {
			page.Fields = append(page.Fields, keptField{name, v})
		}
	}
	slices.SortFunc(page.Fields, func(a, b keptField) int { return strings.Compare(a.Name, b.Name) })
	return q.render(http.StatusOK, "resume", page)
}

// resumePage shows a form that was kept through a sign-in.
type resumePage struct {
	shell
	To     string
	Fields []keptField
}

// keptField is one field of it.
type keptField struct{ Name, Value string }

// Label is the field's name for people.
func (f keptField) Label() string { return strings.ReplaceAll(f.Name, "_", " ") }

// replay carries out the form k as if it had been sent now, which it was: the
// person has just proved again who they are, on the page that asked for it.
func (q *request) replay(k kept, session coffer.Secret) error {
	form := k.values()
	if form == nil {
		return q.redirect(k.To)
	}
	r, err := http.NewRequestWithContext(q.ctx(), http.MethodPost, k.To, strings.NewReader(form.Encode()))
	if err != nil {
		return coffer.Errorf(coffer.InvalidRequest, "the form could not be sent again")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", q.r.UserAgent())
	r.RemoteAddr, r.Host, r.RequestURI = q.r.RemoteAddr, q.r.Host, k.To
	for _, c := range q.r.Cookies() {
		if c.Name != q.cookieName(sessionCookie) {
			r.AddCookie(c)
		}
	}
	r.AddCookie(&http.Cookie{Name: q.cookieName(sessionCookie), Value: session.Reveal()})
	q.began = true
	q.mux.ServeHTTP(q.w, r)
	return nil
}
