package pebble

import (
	"sync"
	"sync/atomic"
)

const (
	// rowsBytesDefault bounds the rows kept in memory, what they cost included.
	rowsBytesDefault = 64 << 20
	// rowBytesMax is the largest value that is kept: the bytes of a small object.
	rowBytesMax = 16<<10 + 64
	// rowOverhead is what a kept row costs beside its key and value.
	rowOverhead = 96
	rowShards   = 32 // a power of two
	// largeShare is the part of the memory that large values have: one pushes out twenty
	// small ones, each of which saves a look-up as well.
	largeShare = 4
	// seenCount is how many large values are remembered by a mark alone, so that one
	// is kept only when it is read again: a walk over all objects would push out all
	// others.
	seenCount = 1 << 14 // a power of two
)

// rows keeps small values in front of the database, since to find one there takes
// several microseconds and most requests ask for the same few: buckets, quotas,
// the objects of the moment. It also keeps that there is no value.
//
// A row that is kept is what the key holds now, and has held since the commit
// that is noted with it; so it is the answer to every reader whose state is that
// commit or a later one. A commit takes what it writes out of here after it marked
// the key's stripe and before anybody can see it. A reader puts in only what it
// read of a key whose stripe shows no commit after its state, and looks at the
// stripe under the lock that the commit takes to remove the row.
type rows struct {
	shards [rowShards]rowShard
	seen   [seenCount]atomic.Uint32
}

type rowShard struct {
	mu    sync.Mutex // guards what follows
	small generations
	large generations
}

// generations are two. What is used moves to the young one; when that is full it
// becomes the old one, and what was not used since then is forgotten.
type generations struct {
	young map[string]keptRow
	old   map[string]keptRow
	bytes int // of young
	most  int // that young may have
}

// keptRow is a value, or nil for a key without one, and the commit since which the
// key has held it.
type keptRow struct {
	value []byte
	since uint64
}

func (r *rows) init(bytes int64) {
	most := int(bytes / (2 * rowShards))
	for i := range r.shards {
		s := &r.shards[i]
		s.large.most = most / largeShare
		s.small.most = most - s.large.most
	}
}

func (r *rows) shard(hash uint64) *rowShard { return &r.shards[hash>>32&(rowShards-1)] }

// find returns what key holds in the state of a commit, if it is kept. The bytes
// are never changed.
func (r *rows) find(hash uint64, key []byte, state uint64) (keptRow, bool) {
	s := r.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.small.find(key)
	if !ok {
		row, ok = s.large.find(key)
	}
	return row, ok && row.since <= state
}

func (g *generations) find(key []byte) (keptRow, bool) {
	row, ok := g.young[string(key)]
	if !ok {
		if row, ok = g.old[string(key)]; ok {
			delete(g.old, string(key))
			g.put(string(key), row)
		}
	}
	return row, ok
}

// wants tells whether a value of so many bytes, which was just read, should be kept.
func (r *rows) wants(hash uint64, bytes int) bool {
	switch {
	case bytes <= copiedBytesMax:
		return true
	case bytes > rowBytesMax:
		return false
	}
	mark := &r.seen[hash&(seenCount-1)]
	return mark.Swap(uint32(hash>>32)) == uint32(hash>>32)
}

// keep puts in what key holds in the state of a commit, unless its stripes show a
// later one. The value is the cache's from here on.
func (r *rows) keep(hash uint64, key, value []byte, state uint64, of *stripes) {
	s := r.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	since := of.newest(hash)
	if since > state {
		return
	}
	g, other := &s.small, &s.large
	if len(value) > copiedBytesMax {
		g, other = other, g
	}
	other.drop(key)
	g.put(string(key), keptRow{value, since})
}

// put adds a row to the young generation.
func (g *generations) put(key string, row keptRow) {
	size := rowBytes(key, row)
	if g.bytes+size > g.most {
		g.old, g.young, g.bytes = g.young, nil, 0
	}
	if g.young == nil {
		g.young = make(map[string]keptRow)
	}
	if before, ok := g.young[key]; ok {
		g.bytes -= rowBytes(key, before)
	}
	g.bytes += size
	g.young[key] = row
}

func rowBytes(key string, row keptRow) int { return len(key) + len(row.value) + rowOverhead }

// drop forgets a row that is about to change.
func (r *rows) drop(hash uint64, key []byte) {
	s := r.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.small.drop(key)
	s.large.drop(key)
}

func (g *generations) drop(key []byte) {
	if row, ok := g.young[string(key)]; ok {
		g.bytes -= rowBytes(string(key), row)
		delete(g.young, string(key))
	}
	delete(g.old, string(key))
}

// clear forgets all rows.
func (r *rows) clear() {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.small.clear()
		s.large.clear()
		s.mu.Unlock()
	}
}

func (g *generations) clear() { g.young, g.old, g.bytes = nil, nil, 0 }
