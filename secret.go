package coffer

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Secret is a value that must not be printed: every way of turning it into
// text gives [secret]. Reveal is the only way to read it, so that `grep Reveal`
// finds each place that does.
//
// The methods alone do not hold that: fmt skips them for a field that is not
// exported, and for a verb that does not fit (%s of a struct with a pointer in
// it). So the text stands behind a pointer, which fmt prints as an address.
// Compare secrets with Equal; == compares addresses.
type Secret struct{ p *string }

// NewSecretFrom wraps s.
func NewSecretFrom(s string) Secret { return Secret{&s} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// Empty tells whether there is no secret.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares in a time that tells nothing of where two secrets differ.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
