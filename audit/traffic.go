package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"coffer"
	"coffer/meta"
)

// rowTraffic is a third kind of row under PrefixAudit: a counter of one account and
// one day. The day stands first, so that old days end as one range.
const rowTraffic = 'd' // day (8), account ID, NUL, which → counter

// What is counted.
const (
	trafficRequests = 'r'
	trafficBytes    = 'b'
)

const trafficDay = 24 * time.Hour

// Traffic counts the requests of each account and the bytes that were sent for them,
// by day in UTC. It counts in memory; Flush adds what is new to the store, so that no
// request writes a row. What was counted since the last Flush is lost if the process
// ends without one. Its methods may be called from many goroutines.
type Traffic struct {
	Meta meta.Store
	Now  func() time.Time

	mu      sync.Mutex // guards what is below
	pending map[dayOf]traffic
}

// dayOf is one account on one day, in days since 1970.
type dayOf struct {
	day     uint64
	account coffer.AccountID
}

type traffic struct{ requests, bytes int64 }

// Day is what an account had on one day.
type Day struct {
	Date     time.Time // midnight in UTC, when it began
	Requests int64
	Bytes    int64 // that were sent
	// Counted is false for days before this store counted anything.
	Counted bool
}

func (t *Traffic) today() uint64 { return uint64(t.Now().Unix() / int64(trafficDay/time.Second)) }

// Count adds a request of an account, for which so many bytes were sent.
func (t *Traffic) Count(account coffer.AccountID, bytes int64) {
	if account == "" {
		return
	}
	k := dayOf{t.today(), account}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(k, traffic{1, bytes})
}

// add adds to what is not flushed yet. mu is held.
func (t *Traffic) add(k dayOf, n traffic) {
	if t.pending == nil {
		t.pending = map[dayOf]traffic{}
	}
	was := t.pending[k]
	t.pending[k] = traffic{was.requests + n.requests, was.bytes + n.bytes}
}

// Flush adds what was counted since the last one to the store.
func (t *Traffic) Flush(ctx context.Context) error {
	t.mu.Lock()
	pending := t.pending
	t.pending = nil
	t.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	err := t.Meta.Update(ctx, func(tx meta.Tx) error {
		var errs []error
		for k, n := range pending {
			errs = append(errs, tx.Add(trafficKey(k, trafficRequests), n.requests))
			if n.bytes != 0 {
				errs = append(errs, tx.Add(trafficKey(k, trafficBytes), n.bytes))
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for k, n := range pending {
			t.add(k, n) // another time
		}
		return fmt.Errorf("count requests: %w", err)
	}
	return nil
}

// Days reads the last days of an account, today last, for who belongs to it and for
// operators.
func (t *Traffic) Days(ctx context.Context, caller coffer.Caller, account coffer.AccountID, n int) ([]Day, error) {
	if account == "" || !caller.Operator && caller.Account != account {
		return nil, coffer.Errorf(coffer.AccessDenied, "the traffic of an account is for its members")
	}
	today := t.today()
	days := make([]Day, n)
	err := t.Meta.View(ctx, func(r meta.Reader) error {
		first, err := firstTraffic(r, today)
		if err != nil {
			return err
		}
		for i := range days {
			k := dayOf{today - uint64(n-1-i), account}
			days[i] = Day{Date: time.Unix(int64(k.day)*int64(trafficDay/time.Second), 0).UTC(), Counted: k.day >= first}
			if days[i].Requests, err = meta.ReadCounter(r, trafficKey(k, trafficRequests)); err != nil {
				return err
			}
			if days[i].Bytes, err = meta.ReadCounter(r, trafficKey(k, trafficBytes)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the traffic of %s: %w", account, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range days {
		p := t.pending[dayOf{today - uint64(n-1-i), account}]
		days[i].Requests += p.requests
		days[i].Bytes += p.bytes
	}
	return days, nil
}

// firstTraffic is the first day that anything was counted on; today if none was.
func firstTraffic(r meta.Reader, today uint64) (uint64, error) {
	low := meta.Key(meta.PrefixAudit, []byte{rowTraffic})
	it := r.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	if !it.Next() {
		return today, it.Err()
	}
	k, _, err := splitTrafficKey(it.Key())
	return k.day, err
}

// Expire ends the counters of days that are older than events are kept.
func (t *Traffic) Expire(ctx context.Context) error {
	if t.today() < uint64(Kept/trafficDay) {
		return nil
	}
	low := meta.Key(meta.PrefixAudit, []byte{rowTraffic})
	end := meta.Key(meta.PrefixAudit, []byte{rowTraffic}, meta.KeyUint64(t.today()-uint64(Kept/trafficDay)))
	old := false
	err := t.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(low, end)
		defer it.Close()
		old = it.Next()
		return it.Err()
	})
	if err == nil && old {
		err = t.Meta.Update(ctx, func(tx meta.Tx) error { return tx.DeleteRange(low, end) })
	}
	if err != nil {
		return fmt.Errorf("end old counters of requests: %w", err)
	}
	return nil
}

func trafficKey(k dayOf, which byte) []byte {
	return meta.Key(meta.PrefixAudit, []byte{rowTraffic}, meta.KeyUint64(k.day), meta.KeyText(string(k.account)), []byte{which})
}

func splitTrafficKey(b []byte) (k dayOf, which byte, err error) {
	const before = 2 + 8
	if len(b) < before+3 || b[len(b)-2] != 0 {
		return dayOf{}, 0, fmt.Errorf("%w: %q", errRow, b)
	}
	which = b[len(b)-1]
	if which != trafficRequests && which != trafficBytes {
		return dayOf{}, 0, fmt.Errorf("%w: %q", errRow, b)
	}
	return dayOf{binary.BigEndian.Uint64(b[2:before]), coffer.AccountID(b[before : len(b)-2])}, which, nil
}
