package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// idTries bounds the search for unused IDs; a tenth try means that the source
// of randomness repeats itself.
const idTries = 10

// errTaken says that a random ID is in use.
var errTaken = errors.New("the ID is taken")

// Pair is a credential that was made elsewhere.
type Pair struct {
	AccessKeyID string
	Secret      coffer.Secret
}

// CreateInput says which key to make.
type CreateInput struct {
	// Name is for people and need not be unique.
	Name string
	// Import is the pair to take as it is; nil makes a new one.
	Import *Pair
	// Scope is what the key may do; nil is everything in the account.
	Scope *coffer.Scope
	// Expires is when the key stops working; zero is never.
	Expires time.Time
}

// Create makes a key of account with one credential. An imported pair whose
// Access Key ID exists, in any account and whatever its status, is refused as
// KeyExists.
func (s Session) Create(ctx context.Context, account coffer.Account, in CreateInput) (coffer.Key, coffer.Secret, error) {
	if own, confined := s.account(); confined && (own == "" || own != account.ID) {
		return coffer.Key{}, coffer.Secret{}, coffer.Errorf(coffer.NoSuchAccount, "there is no account %.40q", string(account.ID))
	}
	key, err := s.s.plan(account.ID, in)
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	for range idTries {
		var secret coffer.Secret
		if secret, err = s.s.draw(&key, in.Import); err != nil {
			return coffer.Key{}, coffer.Secret{}, err
		}
		err = s.insert(ctx, account, key, secret, in.Import != nil)
		if err == nil {
			s.s.log.InfoContext(ctx, "access key created", "key", key.ID, "account", key.Account,
				"access_key_id", key.Current.AccessKeyID, "imported", in.Import != nil, "by", s.caller.Name)
			return s.s.seen(key), secret, nil
		}
		if !errors.Is(err, errTaken) {
			break
		}
		if in.Import != nil {
			err = coffer.Errorf(coffer.KeyExists, "an access key with the ID %s exists already", key.Current.AccessKeyID)
			break
		}
	}
	if coffer.CodeOf(err) == coffer.Internal {
		err = fmt.Errorf("create access key: %w", err)
	}
	return coffer.Key{}, coffer.Secret{}, err
}

// plan checks what is asked for.
func (s *Service) plan(account coffer.AccountID, in CreateInput) (record, error) {
	now := s.clock()
	key := record{generations: 1, Key: coffer.Key{Account: account, Created: now,
		Current: coffer.Credential{Generation: 1, Created: now}}}
	var err error
	if key.Name, err = coffer.ParseName(in.Name); err != nil {
		return key, err
	}
	if in.Scope != nil {
		if key.Scope, err = coffer.ParseScope(*in.Scope); err != nil {
			return key, err
		}
	}
	key.Expires, err = s.ahead("expires", in.Expires)
	return key, err
}

// ahead checks a time that must be in the future, or zero.
func (s *Service) ahead(what string, t time.Time) (time.Time, error) {
	if t.IsZero() {
		return t, nil
	}
	t = t.UTC().Round(0)
	if now := s.clock(); !t.After(now) || t.Year() > 2200 {
		return t, coffer.Errorf(coffer.InvalidArgument, "%s is %s: it must be after now, %s, and before the year 2201",
			what, t.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return t, nil
}

// draw chooses the IDs and the secret of a new key.
func (s *Service) draw(key *record, pair *Pair) (coffer.Secret, error) {
	var secret coffer.Secret
	var err error
	if pair != nil {
		key.Current.AccessKeyID, secret, err = coffer.ParseImportedPair(pair.AccessKeyID, pair.Secret.Reveal())
		if err != nil {
			return coffer.Secret{}, err
		}
	} else {
		if key.Current.AccessKeyID, err = coffer.NewAccessKeyID(s.rand); err != nil {
			return coffer.Secret{}, fmt.Errorf("make Access Key ID: %w", err)
		}
		if secret, err = coffer.NewSecret(s.rand); err != nil {
			return coffer.Secret{}, fmt.Errorf("make Secret Access Key: %w", err)
		}
	}
	if key.ID, err = coffer.NewKeyID(s.rand); err != nil {
		return coffer.Secret{}, fmt.Errorf("make key ID: %w", err)
	}
	return secret, nil
}

func (s Session) insert(ctx context.Context, account coffer.Account, key record, plain coffer.Secret, imported bool) error {
	sealed, err := seal(s.s.data, s.s.rand, secretContext(key.Current), []byte(plain.Reveal()))
	if err != nil {
		return err
	}
	c := credential{account: key.Account, key: key.ID, canonical: account.Canonical,
		displayName: account.DisplayName(), secrets: []secret{{1, sealed}}}
	action := "key.create"
	if imported {
		action = "key.import"
	}
	return s.s.update(ctx, &key.ID, func(tx meta.Tx) error {
		if err := s.may(tx, manage, key); err != nil {
			return err
		}
		if err := free(tx, credentialKey(key.Current.AccessKeyID), keyKey(key.Account, key.ID)); err != nil {
			return err
		}
		if err := tx.Set(credentialKey(key.Current.AccessKeyID), encodeCredential(c)); err != nil {
			return err
		}
		return s.s.put(tx, nil, key, audit.By(ctx, s.caller, key.Created, key.Account, action, string(key.ID)))
	})
}

// free says errTaken when one of the rows is there.
func free(r meta.Reader, rows ...[]byte) error {
	for _, row := range rows {
		switch _, err := r.Get(row); {
		case err == nil:
			return errTaken
		case !errors.Is(err, meta.ErrNotFound):
			return err
		}
	}
	return nil
}
