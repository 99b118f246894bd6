package pebble

import (
	"bytes"
	"fmt"
	"sync/atomic"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// tx is one run of a transaction. It reads the live database as of commit
// start: every read checks that nothing newer has touched what it read, so fn
// never sees two states at once. Before the commit the same is checked again.
type tx struct {
	reader
	s       *Store
	batch   *pebbledb.Batch
	started bool
	start   uint64
	locked  bool // commitMu is held

	gets     []readKey
	scans    []span
	written  [][]byte
	deleted  []span
	removed  map[int]struct{} // indices in written that are deletions
	bytes    int
	conflict bool
	err      error // the first error of a write
}

type readKey struct {
	stripe *atomic.Uint64
	key    []byte
}

// begin fixes the state that the transaction reads.
func (t *tx) begin() {
	if !t.started {
		t.started, t.start = true, t.s.applied.Load()
	}
}

// Get implements meta.Reader.
func (t *tx) Get(key []byte) ([]byte, error) {
	if t.over {
		return nil, errOver
	}
	if err := meta.CheckKey(key); err != nil {
		return nil, err
	}
	t.begin()
	r := readKey{t.s.stripes.of(key), bytes.Clone(key)}
	t.gets = append(t.gets, r)
	value, err := t.get(key)
	if t.changed(r) {
		t.conflict = true
		return nil, errConflict
	}
	return value, err
}

// Iter implements meta.Reader.
func (t *tx) Iter(start, end []byte) meta.Iter {
	if t.over {
		return failedIter(errOver)
	}
	bounds := newSpan(start, end)
	if bounds.empty() {
		return failedIter(nil)
	}
	t.begin()
	i := t.iter(bounds, func(covered span) { t.scans = append(t.scans, covered) })
	// The iterator shows the moment when it was opened; that must be start.
	if t.s.recent.newest(&bounds, t.start, t.s.begun.Load()) > 0 {
		t.conflict = true
		_ = i.Close()
		return failedIter(errConflict)
	}
	return i
}

// Set implements meta.Tx.
func (t *tx) Set(key, value []byte) error {
	if err := t.admit(meta.CheckPair(key, value), len(key)+len(value)); err != nil {
		return err
	}
	t.written = append(t.written, bytes.Clone(key))
	return t.noted(t.batch.Set(key, value, nil))
}

// Delete implements meta.Tx.
func (t *tx) Delete(key []byte) error {
	if err := t.admit(meta.CheckKey(key), len(key)); err != nil {
		return err
	}
	if t.removed == nil {
		t.removed = make(map[int]struct{})
	}
	t.removed[len(t.written)] = struct{}{}
	t.written = append(t.written, bytes.Clone(key))
	return t.noted(t.batch.Delete(key, nil))
}

// DeleteRange implements meta.Tx.
func (t *tx) DeleteRange(start, end []byte) error {
	var err error
	if n := max(len(start), len(end)); n > meta.KeyBytesMax+1 {
		err = fmt.Errorf("range bound of %d bytes: %w", n, meta.ErrTooLarge)
	}
	if err := t.admit(err, len(start)+len(end)); err != nil {
		return err
	}
	r := newSpan(start, end)
	if r.empty() {
		return nil
	}
	if end == nil {
		end = afterAllKeys()
	}
	if len(start) == 0 {
		// No key is empty. A range tombstone that begins with the empty key does not
		// survive every flush: what it deleted comes back.
		start = []byte{0}
	}
	t.deleted = append(t.deleted, r)
	return t.noted(t.batch.DeleteRange(start, end, nil))
}

// Add implements meta.Tx.
func (t *tx) Add(key []byte, delta int64) error {
	if err := t.admit(meta.CheckKey(key), len(key)+meta.CounterBytes); err != nil {
		return err
	}
	t.written = append(t.written, bytes.Clone(key))
	return t.noted(t.batch.Merge(key, meta.CounterValue(delta), nil))
}

// admit returns why a write is refused: err, or that it is too late or too much.
func (t *tx) admit(err error, size int) error {
	if t.over {
		return errOver
	}
	if t.bytes += size; err == nil && t.bytes > meta.TxBytesMax {
		err = fmt.Errorf("transaction of more than %d bytes: %w", meta.TxBytesMax, meta.ErrTooLarge)
	}
	return t.noted(err)
}

// noted keeps the first error of a write, so that it cannot be ignored.
func (t *tx) noted(err error) error {
	if err != nil && t.err == nil {
		t.err = err
	}
	return err
}

// changed reports whether a commit after start wrote the key, or may have.
func (t *tx) changed(r readKey) bool {
	if r.stripe.Load() > t.start {
		return true
	}
	ranged := t.s.stripes.rangeDeleted.Load()
	return ranged > t.start && t.s.recent.deletedRange(r.key, t.start, ranged)
}

// valid reports whether what was read at start is still so; commitMu is held.
func (t *tx) valid() bool {
	begun := t.s.begun.Load()
	if !t.started || begun == t.start {
		return true
	}
	for _, r := range t.gets {
		if t.changed(r) {
			return false
		}
	}
	for i := range t.scans {
		if t.s.recent.newest(&t.scans[i], t.start, begun) > 0 {
			return false
		}
	}
	return true
}

// need returns the newest commit that a read depends on.
func (t *tx) need() uint64 {
	durable := t.s.durable.seq.Load()
	if durable >= t.start {
		return 0
	}
	var need uint64
	for _, r := range t.gets {
		need = max(need, r.stripe.Load(), t.s.stripes.rangeDeleted.Load())
	}
	for i := range t.scans {
		need = max(need, t.s.recent.newest(&t.scans[i], durable, t.start))
	}
	return min(need, t.start)
}

func (t *tx) lock() {
	if !t.locked {
		t.s.commitMu.Lock()
		t.locked = true
	}
}

func (t *tx) unlock() {
	if t.locked {
		t.locked = false
		t.s.commitMu.Unlock()
	}
}

func (t *tx) close() {
	t.unlock()
	t.reader.close()
	if t.batch != nil {
		_ = t.batch.Close()
	}
}

// empty reports whether no key can be in s.
func (s *span) empty() bool { return !s.endless && bytes.Compare(s.start, s.end) >= 0 }

// afterAllKeys is greater than every key, since it is longer than the longest.
func afterAllKeys() []byte { return bytes.Repeat([]byte{0xff}, meta.KeyBytesMax+1) }
