package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// unusedFor is how long a client is remembered that does not come back.
const unusedFor = 90 * 24 * time.Hour

// Client is who uses a credential: requests of one source, user agent, operation
// and bucket.
type Client struct {
	Source    string
	UserAgent string
	Operation string
	Bucket    string
	Region    string
	// First and Last are the first and the latest use. Last is zero if all were
	// refused.
	First time.Time
	Last  time.Time
	Count int64
	// Refused is how many requests bore the right signature and were refused all
	// the same: in a scream test, or because the key is paused, has expired or
	// was rotated out.
	Refused     int64
	LastRefused time.Time
}

// Usage is who uses a key.
type Usage struct {
	Key coffer.Key
	// Current and Outgoing are the clients of the two credentials, the latest
	// first. Outgoing has those since the rotation began.
	Current  []Client
	Outgoing []Client
	// CurrentOthers and OutgoingOthers count the uses of further clients, when
	// there are more than are told apart.
	CurrentOthers  int64
	OutgoingOthers int64
	// InUse says that Confirm would be refused; IdleAt is when it would not be, if
	// nothing else comes.
	InUse  bool
	IdleAt time.Time
}

// latestMax is how many clients of a credential Latest and Watch tell apart: what a
// person looks at, many of whom may look at once.
const latestMax = 100

// Usage returns who uses a key, up to this moment.
func (s Session) Usage(ctx context.Context, handle string) (Usage, error) {
	return s.usage(ctx, handle, clientsMax)
}

// Latest is Usage with the latest clients only; what the others did is counted.
func (s Session) Latest(ctx context.Context, handle string) (Usage, error) {
	return s.usage(ctx, handle, latestMax)
}

// usage tells most of the clients of each credential apart.
func (s Session) usage(ctx context.Context, handle string, most int) (Usage, error) {
	if err := s.s.Flush(ctx); err != nil {
		return Usage{}, err
	}
	var u Usage
	err := s.s.meta.View(ctx, func(r meta.Reader) error {
		key, err := s.find(r, handle)
		if err != nil {
			return err
		}
		if err := s.may(r, see, key); err != nil {
			return err
		}
		if u.Key, err = s.s.used(r, key); err != nil {
			return err
		}
		if u.Current, u.CurrentOthers, err = readClients(r, key.ID, key.Current.Generation, most); err != nil || key.Rotation == nil {
			return err
		}
		generation := key.Rotation.Outgoing.Generation
		if u.Outgoing, u.OutgoingOthers, err = readClients(r, key.ID, generation, most); err != nil {
			return err
		}
		sum, err := readSummary(r, key.ID, generation)
		if err == nil && !sum.seen.IsZero() && s.s.now().Sub(sum.seen) < idleEnough {
			u.InUse, u.IdleAt = true, sum.seen.Add(idleEnough)
		}
		return err
	})
	if err != nil {
		return Usage{}, explain(handle, "read usage", err)
	}
	return u, nil
}

// Watch yields who uses a key, as Latest does: at once, and then whenever it changed, at
// most once a second. It ends with ctx, or with one error; the caller's rights are
// looked up each time.
func (s Session) Watch(ctx context.Context, handle string) iter.Seq2[Usage, error] {
	return func(yield func(Usage, error) bool) {
		tick := time.NewTicker(s.s.watchEvery)
		defer tick.Stop()
		var last Usage
		for first := true; ; first = false {
			u, err := s.Latest(ctx, handle)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(Usage{}, err)
				return
			}
			if (first || !reflect.DeepEqual(u, last)) && !yield(u, nil) {
				return
			}
			last = u
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// used is a key as it is handed out, with when its credentials were last used.
func (s *Service) used(r meta.Reader, k record) (coffer.Key, error) {
	key := s.seen(k)
	credentials := []*coffer.Credential{&key.Current}
	if key.Rotation != nil {
		credentials = append(credentials, &key.Rotation.Outgoing)
	}
	for _, c := range credentials {
		sum, err := readSummary(r, key.ID, c.Generation)
		if err != nil {
			return coffer.Key{}, err
		}
		if !sum.last.Time.IsZero() {
			c.LastUsed = &sum.last
		}
	}
	return key, nil
}

// readClients returns the latest clients of a credential, the latest first, and how many
// uses those had that are not told apart.
func readClients(r meta.Reader, key coffer.KeyID, generation int, most int) ([]Client, int64, error) {
	start := usageKey(key, generation, rowClient, nil)
	it := r.Iter(start, meta.PrefixEnd(start))
	defer it.Close()
	var all []Client
	var others int64
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return nil, 0, err
		}
		c, err := decodeClient(value)
		switch {
		case err != nil:
			return nil, 0, err
		case isOthers(it.Key()):
			others += c.Count + c.Refused
		default:
			all = append(all, c)
		}
		if len(all) >= 2*most {
			all, others = latestOf(all, others, most)
		}
	}
	all, others = latestOf(all, others, most)
	return all, others, it.Err()
}

// latestOf sorts clients, the latest first, and counts those behind the first most of
// them among the others.
func latestOf(all []Client, others int64, most int) ([]Client, int64) {
	slices.SortFunc(all, newest)
	if len(all) <= most {
		return all, others
	}
	for _, c := range all[most:] {
		others += c.Count + c.Refused
	}
	clear(all[most:]) // their texts
	return all[:most], others
}

func readSummary(r meta.Reader, key coffer.KeyID, generation int) (summary, error) {
	value, err := r.Get(summaryKey(key, generation))
	if errors.Is(err, meta.ErrNotFound) {
		return summary{}, nil
	}
	if err != nil {
		return summary{}, err
	}
	return decodeSummary(value)
}

// expireBatch is how many rows one step of Expire looks at.
const expireBatch = 2000

// Expire forgets clients that have not come for 90 days, and tells how many. It
// is a job, for each day.
func (s *Service) Expire(ctx context.Context) (int, error) {
	before := s.now().Add(-unusedFor)
	removed := 0
	start := meta.Key(meta.PrefixUsage)
	for start != nil {
		n, next := 0, start
		err := s.meta.Update(ctx, func(tx meta.Tx) error {
			var err error
			n, next, err = expireClients(tx, start, before)
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("forget clients of access keys: %w", err)
		}
		removed, start = removed+n, next
	}
	return removed, nil
}

// expireClients looks at some rows from start on, and returns where to go on,
// or nil.
func expireClients(tx meta.Tx, start []byte, before time.Time) (int, []byte, error) {
	it := tx.Iter(start, meta.PrefixEnd([]byte{meta.PrefixUsage}))
	defer it.Close()
	gone := map[string]int{} // by the summary's row
	for scanned := 0; it.Next(); scanned++ {
		if scanned == expireBatch {
			start = slices.Clone(it.Key())
			n, err := forgetClients(tx, gone)
			return n, start, err
		}
		row := slices.Clone(it.Key())
		// The key's ID and the generation come before the kind of row: a letter of the
		// ID must not be taken for it.
		name, rest, _ := bytes.Cut(row[1:], []byte{0})
		stem := 1 + len(name) + 1 + 8
		if len(rest) != 8+1+16 || row[stem] != rowClient {
			continue
		}
		value, err := it.Value()
		if err != nil {
			return 0, nil, err
		}
		c, err := decodeClient(value)
		if err != nil {
			return 0, nil, err
		}
		if later(c.Last, c.LastRefused).Before(before) {
			if err := tx.Delete(row); err != nil {
				return 0, nil, err
			}
			if !isOthers(row) {
				gone[string(row[:stem])+string(rowSummary)]++
			}
		}
	}
	if err := it.Err(); err != nil {
		return 0, nil, err
	}
	n, err := forgetClients(tx, gone)
	return n, nil, err
}

// forgetClients takes the clients that went off the counts in the summaries.
func forgetClients(tx meta.Tx, gone map[string]int) (int, error) {
	total := 0
	for row, n := range gone {
		value, err := tx.Get([]byte(row))
		if err != nil {
			return 0, fmt.Errorf("read summary %q: %v", row, err)
		}
		sum, err := decodeSummary(value)
		if err != nil {
			return 0, err
		}
		sum.clients = max(0, sum.clients-n)
		if err := tx.Set([]byte(row), encodeSummary(sum)); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
