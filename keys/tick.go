package keys

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// dueBatch is how many keys one Tick takes up; the next one goes on.
const dueBatch = 1000

// dueKey is where a key stands among those that have something due.
func dueKey(t time.Time, account coffer.AccountID, id coffer.KeyID) []byte {
	return meta.Key(meta.PrefixKeyDue, meta.KeyUint64(uint64(t.UnixNano())), meta.KeyText(string(account)), []byte(id))
}

// due is when a key next needs something done to it; zero is never.
func due(k record) time.Time {
	var at time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if k.Deleted.IsZero() && !k.Expired {
		soonest(k.Expires)
	}
	if !k.Deleted.IsZero() {
		soonest(k.RestorableUntil())
	} else if r := k.Rotation; r != nil && !r.Overdue {
		soonest(r.ConfirmBy)
	}
	if len(k.retired) > 0 {
		soonest(k.retired[0].ended.Add(secretsKept))
	}
	return at
}

// Tick does what is due: it confirms rotations at their deadlines, notes which keys
// have expired, removes the keys that were deleted 30 days ago, and the secrets
// that were retired then. It is a job, for each minute.
func (s *Service) Tick(ctx context.Context) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	end := dueKey(s.now().Add(1), "", "")
	type name struct {
		account coffer.AccountID
		id      coffer.KeyID
	}
	var names []name
	err := s.meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(meta.Key(meta.PrefixKeyDue), end)
		defer it.Close()
		for len(names) < dueBatch && it.Next() {
			rest := it.Key()
			if len(rest) < 1+8 {
				return fmt.Errorf("malformed row %q", rest)
			}
			account, id, ok := bytes.Cut(rest[9:], []byte{0})
			if !ok {
				return fmt.Errorf("malformed row %q of %d", rest, binary.BigEndian.Uint64(rest[1:]))
			}
			names = append(names, name{coffer.AccountID(account), coffer.KeyID(id)})
		}
		return it.Err()
	})
	if err != nil {
		return fmt.Errorf("find keys with something due: %w", err)
	}
	var errs []error
	for _, n := range names {
		if err := s.tick(ctx, n.account, n.id); err != nil {
			errs = append(errs, fmt.Errorf("do what is due for access key %s: %w", n.id, err))
		}
	}
	return errors.Join(errs...)
}

// tick does what is due for one key.
func (s *Service) tick(ctx context.Context, account coffer.AccountID, id coffer.KeyID) error {
	action := ""
	err := s.update(ctx, &id, func(tx meta.Tx) error {
		action = ""
		k, err := readKey(tx, account, id)
		if err != nil {
			return fmt.Errorf("read key: %v", err)
		}
		now := s.now()
		if at := due(k); at.IsZero() || at.After(now) {
			return nil // somebody was here in between
		}
		before := k.clone()
		if !k.Deleted.IsZero() && !now.Before(k.RestorableUntil()) {
			action = "key.purge"
			return s.purge(ctx, tx, k)
		}
		if k.Deleted.IsZero() && !k.Expires.IsZero() && !now.Before(k.Expires) {
			k.Expired = true
		}
		var event audit.Event
		for len(k.retired) > 0 && !now.Before(k.retired[0].ended.Add(secretsKept)) {
			if err := forgetSecret(tx, k.retired[0].Credential); err != nil {
				return err
			}
			k.retired = slices.Delete(k.retired, 0, 1)
		}
		if r := k.Rotation; r != nil && k.Deleted.IsZero() && !r.Overdue && !r.ConfirmBy.IsZero() && !now.Before(r.ConfirmBy) {
			if event, err = s.overdue(ctx, tx, &k); err != nil {
				return err
			}
		}
		action = event.Action
		return s.put(tx, &before, k, event)
	})
	if err == nil && action != "" {
		s.log.InfoContext(ctx, "access key changed", "action", action, "key", id, "account", account, "by", "system")
	}
	return err
}

// purge removes a key with its secrets and its evidence. What stays are its
// Access Key IDs, so that none is given out again, and the audit log.
func (s *Service) purge(ctx context.Context, tx meta.Tx, k record) error {
	all := []coffer.Credential{k.Current}
	if k.Rotation != nil {
		all = append(all, k.Rotation.Outgoing)
	}
	for _, old := range k.retired {
		all = append(all, old.Credential)
	}
	for _, c := range all {
		if err := forgetSecret(tx, c); err != nil {
			return err
		}
	}
	evidence := usagePrefix(k.ID)
	event := audit.System(ctx, s.clock(), k.Account, "key.purge", string(k.ID))
	event.Before = facts(k)
	return errors.Join(
		tx.Delete(dueKey(due(k), k.Account, k.ID)),
		tx.Delete(keyKey(k.Account, k.ID)),
		tx.DeleteRange(evidence, meta.PrefixEnd(evidence)),
		audit.Write(tx, event),
	)
}
