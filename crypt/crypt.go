// Package crypt encrypts the bytes of objects: authenticated segments of 64 KiB
// under a key of their own, of which any range can be read, and the wrapping of
// such keys under others. It knows nothing of objects, nor of where bytes are.
package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// KeyBytes is the length of a key: AES-256.
const KeyBytes = 32

// SaltBytes is the length of what makes one key of another.
const SaltBytes = 16

// WrappedBytes is the length of a wrapped key: salt, key and tag.
const WrappedBytes = SaltBytes + KeyBytes + 16

// CheckBytes is the length of a key check: salt and digest.
const CheckBytes = SaltBytes + sha256.Size

// ErrDamaged says that bytes are not those that were encrypted, or not under this
// key. Which of the two, nobody can tell.
var ErrDamaged = errors.New("encrypted bytes do not authenticate")

// Salt makes a key for one purpose of a key for many. It is no secret.
type Salt [SaltBytes]byte

// NewSalt reads a salt from rand.
func NewSalt(rand io.Reader) (salt Salt, err error) {
	if _, err = io.ReadFull(rand, salt[:]); err != nil {
		return salt, fmt.Errorf("read randomness: %w", err)
	}
	return salt, nil
}

// Key is a key that encrypts. It prints as [key]. The bytes stand behind a
// pointer, since fmt looks into fields that are not exported.
type Key struct{ b *[KeyBytes]byte }

// NewKey reads a key from rand.
func NewKey(rand io.Reader) (Key, error) {
	k := Key{new([KeyBytes]byte)}
	if _, err := io.ReadFull(rand, k.b[:]); err != nil {
		return Key{}, fmt.Errorf("read randomness: %w", err)
	}
	return k, nil
}

// KeyFrom makes a key of KeyBytes bytes.
func KeyFrom(b []byte) (Key, error) {
	if len(b) != KeyBytes {
		return Key{}, fmt.Errorf("a key has %d bytes, not %d", KeyBytes, len(b))
	}
	return Key{(*[KeyBytes]byte)(append([]byte(nil), b...))}, nil
}

// Set tells whether there is a key.
func (k Key) Set() bool { return k.b != nil }

// Reveal returns the bytes of the key, for who wraps it elsewhere.
func (k Key) Reveal() []byte { return k.b[:] }

// Format is fmt.Formatter: a key is never printed.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[key]")) }

// What keys are derived for: one is of no use as another.
const (
	useWrap    = "coffer wrap v1"
	useCheck   = "coffer key check v1"
	useTag     = "coffer tag v1"
	useSegment = "coffer segments v1"
)

// Derive makes the key that encrypts one body of the key for many (RFC 5869). Two
// bodies never have the same salt, so that no key encrypts two.
func (k Key) Derive(salt Salt) (Key, error) { return k.derive(salt, useSegment) }

func (k Key) derive(salt Salt, use string) (Key, error) {
	b, err := hkdf.Key(sha256.New, k.b[:], salt[:], use, KeyBytes)
	if err != nil {
		return Key{}, fmt.Errorf("derive key: %w", err)
	}
	return KeyFrom(b)
}

// Wrap encrypts another key under k, bound to what it is for: Unwrap opens it only
// with the same context.
func (k Key) Wrap(rand io.Reader, context string, data Key) ([]byte, error) {
	salt, err := NewSalt(rand)
	if err != nil {
		return nil, err
	}
	aead, err := k.wrapper(salt)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, WrappedBytes), salt[:]...)
	return aead.Seal(out, make([]byte, aead.NonceSize()), data.b[:], []byte(context)), nil
}

// Unwrap undoes Wrap; the error is ErrDamaged.
func (k Key) Unwrap(context string, wrapped []byte) (Key, error) {
	if len(wrapped) != WrappedBytes {
		return Key{}, fmt.Errorf("wrapped key of %d bytes: %w", len(wrapped), ErrDamaged)
	}
	aead, err := k.wrapper(Salt(wrapped[:SaltBytes]))
	if err != nil {
		return Key{}, err
	}
	b, err := aead.Open(nil, make([]byte, aead.NonceSize()), wrapped[SaltBytes:], []byte(context))
	if err != nil {
		return Key{}, fmt.Errorf("wrapped key: %w", ErrDamaged)
	}
	return KeyFrom(b)
}

// wrapper is a cipher for one value. Its key is never used again, so its nonce can
// be zero, and however many keys are wrapped none of them weakens another.
func (k Key) wrapper(salt Salt) (cipher.AEAD, error) {
	once, err := k.derive(salt, useWrap)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(once.b[:])
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// Check is what to keep of a key to know it again, and from which nobody can find
// it: a salt and a digest.
func (k Key) Check(rand io.Reader) ([]byte, error) {
	salt, err := NewSalt(rand)
	if err != nil {
		return nil, err
	}
	return append(salt[:], k.digest(salt)...), nil
}

// Matches tells whether check was made of k, in a time that tells nothing else.
func (k Key) Matches(check []byte) bool {
	return len(check) == CheckBytes && hmac.Equal(k.digest(Salt(check[:SaltBytes])), check[SaltBytes:])
}

// Tag is 16 bytes that name a digest to who does not have the key: the same for the
// same digest, and nothing of it can be learned from them.
func (k Key) Tag(digest []byte) []byte {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte(useTag))
	mac.Write(digest)
	return mac.Sum(nil)[:16]
}

func (k Key) digest(salt Salt) []byte {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte(useCheck))
	mac.Write(salt[:])
	return mac.Sum(nil)
}
