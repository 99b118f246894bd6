package keys

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// The versions of the records here; docs/format.md has their fields. Version 1
// knew one credential for each key and nothing but active and deleted.
const (
	recordVersion1 = 1
	recordVersion  = 2
)

// The fields of a key, under PrefixKey, the account ID as text, the key ID.
const (
	fieldKeyID             = 1
	fieldKeyAccount        = 2
	fieldKeyName           = 3
	fieldKeyStatus         = 4 // in version 1 only
	fieldKeyCreated        = 5
	fieldKeyDeleted        = 6
	fieldCurrentID         = 7
	fieldCurrentCreated    = 8
	fieldCurrentGeneration = 9
	fieldKeyPaused         = 10
	fieldKeyExpires        = 11
	fieldKeyScope          = 12 // a record, see encodeScope
	fieldOutgoing          = 13 // a record, see encodeRetired
	fieldSameID            = 14
	fieldReason            = 15
	fieldBegan             = 16
	fieldConfirmBy         = 17
	fieldOverdue           = 18
	fieldScreamBegan       = 19
	fieldScreamUntil       = 20
	fieldRetired           = 21 // repeated: a record, see encodeRetired
	fieldGenerations       = 22
	fieldKeyExpired        = 23
)

// accessKeyIDMax is the length of the longest Access Key ID or key ID in bytes.
// A longer one is unknown without a look at the store, whose keys are bounded.
const accessKeyIDMax = 128

// record is what is stored of a key. Its Status is not.
type record struct {
	coffer.Key
	// generations is how many secrets the key has had.
	generations int
	// retired are the credentials that ended, the oldest first.
	retired []retired
}

// retired is a credential that a rotation ended. Its secret is kept for a while,
// so that who still uses it is told what happened.
type retired struct {
	coffer.Credential
	ended time.Time
	// linksBefore: pre-signed URLs from before this are still honoured; zero is
	// none.
	linksBefore time.Time
}

func (r record) clone() record {
	if r.Rotation != nil {
		rotation := *r.Rotation
		r.Rotation = &rotation
	}
	r.retired = slices.Clone(r.retired)
	return r
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

func readKey(r meta.Reader, account coffer.AccountID, id coffer.KeyID) (record, error) {
	value, err := r.Get(keyKey(account, id))
	if err != nil {
		return record{}, err
	}
	key, err := decodeKey(value)
	if err == nil && (key.Account != account || key.ID != id) {
		return record{}, fmt.Errorf("the row of key %s has the record of key %s", id, key.ID)
	}
	return key, err
}

func encodeKey(k record) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldKeyID, string(k.ID))
	r.Text(fieldKeyAccount, string(k.Account))
	r.Text(fieldKeyName, k.Name)
	r.Time(fieldKeyCreated, k.Created)
	r.Time(fieldKeyDeleted, k.Deleted)
	r.Text(fieldCurrentID, string(k.Current.AccessKeyID))
	r.Time(fieldCurrentCreated, k.Current.Created)
	r.Int(fieldCurrentGeneration, int64(k.Current.Generation))
	r.Time(fieldKeyPaused, k.Paused)
	r.Time(fieldKeyExpires, k.Expires)
	if k.Scope != nil {
		r.Blob(fieldKeyScope, encodeScope(k.Scope))
	}
	if ro := k.Rotation; ro != nil {
		r.Blob(fieldOutgoing, encodeRetired(retired{Credential: ro.Outgoing}))
		r.Int(fieldSameID, number(ro.SameID))
		r.Text(fieldReason, string(ro.Reason))
		r.Time(fieldBegan, ro.Began)
		r.Time(fieldConfirmBy, ro.ConfirmBy)
		r.Int(fieldOverdue, number(ro.Overdue))
		r.Time(fieldScreamBegan, ro.ScreamBegan)
		r.Time(fieldScreamUntil, ro.ScreamUntil)
	}
	for _, old := range k.retired {
		r.Blob(fieldRetired, encodeRetired(old))
	}
	r.Int(fieldGenerations, int64(k.generations))
	r.Int(fieldKeyExpired, number(k.Expired))
	return r.Bytes()
}

// decodeKey fails closed, as decodeCredential does.
func decodeKey(b []byte) (record, error) {
	var k record
	var err error
	if len(b) > 0 && b[0] == recordVersion1 {
		k, err = decodeKey1(b)
	} else {
		k, err = decodeKey2(b)
	}
	if err == nil {
		err = k.check()
	}
	if err != nil {
		return record{}, fmt.Errorf("read key record: %w", err)
	}
	return k, nil
}

func decodeKey2(b []byte) (record, error) {
	var k record
	rotation := coffer.Rotation{}
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		var err error
		switch f.Number {
		case fieldKeyPaused:
			k.Paused = f.Time()
		case fieldKeyExpires:
			k.Expires = f.Time()
		case fieldKeyExpired:
			k.Expired = f.Int() != 0
		case fieldCurrentGeneration:
			k.Current.Generation = int(f.Int())
		case fieldGenerations:
			k.generations = int(f.Int())
		case fieldKeyScope:
			k.Scope, err = decodeScope(f.Blob())
		case fieldRetired:
			var old retired
			old, err = decodeRetired(f.Blob())
			k.retired = append(k.retired, old)
		case fieldOutgoing:
			var out retired
			out, err = decodeRetired(f.Blob())
			rotation.Outgoing, k.Rotation = out.Credential, &rotation
		case fieldSameID:
			rotation.SameID = f.Int() != 0
		case fieldReason:
			rotation.Reason = coffer.RotationReason(f.Text())
		case fieldBegan:
			rotation.Began = f.Time()
		case fieldConfirmBy:
			rotation.ConfirmBy = f.Time()
		case fieldOverdue:
			rotation.Overdue = f.Int() != 0
		case fieldScreamBegan:
			rotation.ScreamBegan = f.Time()
		case fieldScreamUntil:
			rotation.ScreamUntil = f.Time()
		default:
			err = k.common(f)
		}
		return err
	})
	return k, err
}

// common reads the fields that both versions have.
func (k *record) common(f meta.Field) error {
	switch f.Number {
	case fieldKeyID:
		k.ID = coffer.KeyID(f.Text())
	case fieldKeyAccount:
		k.Account = coffer.AccountID(f.Text())
	case fieldKeyName:
		k.Name = f.Text()
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
}

func decodeKey1(b []byte) (record, error) {
	k := record{generations: 1}
	k.Current.Generation = 1
	var status coffer.KeyStatus
	err := meta.ReadRecord(b, recordVersion1, func(f meta.Field) error {
		if f.Number == fieldKeyStatus {
			status = coffer.KeyStatus(f.Text())
			return nil
		}
		return k.common(f)
	})
	if err == nil && (status != coffer.KeyActive && status != coffer.KeyDeleted || k.Deleted.IsZero() != (status == coffer.KeyActive)) {
		err = fmt.Errorf("unknown status %q", status)
	}
	return k, err
}

func (k *record) check() error {
	switch {
	case k.ID == "" || k.Account == "" || k.Current.AccessKeyID == "":
		return errors.New("the record lacks an ID, an account or a credential")
	case k.Current.Generation < 1 || k.generations < k.Current.Generation:
		return errors.New("the record has a credential that was never made")
	case k.Rotation != nil && (k.Rotation.Outgoing.AccessKeyID == "" || k.Rotation.Outgoing.Generation < 1 ||
		k.Rotation.Outgoing.Generation == k.Current.Generation):
		return errors.New("the record has a rotation without an outgoing credential")
	}
	return nil
}

// The fields of a credential that is outgoing or retired, within a key.
const (
	fieldRetiredID         = 1
	fieldRetiredGeneration = 2
	fieldRetiredCreated    = 3
	fieldRetiredEnded      = 4
	fieldRetiredLinks      = 5
)

func encodeRetired(c retired) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldRetiredID, string(c.AccessKeyID))
	r.Int(fieldRetiredGeneration, int64(c.Generation))
	r.Time(fieldRetiredCreated, c.Created)
	r.Time(fieldRetiredEnded, c.ended)
	r.Time(fieldRetiredLinks, c.linksBefore)
	return r.Bytes()
}

func decodeRetired(b []byte) (retired, error) {
	var c retired
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldRetiredID:
			c.AccessKeyID = coffer.AccessKeyID(f.Text())
		case fieldRetiredGeneration:
			c.Generation = int(f.Int())
		case fieldRetiredCreated:
			c.Created = f.Time()
		case fieldRetiredEnded:
			c.ended = f.Time()
		case fieldRetiredLinks:
			c.linksBefore = f.Time()
		default:
			return f.Unknown()
		}
		return nil
	})
	return c, err
}

// The fields of a scope, and of each of its grants.
const (
	fieldGrant = 1 // repeated: a record

	fieldPreset = 1
	fieldBucket = 2 // repeated
	fieldPrefix = 3 // repeated
	fieldAction = 4 // repeated: its name, where there is no preset
)

func encodeScope(s *coffer.Scope) []byte {
	r := meta.NewRecord(recordVersion)
	for _, g := range s.Grants {
		grant := meta.NewRecord(recordVersion)
		grant.Text(fieldPreset, string(g.Preset))
		for _, b := range g.Buckets {
			grant.Text(fieldBucket, b)
		}
		for _, p := range g.Prefixes {
			grant.Text(fieldPrefix, p)
		}
		for _, name := range g.Actions.Names() {
			grant.Text(fieldAction, name)
		}
		r.Blob(fieldGrant, grant.Bytes())
	}
	return r.Bytes()
}

// decodeScope refuses a scope that could not have been written: one with a
// preset or an action that this version does not know must not become a wider one.
func decodeScope(b []byte) (*coffer.Scope, error) {
	var s coffer.Scope
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		if f.Number != fieldGrant {
			return f.Unknown()
		}
		var g coffer.Grant
		err := meta.ReadRecord(f.Blob(), recordVersion, func(f meta.Field) error {
			switch f.Number {
			case fieldPreset:
				g.Preset = coffer.Preset(f.Text())
			case fieldBucket:
				g.Buckets = append(g.Buckets, f.Text())
			case fieldPrefix:
				g.Prefixes = append(g.Prefixes, f.Text())
			case fieldAction:
				a, err := coffer.ParseAction(f.Text())
				g.Actions = g.Actions.With(coffer.NewActions(a))
				return err
			default:
				return f.Unknown()
			}
			return nil
		})
		s.Grants = append(s.Grants, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	return coffer.ParseScope(s)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
