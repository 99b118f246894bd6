package pebble

import (
	"bytes"
	"errors"
	"fmt"

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
	indexed bool // batch shows what it holds to reads; see index
	started bool
	start   uint64
	locked  bool // commitMu is held

	gets      []readKey
	scans     []span
	written   []writtenKey
	writtenBy map[uint64]struct{} // the hashes of written, once they are many
	deleted   []span
	added     []addition // not in batch yet
	keys      []byte     // what the keys of gets and written are cut from
	bytes     int
	conflict  bool
	err       error // the first error of a write
}

type readKey struct {
	hash uint64
	key  []byte
}

// writtenKey is a key that a transaction wrote.
type writtenKey struct {
	hash    uint64
	key     []byte
	removed bool
}

// addition is what a transaction adds to one counter.
type addition struct {
	writtenKey
	delta int64
}

// ownWritesMax is up to how many keys of a transaction are looked through one by one.
const ownWritesMax = 16

// begin fixes the state that the transaction reads.
func (t *tx) begin() {
	if !t.started {
		t.started, t.start = true, t.s.applied.Load()
	}
}

// copyOf returns a copy of key that stays as it is for as long as anybody has it.
func (t *tx) copyOf(key []byte) []byte {
	if cap(t.keys)-len(t.keys) < len(key) {
		t.keys = make([]byte, 0, max(keysBytes, len(key)))
	}
	at := len(t.keys)
	t.keys = append(t.keys, key...)
	return t.keys[at:len(t.keys):len(t.keys)]
}

// keysBytes is how much room is made for the copies of keys at a time.
const keysBytes = 512

// Get implements meta.Reader.
func (t *tx) Get(key []byte) ([]byte, error) {
	if t.over {
		return nil, errOver
	}
	if err := meta.CheckKey(key); err != nil {
		return nil, err
	}
	t.begin()
	r := readKey{t.s.stripes.hash(key), t.copyOf(key)}
	t.gets = append(t.gets, r)
	value, err := t.read(r)
	if t.changed(r) {
		t.conflict = true
		return nil, errConflict
	}
	return value, err
}

// read reads a key, the transaction's own writes first.
func (t *tx) read(r readKey) ([]byte, error) {
	if !t.wrote(r.hash) {
		return t.row(t.s, r.hash, r.key, t.start, false)
	}
	if err := errors.Join(t.settleFor(r.hash), t.index()); err != nil {
		return nil, t.noted(err)
	}
	return t.get(t.batch, r.key)
}

// wrote reports whether the transaction may have written a key.
func (t *tx) wrote(hash uint64) bool {
	if len(t.deleted) > 0 {
		return true
	}
	if t.writtenBy != nil {
		_, ok := t.writtenBy[hash]
		return ok
	}
	for i := range t.written {
		if t.written[i].hash == hash {
			return true
		}
	}
	return false
}

// index makes the batch one that reads see through to the database. Few
// transactions read what they wrote, and the others need not pay for it.
func (t *tx) index() error {
	if t.indexed {
		return nil
	}
	t.indexed = true
	plain := t.batch
	t.batch = t.s.db.NewIndexedBatch()
	if plain.Empty() {
		return plain.Close()
	}
	return errors.Join(t.batch.Apply(plain, nil), plain.Close())
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
	src := pebbledb.Reader(t.s.db)
	if t.indexed || len(t.written) > 0 || len(t.deleted) > 0 {
		if err := errors.Join(t.settle(), t.index()); err != nil {
			return failedIter(t.noted(err))
		}
		src = t.batch
	}
	i := t.iter(src, bounds, func(covered span) { t.scans = append(t.scans, covered) })
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
	if err := t.settleFor(t.write(key, false).hash); err != nil {
		return t.noted(err)
	}
	return t.noted(t.batch.Set(key, value, nil))
}

// Delete implements meta.Tx.
func (t *tx) Delete(key []byte) error {
	if err := t.admit(meta.CheckKey(key), len(key)); err != nil {
		return err
	}
	if err := t.settleFor(t.write(key, true).hash); err != nil {
		return t.noted(err)
	}
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
	if err := t.settle(); err != nil {
		return t.noted(err)
	}
	t.deleted = append(t.deleted, r)
	return t.noted(t.batch.DeleteRange(start, end, nil))
}

// Add implements meta.Tx.
func (t *tx) Add(key []byte, delta int64) error {
	if err := t.admit(meta.CheckKey(key), len(key)+meta.CounterBytes); err != nil {
		return err
	}
	hash := t.s.stripes.hash(key)
	for i := range t.added {
		if a := &t.added[i]; a.hash == hash && bytes.Equal(a.key, key) {
			a.delta += delta
			return nil
		}
	}
	if len(t.added) == ownWritesMax {
		if err := t.settle(); err != nil {
			return t.noted(err)
		}
	}
	t.added = append(t.added, addition{t.write(key, false), delta})
	return nil
}

// settle puts the additions into the batch. It comes before whatever might meet
// them there, and before the commit; a thousand deletes add to the same counters.
func (t *tx) settle() error {
	for i := range t.added {
		if err := t.batch.Merge(t.added[i].key, meta.CounterValue(t.added[i].delta), nil); err != nil {
			return err
		}
	}
	t.added = t.added[:0]
	return nil
}

// settleFor settles if one of the additions is to key.
func (t *tx) settleFor(hash uint64) error {
	for i := range t.added {
		if t.added[i].hash == hash {
			return t.settle()
		}
	}
	return nil
}

// write notes that the transaction writes a key.
func (t *tx) write(key []byte, removed bool) writtenKey {
	w := writtenKey{t.s.stripes.hash(key), t.copyOf(key), removed}
	t.written = append(t.written, w)
	switch {
	case t.writtenBy != nil:
		t.writtenBy[w.hash] = struct{}{}
	case len(t.written) > ownWritesMax:
		t.writtenBy = make(map[uint64]struct{}, 4*ownWritesMax)
		for i := range t.written {
			t.writtenBy[t.written[i].hash] = struct{}{}
		}
	}
	return w
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
	if t.s.stripes.of(r.hash).Load() > t.start {
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
		need = max(need, t.s.stripes.newest(r.hash))
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
