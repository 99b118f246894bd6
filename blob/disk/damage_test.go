package disk

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob"
	"coffer/blob/blobtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// damageBytes is four blocks and a part of one.
const damageBytes = 4*blockBytesMin + 100

// TestDamageIsNeverServed damages a file in many ways: every read gives either
// the bytes that were put or a *DamagedError.
func TestDamageIsNeverServed(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/data")
	s.blockBytes = blockBytesMin
	content := blobtest.Content(1, damageBytes)
	ref := blobtest.Put(t, s, content)
	other := blobtest.Put(t, s, blobtest.Content(2, damageBytes))
	pathOf := func(ref blob.Ref) string {
		d, name, err := s.locate(ref)
		if err != nil {
			t.Fatal(err)
		}
		return s.path(d, name)
	}
	whole := readFile(t, mem, pathOf(ref))

	check := func(what string, file []byte) {
		t.Helper()
		writeFile(t, mem, pathOf(ref), file)
		checkDamaged(t, s, ref, content, what)
	}
	// One flipped bit in each 97th byte of the content, and in every byte behind.
	for at := 0; at < len(whole); at++ {
		if at < damageBytes && at%97 != 0 {
			continue
		}
		p := bytes.Clone(whole)
		p[at] ^= 1 << (at % 8)
		check("a flipped bit", p)
	}
	for _, size := range []int{0, 1, footerBytes - 1, footerBytes, footerBytes + 1, footerBytes + 4, footerBytes + 5, blockBytesMin, damageBytes, len(whole) - footerBytes, len(whole) - 1} {
		check("a truncated file", whole[:size])
		if zeros := append(bytes.Clone(whole[:size]), make([]byte, len(whole)-size)...); !bytes.Equal(zeros, whole) {
			check("a file with zeros at its end", zeros)
		}
		check("a file that lost its begin", whole[len(whole)-size:])
	}
	for at := 0; at < damageBytes; at += blockBytesMin {
		p := bytes.Clone(whole)
		clear(p[at:min(at+blockBytesMin, damageBytes)])
		check("a zeroed block", p)
	}
	swapped := bytes.Clone(whole)
	copy(swapped, whole[blockBytesMin:2*blockBytesMin])
	copy(swapped[blockBytesMin:], whole[:blockBytesMin])
	check("two swapped blocks", swapped)
	check("an appended byte", append(bytes.Clone(whole), 0))
	check("the file of another blob", readFile(t, mem, pathOf(other)))

	writeFile(t, mem, pathOf(ref), whole)
	blobtest.Check(t, s, ref, content)
}

// checkDamaged reads the whole blob and each block of it: at least one read
// fails, and none gives a wrong byte.
func checkDamaged(t *testing.T, s *Store, ref blob.Ref, content []byte, what string) {
	t.Helper()
	var damaged *blob.DamagedError
	b, err := s.Open(t.Context(), ref)
	if err != nil {
		if !errors.As(err, &damaged) || damaged.Ref != ref || damaged.Block != blob.WholeBlob {
			t.Errorf("Open of %s = %v, want a *DamagedError of the whole %s", what, err, ref)
		}
		return
	}
	defer b.Close()
	var got bytes.Buffer
	n, err := b.CopyRange(&got, 0, b.Size())
	if !errors.As(err, &damaged) || damaged.Ref != ref || int64(got.Len()) != n || !bytes.HasPrefix(content, got.Bytes()) {
		t.Errorf("CopyRange of %s = %d, %v, or wrong bytes, want a *DamagedError", what, n, err)
		return
	}
	first := damaged.Block
	for off := 0; off < damageBytes; off += blockBytesMin / 2 {
		for _, size := range []int{1, blockBytesMin, 3 * blockBytesMin} {
			p := make([]byte, min(size, damageBytes-off))
			n, err := b.ReadAt(p, int64(off))
			if !bytes.Equal(p[:n], content[off:off+n]) {
				t.Errorf("ReadAt(%d bytes, %d) of %s gave wrong bytes", len(p), off, what)
			}
			touches := int64(off)/blockBytesMin <= first && first <= int64(off+len(p)-1)/blockBytesMin
			if touches && !errors.As(err, &damaged) || err == nil && n != len(p) {
				t.Errorf("ReadAt(%d bytes, %d) of %s = %d, %v, want a *DamagedError", len(p), off, what, n, err)
			}
		}
	}
}

func TestALinkToAnotherDiskIsNoticed(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/a", "/b")
	ref := blobtest.Put(t, s, []byte("x"))
	id, name, _ := parseRef(ref)
	from, to := s.disks[0], s.disks[1]
	if from.id != id {
		from, to = to, from
	}
	writeFile(t, mem, s.path(to, name), readFile(t, mem, s.path(from, name)))
	var damaged *blob.DamagedError
	if _, err := s.Open(t.Context(), makeRef(to.id, name)); !errors.As(err, &damaged) {
		t.Errorf("Open of a file that was copied from another disk = %v, want a *DamagedError", err)
	}
}

// TestGoldenFilesAreRead reads and writes version 1 of both formats. Files of
// this version exist: it must be read for ever.
func TestGoldenFilesAreRead(t *testing.T) {
	const id, name = "c0fe", "4a0102030405060708090a0b0c0d0e0f"
	content := []byte(strings.Repeat("coffer keeps what it is given\n", 300)) // two blocks and a part
	mem := vfs.NewMem()
	writeFile(t, mem, "/data/identity", golden(t, "identity-v1", encodeIdentity(id)))
	s := openWith(t, Options{FS: mem, Dirs: []string{"/data"}, Now: func() time.Time { return time.Unix(1_800_000_000, 7) },
		Rand: strings.NewReader("\x4a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")})
	s.blockBytes = blockBytesMin
	ref := blobtest.Put(t, s, content)
	if want := blob.Ref(id + "-" + name); ref != want {
		t.Fatalf("Put = %s, want %s", ref, want)
	}
	path := "/data/4a/" + name
	writeFile(t, mem, path, golden(t, "blob-v1", readFile(t, mem, path)))
	s.blockBytes = blockBytes // what is read says for itself what its blocks are
	blobtest.Check(t, s, ref, content)
}

// golden returns the golden file and compares it with what is written today.
func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is written as %x, want %x", name, got, want)
	}
	return want
}

func FuzzOpenOfAnyFile(f *testing.F) {
	mem := vfs.NewMem()
	s := open(f, mem, "/data")
	s.blockBytes = blockBytesMin
	ref := blobtest.Put(f, s, blobtest.Content(1, 5000))
	d, name, _ := s.locate(ref)
	whole := readFile(f, mem, s.path(d, name))
	f.Add(whole[5000:])
	f.Add(whole)
	f.Fuzz(func(t *testing.T, p []byte) {
		writeFile(t, mem, s.path(d, name), p)
		b, err := s.Open(t.Context(), ref)
		if err != nil {
			return
		}
		defer b.Close()
		if n, err := b.ReadAt(make([]byte, len(p)+1), 0); err == nil || int64(n) > b.Size() {
			t.Errorf("ReadAt beyond the end = %d, nil", n)
		}
	})
}
