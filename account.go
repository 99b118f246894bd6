package coffer

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AccountID names an account: 12 decimal digits, as AWS's account IDs.
type AccountID string

// CanonicalID is the other name of an account, 64 hexadecimal digits: what S3
// calls the owner's canonical user ID in lists and access control lists.
type CanonicalID string

// Account is a tenant: it owns buckets and keys. Nothing of one account can be
// seen by another.
type Account struct {
	ID        AccountID
	Canonical CanonicalID
	Email     string
	Name      string
	Created   time.Time
}

// DisplayName is what S3 lists print beside the owner's ID.
func (a Account) DisplayName() string {
	if a.Name != "" {
		return a.Name
	}
	return a.Email
}

// NewAccountID makes a random account ID from rand.
func NewAccountID(rand io.Reader) (AccountID, error) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	// The first digit is never zero, so that no tool takes the ID for a number
	// and drops it.
	n := new(big.Int).SetBytes(b[:])
	n.Mod(n, big.NewInt(900_000_000_000))
	return AccountID(n.Add(n, big.NewInt(100_000_000_000)).String()), nil
}

// NewCanonicalID makes a random canonical ID from rand.
func NewCanonicalID(rand io.Reader) (CanonicalID, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return CanonicalID(hex.EncodeToString(b[:])), nil
}

// ParseEmail checks that s is one plain e-mail address and returns it in lower
// case, the form in which accounts are compared.
func ParseEmail(s string) (string, error) {
	addr, err := mail.ParseAddress(s)
	if err != nil || addr.Address != s || len(s) > 254 {
		return "", Errorf(InvalidArgument, "%q is not an e-mail address: write it as name@example.com", s)
	}
	return strings.ToLower(s), nil
}

// nameMax is the length of the longest name of an account or a key, in
// characters.
const nameMax = 128

// ParseName checks what a person calls an account or a key, and returns it
// without the spaces around it: up to 128 characters that can be printed. It
// may be empty.
func ParseName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > nameMax ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", Errorf(InvalidArgument,
			"the name %.140q is not allowed: it has up to %d characters, all of which can be printed", s, nameMax)
	}
	return s, nil
}

// Actor is who asks. Every service method takes one: there is no other way in.
// The zero Actor is anonymous and may do nothing that is not made public.
type Actor struct {
	Account     AccountID
	Canonical   CanonicalID
	DisplayName string
	Key         KeyID
	AccessKeyID AccessKeyID
	// Generation is the Credential's that signed: two have the same Access Key
	// ID while a rotation keeps it.
	Generation int
	// Scope is what the key may do; nil is everything in the account.
	Scope *Scope
	// Session is the temporary credential that signed, made from Key; nil if it was a
	// long-lived one. Its scope is in Scope already, its policy is not.
	Session *Session
	// Caller is who that is for the audit log.
	Caller Caller
}

// Anonymous tells whether the request bore no credential.
func (a Actor) Anonymous() bool { return a.Account == "" }
