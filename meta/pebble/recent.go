package pebble

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	stripeCount  = 1 << 14
	recentCount  = 1 << 10
	recentBytes  = 4 << 10 // of keys kept for one commit; see recent.add
	stripeMask   = stripeCount - 1
	recentMask   = recentCount - 1
	keyAfterMark = 0 // the byte that makes the next key after any key
)

// stripes remember by the hash of a key the newest commit that wrote it. Keys
// that share a stripe only cause a retry or a short wait that was not needed.
// A stripe is set before the commit can be seen, so whoever saw a write finds
// its number, or a higher one, afterwards.
type stripes struct {
	seed maphash.Seed
	seq  []atomic.Uint64
	// rangeDeleted is the newest commit that deleted a range, whose keys are
	// in no stripe.
	rangeDeleted atomic.Uint64
}

func newStripes() stripes {
	return stripes{seed: maphash.MakeSeed(), seq: make([]atomic.Uint64, stripeCount)}
}

// hash is what the other methods know a key by.
func (s *stripes) hash(key []byte) uint64 { return maphash.Bytes(s.seed, key) }

func (s *stripes) of(hash uint64) *atomic.Uint64 { return &s.seq[hash&stripeMask] }

// newest returns the last commit that may have changed a key.
func (s *stripes) newest(hash uint64) uint64 {
	return max(s.of(hash).Load(), s.rangeDeleted.Load())
}

// span is start <= key < end; no end is the end of the store.
type span struct {
	start, end []byte
	endless    bool
}

func newSpan(start, end []byte) span {
	return span{bytes.Clone(start), bytes.Clone(end), end == nil}
}

func (s *span) contains(key []byte) bool {
	return bytes.Compare(s.start, key) <= 0 && (s.endless || bytes.Compare(key, s.end) < 0)
}

func (s *span) overlaps(o *span) bool {
	return (s.endless || bytes.Compare(o.start, s.end) < 0) && (o.endless || bytes.Compare(s.start, o.end) < 0)
}

// add makes s cover key; started says whether s covers anything yet.
func (s *span) add(key []byte, started bool) {
	if !started || bytes.Compare(key, s.start) < 0 {
		s.start = append(s.start[:0], key...)
	}
	if !started || !s.endless && bytes.Compare(key, s.end) >= 0 {
		s.end = append(append(s.end[:0], key...), keyAfterMark)
	}
}

// recent keeps what the last commits wrote, for questions about ranges that
// stripes cannot answer.
type recent struct {
	mu   sync.Mutex // a leaf lock: nothing else is taken under it
	ring [recentCount]written
}

// written is what one commit changed.
type written struct {
	seq    uint64
	keys   []writtenKey
	ranges []span
}

// add records a commit before it can be seen. A commit with many keys is kept
// as the range between the first and the last, to bound memory.
func (r *recent) add(w written) {
	total := 0
	for i := range w.keys {
		total += len(w.keys[i].key)
	}
	if total > recentBytes {
		var hull span
		for i := range w.keys {
			hull.add(w.keys[i].key, i > 0)
		}
		w.keys, w.ranges = nil, append(w.ranges[:len(w.ranges):len(w.ranges)], hull)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[w.seq&recentMask] = w
}

// newest returns the newest commit with after < number <= upto that changed a
// key within s, or 0. It returns upto where it does not remember.
func (r *recent) newest(s *span, after, upto uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for seq := upto; seq > after; seq-- {
		w := &r.ring[seq&recentMask]
		if w.seq != seq {
			return upto
		}
		if w.touches(s) {
			return seq
		}
	}
	return 0
}

// deletedRange reports whether a commit with after < number <= upto deleted a
// range that holds key.
func (r *recent) deletedRange(key []byte, after, upto uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for seq := upto; seq > after; seq-- {
		w := &r.ring[seq&recentMask]
		if w.seq != seq {
			return true
		}
		for i := range w.ranges {
			if w.ranges[i].contains(key) {
				return true
			}
		}
	}
	return false
}

func (w *written) touches(s *span) bool {
	for i := range w.keys {
		if s.contains(w.keys[i].key) {
			return true
		}
	}
	for i := range w.ranges {
		if w.ranges[i].overlaps(s) {
			return true
		}
	}
	return false
}
