package accounts

import (
	"net/netip"
	"sync"
	"time"

	"coffer"
)

// rule says how failures of one kind slow down the next try: the first free ones
// not at all, then 1 s, 2 s, 4 s … up to longest.
type rule struct {
	free    int
	longest time.Duration
}

// The thresholds; the package comment explains them.
var (
	ruleSource = rule{free: 20, longest: 5 * time.Minute}
	ruleEmail  = rule{free: 10, longest: 30 * time.Second}
	ruleDevice = rule{free: 10, longest: 5 * time.Minute}
	ruleFactor = rule{free: 5, longest: 5 * time.Minute}
)

const (
	firstDelay = time.Second
	// forgetAfter is how long a failure counts.
	forgetAfter = time.Hour
	// triesMax bounds the memory of one throttle: about 2 MB.
	triesMax = 10_000
)

// throttle counts failures by who failed. It lives in memory: a restart forgets,
// and nobody from outside can cause one.
type throttle struct {
	rule rule
	max  int // how many are kept

	mu    sync.Mutex // guards tries
	tries map[string]*tries
}

type tries struct {
	failed int
	last   time.Time // when the last one began
}

func newThrottle(r rule) *throttle {
	return &throttle{rule: r, max: triesMax, tries: map[string]*tries{}}
}

// wait is how long the next try of who must wait.
func (t *throttle) wait(who string, now time.Time) time.Duration {
	e := t.tries[who]
	if e == nil {
		return 0
	}
	return max(0, e.last.Add(t.delay(e.failed)).Sub(now))
}

// delay is the pause after a number of failures.
func (t *throttle) delay(failed int) time.Duration {
	over := failed - t.rule.free
	switch {
	case over < 0 || failed == 0:
		return 0
	case over > 20:
		return t.rule.longest
	}
	return min(t.rule.longest, firstDelay<<over)
}

// begin counts a try of who as failed before it is known, so that many at once
// are not all free; success takes that back. A try before its time is not
// counted, and returns how long to wait.
func (t *throttle) begin(who string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.tries[who]
	if e != nil && now.Sub(e.last) > forgetAfter {
		delete(t.tries, who)
		e = nil
	}
	if e == nil {
		t.evict(now)
		e = &tries{}
		t.tries[who] = e
	}
	if e.last.After(now) {
		e.last = now // by a clock that was ahead: nobody waits until then
	}
	if w := t.wait(who, now); w > 0 {
		return w
	}
	e.failed++
	e.last = now
	return 0
}

// undo takes back what begin counted.
func (t *throttle) undo(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.tries[who]; e != nil {
		if e.failed--; e.failed <= 0 {
			delete(t.tries, who)
		}
	}
}

// clear forgets who.
func (t *throttle) clear(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, who)
}

// evict makes room for one more: what is forgotten anyway goes first, then who
// failed least, so that a flood of new names does not free an old one.
func (t *throttle) evict(now time.Time) {
	if len(t.tries) < t.max {
		return
	}
	var least string
	for who, e := range t.tries {
		if now.Sub(e.last) > forgetAfter {
			delete(t.tries, who)
			continue
		}
		if l := t.tries[least]; l == nil || e.failed < l.failed || e.failed == l.failed && e.last.Before(l.last) {
			least = who
		}
	}
	if len(t.tries) >= t.max {
		delete(t.tries, least)
	}
}

// network is that of an address, with a port or without; what is none is left as it is.
func network(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		if ap, err := netip.ParseAddrPort(source); err == nil {
			addr = ap.Addr()
		} else {
			return source
		}
	}
	return coffer.SourceNetwork(addr)
}

// slowDown is the refusal of a try before its time.
func slowDown(wait time.Duration) error {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return coffer.Errorf(coffer.SlowDown, "too many tries failed: wait %d seconds and try again", seconds).
		With("RetryAfter", itoa(seconds))
}
