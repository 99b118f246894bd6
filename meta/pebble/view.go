package pebble

import (
	"context"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// View implements meta.Store.
func (s *Store) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.runs.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	v := &view{s: s}
	defer v.close() // when fn panics
	err := fn(v)
	v.close() // The snapshot is not held while waiting.
	if derr := s.durable.wait(ctx, v.need); derr != nil {
		return derr
	}
	return err
}

// view reads one snapshot and finds out which commit it depends on.
type view struct {
	reader
	s    *Store
	snap *pebbledb.Snapshot
	upto uint64 // the newest commit that the snapshot may hold
	need uint64 // the commit that must be durable before fn's result gets out
}

// Get implements meta.Reader.
func (v *view) Get(key []byte) ([]byte, error) {
	if v.over {
		return nil, errOver
	}
	if err := meta.CheckKey(key); err != nil {
		return nil, err
	}
	v.begin()
	value, err := v.get(key)
	if v.pending() {
		v.wants(v.s.stripes.of(key).Load())
		v.wants(v.s.stripes.rangeDeleted.Load())
	}
	return value, err
}

// Iter implements meta.Reader.
func (v *view) Iter(start, end []byte) meta.Iter {
	if v.over {
		return failedIter(errOver)
	}
	bounds := newSpan(start, end)
	if bounds.empty() {
		return failedIter(nil)
	}
	v.begin()
	if !v.pending() {
		return v.iter(bounds, nil)
	}
	return v.iter(bounds, func(covered span) {
		if v.pending() {
			v.wants(v.s.recent.newest(&covered, v.s.durable.seq.Load(), v.upto))
		}
	})
}

// begin takes the snapshot. What it holds was begun before it was taken.
func (v *view) begin() {
	if v.snap == nil {
		v.snap = v.s.db.NewSnapshot()
		v.src = v.snap
		v.upto = v.s.begun.Load()
	}
}

// pending reports whether the snapshot may hold what is not durable yet.
func (v *view) pending() bool { return v.s.durable.seq.Load() < v.upto }

// wants notes that a read depends on commit seq, as far as the snapshot has it.
func (v *view) wants(seq uint64) { v.need = max(v.need, min(seq, v.upto)) }

func (v *view) close() {
	v.reader.close()
	if v.snap != nil {
		_ = v.snap.Close()
		v.snap = nil
	}
}
