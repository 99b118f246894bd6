package pebble

import (
	"errors"
	"io"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// reader is what a View and an Update share: it finds bytes and keeps track of
// what it gave out, so that all of it can be freed when fn is over.
type reader struct {
	over    bool
	copies  []byte      // small values are copied here
	closers []io.Closer // what keeps larger values in memory
	open    map[*iterator]struct{}
}

const (
	copiedBytesMax = 1 << 10
	copiesBytes    = 4 << 10
)

// row reads what key holds in a state of s, of which the live database shows all but
// what the key's stripe tells of. With keep it is kept for who reads it next.
func (r *reader) row(s *Store, hash uint64, key []byte, state uint64, keep bool) ([]byte, error) {
	if row, ok := s.rows.find(hash, key, state); ok {
		if row.value == nil {
			return nil, meta.ErrNotFound
		}
		return row.value, nil
	}
	value, err := r.get(s.db, key)
	if !keep || !s.rows.wants(hash, len(value)) {
		return value, err
	}
	switch {
	case err == nil:
		value = append(make([]byte, 0, len(value)), value...)
		s.rows.keep(hash, key, value, state, &s.stripes)
	case errors.Is(err, meta.ErrNotFound):
		s.rows.keep(hash, key, nil, state, &s.stripes)
	}
	return value, err
}

func (r *reader) get(src pebbledb.Reader, key []byte) ([]byte, error) {
	value, closer, err := src.Get(key)
	if err != nil {
		return nil, valueError("get", err)
	}
	// A closer pins an iterator and the files below it: too much for a row.
	if len(value) > copiedBytesMax {
		r.closers = append(r.closers, closer)
		return value, nil
	}
	if cap(r.copies)-len(r.copies) < len(value) {
		r.copies = make([]byte, 0, max(len(value), min(copiesBytes, 2*cap(r.copies))))
	}
	at := len(r.copies)
	r.copies = append(r.copies, value...)
	if err := closer.Close(); err != nil {
		return nil, valueError("get", err)
	}
	return r.copies[at:len(r.copies):len(r.copies)], nil
}

// iter opens an iterator. When it is closed, done gets what it covered; a nil
// done spares the tracking.
func (r *reader) iter(src pebbledb.Reader, bounds span, done func(span)) *iterator {
	opt := &pebbledb.IterOptions{LowerBound: bounds.start, UpperBound: bounds.end}
	if len(bounds.start) == 0 {
		opt.LowerBound = nil
	}
	it, err := src.NewIter(opt)
	if err != nil {
		return failedIter(readError("iterate", err))
	}
	i := &iterator{r: r, it: it, bounds: bounds, done: done}
	if r.open == nil {
		r.open = make(map[*iterator]struct{})
	}
	r.open[i] = struct{}{}
	return i
}

// closeIters closes what fn left open.
func (r *reader) closeIters() {
	for i := range r.open {
		_ = i.Close()
	}
}

// close frees it. The values that were given out end here.
func (r *reader) close() {
	r.over = true
	r.closeIters()
	for _, c := range r.closers {
		_ = c.Close()
	}
	r.closers = nil
}

var _ meta.Iter = (*iterator)(nil)
