package pebble

import (
	"bytes"

	pebbledb "github.com/cockroachdb/pebble/v2"
)

// iterator walks over a range and remembers which part of it was looked at.
type iterator struct {
	r      *reader
	it     *pebbledb.Iterator // nil once closed, or when there is nothing to walk over
	bounds span
	at     position
	move   move
	broken []byte // the key on which it stands, if its value cannot be read
	err    error

	done    func(span) // gets covered at the end; nil if nobody wants it
	covered span
	any     bool // covered covers something
}

type position int8

const (
	beforeFirst position = iota
	onPair
	afterLast
)

type move int8

const (
	forward move = iota + 1
	backward
)

// failedIter finds nothing because of err, or because the range is empty.
func failedIter(err error) *iterator { return &iterator{err: err} }

func (i *iterator) Next() bool {
	switch {
	case i.it == nil || i.at == afterLast:
		return false
	case i.at == beforeFirst:
		i.cover(i.bounds.start)
		return i.moved(forward, i.it.First())
	}
	i.turn(forward)
	if key := i.mended(); key != nil {
		i.it.SeekLT(key)
		return i.moved(forward, i.it.SeekGE(append(key, keyAfterMark)))
	}
	return i.moved(forward, i.it.Next())
}

func (i *iterator) Prev() bool {
	switch {
	case i.it == nil || i.at == beforeFirst:
		return false
	case i.at == afterLast:
		i.coverEnd()
		return i.moved(backward, i.it.Last())
	}
	i.turn(backward)
	if key := i.mended(); key != nil {
		i.it.SeekGE(key)
		return i.moved(backward, i.it.SeekLT(key))
	}
	return i.moved(backward, i.it.Prev())
}

// mended returns the key from which to go on with seeks, once: after a value that it could
// not read, Pebble's iterator moves no further, and a seek that follows one of its kind
// believes that it is at the end. So one of the other kind comes first.
func (i *iterator) mended() (key []byte) {
	key, i.broken = i.broken, nil
	return key
}

func (i *iterator) SeekGE(key []byte) bool {
	if i.it == nil {
		return false
	}
	i.turn(0)
	if !i.bounds.endless && bytes.Compare(key, i.bounds.end) >= 0 {
		i.at = afterLast
		return false
	}
	if bytes.Compare(key, i.bounds.start) < 0 {
		key = i.bounds.start
	}
	i.cover(key)
	return i.moved(forward, i.it.SeekGE(key))
}

func (i *iterator) SeekLT(key []byte) bool {
	if i.it == nil {
		return false
	}
	i.turn(0)
	if bytes.Compare(key, i.bounds.start) <= 0 {
		i.at = beforeFirst
		return false
	}
	if !i.bounds.endless && bytes.Compare(key, i.bounds.end) >= 0 {
		i.coverEnd()
		return i.moved(backward, i.it.Last())
	}
	i.cover(key)
	return i.moved(backward, i.it.SeekLT(key))
}

func (i *iterator) Key() []byte {
	if i.it == nil || i.at != onPair {
		return nil
	}
	return i.it.Key()
}

func (i *iterator) Value() ([]byte, error) {
	if i.it == nil || i.at != onPair {
		return nil, errOver
	}
	value, err := i.it.ValueAndErr()
	if err != nil {
		i.broken = bytes.Clone(i.it.Key())
		return nil, valueError("read value", err)
	}
	return value, nil
}

func (i *iterator) Err() error { return i.err }

func (i *iterator) Close() error {
	if i.it == nil {
		return i.err
	}
	i.turn(0)
	if i.done != nil && i.any {
		i.done(i.covered)
	}
	if err := i.it.Close(); err != nil && i.err == nil {
		i.err = readError("close iterator", err)
	}
	i.it = nil
	delete(i.r.open, i)
	return i.err
}

// moved notes where a move ended. Moving off an end has looked at all that is
// there.
func (i *iterator) moved(m move, ok bool) bool {
	i.move, i.at, i.broken = m, onPair, nil
	if ok {
		return true
	}
	if err := i.it.Error(); err != nil {
		i.err = readError("iterate", err)
	}
	if m == forward {
		i.at = afterLast
		i.coverEnd()
	} else {
		i.at = beforeFirst
		i.cover(i.bounds.start)
	}
	return false
}

// turn covers the pair that the iterator stands on before it leaves it in
// another direction; in the same direction a later pair covers it.
func (i *iterator) turn(m move) {
	if i.at == onPair && m != i.move {
		i.cover(i.it.Key())
	}
}

func (i *iterator) cover(key []byte) {
	if i.done != nil {
		i.covered.add(key, i.any)
		i.any = true
	}
}

func (i *iterator) coverEnd() {
	if i.done == nil {
		return
	}
	if !i.any {
		i.cover(i.bounds.start)
	}
	i.covered.end, i.covered.endless = append(i.covered.end[:0], i.bounds.end...), i.bounds.endless
}
