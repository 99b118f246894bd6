package disk

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob"
	"coffer/blob/blobtest"
)

// TestBlobsComeBackUnderTheirRefs moves the blobs of two disks to two new ones that
// have the identities of the old.
func TestBlobsComeBackUnderTheirRefs(t *testing.T) {
	from := open(t, vfs.NewMem(), "/a", "/b")
	mem := vfs.NewMem()
	for i, d := range from.disks {
		if err := Make(Options{FS: mem}, []string{"/x/1", "/x/2"}[i], d.id); err != nil {
			t.Fatalf("Make(%q) = %v", d.id, err)
		}
	}
	to := open(t, mem, "/x/2", "/x/1")
	want := map[blob.Ref][]byte{}
	for i := range 20 {
		p := blobtest.Content(uint64(i), i*40_000)
		ref := blobtest.Put(t, from, p)
		want[ref] = p
		if err := to.Restore(t.Context(), ref, bytes.NewReader(p)); err != nil {
			t.Fatalf("Restore(%s) = %v", ref, err)
		}
	}
	to = open(t, mem, "/x/1", "/x/2")
	for ref, p := range want {
		b, err := to.Open(t.Context(), ref)
		if err != nil {
			t.Fatalf("Open(%s) = %v", ref, err)
		}
		var got bytes.Buffer
		if _, err := b.CopyRange(&got, 0, b.Size()); err != nil || !bytes.Equal(got.Bytes(), p) {
			t.Errorf("%s has %d bytes, %v, want the %d that were restored", ref, got.Len(), err, len(p))
		}
		_ = b.Close()
		if err := to.Restore(t.Context(), ref, strings.NewReader("other")); err == nil {
			t.Errorf("Restore(%s) again = nil, want an error: blobs are immutable", ref)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/a")
	for _, tt := range []struct {
		name string
		do   func() error
	}{
		{"ABlobOfAnotherDisk", func() error {
			return s.Restore(t.Context(), "zzzz-00000000000000000000000000000000", strings.NewReader("x"))
		}},
		{"APathInARef", func() error {
			return s.Restore(t.Context(), blob.Ref(s.disks[0].id+"-../../x"), strings.NewReader("x"))
		}},
		{"AnIDThatIsAPath", func() error { return Make(Options{FS: mem}, "/n", "../x") }},
		{"ADiskThatIsThere", func() error { return Make(Options{FS: mem}, "/a", "abcd") }},
	} {
		if err := tt.do(); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	cut := errors.New("cut")
	ref := makeRef(s.disks[0].id, strings.Repeat("0", nameBytes))
	if err := s.Restore(t.Context(), ref, &failing{cut}); !errors.Is(err, cut) {
		t.Errorf("Restore from a reader that fails = %v, want its error", err)
	}
	if names, err := mem.List("/a/00"); err != nil || slices.Contains(names, strings.Repeat("0", nameBytes)) {
		t.Errorf("a restore that failed leaves %q, %v", names, err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
