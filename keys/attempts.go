package keys

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coffer"
)

const (
	// Wrong signatures that one source may send for one access key, and for all
	// unknown ones together: so many at once, and then so many a second. A secret
	// that coffer made cannot be guessed at all; one that was imported may be short.
	wrongBurst     = 3000
	wrongPerSecond = 100
	// attemptsMax bounds how many sources and keys are watched at a time, about 200
	// bytes each.
	attemptsMax = 20_000
)

// attempts slows down who guesses secrets, over all fronts together. Its memory is
// bounded and its counts are of this process alone.
type attempts struct {
	mu    sync.Mutex // guards table and what is in it
	table map[attempt]*rate.Limiter
}

type attempt struct {
	source string
	id     coffer.AccessKeyID // "" is all that are unknown
}

func attemptOf(source netip.Addr, id coffer.AccessKeyID) attempt {
	return attempt{coffer.SourceNetwork(source), id}
}

// mayTry tells whether a signature is looked at, after what was wrong before.
func (l *attempts) mayTry(now time.Time, a attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.table[a]
	return e == nil || e.TokensAt(now) >= 1
}

// wrong counts a signature that was wrong; false if there were too many.
func (l *attempts) wrong(now time.Time, a attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.table[a]
	if e == nil {
		l.makeRoom(now)
		e = rate.NewLimiter(wrongPerSecond, wrongBurst)
		l.table[a] = e
	}
	return e.AllowN(now, 1)
}

// makeRoom drops entries when there are too many: first those that hold nobody
// back, then some more, so that a flood of new ones does not look at all of them
// each time. The lock is held.
func (l *attempts) makeRoom(now time.Time) {
	if l.table == nil {
		l.table = map[attempt]*rate.Limiter{}
	}
	if len(l.table) < attemptsMax {
		return
	}
	for a, e := range l.table {
		if e.TokensAt(now) >= wrongBurst {
			delete(l.table, a)
		}
	}
	for a := range l.table {
		if len(l.table) < attemptsMax*3/4 {
			break
		}
		delete(l.table, a)
	}
}

// tooMany is the answer to who was wrong too often.
func tooMany() error {
	return coffer.Errorf(coffer.SlowDown, "Please reduce your request rate: too many requests from this address had a wrong signature.")
}
