package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// lifecyclePage is how many records one transaction of a lifecycle looks at.
const lifecyclePage = 500

// newerMax is how many newer versions are counted again: the most that a rule keeps.
const newerMax = 100

// LifecycleAct is what a rule does.
type LifecycleAct byte

// What rules do: end the current object, which leaves a delete marker where there
// are versions; end a version that is not current; end a delete marker that hides
// nothing; change the storage class.
const (
	LifecycleExpire LifecycleAct = iota
	LifecycleNoncurrent
	LifecycleMarker
	LifecycleTransition
)

// due is a version that a rule wants something of.
type due struct {
	act   LifecycleAct
	key   string
	id    string // as requests name it; "" for the current one
	size  int64
	rule  string
	class string
	// Of a version that is not current: since when, and how many of its kind are newer.
	since time.Time
	newer int
}

// lifecycleWalk goes through a bucket, page by page: the current objects first, then
// all other versions.
type lifecycleWalk struct {
	s   *Service
	b   coffer.Bucket
	l   *coffer.Lifecycle
	now time.Time
	day time.Duration

	// others says which of the two ranges after is in: the place in it where the next
	// page begins.
	others bool
	after  []byte

	// Where the walk stands among the versions of key.
	key     string
	newer   int       // versions of key that are not current, passed so far
	since   time.Time // when the next one ceased to be current
	pending *due      // a delete marker that hides nothing, unless a version follows
}

// walkLifecycle begins at the object key after which it stopped before; "" is the
// beginning. Versions of that key are looked at again.
func (s *Service) walkLifecycle(b coffer.Bucket, l *coffer.Lifecycle, now time.Time, others bool, after string) *lifecycleWalk {
	w := &lifecycleWalk{s: s, b: b, l: l, now: now, day: s.LifecycleDay, others: others}
	switch {
	case others && after != "":
		w.after = versionKey(b.ID, after, "")
	case others:
		w.after = versionsPrefix(b.ID)
	case after != "":
		w.after = append(objectKey(b.ID, after), 0)
	default:
		w.after = objectKey(b.ID, "")
	}
	return w
}

// page looks at the next records. more is false at the end of the bucket.
func (w *lifecycleWalk) page(ctx context.Context) (found []due, looked int, more bool, err error) {
	low, visit := objectKey(w.b.ID, ""), w.visitCurrent
	if w.others {
		low, visit = versionsPrefix(w.b.ID), w.visitOther
	}
	err = w.s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(w.after, meta.PrefixEnd(low))
		defer it.Close()
		for ; looked < lifecyclePage && it.Next(); looked++ {
			value, err := it.Value()
			if err != nil {
				return err
			}
			d, err := visit(r, string(it.Key()[len(low):]), value)
			if err != nil {
				return err
			}
			found = append(found, d...)
			w.after = append(bytes.Clone(it.Key()), 0)
		}
		return it.Err()
	})
	if err != nil || looked == lifecyclePage {
		return found, looked, true, err
	}
	if w.others || w.b.Versioning == coffer.VersioningUnset || !w.l.HasNoncurrent() {
		if w.pending != nil {
			found, w.pending = append(found, *w.pending), nil
		}
		return found, looked, false, nil
	}
	w.others, w.after = true, versionsPrefix(w.b.ID)
	return found, looked, true, nil
}

func (w *lifecycleWalk) visitCurrent(_ meta.Reader, key string, value []byte) ([]due, error) {
	o, err := decodeRow(key, value)
	if err != nil {
		return nil, err
	}
	w.key = key
	d := w.current(o.Object)
	if d == nil {
		return nil, nil
	}
	return []due{*d}, nil
}

// current is what the rules want of a current object; nil is nothing.
func (w *lifecycleWalk) current(o coffer.Object) *due {
	if e := w.l.Expires(o, w.day); e != nil && !w.now.Before(e.Date) {
		return &due{act: LifecycleExpire, key: o.Key, size: o.Size, rule: e.Rule}
	}
	if class, rule := w.l.Becomes(o, w.now, w.day); class != "" {
		return &due{act: LifecycleTransition, key: o.Key, size: o.Size, rule: rule, class: class}
	}
	return nil
}

// noncurrent is what the rules want of a version that is not current since a time,
// with so many of its kind newer than it; nil is nothing. Locked ones stay.
func (w *lifecycleWalk) noncurrent(o coffer.Object, since time.Time, newer int) *due {
	d := due{act: LifecycleNoncurrent, key: o.Key, id: coffer.VersionName(o.VersionID), size: o.Size, since: since, newer: newer}
	if e := w.l.Noncurrents(o, since, newer, w.day); e != nil && !w.now.Before(e.Date) {
		if w.s.asItself(w.b).MayRemove(nil, w.b, o, false) != nil {
			return nil
		}
		d.rule = e.Rule
		return &d
	}
	if d.class, d.rule = w.l.NoncurrentBecomes(o, since, newer, w.now, w.day); d.class != "" {
		d.act = LifecycleTransition
		return &d
	}
	return nil
}

func (w *lifecycleWalk) visitOther(r meta.Reader, rest string, value []byte) (found []due, err error) {
	key, _, err := splitVersionKey(rest)
	if err != nil {
		return nil, err
	}
	o, err := decodeRow(key, value)
	if err != nil {
		return nil, err
	}
	if key != w.key || w.since.IsZero() {
		if w.pending != nil {
			found = append(found, *w.pending)
		}
		latest, err := currentRow(r, w.b.ID, key)
		if err != nil {
			return nil, err
		}
		w.key, w.newer, w.pending = key, 0, nil
		if latest == nil {
			// The first is the newest of all: a delete marker.
			w.since = o.Modified
			if e := w.l.Marker(key, o.Modified, w.day); e != nil && !w.now.Before(e.Date) {
				w.pending = &due{act: LifecycleMarker, key: key, id: coffer.VersionName(o.VersionID), rule: e.Rule}
			}
			return found, nil
		}
		w.since = latest.Modified
	}
	w.pending = nil
	if d := w.noncurrent(o.Object, w.since, w.newer); d != nil {
		found = append(found, *d)
	}
	w.newer++
	w.since = o.Modified
	return found, nil
}

// errBucketGone says that a bucket was deleted while a lifecycle was at it.
var errBucketGone = errors.New("the bucket is gone")

// lifecycleDo does what is due, in as many transactions as it takes, and adds to
// sums what was still to be done then.
func (s *Service) lifecycleDo(ctx context.Context, b coffer.Bucket, all []due, now time.Time, sums *LifecycleSums) error {
	var done []due
	err := s.Meta.Update(ctx, func(tx meta.Tx) error {
		done = done[:0]
		b, ok, err := again(tx, b)
		if err != nil || !ok {
			return errors.Join(err, errBucketGone)
		}
		l, err := s.lifecycle(tx, b)
		if err != nil || l == nil {
			return err // the rules were deleted
		}
		for _, d := range all {
			did, err := s.lifecycleOne(tx, b, l, d, now)
			if err != nil {
				return fmt.Errorf("lifecycle of %q: %w", d.key, err)
			}
			if did {
				done = append(done, d)
			}
		}
		return nil
	})
	if half := len(all) / 2; half > 0 && errors.Is(err, meta.ErrTooLarge) {
		if err := s.lifecycleDo(ctx, b, all[:half], now, sums); err != nil {
			return err
		}
		return s.lifecycleDo(ctx, b, all[half:], now, sums)
	}
	if err == nil {
		for _, d := range done {
			sums.add(d)
		}
	}
	return err
}

// lifecycleOne does one thing in tx, if the rules of now still want it of what is
// there now: who wrote, tagged or restored meanwhile is not punished for it. It is
// the one place where a lifecycle changes an object; a version that is locked
// stays.
func (s *Service) lifecycleOne(tx meta.Tx, b coffer.Bucket, l *coffer.Lifecycle, d due, now time.Time) (bool, error) {
	v, err := findVersion(tx, b, d.key, d.id)
	if err != nil || v == nil {
		return false, err
	}
	w := lifecycleWalk{s: s, b: b, l: l, now: now, day: s.LifecycleDay}
	var still *due
	switch {
	case d.id == "":
		still = w.current(v.Object)
	case d.act != LifecycleMarker:
		// It may have become the newest again: a marker that hides others must stay.
		if newest, err := isNewest(tx, b, v); err != nil || newest {
			return false, err
		}
		newer, err := newerNow(tx, b, v, d)
		if err != nil {
			return false, err
		}
		still = w.noncurrent(v.Object, d.since, newer)
	default:
		if alone, err := onlyVersion(tx, b, v); err != nil || !alone || !v.DeleteMarker {
			return false, err
		}
		if e := l.Marker(d.key, v.Modified, s.LifecycleDay); e != nil && !now.Before(e.Date) {
			still = &d
		}
	}
	if still == nil || still.act != d.act {
		return false, nil
	}
	if d.act == LifecycleTransition {
		v.Attributes.StorageClass = still.class
		return true, errors.Join(tx.Set(v.at, encodeRow(v.row)), s.transitioned(tx, b, &v.row))
	}
	session := s.asItself(b)
	session.cause = causeLifecycle
	_, err = session.remove(tx, b, Doomed{Key: d.key, Version: d.id})
	if err != nil && coffer.CodeOf(err) != coffer.Internal {
		return false, nil // it is locked
	}
	return err == nil, err
}

// isNewest tells whether v is the newest version of its key.
func isNewest(r meta.Reader, b coffer.Bucket, v *version) (bool, error) {
	latest, err := currentRow(r, b.ID, v.Key)
	if err != nil || latest != nil {
		return v.current(), err
	}
	newest, err := newestOther(r, b.ID, v.Key)
	return newest != nil && slices.Equal(newest.at, v.at), err
}

// newerNow counts the versions of v's kind that are newer, as d did when it was found:
// some may have gone since. Behind more than any rule keeps, what was found stands.
func newerNow(r meta.Reader, b coffer.Bucket, v *version, d due) (int, error) {
	latest, err := currentRow(r, b.ID, v.Key)
	if err != nil {
		return 0, err
	}
	newer := 0
	if latest == nil {
		newer = -1 // the newest is a delete marker, and none of them
	}
	low := versionKey(b.ID, v.Key, "")
	it := r.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	for ; newer <= newerMax && it.Next(); newer++ {
		if slices.Equal(it.Key(), v.at) {
			return newer, nil
		}
	}
	return d.newer, it.Err()
}

// onlyVersion tells whether a key has no version but v, which is not current.
func onlyVersion(r meta.Reader, b coffer.Bucket, v *version) (bool, error) {
	latest, err := currentRow(r, b.ID, v.Key)
	if err != nil || latest != nil {
		return false, err
	}
	low := versionKey(b.ID, v.Key, "")
	it := r.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	first := it.Next() && slices.Equal(it.Key(), v.at)
	return first && !it.Next() && it.Err() == nil, it.Err()
}
