package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// CounterBytes is the length of a counter's value: a big-endian int64 in two's
// complement.
const CounterBytes = 8

// Counter reads the value of a key that is written by Tx.Add. A sum that
// leaves the range of int64 wraps around.
func Counter(value []byte) (int64, error) {
	if len(value) != CounterBytes {
		return 0, fmt.Errorf("counter of %d bytes, want %d", len(value), CounterBytes)
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}

// ReadCounter reads the counter at key; one that was never added to is 0.
func ReadCounter(r Reader, key []byte) (int64, error) {
	value, err := r.Get(key)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return Counter(value)
}

// CounterValue returns the value that stands for n, for a counter that is Set.
func CounterValue(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n))
}
