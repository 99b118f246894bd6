package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"coffer"
	"coffer/meta"
)

// ErrWrongMasterKey says that the data key of the store was sealed under
// another master key. Nothing was changed.
var ErrWrongMasterKey = errors.New("the secrets in this database were sealed under another master key: " +
	"restore the master key file that belongs to it, or give that key in COFFER_MASTER_KEY")

// What a sealed value is, as associated data: bytes that were sealed as one
// thing, or for one Access Key ID, do not open as another.
const (
	dataKeyContext       = "coffer data key v1"
	secretContextPrefix  = "coffer secret v1"
	secretContextPrefix2 = "coffer secret v2"
	valueContextPrefix   = "coffer value v1"
)

// secretContext binds a secret to its Access Key ID, and to its generation
// beyond the first: an old secret of the same ID does not open as the new one.
func secretContext(c coffer.Credential) string {
	if c.Generation == 1 {
		return secretContextPrefix + string(c.AccessKeyID)
	}
	return fmt.Sprintf("%s%s\x00%d", secretContextPrefix2, c.AccessKeyID, c.Generation)
}

// dataKeyBytes is the length of the data key: AES-256.
const dataKeyBytes = 32

// The fields of the data key's record.
const (
	dataKeyVersion = 1

	fieldMasterID = 1
	fieldDataKey  = 2
)

func dataKeyKey() []byte { return meta.Key(meta.PrefixInstance, []byte("datakey")) }

// Sealed tells whether store has a data key or a credential, so that its master
// key must exist and a new one must not be made.
func Sealed(ctx context.Context, store meta.Store) (bool, error) {
	var sealed bool
	err := store.View(ctx, func(r meta.Reader) error {
		var err error
		sealed, err = isSealed(r)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for sealed secrets: %w", err)
	}
	return sealed, nil
}

func isSealed(r meta.Reader) (bool, error) {
	switch _, err := r.Get(dataKeyKey()); {
	case err == nil:
		return true, nil
	case !errors.Is(err, meta.ErrNotFound):
		return false, err
	}
	prefix := meta.Key(meta.PrefixCredential)
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	any := it.Next()
	return any, it.Close()
}

// openDataKey reads the data key, or makes one where nothing is sealed yet. A
// store with credentials and without a data key is damaged: a new data key
// would make the loss final, so it is refused.
func openDataKey(ctx context.Context, opt Options) (cipher.AEAD, error) {
	master, err := newAEAD([]byte(opt.Master.Reveal()))
	if err != nil {
		return nil, err
	}
	var fresh [dataKeyBytes]byte
	if _, err := io.ReadFull(opt.Rand, fresh[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	sealed, err := seal(master, opt.Rand, dataKeyContext, fresh[:])
	if err != nil {
		return nil, err
	}
	var record []byte
	err = opt.Meta.Update(ctx, func(tx meta.Tx) error {
		value, err := tx.Get(dataKeyKey())
		if err == nil {
			record = append([]byte(nil), value...)
			return nil
		}
		if !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		switch yes, err := isSealed(tx); {
		case err != nil:
			return err
		case yes:
			return errors.New("the data key is missing although there are credentials: " +
				"the database is damaged, restore it from a backup")
		}
		record = encodeDataKey(opt.Master.id(), sealed)
		return tx.Set(dataKeyKey(), record)
	})
	if err != nil {
		return nil, fmt.Errorf("read data key: %w", err)
	}
	return unsealDataKey(record, opt.Master, master)
}

func encodeDataKey(masterID string, sealed []byte) []byte {
	r := meta.NewRecord(dataKeyVersion)
	r.Text(fieldMasterID, masterID)
	r.Blob(fieldDataKey, sealed)
	return r.Bytes()
}

func unsealDataKey(record []byte, m Master, master cipher.AEAD) (cipher.AEAD, error) {
	var masterID string
	var sealed []byte
	err := meta.ReadRecord(record, dataKeyVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldMasterID:
			masterID = f.Text()
		case fieldDataKey:
			sealed = f.Blob()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read data key record: %w", err)
	}
	data, err := open(master, dataKeyContext, sealed)
	switch {
	case err != nil && masterID != m.id():
		return nil, fmt.Errorf("%w (it was sealed under %.32q, this is %q)", ErrWrongMasterKey, masterID, m.id())
	case err != nil:
		return nil, fmt.Errorf("the data key record is damaged, restore the database from a backup: %w", err)
	case len(data) != dataKeyBytes:
		return nil, fmt.Errorf("the data key has %d bytes, want %d", len(data), dataKeyBytes)
	}
	return newAEAD(data)
}

// openSecret unseals a secret of c, the record that was read under its ID.
func (s *Service) openSecret(id coffer.Credential, c credential) (coffer.Secret, error) {
	sealed, ok := c.sealed(id.Generation)
	if !ok {
		return coffer.Secret{}, fmt.Errorf("the secret %d of %s is missing", id.Generation, id.AccessKeyID)
	}
	b, err := open(s.data, secretContext(id), sealed)
	if err != nil {
		return coffer.Secret{}, fmt.Errorf("unseal the secret %d of %s: %w", id.Generation, id.AccessKeyID, err)
	}
	return coffer.NewSecretFrom(string(b)), nil
}

// Seal encrypts a value of another service under the data key, bound to what it
// is for: Unseal opens it only with the same context.
func (s *Service) Seal(context string, plain []byte) ([]byte, error) {
	return seal(s.data, s.rand, valueContextPrefix+context, plain)
}

// Unseal undoes Seal.
func (s *Service) Unseal(context string, sealed []byte) ([]byte, error) {
	plain, err := open(s.data, valueContextPrefix+context, sealed)
	if err != nil {
		return nil, fmt.Errorf("unseal a value: %w", err)
	}
	return plain, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return aead, nil
}

// seal returns a random nonce of 12 bytes, and plain encrypted and bound to
// context. Random nonces are safe for 2³² values under one key (NIST SP
// 800-38D, 8.3), far more than there are secrets.
func seal(aead cipher.AEAD, rand io.Reader, context string, plain []byte) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return aead.Seal(nonce, nonce, plain, []byte(context)), nil
}

// open undoes seal. Its error tells nothing of the bytes.
func open(aead cipher.AEAD, context string, sealed []byte) ([]byte, error) {
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("the sealed value is cut")
	}
	nonce, sealed := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	return aead.Open(nil, nonce, sealed, []byte(context))
}
