package pebble

import (
	"context"
	"errors"
	"fmt"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// optimisticRuns is how often fn runs without a lock before it runs alone, so
// that every transaction ends.
const optimisticRuns = 4

// Update implements meta.Store.
func (s *Store) Update(ctx context.Context, fn func(meta.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.runs.leave()
	for run := 1; ; run++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.run(ctx, fn, run)
		if !errors.Is(err, errConflict) {
			return err
		}
		s.conflicts.Add(1)
	}
}

// run runs fn once and commits what it wrote, or returns errConflict.
func (s *Store) run(ctx context.Context, fn func(meta.Tx) error, run int) error {
	t := &tx{s: s, batch: s.db.NewBatch()}
	defer t.close() // also when fn panics
	if run > 1 {
		// The other transaction may still be at it: wait for it, then begin.
		t.lock()
		t.begin()
		if run <= optimisticRuns {
			t.unlock()
		}
	}

	err := fn(t)
	t.reader.close()
	if t.conflict {
		return errConflict
	}
	if err == nil {
		err = t.err
	}
	if err == nil {
		err = t.settle()
	}
	if err != nil || t.batch.Empty() {
		t.unlock()
		// The reads alone are a result too: all of one state, see tx.Get.
		if derr := s.durable.wait(ctx, t.need()); derr != nil {
			return derr
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}

	t.lock()
	if !t.valid() {
		return errConflict
	}
	seq, err := s.apply(t)
	t.unlock()
	if err != nil {
		return err
	}
	return s.makeDurable(t, seq)
}

// apply numbers and applies a transaction that was found valid; commitMu is
// held. Readers may see its writes while it is at it, so all that tells of them
// comes first.
func (s *Store) apply(t *tx) (uint64, error) {
	if err := s.failure.Load(); err != nil {
		return 0, *err
	}
	seq := s.begun.Load() + 1
	s.begun.Store(seq)
	for i := range t.written {
		s.stripes.of(t.written[i].hash).Store(seq)
	}
	if len(t.deleted) > 0 {
		s.stripes.rangeDeleted.Store(seq)
		s.rows.clear()
	}
	for i := range t.written {
		s.rows.drop(t.written[i].hash, t.written[i].key)
	}
	s.recent.add(written{seq: seq, keys: t.written, ranges: t.deleted})
	err := s.mark(t.batch, seq)
	if err == nil {
		err = s.write(t.batch)
	}
	if err != nil {
		t.batch = nil // Pebble may still hold it.
		s.fail(err)
		return 0, *s.failure.Load()
	}
	s.applied.Store(seq)
	s.commits.Add(1)
	// Asked only now: who began to watch too late to be counted here, and then
	// reads, reads what was written above.
	if s.watch.count.Load() > 0 {
		s.watch.begin(seq, t)
	}
	return seq, nil
}

// write hands a batch to Pebble, which panics when its log failed before. Its
// locks are lost then; the store fails and asks it for nothing any more.
func (s *Store) write(b *pebbledb.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("apply: %v", r)
		}
	}()
	if !s.sync.Sync {
		return s.db.Apply(b, s.sync)
	}
	return s.db.ApplyNoSyncWait(b, s.sync)
}

// makeDurable waits for the log. The log is written in the order of commits,
// so when one is durable all before it are.
func (s *Store) makeDurable(t *tx, seq uint64) error {
	if s.sync.Sync {
		if err := t.batch.SyncWait(); err != nil {
			t.batch = nil
			s.fail(fmt.Errorf("sync log: %w", err))
		}
	}
	if err := s.failure.Load(); err != nil {
		return *err
	}
	s.durable.advance(seq)
	if s.watch.count.Load() > 0 {
		s.watch.deliver(s.durable.seq.Load())
	}
	return nil
}
