package keys

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// ratesMax bounds how many names a rates watches at a time, about 200 bytes each.
const ratesMax = 20_000

// rates slows down each of many by its name: so many at once, and then so many a
// second. Its memory is bounded and its counts are of this process alone.
type rates[K comparable] struct {
	burst     int
	perSecond rate.Limit

	mu    sync.Mutex // guards table and what is in it
	table map[K]*rate.Limiter
}

// may tells whether take would be true.
func (r *rates[K]) may(now time.Time, name K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.table[name]
	return l == nil || l.TokensAt(now) >= 1
}

// take counts one of name; false if there were too many.
func (r *rates[K]) take(now time.Time, name K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.table[name]
	if l == nil {
		r.makeRoom(now)
		l = rate.NewLimiter(r.perSecond, r.burst)
		r.table[name] = l
	}
	return l.AllowN(now, 1)
}

// makeRoom drops entries when there are too many: first those that hold nobody
// back, then some more, so that a flood of new ones does not look at all of them
// each time. The lock is held.
func (r *rates[K]) makeRoom(now time.Time) {
	if r.table == nil {
		r.table = map[K]*rate.Limiter{}
	}
	if len(r.table) < ratesMax {
		return
	}
	for name, l := range r.table {
		if l.TokensAt(now) >= float64(r.burst) {
			delete(r.table, name)
		}
	}
	for name := range r.table {
		if len(r.table) < ratesMax*3/4 {
			break
		}
		delete(r.table, name)
	}
}
