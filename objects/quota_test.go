package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"coffer"
	"coffer/meta"
)

var operator = coffer.Actor{Caller: coffer.Caller{Operator: true, Name: "operator"}}

func some(n int64) *int64 { return &n }

// quota sets the quota of alice's account.
func (w *world) quota(t testing.TB, c coffer.QuotaChange) {
	t.Helper()
	if _, err := w.As(operator).ChangeAccountQuota(t.Context(), alice.Account, c); err != nil {
		t.Fatalf("ChangeAccountQuota(%+v) = %v", c, err)
	}
}

func (w *world) bucketQuota(t testing.TB, c coffer.QuotaChange) {
	t.Helper()
	if err := w.As(operator).ChangeBucketQuota(t.Context(), "bucket", c); err != nil {
		t.Fatalf("ChangeBucketQuota(%+v) = %v", c, err)
	}
}

// used checks what alice's account uses.
func (w *world) used(t testing.TB, want coffer.Use) {
	t.Helper()
	_, got, err := w.alice.AccountQuota(t.Context(), alice.Account)
	if err != nil || got != want {
		t.Errorf("AccountQuota() = %+v, %v, want %+v", got, err, want)
	}
}

func TestQuotaRefusesWhatPassesIt(t *testing.T) {
	for name, set := range map[string]func(*world, testing.TB, coffer.QuotaChange){"Account": (*world).quota, "Bucket": (*world).bucketQuota} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			set(w, t, coffer.QuotaChange{Bytes: some(5000), Objects: some(3)})
			w.put(t, "a", content(1, 2000))
			w.put(t, "b", content(2, 2000))
			put := func(key string, n int64, body io.Reader) error {
				_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: body, Size: n})
				return err
			}
			never := broken(nil, errors.New("the body was read"))
			err := put("c", 1001, never)
			wantCode(t, "Put of too many bytes", err, coffer.QuotaExceeded)
			if want := "is 5000 bytes: 4000 are used, and this request needs 1001 more"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Put = %v, want %q", err, want)
			}
			wantCode(t, "Put of unknown size", put("c", -1, bytes.NewReader(content(3, 1001))), coffer.QuotaExceeded)
			_, err = w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "c", SourceBucket: "bucket", SourceKey: "a"})
			wantCode(t, "Copy", err, coffer.QuotaExceeded)
			w.put(t, "a", content(4, 3000)) // exactly full
			w.used(t, coffer.Use{Bytes: 5000, Objects: 2, Buckets: 1})
			w.put(t, "c", nil)
			wantCode(t, "Put of too many objects", put("d", 0, never), coffer.QuotaExceeded)
			w.put(t, "c", nil)
			set(w, t, coffer.QuotaChange{Bytes: some(10)})
			w.put(t, "a", content(5, 2999)) // less than before is always taken
			for _, key := range []string{"a", "b", "c"} {
				if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
					t.Errorf("Delete(%q) = %v", key, err)
				}
			}
			w.used(t, coffer.Use{Buckets: 1})
			w.audit(t, false)
		})
	}
}

func TestPartsCountOnceForAQuota(t *testing.T) {
	w := newWorld(t)
	w.quota(t, coffer.QuotaChange{Bytes: some(100)})
	id, list := w.upload(t, "k", coffer.Checksum{}, content(1, 40), content(2, 40))
	w.used(t, coffer.Use{UploadBytes: 80, Buckets: 1})
	part := PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: 3, Body: broken(nil, errors.New("the body was read")), Size: 21}
	_, err := w.alice.PutPart(t.Context(), part)
	wantCode(t, "PutPart over the quota", err, coffer.QuotaExceeded)
	part.Body, part.Size = bytes.NewReader(content(3, 21)), -1
	_, err = w.alice.PutPart(t.Context(), part)
	wantCode(t, "PutPart of unknown size", err, coffer.QuotaExceeded)
	list[1] = w.putPart(t, "k", id, 2, content(4, 60))
	w.complete(t, "k", id, list)
	w.used(t, coffer.Use{Bytes: 100, Objects: 1, Buckets: 1})
	other, _ := w.upload(t, "other", coffer.Checksum{})
	if err := w.alice.Abort(t.Context(), "bucket", "other", other); err != nil {
		t.Fatal(err)
	}
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	w.upload(t, "old", coffer.Checksum{}, content(5, 100))
	w.clock.step(UploadAgeMax)
	if _, err := w.Reclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.used(t, coffer.Use{Buckets: 1})
	w.audit(t, false)
}

func TestAsManyUploadsAreInProgressAsThereMayBeObjects(t *testing.T) {
	for name, set := range map[string]func(*world, testing.TB, coffer.QuotaChange){"Account": (*world).quota, "Bucket": (*world).bucketQuota} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "k", nil)
			w.putUncounted(t, "older")
			set(w, t, coffer.QuotaChange{Objects: some(2)})
			begin := func() error {
				_, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "k"})
				return err
			}
			first, list := w.upload(t, "k", coffer.Checksum{}, content(1, 10))
			second, _ := w.upload(t, "k", coffer.Checksum{})
			err := begin()
			wantCode(t, "CreateUpload beside as many as there may be", err, coffer.QuotaExceeded)
			if want := "is 2 objects, and as many uploads may be in progress"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("CreateUpload = %v, want %q", err, want)
			}
			if err := w.alice.Abort(t.Context(), "bucket", "k", second); err != nil {
				t.Fatal(err)
			}
			w.upload(t, "k", coffer.Checksum{})
			w.complete(t, "k", first, list)
			w.upload(t, "k", coffer.Checksum{})
			wantCode(t, "CreateUpload after an Abort and a Complete", begin(), coffer.QuotaExceeded)
			w.used(t, coffer.Use{Bytes: 10, Objects: 1, Buckets: 1})
			w.audit(t, false)
			w.clock.step(UploadAgeMax)
			if _, err := w.Reclaim(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.upload(t, "k", coffer.Checksum{})
			w.upload(t, "k", coffer.Checksum{})
			wantCode(t, "CreateUpload after the old ones have ended", begin(), coffer.QuotaExceeded)
			w.audit(t, false)
			if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
				t.Fatal(err)
			}
			if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
				t.Fatal(err)
			}
			w.used(t, coffer.Use{})
			w.audit(t, false)
		})
	}
}

// putUncounted writes an upload as it was before they were counted.
func (w *world) putUncounted(t testing.TB, key string) {
	t.Helper()
	id, _ := w.upload(t, key, coffer.Checksum{})
	err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
		b, u, err := w.alice.upload(tx, "bucket", key, id, coffer.PutObject)
		if err != nil {
			return err
		}
		if err := endUpload(tx, b, u); err != nil {
			return err
		}
		u.counted = false
		return tx.Set(uploadKey(b.ID, key, id), encodeUpload(u))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuotaIsExactUnderConcurrency(t *testing.T) {
	w := newWorld(t)
	w.quota(t, coffer.QuotaChange{Bytes: some(1000), Objects: some(7)})
	w.Meta = w.store.Store // which alone takes calls from many goroutines
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			b := content(uint64(i), 100+i)
			_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: fmt.Sprint(i % 20), Body: bytes.NewReader(b), Size: int64(len(b))})
			if err != nil && coffer.CodeOf(err) != coffer.QuotaExceeded {
				t.Errorf("Put = %v", err)
			}
		})
	}
	group.Wait()
	_, u, err := w.alice.AccountQuota(t.Context(), alice.Account)
	if err != nil || u.Objects != 7 || u.Bytes > 1000 || u.Bytes < 700 {
		t.Errorf("AccountQuota() = %+v, %v, want 7 objects of at most 1000 bytes", u, err)
	}
	w.audit(t, false)
}

func TestQuotaOfBuckets(t *testing.T) {
	w := newWorld(t)
	w.quota(t, coffer.QuotaChange{Buckets: some(2)})
	if _, err := w.alice.CreateBucket(t.Context(), "second", "auto"); err != nil {
		t.Fatal(err)
	}
	_, err := w.alice.CreateBucket(t.Context(), "third", "auto")
	wantCode(t, "CreateBucket over the quota", err, coffer.TooManyBuckets)
	if _, err := w.bob.CreateBucket(t.Context(), "third", "auto"); err != nil {
		t.Errorf("CreateBucket of another account = %v", err)
	}
}

func TestOnlyOperatorsChangeQuotas(t *testing.T) {
	w := newWorld(t)
	c := coffer.QuotaChange{Bytes: some(1)}
	_, err := w.alice.ChangeAccountQuota(t.Context(), alice.Account, c)
	wantCode(t, "ChangeAccountQuota by the account", err, coffer.AccessDenied)
	wantCode(t, "ChangeBucketQuota by the account", w.alice.ChangeBucketQuota(t.Context(), "bucket", c), coffer.AccessDenied)
	_, _, err = w.bob.AccountQuota(t.Context(), alice.Account)
	wantCode(t, "AccountQuota of another", err, coffer.AccessDenied)
	_, _, _, err = w.bob.BucketQuota(t.Context(), "bucket")
	wantCode(t, "BucketQuota of another's bucket", err, coffer.NoSuchBucket)
	_, err = w.As(operator).ChangeAccountQuota(t.Context(), alice.Account, coffer.QuotaChange{Objects: some(-1)})
	wantCode(t, "a negative quota", err, coffer.InvalidArgument)
	_, err = w.As(operator).ChangeKeyQuota(t.Context(), alice.Account, "key_a", c)
	wantCode(t, "bytes of a key", err, coffer.InvalidArgument)
}

func TestVersionsCountForAQuota(t *testing.T) {
	w := newWorld(t)
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	w.quota(t, coffer.QuotaChange{Bytes: some(100), Objects: some(2)})
	first := w.put(t, "a", content(1, 40))
	w.put(t, "a", content(2, 40))
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "a", Body: broken(nil, errors.New("the body was read")), Size: 1})
	wantCode(t, "a third version", err, coffer.QuotaExceeded)
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "a"}); err != nil {
		t.Errorf("Delete without a version = %v, want a marker beyond the quota", err)
	}
	w.used(t, coffer.Use{Bytes: 80, Objects: 3, Buckets: 1})
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "a", Version: first.VersionID}); err != nil {
		t.Fatal(err)
	}
	w.used(t, coffer.Use{Bytes: 40, Objects: 2, Buckets: 1})
	w.audit(t, false)
}

// TestMarkersThatHideNothingNeedRoom: there could be any number of them otherwise, of
// keys that nobody wrote.
func TestMarkersThatHideNothingNeedRoom(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	remove := func(key string) error {
		_, err := w.alice.Delete(ctx, "bucket", Doomed{Key: key})
		return err
	}
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	w.quota(t, coffer.QuotaChange{Objects: some(2)})
	w.put(t, "a", content(1, 40))
	must(t, remove("never there"))
	wantCode(t, "Delete of what is not there, in a full bucket", remove("nor this"), coffer.QuotaExceeded)
	must(t, remove("a"))
	wantCode(t, "Delete of what is deleted, in a full bucket", remove("a"), coffer.QuotaExceeded)
	results, err := w.alice.DeleteMany(ctx, "bucket", []Doomed{{Key: "a"}, {Key: "nor this"}})
	if err != nil || len(results) != 2 {
		t.Fatalf("DeleteMany = %+v, %v", results, err)
	}
	for _, r := range results {
		wantCode(t, "DeleteMany of what is not there, in a full bucket", r.Err, coffer.QuotaExceeded)
	}
	w.used(t, coffer.Use{Bytes: 40, Objects: 3, Buckets: 1})
	w.quota(t, coffer.QuotaChange{Objects: some(0)})
	w.Writable = func() error { return &coffer.Error{Code: coffer.StorageFull} }
	wantCode(t, "Delete of what is not there, on a full disk", remove("nor this"), coffer.StorageFull)
	w.Writable = func() error { return nil }
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningSuspended))
	must(t, remove("suspended"))
	w.Writable = func() error { return &coffer.Error{Code: coffer.StorageFull} }
	if err := remove("suspended"); err != nil {
		t.Errorf("Delete that takes the place of a marker, on a full disk = %v", err)
	}
	w.audit(t, false)
}

// TestARenameNeedsNoRoom: nothing is there besides what was there before.
func TestARenameNeedsNoRoom(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for key, size := range map[string]int{"inline": 10, "blob": testInline + 1} {
		w.put(t, key, content(1, size))
	}
	full := int64(2)
	operator := alice
	operator.Caller.Operator = true
	must(t, w.As(operator).ChangeBucketQuota(ctx, "bucket", coffer.QuotaChange{Objects: &full}))
	for _, key := range []string{"inline", "blob"} {
		if err := w.alice.Rename(ctx, RenameInput{Bucket: "bucket", Key: key + ".new", SourceKey: key}); err != nil {
			t.Errorf("Rename(%s) in a full bucket = %v", key, err)
		}
	}
	wantCode(t, "Put() in a full bucket", putAs(t, w.alice, "more", coffer.NewACL{}), coffer.QuotaExceeded)
	w.audit(t, false)
}
