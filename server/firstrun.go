package server

import (
	"context"
	"fmt"

	"coffer"
	"coffer/accounts"
	"coffer/keys"
	"coffer/meta"
)

// root is the account that the first start makes, and the key that start shows:
// the oldest that still works, if there is one.
type root struct {
	account coffer.Account
	key     coffer.Key
	made    bool          // by this start
	secret  coffer.Secret // of the key, if this start drew it
}

// firstRun brings a store to the state in which it has a first account and that
// account has a key. Each step is durable before the next and looks for its own
// result first, so a crash between any two is repaired by the next start. It is
// done before anything listens, so nobody else writes.
func firstRun(ctx context.Context, cfg *Config, store meta.Store, acc *accounts.Service, ks *keys.Service) (root, error) {
	var r root
	id, err := readRoot(ctx, store)
	if err != nil {
		return r, err
	}
	if id == "" {
		// Only a start that was cut short leaves an account without this record.
		all, err := acc.List(ctx)
		if err != nil {
			return r, err
		}
		switch len(all) {
		case 0:
			if r.account, err = acc.Create(ctx, cfg.RootEmail, "root"); err != nil {
				return r, err
			}
		case 1:
			r.account = all[0]
		default:
			return r, fmt.Errorf("there are %d accounts and no record of the first: the metadata is damaged, restore a backup", len(all))
		}
		if err := writeRoot(ctx, store, r.account.ID); err != nil {
			return r, err
		}
	} else if r.account, err = acc.Get(ctx, id); err != nil {
		return r, fmt.Errorf("read the first account: %w", err)
	}

	if cfg.RootAccessKeyID != "" {
		if err := r.adopt(ctx, cfg, ks); err != nil {
			return r, err
		}
	}
	any, oldest := false, coffer.Key{}
	for key, err := range ks.As(starter()).All(ctx, r.account.ID) {
		if err != nil {
			return r, err
		}
		any = true
		if key.Status == coffer.KeyActive && (oldest.ID == "" || key.Created.Before(oldest.Created)) {
			oldest = key
		}
	}
	// A deleted key stays in the list for a while, so an account without any has
	// nearly always never had one.
	if !any {
		if oldest, r.made, err = r.firstKey(ctx, ks); err != nil {
			return r, err
		}
	}
	if r.key.ID == "" {
		r.key = oldest
	}
	return r, nil
}

// firstKey makes the first key of the first account, unless it ever had one: a
// start must not bring back what somebody ended.
func (r *root) firstKey(ctx context.Context, ks *keys.Service) (coffer.Key, bool, error) {
	had, err := ks.Had(ctx, r.account.ID)
	if err != nil || had {
		return coffer.Key{}, false, err
	}
	key, secret, err := ks.As(starter()).Create(ctx, r.account, keys.CreateInput{Name: "root"})
	if err == nil {
		r.secret = secret
	}
	return key, err == nil, err
}

// starter is who the start acts as.
func starter() coffer.Caller { return coffer.Caller{Operator: true, Name: "start of the server"} }

// adopt makes sure that the pair of the settings is a key of the first account.
// An unknown ID becomes another key, so that a new pair can be brought in by a
// restart; nothing else is changed, so a setting can never replace a secret or
// bring back a key that was deleted.
func (r *root) adopt(ctx context.Context, cfg *Config, ks *keys.Service) error {
	const fix = "set the pair that is stored, or another ID, or remove both settings"
	key, err := ks.As(starter()).Get(ctx, cfg.RootAccessKeyID)
	if coffer.CodeOf(err) == coffer.NoSuchKeyRecord {
		r.key, _, err = ks.As(starter()).Create(ctx, r.account, keys.CreateInput{
			Name:   "root",
			Import: &keys.Pair{AccessKeyID: cfg.RootAccessKeyID, Secret: cfg.RootSecretAccessKey},
		})
		r.made = err == nil
		return err
	}
	if err != nil {
		return err
	}
	if key.Account != r.account.ID {
		return fmt.Errorf("COFFER_ROOT_ACCESS_KEY_ID is %s, which is a key of another account: %s", cfg.RootAccessKeyID, fix)
	}
	if key.Status != coffer.KeyActive || key.Current.AccessKeyID != coffer.AccessKeyID(cfg.RootAccessKeyID) {
		// Its owners ended, paused or rotated it, and that holds; it is no reason not to
		// serve everybody else.
		cfg.Logger.Warn("the key of COFFER_ROOT_ACCESS_KEY_ID is not in force any more: remove both settings",
			"access_key_id", cfg.RootAccessKeyID, "status", string(key.Status))
		return nil
	}
	same, err := ks.SecretIs(ctx, cfg.RootAccessKeyID, cfg.RootSecretAccessKey)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("COFFER_ROOT_SECRET_ACCESS_KEY is not the secret of the stored key %s, and nothing was changed: %s", cfg.RootAccessKeyID, fix)
	}
	r.key = key
	return nil
}
