package objects

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

func TestGarbageStaysForAWhile(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", content(1, 5000))
	w.remove(t, "k")
	for _, tt := range []struct {
		step time.Duration
		want int
	}{{garbageGrace - time.Second, 0}, {2 * time.Second, 1}, {time.Hour, 0}} {
		w.clock.step(tt.step)
		if done, err := w.CollectGarbage(t.Context()); err != nil || done.Garbage != tt.want {
			t.Errorf("CollectGarbage %v later = %+v, %v, want %d", tt.step, done, err, tt.want)
		}
	}
	w.audit(t, true)
}

// detached is a store of whose disks one is missing.
type detached struct{ blob.Store }

func (detached) Delete(context.Context, blob.Ref) error { return blob.ErrUnreadable }

func TestGarbageOfADiskThatIsMissingWaitsForIt(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", content(1, testInline+1))
	w.clock.step(time.Second)
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	w.clock.step(garbageGrace + time.Second)
	w.Blobs = detached{w.disk}
	if done, err := w.CollectGarbage(t.Context()); err != nil || done.Garbage != 0 {
		t.Errorf("CollectGarbage without the disk = %+v, %v, want nothing, and no error each time", done, err)
	}
	w.Blobs = w.disk
	if done, err := w.CollectGarbage(t.Context()); err != nil || done.Garbage != 1 {
		t.Errorf("CollectGarbage once the disk is back = %+v, %v, want 1", done, err)
	}
}

func TestMoreGarbageThanABatch(t *testing.T) {
	w := newWorld(t)
	const n = reclaimBatch + 20
	id, _ := w.upload(t, "k", coffer.Checksum{})
	for i := range n {
		w.putPart(t, "k", id, i+1, []byte("x"))
	}
	kept := w.putPart(t, "k", id, n+1, content(1, 50))
	w.complete(t, "k", id, []coffer.Part{kept})
	if done := w.reclaim(t); done.Garbage != n {
		t.Errorf("reclaim = %+v, want %d", done, n)
	}
	w.check(t, "k", content(1, 50))
	w.audit(t, true)
}

// TestACondemnedBlobCannotBeNamed is a request that ends a day after its bytes
// were written, when Sweep has given them up.
func TestACondemnedBlobCannotBeNamed(t *testing.T) {
	w := newWorld(t)
	w.store.before = func() {
		if done, err := w.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || done.Orphans != 1 {
			t.Errorf("Sweep = %+v, %v, want the blob that nobody names yet", done, err)
		}
	}
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(content(1, 5000)), Size: 5000})
	wantCode(t, "Put", err, coffer.RequestTimeout)
	_, _, err = w.get(t, GetInput{Key: "k"})
	wantCode(t, "Get", err, coffer.NoSuchObject)
	marks := func() (n int) {
		err := w.store.Store.View(t.Context(), func(r meta.Reader) error {
			it := r.Iter([]byte{meta.PrefixBlobOwner}, []byte{meta.PrefixBlobOwner + 1})
			for it.Next() {
				n++
			}
			return it.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if w.reclaim(t); marks() != 1 {
		t.Errorf("%d marks an hour later, want one: the request may still be on its way", marks())
	}
	w.clock.step(condemnedAge)
	if done := w.reclaim(t); marks() != 0 || done != (Reclaimed{}) {
		t.Errorf("reclaim = %+v, leaves %d marks, want none of either", done, marks())
	}
	w.audit(t, true)
}

func TestSweepTouchesNothingThatIsNamedOrYoung(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", content(1, 5000))
	w.putParts(t, "parts", content(2, 50), content(3, 50))
	w.upload(t, "up", coffer.Checksum{}, content(4, 50))
	w.put(t, "gone", content(5, 5000))
	w.remove(t, "gone")
	orphan, _, err := w.disk.Put(t.Context(), strings.NewReader("orphan"))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := w.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil || done != (Reclaimed{}) {
		t.Errorf("Sweep of what is an hour old = %+v, %v", done, err)
	}
	// A read that fails must not look as if nobody named the blob.
	w.store.views = errors.New("broken")
	if done, err := w.Sweep(t.Context(), time.Now().Add(time.Hour)); !errors.Is(err, w.store.views) || done != (Reclaimed{}) {
		t.Errorf("Sweep without metadata = %+v, %v", done, err)
	}
	w.store.views = nil
	if done, err := w.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || done.Orphans != 1 {
		t.Errorf("Sweep = %+v, %v, want the orphan", done, err)
	}
	if _, err := w.disk.Open(t.Context(), orphan); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Open of the orphan = %v", err)
	}
	w.audit(t, false)
	w.reclaim(t)
	w.audit(t, true)
}

func TestDamagedGarbageAndCountsAreNotActedOn(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", content(1, 5000))
	if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "copy", SourceBucket: "bucket", SourceKey: "k"}); err != nil {
		t.Fatal(err)
	}
	var b body
	set := func(key, value []byte) {
		t.Helper()
		if err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, value) }); err != nil {
			t.Fatal(err)
		}
	}
	err := w.store.Store.View(t.Context(), func(r meta.Reader) error {
		o, err := readRow(r, 1, "k")
		b = o.body
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range [][]byte{{}, {1}, make([]byte, 8), {0, 0, 0, 0, 0, 0, 0, 1}} {
		set(refsKey(b.id), count)
		if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err == nil {
			t.Errorf("Delete with the reference count %x = nil", count)
		}
	}
	set(refsKey(b.id), []byte{0, 0, 0, 0, 0, 0, 0, 2})
	set(garbageKey(w.clock.Now(), b.ref), []byte("short"))
	w.clock.step(time.Hour)
	if done, err := w.CollectGarbage(t.Context()); err == nil || done.Garbage != 0 {
		t.Errorf("CollectGarbage of a damaged record = %+v, %v", done, err)
	}
	w.check(t, "copy", content(1, 5000))
}

func TestAbandonedUploadsAndOldAnswersExpire(t *testing.T) {
	w := newWorld(t)
	old, _ := w.upload(t, "old", coffer.Checksum{}, content(1, 50))
	done, list := w.upload(t, "done", coffer.Checksum{}, content(2, 50))
	w.clock.step(UploadAgeMax - time.Hour)
	w.complete(t, "done", done, list)
	young, _ := w.upload(t, "young", coffer.Checksum{}, content(3, 50))
	w.clock.step(2 * time.Hour)
	if _, err := w.Reclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := w.alice.ListParts(t.Context(), "bucket", "old", old, 0, 1)
	wantCode(t, "ListParts of an abandoned upload", err, coffer.NoSuchUpload)
	if _, err := w.alice.ListParts(t.Context(), "bucket", "young", young, 0, 1); err != nil {
		t.Errorf("ListParts of a young upload = %v", err)
	}
	// It was begun a week ago, and completed two hours ago: it can be asked again.
	w.complete(t, "done", done, list)
	w.clock.step(24 * time.Hour)
	if _, err := w.Reclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = w.alice.Complete(t.Context(), CompleteInput{Bucket: "bucket", Key: "done", Upload: done, Parts: list, Size: -1})
	wantCode(t, "Complete a day later", err, coffer.NoSuchUpload)
	w.check(t, "done", content(2, 50))
	w.reclaim(t)
	w.audit(t, true)
}

func TestSweepEarlierLeavesThisRunAlone(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.disk.Put(t.Context(), strings.NewReader("under way")); err != nil {
		t.Fatal(err)
	}
	w.opened = time.Now().Add(-time.Hour)
	if done, err := w.SweepEarlier(t.Context()); err != nil || done.Orphans != 0 {
		t.Errorf("SweepEarlier = %+v, %v, want what this run wrote left alone", done, err)
	}
	w.opened = time.Now().Add(time.Hour)
	if done, err := w.SweepEarlier(t.Context()); err != nil || done.Orphans != 1 {
		t.Errorf("SweepEarlier = %+v, %v, want what an earlier run left", done, err)
	}
}

// TestACopyLeavesNothingOfASourceThatChanged changes the source while the copy has its
// bytes encrypted: those that were stored for nothing do not wait for a sweep, outside
// of all quotas.
func TestACopyLeavesNothingOfASourceThatChanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world)
		code   coffer.Code // of the refusal; zero for none
	}{
		{"Overwritten", func(w *world) { w.put(t, "source", content(2, 6000)) }, 0},
		{"EncryptedAsTheCopy", func(w *world) {
			in := PutInput{Bucket: "bucket", Key: "source", Body: bytes.NewReader(content(2, 6000)), Size: 6000, Encryption: Encrypting{Kind: coffer.SSES3}}
			if _, err := w.alice.Put(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"Deleted", func(w *world) { w.remove(t, "source") }, coffer.NoSuchObject},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "source", content(1, 5000))
			// The first transaction finds that there is something to encrypt, and the
			// second one writes the copy.
			w.store.before = func() { w.store.before = func() { tt.change(w) } }
			_, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "copy", SourceBucket: "bucket", SourceKey: "source",
				Encryption: Encrypting{Kind: coffer.SSES3}})
			if tt.code != 0 {
				wantCode(t, "Copy", err, tt.code)
			} else if err != nil {
				t.Fatalf("Copy = %v", err)
			} else {
				w.check(t, "copy", content(2, 6000))
			}
			if done, err := w.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || done.Orphans != 0 {
				t.Errorf("Sweep after the copy = %+v, %v, want no blob that nobody names", done, err)
			}
			w.reclaim(t)
			w.audit(t, true)
		})
	}
}
