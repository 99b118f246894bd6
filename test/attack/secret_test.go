package attack

import (
	"bytes"
	"crypto/md5"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
)

// Rows of the family that are not here, and why:
//
//	OPS-03  damaged metadata is for test/crash
var operationRows = []row{
	{"OPS-02", "what is on the disk is for its owner alone", fileModes},
	{"OPS-05", "every refusal is in the log", refusalsLogged},
	{"OPS-01", "no secret is in logs, metrics, answers or files", noSecrets},
}

func TestOperations(t *testing.T) {
	t.Parallel()
	attack(t, makeWorld(t, true, []string{"COFFER_WEBHOOKS=name=quiet;url=https://hooks.invalid/" + hookToken + ";secret=" + hookSecret +
		" name=broker;url=amqp://events:" + brokerPassword + "@broker.invalid/?routing_key=q",
		"COFFER_REPLICATION_TARGETS=name=far;endpoint=https://s3.invalid;access_key_id=FARAWAYKEY;secret=" + targetSecret + ";account=*"}), operationRows)
}

// Secrets that an operator configures, and the token that some have in a URL.
const (
	hookToken      = "a-token-in-the-path-of-a-webhook"
	hookSecret     = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	brokerPassword = "thePasswordOfABrokerOfOurs"
	targetSecret   = "theSecretOfAFarAwayServiceThatIsLongEnough"
)

func fileModes(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-priv/modes", strings.Repeat("m", 100_000)).oneOf(t, "PUT of a large object", 200)
		files := 0
		err := filepath.WalkDir(w.server.Data, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if os.IsNotExist(err) {
					return nil // a file of the metadata that was made anew
				}
				return err
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			files++
			if mode := info.Mode().Perm(); mode&0o077 != 0 {
				t.Errorf("%s has the mode %o, want nothing for others", path, mode)
			}
			return nil
		})
		if err != nil || files < 5 {
			t.Errorf("the data folder has %d files, %v, want all of them", files, err)
		}
		w.s3(t, w.full, "DELETE", "/a-priv/modes", "").oneOf(t, "DELETE", 204)
	})
	key, err := os.ReadFile(filepath.Join(w.server.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(key)) {
		line = strings.TrimSpace(line)
		if raw, err := hex.DecodeString(line); err == nil && len(raw) == 32 {
			for _, form := range forms(line) {
				w.foundIn(t, filepath.Join(w.server.Data, "meta"), "the master key", form)
			}
			w.foundIn(t, filepath.Join(w.server.Data, "meta"), "the master key", raw)
			return
		}
	}
	t.Error("the master key's file has no key in it")
}

// foundIn fails the test for each file below a folder that has the bytes.
func (w *world) foundIn(t *testing.T, dir, name string, secret []byte) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "ballast" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil // it is gone: what it had is in another
		}
		files++
		if bytes.Contains(b, secret) {
			t.Errorf("%s has %s in it", path, name)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("look through %s: %d files, %v", dir, files, err)
	}
}

// forms are how a secret may be written.
func forms(secret string) [][]byte {
	all := [][]byte{[]byte(secret), []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))), []byte(hex.EncodeToString([]byte(secret)))}
	if escaped := url.QueryEscape(secret); escaped != secret {
		all = append(all, []byte(escaped))
	}
	// Within a longer text, base64 has one of three forms; the ends are not the
	// secret's own.
	for shift := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), secret...))
			text = text[(shift*8+5)/6 : len(text)-1]
			all = append(all, []byte(text))
		}
	}
	return all
}

// logged is the line of the log with the request ID.
func (w *world) logged(t *testing.T, id string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		b, err := os.ReadFile(w.server.Log())
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var fields map[string]any
			if bytes.Contains(line, []byte(`"`+id+`"`)) && json.Unmarshal(line, &fields) == nil && fields["request_id"] == id {
				return fields
			}
		}
	}
	t.Errorf("the log has no line of the request %s", id)
	return nil
}

func refusalsLogged(t *testing.T, w *world) {
	old := put(w)
	old.date = ago(time.Hour)
	unsignedHeader := put(w)
	unsignedHeader.lines, unsignedHeader.signed = []string{"x-amz-acl: private"}, []string{"host", "x-amz-date"}
	w.unchanged(t, func() {
		for code, f := range map[string]forged{
			"SignatureDoesNotMatch": {who: pair{w.full.id, "wrong"}, method: "PUT", path: "/a-priv/other"},
			"InvalidAccessKeyId":    {who: w.paused, method: "PUT", path: "/a-priv/other"},
			"RequestTimeTooSkewed":  old,
			"AccessDenied":          unsignedHeader,
			"AccessDenied ":         {who: w.ro, method: "PUT", path: "/a-priv/other"},
			"AccessDenied  ":        {who: w.bFull, method: "PUT", path: "/a-priv/other"},
			"AccessDenied   ":       {method: "PUT", path: "/a-priv/other"},
		} {
			a := w.forge(t, f)
			code = strings.TrimSpace(code)
			line := w.logged(t, a.header.Get("X-Amz-Request-Id"))
			at, err := time.Parse(time.RFC3339Nano, text(line["time"]))
			_, offset := at.Zone()
			if err != nil || offset != 0 {
				t.Errorf("the line of a refusal (%s) is of %v, %v, want a time in UTC", code, line["time"], err)
			}
			if text(line["code"]) != code || line["api"] != "PutObject" || line["path"] != "/a-priv/other" || line["status"] != float64(a.status) || !strings.HasPrefix(text(line["remote"]), "127.") {
				t.Errorf("the line of a refusal (%s) is %v, want what was asked, from where, and what came of it", code, line)
			}
			if claims := code == "SignatureDoesNotMatch" || code == "InvalidAccessKeyId"; claims && line["claimed_access_key_id"] != f.who.id {
				t.Errorf("the line of a refusal (%s) is %v, want whose key it says it was, %s", code, line, f.who.id)
			}
		}
		a := w.api(t, w.paused, "GET", "/v1/keys", "")
		if line := w.logged(t, a.header.Get("X-Request-Id")); line["status"] != float64(a.status) || line["claimed_access_key_id"] != w.paused.id ||
			text(line["code"]) == "" || !strings.HasPrefix(text(line["remote"]), "127.") {
			t.Errorf("the line of a refused call is %v, want who, from where, and what came of it", line)
		}
	})
}

func text(v any) string { s, _ := v.(string); return s }

// noSecrets lives through what members and keys do, and looks for all that they
// kept to themselves in all that the server wrote. It comes last: the server has
// ended afterwards.
func noSecrets(t *testing.T, w *world) {
	secrets := map[string]string{"the password": password, "a password that was wrong": "a wrong guess of mine 77", "the secret of the first key": w.full.secret, "the secret of B": w.bFull.secret, "the secret of a key": w.up.secret}
	var answers []answer
	seen := func(a answer) { answers = append(answers, a) }
	ann := w.owner(t)
	w.unchanged(t, func() {
		secrets["the session"] = ann.session(t)
		_, secrets["the session's token"], _ = strings.Cut(ann.session(t), ".")
		secrets["the authenticator's seed"] = ann.seed
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(ann.seed)
		if err != nil {
			t.Fatalf("the seed is %v, want base32", err)
		}
		secrets["the authenticator's seed in bytes"] = string(raw)
		for _, code := range ann.recovery {
			secrets["the recovery code "+code[:4]] = code
			secrets["the recovery code without dashes "+code[:4]] = strings.ReplaceAll(code, "-", "")
		}
		seen(w.stranger(t).post(t, "/signin", "email", rootEmail, "password", secrets["a password that was wrong"]))
		seen(ann.post(t, "/signin/code", "challenge", "x", "recovery", "1", "code", ann.recovery[0]))
		link, err := w.socket.Invite(t.Context(), api.InviteInput{Account: string(w.a.ID), Email: "new@a.example", Role: coffer.RoleMember})
		if err != nil {
			t.Fatal(err)
		}
		token := link.URL.Reveal()[strings.LastIndexByte(link.URL.Reveal(), '/')+1:]
		secrets["a one-time link"] = token
		seen(w.stranger(t).get(t, "/invite/"+flip(token)))
		seen(w.stranger(t).post(t, "/invite/"+token, "name", "", "password", "short"))
		if err := w.socket.RevokeInvitation(t.Context(), string(w.a.ID), string(link.ID)); err != nil {
			t.Error(err)
		}
		w.secretRequests(t, secrets, seen)
		w.customerKey(t, secrets, seen)
		w.configuredSecrets(t, secrets, seen)
		ann.get(t, "/").oneOf(t, "the console", 200)
		seen(ann.post(t, "/signout"))
	})
	for _, path := range []string{"/-/live", "/-/ready", "/metrics"} {
		seen(w.do(t, request(t, w.server.Admin, "GET", path, "")))
	}
	seen(answer{body: w.server.Command("audit", "list", "--json").Stdout})
	seen(answer{body: w.server.Command("key", "list", "--json").Stdout})
	backup := filepath.Join(t.TempDir(), "backup")
	if r := w.server.Command("backup", "create", backup); r.Code != 0 {
		t.Errorf("backup create = %d: %s", r.Code, r.Stderr)
	} else {
		seen(answer{body: r.Stdout + r.Stderr})
	}
	w.server.Stop()
	for name, secret := range secrets {
		for _, form := range forms(secret) {
			w.foundIn(t, w.server.Data, name, form)
			w.foundIn(t, backup, name, form)
			w.foundIn(t, w.server.Log(), name, form)
			for _, a := range answers {
				a.lacks(t, "an answer, a metric or a list with "+name, string(form))
			}
		}
	}
	w.looks(t)
	w.server.Restart()
	w.connect(t)
}

// customerKey stores and reads an object under a key that only its client keeps.
func (w *world) customerKey(t *testing.T, secrets map[string]string, seen func(answer)) {
	t.Helper()
	const key = "a key of a client, of 32 bytes.."
	sum := md5.Sum([]byte(key))
	headers := []string{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256", "X-Amz-Server-Side-Encryption-Customer-Key", base64.StdEncoding.EncodeToString([]byte(key)),
		"X-Amz-Server-Side-Encryption-Customer-Key-Md5", base64.StdEncoding.EncodeToString(sum[:])}
	secrets["the key of a client"] = key
	a := w.s3(t, w.full, "PUT", "/a-priv/sse-c", strings.Repeat("c", 100_000), headers...)
	a.oneOf(t, "PUT with the key of a client", 200)
	seen(a)
	seen(w.s3(t, w.full, "GET", "/a-priv/sse-c", "", headers...))
	seen(w.s3(t, w.full, "GET", "/a-priv/sse-c", ""))
	wrong := append([]string{}, headers...)
	wrong[5] = "AAAAAAAAAAAAAAAAAAAAAA=="
	seen(w.s3(t, w.full, "GET", "/a-priv/sse-c", "", wrong...))
	w.s3(t, w.full, "DELETE", "/a-priv/sse-c", "").oneOf(t, "DELETE", 204)
}

// configuredSecrets asks for all that is told of webhooks and targets, and has a
// webhook called in vain.
func (w *world) configuredSecrets(t *testing.T, secrets map[string]string, seen func(answer)) {
	t.Helper()
	secrets["the token of a webhook"], secrets["the secret of a webhook"], secrets["the secret of a target"] = hookToken, hookSecret, targetSecret
	secrets["the password of a broker"] = brokerPassword
	for _, name := range []string{"quiet", "broker"} {
		if err := w.socket.TestWebhook(t.Context(), name); err != nil {
			t.Error(err)
		}
		d := w.delivery(t, name)
		seen(answer{body: d.Error})
	}
	for _, args := range [][]string{{"webhook", "list", "--json"}, {"webhook", "show", "quiet", "--json"}, {"webhook", "show", "quiet"}, {"webhook", "show", "broker", "--json"}, {"config", "show"}, {"check", "--json"}} {
		r := w.server.Command(args...)
		seen(answer{body: r.Stdout + r.Stderr})
	}
}

// secretRequests sends signatures of all kinds, right and wrong. Those that are
// wrong may be repeated to who sent them, but the right ones are nobody's else.
func (w *world) secretRequests(t *testing.T, secrets map[string]string, seen func(answer)) {
	t.Helper()
	last := func(text string) string { return text[strings.Index(text, "Signature=")+10:][:64] }
	for name, f := range map[string]forged{"PUT": {who: w.full, method: "PUT", path: "/a-priv/signed", body: "x"}, "GET": {who: w.full, path: "/a-priv/other"}} {
		wrong := f
		f.auth = func(v string) string { secrets["the signature of "+name] = last(v); return v }
		w.forge(t, f).oneOf(t, name, 200)
		wrong.auth = func(v string) string {
			secrets["the signature that was expected of "+name] = last(v)
			return v[:len(v)-64] + sum("wrong")
		}
		seen(w.forge(t, wrong))
		url := wrong.link(w, "600", nil, func(q string) string {
			secrets["the signature of a URL to "+name] = q[len(q)-64:]
			return q
		})
		w.exchange(t, wrong.method, url).oneOf(t, "a URL to "+name, 200)
		w.exchange(t, wrong.method, strings.Replace(url, "/a-priv/", "/a-priv//", 1)).oneOf(t, "a URL elsewhere", 403)
	}
	w.s3(t, w.full, "DELETE", "/a-priv/signed", "").oneOf(t, "DELETE", 204)
	p := w.newKey(t, api.CreateKeyInput{Name: "rotated"})
	k, err := w.socket.RotateKey(t.Context(), p.id, api.RotateInput{})
	if err != nil {
		t.Fatal(err)
	}
	secrets["the secret of a key that was rotated"], secrets["the secret that replaced it"] = p.secret, k.Current.SecretAccessKey.Reveal()
	seen(w.s3(t, pair{p.id, "wrong"}, "GET", "/", ""))
	seen(w.api(t, pair{p.id, "wrong"}, "GET", "/v1/keys", ""))
	seen(w.api(t, w.full, "GET", "/v1/keys", ""))
	seen(w.api(t, w.full, "GET", "/v1/audit", ""))
	seen(w.api(t, w.full, "POST", "/v1/keys", `{"name":"`+secrets["the secret that replaced it"][:3]+`","nonsense":1}`))
	w.drop(t, p)
}

// looks proves that the search finds what is there: the first key's ID is no
// secret, and stands in the data folder and in the log.
func (w *world) looks(t *testing.T) {
	t.Helper()
	for _, dir := range []string{filepath.Join(w.server.Data, "meta"), w.server.Log()} {
		found := false
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				b, err := os.ReadFile(path)
				found = found || err == nil && bytes.Contains(b, []byte(w.full.id))
			}
			return nil
		})
		if !found {
			t.Errorf("%s has no %s in it, so that no search there proves anything", dir, w.full.id)
		}
	}
}
