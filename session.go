package coffer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Session is a temporary credential, as its session token describes it: what the
// holder of an access key gave away of that key, and until when. No server stores
// it. The token has all of it, under a MAC whose key is derived from the secret of
// the parent, and the session's own secret is derived from the same; so whoever
// has a key can make one without asking anybody, it may never do more than the key
// may at the time of a request, and it ends with the key. docs/format.md has the
// token in words.
type Session struct {
	// ID is the Access Key ID that the session signs with: see NewTemporaryID.
	ID AccessKeyID
	// Parent is the Access Key ID of the credential that the session was made from.
	Parent AccessKeyID
	// Name is for policies and people: what AWS calls a role session name.
	Name string
	// Scope is what the session may do, within what its key may; nil is the same.
	Scope *Scope
	// Policy is an IAM policy that must allow it as well; "" is none.
	Policy string
	// Issued and Expires are its first and its last moment, in whole seconds.
	Issued  time.Time
	Expires time.Time
}

const (
	// SessionMax is the longest that a temporary credential lives.
	SessionMax = 7 * 24 * time.Hour
	// SessionPolicyMax is the most bytes of a session's policy (AWS STS API
	// Reference, "AssumeRole").
	SessionPolicyMax = 2048

	sessionTokenMax = 12 << 10
	sessionVersion  = 1
	sessionNameMin  = 2
	sessionNameMax  = 64

	// What the parent's secret is used for is told apart by what is hashed.
	sessionKeyPrefix  = "COFFER1"
	sessionKeyText    = "session"
	sessionTokenText  = "token\n"
	sessionSecretText = "secret\n"
)

// sessionClaims is a Session as its token has it. What a reader does not know it
// refuses: it may be a restriction.
type sessionClaims struct {
	Version int         `json:"v"`
	ID      AccessKeyID `json:"id"`
	Parent  AccessKeyID `json:"parent"`
	Name    string      `json:"name,omitempty"`
	Scope   *Scope      `json:"scope,omitempty"`
	Policy  string      `json:"policy,omitempty"`
	Issued  int64       `json:"issued"`
	Expires int64       `json:"expires"`
}

// NewTemporaryID makes the Access Key ID of a session: as NewAccessKeyID, with
// another prefix.
func NewTemporaryID(rand io.Reader) (AccessKeyID, error) {
	return newAccessKeyID(rand, temporaryPrefix)
}

// Temporary tells whether id has the form and the checksum of a session's.
func (id AccessKeyID) Temporary() bool { return id.minted(temporaryPrefix) }

// Issue makes the token and the secret of s from its parent's secret.
func (s Session) Issue(parent Secret) (token string, secret Secret, err error) {
	if err := s.check(); err != nil {
		return "", Secret{}, err
	}
	claims, err := json.Marshal(sessionClaims{Version: sessionVersion, ID: s.ID, Parent: s.Parent, Name: s.Name, Scope: s.Scope,
		Policy: s.Policy, Issued: s.Issued.Unix(), Expires: s.Expires.Unix()})
	if err != nil {
		return "", Secret{}, fmt.Errorf("write session token: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(claims)
	key := sessionKey(parent)
	token = payload + "." + base64.RawURLEncoding.EncodeToString(hmacSHA256(key, sessionTokenText+payload))
	if len(token) > sessionTokenMax {
		return "", Secret{}, Errorf(InvalidArgument, "the session token would have %d bytes: it may have up to %d, so shorten the scope or the policy", len(token), sessionTokenMax)
	}
	return token, sessionSecret(key, payload), nil
}

// SessionToken is a token that was read. Nothing in it is proved before Secret has
// said so.
type SessionToken struct {
	Session
	payload string
	mac     []byte
}

// ParseSessionToken reads a session token. The error is InvalidToken, whatever is
// wrong with it.
func ParseSessionToken(token string) (SessionToken, error) {
	bad := &Error{Code: InvalidToken}
	payload, mac, ok := strings.Cut(token, ".")
	// base64 skips the ends of lines: one session has one token.
	if !ok || len(token) > sessionTokenMax || strings.ContainsAny(token, "\r\n") {
		return SessionToken{}, bad
	}
	t := SessionToken{payload: strings.Clone(payload)}
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err == nil {
		t.mac, err = base64.RawURLEncoding.Strict().DecodeString(mac)
	}
	if err == nil {
		t.Session, err = readSession(text)
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return SessionToken{}, bad.Wrap(err)
	}
	return t, nil
}

// Secret returns the session's secret, and whether parent is the secret that the
// token was made with.
func (t SessionToken) Secret(parent Secret) (Secret, bool) {
	key := sessionKey(parent)
	if !hmac.Equal(t.mac, hmacSHA256(key, sessionTokenText+t.payload)) {
		return Secret{}, false
	}
	return sessionSecret(key, t.payload), true
}

func readSession(text []byte) (Session, error) {
	var c sessionClaims
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Session{}, fmt.Errorf("read session token: %w", err)
	}
	if _, err := d.Token(); err != io.EOF || c.Version != sessionVersion {
		return Session{}, fmt.Errorf("read session token: version %d, or more than one", c.Version)
	}
	s := Session{ID: c.ID, Parent: c.Parent, Name: c.Name, Policy: c.Policy, Issued: time.Unix(c.Issued, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC()}
	if c.Scope == nil {
		return s, nil
	}
	var err error
	s.Scope, err = ParseScope(*c.Scope)
	return s, err
}

// check tells what a session cannot be, whoever made it.
func (s Session) check() error {
	switch life := s.Expires.Sub(s.Issued); {
	case !s.ID.Temporary():
		return Errorf(InvalidArgument, "the session's ID %.40q is no temporary Access Key ID", string(s.ID))
	case s.Parent == "" || len(s.Parent) > importedIDMax:
		return Errorf(InvalidArgument, "the session has no parent")
	case strings.HasPrefix(string(s.Parent), temporaryPrefix):
		return Errorf(InvalidArgument, "a temporary credential cannot make another: use the access key that it was made from")
	case life <= 0 || life > SessionMax:
		return Errorf(InvalidArgument, "the session lasts %s: it may last up to %s", life, SessionMax)
	case len(s.Policy) > SessionPolicyMax:
		return Errorf(InvalidArgument, "the session's policy has %d bytes: it may have up to %d", len(s.Policy), SessionPolicyMax)
	}
	return CheckSessionName(s.Name)
}

// CheckSessionName refuses a name that no session can have; "" is allowed (AWS STS
// API Reference, "AssumeRole", RoleSessionName).
func CheckSessionName(name string) error {
	bad := func(r rune) bool { return !strings.ContainsRune(base62+"_+=,.@-", r) }
	if name != "" && (len(name) < sessionNameMin || len(name) > sessionNameMax || strings.ContainsFunc(name, bad)) {
		return Errorf(InvalidArgument, "the session's name %.80q is not allowed: it has %d to %d letters, digits and _ + = , . @ -", name, sessionNameMin, sessionNameMax)
	}
	return nil
}

func sessionKey(parent Secret) []byte {
	return hmacSHA256([]byte(sessionKeyPrefix+parent.Reveal()), sessionKeyText)
}

// sessionSecret has the form of every secret: prefix, 30 base62 digits, here those
// of a MAC taken for a number, and the checksum.
func sessionSecret(key []byte, payload string) Secret {
	n := new(big.Int).SetBytes(hmacSHA256(key, sessionSecretText+payload))
	base, digit := big.NewInt(int64(len(base62))), new(big.Int)
	digits := make([]byte, secretRandom)
	for i := range digits {
		n.DivMod(n, base, digit)
		digits[i] = base62[digit.Int64()]
	}
	head := secretPrefix + string(digits)
	return NewSecretFrom(head + checksumText(head, base62, secretChecksum))
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
