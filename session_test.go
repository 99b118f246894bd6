package coffer_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"coffer"
)

var sessionParent = coffer.NewSecretFrom("cfs_0123456789abcdefghijklmnopqrst000000")

// session is a whole one, with an ID that does not change.
func session(t testing.TB) coffer.Session {
	t.Helper()
	id, err := coffer.NewTemporaryID(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	scope, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly, Buckets: []string{"photos"}, Prefixes: []string{"2026"}}}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return coffer.Session{ID: id, Parent: "CFAK0123456789ABCDEF", Name: "build-7", Scope: scope, Issued: at, Expires: at.Add(time.Hour)}
}

// TestSessionTokenIsAsTheFormatSays has a token, the parent's secret and what they
// come to, as programs in other languages make them.
func TestSessionTokenIsAsTheFormatSays(t *testing.T) {
	token, secret, err := session(t).Issue(sessionParent)
	if err != nil {
		t.Fatal(err)
	}
	payload, mac, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","name":"build-7",` +
		`"scope":{"grants":[{"preset":"read-only","buckets":["photos"],"prefixes":["2026/"]}]},"issued":1772366400,"expires":1772370000}`
	if string(text) != want {
		t.Errorf("the token says\n%s, want\n%s", text, want)
	}
	if want := "S-3SLiGBEzWV2AXrPOTsiXUeXZ80kROV0w9-xFjbkYg"; mac != want {
		t.Errorf("MAC = %s, want %s", mac, want)
	}
	if want := "cfs_5w8rwbNK4hrI4qR0iyzSdNtsuBcnU11Cc5TF"; secret.Reveal() != want || !secret.Minted() {
		t.Errorf("secret = %s, want %s", secret.Reveal(), want)
	}
}

func TestSessionTokenProvesItsParent(t *testing.T) {
	made := session(t)
	token, secret, err := made.Issue(sessionParent)
	if err != nil {
		t.Fatal(err)
	}
	read, err := coffer.ParseSessionToken(token)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := read.Secret(sessionParent); !ok || !got.Equal(secret) {
		t.Errorf("Secret(the parent's) = %t, want the session's", ok)
	}
	if read.ID != made.ID || read.Parent != made.Parent || read.Name != made.Name || read.Scope.String() != made.Scope.String() || !read.Expires.Equal(made.Expires) || !read.Issued.Equal(made.Issued) {
		t.Errorf("ParseSessionToken(Issue(s)) = %+v, want %+v", read.Session, made)
	}
	if _, ok := read.Secret(coffer.NewSecretFrom("another")); ok {
		t.Error("Secret(another's) says that it made the token")
	}
	other := made
	other.Name = "build-8"
	if _, again, err := other.Issue(sessionParent); err != nil || again.Equal(secret) {
		t.Errorf("another session has the same secret (%v)", err)
	}
}

// TestChangedSessionTokenIsWorthless changes each character of a token.
func TestChangedSessionTokenIsWorthless(t *testing.T) {
	token, _, err := session(t).Issue(sessionParent)
	if err != nil {
		t.Fatal(err)
	}
	for i := range token {
		for _, c := range "\r\n= " {
			if _, err := coffer.ParseSessionToken(token[:i] + string(c) + token[i:]); coffer.CodeOf(err) != coffer.InvalidToken {
				t.Errorf("with %q put in at %d: error %v, want InvalidToken", c, i, err)
			}
		}
		for _, c := range []byte("A_.") {
			if token[i] == c {
				continue
			}
			b := []byte(token)
			b[i] = c
			read, err := coffer.ParseSessionToken(string(b))
			if err != nil {
				if coffer.CodeOf(err) != coffer.InvalidToken {
					t.Errorf("with %q at %d: error %v, want InvalidToken", c, i, err)
				}
				continue
			}
			if _, ok := read.Secret(sessionParent); ok {
				t.Errorf("with %q at %d the token is still proved", c, i)
			}
		}
	}
}

func TestSessionsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*coffer.Session){
		"a long-lived ID":           func(s *coffer.Session) { s.ID = "CFAK0123456789ABCDEF" },
		"an ID with a typing error": func(s *coffer.Session) { s.ID = s.ID[:19] + "0" },
		"no parent":                 func(s *coffer.Session) { s.Parent = "" },
		"a session as parent":       func(s *coffer.Session) { s.Parent = s.ID },
		"a long parent":             func(s *coffer.Session) { s.Parent = coffer.AccessKeyID(strings.Repeat("A", 200)) },
		"no time":                   func(s *coffer.Session) { s.Expires = s.Issued },
		"an end before its start":   func(s *coffer.Session) { s.Expires = s.Issued.Add(-time.Hour) },
		"more than a week":          func(s *coffer.Session) { s.Expires = s.Issued.Add(coffer.SessionMax + time.Second) },
		"a name with a line":        func(s *coffer.Session) { s.Name = "a\nb" },
		"a name of one letter":      func(s *coffer.Session) { s.Name = "a" },
		"a long name":               func(s *coffer.Session) { s.Name = strings.Repeat("a", 65) },
		"a long policy":             func(s *coffer.Session) { s.Policy = strings.Repeat(" ", coffer.SessionPolicyMax+1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t)
			change(&s)
			if _, _, err := s.Issue(sessionParent); coffer.CodeOf(err) != coffer.InvalidArgument {
				t.Errorf("Issue() = %v, want InvalidArgument", err)
			}
		})
	}
}

// TestSessionTokensOfOthers are those that only somebody who writes them by hand
// makes. Each has a MAC that fits.
func TestSessionTokensOfOthers(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              ``,
		"another version":      `{"v":2,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","issued":1772366400,"expires":1772370000}`,
		"an unknown field":     `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","issued":1772366400,"expires":1772370000,"only_from":"10.0.0.0/8"}`,
		"an unknown preset":    `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","scope":{"grants":[{"preset":"all"}]},"issued":1772366400,"expires":1772370000}`,
		"an unknown condition": `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","scope":{"grants":[{"preset":"full","tls":true}]},"issued":1772366400,"expires":1772370000}`,
		"something behind it":  `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","issued":1772366400,"expires":1772370000}{}`,
		"ten years":            `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","issued":1772366400,"expires":2087726400}`,
		"numbers as text":      `{"v":1,"id":"CFTK00000000000098E4","parent":"CFAK0123456789ABCDEF","issued":"0","expires":"1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			token := base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
			if s, err := coffer.ParseSessionToken(token); coffer.CodeOf(err) != coffer.InvalidToken {
				t.Errorf("ParseSessionToken(%s) = %+v, %v, want InvalidToken", text, s.Session, err)
			}
		})
	}
}

func TestTemporaryIDsAreToldFromOthers(t *testing.T) {
	temporary, err := coffer.NewTemporaryID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := coffer.NewAccessKeyID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !temporary.Temporary() || temporary.Minted() || long.Temporary() || !long.Minted() {
		t.Errorf("Temporary(%s), Minted, Temporary(%s), Minted = %t, %t, %t, %t, want true, false, false, true",
			temporary, long, temporary.Temporary(), temporary.Minted(), long.Temporary(), long.Minted())
	}
}

func FuzzSessionToken(f *testing.F) {
	token, _, err := session(f).Issue(sessionParent)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(".")
	f.Add("e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := coffer.ParseSessionToken(text)
		if err != nil {
			return
		}
		if _, ok := read.Secret(sessionParent); ok && text != token {
			t.Errorf("%q is proved, and nobody made it", text)
		}
	})
}
