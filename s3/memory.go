package s3

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"coffer"
)

const (
	// heldPerProcessor is how much of the documents of all requests, those that are
	// being sent and those that are answered, is in memory at a time, for each
	// processor; half of it for one account, or one address without a key.
	heldPerProcessor = 16 << 20
	// workPerProcessor is how much memory documents are read and acted on in.
	workPerProcessor = 8 << 20
	// memoryPatience is how long a request waits for its share before it is told to
	// come again.
	memoryPatience = 30 * time.Second
	// smallDocument is what a request may hold without being counted: a connection
	// alone has as much.
	smallDocument = 16 << 10
)

// memory bounds what the documents of all requests have in memory, however many
// connections they come by. Objects are not counted: of these a request holds some
// blocks, whatever their size.
type memory struct {
	held, work *room
	// each is how much of held one account or address may have.
	each     int64
	patience time.Duration
	mu       sync.Mutex // guards what follows
	holds    map[string]*hold
	clients  map[*client]bool
}

// hold is what one account or address holds.
type hold struct {
	*room
	users int // requests that have some of it or wait for it
}

// room is a number of bytes that are handed out in the order of the asking.
type room struct {
	*semaphore.Weighted
	bytes int64
	// wait begins to make room for one who waits, until done; nil does not.
	wait func() (done func())
}

func newRoom(bytes int64) *room { return &room{Weighted: semaphore.NewWeighted(bytes), bytes: bytes} }

func newMemory(processors int) *memory {
	n := int64(max(2, processors))
	m := &memory{held: newRoom(n * heldPerProcessor), work: newRoom(n * workPerProcessor), each: n * heldPerProcessor / 2,
		patience: memoryPatience, holds: map[string]*hold{}, clients: map[*client]bool{}}
	m.held.wait = m.hurry
	return m
}

// lease is a part of a room. It counts for no more than there is, so that whoever
// asks for all waits for all, and not for ever.
type lease struct {
	rooms []*room // asked in this order
	bytes int64
	end   func()
}

// take waits for n bytes in each room.
func (l *lease) take(ctx context.Context, n int64, rooms ...*room) error {
	for _, r := range rooms {
		n = min(n, r.bytes)
	}
	for i, r := range rooms {
		if err := r.acquire(ctx, n); err != nil {
			for _, r := range rooms[:i] {
				r.Release(n)
			}
			return err
		}
	}
	l.rooms, l.bytes = rooms, n
	return nil
}

func (r *room) acquire(ctx context.Context, n int64) error {
	if r.TryAcquire(n) {
		return nil
	}
	if r.wait != nil {
		defer r.wait()()
	}
	return r.Acquire(ctx, n)
}

// keep gives back all but n bytes.
func (l *lease) keep(n int64) {
	if n = max(n, 0); n >= l.bytes {
		return
	}
	for _, r := range l.rooms {
		r.Release(l.bytes - n)
	}
	if l.bytes = n; n == 0 && l.end != nil {
		l.end()
		l.end = nil
	}
}

// holdOf is what who holds; leave must follow.
func (m *memory) holdOf(who string) (h *hold, leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h = m.holds[who]
	if h == nil {
		h = &hold{room: newRoom(m.each)}
		m.holds[who] = h
	}
	h.users++
	return h, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(m.holds, who)
		}
	}
}

// hold waits until the request may have n bytes in memory for as long as its client
// takes to send or to read them. A request holds once, so that no two wait for each
// other.
func (q *request) hold(n int64) error {
	who := string(q.actor.Account)
	if q.actor.Anonymous() {
		who = coffer.SourceNetwork(q.source())
	}
	h, leave := q.memory.holdOf(who)
	ctx, cancel := context.WithTimeout(q.ctx, q.memory.patience)
	defer cancel()
	if err := q.held.take(ctx, n, h.room, q.memory.held); err != nil {
		leave()
		return q.crowded()
	}
	q.held.end = leave
	return nil
}

// A page of a list takes entryBytes for each entry beside its name.
const entryBytes = 640

// holdPage holds what a page of a list can take at most, and a piece of the document
// that is made of it.
func (q *request) holdPage(entries int) error {
	if entries <= smallDocument/(entryBytes+coffer.ObjectKeyMax) {
		return nil
	}
	return q.hold(pieceBytes + int64(entries)*(entryBytes+coffer.ObjectKeyMax))
}

// keepPage gives back what a page that was read does not take.
func (q *request) keepPage(entries, names int, prefixes []string) {
	for _, p := range prefixes {
		names += len(p) + 16
	}
	q.held.keep(int64(pieceBytes + entries*entryBytes + names))
}

// toil waits until the request may use n bytes for work that waits for no client.
func (q *request) toil(n int64) error {
	ctx, cancel := context.WithTimeout(q.ctx, q.memory.patience)
	defer cancel()
	if q.work.take(ctx, n, q.memory.work) != nil {
		return q.crowded()
	}
	return nil
}

// forget gives back all memory.
func (q *request) forget() {
	q.work.keep(0)
	q.held.keep(0)
}

// crowded is the refusal of a request that waited in vain.
func (q *request) crowded() error {
	if err := context.Cause(q.ctx); err != nil {
		return err
	}
	if q.Metrics != nil {
		q.Metrics.Limited("memory")
	}
	return coffer.Errorf(coffer.SlowDown, "Please reduce your request rate: too many large lists and documents at a time.")
}
