package objects

import (
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
)

func TestListsRestoresAndTransitionsAreTold(t *testing.T) {
	w := newOpenWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	w.put(t, "k", []byte("first"))
	w.clock.step(time.Second)
	w.put(t, "k", []byte("second"))
	notified(t, w, coffer.NotificationRule{ID: "all", Events: []string{"s3:ObjectAcl:Put", "s3:ObjectRestore:*", "s3:LifecycleTransition"}})

	for range 2 { // the second changes nothing
		w.clock.step(time.Second)
		if _, err := w.alice.PutObjectACL(ctx, "bucket", "k", "", coffer.NewACL{Canned: coffer.CannedPublicRead}, ""); err != nil {
			t.Fatal(err)
		}
	}
	tiny := int64(1) // else objects under 128 KiB keep their class
	w.rules(t, coffer.LifecycleRule{ID: "cold", Transitions: []coffer.LifecycleTransition{{Days: 1, Class: "GLACIER"}},
		Filter: coffer.LifecycleFilter{LargerThan: &tiny}})
	w.clock.step(3 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Transitions: 1})

	w.clock.step(time.Second)
	for range 2 { // the second only moves the end
		if _, err := w.alice.Restore(ctx, RestoreInput{Bucket: "bucket", Key: "k", Days: 1}); err != nil {
			t.Fatal(err)
		}
	}
	w.put(t, "k", []byte("third")) // the restored version is not current any more when its end comes
	w.clock.step(3 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Transitions: 1})
	w.clock.step(3 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{})

	_, records := waiting(t, w)
	// Events of one instant wait in any order; their sequencers tell which is first.
	slices.SortFunc(records, func(a, b eventRecord) int { return strings.Compare(a.S3.Object.Sequencer, b.S3.Object.Sequencer) })
	var names, versions []string
	for _, r := range records {
		names, versions = append(names, r.EventName+" "+r.S3.Object.Key), append(versions, r.EventVersion)
	}
	want := []string{"ObjectAcl:Put k", "LifecycleTransition k", "ObjectRestore:Post k", "ObjectRestore:Completed k",
		"ObjectRestore:Delete k", "LifecycleTransition k"}
	if !slices.Equal(names, want) {
		t.Fatalf("events = %q, want %q", names, want)
	}
	if got, want := strings.Join(versions, " "), "2.3 2.3 2.1 2.1 2.3 2.3"; got != want {
		t.Errorf("versions of the records = %s, want %s", got, want)
	}
	if d := records[1].Lifecycle; d == nil || d.Transition.Class != "GLACIER" {
		t.Errorf("lifecycleEventData = %+v, want the class GLACIER", d)
	}
	if d := records[3].Glacier; d == nil || d.Restore.Class != "GLACIER" || d.Restore.Expiry != "2026-01-07T00:00:00.000Z" {
		t.Errorf("glacierEventData = %+v, want GLACIER until 2026-01-07", d)
	}
	if at, want := records[4].EventTime, records[3].Glacier.Restore.Expiry; at != want {
		t.Errorf("the restore ended at %s, want %s", at, want)
	}
}

func TestNobodyWaitsForEventsThatDoNotCome(t *testing.T) {
	w := newWorld(t)
	w.Webhooks = []coffer.Webhook{{Name: "hook", URL: coffer.NewSecretFrom("https://sink.example/")}}
	for _, event := range []string{"s3:ReducedRedundancyLostObject", "s3:IntelligentTiering", "s3:Replication:OperationMissedThreshold",
		"s3:Replication:OperationReplicatedAfterThreshold", "s3:Replication:OperationNotTracked"} {
		err := w.alice.PutBucketNotification(t.Context(), "bucket", []coffer.NotificationRule{
			{ID: "r", Kind: coffer.NotifyQueue, ARN: "arn:aws:sqs:::hook", Events: []string{event}}}, false)
		wantCode(t, "PutBucketNotification() of "+event, err, coffer.NotImplemented)
	}
}
