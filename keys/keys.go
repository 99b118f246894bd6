// Package keys makes, finds and ends access keys, and keeps their secrets
// sealed. It tells a front which keys may have signed a request, and knows
// nothing of requests, of buckets or of how a signature is computed over one.
package keys

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"coffer"
	"coffer/meta"
)

// idTries bounds the search for unused IDs; a tenth try means that the source
// of randomness repeats itself.
const idTries = 10

// errTaken says that a random ID is in use.
var errTaken = errors.New("the ID is taken")

// Options is what a Service is made of.
type Options struct {
	Meta   meta.Store
	Master Master
	Now    func() time.Time
	// Rand is where IDs, secrets and nonces come from: crypto/rand.Reader.
	Rand   io.Reader
	Logger *slog.Logger
}

// Service is the access keys of one store. Its methods may be called from many
// goroutines.
type Service struct {
	meta  meta.Store
	now   func() time.Time
	rand  io.Reader
	log   *slog.Logger
	data  cipher.AEAD // the data key: seals and opens secrets
	cache *cache
	stop  context.CancelFunc
	done  chan struct{} // closed when the watch has ended
}

// Open unseals the data key of the store, or makes and seals one in a store
// that has neither a data key nor credentials. It ends in ErrWrongMasterKey
// when the data key was sealed under another master key.
func Open(ctx context.Context, opt Options) (*Service, error) {
	data, err := openDataKey(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("open access keys: %w", err)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{
		meta:  opt.Meta,
		now:   opt.Now,
		rand:  opt.Rand,
		log:   opt.Logger,
		data:  data,
		cache: newCache(),
		stop:  stop,
		done:  make(chan struct{}),
	}
	// The watch begins before the first lookup can fill the cache, so no change
	// falls between the two.
	events := s.meta.Watch(watching, meta.Key(meta.PrefixCredential))
	go s.watch(watching, events)
	return s, nil
}

// Close ends what Open began; the store is closed by who opened it.
func (s *Service) Close() error {
	s.stop()
	<-s.done
	return nil
}

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
}

// Create makes a key of account with one credential. An imported pair whose
// Access Key ID exists, in any account and whatever its status, is refused as
// KeyExists.
func (s *Service) Create(ctx context.Context, account coffer.Account, in CreateInput) (coffer.Key, coffer.Secret, error) {
	name, err := coffer.ParseName(in.Name)
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	for range idTries {
		var key coffer.Key
		var secret coffer.Secret
		key, secret, err = s.draw(account.ID, name, in.Import)
		if err != nil {
			return coffer.Key{}, coffer.Secret{}, err
		}
		err = s.insert(ctx, account, key, secret)
		if err == nil {
			s.log.InfoContext(ctx, "access key created", "key", key.ID, "account", key.Account,
				"access_key_id", key.Current.AccessKeyID, "imported", in.Import != nil)
			return key, secret, nil
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

// draw chooses the IDs and the secret of a new key.
func (s *Service) draw(account coffer.AccountID, name string, pair *Pair) (coffer.Key, coffer.Secret, error) {
	now := s.now().UTC().Round(0)
	key := coffer.Key{Account: account, Name: name, Status: coffer.KeyActive, Created: now,
		Current: coffer.Credential{Created: now}}
	var secret coffer.Secret
	var err error
	if pair != nil {
		key.Current.AccessKeyID, secret, err = coffer.ParseImportedPair(pair.AccessKeyID, pair.Secret.Reveal())
		if err != nil {
			return coffer.Key{}, coffer.Secret{}, err
		}
	} else {
		if key.Current.AccessKeyID, err = coffer.NewAccessKeyID(s.rand); err != nil {
			return coffer.Key{}, coffer.Secret{}, fmt.Errorf("make Access Key ID: %w", err)
		}
		if secret, err = coffer.NewSecret(s.rand); err != nil {
			return coffer.Key{}, coffer.Secret{}, fmt.Errorf("make Secret Access Key: %w", err)
		}
	}
	if key.ID, err = coffer.NewKeyID(s.rand); err != nil {
		return coffer.Key{}, coffer.Secret{}, fmt.Errorf("make key ID: %w", err)
	}
	return key, secret, nil
}

func (s *Service) insert(ctx context.Context, account coffer.Account, key coffer.Key, secret coffer.Secret) error {
	sealed, err := seal(s.data, s.rand, secretContext(key.Current.AccessKeyID), []byte(secret.Reveal()))
	if err != nil {
		return err
	}
	c := credential{account: key.Account, key: key.ID, canonical: account.Canonical,
		displayName: account.DisplayName(), status: key.Status, created: key.Current.Created, sealed: sealed}
	return s.change(ctx, key.Current.AccessKeyID, func(tx meta.Tx) error {
		for _, row := range [][]byte{credentialKey(key.Current.AccessKeyID), keyKey(key.Account, key.ID)} {
			switch _, err := tx.Get(row); {
			case err == nil:
				return errTaken
			case !errors.Is(err, meta.ErrNotFound):
				return err
			}
		}
		if err := tx.Set(keyKey(key.Account, key.ID), encodeKey(key)); err != nil {
			return err
		}
		return tx.Set(credentialKey(key.Current.AccessKeyID), encodeCredential(c))
	})
}

// Delete ends a key: its credential is refused from the answer on. The record
// is kept, and with it its Access Key ID, which is never given out again.
// Deleting a deleted key changes nothing and is no error.
func (s *Service) Delete(ctx context.Context, handle string) (coffer.Key, error) {
	named, err := s.Get(ctx, handle)
	if err != nil {
		return coffer.Key{}, err
	}
	var key coffer.Key
	now := s.now().UTC().Round(0)
	changed := false
	err = s.change(ctx, named.Current.AccessKeyID, func(tx meta.Tx) error {
		changed = false
		var err error
		if key, err = readKey(tx, named.Account, named.ID); err != nil {
			return err
		}
		if key.Status == coffer.KeyDeleted {
			return nil
		}
		c, err := readCredential(tx, key.Current.AccessKeyID)
		if err != nil {
			return err
		}
		changed = true
		key.Status, key.Deleted, c.status = coffer.KeyDeleted, now, coffer.KeyDeleted
		if err := tx.Set(keyKey(key.Account, key.ID), encodeKey(key)); err != nil {
			return err
		}
		return tx.Set(credentialKey(key.Current.AccessKeyID), encodeCredential(c))
	})
	if err != nil {
		return coffer.Key{}, fmt.Errorf("delete access key %s: %w", handle, err)
	}
	if changed {
		s.log.InfoContext(ctx, "access key deleted", "key", key.ID, "account", key.Account,
			"access_key_id", key.Current.AccessKeyID)
	}
	return key, nil
}

// change runs fn as a transaction that may write the credential id. Every
// write of a credential goes through here: whatever became of it, the cache
// forgets the credential before the caller hears of it.
func (s *Service) change(ctx context.Context, id coffer.AccessKeyID, fn func(meta.Tx) error) error {
	defer s.cache.forget(id)
	return s.meta.Update(ctx, fn)
}
