package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob"
	"coffer/blob/disk"
	"coffer/meta"
	"coffer/meta/pebble"
)

// plain is in every record and blob, and must be in no file of a backup.
const plain = "plain text of an object"

// lastKey is the record that a restore writes last.
var lastKey = meta.Key(meta.PrefixInstance, []byte("format"))

// world is a server's stores and its source of snapshots.
type world struct {
	meta   *pebble.Store
	blobs  *disk.Store
	source *Source
	client *Client
	held   atomic.Int64
	want   map[blob.Ref]string // what the blobs have that a backup has
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{want: map[blob.Ref]string{}}
	w.meta, w.blobs = openStores(t)
	w.source = &Source{
		Meta: w.meta, Blobs: w.blobs, Now: time.Now, Rand: rand.Reader, Logger: slog.New(slog.DiscardHandler),
		Collect: func(context.Context) error { return nil },
		Hold:    func() func() { w.held.Add(1); return func() { w.held.Add(-1) } },
		Header: func() (Header, error) {
			return Header{Coffer: "1", DataFormat: 1, Disks: []Disk{{"abcd", true}}, MasterKey: "m"}, nil
		},
	}
	server := httptest.NewServer(w.source.Handler())
	t.Cleanup(server.Close)
	w.client = &Client{HTTP: server.Client(), Base: server.URL}
	w.set(t, lastKey, []byte("1"))
	for i := range 50 {
		w.set(t, meta.Key(meta.PrefixObject, fmt.Appendf(nil, "%s %d", plain, i)), bytes.Repeat([]byte(plain), 1000))
	}
	return w
}

func openStores(t *testing.T) (*pebble.Store, *disk.Store) {
	t.Helper()
	mem := vfs.NewMem()
	store, err := pebble.Open("meta", pebble.Options{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := disk.Make(disk.Options{FS: mem}, "/blobs", "abcd"); err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(disk.Options{FS: mem, Dirs: []string{"/blobs"}})
	if err != nil {
		t.Fatal(err)
	}
	return store, blobs
}

func (w *world) set(t *testing.T, key, value []byte) {
	t.Helper()
	if err := w.meta.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, value) }); err != nil {
		t.Fatal(err)
	}
}

// put stores a blob of some size, and names it.
func (w *world) put(t *testing.T, size int) blob.Ref {
	t.Helper()
	text := strings.Repeat(plain, size/len(plain)+1)[:size]
	ref, _, err := w.blobs.Put(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	w.set(t, meta.Key(meta.PrefixBlobOwner, []byte(ref)), []byte{1})
	w.want[ref] = text
	return ref
}

func theKey(b byte) Key {
	return Key{MasterID: "m", Secret: coffer.NewSecretFrom(strings.Repeat(string(b), 32))}
}

func (w *world) create(t *testing.T, store Store, incremental bool) Manifest {
	t.Helper()
	m, err := Create(t.Context(), w.client, store, theKey('k'), rand.Reader, CreateOptions{Incremental: incremental})
	if err != nil {
		t.Fatalf("Create = %v", err)
	}
	return m
}

func newFolder(t *testing.T) (Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deep", "er")
	store, err := At(dir, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

func openRepository(t *testing.T, store Store) *Repository {
	t.Helper()
	r, err := Open(t.Context(), store, theKey('k'), rand.Reader)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return r
}

// records reads all of a store.
func records(t *testing.T, store meta.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := store.View(t.Context(), func(r meta.Reader) error {
		it := r.Iter(nil, nil)
		defer it.Close()
		for it.Next() {
			v, err := it.Value()
			if err != nil {
				return err
			}
			all[string(it.Key())] = string(v)
		}
		return it.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkRestore restores a backup and compares all of it.
func (w *world) checkRestore(t *testing.T, store Store, m Manifest, want map[string]string, blobs map[blob.Ref]string) {
	t.Helper()
	to, files := openStores(t)
	target := Target{Meta: to, Blob: files.Restore, Last: lastKey}
	report, err := openRepository(t, store).Restore(t.Context(), m, target, RestoreOptions{})
	if err != nil || report.Damaged != 0 {
		t.Fatalf("Restore(%s) = %+v, %v", m.ID, report, err)
	}
	if got := records(t, to); !maps.Equal(got, want) {
		t.Errorf("%d records are restored of %s, want the %d of its moment", len(got), m.ID, len(want))
	}
	for ref, text := range blobs {
		b, err := files.Open(t.Context(), ref)
		if err != nil {
			t.Errorf("Open(%s) after the restore of %s = %v", ref, m.ID, err)
			continue
		}
		var got strings.Builder
		if _, err := b.CopyRange(&got, 0, b.Size()); err != nil || got.String() != text {
			t.Errorf("blob %s has %d bytes after the restore, %v, want the %d that it had", ref, got.Len(), err, len(text))
		}
		_ = b.Close()
	}
}

// filesOf maps the names of all files of a folder to when they were written.
func filesOf(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		info, err := d.Info()
		all[strings.TrimPrefix(path, dir+"/")] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestABackupIsOneMoment(t *testing.T) {
	w := newWorld(t)
	sizes := []int{0, 1, 70_000, blobBytes - 1, blobBytes, blobBytes + 1, 2*blobBytes + 5}
	for _, size := range sizes {
		w.put(t, size)
	}
	// Records of more than one file, and one as large as they get.
	for i := range 5 {
		w.set(t, meta.Key(meta.PrefixData, []byte{byte(i)}), bytes.Repeat([]byte{byte(i)}, 1<<20))
	}
	w.set(t, meta.Key(meta.PrefixEventCount, []byte("behind the blobs")), meta.CounterValue(7))
	want := records(t, w.meta)
	// What is not restored.
	gone := w.put(t, 100)
	delete(w.want, gone)
	w.set(t, meta.Key(meta.PrefixGarbage, meta.KeyUint64(1), []byte(gone)), make([]byte, 16))
	for _, prefix := range []byte{meta.PrefixSession, meta.PrefixLink, meta.PrefixPending} {
		w.set(t, meta.Key(prefix, []byte("x")), []byte("x"))
	}
	store, dir := newFolder(t)
	m := w.create(t, store, false)
	if m.Blobs != int64(len(sizes)) || m.Added != m.Blobs || m.Records != int64(len(want)) || m.Files < 4 {
		t.Errorf("the manifest is %+v, want %d blobs, all new, and %d records in 4 files or more", m, len(sizes), len(want))
	}
	w.source.mu.Lock()
	ended := w.source.ended
	w.source.mu.Unlock()
	if <-ended; w.held.Load() != 0 {
		t.Errorf("%d holds are left", w.held.Load())
	}
	old := maps.Clone(w.want)
	w.put(t, 30) // after the moment
	w.checkRestore(t, store, m, want, old)
	for name := range filesOf(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(b, []byte("plain text")) || strings.Contains(name, "plain") {
			t.Errorf("%s can be read without the key: %v", name, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, manifestName(m.ID))); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the manifest has the mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestBlobsAreStoredOnce(t *testing.T) {
	w := newWorld(t)
	kept, damaged := w.put(t, 100_000), w.put(t, 100_000)
	store, dir := newFolder(t)
	first := w.create(t, store, false)
	before := filesOf(t, dir)
	want1, blobs1 := records(t, w.meta), maps.Clone(w.want)
	w.put(t, 5000)
	second := w.create(t, store, true)
	if second.Added != 1 || second.AddedBytes != 5000 || second.Blobs != 3 {
		t.Errorf("the second manifest is %+v, want 3 blobs, 1 new with 5000 bytes", second)
	}
	for name, at := range filesOf(t, dir) {
		if was, ok := before[name]; ok && !was.Equal(at) {
			t.Errorf("%s was written again", name)
		}
	}
	w.checkRestore(t, store, first, want1, blobs1)
	w.checkRestore(t, store, second, records(t, w.meta), w.want)

	// A backup that is not incremental mends what is damaged.
	flip(t, filepath.Join(dir, blobName(damaged, 0, true)))
	if third := w.create(t, store, true); third.Added != 0 {
		t.Errorf("an incremental backup added %d blobs, want 0: it trusts", third.Added)
	}
	if fourth := w.create(t, store, false); fourth.Added != 1 {
		t.Errorf("a full backup added %d blobs, want the damaged one and not %s", fourth.Added, kept)
	}
	w.checkRestore(t, store, first, want1, blobs1)
	all, err := openRepository(t, store).List(t.Context())
	if err != nil || len(all) != 4 || all[0].ID != first.ID {
		t.Errorf("List = %d backups, %v, want 4, the first one first", len(all), err)
	}
}

// flip changes one bit in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	w := newWorld(t)
	one, two := w.put(t, 100_000), w.put(t, 2*blobBytes+1)
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, dir string, m Manifest)
		want   string
	}{
		{"ABit", func(t *testing.T, dir string, _ Manifest) { flip(t, filepath.Join(dir, blobName(one, 0, true))) }, string(one)},
		{"AMissingBlob", func(t *testing.T, dir string, _ Manifest) { remove(t, filepath.Join(dir, blobName(one, 0, true))) }, "missing"},
		{"AMissingPart", func(t *testing.T, dir string, _ Manifest) { remove(t, filepath.Join(dir, blobName(two, 1, false))) }, "missing"},
		{"AMissingEnd", func(t *testing.T, dir string, _ Manifest) { remove(t, filepath.Join(dir, blobName(two, 2, true))) }, "missing"},
		{"ACutFile", func(t *testing.T, dir string, _ Manifest) {
			if err := os.Truncate(filepath.Join(dir, blobName(one, 0, true)), 10); err != nil {
				t.Fatal(err)
			}
		}, string(one)},
		{"PartsThatChangedPlaces", func(t *testing.T, dir string, _ Manifest) {
			move(t, filepath.Join(dir, blobName(two, 1, false)), filepath.Join(dir, blobName(two, 0, false)))
		}, string(two)},
		{"AnEarlierEnd", func(t *testing.T, dir string, _ Manifest) {
			move(t, filepath.Join(dir, blobName(two, 1, false)), filepath.Join(dir, blobName(two, 1, true)))
		}, string(two)},
		{"Records", func(t *testing.T, dir string, m Manifest) { flip(t, filepath.Join(dir, recordsName(m.ID, 0))) }, recordsFolder},
		{"MissingRecords", func(t *testing.T, dir string, m Manifest) {
			remove(t, filepath.Join(dir, recordsName(m.ID, m.Files-1)))
		}, recordsFolder},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, dir := newFolder(t)
			m := w.create(t, store, false)
			r := openRepository(t, store)
			if report, err := r.Verify(t.Context(), m, nil); err != nil || report.Damaged != 0 || report.Blobs != 2 {
				t.Fatalf("Verify of what is whole = %+v, %v", report, err)
			}
			tt.damage(t, dir, m)
			report, err := r.Verify(t.Context(), m, nil)
			if errors.Is(err, ErrNotFound) {
				return // the records are missing: that is told, too
			}
			if err != nil || report.Damaged != 1 || !strings.Contains(report.Problems[0], tt.want) {
				t.Errorf("Verify = %+v, %v, want one problem with %q", report, err, tt.want)
			}
			to, files := openStores(t)
			_, err = r.Restore(t.Context(), m, Target{Meta: to, Blob: files.Restore, Last: lastKey}, RestoreOptions{})
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("Restore = %v, want %v", err, ErrDamaged)
			}
			if got := records(t, to); got[string(lastKey)] != "" {
				t.Error("a restore that failed wrote the last record")
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedBlobIsLeftOutIfAsked(t *testing.T) {
	w := newWorld(t)
	bad, good := w.put(t, 1000), w.put(t, 1000)
	store, dir := newFolder(t)
	m := w.create(t, store, false)
	flip(t, filepath.Join(dir, blobName(bad, 0, true)))
	to, files := openStores(t)
	report, err := openRepository(t, store).Restore(t.Context(), m, Target{Meta: to, Blob: files.Restore, Last: lastKey}, RestoreOptions{KeepGoing: true})
	if err != nil || report.Damaged != 1 || !strings.Contains(report.Problems[0], string(bad)) {
		t.Errorf("Restore = %+v, %v, want %s as the only problem", report, err, bad)
	}
	if b, err := files.Open(t.Context(), good); err != nil {
		t.Errorf("Open of the good blob = %v", err)
	} else {
		_ = b.Close()
	}
	if _, err := files.Open(t.Context(), bad); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Open of the bad blob = %v, want %v", err, blob.ErrNotFound)
	}
}

// TestABlobThatTheServerLost makes a backup without it, and says so.
func TestABlobThatTheServerLost(t *testing.T) {
	w := newWorld(t)
	lost := w.put(t, 1000)
	w.put(t, 2000)
	if err := w.blobs.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	delete(w.want, lost)
	store, _ := newFolder(t)
	m := w.create(t, store, false)
	if !slices.Equal(m.Damaged, []blob.Ref{lost}) || m.Blobs != 1 {
		t.Errorf("the manifest is %+v, want 1 blob and %s damaged", m, lost)
	}
	to, files := openStores(t)
	report, err := openRepository(t, store).Restore(t.Context(), m, Target{Meta: to, Blob: files.Restore, Last: lastKey}, RestoreOptions{})
	if err != nil || report.Damaged != 1 || report.Blobs != 1 {
		t.Errorf("Restore = %+v, %v, want the other blob, and the lost one told", report, err)
	}
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	w := newWorld(t)
	store, dir := newFolder(t)
	other := theKey('x')
	if _, err := Open(t.Context(), store, other, rand.Reader); !errors.Is(err, ErrNoBackup) {
		t.Errorf("Open of an empty folder = %v, want %v", err, ErrNoBackup)
	}
	w.create(t, store, false)
	before := filesOf(t, dir)
	if _, err := Open(t.Context(), store, other, rand.Reader); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("Open with another key = %v, want a refusal that says so", err)
	}
	if _, err := Create(t.Context(), w.client, store, other, rand.Reader, CreateOptions{}); err == nil {
		t.Error("Create with another key = nil, want a refusal")
	}
	other = theKey('k')
	other.MasterID = "not the server's"
	if _, err := Create(t.Context(), w.client, store, other, rand.Reader, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "could not be restored") {
		t.Errorf("Create with a master key that is not the server's = %v, want a refusal that says so", err)
	}
	if after := filesOf(t, dir); !maps.Equal(before, after) {
		t.Error("what was refused changed the folder")
	}
}

func TestAFolderWithOtherThingsIsRefused(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := At(dir, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), w.client, store, theKey('k'), rand.Reader, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("Create = %v, want a refusal that names letter.txt", err)
	}
}

// failingStore fails each Put from some on.
type failingStore struct {
	Store
	puts int
}

var errPut = errors.New("the disk is gone")

func (f *failingStore) Put(ctx context.Context, name string, data []byte) error {
	if strings.HasPrefix(name, blobsFolder) {
		if f.puts--; f.puts < 0 {
			return errPut
		}
	}
	return f.Store.Put(ctx, name, data)
}

func TestACutBackupIsNoneAndItsBlobsAreUsed(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		w.put(t, 10)
	}
	store, _ := newFolder(t)
	locked := &oneAtATime{Store: &failingStore{store, 12}}
	if _, err := Create(t.Context(), w.client, locked, theKey('k'), rand.Reader, CreateOptions{}); !errors.Is(err, errPut) {
		t.Fatalf("Create = %v, want %v", err, errPut)
	}
	if _, err := openRepository(t, store).Find(t.Context(), ""); !errors.Is(err, ErrNoBackup) {
		t.Errorf("Find after a cut backup = %v, want %v", err, ErrNoBackup)
	}
	m := w.create(t, store, true)
	if m.Added != 30-12 {
		t.Errorf("the next backup added %d blobs, want %d", m.Added, 30-12)
	}
	w.checkRestore(t, store, m, records(t, w.meta), w.want)
}

// oneAtATime lets the counting of failingStore be simple.
type oneAtATime struct {
	Store
	turn chan struct{}
}

func (o *oneAtATime) Lock(ctx context.Context) (context.Context, func(), error) {
	o.turn = make(chan struct{}, 1)
	return o.Store.Lock(ctx)
}

func (o *oneAtATime) Put(ctx context.Context, name string, data []byte) error {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.Store.Put(ctx, name, data)
}

func TestPruneKeepsWhatTheKeptNeed(t *testing.T) {
	w := newWorld(t)
	old, both := w.put(t, 100), w.put(t, blobBytes+1)
	store, dir := newFolder(t)
	w.create(t, store, false)
	gone := w.want[old]
	delete(w.want, old)
	if err := w.meta.Update(t.Context(), func(tx meta.Tx) error {
		return tx.Delete(meta.Key(meta.PrefixBlobOwner, []byte(old)))
	}); err != nil {
		t.Fatal(err)
	}
	w.put(t, 300)
	second := w.create(t, store, true)
	w.put(t, 400)
	third := w.create(t, store, true)
	_ = os.Mkdir(filepath.Join(dir, recordsFolder, "cut"), 0o700)
	if err := os.WriteFile(filepath.Join(dir, recordsFolder, "cut", "00000000"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := openRepository(t, store)
	p, err := r.Prune(t.Context(), 2)
	if err != nil || len(p.Removed) != 1 || !slices.Equal(p.Kept, []string{second.ID, third.ID}) {
		t.Fatalf("Prune(2) = %+v, %v, want one removed", p, err)
	}
	for _, m := range []Manifest{second, third} {
		if report, err := r.Verify(t.Context(), m, nil); err != nil || report.Damaged != 0 {
			t.Errorf("Verify(%s) after Prune = %+v, %v", m.ID, report, err)
		}
	}
	files := filesOf(t, dir)
	for _, name := range []string{blobName(old, 0, true), recordsFolder + "cut/00000000"} {
		if _, there := files[name]; there {
			t.Errorf("%s is still there after Prune (of %d bytes)", name, len(gone))
		}
	}
	if _, there := files[blobName(both, 0, false)]; !there {
		t.Error("Prune deleted a blob that is needed")
	}
	if _, err := r.Prune(t.Context(), 0); err == nil {
		t.Error("Prune(0) = nil, want a refusal")
	}
	// With a kept backup that cannot be read, nobody knows what is needed.
	remove(t, filepath.Join(dir, recordsName(third.ID, third.Files-1)))
	before := len(filesOf(t, dir))
	if p, err := r.Prune(t.Context(), 2); err == nil || p.Files != 0 || len(filesOf(t, dir)) != before {
		t.Errorf("Prune with a damaged backup = %+v, %v, want an error and nothing deleted", p, err)
	}
}

func TestOneBackupAtATime(t *testing.T) {
	w := newWorld(t)
	snap, err := w.client.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, _ := newFolder(t)
	if _, err := Create(t.Context(), w.client, store, theKey('k'), rand.Reader, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "another backup") {
		t.Errorf("Create while a snapshot is out = %v, want a refusal that says so", err)
	}
	ref := w.put(t, 10)
	body, _, err := snap.blob(t.Context(), ref)
	if err != nil {
		t.Fatalf("blob of the snapshot = %v", err)
	}
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
	w.source.Stop()
	if _, _, err := snap.blob(t.Context(), ref); err == nil {
		for err == nil { // the request ends on its own time
			_, _, err = snap.blob(t.Context(), ref)
		}
	}
	_ = snap.Close()
	if _, err := w.client.snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("snapshot of a server that stops = %v, want a refusal", err)
	}
	_, release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Lock(t.Context()); err == nil || !strings.Contains(err.Error(), "at work") {
		t.Errorf("Lock twice = %v, want a refusal", err)
	}
	release()
	_, release, err = store.Lock(t.Context())
	if err != nil {
		t.Errorf("Lock after release = %v", err)
	}
	release()
}
