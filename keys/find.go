package keys

import (
	"context"
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

// List returns the keys of an account, or of all accounts for "", with the
// deleted ones, in the order of account and key ID.
func (s *Service) List(ctx context.Context, account coffer.AccountID) ([]coffer.Key, error) {
	prefix := meta.Key(meta.PrefixKey)
	if account != "" {
		prefix = keyKey(account, "")
	}
	var all []coffer.Key
	err := s.meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(prefix, meta.PrefixEnd(prefix))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			key, err := decodeKey(value)
			if err != nil {
				return fmt.Errorf("key %q: %w", it.Key()[1:], err)
			}
			all = append(all, key)
		}
		return it.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list access keys: %w", err)
	}
	return all, nil
}

// Get returns the key that handle names, its ID or an Access Key ID of it,
// deleted or not, or NoSuchKeyRecord.
func (s *Service) Get(ctx context.Context, handle string) (coffer.Key, error) {
	var key coffer.Key
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var err error
		key, _, err = find(r, handle)
		return err
	})
	if err != nil {
		return coffer.Key{}, found(handle, err)
	}
	return key, nil
}

// Reveal returns the current secret of a key. That of a deleted one stays
// sealed: it is NoSuchKeyRecord.
func (s *Service) Reveal(ctx context.Context, handle string) (coffer.Key, coffer.Secret, error) {
	var key coffer.Key
	var c credential
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var err error
		key, c, err = find(r, handle)
		return err
	})
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, found(handle, err)
	}
	if key.Status == coffer.KeyDeleted || c.status == coffer.KeyDeleted {
		return coffer.Key{}, coffer.Secret{}, coffer.Errorf(coffer.NoSuchKeyRecord, "the access key %s was deleted", key.ID)
	}
	secret, err := s.openSecret(key.Current.AccessKeyID, c)
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	s.log.InfoContext(ctx, "secret revealed", "key", key.ID, "account", key.Account,
		"access_key_id", key.Current.AccessKeyID)
	return key, secret, nil
}

// find reads a key and its current credential.
func find(r meta.Reader, handle string) (coffer.Key, credential, error) {
	keyID, accessKeyID := coffer.ParseKeyHandle(handle)
	if handle == "" || len(handle) > accessKeyIDMax {
		return coffer.Key{}, credential{}, meta.ErrNotFound
	}
	var account coffer.AccountID
	if keyID != "" {
		var err error
		if account, err = ownerOf(r, keyID); err != nil {
			return coffer.Key{}, credential{}, err
		}
	} else {
		c, err := readCredential(r, accessKeyID)
		if err != nil {
			return coffer.Key{}, credential{}, err
		}
		account, keyID = c.account, c.key
	}
	key, err := readKey(r, account, keyID)
	if err != nil {
		return coffer.Key{}, credential{}, fmt.Errorf("read key %s of account %s: %v", keyID, account, err)
	}
	c, err := readCredential(r, key.Current.AccessKeyID)
	if err != nil {
		// Not a missing key but a broken one: ErrNotFound ends here.
		return coffer.Key{}, credential{}, fmt.Errorf("read credential %s: %v", key.Current.AccessKeyID, err)
	}
	if c.key != key.ID || accessKeyID != "" && accessKeyID != key.Current.AccessKeyID {
		return coffer.Key{}, credential{}, fmt.Errorf("the credential is not one of key %s", key.ID)
	}
	return key, c, nil
}

// ownerOf finds the account of a key by its ID, with one seek for each account
// that has keys. Only operators ask so; a member's account is known.
func ownerOf(r meta.Reader, id coffer.KeyID) (coffer.AccountID, error) {
	prefix := meta.Key(meta.PrefixKey)
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	defer it.Close()
	for ok := it.Next(); ok; {
		account, found, err := splitKeyKey(it.Key())
		switch {
		case err != nil:
			return "", err
		case found == id:
			return account, nil
		case found < id:
			ok = it.SeekGE(keyKey(account, id))
		default:
			ok = it.SeekGE(meta.PrefixEnd(keyKey(account, "")))
		}
	}
	if err := it.Err(); err != nil {
		return "", err
	}
	return "", meta.ErrNotFound
}

// found turns the error of find into the caller's.
func found(handle string, err error) error {
	if errors.Is(err, meta.ErrNotFound) {
		return coffer.Errorf(coffer.NoSuchKeyRecord, "there is no access key %.128q", handle)
	}
	return fmt.Errorf("read access key %.128q: %w", handle, err)
}
