package meta_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"coffer/meta"
)

func TestPrefixEnd(t *testing.T) {
	for _, tt := range []struct{ name, prefix, want string }{
		{"LastByteGrows", "ab", "ac"},
		{"TrailingFFIsCut", "a\xff\xff", "b"},
		{"ZeroGrows", "a\x00", "a\x01"},
		{"AllFFHasNoEnd", "\xff\xff", ""},
		{"EmptyHasNoEnd", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := meta.PrefixEnd([]byte(tt.prefix))
			if string(got) != tt.want || (tt.want == "") != (got == nil) {
				t.Errorf("PrefixEnd(%q) = %q, want %q", tt.prefix, got, tt.want)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	for _, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		if got, err := meta.Counter(meta.CounterValue(n)); err != nil || got != n {
			t.Errorf("Counter(CounterValue(%d)) = %d, %v", n, got, err)
		}
	}
	if got := meta.CounterValue(1); !bytes.Equal(got, []byte{0, 0, 0, 0, 0, 0, 0, 1}) {
		t.Errorf("CounterValue(1) = %x, want big endian: the form is on disk", got)
	}
	for _, bad := range [][]byte{nil, make([]byte, 7), make([]byte, 9)} {
		if _, err := meta.Counter(bad); err == nil {
			t.Errorf("Counter(%d bytes) gave no error", len(bad))
		}
	}
}

func TestCheckPair(t *testing.T) {
	key := make([]byte, meta.KeyBytesMax)
	value := make([]byte, meta.ValueBytesMax)
	for _, tt := range []struct {
		name       string
		key, value []byte
		want       error
	}{
		{"TheLongestPairIsFine", key, value, nil},
		{"AnEmptyValueIsFine", key[:1], nil, nil},
		{"EmptyKey", nil, nil, meta.ErrEmptyKey},
		{"KeyOneOver", append(key, 0), nil, meta.ErrTooLarge},
		{"ValueOneOver", key, append(value, 0), meta.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := meta.CheckPair(tt.key, tt.value); !errors.Is(err, tt.want) {
				t.Errorf("CheckPair(%d bytes, %d bytes) = %v, want %v", len(tt.key), len(tt.value), err, tt.want)
			}
		})
	}
}
