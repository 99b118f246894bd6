package objects

import (
	"time"

	"coffer"
)

// eventGoldens are the records of events and where they go.
func eventGoldens() []golden {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	config := func(v any) []byte {
		b, err := encodeConfig(v)
		if err != nil {
			panic(err)
		}
		return b
	}
	notifications := []coffer.NotificationRule{{ID: "r", Kind: coffer.NotifyQueue, ARN: "arn:aws:sqs:::hook", Webhook: "hook",
		Events: []string{"s3:ObjectCreated:*"}, Prefix: "a", Suffix: "b"}}
	event := queued{text: []byte(`{"a":1}`), alone: true, why: "down"}
	delivery := Delivery{ID: "evt_1", Time: at, Took: time.Second, Status: 500, Events: 3, Error: "no"}
	logTo := coffer.BucketLogging{Target: "logs", Prefix: "p/", KeyFormat: coffer.LogKeyEventTime, Owner: "aa"}
	tags := []coffer.Tag{{Key: "b", Value: "1"}}
	copyTo := coffer.Replication{Role: "r", Rules: []coffer.ReplicationRule{{ID: "r", Enabled: true, Priority: 1, Filtered: true, Prefix: "a/", Tags: tags, And: true,
		DeleteMarkers: true, ARN: "arn:aws:s3:::offsite:copies", Target: "offsite", Bucket: "copies", StorageClass: "GLACIER"}}}
	task := ReplicationTask{Bucket: "bucket", Key: "k", Version: "v", To: "copies", StorageClass: "GLACIER", Tries: 2, Due: at, Why: "no", what: replicateTags, bucketID: 7}
	copied := row{Object: coffer.Object{Key: "k", ETag: "d41d8cd98f00b204e9800998ecf8427e", Modified: at}, body: body{id: bodyID{1}}}
	copied.Replication = coffer.ReplicationState{Received: true, Replicas: []coffer.Replica{{Destination: "offsite:copies", Status: coffer.ReplicationFailed, VersionID: "v"}}}
	return []golden{
		{"bucket-replication", copyTo, config(copyTo), func(b []byte) (any, error) { return decodeConfigOf[coffer.Replication](b) }},
		{"replication", task, encodeTask(task), func(b []byte) (any, error) { return decodeTask(b) }},
		{"object-replicated", copied, encodeRow(copied), func(b []byte) (any, error) { return decodeRow("k", b) }},
		{"bucket-logging", logTo, config(logTo), func(b []byte) (any, error) { return decodeConfigOf[coffer.BucketLogging](b) }},
		{"bucket-notification", notifications, config(notifications), func(b []byte) (any, error) { return decodeConfigOf[[]coffer.NotificationRule](b) }},
		{"event", event, encodeQueued(event), func(b []byte) (any, error) { return decodeQueued(b) }},
		{"delivery", delivery, encodeDelivery(delivery), func(b []byte) (any, error) { return decodeDelivery(b) }},
	}
}
