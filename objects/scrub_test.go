package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob"
)

var fast = ScrubInput{BytesPerSecond: 1 << 40, Every: 24 * time.Hour}

func scrubGoldens() (scrubProgress, ScrubFinding) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	return scrubProgress{began: at, after: []byte("o\x00k"), objects: 3, bytes: 400, finished: at.Add(time.Hour), running: true},
		ScrubFinding{Time: at, Code: "blob-damaged", Account: "1", Bucket: "b", Key: "k", Version: "null", Upload: "u", Detail: "d",
			use: blobUse{key: []byte("o1234567\x01k"), by: namedByBody, id: bodyID{1, 15: 2}, ref: "0a1b-0"}}
}

// status lists what a scrub found, for an operator.
func (w *world) scrubFound(t testing.TB) (ScrubStatus, []string) {
	t.Helper()
	status, err := w.As(coffer.Actor{Caller: coffer.Caller{Operator: true}}).ScrubStatus(t.Context())
	if err != nil {
		t.Fatalf("ScrubStatus() = %v", err)
	}
	var found []string
	for _, x := range status.Findings {
		found = append(found, fmt.Sprintf("%s %s/%s%s", x.Code, x.Bucket, x.Key, map[bool]string{true: " of an upload"}[x.Upload != ""]))
	}
	slices.Sort(found)
	return status, found
}

// TestScrub finds what is damaged within a round, exactly that, and forgets it when
// it is overwritten, deleted or whole again.
func TestScrub(t *testing.T) {
	w, fs := damagedWorld(t)
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatalf("Scrub() = %v", err)
	}
	status, found := w.scrubFound(t)
	if len(found) > 0 || status.Running || !status.Finished.Equal(w.clock.Now()) || status.Bytes < 10_000 || status.Objects < 10 {
		t.Errorf("Scrub() of a healthy store: %+v", status)
	}
	_, o := w.row(t, "blob")
	whole := readFile(t, fs, pathOf(o.body.ref))
	writeFile(t, fs, pathOf(o.body.ref), append([]byte{whole[0] ^ 1}, whole[1:]...))
	_, parts := w.row(t, "parts")
	if err := fs.Remove(pathOf(w.pieces(t, parts)[0].ref)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"inline", "sealed"} {
		_, o = w.row(t, key)
		w.set(t, dataKey(o.body.id), []byte("damaged"))
	}
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatal(err)
	}
	if _, found := w.scrubFound(t); len(found) > 0 {
		t.Errorf("a second round began before it was due, and found %q", found)
	}
	if err := w.StartScrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatal(err)
	}
	want := []string{"blob-damaged bucket/blob", "blob-damaged bucket/blob-copy", "blob-missing bucket/parts", "blob-missing bucket/parts-copy",
		"object-bytes-damaged bucket/inline", "object-bytes-damaged bucket/sealed"}
	if _, found := w.scrubFound(t); !slices.Equal(found, want) {
		t.Errorf("Scrub() found %q, want %q", found, want)
	}
	if bytes, n := w.ScrubSums(); n != int64(len(want)) || bytes == 0 {
		t.Errorf("ScrubSums() = %d, %d, want %d findings", bytes, n, len(want))
	}
	if _, err := w.bob.ScrubStatus(t.Context()); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("ScrubStatus() of a tenant = %v, want AccessDenied", err)
	}

	_, _ = w.alice.Delete(t.Context(), "bucket", Doomed{Key: "parts-copy", Version: coffer.NullVersion})
	_, _ = w.alice.Delete(t.Context(), "bucket", Doomed{Key: "inline", Version: coffer.NullVersion})
	want = []string{want[0], want[1], want[2], want[5]}
	if _, found := w.scrubFound(t); !slices.Equal(found, want) {
		t.Errorf("after two were deleted there is %q, want %q", found, want)
	}
	_, o = w.row(t, "blob")
	writeFile(t, fs, pathOf(o.body.ref), whole)
	w.clock.step(25 * time.Hour)
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatal(err)
	}
	if _, found := w.scrubFound(t); !slices.Equal(found, want[2:]) {
		t.Errorf("after a file was restored there is %q, want %q", found, want[2:])
	}
	if found := w.findings(t, false); slices.ContainsFunc(found, func(f string) bool { return f == "progress-record" }) {
		t.Errorf("Check() found %q about the records of a scrub", found)
	}
}

// cutBlobs is a blob.Store that ends a context when it was asked for so many blobs.
type cutBlobs struct {
	blob.Store
	left int
	cut  context.CancelFunc
}

func (c *cutBlobs) Open(ctx context.Context, ref blob.Ref) (blob.Blob, error) {
	if c.left--; c.left < 0 {
		c.cut()
	}
	return c.Store.Open(ctx, ref)
}

// TestScrubGoesOn cuts a round again and again: it comes to its end all the same,
// and reads nothing twice but what it was at.
func TestScrubGoesOn(t *testing.T) {
	w := openWorld(t, vfs.NewMem(), vfs.NewMem(), &clock{now: time.Now()})
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	const objects = 20
	for i := range objects {
		w.put(t, fmt.Sprint(i), content(uint64(i), 3000))
	}
	blobs := w.Blobs
	for rounds := 0; ; rounds++ {
		ctx, cut := context.WithCancel(t.Context())
		w.Blobs = &cutBlobs{blobs, 3, cut}
		err := w.Scrub(ctx, fast)
		cut()
		status, found := w.scrubFound(t)
		if len(found) > 0 {
			t.Fatalf("a round that was cut found %q", found)
		}
		if err == nil {
			if status.Objects != objects || status.Running || rounds < 5 {
				t.Errorf("after %d cuts: %+v, want all %d objects", rounds, status, objects)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || !status.Running || rounds > objects {
			t.Fatalf("Scrub() cut = %v, %+v", err, status)
		}
	}
}

// TestADamagedValueOfTheMetadataEndsNoRound damages the bytes of a small object where the
// metadata has them: a scrub and a check name it, and look at those behind it.
func TestADamagedValueOfTheMetadataEndsNoRound(t *testing.T) {
	fs, c := vfs.NewMem(), &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	blobs := vfs.NewMem()
	w := openInline(t, fs, blobs, c, 16<<10)
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"a", "b", "c"} {
		w.put(t, key, content(uint64(i), 12_000))
	}
	// A stop writes values to files of their own.
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	flipIn(t, fs, "meta", ".blob", content(1, 12_000))
	w = openInline(t, fs, blobs, c, 16<<10)
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatalf("Scrub() = %v", err)
	}
	status, found := w.scrubFound(t)
	if want := []string{"object-bytes-damaged bucket/b"}; !slices.Equal(found, want) || status.Running || status.Objects != 3 {
		t.Errorf("Scrub() found %q of %d objects, want %q of 3", found, status.Objects, want)
	}
	if found := w.findings(t, true); len(found) != 1 || !strings.Contains(found[0], "object-bytes-damaged") {
		t.Errorf("a check found %q, want the one object", found)
	}
	if _, _, err := w.get(t, GetInput{Key: "b"}); err == nil {
		t.Error("the damaged object is served")
	}
	w.check(t, "c", content(2, 12_000))
}

// flipIn changes one bit of the file in dir, of those with an ending, that has b in it.
func flipIn(t *testing.T, fs vfs.FS, dir, ending string, b []byte) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		if !strings.HasSuffix(name, ending) {
			continue
		}
		data := readFile(t, fs, path)
		if at := bytes.Index(data, b); at >= 0 {
			data[at+10] ^= 1
			writeFile(t, fs, path, data)
			return
		}
	}
	t.Fatalf("no file of %q has what was written", names)
}
