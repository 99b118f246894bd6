package crypt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// random is randomness that is the same each time.
func random(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func newKey(t testing.TB, seed byte) Key {
	t.Helper()
	k, err := NewKey(random(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func text(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(random(seed), b)
	return b
}

func encrypt(t testing.TB, k Key, plain []byte) []byte {
	t.Helper()
	e, err := k.Encrypt(random(9), bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e)
	if err != nil || e.Size() != int64(len(plain)) {
		t.Fatalf("Encrypt(%d bytes) read %d, %v", len(plain), e.Size(), err)
	}
	return b
}

// held is a Source in memory that gives its bytes by step at a time.
type held struct {
	b    []byte
	step int
}

func (h held) Size() int64 { return int64(len(h.b)) }

func (h held) CopyRange(w io.Writer, off, n int64) (int64, error) {
	var written int64
	for p := h.b[off : off+n]; len(p) > 0; p = p[min(h.step, len(p)):] {
		m, err := w.Write(p[:min(h.step, len(p))])
		written += int64(m)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func decrypt(k Key, stored []byte, size, off, n int64, step int) ([]byte, error) {
	var out bytes.Buffer
	written, err := k.CopyRange(&out, held{stored, step}, size, off, n)
	if err == nil && (written != n || int64(out.Len()) != n) {
		err = fmt.Errorf("%d bytes came of %d, %d was said", out.Len(), n, written)
	}
	return out.Bytes(), err
}

func TestEveryRangeIsThatOfThePlainBytes(t *testing.T) {
	k := newKey(t, 1)
	edges := []int64{0, 1, 2, segmentBytes - 1, segmentBytes, segmentBytes + 1, 2*segmentBytes - 1, 2 * segmentBytes, 3*segmentBytes - 5, 3 * segmentBytes}
	for _, size := range []int{0, 1, 100, segmentBytes - 1, segmentBytes, segmentBytes + 1, 2 * segmentBytes, 3*segmentBytes - 5} {
		plain := text(2, size)
		stored := encrypt(t, k, plain)
		if got, want := int64(len(stored)), StoredSize(int64(size)); got != want {
			t.Errorf("Encrypt of %d bytes has %d, StoredSize = %d", size, got, want)
		}
		for _, off := range edges {
			for _, end := range edges {
				if off > end || end > int64(size) {
					continue
				}
				for _, step := range []int{len(stored) + 1, 70_000, 1000} {
					got, err := decrypt(k, stored, int64(size), off, end-off, step)
					if err != nil || !bytes.Equal(got, plain[off:end]) {
						t.Fatalf("CopyRange(%d to %d of %d by %d) = %d bytes, %v, want those that were encrypted", off, end, size, step, len(got), err)
					}
				}
			}
		}
	}
}

func TestARangeReadsOnlyItsSegments(t *testing.T) {
	k, size := newKey(t, 1), int64(10*segmentBytes)
	plain := text(2, int(size))
	stored := encrypt(t, k, plain)
	// What is not touched may be anything.
	clear(stored[:4*sealedBytes])
	clear(stored[6*sealedBytes:])
	got, err := decrypt(k, stored, size, 4*segmentBytes+10, segmentBytes+20, 1<<20)
	if err != nil || !bytes.Equal(got, plain[4*segmentBytes+10:5*segmentBytes+30]) {
		t.Errorf("CopyRange(two segments of ten) = %d bytes, %v, want those that were encrypted", len(got), err)
	}
}

// wantDamaged checks that stored is refused, and that what came before is a
// beginning of plain.
func wantDamaged(t *testing.T, what string, k Key, stored, plain []byte, size int64) {
	t.Helper()
	got, err := decrypt(k, stored, size, 0, size, 1<<20)
	if !errors.Is(err, ErrDamaged) || !bytes.HasPrefix(plain, got) {
		t.Errorf("%s: CopyRange = %d bytes, %v, want ErrDamaged after a beginning of the plain bytes", what, len(got), err)
	}
}

func TestEveryBitCounts(t *testing.T) {
	k := newKey(t, 1)
	short := text(2, 50)
	stored := encrypt(t, k, short)
	for i := range len(stored) * 8 {
		damaged := bytes.Clone(stored)
		damaged[i/8] ^= 1 << (i % 8)
		wantDamaged(t, fmt.Sprintf("bit %d flipped", i), k, damaged, short, 50)
	}
	long := text(3, 2*segmentBytes+10)
	stored = encrypt(t, k, long)
	for at := 0; at < len(stored); at++ {
		if at > 40 && at%sealedBytes > 20 && at%997 != 0 && at < len(stored)-20 {
			continue
		}
		stored[at] ^= 0x80
		wantDamaged(t, fmt.Sprintf("byte %d changed", at), k, stored, long, int64(len(long)))
		stored[at] ^= 0x80
	}
}

func TestSegmentsCannotBeMovedDroppedOrAdded(t *testing.T) {
	k, n := newKey(t, 1), sealedBytes
	plain := text(2, 4*segmentBytes)
	s := encrypt(t, k, plain)
	other := encrypt(t, newKey(t, 5), plain)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tt := range []struct {
		name   string
		stored []byte
	}{
		{"TwoSwapped", join(s[n:2*n], s[:n], s[2*n:])},
		{"OneTwice", join(s[:n], s[:n], s[2*n:])},
		{"TheLastDropped", s[:3*n]},
		{"AMiddleOneDropped", join(s[:n], s[2*n:])},
		{"TheLastFirst", join(s[3*n:], s[:3*n])},
		{"OneAddedBehind", join(s, s[3*n:])},
		{"OneOfAnotherKey", join(s[:n], other[n:2*n], s[2*n:])},
		{"Cut", s[:len(s)-1]},
		{"Nothing", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// With the size that was recorded, and with that which would fit.
			wantDamaged(t, tt.name, k, tt.stored, plain, 4*segmentBytes)
			if size := int64(len(tt.stored)) / sealedBytes * segmentBytes; size > 0 && len(tt.stored)%n == 0 {
				wantDamaged(t, tt.name+", size changed too", k, tt.stored, plain, size)
			}
		})
	}
}

func TestErrorsOfTheSourceComeOutAsTheyAre(t *testing.T) {
	for _, want := range []error{io.ErrUnexpectedEOF, errors.New("broken")} {
		for _, n := range []int{0, 1, 100, segmentBytes, segmentBytes + 1, 3 * segmentBytes} {
			e, err := newKey(t, 1).Encrypt(random(9), io.MultiReader(bytes.NewReader(text(2, n)), iotest.ErrReader(want)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, e); !errors.Is(err, want) {
				t.Errorf("Encrypt(%d bytes, then %v) = %v, want the error: a cut body must not pass for a whole one", n, want, err)
			}
		}
	}
}

func TestAKeyOpensOnlyWhatItIsFor(t *testing.T) {
	k, data := newKey(t, 1), newKey(t, 2)
	wrapped, err := k.Wrap(random(3), "this", data)
	if err != nil || len(wrapped) != WrappedBytes {
		t.Fatalf("Wrap = %d bytes, %v, want %d", len(wrapped), err, WrappedBytes)
	}
	if got, err := k.Unwrap("this", wrapped); err != nil || !bytes.Equal(got.Reveal(), data.Reveal()) {
		t.Errorf("Unwrap = %v, want the key that was wrapped", err)
	}
	if _, err := k.Unwrap("that", wrapped); !errors.Is(err, ErrDamaged) {
		t.Errorf("Unwrap(another context) = %v, want ErrDamaged", err)
	}
	if _, err := newKey(t, 4).Unwrap("this", wrapped); !errors.Is(err, ErrDamaged) {
		t.Errorf("Unwrap(another key) = %v, want ErrDamaged", err)
	}
	for i := range wrapped {
		damaged := bytes.Clone(wrapped)
		damaged[i] ^= 1
		if _, err := k.Unwrap("this", damaged); !errors.Is(err, ErrDamaged) {
			t.Errorf("Unwrap(byte %d changed) = %v, want ErrDamaged", i, err)
		}
	}
	check, err := k.Check(random(3))
	if err != nil || !k.Matches(check) || data.Matches(check) || k.Matches(check[1:]) {
		t.Errorf("Check: k %v, another key %v, cut %v, want true, false, false (%v)", k.Matches(check), data.Matches(check), k.Matches(check[1:]), err)
	}
}

func TestAKeyIsNotPrinted(t *testing.T) {
	k := newKey(t, 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%x", "%s", "%q"} {
		in := struct{ K Key }{k}
		if got := fmt.Sprintf(format+format, k, in); !strings.HasPrefix(got, "[key]") || strings.Contains(got, fmt.Sprint(k.b[0], " ", k.b[1])) {
			t.Errorf("Sprintf(%q) = %s, want [key]", format, got)
		}
	}
}

func FuzzCopyRange(f *testing.F) {
	k := newKey(f, 1)
	plain := text(2, segmentBytes+100)
	f.Add(encrypt(f, k, plain), int64(0), int64(segmentBytes+100), 1000)
	f.Add(encrypt(f, k, plain[:10]), int64(2), int64(5), 1)
	f.Fuzz(func(t *testing.T, stored []byte, off, n int64, step int) {
		for _, size := range []int64{10, segmentBytes + 100, int64(len(stored)) - extraBytes} {
			got, err := decrypt(k, stored, size, off, n, max(1, step))
			// Only the two that were seeded are authentic.
			if err == nil && n > 0 && !bytes.Equal(got, plain[off:off+n]) {
				t.Errorf("CopyRange(%d of %d at %d) gave bytes that nobody encrypted", n, size, off)
			}
		}
	})
}
