package keys

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"coffer"
	"coffer/meta"
)

// The fields of a credential, under PrefixCredential and the Access Key ID. Its
// key says which of its secrets sign; this record says who the key belongs to,
// and has the secrets.
const (
	fieldCredAccount     = 1
	fieldCredKey         = 2
	fieldCredCanonical   = 3
	fieldCredDisplayName = 4
	fieldCredStatus      = 5 // in version 1 only
	fieldCredCreated     = 6 // in version 1 only
	fieldCredSealed      = 7 // in version 1 only
	fieldCredSecret      = 8 // repeated: a record

	fieldSecretGeneration = 1
	fieldSecretSealed     = 2
)

// credential is the record behind one Access Key ID. One without secrets marks
// an ID that was in use and is never given out again.
type credential struct {
	account     coffer.AccountID
	key         coffer.KeyID
	canonical   coffer.CanonicalID
	displayName string
	secrets     []secret
}

// secret is one sealed secret; generation tells which of the key's it is.
type secret struct {
	generation int
	sealed     []byte // nonce and secret, see seal
}

// sealed returns the secret of a generation.
func (c credential) sealed(generation int) ([]byte, bool) {
	for _, s := range c.secrets {
		if s.generation == generation {
			return s.sealed, true
		}
	}
	return nil, false
}

// drop removes the secret of a generation.
func (c *credential) drop(generation int) {
	c.secrets = slices.DeleteFunc(c.secrets, func(s secret) bool { return s.generation == generation })
}

func credentialKey(id coffer.AccessKeyID) []byte { return meta.Key(meta.PrefixCredential, []byte(id)) }

func readCredential(r meta.Reader, id coffer.AccessKeyID) (credential, error) {
	value, err := r.Get(credentialKey(id))
	if err != nil {
		return credential{}, err
	}
	return decodeCredential(value)
}

func encodeCredential(c credential) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldCredAccount, string(c.account))
	r.Text(fieldCredKey, string(c.key))
	r.Text(fieldCredCanonical, string(c.canonical))
	r.Text(fieldCredDisplayName, c.displayName)
	for _, s := range c.secrets {
		nested := meta.NewRecord(recordVersion)
		nested.Int(fieldSecretGeneration, int64(s.generation))
		nested.Blob(fieldSecretSealed, s.sealed)
		r.Blob(fieldCredSecret, nested.Bytes())
	}
	return r.Bytes()
}

// decodeCredential fails closed: a record without an account, with a status
// that this version does not know or with an empty secret grants nothing.
func decodeCredential(b []byte) (credential, error) {
	var c credential
	var err error
	if len(b) > 0 && b[0] == recordVersion1 {
		c, err = decodeCredential1(b)
	} else {
		err = meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
			if f.Number != fieldCredSecret {
				return c.common(f)
			}
			s, err := decodeSecret(f.Blob())
			c.secrets = append(c.secrets, s)
			return err
		})
	}
	if err == nil && (c.account == "" || c.key == "" || c.canonical == "") {
		err = errors.New("the record lacks an account or a key")
	}
	if err != nil {
		return credential{}, fmt.Errorf("read credential record: %w", err)
	}
	return c, nil
}

// common reads the fields that both versions have.
func (c *credential) common(f meta.Field) error {
	switch f.Number {
	case fieldCredAccount:
		c.account = coffer.AccountID(f.Text())
	case fieldCredKey:
		c.key = coffer.KeyID(f.Text())
	case fieldCredCanonical:
		c.canonical = coffer.CanonicalID(f.Text())
	case fieldCredDisplayName:
		c.displayName = f.Text()
	default:
		return f.Unknown()
	}
	return nil
}

func decodeSecret(b []byte) (secret, error) {
	var s secret
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldSecretGeneration:
			s.generation = int(f.Int())
		case fieldSecretSealed:
			s.sealed = bytes.Clone(f.Blob())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (s.generation < 1 || len(s.sealed) == 0) {
		err = errors.New("a secret is empty")
	}
	return s, err
}

func decodeCredential1(b []byte) (credential, error) {
	var c credential
	var status coffer.KeyStatus
	var sealed []byte
	err := meta.ReadRecord(b, recordVersion1, func(f meta.Field) error {
		switch f.Number {
		case fieldCredStatus:
			status = coffer.KeyStatus(f.Text())
		case fieldCredCreated: // the key has it too
		case fieldCredSealed:
			sealed = bytes.Clone(f.Blob())
		default:
			return c.common(f)
		}
		return nil
	})
	switch {
	case err != nil:
	case status != coffer.KeyActive && status != coffer.KeyDeleted:
		err = fmt.Errorf("unknown status %q", status)
	case len(sealed) == 0:
		err = errors.New("the record lacks a secret")
	}
	c.secrets = []secret{{1, sealed}}
	return c, err
}
