package pebble

import (
	"context"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// liveReadsMax is how many keys a View reads of the live database before it takes a
// snapshot: the more it has read, the likelier it must begin again.
const liveReadsMax = 16

// View implements meta.Store. Most Views read a few keys. A snapshot would cost them
// more than that, since the database looks for something to compact whenever one is
// given up, so they read the live database and check, as an Update does, that
// nothing newer has touched what they read. When something has, fn runs again, on a
// snapshot.
func (s *Store) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.runs.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	v := &view{s: s}
	err := v.run(fn)
	if v.conflict {
		s.conflicts.Add(1)
		v = &view{s: s}
		v.freeze()
		err = v.run(fn)
	}
	if derr := s.durable.wait(ctx, v.need); derr != nil {
		return derr
	}
	return err
}

// view reads one state: that of commit upto while it reads the live database, then
// that of its snapshot. It finds out which commit it depends on.
type view struct {
	reader
	s    *Store
	snap *pebbledb.Snapshot // nil while the live database is read

	started  bool
	live     [liveReadsMax]uint64 // hashes of the keys that were read without a snapshot
	lives    int
	conflict bool

	upto uint64 // the newest commit that the state may hold
	need uint64 // the commit that must be durable before fn's result gets out
}

// run runs fn. The snapshot is not held while anybody waits.
func (v *view) run(fn func(meta.Reader) error) error {
	defer v.close() // when fn panics too
	return fn(v)
}

// Get implements meta.Reader.
func (v *view) Get(key []byte) ([]byte, error) {
	if v.over {
		return nil, errOver
	}
	if err := meta.CheckKey(key); err != nil {
		return nil, err
	}
	hash := v.s.stripes.hash(key)
	if v.snap == nil && v.lives < liveReadsMax {
		return v.getLive(hash, key)
	}
	return v.getFrozen(hash, key)
}

// getLive reads the live database as of upto.
func (v *view) getLive(hash uint64, key []byte) ([]byte, error) {
	if !v.started {
		v.started, v.upto = true, v.s.applied.Load()
	}
	value, err := v.row(v.s, hash, key, v.upto, true)
	changed := v.s.stripes.newest(hash)
	switch {
	case v.conflict:
		return nil, errConflict
	case changed <= v.upto:
		v.live[v.lives] = hash
		v.lives++
		v.wants(changed)
		return value, err
	case v.lives == 0:
		// Nothing else was read, so a later state is as good.
		return v.getFrozen(hash, key)
	}
	v.conflict = true
	return nil, errConflict
}

// getFrozen reads the snapshot.
func (v *view) getFrozen(hash uint64, key []byte) ([]byte, error) {
	if !v.freeze() {
		return nil, errConflict
	}
	value, err := v.get(v.snap, key)
	v.wants(v.s.stripes.newest(hash))
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
	if !v.freeze() {
		return failedIter(errConflict)
	}
	if !v.pending() {
		return v.iter(v.snap, bounds, nil)
	}
	return v.iter(v.snap, bounds, func(covered span) {
		if v.pending() {
			v.wants(v.s.recent.newest(&covered, v.s.durable.seq.Load(), v.upto))
		}
	})
}

// freeze takes a snapshot if there is none. What was read before must be so in it
// too; if it is not, freeze returns false and fn must run again.
func (v *view) freeze() bool {
	if v.snap != nil || v.conflict {
		return !v.conflict
	}
	snap := v.s.db.NewSnapshot()
	for _, hash := range v.live[:v.lives] {
		if v.s.stripes.newest(hash) > v.upto {
			v.conflict = true
			_ = snap.Close()
			return false
		}
	}
	// What it holds was begun before it was taken.
	v.snap, v.started, v.upto = snap, true, v.s.begun.Load()
	return true
}

// pending reports whether the snapshot may hold what is not durable yet.
func (v *view) pending() bool { return v.s.durable.seq.Load() < v.upto }

// wants notes that a read depends on commit seq, as far as the state has it.
func (v *view) wants(seq uint64) {
	if v.s.durable.seq.Load() < seq {
		v.need = max(v.need, min(seq, v.upto))
	}
}

func (v *view) close() {
	v.reader.close()
	if v.snap != nil {
		_ = v.snap.Close()
		v.snap = nil
	}
}
