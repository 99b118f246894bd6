package s3

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coffer"
)

const (
	// limitsMax bounds how many keys, accounts and sources are watched at a time,
	// about 200 bytes each.
	limitsMax = 20_000
	// ratesKept is how long a rate that an operator set is believed.
	ratesKept = 5 * time.Second
)

// limits slows down who asks more often than they may. Its memory is bounded and
// its counts are of this process alone.
type limits struct {
	// perSecond is for each account, access key and anonymous source, unless its
	// quota says otherwise; 0 is no limit.
	perSecond int64
	// rates reads what the quotas of an account and a key say; 0 is nothing.
	rates func(context.Context, coffer.AccountID, coffer.KeyID) (ofAccount, ofKey int64, err error)

	mu    sync.Mutex // guards table and what is in it
	table map[limitName]*limit
}

// limitName is what a limit is for; kind is a word of those that Limited counts.
type limitName struct{ kind, who, what string }

type limit struct {
	bucket *rate.Limiter // nil: none
	// What the quotas said, for a key only.
	ofAccount, ofKey int64
	read             time.Time
}

// take counts one request of an actor, and returns who asks too often: "key",
// "account", "source", or "" if nobody does.
func (l *limits) take(ctx context.Context, now time.Time, actor coffer.Actor, source netip.Addr) string {
	if actor.Anonymous() {
		if l.perSecond > 0 && !l.allow(limitName{kind: "source", who: coffer.SourceNetwork(source)}, now, l.perSecond) {
			return "source"
		}
		return ""
	}
	name := limitName{"key", string(actor.Account), string(actor.Key)}
	ofAccount, ofKey := l.ratesOf(ctx, now, name, actor)
	switch {
	case ofKey > 0 && !l.allow(name, now, ofKey):
		return "key"
	case ofAccount > 0 && !l.allow(limitName{kind: "account", who: string(actor.Account)}, now, ofAccount):
		return "account"
	}
	return ""
}

// ratesOf is how often an account and its key may ask.
func (l *limits) ratesOf(ctx context.Context, now time.Time, name limitName, actor coffer.Actor) (ofAccount, ofKey int64) {
	l.mu.Lock()
	known := l.entry(name, now)
	ofAccount, ofKey = known.ofAccount, known.ofKey
	fresh := !known.read.IsZero() && now.Sub(known.read) < ratesKept
	if !fresh {
		known.read = now // one request asks for all that come meanwhile
	}
	l.mu.Unlock()
	if !fresh && l.rates != nil {
		// What cannot be read the request itself will fail for.
		if a, k, err := l.rates(ctx, actor.Account, actor.Key); err == nil {
			ofAccount, ofKey = a, k
			l.mu.Lock()
			known.ofAccount, known.ofKey = a, k
			l.mu.Unlock()
		}
	}
	return orDefault(ofAccount, l.perSecond), orDefault(ofKey, l.perSecond)
}

func orDefault(n, usual int64) int64 {
	if n == 0 {
		return usual
	}
	return n
}

// allow takes one of so many requests a second; as many may come at once.
func (l *limits) allow(name limitName, now time.Time, perSecond int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(name, now)
	if e.bucket == nil {
		e.bucket = rate.NewLimiter(rate.Limit(perSecond), int(perSecond))
	} else if e.bucket.Burst() != int(perSecond) {
		e.bucket.SetLimitAt(now, rate.Limit(perSecond))
		e.bucket.SetBurstAt(now, int(perSecond))
	}
	return e.bucket.AllowN(now, 1)
}

// entry finds or makes the limit of name; the lock is held. When there are too
// many, those go first that hold nobody back.
func (l *limits) entry(name limitName, now time.Time) *limit {
	if e := l.table[name]; e != nil {
		return e
	}
	if l.table == nil {
		l.table = map[limitName]*limit{}
	}
	if len(l.table) >= limitsMax {
		for other, e := range l.table {
			if e.bucket == nil || e.bucket.TokensAt(now) >= float64(e.bucket.Burst()) {
				delete(l.table, other)
			}
		}
		for other := range l.table {
			if len(l.table) < limitsMax*3/4 {
				break // so that a flood of new names does not look at all of them each time
			}
			delete(l.table, other)
		}
	}
	e := &limit{}
	l.table[name] = e
	return e
}

// limit refuses a request of who asks too often.
func (q *request) limit() error {
	who := q.limits.take(q.ctx, q.start, q.actor, q.source())
	if who == "" {
		return nil
	}
	return q.slowDown(who)
}

func (q *request) slowDown(who string) error {
	if q.Metrics != nil {
		q.Metrics.Limited(who)
	}
	text := map[string]string{"key": "Please reduce your request rate: this access key makes more requests per second than it may.",
		"account": "Please reduce your request rate: the access keys of this account make more requests per second than they may.",
		"source":  "Please reduce your request rate: this address makes more requests per second than it may."}[who]
	return coffer.Errorf(coffer.SlowDown, "%s", text)
}
