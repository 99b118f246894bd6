package accounts

import (
	"bytes"
	"testing"
	"time"

	"coffer"
)

// FuzzDecode holds that no bytes make a decoder panic, and that what is understood
// is written again as it was read.
func FuzzDecode(f *testing.F) {
	f.Add(encodeAccount(coffer.Account{ID: "111111111111", Email: "a@a.example", Name: "A"}))
	f.Add(encodeEmail("111111111111"))
	f.Add(encodeMemberEmail("111111111111", "mem_1"))
	f.Add(encodeSpent(time.Unix(1, 2)))
	f.Add(encodeBoxKey([]byte("sealed")))
	f.Add(encodeLink(Link{}))
	f.Add(encodeSession(Session{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := decodeAccount(b); err == nil {
			if back, err := decodeAccount(encodeAccount(a)); err != nil || back != a {
				t.Errorf("%+v reads back as %+v, %v", a, back, err)
			}
		}
		if l, err := decodeLink(b); err == nil {
			if back, err := decodeLink(encodeLink(l)); err != nil || !bytes.Equal(encodeLink(back), encodeLink(l)) {
				t.Errorf("%+v reads back as %+v, %v", l, back, err)
			}
		}
		if x, err := decodeSession(b); err == nil {
			if back, err := decodeSession(encodeSession(x)); err != nil || !bytes.Equal(encodeSession(back), encodeSession(x)) {
				t.Errorf("%+v reads back as %+v, %v", x, back, err)
			}
		}
		if m, err := decodeMember(b); err == nil {
			if back, err := decodeMember(encodeMember(m)); err != nil || !bytes.Equal(encodeMember(back), encodeMember(m)) {
				t.Errorf("%+v reads back as %+v, %v", m, back, err)
			}
		}
		if p, err := decodePasskey(b); err == nil {
			if back, err := decodePasskey(encodePasskey(p)); err != nil || !bytes.Equal(encodePasskey(back), encodePasskey(p)) {
				t.Errorf("%+v reads back as %+v, %v", p, back, err)
			}
		}
		_, _ = decodeEmail(b)
		_, _, _ = decodeMemberEmail(b)
		_, _ = decodeBoxKey(b)
		_, _ = decodeSpent(b)
		_, _, _, _ = parseHash(string(b))
		_, _ = parseAssertion(b)
	})
}
