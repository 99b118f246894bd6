package rotation

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"coffer/test/harness"
)

// console is the URL of the web console.
func (w *world) console() string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(w.Log()), "ready"))
	var ready struct{ Console string }
	if err == nil {
		err = json.Unmarshal(b, &ready)
	}
	if err != nil || ready.Console == "" {
		w.t.Fatalf("the ready file %q names no console: %v", b, err)
	}
	return ready.Console
}

const (
	email    = "ann@example.com"
	password = "quiet harbour lantern 27"
)

// startWithMember is a server whose first member has a password, as automation
// sets it up.
func startWithMember(t *testing.T) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := harness.Start(t, harness.Options{Env: []string{"COFFER_ROOT_EMAIL=" + email, "COFFER_ROOT_PASSWORD_FILE=" + path}})
	s.Hide(password)
	return &world{Server: s, t: t, old: pair{s.AccessKeyID, s.Secret}}
}

// visitor is a browser without scripts, signed in.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
}

var (
	totpKey   = regexp.MustCompile(`<code id="totp-key">([A-Z2-7 ]+)</code>`)
	challenge = regexp.MustCompile(`name="challenge" value="([^"]+)"`)
	snippet   = regexp.MustCompile(`(?s)<code id="t-([a-z0-9-]+)">(.*?)</code>`)
)

// signIn signs the member in for the first time, which asks for a second factor.
func (w *world) signIn() *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	v := &visitor{t: w.t, base: w.console(), http: &http.Client{Jar: jar, Timeout: patience}}
	v.post("/signin", url.Values{"email": {email}, "password": {password}})
	page := v.post("/settings/totp", nil)
	key, token := totpKey.FindStringSubmatch(page), challenge.FindStringSubmatch(page)
	if key == nil || token == nil {
		w.t.Fatalf("the page of the authenticator app has no key:\n%s", page)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(key[1], " ", ""), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	v.post("/settings/totp/finish", url.Values{"challenge": {html.UnescapeString(token[1])}, "code": {code}})
	return v
}

// post sends a form and returns the page that comes, which must be a good one.
func (v *visitor) post(path string, form url.Values) string {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := v.http.Do(req)
	if err != nil {
		v.t.Fatalf("POST %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("POST %s = %s, %v, want 200\n%s", path, resp.Status, err, body)
	}
	return string(body)
}

// shown is one text on Connect, as a person copies it.
type shown struct{ tool, text string }

// connect returns all snippets for a key in the order of the page, the secret
// written in.
func (v *visitor) connect(keyID string) []shown {
	v.t.Helper()
	var all []shown
	for _, m := range snippet.FindAllStringSubmatch(v.post("/connect", url.Values{"key": {keyID}}), -1) {
		all = append(all, shown{m[1], html.UnescapeString(m[2])})
	}
	if len(all) == 0 {
		v.t.Fatal("Connect shows no snippet")
	}
	return all
}
