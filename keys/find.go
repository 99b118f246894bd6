package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// pageBytes is about what the scopes of the keys on one page may take in memory. Beside
// them a key is small, and a page has a thousand at most.
const pageBytes = 256 << 10

// Page returns up to max of the keys of an account that want takes, with the deleted
// ones, in the order of their IDs, and where the next page begins; "" is the end. It has
// fewer, or none, where their scopes are large: an account has as many keys as it likes,
// and one answer is not to hold all of them. The first page is after "". The account ""
// is the caller's own; for an operator, all of them.
func (s Session) Page(ctx context.Context, account coffer.AccountID, after string, max int, want func(coffer.Key) bool) (page []coffer.Key, next string, err error) {
	if own, confined := s.account(); confined {
		if account != "" && account != own || own == "" {
			return nil, "", coffer.Errorf(coffer.NoSuchAccount, "there is no account %.40q", string(account))
		}
		account = own
	}
	prefix := meta.Key(meta.PrefixKey)
	if account != "" {
		prefix = keyKey(account, "")
	}
	err = s.s.meta.View(ctx, func(r meta.Reader) error {
		if err := s.may(r, see, record{}); err != nil {
			return err
		}
		page, next, err = s.s.page(r, prefix, after, max, want)
		return err
	})
	if err != nil && coffer.CodeOf(err) == coffer.Internal {
		err = fmt.Errorf("list access keys: %w", err)
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// page reads a page of the keys under prefix.
func (s *Service) page(r meta.Reader, prefix []byte, after string, max int, want func(coffer.Key) bool) (page []coffer.Key, next string, err error) {
	end := meta.PrefixEnd(prefix)
	it := r.Iter(behind(prefix, end, after), end)
	defer it.Close()
	room := pageBytes
	for it.Next() {
		if room < 0 {
			return page, next, nil
		}
		value, err := it.Value()
		if err != nil {
			return nil, "", err
		}
		key, err := decodeKey(value)
		if err != nil {
			return nil, "", fmt.Errorf("key %q: %w", it.Key()[1:], err)
		}
		room -= scopeBytes(key.Scope)
		seen, err := s.used(r, key)
		if err != nil {
			return nil, "", err
		}
		if want(seen) {
			if len(page) == max {
				return page, next, nil
			}
			page = append(page, seen)
		}
		next = string(key.Account) + placeSplit + string(key.ID)
	}
	return page, "", it.Err()
}

// placeSplit stands between the account and the ID of a key in what Page returns.
const placeSplit = "."

// behind is the first row behind a key that Page has named, between start and end. What
// was named comes from a client.
func behind(start, end []byte, after string) []byte {
	if after == "" {
		return start
	}
	account, id, _ := strings.Cut(after, placeSplit)
	row := append(keyKey(coffer.AccountID(account), coffer.KeyID(id)), 0)
	switch {
	case bytes.Compare(row, start) < 0:
		return start
	case bytes.Compare(row, end) > 0:
		return end
	}
	return row
}

// All goes through the keys of an account as Page does, a page at a time.
func (s Session) All(ctx context.Context, account coffer.AccountID) iter.Seq2[coffer.Key, error] {
	return func(yield func(coffer.Key, error) bool) {
		for after := ""; ; {
			page, next, err := s.Page(ctx, account, after, pageKeys, func(coffer.Key) bool { return true })
			if err != nil {
				yield(coffer.Key{}, err)
				return
			}
			for _, key := range page {
				if !yield(key, nil) {
					return
				}
			}
			if after = next; next == "" {
				return
			}
		}
	}
}

// List is All as a list, for who knows that there are few keys.
func (s Session) List(ctx context.Context, account coffer.AccountID) (all []coffer.Key, err error) {
	for key, err := range s.All(ctx, account) {
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, nil
}

// pageKeys is how many keys All reads at a time.
const pageKeys = 1000

// Get returns the key that handle names, its ID or an Access Key ID of it,
// deleted or not. One of another account is NoSuchKeyRecord, as one that is not
// there.
func (s Session) Get(ctx context.Context, handle string) (coffer.Key, error) {
	var key coffer.Key
	err := s.s.meta.View(ctx, func(r meta.Reader) error {
		found, err := s.find(r, handle)
		if err != nil {
			return err
		}
		if err := s.may(r, see, found); err != nil {
			return err
		}
		key, err = s.s.used(r, found)
		return err
	})
	if err != nil {
		return coffer.Key{}, explain(handle, "read", err)
	}
	return key, nil
}

// Reveal returns the current secret of a key. That of a deleted one stays
// sealed: it is NoSuchKeyRecord. The secret leaves after its audit event is
// durable.
func (s Session) Reveal(ctx context.Context, handle string) (coffer.Key, coffer.Secret, error) {
	var key record
	var secret coffer.Secret
	err := s.s.meta.Update(ctx, func(tx meta.Tx) error {
		var err error
		if key, err = s.find(tx, handle); err != nil {
			return err
		}
		if err := s.may(tx, show, key); err != nil {
			return err
		}
		if !s.s.reveal {
			return coffer.Errorf(coffer.RevealOff, "this server shows a secret once, when it is made: rotate the key to get a new one")
		}
		if err := living(key); err != nil {
			return err
		}
		c, err := readCredential(tx, key.Current.AccessKeyID)
		if err != nil {
			return broken(key, err)
		}
		if secret, err = s.s.openSecret(key.Current, c); err != nil {
			return err
		}
		event := audit.By(ctx, s.caller, s.s.clock(), key.Account, "key.reveal", string(key.ID))
		event.After = map[string]string{"access_key_id": string(key.Current.AccessKeyID)}
		return audit.Write(tx, event)
	})
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, explain(handle, "reveal", err)
	}
	s.s.log.InfoContext(ctx, "secret revealed", "key", key.ID, "account", key.Account,
		"access_key_id", key.Current.AccessKeyID, "by", s.caller.Name)
	return s.s.seen(key), secret, nil
}

// SecretIs tells whether secret is the current one of a key. It shows nothing,
// so it is in no log.
func (s *Service) SecretIs(ctx context.Context, handle string, secret coffer.Secret) (bool, error) {
	same := false
	err := s.meta.View(ctx, func(r meta.Reader) error {
		key, err := find(r, handle, "", false)
		if err != nil {
			return err
		}
		c, err := readCredential(r, key.Current.AccessKeyID)
		if err != nil {
			return broken(key, err)
		}
		stored, err := s.openSecret(key.Current, c)
		same = stored.Equal(secret)
		return err
	})
	if err != nil {
		return false, explain(handle, "compare", err)
	}
	return same, nil
}

// Had tells whether an account has a key or ever had one. It looks at every
// credential of the store, for a start that finds no key.
func (s *Service) Had(ctx context.Context, account coffer.AccountID) (bool, error) {
	had := false
	prefix := meta.Key(meta.PrefixCredential)
	err := s.meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(prefix, meta.PrefixEnd(prefix))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			c, err := decodeCredential(value)
			if err != nil {
				return err
			}
			if c.account == account {
				had = true
				return nil
			}
		}
		return it.Err()
	})
	if err != nil {
		return false, fmt.Errorf("look for keys of account %s: %w", account, err)
	}
	return had, nil
}

// find reads the key that handle names, as far as the caller may know of it.
func (s Session) find(r meta.Reader, handle string) (record, error) {
	account, confined := s.account()
	return find(r, handle, account, confined)
}

// find reads the key that handle names, of one account only if it is confined.
// A key that is not there is ErrNotFound; one that is broken is another error.
func find(r meta.Reader, handle string, account coffer.AccountID, confined bool) (record, error) {
	keyID, accessKeyID := coffer.ParseKeyHandle(handle)
	if handle == "" || len(handle) > accessKeyIDMax || confined && account == "" {
		return record{}, meta.ErrNotFound
	}
	switch {
	case accessKeyID != "":
		c, err := readCredential(r, accessKeyID)
		if err != nil {
			return record{}, err
		}
		if len(c.secrets) == 0 || confined && c.account != account {
			return record{}, meta.ErrNotFound
		}
		account, keyID = c.account, c.key
	case !confined:
		var err error
		if account, err = ownerOf(r, keyID); err != nil {
			return record{}, err
		}
	}
	key, err := readKey(r, account, keyID)
	if err != nil && (accessKeyID != "" || !errors.Is(err, meta.ErrNotFound)) {
		// Not a missing key but a broken one: ErrNotFound ends here.
		return record{}, fmt.Errorf("read key %s of account %s: %v", keyID, account, err)
	}
	if err == nil && accessKeyID != "" && !slices.ContainsFunc(key.credentials(), func(c retired) bool { return c.AccessKeyID == accessKeyID }) {
		return record{}, fmt.Errorf("the credential %s is not one of key %s", accessKeyID, key.ID)
	}
	return key, err
}

func broken(key record, err error) error {
	return fmt.Errorf("read credential %s of key %s: %v", key.Current.AccessKeyID, key.ID, err)
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

func unknownHandle(handle string) error {
	return coffer.Errorf(coffer.NoSuchKeyRecord, "there is no access key %.128q", handle)
}
