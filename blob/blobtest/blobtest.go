// Package blobtest is the contract of blob.Store as a test that every driver
// runs. It knows nothing of how a driver keeps its blobs, nor of crashes and
// damage, which a driver tests by its own means.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"coffer/blob"
)

// Run tests the contract on stores that open makes; each is empty, and is closed
// by the test's cleanup if it has to be.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, blob.Store)
	}{
		{"WhatWasPutIsReadBack", readsBack},
		{"RangesAreThoseOfTheContent", ranges},
		{"ReadAtKeepsTheContractOfReaderAt", readerAt},
		{"CopyRangeRefusesWhatIsOutside", copyOutside},
		{"CopyRangeReturnsTheWritersError", copyWriterError},
		{"ABlobMayBeReadByManyAtOnce", readTogether},
		{"ManyMayPutAtOnce", putTogether},
		{"ListIsInOrderAndStartsAfter", list},
		{"ListEndsWhenCancelled", listCancelled},
		{"DeletedMeansNotFound", deleted},
		{"ForeignRefsAreNotFound", foreign},
		{"ReaderErrorsComeBack", readerErrors},
		{"ACancelledPutFails", putCancelled},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// sizes stand around the edges of every block and buffer that a driver is likely
// to have.
var sizes = []int{
	0, 1, 63, 64, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 64<<10 + 1,
	128<<10 - 1, 128 << 10, 128<<10 + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 384 << 10,
	512<<10 - 1, 512 << 10, 512<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 12345,
}

// Content returns n bytes in which no two blocks are alike, the same for the
// same seed.
func Content(seed uint64, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(p) // never fails
	return p
}

// Put stores p and fails the test if it cannot.
func Put(t testing.TB, s blob.Store, p []byte) blob.Ref {
	t.Helper()
	ref, n, err := s.Put(t.Context(), bytes.NewReader(p))
	if err != nil || n != int64(len(p)) || !ref.Valid() {
		t.Fatalf("Put(%d bytes) = %q, %d, %v, want a valid ref, %d, nil", len(p), ref, n, err, len(p))
	}
	return ref
}

// Check fails the test unless the blob is there and holds want.
func Check(t testing.TB, s blob.Store, ref blob.Ref, want []byte) {
	t.Helper()
	b := openBlob(t, s, ref)
	if b.Size() != int64(len(want)) {
		t.Errorf("Open(%s).Size() = %d, want %d", ref, b.Size(), len(want))
	}
	var got bytes.Buffer
	if n, err := b.CopyRange(&got, 0, b.Size()); err != nil || n != int64(len(want)) || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("CopyRange(0, %d) of %s = %d, %v, want the %d bytes that were put", b.Size(), ref, n, err, len(want))
	}
}

func openBlob(t testing.TB, s blob.Store, ref blob.Ref) blob.Blob {
	t.Helper()
	b, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatalf("Open(%s) = %v", ref, err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close of %s = %v", ref, err)
		}
	})
	return b
}

func readsBack(t *testing.T, s blob.Store) {
	seen := map[blob.Ref]bool{}
	for i, size := range sizes {
		want := Content(uint64(i), size)
		ref := Put(t, s, want)
		if seen[ref] {
			t.Errorf("Put gave the ref %s twice", ref)
		}
		seen[ref] = true
		Check(t, s, ref, want)
		got := make([]byte, size)
		if n, err := openBlob(t, s, ref).ReadAt(got, 0); n != size || err != nil || !bytes.Equal(got, want) {
			t.Errorf("ReadAt(%d bytes, 0) = %d, %v, want all bytes", size, n, err)
		}
	}
	// A network gives few bytes at a time.
	want := Content(99, 600<<10)
	ref, _, err := s.Put(t.Context(), iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(want))))
	if err != nil {
		t.Fatalf("Put of small reads = %v", err)
	}
	Check(t, s, ref, want)
}

func ranges(t *testing.T, s blob.Store) {
	content := Content(1, 5<<20+12345)
	b := openBlob(t, s, Put(t, s, content))
	size := int64(len(content))
	for _, off := range sizes {
		for _, n := range []int64{0, 1, 4096, 128<<10 - 1, 128 << 10, 128<<10 + 1, 1<<20 + 1} {
			checkRange(t, b, content, int64(off), min(n, size-int64(off)))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		off := rapid.Int64Range(0, size).Draw(t, "off")
		checkRange(t, b, content, off, rapid.Int64Range(0, size-off).Draw(t, "n"))
	})
}

func checkRange(t rapid.TB, b blob.Blob, content []byte, off, n int64) {
	want := content[off : off+n]
	var got bytes.Buffer
	if m, err := b.CopyRange(&got, off, n); m != n || err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("CopyRange(%d, %d) = %d, %v, or other bytes; want %d, nil", off, n, m, err, n)
	}
	p := make([]byte, n)
	if m, err := b.ReadAt(p, off); int64(m) != n || err != nil || !bytes.Equal(p, want) {
		t.Errorf("ReadAt(%d bytes, %d) = %d, %v, or other bytes; want %d, nil", n, off, m, err, n)
	}
}

func readerAt(t *testing.T, s blob.Store) {
	for _, size := range []int64{0, 1, 128 << 10, 128<<10 + 5} {
		content := Content(2, int(size))
		b := openBlob(t, s, Put(t, s, content))
		for _, tt := range []struct {
			off  int64
			n    int
			want int
			err  error
		}{
			{size, 1, 0, io.EOF},
			{size + 1, 1, 0, io.EOF},
			{1 << 62, 1, 0, io.EOF},
			{size, 0, 0, nil},
			{0, int(size) + 1, int(size), io.EOF},
			{0, int(size), int(size), nil},
			{size / 2, int(size), int(size - size/2), map[bool]error{true: io.EOF}[size/2 > 0]},
		} {
			p := make([]byte, tt.n)
			n, err := b.ReadAt(p, tt.off)
			if n != tt.want || err != tt.err || n > 0 && !bytes.Equal(p[:n], content[tt.off:tt.off+int64(n)]) {
				t.Errorf("ReadAt(%d bytes, %d) of %d bytes = %d, %v, or other bytes; want %d, %v", tt.n, tt.off, size, n, err, tt.want, tt.err)
			}
		}
		if n, err := b.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
			t.Errorf("ReadAt(1 byte, -1) = %d, %v, want 0 and an error", n, err)
		}
	}
	content := Content(2, 5000)
	b := openBlob(t, s, Put(t, s, content))
	if err := iotest.TestReader(io.NewSectionReader(b, 0, 5000), content); err != nil {
		t.Errorf("a section of 5000 bytes: %v", err)
	}
}

func copyOutside(t *testing.T, s blob.Store) {
	b := openBlob(t, s, Put(t, s, Content(3, 1000)))
	for _, tt := range []struct{ off, n int64 }{
		{-1, 1}, {0, -1}, {0, 1001}, {1000, 1}, {1001, 0}, {1, 1<<63 - 1}, {1<<63 - 1, 1},
	} {
		var got bytes.Buffer
		if n, err := b.CopyRange(&got, tt.off, tt.n); n != 0 || err == nil || got.Len() > 0 {
			t.Errorf("CopyRange(%d, %d) of 1000 bytes = %d, %v after %d bytes, want 0 and an error", tt.off, tt.n, n, err, got.Len())
		}
	}
}

// failingWriter takes some bytes and then fails.
type failingWriter struct {
	room int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

func copyWriterError(t *testing.T, s blob.Store) {
	b := openBlob(t, s, Put(t, s, Content(4, 1<<20)))
	errGone := errors.New("client is gone")
	for _, room := range []int{0, 1, 300 << 10} {
		if n, err := b.CopyRange(&failingWriter{room, errGone}, 0, 1<<20); n != int64(room) || !errors.Is(err, errGone) {
			t.Errorf("CopyRange to a writer that takes %d bytes = %d, %v, want %d, %v", room, n, err, room, errGone)
		}
	}
	if n, err := b.CopyRange(&failingWriter{10, nil}, 0, 1<<20); n != 10 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("CopyRange to a writer that takes 10 bytes without an error = %d, %v, want 10, %v", n, err, io.ErrShortWrite)
	}
}

func readTogether(t *testing.T, s blob.Store) {
	content := Content(5, 1<<20+7)
	b := openBlob(t, s, Put(t, s, content))
	var wg sync.WaitGroup
	for i := range int64(8) {
		wg.Go(func() {
			for off := i * 1000; off < 1<<20; off += 200_001 {
				checkRange(t, b, content, off, min(50_000, int64(len(content))-off))
			}
		})
	}
	wg.Wait()
}

func putTogether(t *testing.T, s blob.Store) {
	const count = 64
	refs := make([]blob.Ref, count)
	errs := make([]error, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() { refs[i], _, errs[i] = s.Put(t.Context(), bytes.NewReader(Content(uint64(i), i*9973))) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("Put = %v", err)
	}
	for i, ref := range refs {
		Check(t, s, ref, Content(uint64(i), i*9973))
	}
}

func list(t *testing.T, s blob.Store) {
	sizeOf := map[blob.Ref]int64{}
	var want []blob.Ref
	for i := range 40 {
		ref := Put(t, s, Content(uint64(i), i*1000))
		sizeOf[ref] = int64(i * 1000)
		want = append(want, ref)
	}
	slices.Sort(want)
	if got := listed(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("List(\"\") = %q, want %q", got, want)
	}
	for i, ref := range want {
		if got := listed(t, s, ref); !slices.Equal(got, want[i+1:]) {
			t.Errorf("List(%q) = %q, want %q", ref, got, want[i+1:])
		}
	}
	if err := s.Delete(t.Context(), want[20]); err != nil {
		t.Fatalf("Delete(%s) = %v", want[20], err)
	}
	for _, tt := range []struct {
		after blob.Ref
		want  []blob.Ref
	}{
		{want[20], want[21:]}, // need not exist
		{want[5][:len(want[5])-1], want[5:20]},
		{want[5] + "0", want[6:20]},
		{"zzzzzzzzzzzz", nil},
	} {
		if got := listed(t, s, tt.after); !slices.Equal(got[:min(len(got), len(tt.want))], tt.want) || tt.want == nil && got != nil {
			t.Errorf("List(%q) = %q, want it to start %q", tt.after, got, tt.want)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Size < sizeOf[info.Ref] || info.ModTime.IsZero() {
			t.Errorf("List: %+v, %v, want at least %d bytes and a time", info, err, sizeOf[info.Ref])
		}
		break // ends the listing without harm
	}
}

func listed(t *testing.T, s blob.Store, after blob.Ref) []blob.Ref {
	t.Helper()
	var refs []blob.Ref
	for info, err := range s.List(t.Context(), after) {
		if err != nil {
			t.Fatalf("List(%q): %v", after, err)
		}
		refs = append(refs, info.Ref)
	}
	return refs
}

func listCancelled(t *testing.T, s blob.Store) {
	for range 4 {
		Put(t, s, []byte("x"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen int
	var last error
	for _, err := range s.List(ctx, "") {
		cancel()
		seen++
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("List, cancelled at its first blob, ended after %d with %v, want %v", seen, last, context.Canceled)
	}
}

func deleted(t *testing.T, s blob.Store) {
	ref, other := Put(t, s, []byte("first")), Put(t, s, []byte("second"))
	for range 2 {
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Fatalf("Delete(%s) = %v", ref, err)
		}
		if _, err := s.Open(t.Context(), ref); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%s) after Delete = %v, want %v", ref, err, blob.ErrNotFound)
		}
	}
	if got := listed(t, s, ""); !slices.Equal(got, []blob.Ref{other}) {
		t.Errorf("List after Delete = %q, want %q", got, other)
	}
	Check(t, s, other, []byte("second"))
}

func foreign(t *testing.T, s blob.Store) {
	made := Put(t, s, []byte("x"))
	for _, ref := range []blob.Ref{"", "-", "nothing", "../../etc/passwd", made + "0", made[:len(made)-1], made + "/../x", "\x00"} {
		if b, err := s.Open(t.Context(), ref); b != nil || !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%q) = %v, %v, want nil, %v", ref, b, err, blob.ErrNotFound)
		}
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Errorf("Delete(%q) = %v, want nil", ref, err)
		}
	}
	Check(t, s, made, []byte("x"))
}

// bodyError stands for what a front's reader returns.
type bodyError struct{ code string }

func (e *bodyError) Error() string { return e.code }

func readerErrors(t *testing.T, s blob.Store) {
	bad := &bodyError{"BadDigest"}
	for _, size := range sizes {
		r := io.MultiReader(bytes.NewReader(Content(6, size)), iotest.ErrReader(bad))
		ref, n, err := s.Put(t.Context(), r)
		var body *bodyError
		var reader *blob.ReaderError
		if ref != "" || n != 0 || !errors.As(err, &body) || body != bad || !errors.As(err, &reader) {
			t.Errorf("Put of a reader that fails after %d bytes = %q, %d, %v, want the reader's error", size, ref, n, err)
		}
	}
	// What is left, if anything, is nothing that a reader of the store sees.
	for _, ref := range listed(t, s, "") {
		if b, err := s.Open(t.Context(), ref); err == nil {
			t.Errorf("Open(%s) after a failed Put = %d bytes, want an error", ref, b.Size())
		}
	}
	Check(t, s, Put(t, s, []byte("next")), []byte("next"))
	if _, _, err := s.Put(t.Context(), silent{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Put of a reader without progress = %v, want %v", err, io.ErrNoProgress)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// endless never ends; it calls after once it was read for a while.
type endless struct {
	left  int
	after func()
}

func (r *endless) Read(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		r.after()
	}
	return len(p), nil
}

func putCancelled(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 100 << 10, 3 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		ref, _, err := s.Put(ctx, &endless{size, cancel})
		if ref != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("Put, cancelled after %d bytes = %q, %v, want %v", size, ref, err, context.Canceled)
		}
	}
	for _, ref := range listed(t, s, "") {
		if _, err := s.Open(t.Context(), ref); err == nil {
			t.Errorf("Open(%s) after a cancelled Put = nil, want an error", ref)
		}
	}
}
