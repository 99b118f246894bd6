package meta

import (
	"encoding/binary"
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

// CounterValue returns the value that stands for n, for a counter that is Set.
func CounterValue(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n))
}
