package keys

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"coffer"
	"coffer/meta"
)

// flushBatch is how many clients one transaction writes.
const flushBatch = 2000

// Flush writes the evidence that is in memory. It is done every few seconds, and
// before anything is decided by it.
func (s *Service) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	return s.flush(ctx)
}

// tracked are the deltas of one credential.
type tracked struct {
	tracker *tracker
	deltas  []delta
}

// flush is Flush with the lock held.
func (s *Service) flush(ctx context.Context) error {
	var batch []tracked
	var errs []error
	size := 0
	write := func() {
		if err := s.merge(ctx, batch); err != nil {
			errs = append(errs, err)
			for _, b := range batch {
				b.tracker.giveBack(b.deltas)
				if b.tracker.dirty.CompareAndSwap(false, true) {
					s.evidence.mark(b.tracker)
				}
			}
		}
		batch, size = nil, 0
	}
	for _, t := range s.evidence.take() {
		if deltas := t.collect(); len(deltas) > 0 {
			batch, size = append(batch, tracked{t, deltas}), size+len(deltas)
		}
		if size >= flushBatch {
			write()
		}
	}
	if size > 0 {
		write()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write who uses which access key: %w", err)
	}
	return nil
}

// merge adds deltas to what is stored, in one transaction. On a full disk clients that
// are new are counted as others: who signs can call itself what it likes, each time.
func (s *Service) merge(ctx context.Context, batch []tracked) error {
	most := clientsMax
	if s.writable() != nil {
		most = 0
	}
	return s.meta.Update(ctx, func(tx meta.Tx) error {
		now := s.now()
		for _, b := range batch {
			if err := mergeOne(tx, b.tracker.ref, b.deltas, now, most); err != nil {
				return err
			}
		}
		return nil
	})
}

// mergeOne adds those of one credential, which is to have no more clients than most.
func mergeOne(tx meta.Tx, r ref, deltas []delta, now time.Time, most int) error {
	sum, err := readSummary(tx, r.key, r.generation)
	if err != nil {
		return err
	}
	for _, d := range deltas {
		c := clientOf(d)
		row := clientKey(r.key, r.generation, d.id)
		value, err := tx.Get(row)
		switch {
		case errors.Is(err, meta.ErrNotFound) && d.id != othersID && sum.clients >= most:
			c = Client{Count: c.Count, Refused: c.Refused, First: c.First, Last: c.Last, LastRefused: c.LastRefused}
			row = clientKey(r.key, r.generation, othersID)
			if value, err = tx.Get(row); err == nil {
				err = c.merge(value, now)
			}
		case errors.Is(err, meta.ErrNotFound) && d.id != othersID:
			sum.clients++
		case err == nil:
			err = c.merge(value, now)
		}
		if err != nil && !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		if err := tx.Set(row, encodeClient(c)); err != nil {
			return err
		}
		sum.add(d, now)
	}
	return tx.Set(summaryKey(r.key, r.generation), encodeSummary(sum))
}

// clientOf is a delta as a Client.
func clientOf(d delta) Client {
	c := Client{Count: d.count, Refused: d.refused, First: instant(d.first), Last: instant(d.last), LastRefused: instant(d.lastRefused)}
	if d.id != othersID {
		c.Source, c.UserAgent, c.Operation = d.id.sourceText(), printable(d.id.agent), printable(d.id.operation)
		c.Bucket, c.Region = printable(d.id.bucket), printable(d.id.region)
	}
	return c
}

func (id clientID) sourceText() string {
	if !id.source.IsValid() {
		return ""
	}
	return id.source.String()
}

// printable makes a text that a client sent fit to be shown on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// instant is a time of a delta.
func instant(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// merge adds what is stored of the same client.
func (c *Client) merge(value []byte, now time.Time) error {
	old, err := decodeClient(value)
	if err != nil {
		return err
	}
	c.Count, c.Refused = c.Count+old.Count, c.Refused+old.Refused
	if !old.First.IsZero() && old.First.Before(c.First) {
		c.First = old.First
	}
	c.Last, c.LastRefused = latest(c.Last, old.Last, now), latest(c.LastRefused, old.LastRefused, now)
	return nil
}

// aheadMax is how far after now a stored time may be. One that is further was written
// by a clock that was ahead, and would hide all that comes until then.
const aheadMax = time.Hour

// latest is the later of when something was seen and when it was by what is stored.
func latest(seen, stored, now time.Time) time.Time {
	if !seen.IsZero() && stored.Sub(now) > aheadMax {
		return seen
	}
	return later(seen, stored)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// summary is what is stored of a credential's use as a whole.
type summary struct {
	clients int            // rows of clients
	seen    time.Time      // the latest use or refusal
	last    coffer.LastUse // the latest use
}

func (sum *summary) add(d delta, now time.Time) {
	sum.seen = latest(instant(max(d.last, d.lastRefused)), sum.seen, now)
	if at := instant(d.last); d.count > 0 && !latest(at, sum.last.Time, now).Equal(sum.last.Time) {
		sum.last = coffer.LastUse{Time: at}
		if d.id != othersID {
			c := clientOf(d)
			sum.last.Source, sum.last.UserAgent, sum.last.Operation = c.Source, c.UserAgent, c.Operation
			sum.last.Bucket, sum.last.Region = c.Bucket, c.Region
		}
	}
}

// usagePrefix begins all evidence of a key.
func usagePrefix(key coffer.KeyID) []byte {
	return meta.Key(meta.PrefixUsage, meta.KeyText(string(key)))
}

func usageKey(key coffer.KeyID, generation int, kind byte, rest []byte) []byte {
	return meta.Key(meta.PrefixUsage, meta.KeyText(string(key)), meta.KeyUint64(uint64(generation)), []byte{kind}, rest)
}

// The kinds of rows under PrefixUsage.
const (
	rowClient  = 'c' // key ID, generation, hash of the client → client
	rowSummary = 's' // key ID, generation → summary
)

func summaryKey(key coffer.KeyID, generation int) []byte {
	return usageKey(key, generation, rowSummary, nil)
}

// clientKey names a client by a hash, since its texts are too long for a key of
// the store. That of the others is all zeros.
func clientKey(key coffer.KeyID, generation int, id clientID) []byte {
	var name [16]byte
	if id != othersID {
		sum := sha256.Sum256([]byte(strings.Join([]string{id.sourceText(), id.agent, id.operation, id.bucket, id.region}, "\x00")))
		copy(name[:], sum[:])
	}
	return usageKey(key, generation, rowClient, name[:])
}

// isOthers tells whether a row is that of the clients beyond the limit.
func isOthers(row []byte) bool {
	return !slices.ContainsFunc(row[len(row)-16:], func(b byte) bool { return b != 0 })
}

// resetUsage begins the list of a credential's clients anew; when it was last
// used stays.
func resetUsage(tx meta.Tx, key coffer.KeyID, generation int) error {
	sum, err := readSummary(tx, key, generation)
	if err != nil {
		return err
	}
	start := usageKey(key, generation, rowClient, nil)
	if err := tx.DeleteRange(start, meta.PrefixEnd(start)); err != nil {
		return err
	}
	if sum == (summary{}) {
		return nil
	}
	sum.clients = 0
	return tx.Set(summaryKey(key, generation), encodeSummary(sum))
}

// newest sorts clients, the latest first.
func newest(a, b Client) int {
	return cmp.Or(later(b.Last, b.LastRefused).Compare(later(a.Last, a.LastRefused)), cmp.Compare(b.Count, a.Count),
		cmp.Compare(a.Source, b.Source), cmp.Compare(a.Operation, b.Operation))
}
