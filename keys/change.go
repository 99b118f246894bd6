package keys

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// errUnchanged ends a change that finds nothing to do. It is no error to the
// caller.
var errUnchanged = errors.New("nothing to change")

// change is how a key that exists is changed: found, checked, altered by fn, and
// written with its audit event in one transaction. Whatever became of that, the
// cache forgets the key before the caller hears of it.
func (s Session) change(ctx context.Context, handle, action string, fn func(meta.Tx, *record) error) (coffer.Key, error) {
	return s.changeBy(ctx, handle, action, manage, fn)
}

// changeBy is change by who has another right than to manage.
func (s Session) changeBy(ctx context.Context, handle, action string, need right, fn func(meta.Tx, *record) error) (coffer.Key, error) {
	var key record
	changed := false
	err := s.s.update(ctx, &key.ID, func(tx meta.Tx) error {
		changed = false
		var err error
		if key, err = s.find(tx, handle); err != nil {
			return err
		}
		if err := s.may(tx, need, key); err != nil {
			return err
		}
		before := key.clone()
		if err := fn(tx, &key); err != nil {
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		// The key that calls may not lift this one over itself either.
		if err := s.may(tx, need, key); err != nil {
			return err
		}
		changed = true
		event := audit.By(ctx, s.caller, s.s.clock(), key.Account, action, string(key.ID))
		return s.s.put(tx, &before, key, event)
	})
	if err != nil {
		return coffer.Key{}, explain(handle, action, err)
	}
	if changed {
		s.s.log.InfoContext(ctx, "access key changed", "action", action, "key", key.ID, "account", key.Account,
			"access_key_id", key.Current.AccessKeyID, "by", s.caller.Name)
	}
	return s.s.seen(key), nil
}

// update runs fn as a transaction that may write the key id, which fn may set,
// and forgets it.
func (s *Service) update(ctx context.Context, id *coffer.KeyID, fn func(meta.Tx) error) error {
	defer func() { s.cache.forgetKey(*id) }()
	return s.meta.Update(ctx, fn)
}

// put writes a key, where it stands among what is due, and the event that tells
// of it if it has an action. before is nil for a new key.
func (s *Service) put(tx meta.Tx, before *record, after record, event audit.Event) error {
	var was time.Time
	if before != nil {
		was = due(*before)
	}
	if is := due(after); !is.Equal(was) {
		if !was.IsZero() {
			if err := tx.Delete(dueKey(was, after.Account, after.ID)); err != nil {
				return err
			}
		}
		if !is.IsZero() {
			if err := tx.Set(dueKey(is, after.Account, after.ID), nil); err != nil {
				return err
			}
		}
	}
	if err := tx.Set(keyKey(after.Account, after.ID), encodeKey(after)); err != nil {
		return err
	}
	if event.Action == "" {
		return nil
	}
	event.Before, event.After = difference(before, after)
	return audit.Write(tx, event)
}

// difference says what changed about a key, for the audit log.
func difference(before *record, after record) (map[string]string, map[string]string) {
	var was map[string]string
	is := facts(after)
	if before != nil {
		was = facts(*before)
	}
	for name, value := range is {
		if old, ok := was[name]; ok && old == value {
			delete(was, name)
			delete(is, name)
		}
	}
	return was, is
}

// facts has what the audit log may know of a key.
func facts(k record) map[string]string {
	m := map[string]string{
		"name":          k.Name,
		"scope":         k.Scope.String(),
		"access_key_id": string(k.Current.AccessKeyID),
		"generation":    strconv.Itoa(k.Current.Generation),
	}
	for name, t := range map[string]time.Time{"paused": k.Paused, "expires": k.Expires, "deleted": k.Deleted} {
		if !t.IsZero() {
			m[name] = t.Format(time.RFC3339)
		}
	}
	if r := k.Rotation; r != nil {
		m["outgoing_access_key_id"] = string(r.Outgoing.AccessKeyID)
		m["outgoing_generation"] = strconv.Itoa(r.Outgoing.Generation)
		m["reason"] = string(r.Reason)
		for name, t := range map[string]time.Time{"confirm_by": r.ConfirmBy, "scream_until": r.ScreamUntil} {
			if !t.IsZero() {
				m[name] = t.Format(time.RFC3339)
			}
		}
		if r.Overdue {
			m["overdue"] = "true"
		}
	}
	for _, old := range k.retired {
		if !old.linksBefore.IsZero() {
			m["links_kept_of_generation"] = strconv.Itoa(old.Generation)
		}
	}
	return m
}

// clock is the time of a change.
func (s *Service) clock() time.Time { return s.now().UTC().Round(0) }

// seen is a key as it is handed out.
func (s *Service) seen(r record) coffer.Key {
	k := r.clone().Key
	k.Status = k.StatusAt(s.now())
	return k
}

// explain says what was being done when an error came that nobody classified.
func explain(handle, action string, err error) error {
	if errors.Is(err, meta.ErrNotFound) {
		return unknownHandle(handle)
	}
	if coffer.CodeOf(err) != coffer.Internal {
		return err
	}
	return fmt.Errorf("%s of access key %.128q: %w", action, handle, err)
}
