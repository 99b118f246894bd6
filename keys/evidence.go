package keys

import (
	"context"
	"math"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coffer"
)

const (
	// clientsMax is how many clients are told apart for each credential; the uses
	// of others are only counted.
	clientsMax = 1000
	// textMax is the length of the longest text that is kept of a client.
	textMax = 200
	// flushEvery is how often evidence is written: what a crash loses.
	flushEvery = 5 * time.Second
	// rememberFor is how long a client that was written stays in memory.
	rememberFor = 15 * time.Minute
	// rememberedMax is how many clients are in memory, of all credentials together and
	// up to a KiB each, before those go that were written; uses of new ones are only
	// counted when there are knownMax. Who signs can call itself what it likes, each
	// time, and an account has as many keys as it likes.
	rememberedMax = 10_000
	knownMax      = 40_000
)

// Use is one request that a credential signed rightly.
type Use struct {
	Time      time.Time
	Source    netip.Addr
	UserAgent string
	Operation string
	Bucket    string
	Region    string
	// Refused says that Admit refused it.
	Refused bool
}

// Used counts one use. It neither waits for the store nor, for a client that is
// known, allocates.
func (s *Service) Used(k SigningKey, u Use) {
	if k.state == nil || k.state.tracker == nil {
		return
	}
	t := k.state.tracker
	id := clientID{u.Source, cut(u.UserAgent), cut(u.Operation), cut(u.Bucket), cut(u.Region)}
	t.mu.RLock()
	c := t.clients[id]
	if c != nil {
		c.add(u)
	}
	t.mu.RUnlock()
	if c == nil {
		t.meet(id, u)
	}
	if !t.dirty.Load() && t.dirty.CompareAndSwap(false, true) {
		s.evidence.mark(t)
	}
}

func cut(s string) string {
	if len(s) > textMax {
		return s[:textMax]
	}
	return s
}

// ref names a credential: the key, and which of its secrets.
type ref struct {
	key        coffer.KeyID
	generation int
}

// evidence is what is in memory of who uses which credential.
type evidence struct {
	known *atomic.Int64 // clients of all trackers
	many  chan struct{} // has one when there are more than rememberedMax

	mu       sync.Mutex // guards what follows
	trackers map[ref]*tracker
	dirty    []*tracker // those with something to write
}

func newEvidence() evidence {
	return evidence{known: &atomic.Int64{}, many: make(chan struct{}, 1), trackers: map[ref]*tracker{}}
}

// tracker returns the one of a credential.
func (e *evidence) tracker(r ref) *tracker {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.trackers[r]
	if t == nil {
		t = &tracker{ref: r, known: e.known, many: e.many, clients: map[clientID]*client{}}
		e.trackers[r] = t
	}
	return t
}

func (e *evidence) mark(t *tracker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dirty = append(e.dirty, t)
	if e.trackers[t.ref] == nil {
		e.trackers[t.ref] = t
	}
}

// take returns the trackers that have something to write, which from here on
// may be marked again.
func (e *evidence) take() []*tracker {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.dirty
	e.dirty = nil
	for _, t := range all {
		t.dirty.Store(false)
	}
	return all
}

// forget drops from memory who was written and has not come back since. What
// still has a tracker that went may count in it, and mark brings it back.
func (e *evidence) forget(before time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r, t := range e.trackers {
		if t.forget(before.UnixNano()) {
			delete(e.trackers, r)
		}
	}
}

// clientID tells the clients of one credential apart.
type clientID struct {
	source                           netip.Addr
	agent, operation, bucket, region string
}

// client counts the uses of one client since they were last written. The times
// are Unix nanoseconds, 0 for none.
type client struct {
	count, refused           atomic.Int64
	first, last, lastRefused atomic.Int64
}

func (c *client) add(u Use) {
	now := u.Time.UnixNano()
	if u.Refused {
		c.refused.Add(1)
		c.lastRefused.Store(now)
	} else {
		c.count.Add(1)
		c.last.Store(now)
	}
	if c.first.Load() == 0 {
		c.first.CompareAndSwap(0, now)
	}
}

// tracker has the clients of one credential.
type tracker struct {
	ref   ref
	dirty atomic.Bool
	known *atomic.Int64 // of evidence, and many too
	many  chan struct{}

	mu      sync.RWMutex // guards clients; held for reading while one is counted
	clients map[clientID]*client
}

// othersID stands for all clients beyond clientsMax.
var othersID = clientID{operation: "\x00others"}

// meet counts the use of a client that is not known yet.
func (t *tracker) meet(id clientID, u Use) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clients[id] == nil && (len(t.clients) >= clientsMax || t.known.Load() >= knownMax) {
		id = othersID
	}
	c := t.clients[id]
	if c == nil {
		// The texts are pieces of a request, all of which they would keep alive.
		id.agent, id.operation = strings.Clone(id.agent), strings.Clone(id.operation)
		id.bucket, id.region = strings.Clone(id.bucket), strings.Clone(id.region)
		c = t.add(id)
	}
	c.add(u)
}

// add begins to count a client. The lock is held.
func (t *tracker) add(id clientID) *client {
	c := &client{}
	t.clients[id] = c
	if t.known.Add(1) > rememberedMax {
		select {
		case t.many <- struct{}{}:
		default: // it is known already
		}
	}
	return c
}

// delta is what one client did since it was last written.
type delta struct {
	id                       clientID
	count, refused           int64
	first, last, lastRefused int64
}

// collect takes what is to be written.
func (t *tracker) collect() []delta {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []delta
	for id, c := range t.clients {
		d := delta{id: id, count: c.count.Swap(0), refused: c.refused.Swap(0), first: c.first.Swap(0)}
		if d.count+d.refused == 0 {
			continue
		}
		if d.count > 0 {
			d.last = c.last.Load()
		}
		if d.refused > 0 {
			d.lastRefused = c.lastRefused.Load()
		}
		if d.first == 0 {
			// A use was counted after the last collect had taken the first.
			d.first = max(d.last, d.lastRefused)
		}
		all = append(all, d)
	}
	return all
}

// giveBack counts again what could not be written.
func (t *tracker) giveBack(all []delta) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range all {
		c := t.clients[d.id]
		if c == nil {
			c = t.add(d.id)
		}
		c.count.Add(d.count)
		c.refused.Add(d.refused)
		c.first.Store(d.first)
		c.last.Store(max(c.last.Load(), d.last))
		c.lastRefused.Store(max(c.lastRefused.Load(), d.lastRefused))
	}
}

// forget drops the clients that were written and last came before, and tells
// whether none are left.
func (t *tracker) forget(before int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.clients {
		if c.count.Load()+c.refused.Load() == 0 && max(c.last.Load(), c.lastRefused.Load()) < before {
			delete(t.clients, id)
			t.known.Add(-1)
		}
	}
	return len(t.clients) == 0
}

// flushOften writes evidence until ctx ends.
func (s *Service) flushOften(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		all := false
		select {
		case <-ctx.Done():
			return
		case <-s.evidence.many:
			all = true
		case <-tick.C:
		}
		if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("cannot write who uses which access key, trying again", "error", err)
			all = false // nothing more than usual can go, and not again at once
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
		before := s.now().Add(-rememberFor)
		if all {
			before = time.Unix(0, math.MaxInt64)
		}
		s.evidence.forget(before)
	}
}
