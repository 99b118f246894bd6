package coffer

import (
	"bytes"
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

// What leak scanners are told to look for; docs/format.md has the same.
var (
	accessKeyForm = regexp.MustCompile(`^CFAK[0-9A-HJKMNP-TV-Z]{16}$`)
	secretForm    = regexp.MustCompile(`^cfs_[0-9A-Za-z]{36}$`)
	keyIDForm     = regexp.MustCompile(`^key_[0-9a-hjkmnp-tv-z]{20}$`)
)

func TestMintedKeysHaveTheForm(t *testing.T) {
	seen := map[string]bool{}
	for range 500 {
		id, err := NewAccessKeyID(rand.Reader)
		if err != nil || !accessKeyForm.MatchString(string(id)) || !id.Minted() {
			t.Fatalf("NewAccessKeyID = %q, %v, minted %t", id, err, id.Minted())
		}
		secret, err := NewSecret(rand.Reader)
		if err != nil || !secretForm.MatchString(secret.Reveal()) || !secret.Minted() {
			t.Fatalf("NewSecret does not match %v (%v), minted %t", secretForm, err, secret.Minted())
		}
		for _, other := range []string{"", secret.Reveal()[1:], secret.Reveal()[:39] + "!", "cfs_" + strings.Repeat("0", 36)} {
			if NewSecretFrom(other).Minted() {
				t.Errorf("%q passes for a secret that coffer made", other)
			}
		}
		keyID, err := NewKeyID(rand.Reader)
		if err != nil || !keyIDForm.MatchString(string(keyID)) {
			t.Fatalf("NewKeyID = %q, %v", keyID, err)
		}
		for _, s := range []string{string(id), secret.Reveal(), string(keyID)} {
			if seen[s] {
				t.Fatal("a value was drawn twice")
			}
			seen[s] = true
		}
	}
}

// The bytes are fixed, so a change of the format or of the checksum shows.
func TestFormatStaysAsItIs(t *testing.T) {
	counting := func() *bytes.Reader {
		b := make([]byte, 64)
		for i := range b {
			b[i] = byte(i * 7)
		}
		return bytes.NewReader(b)
	}
	if id, err := NewAccessKeyID(counting()); err != nil || id != "CFAK07ENW3AHRZ6DG5AN" {
		t.Errorf("NewAccessKeyID = %q, %v, want CFAK07ENW3AHRZ6DG5AN", id, err)
	}
	if s, err := NewSecret(counting()); err != nil || s.Reveal() != "cfs_07ELSZgnu18FMTahov29GNUbipw3AH4HkMQS" {
		t.Errorf("NewSecret = %q, %v, want cfs_07ELSZgnu18FMTahov29GNUbipw3AH4HkMQS", s.Reveal(), err)
	}
}

func TestMintedFindsTypingErrors(t *testing.T) {
	id, err := NewAccessKeyID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range id {
		for _, c := range crockford {
			typed := id[:i] + AccessKeyID(c) + id[i+1:]
			if typed != id && typed.Minted() {
				t.Errorf("%s with %c at %d, which is %s, passes", id, c, i, typed)
			}
		}
	}
	for _, other := range []AccessKeyID{"", "CFAK", id + "0", id[:19], "CFTK" + id[4:], "AKIAIOSFODNN7EXAMPLE"} {
		if other.Minted() {
			t.Errorf("%q passes for an ID that coffer made", other)
		}
	}
}

func TestEveryCharacterIsAsLikely(t *testing.T) {
	const n = 62 * 2000
	s, err := randomText(rand.Reader, base62, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range base62 {
		// 2000 ± 300 is more than six standard deviations; a plain modulo would
		// give the first eight characters 2,422.
		if got := strings.Count(s, string(c)); got < 1700 || got > 2300 {
			t.Errorf("%c stands %d times among %d, want about 2000", c, got, n)
		}
	}
}

func TestNoRandomnessMakesNoKey(t *testing.T) {
	short := bytes.NewReader(make([]byte, 63))
	if id, err := NewAccessKeyID(short); err == nil || id != "" {
		t.Errorf("NewAccessKeyID = %q, %v, want an error", id, err)
	}
	if s, err := NewSecret(short); err == nil || !s.Empty() {
		t.Errorf("NewSecret: %v, want an error", err)
	}
	if id, err := NewKeyID(short); err == nil || id != "" {
		t.Errorf("NewKeyID = %q, %v, want an error", id, err)
	}
}

func TestParseImportedPair(t *testing.T) {
	const id, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	for _, tt := range []struct {
		name, id, secret string
		ok               bool
	}{
		{"AWS", id, secret, true},
		{"MinIO", "console-user_access", "minio123", true},
		{"ShortestBoth", strings.Repeat("a", 16), "12345678", true},
		{"LongestBoth", strings.Repeat("a", 128), strings.Repeat("~", 128), true},
		{"IDTooShort", strings.Repeat("a", 15), secret, false},
		{"IDTooLong", strings.Repeat("a", 129), secret, false},
		{"IDWithSlash", "AKIAIOSFODNN7/XAMPLE", secret, false},
		{"IDWithNUL", "AKIAIOSFODNN7\x00XAMPLE", secret, false},
		{"IDNotASCII", "AKIAIOSFODNN7ÉXAMPLE", secret, false},
		{"IDOfAKey", "key_0123456789abcdefghjk", secret, false},
		{"IDOfATemporary", "CFTK0123456789ABCDEF", secret, false},
		{"SecretTooShort", id, "1234567", false},
		{"SecretTooLong", id, strings.Repeat("x", 129), false},
		{"SecretWithSpace", id, "with a space", false},
		{"SecretWithNewline", id, secret + "\n", false},
		{"SecretNotASCII", id, "sécrétsécrét", false},
	} {
		gotID, gotSecret, err := ParseImportedPair(tt.id, tt.secret)
		if ok := err == nil; ok != tt.ok {
			t.Errorf("%s: ParseImportedPair = %v, want ok %t", tt.name, err, tt.ok)
		}
		if err != nil && (CodeOf(err) != InvalidArgument || strings.Contains(err.Error(), tt.secret)) {
			t.Errorf("%s: ParseImportedPair = %v, want InvalidArgument without the secret", tt.name, err)
		}
		if err == nil && (string(gotID) != tt.id || gotSecret.Reveal() != tt.secret) {
			t.Errorf("%s: ParseImportedPair changed the pair", tt.name)
		}
	}
}

func TestParseKeyHandle(t *testing.T) {
	for _, tt := range []struct {
		handle string
		key    KeyID
		access AccessKeyID
	}{
		{"key_0123456789abcdefghjk", "key_0123456789abcdefghjk", ""},
		{"CFAK0123456789ABCDEF", "", "CFAK0123456789ABCDEF"},
		{"KEY_0123456789ABCDEF", "", "KEY_0123456789ABCDEF"},
		{"", "", ""},
	} {
		if key, access := ParseKeyHandle(tt.handle); key != tt.key || access != tt.access {
			t.Errorf("ParseKeyHandle(%q) = %q, %q, want %q, %q", tt.handle, key, access, tt.key, tt.access)
		}
	}
}
