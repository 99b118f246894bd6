package objects

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob/disk"
	"coffer/meta"
	"coffer/meta/pebble"
)

// testInline is small, so that a blob needs no megabytes.
const testInline = 1000

var (
	alice = coffer.Actor{Account: "111111111111", Canonical: "aa", Key: "key_a"}
	bob   = coffer.Actor{Account: "222222222222", Canonical: "bb", Key: "key_b"}
)

type clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// twice is a meta.Store that throws the first run of each transaction away, as
// a conflict does, and can be told what to do before each, and what to refuse.
type twice struct {
	meta.Store
	before func() // runs once, before the next Update
	views  error  // what View fails with
	bytes  int    // written by the last transaction
	limit  int    // what a transaction can hold, if not 0
}

var errRollback = errors.New("thrown away")

func (s *twice) Update(ctx context.Context, fn func(meta.Tx) error) error {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	err := s.Store.Update(ctx, func(tx meta.Tx) error {
		_ = fn(tx)
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		return err
	}
	return s.Store.Update(ctx, func(tx meta.Tx) error {
		s.bytes = 0
		tx = measured{tx, &s.bytes}
		if left := s.limit; left > 0 {
			tx = limited{tx, &left}
		}
		return fn(tx)
	})
}

func (s *twice) View(ctx context.Context, fn func(meta.Reader) error) error {
	if s.views != nil {
		return s.views
	}
	return s.Store.View(ctx, fn)
}

type measured struct {
	meta.Tx
	bytes *int
}

func (m measured) Set(key, value []byte) error {
	*m.bytes += len(key) + len(value)
	return m.Tx.Set(key, value)
}

func (m measured) Delete(key []byte) error {
	*m.bytes += len(key)
	return m.Tx.Delete(key)
}

type world struct {
	*Service
	store *twice
	disk  *disk.Store
	clock *clock
	alice Session
	bob   Session
}

// newWorld is a service on file systems in memory, with alice's bucket.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := openEmpty(t)
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	return w
}

func openEmpty(t testing.TB) *world {
	t.Helper()
	return openWorld(t, vfs.NewMem(), vfs.NewMem(), &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.UTC)})
}

func openWorld(t testing.TB, metaFS, blobFS vfs.FS, c *clock) *world {
	t.Helper()
	return openInline(t, metaFS, blobFS, c, testInline)
}

// openInline opens a world where objects of up to inlineMax bytes are in the metadata.
func openInline(t testing.TB, metaFS, blobFS vfs.FS, c *clock, inlineMax int64) *world {
	t.Helper()
	store, err := pebble.Open("meta", pebble.Options{FS: metaFS})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	blobs, err := disk.Open(disk.Options{FS: blobFS, Dirs: []string{"blobs"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: &twice{Store: store}, disk: blobs, clock: c}
	w.Service, err = Open(t.Context(), Options{Meta: w.store, Blobs: blobs, Now: c.Now, Rand: rand.Reader,
		Logger: slog.New(slog.DiscardHandler), InlineMax: inlineMax, Seal: sealForTest, Unseal: unsealForTest})
	if err != nil {
		t.Fatal(err)
	}
	w.PartSizeMin = 10
	w.alice, w.bob = w.As(alice), w.As(bob)
	return w
}

// content is n bytes that differ with seed.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(n), byte(n >> 8), 1}).Read(b)
	return b
}

func etagOf(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func (w *world) put(t testing.TB, key string, b []byte) coffer.Object {
	t.Helper()
	o, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b))})
	if err != nil {
		t.Fatalf("Put(%q, %d bytes) = %v", key, len(b), err)
	}
	return o
}

// get reads an object, or "" and the error.
func (w *world) get(t testing.TB, in GetInput) ([]byte, *Content, error) {
	t.Helper()
	in.Bucket = "bucket"
	c, err := w.alice.Get(t.Context(), in)
	if err != nil {
		return nil, c, err
	}
	defer c.Close()
	var b bytes.Buffer
	n, err := c.WriteTo(t.Context(), &b)
	if err == nil && (n != c.Length || int64(b.Len()) != n) {
		t.Errorf("Get(%q): WriteTo = %d, %d bytes came, Length = %d", in.Key, n, b.Len(), c.Length)
	}
	return b.Bytes(), c, err
}

// check reads an object that must be b.
func (w *world) check(t testing.TB, key string, b []byte) *Content {
	t.Helper()
	got, c, err := w.get(t, GetInput{Key: key})
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("Get(%q) = %d bytes, %v, want the %d bytes that were put", key, len(got), err, len(b))
	}
	return c
}

// upload begins an upload and puts its parts, numbered from 1.
func (w *world) upload(t testing.TB, key string, sum coffer.Checksum, bodies ...[]byte) (coffer.UploadID, []coffer.Part) {
	t.Helper()
	u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: key, Checksum: sum})
	if err != nil {
		t.Fatalf("CreateUpload(%q, %v) = %v", key, sum, err)
	}
	var list []coffer.Part
	for i, b := range bodies {
		p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: key, Upload: u.ID, Number: i + 1,
			Body: bytes.NewReader(b), Size: int64(len(b)), Digests: Digests{Checksum: coffer.Checksum{Algorithm: u.Checksum.Algorithm}}})
		if err != nil {
			t.Fatalf("PutPart(%q, %d) = %v", key, i+1, err)
		}
		list = append(list, p)
	}
	return u.ID, list
}

func (w *world) putPart(t testing.TB, key string, id coffer.UploadID, number int, b []byte) coffer.Part {
	t.Helper()
	p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: key, Upload: id, Number: number,
		Body: bytes.NewReader(b), Size: int64(len(b))})
	if err != nil {
		t.Fatalf("PutPart(%q, %d) = %v", key, number, err)
	}
	return p
}

func (w *world) complete(t testing.TB, key string, id coffer.UploadID, list []coffer.Part) coffer.Object {
	t.Helper()
	o, err := w.alice.Complete(t.Context(), CompleteInput{Bucket: "bucket", Key: key, Upload: id, Parts: list, Size: -1})
	if err != nil {
		t.Fatalf("Complete(%q) = %v", key, err)
	}
	return o
}

// putParts makes an object of parts.
func (w *world) putParts(t testing.TB, key string, bodies ...[]byte) coffer.Object {
	t.Helper()
	id, list := w.upload(t, key, coffer.Checksum{}, bodies...)
	return w.complete(t, key, id, list)
}

// reclaim removes all that can be removed.
func (w *world) reclaim(t testing.TB) Reclaimed {
	t.Helper()
	w.clock.step(time.Hour)
	garbage, err := w.CollectGarbage(t.Context())
	if err != nil {
		t.Fatalf("CollectGarbage() = %v", err)
	}
	// The blobs bear the time of the file system, not of the clock.
	done, err := w.Sweep(t.Context(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatalf("Sweep() = %v", err)
	}
	done.Garbage = garbage.Garbage
	return done
}

func wantCode(t testing.TB, call string, err error, want coffer.Code) {
	t.Helper()
	if err == nil || coffer.CodeOf(err) != want {
		t.Errorf("%s = %v (code %d), want code %d", call, err, coffer.CodeOf(err), want)
	}
}

// broken gives b and then err.
func broken(b []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(b), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
