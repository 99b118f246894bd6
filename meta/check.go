package meta

import (
	"bytes"
	"context"
	"errors"
)

// Each hands every pair under prefix to fn, in order, until ctx is done. The bytes
// are valid until fn returns.
func Each(ctx context.Context, r Reader, prefix []byte, fn func(key, value []byte) error) error {
	it := r.Iter(prefix, PrefixEnd(prefix))
	defer it.Close()
	for it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := it.Value()
		if err != nil {
			return err
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Err()
}

// Peek reads a copy of one value, nil if there is none. What Get returns a Reader
// keeps for as long as it lives, which is too long for who reads millions.
func Peek(r Reader, key []byte) ([]byte, error) {
	it := r.Iter(key, append(bytes.Clone(key), 0))
	defer it.Close()
	if !it.Next() {
		return nil, it.Err()
	}
	value, err := it.Value()
	if err != nil {
		return nil, err
	}
	return append([]byte{}, value...), nil
}

// Has tells whether there is a pair.
func Has(r Reader, key []byte) (bool, error) {
	it := r.Iter(key, append(bytes.Clone(key), 0))
	found := it.Next()
	return found, it.Close()
}

// Unchanged returns a function for Update that runs fn if the pair is still what
// it was; a nil value stands for no pair.
func Unchanged(key, value []byte, fn func(Tx) error) func(Tx) error {
	key, value = bytes.Clone(key), bytes.Clone(value)
	return func(tx Tx) error {
		now, err := tx.Get(key)
		if errors.Is(err, ErrNotFound) {
			now, err = nil, nil
		} else if now == nil {
			now = []byte{}
		}
		if err != nil || (now == nil) != (value == nil) || !bytes.Equal(now, value) {
			return err
		}
		return fn(tx)
	}
}

// Drop returns a function for Update that removes a pair if it is still what it was.
func Drop(key, value []byte) func(Tx) error {
	if value == nil {
		value = []byte{}
	}
	key = bytes.Clone(key)
	return Unchanged(key, value, func(tx Tx) error { return tx.Delete(key) })
}
