package objects

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// restores tells of the objects of a bucket whose restore has ended, if a rule wants
// to know of it. Nothing else comes of that end, so no other bucket is looked at.
func (run *lifecycleRun) restores(ctx context.Context, b coffer.Bucket) error {
	s := run.s
	if b.Configs&configNotification.bit() == 0 {
		return nil
	}
	var rules *[]coffer.NotificationRule
	err := s.Meta.View(ctx, func(r meta.Reader) (err error) {
		rules, err = readConfig[[]coffer.NotificationRule](s, r, b, configNotification)
		return err
	})
	if err != nil || rules == nil || !slices.ContainsFunc(*rules, func(r coffer.NotificationRule) bool { return r.Wants(restoreEnded) }) {
		return err
	}
	for _, low := range [][]byte{objectKey(b.ID, ""), versionsPrefix(b.ID)} {
		for after := low; after != nil; {
			var ended []Doomed
			var looked int
			if ended, looked, after, err = run.restoresOf(ctx, low, after); err != nil {
				return err
			}
			for batch := range slices.Chunk(ended, lifecycleBatch) {
				if err := run.changes.WaitN(ctx, len(batch)); err != nil {
					return err
				}
				if err := s.endRestores(ctx, b, batch, run.now); err != nil {
					return err
				}
			}
			if err := run.looks.WaitN(ctx, looked); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoresOf looks at the next records of a range for restores that have ended. next
// is nil at its end.
func (run *lifecycleRun) restoresOf(ctx context.Context, low, after []byte) (ended []Doomed, looked int, next []byte, err error) {
	err = run.s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(after, meta.PrefixEnd(low))
		defer it.Close()
		for ; looked < lifecyclePage && it.Next(); looked++ {
			value, err := it.Value()
			if err != nil {
				return err
			}
			key, _, _ := strings.Cut(string(it.Key()[len(low):]), "\x00") // a version's position is behind a NUL
			o, err := decodeRow(key, value)
			if err != nil {
				return err
			}
			if restoreOver(o.Object, run.now) {
				ended = append(ended, Doomed{Key: key, Version: coffer.VersionName(o.VersionID)})
			}
			next = append(bytes.Clone(it.Key()), 0)
		}
		return it.Err()
	})
	if looked < lifecyclePage {
		next = nil
	}
	return ended, looked, next, err
}

func restoreOver(o coffer.Object, now time.Time) bool {
	return !o.Restored.IsZero() && !o.IsRestored(now)
}

// endRestores tells of restores that have ended, each once, as of when they did.
func (s *Service) endRestores(ctx context.Context, b coffer.Bucket, batch []Doomed, now time.Time) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, ok, err := again(tx, b)
		if err != nil || !ok {
			return err
		}
		for _, d := range batch {
			v, err := findVersion(tx, b, d.Key, d.Version)
			if err != nil {
				return err
			}
			if v == nil || !restoreOver(v.Object, now) {
				continue
			}
			at := v.Restored
			v.Restored = time.Time{}
			if err := tx.Set(v.at, encodeRow(v.row)); err != nil {
				return err
			}
			if err := s.asItself(b).tell(tx, b, happening{name: restoreEnded, object: v.Object, at: at}); err != nil {
				return err
			}
		}
		return nil
	})
}
