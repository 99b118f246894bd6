package audit

import (
	"cmp"
	"context"

	"coffer"
	"coffer/meta"
)

// walk reads the events from <= place < to, in steps of at most max events. An
// account of "" is all of them.
type walk struct {
	account   coffer.AccountID
	filter    Filter
	from, to  place
	backwards bool
	max       int

	last place // of the last row that was looked at
	done bool  // there are no more
}

// read takes the next step, on a snapshot of its own: none is held while the
// reader of an export is slow.
func (w *walk) read(ctx context.Context, store meta.Store) ([]Event, error) {
	var events []Event
	if cmp.Compare(w.from.nanos, w.to.nanos) > 0 {
		w.done = true
		return nil, nil
	}
	err := store.View(ctx, func(r meta.Reader) error {
		it := r.Iter(w.key(w.from), w.key(w.to))
		defer it.Close()
		ok := false
		if w.backwards {
			ok = it.SeekLT(w.key(w.to))
		} else {
			ok = it.Next()
		}
		bytes := 0
		for scanned := 0; ok; scanned++ {
			if len(events) >= w.max || scanned >= scanMax || bytes >= bytesMax {
				return nil
			}
			e, size, err := w.event(r, it)
			if err != nil {
				return err
			}
			if w.filter.takes(e) {
				events, bytes = append(events, e), bytes+size
			}
			if w.backwards {
				ok = it.Prev()
			} else {
				ok = it.Next()
			}
		}
		w.done = it.Err() == nil
		return it.Err()
	})
	return events, err
}

// key is where a place stands among the rows that are walked over.
func (w *walk) key(p place) []byte {
	if w.account == "" {
		return timeKey(p, "")
	}
	return eventKey(w.account, p)
}

// event reads the event of a row, and tells how many bytes it has.
func (w *walk) event(r meta.Reader, it meta.Iter) (Event, int, error) {
	var value []byte
	var err error
	if w.account == "" {
		var account coffer.AccountID
		if w.last, account, err = splitTimeKey(it.Key()); err != nil {
			return Event{}, 0, err
		}
		value, err = r.Get(eventKey(account, w.last))
	} else {
		if _, w.last, err = splitEventKey(it.Key()); err != nil {
			return Event{}, 0, err
		}
		value, err = it.Value()
	}
	if err != nil {
		return Event{}, 0, err
	}
	e, err := decode(value)
	return e, len(value), err
}

// next is the place right behind p.
func (p place) next() place {
	if p.seq == ^uint32(0) {
		return place{nanos: p.nanos + 1}
	}
	return place{p.nanos, p.seq + 1}
}

func minPlace(a, b place) place {
	if cmp.Or(cmp.Compare(a.nanos, b.nanos), cmp.Compare(a.seq, b.seq)) <= 0 {
		return a
	}
	return b
}
