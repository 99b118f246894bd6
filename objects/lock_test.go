package objects

import (
	"bytes"
	"testing"
	"time"

	"coffer"
)

// newLocked is a world with a bucket that has Object Lock.
func newLocked(t *testing.T) *world {
	t.Helper()
	w := openEmpty(t)
	if _, err := w.alice.MakeBucket(t.Context(), CreateBucketInput{Name: "bucket", Region: "auto", ObjectLock: true}); err != nil {
		t.Fatal(err)
	}
	return w
}

// putLocked stores an object with a lock.
func (w *world) putLocked(t *testing.T, key string, lock coffer.Lock) coffer.Object {
	t.Helper()
	o, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader([]byte("x")), Size: 1, Lock: lock})
	if err != nil {
		t.Fatalf("Put(%q, %v) = %v", key, lock, err)
	}
	return o
}

// TestLockedVersionsStay holds for both ways to remove a version, and for taking the
// retention away from it: who may do so when (AWS, "Locking objects with Object Lock").
func TestLockedVersionsStay(t *testing.T) {
	const day = 24 * time.Hour
	governance := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance}}
	compliance := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Compliance}}
	held, both := coffer.Lock{Hold: coffer.HoldOn}, governance
	both.Hold = coffer.HoldOn
	for _, tt := range []struct {
		name          string
		lock          coffer.Lock
		after         time.Duration // the retention is for a day
		bypass, owner bool
		removed       bool // by Delete and DeleteMany
		loosened      bool // by PutRetention
	}{
		{"NoLock", coffer.Lock{}, 0, false, true, true, true},
		{"Governance", governance, 0, false, true, false, false},
		{"GovernanceToItsLastInstant", governance, day - time.Millisecond, false, true, false, false},
		{"GovernanceAtItsEnd", governance, day, false, true, true, true},
		{"GovernanceBypassed", governance, 0, true, true, true, true},
		{"GovernanceBypassedWithoutTheRight", governance, 0, true, false, false, false},
		{"Compliance", compliance, 0, false, true, false, false},
		{"ComplianceIsNeverBypassed", compliance, 0, true, true, false, false},
		{"ComplianceAtItsEnd", compliance, day, false, false, true, false},
		{"LegalHoldOn", held, 0, true, true, false, true},
		{"LegalHoldOff", coffer.Lock{Hold: coffer.HoldOff}, 0, false, true, true, true},
		{"LegalHoldHasNoEnd", both, 10 * day, true, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLocked(t)
			lock := tt.lock
			if lock.Retention.Mode != "" {
				lock.Retention.Until = w.now().Add(day)
			}
			var ids []string
			for _, key := range []string{"one", "many", "loosened"} {
				ids = append(ids, w.putLocked(t, key, lock).VersionID)
				w.put(t, key, []byte("over it"))
			}
			w.clock.now = w.now().Truncate(time.Millisecond).Add(tt.after)
			s := w.alice
			if !tt.owner {
				s = scoped(t, w, coffer.Grant{Preset: coffer.PresetReadWrite})
			}
			_, err := s.Delete(t.Context(), "bucket", Doomed{Key: "one", Version: ids[0], Bypass: tt.bypass})
			results, err2 := s.DeleteMany(t.Context(), "bucket", []Doomed{{Key: "many", Version: ids[1], Bypass: tt.bypass}})
			if err2 != nil {
				t.Fatal(err2)
			}
			err3 := s.PutRetention(t.Context(), "bucket", "loosened", ids[2], coffer.Retention{}, tt.bypass)
			for call, got := range map[string]struct {
				err  error
				done bool
			}{"Delete": {err, tt.removed}, "DeleteMany": {results[0].Err, tt.removed}, "PutRetention": {err3, tt.loosened}} {
				if (got.err == nil) != got.done || got.err != nil && coffer.CodeOf(got.err) != coffer.AccessDenied {
					t.Errorf("%s = %v, want success %t", call, got.err, got.done)
				}
			}
			for i, key := range []string{"one", "many"} {
				if _, _, err := w.get(t, GetInput{Key: key, Version: ids[i]}); (err == nil) == tt.removed {
					t.Errorf("Get(%s) afterwards = %v, want it gone %t", key, err, tt.removed)
				}
			}
			w.reclaim(t)
			w.audit(t, true)
		})
	}
}

// TestDefaultRetention holds for each way to make an object.
func TestDefaultRetention(t *testing.T) {
	w := newLocked(t)
	if err := w.alice.PutObjectLock(t.Context(), "bucket", coffer.ObjectLock{Default: coffer.DefaultRetention{Mode: coffer.Compliance, Years: 1}}); err != nil {
		t.Fatal(err)
	}
	w.put(t, "put", []byte("x"))
	w.putParts(t, "parts", []byte("0123456789"))
	w.clock.step(time.Hour)
	for _, from := range []string{"put", "parts"} {
		if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: from + "2", SourceBucket: "bucket", SourceKey: from}); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"put", "parts", "put2", "parts2"} {
		c, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if want := (coffer.Retention{Mode: coffer.Compliance, Until: c.Modified.AddDate(1, 0, 0)}); c.Lock.Retention != want {
			t.Errorf("%s is kept by %v, want %v", key, c.Lock.Retention, want)
		}
	}
	own := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: w.now().Add(time.Hour)}}
	if o := w.putLocked(t, "own", own); o.Lock != own {
		t.Errorf("an object with its own lock has %v, want %v", o.Lock, own)
	}
	done, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "put"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "put", Version: done.VersionID}); err != nil {
		t.Errorf("Delete of a delete marker = %v: it is never locked", err)
	}
}

// TestLocksAreForWhoMay: who writes objects cannot lock them, and who reads them
// without the right is not told.
func TestLocksAreForWhoMay(t *testing.T) {
	w := newLocked(t)
	lock := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: w.now().Add(time.Hour)}, Hold: coffer.HoldOn}
	w.putLocked(t, "k", lock)
	s := scoped(t, w, coffer.Grant{Preset: coffer.PresetReadWrite})
	for name, l := range map[string]coffer.Lock{"retention": {Retention: lock.Retention}, "hold": {Hold: coffer.HoldOn}} {
		_, err := s.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k2", Body: bytes.NewReader(nil), Lock: l})
		wantCode(t, "Put with a "+name, err, coffer.AccessDenied)
		_, err = s.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "k2", SourceBucket: "bucket", SourceKey: "k", Lock: l})
		wantCode(t, "Copy with a "+name, err, coffer.AccessDenied)
		_, err = s.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "k2", Lock: l})
		wantCode(t, "CreateUpload with a "+name, err, coffer.AccessDenied)
	}
	wantCode(t, "PutRetention", s.PutRetention(t.Context(), "bucket", "k", "", lock.Retention, false), coffer.AccessDenied)
	wantCode(t, "PutLegalHold", s.PutLegalHold(t.Context(), "bucket", "k", "", coffer.HoldOff), coffer.AccessDenied)
	wantCode(t, "PutObjectLock", s.PutObjectLock(t.Context(), "bucket", coffer.ObjectLock{}), coffer.AccessDenied)
	if c, err := s.Head(t.Context(), GetInput{Bucket: "bucket", Key: "k"}); err != nil || c.Lock != lock {
		t.Errorf("Head with the right to know = %v, %v, want %v", c, err, lock)
	}
	hidden := coffer.Object{Key: "k", Lock: lock}
	if scoped(t, w, coffer.Grant{Preset: coffer.PresetWriteOnly}).hideLock(nil, coffer.Bucket{Name: "bucket", Account: alice.Account}, &hidden); hidden.Lock != (coffer.Lock{}) {
		t.Errorf("who may not read locks is told %v", hidden.Lock)
	}
}

// TestObjectLockIsForGood: nothing turns it off, nor versioning with it.
func TestObjectLockIsForGood(t *testing.T) {
	w := newLocked(t)
	wantCode(t, "PutVersioning(Suspended)", w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningSuspended), coffer.InvalidBucketState)
	if _, err := w.alice.CreateBucket(t.Context(), "plain", "auto"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "PutObjectLock without versions", w.alice.PutObjectLock(t.Context(), "plain", coffer.ObjectLock{}), coffer.InvalidBucketState)
	_, err := w.alice.ObjectLock(t.Context(), "plain")
	wantCode(t, "ObjectLock without one", err, coffer.ObjectLockConfigurationNotFound)
	o := w.putLocked(t, "k", coffer.Lock{Hold: coffer.HoldOn})
	wantCode(t, "DeleteBucket", w.alice.DeleteBucket(t.Context(), "bucket"), coffer.BucketNotEmpty)
	for _, d := range []coffer.DefaultRetention{{Mode: coffer.Governance}, {Mode: coffer.Governance, Days: -1}, {Mode: coffer.Governance, Days: coffer.RetentionDaysMax + 1}} {
		wantCode(t, "PutObjectLock", w.alice.PutObjectLock(t.Context(), "bucket", coffer.ObjectLock{Default: d}), coffer.InvalidRetentionPeriod)
	}
	_, err = w.alice.Put(t.Context(), PutInput{Bucket: "plain", Key: "k", Body: bytes.NewReader(nil), Lock: o.Lock})
	wantCode(t, "Put with a lock into a plain bucket", err, coffer.InvalidRequest)
	_, err = w.alice.Copy(t.Context(), CopyInput{Bucket: "plain", Key: "k", SourceBucket: "bucket", SourceKey: "k"})
	if c, err2 := w.alice.Head(t.Context(), GetInput{Bucket: "plain", Key: "k"}); err != nil || err2 != nil || c.Lock != (coffer.Lock{}) {
		t.Errorf("a copy into a plain bucket = %v, %v, %v, want no lock", err, err2, c)
	}
}
