package keys

import (
	"context"
	"time"

	"coffer"
	"coffer/meta"
)

// Pause makes a key refuse until Resume: from the answer on, on connections that
// are open and for pre-signed URLs too, as every change here.
func (s Session) Pause(ctx context.Context, handle string) (coffer.Key, error) {
	return s.changeLiving(ctx, handle, "key.pause", func(_ meta.Tx, k *record) error {
		if !k.Paused.IsZero() {
			return errUnchanged
		}
		k.Paused = s.s.clock()
		return nil
	})
}

// Resume ends a pause.
func (s Session) Resume(ctx context.Context, handle string) (coffer.Key, error) {
	return s.changeLiving(ctx, handle, "key.resume", func(_ meta.Tx, k *record) error {
		if k.Paused.IsZero() {
			return errUnchanged
		}
		k.Paused = time.Time{}
		return nil
	})
}

// Extend sets when a key expires; zero is never. One that has expired works
// again.
func (s Session) Extend(ctx context.Context, handle string, expires time.Time) (coffer.Key, error) {
	expires, err := s.s.ahead("expires", expires)
	if err != nil {
		return coffer.Key{}, err
	}
	return s.changeLiving(ctx, handle, "key.extend", func(_ meta.Tx, k *record) error {
		if k.Expires.Equal(expires) {
			return errUnchanged
		}
		k.Expires, k.Expired = expires, false
		return nil
	})
}

// Rename changes what people call a key.
func (s Session) Rename(ctx context.Context, handle, name string) (coffer.Key, error) {
	name, err := coffer.ParseName(name)
	if err != nil {
		return coffer.Key{}, err
	}
	return s.changeLiving(ctx, handle, "key.rename", func(_ meta.Tx, k *record) error {
		if k.Name == name {
			return errUnchanged
		}
		k.Name = name
		return nil
	})
}

// SetScope changes what a key may do; nil is everything in the account.
func (s Session) SetScope(ctx context.Context, handle string, scope *coffer.Scope) (coffer.Key, error) {
	if scope != nil {
		var err error
		if scope, err = coffer.ParseScope(*scope); err != nil {
			return coffer.Key{}, err
		}
	}
	return s.changeLiving(ctx, handle, "key.scope", func(_ meta.Tx, k *record) error {
		k.Scope = scope
		return nil
	})
}

// Delete ends a key: its credentials are refused from the answer on. It can be
// undone for 30 days, after which only its Access Key IDs are remembered, which
// are never given out again. Deleting a deleted key changes nothing and is no
// error.
func (s Session) Delete(ctx context.Context, handle string) (coffer.Key, error) {
	return s.change(ctx, handle, "key.delete", func(_ meta.Tx, k *record) error { return s.s.delete(k) })
}

func (s *Service) delete(k *record) error {
	if !k.Deleted.IsZero() {
		return errUnchanged
	}
	k.Deleted = s.clock()
	return nil
}

// Undelete brings a deleted key back as it was.
func (s Session) Undelete(ctx context.Context, handle string) (coffer.Key, error) {
	return s.change(ctx, handle, "key.undelete", func(_ meta.Tx, k *record) error {
		switch {
		case k.Deleted.IsZero():
			return errUnchanged
		case !s.s.now().Before(k.RestorableUntil()):
			return coffer.Errorf(coffer.NoSuchKeyRecord, "the access key %s was deleted too long ago to be restored", k.ID)
		}
		k.Deleted = time.Time{}
		return nil
	})
}

// RevokeSelf ends the key that calls, whatever its scope: who finds a key may
// always put it out of use.
func (s Session) RevokeSelf(ctx context.Context) (coffer.Key, error) {
	if s.caller.Key == "" {
		return coffer.Key{}, coffer.Errorf(coffer.AccessDenied, "only a request that a key signed can revoke itself")
	}
	return s.changeBy(ctx, string(s.caller.Key), "key.revoke-self", see, func(_ meta.Tx, k *record) error { return s.s.delete(k) })
}

// changeLiving is change for a key that must not be deleted.
func (s Session) changeLiving(ctx context.Context, handle, action string, fn func(meta.Tx, *record) error) (coffer.Key, error) {
	return s.change(ctx, handle, action, func(tx meta.Tx, k *record) error {
		if err := living(*k); err != nil {
			return err
		}
		return fn(tx, k)
	})
}

func living(k record) error {
	if !k.Deleted.IsZero() {
		return coffer.Errorf(coffer.NoSuchKeyRecord, "the access key %s was deleted", k.ID)
	}
	return nil
}
