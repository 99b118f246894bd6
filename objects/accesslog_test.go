package objects

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"coffer"
)

func TestAccessLogsAreBoundedInMemoryAndLostWhenTheyCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.alice.CreateBucket(ctx, "logs", "auto"); err != nil {
		t.Fatal(err)
	}
	if err := w.alice.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "logs", Prefix: "p/"}); err != nil {
		t.Fatal(err)
	}
	b, err := w.Logged(ctx, "bucket")
	if err != nil || b == nil {
		t.Fatalf("Logged() = %v, %v, want the bucket at once", b, err)
	}
	keys := func() (list []string) {
		t.Helper()
		page, err := w.alice.List(ctx, ListInput{Bucket: "logs", Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			list = append(list, o.Key)
		}
		return list
	}
	w.LogAccess(b, w.clock.Now(), "one")
	w.FlushAccessLogs(ctx, false)
	if got := keys(); len(got) != 0 {
		t.Errorf("a record is written at once, to %q: want it to wait for others", got)
	}
	w.clock.step(accessLogAge)
	w.FlushAccessLogs(ctx, false)
	if got := keys(); len(got) != 1 {
		t.Errorf("after %s there are the log objects %q, want one", accessLogAge, got)
	}
	record := strings.Repeat("x", 1<<20)
	for range 20 {
		w.LogAccess(b, w.clock.Now(), record)
	}
	if n := w.AccessLogsDropped(); n < 4 || n > 6 {
		t.Errorf("AccessLogsDropped() = %d after 20 MiB of one account, want what is over %d bytes", n, accessLogShare)
	}
	w.FlushAccessLogs(ctx, false)
	if got := keys(); len(got) != 2 {
		t.Errorf("after a flush there are the log objects %q, want one more: it was large enough", got)
	}
	for i := range 40 {
		another := *b
		another.ID, another.Account = b.ID+1+coffer.BucketID(i), coffer.AccountID(fmt.Sprint("account ", i))
		w.LogAccess(&another, w.clock.Now(), record)
	}
	if n := w.AccessLogsDropped(); n < 12 || n > 15 {
		t.Errorf("AccessLogsDropped() = %d after 40 MiB of many accounts besides, want what is over %d bytes", n, accessLogMax)
	}
	w.FlushAccessLogs(ctx, true)
	before := w.AccessLogsDropped()
	b.To.Target = "gone"
	w.LogAccess(b, w.clock.Now(), "lost")
	w.FlushAccessLogs(ctx, true)
	if n := w.AccessLogsDropped(); n != before+1 {
		t.Errorf("AccessLogsDropped() = %d after a flush to a bucket that is gone, want %d", n, before+1)
	}
	w.LogAccess(b, w.clock.Now(), record)
	if w.accessLogs.bytes != len(record)+1 || len(w.accessLogs.shares) != 1 {
		t.Errorf("%d bytes wait, want those of one record: what was taken must not count", w.accessLogs.bytes)
	}
}

func TestTheLogOfABucketGoesWhereItsKeyMayWrite(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for name, s := range map[string]Session{"bucket-b": w.bob, "logs": w.alice} {
		if _, err := s.CreateBucket(ctx, coffer.BucketName(name), "auto"); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, "logging to another account's bucket", w.alice.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "bucket-b"}), coffer.InvalidTargetBucketForLogging)
	wantCode(t, "logging of another account's bucket", w.bob.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "bucket-b"}), coffer.AccessDenied)
	one := scoped(t, w, coffer.Grant{Preset: coffer.PresetFull, Buckets: []string{"bucket"}})
	wantCode(t, "logging to where the key may not write", one.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "logs"}), coffer.InvalidTargetBucketForLogging)
	if err := one.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "bucket"}); err != nil {
		t.Errorf("PutBucketLogging to the key's own bucket = %v, want no error", err)
	}
	if b, err := w.Logged(ctx, "bucket"); err != nil || b == nil || b.To.Owner != alice.Canonical {
		t.Errorf("Logged() = %+v, %v, want the owner's canonical ID in it", b, err)
	}
	if err := w.alice.PutBucketLogging(ctx, "bucket", nil); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Millisecond)
	if b, err := w.Logged(ctx, "bucket"); err != nil || b != nil {
		t.Errorf("Logged() = %+v, %v after logging was turned off, want nil", b, err)
	}
}

// TestTheLogOfABucketEndsWithIt: the name can be another account's a moment later.
func TestTheLogOfABucketEndsWithIt(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.alice.CreateBucket(ctx, "logs", "auto"); err != nil {
		t.Fatal(err)
	}
	must(t, w.alice.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "logs"}))
	if b, err := w.Logged(ctx, "bucket"); err != nil || b == nil {
		t.Fatalf("Logged() = %v, %v, want the bucket", b, err)
	}
	must(t, w.alice.DeleteBucket(ctx, "bucket"))
	if _, err := w.bob.CreateBucket(ctx, "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	if b, err := w.Logged(ctx, "bucket"); err != nil || b != nil {
		t.Errorf("Logged() of another account's bucket of the same name = %+v, %v, want nil", b, err)
	}
}

// TestTheLogOfABucketFollowsNoName is of a target that went, and whose name another
// account took: it lets everybody write, but nobody said that it may have the log.
func TestTheLogOfABucketFollowsNoName(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.alice.CreateBucket(ctx, "logs", "auto"); err != nil {
		t.Fatal(err)
	}
	if err := w.alice.PutBucketLogging(ctx, "bucket", &coffer.BucketLogging{Target: "logs"}); err != nil {
		t.Fatal(err)
	}
	b, err := w.Logged(ctx, "bucket")
	if err != nil || b == nil {
		t.Fatalf("Logged() = %v, %v, want the bucket", b, err)
	}
	if err := w.alice.DeleteBucket(ctx, "logs"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bob.CreateBucket(ctx, "logs", "auto"); err != nil {
		t.Fatal(err)
	}
	open := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + string(alice.Account) + `"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/*"}}`
	if err := w.bob.PutBucketPolicy(ctx, "logs", open); err != nil {
		t.Fatal(err)
	}
	w.LogAccess(b, w.clock.Now(), "what alice's visitors asked for")
	w.FlushAccessLogs(ctx, true)
	list, err := w.bob.List(ctx, ListInput{Bucket: "logs", Max: 10})
	if err != nil || len(list.Objects) > 0 {
		t.Errorf("List of another account's bucket of that name = %+v, %v, want nothing", list.Objects, err)
	}
	if n := w.AccessLogsDropped(); n != 1 {
		t.Errorf("AccessLogsDropped() = %d, want the record in it", n)
	}
}

func TestAFloodOfOneAccountTakesNoRecordOfAnother(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.bob.CreateBucket(ctx, "bucket-b", "auto"); err != nil {
		t.Fatal(err)
	}
	logged := map[coffer.BucketName]*LoggedBucket{}
	for bucket, s := range map[coffer.BucketName]Session{"bucket": w.alice, "bucket-b": w.bob} {
		err := s.PutBucketLogging(ctx, bucket, &coffer.BucketLogging{Target: bucket, Prefix: "log/"})
		if err == nil {
			logged[bucket], err = w.Logged(ctx, bucket)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range accessLogMax >> 10 {
		w.LogAccess(logged["bucket"], w.clock.Now(), strings.Repeat("x", 1<<10))
	}
	before := w.AccessLogsDropped()
	if before == 0 {
		t.Error("AccessLogsDropped() = 0 after a flood, want some")
	}
	w.LogAccess(logged["bucket-b"], w.clock.Now(), strings.Repeat("b", 2<<10))
	w.FlushAccessLogs(ctx, true)
	list, err := w.bob.List(ctx, ListInput{Bucket: "bucket-b", Max: 10})
	if err != nil || len(list.Objects) != 1 || w.AccessLogsDropped() != before {
		t.Errorf("beside a flood of another account there are %d log objects, %v, and %d records lost, want one and %d", len(list.Objects), err, w.AccessLogsDropped(), before)
	}
}
