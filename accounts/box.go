package accounts

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"coffer"
	"coffer/meta"
)

// Sealer encrypts what is kept at rest, bound to a context: what was sealed for
// one does not open for another.
type Sealer struct {
	Seal func(context string, plain []byte) ([]byte, error)
	Open func(context string, sealed []byte) ([]byte, error)
}

// What is sealed, as the context.
const (
	boxKeyContext    = "coffer challenge key v1"
	totpContext      = "coffer totp v1 "
	challengeContext = "coffer challenge v1"
	deviceContext    = "coffer device v1"
)

// The two kinds of rows under PrefixPending.
const (
	rowBoxKey = 'k'
	rowSpent  = 's' // SHA-256 of a challenge → until when it would be good
)

// box seals what a browser carries between two steps of a sign-in, so that a
// stranger who begins many writes nothing here; only that a challenge was used
// is kept, for as long as it would be good. XChaCha20-Poly1305 takes random
// nonces without a limit that strangers could reach.
type box struct {
	mu   sync.Mutex // guards aead
	aead cipher.AEAD
}

func boxKeyKey() []byte { return meta.Key(meta.PrefixPending, []byte{rowBoxKey}) }

func spentKey(token coffer.Secret) []byte {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return meta.Key(meta.PrefixPending, []byte{rowSpent}, sum[:])
}

// open returns the box's cipher. The first call of a store makes its key.
func (s *Service) openBox(ctx context.Context) (cipher.AEAD, error) {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.aead != nil {
		return s.box.aead, nil
	}
	fresh := make([]byte, chacha20poly1305.KeySize)
	if _, err := io.ReadFull(s.rand, fresh); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	sealed, err := s.sealer.Seal(boxKeyContext, fresh)
	if err != nil {
		return nil, fmt.Errorf("seal the challenge key: %w", err)
	}
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		value, err := tx.Get(boxKeyKey())
		if errors.Is(err, meta.ErrNotFound) {
			return tx.Set(boxKeyKey(), encodeBoxKey(sealed))
		}
		if err != nil {
			return err
		}
		sealed, err = decodeBoxKey(value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the challenge key: %w", err)
	}
	key, err := s.sealer.Open(boxKeyContext, sealed)
	if err != nil {
		return nil, fmt.Errorf("unseal the challenge key: %w", err)
	}
	s.box.aead, err = chacha20poly1305.NewX(key)
	return s.box.aead, err
}

// wrap seals v as the text of a token.
func (s *Service) wrap(ctx context.Context, context string, v any) (coffer.Secret, error) {
	aead, err := s.openBox(ctx)
	if err != nil {
		return coffer.Secret{}, err
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return coffer.Secret{}, fmt.Errorf("write %s: %w", context, err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return coffer.Secret{}, fmt.Errorf("read randomness: %w", err)
	}
	sealed := aead.Seal(nonce, nonce, plain, []byte(context))
	return coffer.NewSecretFrom(base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// wrappedMax bounds what a token from outside may be.
const wrappedMax = 16 << 10

// unwrap reads into v what wrap sealed, and tells whether it was that.
func (s *Service) unwrap(ctx context.Context, context string, token coffer.Secret, v any) (bool, error) {
	if token.Empty() || len(token.Reveal()) > wrappedMax {
		return false, nil
	}
	aead, err := s.openBox(ctx)
	if err != nil {
		return false, err
	}
	// Strict: one challenge is one text, since the text is what is spent.
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	if err != nil || len(sealed) < aead.NonceSize() || base64.RawURLEncoding.EncodeToString(sealed) != token.Reveal() {
		return false, nil
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(context))
	if err != nil {
		return false, nil
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return false, fmt.Errorf("read %s: %w", context, err)
	}
	return true, nil
}

// errStale says that a challenge is not, or no longer, good.
func errStale() error {
	return coffer.Errorf(coffer.SignInRefused, "this step took too long or was finished already: begin again")
}

// spend uses up a challenge that is good until then.
func spend(tx meta.Tx, token coffer.Secret, until time.Time) error {
	key := spentKey(token)
	switch _, err := tx.Get(key); {
	case err == nil:
		return errStale()
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	return tx.Set(key, encodeSpent(until))
}

// The fields of the rows here.
const (
	fieldBoxKey     = 1
	fieldSpentUntil = 1
)

func encodeBoxKey(sealed []byte) []byte {
	r := meta.NewRecord(recordVersion)
	r.Blob(fieldBoxKey, sealed)
	return r.Bytes()
}

func decodeBoxKey(b []byte) (sealed []byte, err error) {
	err = meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		if f.Number != fieldBoxKey {
			return f.Unknown()
		}
		sealed = append([]byte(nil), f.Blob()...)
		return nil
	})
	if err == nil && len(sealed) == 0 {
		err = errors.New("the record has no key")
	}
	if err != nil {
		return nil, fmt.Errorf("read challenge key record: %w", err)
	}
	return sealed, nil
}

func encodeSpent(until time.Time) []byte {
	r := meta.NewRecord(recordVersion)
	r.Time(fieldSpentUntil, until)
	return r.Bytes()
}

func decodeSpent(b []byte) (until time.Time, err error) {
	err = meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		if f.Number != fieldSpentUntil {
			return f.Unknown()
		}
		until = f.Time()
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read spent challenge: %w", err)
	}
	return until, nil
}
