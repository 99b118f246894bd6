package accounts

import (
	"fmt"

	"coffer"
	"coffer/meta"
)

// The version of the records here; docs/format.md has their fields.
const recordVersion = 1

// The fields of an account, under PrefixAccount and the ID.
const (
	fieldID        = 1
	fieldCanonical = 2
	fieldEmail     = 3
	fieldName      = 4
	fieldCreated   = 5
)

// The field of an e-mail address's record, under PrefixAccountEmail and the
// address in lower case.
const fieldEmailAccount = 1

func accountKey(id coffer.AccountID) []byte { return meta.Key(meta.PrefixAccount, []byte(id)) }

func emailKey(email string) []byte { return meta.Key(meta.PrefixAccountEmail, []byte(email)) }

// canonicalKey is of a record like that of an e-mail address.
func canonicalKey(id coffer.CanonicalID) []byte { return meta.Key(meta.PrefixCanonical, []byte(id)) }

func encodeAccount(a coffer.Account) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldID, string(a.ID))
	r.Text(fieldCanonical, string(a.Canonical))
	r.Text(fieldEmail, a.Email)
	r.Text(fieldName, a.Name)
	r.Time(fieldCreated, a.Created)
	return r.Bytes()
}

// decodeAccount fails closed: a record that lacks what every account has is
// refused, never taken for an account of nobody.
func decodeAccount(b []byte) (coffer.Account, error) {
	var a coffer.Account
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldID:
			a.ID = coffer.AccountID(f.Text())
		case fieldCanonical:
			a.Canonical = coffer.CanonicalID(f.Text())
		case fieldEmail:
			a.Email = f.Text()
		case fieldName:
			a.Name = f.Text()
		case fieldCreated:
			a.Created = f.Time()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (a.ID == "" || a.Canonical == "" || a.Email == "") {
		err = fmt.Errorf("the record lacks an ID, a canonical ID or an e-mail address")
	}
	if err != nil {
		return coffer.Account{}, fmt.Errorf("read account record: %w", err)
	}
	return a, nil
}

func encodeEmail(id coffer.AccountID) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldEmailAccount, string(id))
	return r.Bytes()
}

func decodeEmail(b []byte) (coffer.AccountID, error) {
	var id coffer.AccountID
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		if f.Number != fieldEmailAccount {
			return f.Unknown()
		}
		id = coffer.AccountID(f.Text())
		return nil
	})
	if err == nil && id == "" {
		err = fmt.Errorf("the record names no account")
	}
	if err != nil {
		return "", fmt.Errorf("read e-mail record: %w", err)
	}
	return id, nil
}
