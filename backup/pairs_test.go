package backup

import (
	"encoding/binary"
	"testing"
)

func FuzzPairs(f *testing.F) {
	f.Add(appendPair(appendPair(nil, pair{[]byte("k"), []byte("v")}), pair{[]byte("x"), nil}))
	f.Add([]byte{1, 'k', 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(binary.AppendUvarint(nil, 1<<60))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		rest := b
		for len(rest) > 0 {
			p, after, err := cutPair(rest)
			if err != nil {
				return
			}
			again, rest = appendPair(again, p), after
		}
		// A varint may be longer than it needs to be; what is read is the same.
		for back := again; len(back) > 0; {
			_, after, err := cutPair(back)
			if err != nil {
				t.Fatalf("%x reads back as %v", again, err)
			}
			back = after
		}
	})
}
