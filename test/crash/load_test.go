package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// The shape of a load. Each worker has keys of its own, and all take turns on
// the shared ones.
const (
	workers      = 6
	ownKeys      = 4
	sharedKeys   = 10
	operationMax = 300 // of each worker in one cycle, if a load does not say otherwise
	partBytes    = 5 << 20
)

// oddParts are put into keys, since a key must come back as it was.
var oddParts = []string{"plain", "a b", "a//b", "+%2F", "ключ", "🗝", "..", "&<>'\""}

// loadKeys are the keys of a whole load, the workers' own first.
func loadKeys() []string {
	var keys []string
	for i := range workers*ownKeys + sharedKeys {
		keys = append(keys, fmt.Sprintf("k%02d/%s", i, oddParts[i%len(oddParts)]))
	}
	return keys
}

// load is the requests of one cycle.
type load struct {
	ledger *ledger
	client *client
	cycle  int
	each   int // operations of a worker

	// reached is closed when the target-th request is sent.
	started atomic.Int64
	target  int64
	reached chan struct{}
	// down is set before the floor is taken away: from then on a request may fail.
	down atomic.Bool
	// power is where the load stands in a power cut.
	power atomic.Int32

	acked, unknown atomic.Int64
}

func newLoad(l *ledger, c *client, cycle int, target int64) *load {
	return &load{ledger: l, client: c, cycle: cycle, each: operationMax, target: target, reached: make(chan struct{})}
}

// start sends requests from all workers; the channel is closed when every one of
// them has stopped, which is when the server is gone or enough was done.
func (l *load) start() <-chan struct{} {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range workers {
		w := &worker{load: l, number: i, rand: rand.New(rand.NewPCG(l.ledger.seed, uint64(l.cycle)<<8|uint64(i)))}
		entries := l.ledger.entries
		w.entries = append(slices.Clone(entries[i*ownKeys:(i+1)*ownKeys]), entries[workers*ownKeys:]...)
		wg.Go(w.run)
	}
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// worker sends one request after the other.
type worker struct {
	*load
	number  int
	rand    *rand.Rand
	entries []*entry
	ops     int
}

// kinds are the operations with their weights.
var kinds = []struct {
	weight int
	run    func(*worker) bool
}{
	{40, (*worker).put},
	{12, (*worker).delete},
	{10, (*worker).copy},
	{4, (*worker).rename},
	{4, (*worker).multipart},
	{7, (*worker).race},
	{5, (*worker).deleteMany},
	{16, (*worker).get},
	{6, (*worker).broken},
	{4, (*worker).forged},
}

func (w *worker) run() {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for range w.each {
		n := w.rand.IntN(total)
		for _, k := range kinds {
			if n -= k.weight; n < 0 {
				if !k.run(w) {
					return
				}
				break
			}
		}
	}
}

// The states of load.power.
const (
	powerOn int32 = iota
	powerCutting
	powerOff
)

var errDuringCut = errors.New("it was acknowledged during the power cut")

// send sends a request, and tells who waits for the target.
func (w *worker) send(q request) (*reply, error) {
	return w.judge(func() (*reply, error) { return w.client.do(q) })
}

// judge sends a request. An acknowledgement of what was under way while the power
// was being cut counts as none: nobody would hear it from a machine without power,
// and an fsync that meets ext4's shutdown ioctl can succeed and be lost (seen with
// Linux 6.18, in about one of 75 cuts, by a program that only writes and syncs).
// Of what is sent when the power is off, an acknowledgement counts as ever.
func (w *worker) judge(send func() (*reply, error)) (*reply, error) {
	if w.started.Add(1) == w.target {
		close(w.reached)
	}
	before := w.power.Load()
	r, err := send()
	if err == nil && r.status < 300 && before != powerOff && w.power.Load() != powerOn {
		return nil, errDuringCut
	}
	return r, err
}

// name is unlike any other of this run.
func (w *worker) name() string {
	w.ops++
	return fmt.Sprintf("%x-%d-%d-%d", w.ledger.seed, w.cycle, w.number, w.ops)
}

// size draws a size: often one around a limit of the server.
func (w *worker) size() int64 {
	edges := []int64{0, 1, inlineMax - 1, inlineMax, inlineMax + 1, 128 << 10, 256 << 10, 256<<10 + 1}
	switch n := w.rand.IntN(100); {
	case n < 15:
		return edges[w.rand.IntN(len(edges))]
	case n < 65:
		return w.rand.Int64N(inlineMax)
	case n < 92:
		return inlineMax + w.rand.Int64N(1<<20)
	}
	return 1<<20 + w.rand.Int64N(7<<20)
}

// hold takes up to n keys that nobody uses and whose state is known.
func (w *worker) hold(n int) []*entry {
	var held []*entry
	for _, i := range w.rand.Perm(len(w.entries)) {
		e := w.entries[i]
		if len(held) == n || !e.mu.TryLock() {
			continue
		}
		if !e.known() {
			e.mu.Unlock()
			continue
		}
		held = append(held, e)
	}
	return held
}

func release(held []*entry) {
	for _, e := range held {
		e.mu.Unlock()
	}
}

// one runs fn on a key that is held meanwhile.
func (w *worker) one(fn func(*entry) bool) bool {
	held := w.hold(1)
	defer release(held)
	return len(held) == 0 || fn(held[0])
}

// settle notes what the answer to a write of v says, and tells whether the server
// is there. A 4xx is a refusal: nothing has happened. A 5xx, or an answer that did
// not come, leaves it open.
func (w *worker) settle(what string, e *entry, v version, r *reply, err error) bool {
	switch {
	case err != nil:
		w.surprise("%s %q: %v", what, e.key, err)
	case r.status < 300 && r.code() == "":
		w.acked.Add(1)
		e.might = []version{v}
		return true
	case r.status < 500 && r.status >= 300:
		w.ledger.problem("%s %q = %s, want success", what, e.key, r)
		return true
	default:
		w.surprise("%s %q = %s", what, e.key, r)
	}
	w.unknown.Add(1)
	e.might = append(e.might, v)
	return err == nil
}

// surprise is an answer that only a failing server may give.
func (w *worker) surprise(format string, args ...any) {
	if !w.down.Load() {
		w.ledger.problem("before anything was broken: "+format, args...)
	}
}
