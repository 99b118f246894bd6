package keys

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"coffer"
	"coffer/meta"
)

// What a check of access keys can find.
var (
	foundKey = coffer.FindingKind{Code: "key-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of an access key cannot be read, so the key is refused.", Remedy: "Restore the metadata from a backup, or make another key."}
	foundKeyAccount = coffer.FindingKind{Code: "key-account", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "An access key belongs to an account that does not exist.", Remedy: "Restore the metadata from a backup."}
	foundCredential = coffer.FindingKind{Code: "credential-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The credential of an access key is missing or cannot be read, so its requests are refused.", Remedy: "Restore the metadata from a backup, or rotate the key."}
	foundCredentialLeft = coffer.FindingKind{Code: "credential-left", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "A secret is kept of a key that is gone.", Remedy: "Repair forgets the secret; the Access Key ID stays taken."}
	foundDue = coffer.FindingKind{Code: "key-due", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "What is due for an access key, such as the end of a rotation, is not on the list of what is due.", Remedy: "Repair writes the list anew."}
	foundDueLeft = coffer.FindingKind{Code: "key-due-left", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "The list of what is due has a key for which nothing is.", Remedy: "Repair takes it off the list."}
	foundUse = coffer.FindingKind{Code: "usage-record", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "A note of who uses a credential cannot be read.", Remedy: "Repair removes it."}
	foundDataKey = coffer.FindingKind{Code: "data-key", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The data key, under which all secrets are sealed, is missing or cannot be read.", Remedy: "Restore the metadata from a backup."}
)

// CheckInput says what a check can compare with, and who hears of it.
type CheckInput struct {
	// Keys opens the secrets; nil leaves them closed.
	Keys *Service
	// Account tells whether an account exists; nil if nobody knows.
	Account func(meta.Reader, coffer.AccountID) (bool, error)
	// Found hears of each finding, and of what mends it in a transaction.
	Found func(f coffer.Finding, mend func(meta.Tx) error) error
}

// Check goes through every record of access keys as r has them, and compares each
// with what it leads to. The error is one that kept it from checking.
func Check(ctx context.Context, r meta.Reader, in CheckInput) error {
	c := &checker{CheckInput: in, reader: r}
	err := c.dataKey()
	for _, step := range []struct {
		prefix byte
		check  func(key, value []byte) error
	}{
		{meta.PrefixKey, c.key},
		{meta.PrefixCredential, c.credential},
		{meta.PrefixKeyDue, c.due},
		{meta.PrefixUsage, c.usage},
	} {
		if err == nil {
			err = meta.Each(ctx, r, []byte{step.prefix}, step.check)
		}
	}
	if err != nil {
		return fmt.Errorf("check access keys: %w", err)
	}
	return nil
}

type checker struct {
	CheckInput
	reader meta.Reader
}

func about(k coffer.FindingKind, key []byte, account coffer.AccountID) coffer.Finding {
	f := k.In(string(key[:1]), strconv.Quote(string(key[1:])))
	f.Account = account
	return f
}

func (c *checker) dataKey() error {
	value, err := meta.Peek(c.reader, dataKeyKey())
	if err != nil {
		return err
	}
	sealed := 0
	bad := meta.ReadRecord(value, dataKeyVersion, func(f meta.Field) error {
		if f.Number == fieldDataKey {
			sealed = len(f.Blob())
		}
		return nil
	})
	if value == nil {
		if any, err := isSealed(c.reader); err != nil || !any {
			return err
		}
	}
	if bad != nil || sealed == 0 {
		return c.Found(about(foundDataKey, dataKeyKey(), ""), nil)
	}
	return nil
}

// key checks a key, and that all its credentials are there.
func (c *checker) key(key, value []byte) error {
	account, _, err := splitKeyKey(key)
	var k record
	if err == nil {
		k, err = decodeKey(value)
	}
	if err != nil || !bytes.Equal(keyKey(k.Account, k.ID), key) {
		return c.Found(about(foundKey, key, account).Because(fmt.Sprint(err)), nil)
	}
	if c.Account != nil {
		ok, err := c.Account(c.reader, k.Account)
		if err == nil && !ok {
			err = c.Found(about(foundKeyAccount, key, account), nil)
		}
		if err != nil {
			return err
		}
	}
	all := []coffer.Credential{k.Current}
	if k.Rotation != nil {
		all = append(all, k.Rotation.Outgoing)
	}
	for _, old := range k.retired {
		all = append(all, old.Credential)
	}
	for _, id := range all {
		if err := c.hasSecret(k, id); err != nil {
			return err
		}
	}
	at := due(k)
	if at.IsZero() {
		return nil
	}
	row := dueKey(at, k.Account, k.ID)
	ok, err := meta.Has(c.reader, row)
	if err != nil || ok {
		return err
	}
	return c.Found(about(foundDue, key, account), meta.Unchanged(key, value, func(tx meta.Tx) error { return tx.Set(row, nil) }))
}

// hasSecret checks that the secret of a credential is there and, if that can be
// seen, that it opens.
func (c *checker) hasSecret(k record, id coffer.Credential) error {
	at := credentialKey(id.AccessKeyID)
	value, err := meta.Peek(c.reader, at)
	if err != nil {
		return err
	}
	f := about(foundCredential, at, k.Account)
	if value == nil {
		return c.Found(f.Because("it is missing"), nil)
	}
	cred, err := decodeCredential(value)
	if err != nil {
		return nil // found with the credentials
	}
	_, ok := cred.sealed(id.Generation)
	switch {
	case cred.account != k.Account || cred.key != k.ID:
		return c.Found(f.Because(fmt.Sprintf("it belongs to the key %s", cred.key)), nil)
	case !ok:
		return c.Found(f.Because(fmt.Sprintf("its secret %d is missing", id.Generation)), nil)
	case c.Keys == nil:
		return nil
	}
	if _, err := c.Keys.openSecret(id, cred); err != nil {
		return c.Found(f.Because(err.Error()), nil)
	}
	return nil
}

// credential checks that a credential can be read, and that its key is there if it
// has secrets.
func (c *checker) credential(key, value []byte) error {
	cred, err := decodeCredential(value)
	if err != nil {
		return c.Found(about(foundCredential, key, "").Because(err.Error()), nil)
	}
	if len(cred.secrets) == 0 {
		return nil
	}
	ok, err := meta.Has(c.reader, keyKey(cred.account, cred.key))
	if err != nil || ok {
		return err
	}
	key = bytes.Clone(key)
	return c.Found(about(foundCredentialLeft, key, cred.account), meta.Unchanged(key, value, func(tx meta.Tx) error {
		cred := cred
		cred.secrets = nil
		return tx.Set(key, encodeCredential(cred))
	}))
}

// due checks that what is listed as due is.
func (c *checker) due(key, value []byte) error {
	var account, id []byte
	ok := len(key) > 9
	if ok {
		account, id, ok = bytes.Cut(key[9:], []byte{0})
	}
	if ok {
		row, err := meta.Peek(c.reader, keyKey(coffer.AccountID(account), coffer.KeyID(id)))
		if err != nil {
			return err
		}
		k, err := decodeKey(row)
		at := time.Unix(0, int64(binary.BigEndian.Uint64(key[1:])))
		if row != nil && (err != nil || due(k).Equal(at)) {
			return nil // what cannot be read was found before
		}
	}
	return c.Found(about(foundDueLeft, key, coffer.AccountID(account)), meta.Drop(key, value))
}

func (c *checker) usage(key, value []byte) error {
	_, rest, ok := bytes.Cut(key[1:], []byte{0})
	err := fmt.Errorf("the key of the record is malformed")
	if ok && len(rest) >= 9 {
		switch rest[8] {
		case rowClient:
			_, err = decodeClient(value)
		case rowSummary:
			_, err = decodeSummary(value)
		}
	}
	if err != nil {
		return c.Found(about(foundUse, key, "").Because(err.Error()), meta.Drop(key, value))
	}
	return nil
}

// HasDataKey tells whether r has a data key, under which secrets are sealed.
func HasDataKey(r meta.Reader) (bool, error) { return meta.Has(r, dataKeyKey()) }
