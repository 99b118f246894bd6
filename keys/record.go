package keys

import (
	"bytes"
	"fmt"
	"time"

	"coffer"
	"coffer/meta"
)

// The version of the records here; docs/format.md has their fields.
const recordVersion = 1

// The fields of a key, under PrefixKey, the account ID as text, the key ID.
const (
	fieldKeyID          = 1
	fieldKeyAccount     = 2
	fieldKeyName        = 3
	fieldKeyStatus      = 4
	fieldKeyCreated     = 5
	fieldKeyDeleted     = 6
	fieldCurrentID      = 7
	fieldCurrentCreated = 8
)

// The fields of a credential, under PrefixCredential and the Access Key ID. It
// repeats what a request needs of the key and of its account, so that a lookup
// reads one record.
const (
	fieldCredAccount     = 1
	fieldCredKey         = 2
	fieldCredCanonical   = 3
	fieldCredDisplayName = 4
	fieldCredStatus      = 5
	fieldCredCreated     = 6
	fieldCredSealed      = 7
)

// accessKeyIDMax is the length of the longest Access Key ID or key ID in bytes.
// A longer one is unknown without a look at the store, whose keys are bounded.
const accessKeyIDMax = 128

// credential is the record behind one Access Key ID.
type credential struct {
	account     coffer.AccountID
	key         coffer.KeyID
	canonical   coffer.CanonicalID
	displayName string
	status      coffer.KeyStatus
	created     time.Time
	sealed      []byte // nonce and secret, see seal
}

// The account is ended by a NUL although IDs have one length, so that no text
// that is taken for an account ID can reach the keys of another account.
func keyKey(account coffer.AccountID, id coffer.KeyID) []byte {
	return meta.Key(meta.PrefixKey, meta.KeyText(string(account)), []byte(id))
}

func splitKeyKey(b []byte) (coffer.AccountID, coffer.KeyID, error) {
	account, id, ok := bytes.Cut(b[1:], []byte{0})
	if !ok {
		return "", "", fmt.Errorf("key row %q has no account", b)
	}
	return coffer.AccountID(account), coffer.KeyID(id), nil
}

func credentialKey(id coffer.AccessKeyID) []byte { return meta.Key(meta.PrefixCredential, []byte(id)) }

func readKey(r meta.Reader, account coffer.AccountID, id coffer.KeyID) (coffer.Key, error) {
	value, err := r.Get(keyKey(account, id))
	if err != nil {
		return coffer.Key{}, err
	}
	key, err := decodeKey(value)
	if err == nil && (key.Account != account || key.ID != id) {
		return coffer.Key{}, fmt.Errorf("the row of key %s has the record of key %s", id, key.ID)
	}
	return key, err
}

func readCredential(r meta.Reader, id coffer.AccessKeyID) (credential, error) {
	value, err := r.Get(credentialKey(id))
	if err != nil {
		return credential{}, err
	}
	return decodeCredential(value)
}

func encodeKey(k coffer.Key) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldKeyID, string(k.ID))
	r.Text(fieldKeyAccount, string(k.Account))
	r.Text(fieldKeyName, k.Name)
	r.Text(fieldKeyStatus, string(k.Status))
	r.Time(fieldKeyCreated, k.Created)
	r.Time(fieldKeyDeleted, k.Deleted)
	r.Text(fieldCurrentID, string(k.Current.AccessKeyID))
	r.Time(fieldCurrentCreated, k.Current.Created)
	return r.Bytes()
}

// decodeKey fails closed, as decodeCredential does.
func decodeKey(b []byte) (coffer.Key, error) {
	var k coffer.Key
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldKeyID:
			k.ID = coffer.KeyID(f.Text())
		case fieldKeyAccount:
			k.Account = coffer.AccountID(f.Text())
		case fieldKeyName:
			k.Name = f.Text()
		case fieldKeyStatus:
			k.Status = coffer.KeyStatus(f.Text())
		case fieldKeyCreated:
			k.Created = f.Time()
		case fieldKeyDeleted:
			k.Deleted = f.Time()
		case fieldCurrentID:
			k.Current.AccessKeyID = coffer.AccessKeyID(f.Text())
		case fieldCurrentCreated:
			k.Current.Created = f.Time()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (k.ID == "" || k.Account == "" || k.Current.AccessKeyID == "") {
		err = fmt.Errorf("the record lacks an ID, an account or a credential")
	}
	if err == nil {
		err = checkStatus(k.Status)
	}
	if err != nil {
		return coffer.Key{}, fmt.Errorf("read key record: %w", err)
	}
	return k, nil
}

func encodeCredential(c credential) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldCredAccount, string(c.account))
	r.Text(fieldCredKey, string(c.key))
	r.Text(fieldCredCanonical, string(c.canonical))
	r.Text(fieldCredDisplayName, c.displayName)
	r.Text(fieldCredStatus, string(c.status))
	r.Time(fieldCredCreated, c.created)
	r.Blob(fieldCredSealed, c.sealed)
	return r.Bytes()
}

// decodeCredential fails closed: a record without an account, with a status
// that this version does not know or without a secret grants nothing.
func decodeCredential(b []byte) (credential, error) {
	var c credential
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldCredAccount:
			c.account = coffer.AccountID(f.Text())
		case fieldCredKey:
			c.key = coffer.KeyID(f.Text())
		case fieldCredCanonical:
			c.canonical = coffer.CanonicalID(f.Text())
		case fieldCredDisplayName:
			c.displayName = f.Text()
		case fieldCredStatus:
			c.status = coffer.KeyStatus(f.Text())
		case fieldCredCreated:
			c.created = f.Time()
		case fieldCredSealed:
			c.sealed = bytes.Clone(f.Blob())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (c.account == "" || c.key == "" || c.canonical == "" || len(c.sealed) == 0) {
		err = fmt.Errorf("the record lacks an account, a key or a secret")
	}
	if err == nil {
		err = checkStatus(c.status)
	}
	if err != nil {
		return credential{}, fmt.Errorf("read credential record: %w", err)
	}
	return c, nil
}

func checkStatus(s coffer.KeyStatus) error {
	if s != coffer.KeyActive && s != coffer.KeyDeleted {
		return fmt.Errorf("unknown status %q", s)
	}
	return nil
}
