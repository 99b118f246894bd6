package backup

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"coffer/crypt"
)

// A sealed file; see docs/format.md.
const (
	fileMagic   = "CFBK"
	fileVersion = 1
	headerBytes = len(fileMagic) + 1 + crypt.SaltBytes
	fileUse     = "coffer backup file v1"
)

// put seals plain and stores it. The file opens under this name only, so that
// files cannot change places unseen.
func (r *Repository) put(ctx context.Context, name string, plain []byte) error {
	salt, err := crypt.NewSalt(r.rand)
	if err != nil {
		return err
	}
	aead, err := r.cipher(salt)
	if err != nil {
		return err
	}
	out := append(make([]byte, 0, headerBytes+len(plain)+aead.Overhead()), fileMagic...)
	out = append(append(out, fileVersion), salt[:]...)
	// The key is of this file alone, so its nonce can be zero.
	out = aead.Seal(out, make([]byte, aead.NonceSize()), plain, fileContext(out[:headerBytes], name))
	return r.store.Put(ctx, name, out)
}

// get reads a file that put stored. The error is ErrNotFound, ErrDamaged or the
// store's.
func (r *Repository) get(ctx context.Context, name string) ([]byte, error) {
	b, err := r.store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(b) < headerBytes || string(b[:len(fileMagic)]) != fileMagic {
		return nil, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	if v := b[len(fileMagic)]; v != fileVersion {
		return nil, fmt.Errorf("%s: %w: its version %d is not known", name, ErrDamaged, v)
	}
	aead, err := r.cipher(crypt.Salt(b[len(fileMagic)+1 : headerBytes]))
	if err != nil {
		return nil, err
	}
	sealed := b[headerBytes:]
	plain, err := aead.Open(sealed[:0], make([]byte, aead.NonceSize()), sealed, fileContext(b[:headerBytes], name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	return plain, nil
}

func fileContext(header []byte, name string) []byte {
	return append(append(make([]byte, 0, len(header)+len(name)), header...), name...)
}

func (r *Repository) cipher(salt crypt.Salt) (cipher.AEAD, error) {
	b, err := hkdf.Key(sha256.New, r.key.Reveal(), salt[:], fileUse, crypt.KeyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// readAll reads r until EOF, but no more than a file may have.
func readAll(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > fileBytesMax {
		return nil, fmt.Errorf("%s: %w: it has more than %d bytes", name, ErrDamaged, fileBytesMax)
	}
	return b, nil
}
