package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// Log reads the events of a store, and ends them when they are old. Its methods
// may be called from many goroutines.
type Log struct {
	Meta meta.Store
	Now  func() time.Time
}

// As returns what caller may read. There is no other way in.
func (l *Log) As(caller coffer.Caller) Session { return Session{l, caller} }

// Session is the Log as one caller sees it: owners and admins see their account,
// operators all of them and the events of none.
type Session struct {
	log    *Log
	caller coffer.Caller
}

// Filter says which events are wanted. What is empty takes all.
type Filter struct {
	// Action is an action, or a group of them with its dot: "key.".
	Action string
	// Who is the ID or the name of who made the change.
	Who string
	// Target is the ID of what was changed.
	Target string
	// From <= time < To.
	From, To time.Time
}

func (f Filter) takes(e Event) bool {
	action := f.Action == "" || e.Action == f.Action || strings.HasSuffix(f.Action, ".") && strings.HasPrefix(e.Action, f.Action)
	return action && (f.Who == "" || e.Who.ID == f.Who || e.Who.Name == f.Who) && (f.Target == "" || e.Target == f.Target)
}

const (
	// listMax is the longest answer of List.
	listMax = 1000
	// scanMax is how many events one call looks at: a filter that takes little
	// is answered in pages, of which some are empty.
	scanMax = 20_000
	// bytesMax is about how many bytes of events one call takes: some have a hundred
	// KiB, and many may ask.
	bytesMax = 512 << 10
	// batchMax is how many rows one step of Export and Expire holds in memory.
	batchMax = 500
)

// List returns up to max events of an account, newest first, those before the
// event with the ID after if it is not empty, and fewer where they are large. next
// continues the list, and is empty at its end. The account "" is the caller's own; for an operator, all.
func (s Session) List(ctx context.Context, account coffer.AccountID, f Filter, after string, max int) ([]Event, string, error) {
	account, err := s.reads(account)
	if err != nil {
		return nil, "", err
	}
	if max <= 0 || max > listMax {
		max = listMax
	}
	w := walk{account: account, filter: f, backwards: true, max: max, to: bound(f.To, ^uint64(0)), from: bound(f.From, 0)}
	if after != "" {
		p, err := parsePlace(after)
		if err != nil {
			return nil, "", err
		}
		w.to = minPlace(w.to, p)
	}
	events, err := w.read(ctx, s.log.Meta)
	if err != nil {
		return nil, "", fmt.Errorf("read audit log: %w", err)
	}
	if w.done {
		return events, "", nil
	}
	return events, w.last.String(), nil
}

// Export writes the events of an account as JSON lines, oldest first.
func (s Session) Export(ctx context.Context, account coffer.AccountID, f Filter, out io.Writer) error {
	account, err := s.reads(account)
	if err != nil {
		return err
	}
	w := walk{account: account, filter: f, max: batchMax, to: bound(f.To, ^uint64(0)), from: bound(f.From, 0)}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for !w.done {
		events, err := w.read(ctx, s.log.Meta)
		if err != nil {
			return fmt.Errorf("read audit log: %w", err)
		}
		for _, e := range events {
			if err := encoder.Encode(e); err != nil {
				return fmt.Errorf("export audit log: %w", err)
			}
		}
		w.from = w.last.next()
	}
	return nil
}

// reads checks that the caller may read the log of an account, and returns it.
func (s Session) reads(account coffer.AccountID) (coffer.AccountID, error) {
	c := s.caller
	if c.Operator {
		return account, nil
	}
	if account == "" {
		account = c.Account
	}
	if account == "" || account != c.Account || c.Member == "" || !c.Role.AtLeast(coffer.RoleAdmin) {
		return "", coffer.Errorf(coffer.AccessDenied, "the audit log is for the owners and admins of the account")
	}
	return account, nil
}

// Expire removes the events older than Kept, and tells how many.
func (l *Log) Expire(ctx context.Context) (int, error) {
	end := timeKey(place{nanos: uint64(l.Now().Add(-Kept).UnixNano())}, "")
	removed := 0
	for {
		n := 0
		err := l.Meta.Update(ctx, func(tx meta.Tx) error {
			n = 0
			rows, err := oldest(tx, end)
			if err != nil {
				return err
			}
			for _, row := range rows {
				p, account, err := splitTimeKey(row)
				if err != nil {
					return err
				}
				if err := errors.Join(tx.Delete(row), tx.Delete(eventKey(account, p))); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return removed, fmt.Errorf("end old audit events: %w", err)
		}
		removed += n
		if n < batchMax {
			return removed, nil
		}
	}
}

// oldest returns the first rows in the order of time before end.
func oldest(tx meta.Tx, end []byte) ([][]byte, error) {
	it := tx.Iter(meta.Key(meta.PrefixAudit, []byte{rowTime}), end)
	defer it.Close()
	var rows [][]byte
	for len(rows) < batchMax && it.Next() {
		rows = append(rows, append([]byte(nil), it.Key()...))
	}
	return rows, it.Err()
}

func bound(t time.Time, none uint64) place {
	if t.IsZero() {
		return place{nanos: none}
	}
	return place{nanos: uint64(t.UnixNano())}
}
