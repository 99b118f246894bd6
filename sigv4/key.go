package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"log/slog"
)

// Key is a signing key: derived from a secret, and good for one day, one region
// and one service only. It is a secret still, so it prints as "[signing key]".
type Key [sha256.Size]byte

// DeriveKey returns the signing key of secret for the day date (yyyymmdd, UTC).
func DeriveKey(secret, date, region, service string) Key {
	key := []byte("AWS4" + secret)
	for _, text := range []string{date, region, service, terminal} {
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, text)
		key = mac.Sum(nil)
	}
	return Key(key)
}

const keyText = "[signing key]"

// Format writes the same placeholder for every verb.
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, keyText) }

// LogValue keeps the key out of logs.
func (Key) LogValue() slog.Value { return slog.StringValue(keyText) }

// MarshalText keeps the key out of JSON.
func (Key) MarshalText() ([]byte, error) { return []byte(keyText), nil }

// mac signs texts with a key. It holds the memory of the sum, which would be
// allocated for each signature otherwise.
type mac struct {
	hash hash.Hash
	sum  [sha256.Size]byte
}

func (k *Key) mac() *mac { return &mac{hash: hmac.New(sha256.New, k[:])} }

// appendHex appends the hex signature of text to b.
func (m *mac) appendHex(b, text []byte) []byte {
	m.hash.Reset()
	m.hash.Write(text)
	return hex.AppendEncode(b, m.hash.Sum(m.sum[:0]))
}
