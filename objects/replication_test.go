package objects

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

// TestATargetIsLostWithTheRightToIt: who may use a target, the operator can change
// after a bucket was set up and while copies wait.
func TestATargetIsLostWithTheRightToIt(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ReplicationTargets = []coffer.ReplicationTarget{{Name: "there", Account: coffer.AnyAccount}}
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	must(t, w.alice.PutBucketReplication(ctx, "bucket", coffer.Replication{Role: "r", Rules: []coffer.ReplicationRule{
		{ID: "r", Enabled: true, ARN: "arn:aws:s3:::there:copies"}}}))
	w.put(t, "waits", []byte("x"))
	list, _, err := w.WaitingReplications(ctx, "there", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("WaitingReplications() = %v, %v, want one", list, err)
	}
	w.ReplicationTargets = []coffer.ReplicationTarget{{Name: "there", Account: bob.Account}}
	if source, err := w.ReplicationSource(ctx, "there", list[0]); err != nil || source != nil {
		t.Errorf("ReplicationSource() for a target that is another account's = %v, %v, want nothing to copy", source, err)
	}
	if o := w.put(t, "after", []byte("x")); len(o.Replication.Replicas) != 0 {
		t.Errorf("a new object has the replicas %v, want none", o.Replication.Replicas)
	}
}

// TestWhatIsPutOffDoesNotStandInTheWay: what a target refuses of one bucket keeps no
// other bucket from being replicated.
func TestWhatIsPutOffDoesNotStandInTheWay(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.Meta.Update(ctx, func(tx meta.Tx) error {
		for i := range replicationLook {
			if err := w.enqueueReplication(tx, "there", ReplicationTask{what: replicateObject, Bucket: "bucket", bucketID: 1,
				Key: strconv.Itoa(i), To: "nowhere", Due: w.clock.Now().Add(time.Minute)}, w.clock.Now()); err != nil {
				return err
			}
		}
		return nil
	}))
	w.clock.step(time.Second)
	must(t, w.Meta.Update(ctx, func(tx meta.Tx) error {
		return w.enqueueReplication(tx, "there", ReplicationTask{what: replicateObject, Bucket: "other", bucketID: 2, Key: "k", To: "copies"}, w.clock.Now())
	}))
	list, _, err := w.WaitingReplications(ctx, "there", 10)
	if err != nil || len(list) != 1 || list[0].Bucket != "other" {
		t.Errorf("WaitingReplications() behind %d that were put off = %v, %v, want the one that is due", replicationLook, list, err)
	}
}

// TestVersionsAreReplicatedInTheirOrder holds where the clock goes back between two: the
// other service takes what comes last for the newest. And a try that was put off while
// the clock was ahead is made, for all that.
func TestVersionsAreReplicatedInTheirOrder(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ReplicationTargets = []coffer.ReplicationTarget{{Name: "there", Account: coffer.AnyAccount}}
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	must(t, w.alice.PutBucketReplication(ctx, "bucket", coffer.Replication{Role: "r", Rules: []coffer.ReplicationRule{
		{ID: "r", Enabled: true, ARN: "arn:aws:s3:::there:copies", DeleteMarkers: true}}}))
	var written []string
	for i := range 6 {
		written = append(written, w.put(t, "k", content(uint64(i), 10)).VersionID)
		w.clock.step(-time.Hour)
		if i == 3 {
			gone, err := w.alice.Delete(ctx, "bucket", Doomed{Key: "k"})
			must(t, err)
			written = append(written, gone.VersionID)
		}
	}
	w.clock.step(-100 * time.Hour)
	for i, version := range written {
		list, _, err := w.WaitingReplications(ctx, "there", 10)
		if err != nil || len(list) != 1 || list[0].Version != version {
			t.Fatalf("WaitingReplications() %d = %v, %v, want version %s, which was written next", i, list, err, version)
		}
		must(t, w.ReplicationLater(ctx, "there", list[0], w.clock.Now().Add(200*time.Hour), "refused while the clock was ahead"))
		list, _, err = w.WaitingReplications(ctx, "there", 10)
		if err != nil || len(list) != 1 || list[0].Version != version {
			t.Fatalf("WaitingReplications() %d after a try that was put off for days = %v, %v, want version %s", i, list, err, version)
		}
		must(t, w.ReplicationDone(ctx, "there", list[0], "v"))
	}
}

// TestWhatOnlyItsClientCanReadFailsAtOnce: no later try could copy an object of SSE-C.
func TestWhatOnlyItsClientCanReadFailsAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ReplicationTargets = []coffer.ReplicationTarget{{Name: "there", Account: coffer.AnyAccount}}
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	must(t, w.alice.PutBucketReplication(ctx, "bucket", coffer.Replication{Role: "r", Rules: []coffer.ReplicationRule{
		{ID: "r", Enabled: true, ARN: "arn:aws:s3:::there:copies"}}}))
	notified(t, w, coffer.NotificationRule{ID: "r", Events: []string{"s3:Replication:*"}})
	w.clock.step(time.Second)
	secret := coffer.NewSecretFrom(strings.Repeat("k", coffer.CustomerKeyBytes))
	o, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "k", Body: strings.NewReader("x"), Size: 1, Encryption: Encrypting{Kind: coffer.SSEC, CustomerKey: secret}})
	must(t, err)
	_, err = w.alice.PutObjectTagging(ctx, "bucket", "k", "", []coffer.Tag{{Key: "a", Value: "1"}})
	must(t, err)
	if got := o.Replication.Status(); got != coffer.ReplicationFailed {
		t.Errorf("the object is %s, want FAILED", got)
	}
	if list, _, err := w.WaitingReplications(ctx, "there", 10); err != nil || len(list) != 0 {
		t.Errorf("WaitingReplications() = %v, %v, want none", list, err)
	}
	names, records := waiting(t, w)
	if want := []string{"test", "Replication:OperationFailedReplication k"}; !slices.Equal(names, want) {
		t.Fatalf("events = %q, want %q", names, want)
	}
	if d := records[0].Replication; d == nil || d.Bucket != "arn:aws:s3:::there:copies" || d.Operation != "OBJECT_PUT" || d.Failure != "SrcObjectNotEligible" {
		t.Errorf("replicationEventData = %+v, want where the object was to go, and why it will not", d)
	}
	if c, err := w.ReplicationCounts(ctx, "bucket"); err != nil || c != (ReplicationCounts{Failed: 1}) {
		t.Errorf("ReplicationCounts() = %+v, %v, want one that failed", c, err)
	}
}

func TestOneWriteHasFewDestinations(t *testing.T) {
	w := newWorld(t)
	w.ReplicationTargets = []coffer.ReplicationTarget{{Name: "there", Account: coffer.AnyAccount}}
	must(t, w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled))
	c := coffer.Replication{Role: "r"}
	for i := range coffer.ReplicationDestinationsMax {
		for _, prefix := range []string{"a", "b"} {
			c.Rules = append(c.Rules, coffer.ReplicationRule{ID: fmt.Sprint(prefix, i), Enabled: true, Prefix: prefix, ARN: fmt.Sprintf("arn:aws:s3:::there:copies%d", i)})
		}
	}
	must(t, w.alice.PutBucketReplication(t.Context(), "bucket", c))
	c.Rules = append(c.Rules, coffer.ReplicationRule{ID: "more", Enabled: true, ARN: "arn:aws:s3:::there:more"})
	wantCode(t, "PutBucketReplication() with one more destination", w.alice.PutBucketReplication(t.Context(), "bucket", c), coffer.InvalidRequest)
}
