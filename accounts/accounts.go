// Package accounts makes and finds accounts, the tenants that own buckets and
// keys. It knows nothing of credentials, of buckets or of any protocol.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// idTries bounds the search for an unused ID. With 9·10¹¹ IDs a second try is
// rare; a tenth means that the source of randomness repeats itself.
const idTries = 10

// errTaken says that a random ID is in use.
var errTaken = errors.New("the ID is taken")

// Service keeps the accounts in Meta. Its methods may be called from many
// goroutines.
type Service struct {
	Meta meta.Store
	Now  func() time.Time
	// Rand is where IDs come from.
	Rand io.Reader
}

// Create makes an account. An e-mail address, compared without regard to case,
// belongs to one account: a second one is refused as AccountExists.
func (s *Service) Create(ctx context.Context, email, name string) (coffer.Account, error) {
	email, err := coffer.ParseEmail(email)
	if err != nil {
		return coffer.Account{}, err
	}
	if name, err = coffer.ParseName(name); err != nil {
		return coffer.Account{}, err
	}
	var a coffer.Account
	for range idTries {
		a = coffer.Account{Email: email, Name: name, Created: s.Now().UTC().Round(0)}
		if a.ID, err = coffer.NewAccountID(s.Rand); err != nil {
			return coffer.Account{}, fmt.Errorf("make account ID: %w", err)
		}
		if a.Canonical, err = coffer.NewCanonicalID(s.Rand); err != nil {
			return coffer.Account{}, fmt.Errorf("make canonical ID: %w", err)
		}
		err = s.Meta.Update(ctx, func(tx meta.Tx) error { return insert(tx, a) })
		if !errors.Is(err, errTaken) {
			break
		}
	}
	switch {
	case coffer.CodeOf(err) == coffer.AccountExists:
		return coffer.Account{}, err
	case err != nil:
		return coffer.Account{}, fmt.Errorf("create account %s: %w", email, err)
	}
	return a, nil
}

func insert(tx meta.Tx, a coffer.Account) error {
	switch _, err := tx.Get(emailKey(a.Email)); {
	case err == nil:
		return coffer.Errorf(coffer.AccountExists, "an account with the e-mail address %s exists already", a.Email)
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	switch _, err := tx.Get(accountKey(a.ID)); {
	case err == nil:
		return errTaken
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	if err := tx.Set(accountKey(a.ID), encodeAccount(a)); err != nil {
		return err
	}
	return tx.Set(emailKey(a.Email), encodeEmail(a.ID))
}

// List returns all accounts in the order of their IDs.
func (s *Service) List(ctx context.Context) ([]coffer.Account, error) {
	var all []coffer.Account
	prefix := meta.Key(meta.PrefixAccount)
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(prefix, meta.PrefixEnd(prefix))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			a, err := decodeAccount(value)
			if err != nil {
				return fmt.Errorf("account %q: %w", it.Key()[1:], err)
			}
			all = append(all, a)
		}
		return it.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// Get returns the account with an ID, or NoSuchAccount.
func (s *Service) Get(ctx context.Context, id coffer.AccountID) (coffer.Account, error) {
	return s.find(ctx, string(id), func(meta.Reader) (coffer.AccountID, error) { return id, nil })
}

// ByEmail returns the account with an e-mail address, in any case, or
// NoSuchAccount.
func (s *Service) ByEmail(ctx context.Context, email string) (coffer.Account, error) {
	return s.find(ctx, email, func(r meta.Reader) (coffer.AccountID, error) {
		value, err := r.Get(emailKey(strings.ToLower(email)))
		if err != nil {
			return "", err
		}
		return decodeEmail(value)
	})
}

// Find returns the account that handle names: an e-mail address if it has an @,
// an ID otherwise.
func (s *Service) Find(ctx context.Context, handle string) (coffer.Account, error) {
	if strings.Contains(handle, "@") {
		return s.ByEmail(ctx, handle)
	}
	return s.Get(ctx, coffer.AccountID(handle))
}

// handleMax is longer than any ID and any e-mail address, and short enough for
// a key of the store.
const handleMax = 254

func (s *Service) find(ctx context.Context, handle string,
	id func(meta.Reader) (coffer.AccountID, error)) (coffer.Account, error) {
	var a coffer.Account
	err := meta.ErrNotFound
	if handle != "" && len(handle) <= handleMax {
		err = s.Meta.View(ctx, func(r meta.Reader) error {
			id, err := id(r)
			if err != nil {
				return err
			}
			value, err := r.Get(accountKey(id))
			if errors.Is(err, meta.ErrNotFound) && string(id) != handle {
				return fmt.Errorf("its record names the account %s, which is missing", id)
			}
			if err != nil {
				return err
			}
			a, err = decodeAccount(value)
			return err
		})
	}
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return coffer.Account{}, coffer.Errorf(coffer.NoSuchAccount, "there is no account %.254q", handle)
	case err != nil:
		return coffer.Account{}, fmt.Errorf("read account %q: %w", handle, err)
	}
	return a, nil
}
