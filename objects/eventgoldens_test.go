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
	return []golden{
		{"bucket-logging", logTo, config(logTo), func(b []byte) (any, error) { return decodeConfigOf[coffer.BucketLogging](b) }},
		{"bucket-notification", notifications, config(notifications), func(b []byte) (any, error) { return decodeConfigOf[[]coffer.NotificationRule](b) }},
		{"event", event, encodeQueued(event), func(b []byte) (any, error) { return decodeQueued(b) }},
		{"delivery", delivery, encodeDelivery(delivery), func(b []byte) (any, error) { return decodeDelivery(b) }},
	}
}
