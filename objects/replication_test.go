package objects

import (
	"strconv"
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
				Key: strconv.Itoa(i), To: "nowhere", Due: w.clock.Now().Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.clock.step(time.Second)
	must(t, w.Meta.Update(ctx, func(tx meta.Tx) error {
		return w.enqueueReplication(tx, "there", ReplicationTask{what: replicateObject, Bucket: "other", bucketID: 2, Key: "k", To: "copies"})
	}))
	list, _, err := w.WaitingReplications(ctx, "there", 10)
	if err != nil || len(list) != 1 || list[0].Bucket != "other" {
		t.Errorf("WaitingReplications() behind %d that were put off = %v, %v, want the one that is due", replicationLook, list, err)
	}
}
