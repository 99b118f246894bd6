package server

import "testing"

// FuzzDecode holds that no bytes of the server's own records make a panic, and that
// what they are taken for is written again as it was read.
func FuzzDecode(f *testing.F) {
	f.Add(encodeFormat(formatVersion))
	f.Add(encodeFormat(formatVersion + 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = readFormat(b)
		if id, err := decodeRoot(b); err == nil {
			if back, err := decodeRoot(encodeRoot(id)); err != nil || back != id {
				t.Errorf("%q reads back as %q, %v", id, back, err)
			}
		}
		if d, err := decodeDisk(b); err == nil {
			if back, err := decodeDisk(encodeDisk(d)); err != nil || back != d {
				t.Errorf("%+v reads back as %+v, %v", d, back, err)
			}
		}
	})
}
