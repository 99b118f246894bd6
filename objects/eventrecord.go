package objects

import (
	"encoding/json"
	"fmt"
	"time"

	"coffer"
	"coffer/meta"
)

const (
	queuedVersion   = 1
	deliveryVersion = 1

	eventIDLen = 16
)

// queued is an event that waits for its delivery, or was given up.
type queued struct {
	text  []byte // JSON: a record, or a whole body if alone
	alone bool
	why   string // it was given up
}

func encodeQueued(q queued) []byte {
	r := meta.NewRecord(queuedVersion)
	r.Blob(1, q.text)
	if q.alone {
		r.Int(2, 1)
	}
	r.Text(3, q.why)
	return r.Bytes()
}

func decodeQueued(value []byte) (queued, error) {
	var q queued
	err := meta.ReadRecord(value, queuedVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			q.text = append([]byte(nil), f.Blob()...)
		case 2:
			q.alone = f.Int() == 1
		case 3:
			q.why = f.Text()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && len(q.text) == 0 {
		err = fmt.Errorf("it has no text")
	}
	if err != nil {
		return q, fmt.Errorf("event record: %w", err)
	}
	return q, nil
}

// Delivery is what one attempt to send events to a webhook came to.
type Delivery struct {
	// ID is the same for each attempt to send the same events.
	ID   string        `json:"id"`
	Time time.Time     `json:"time"`
	Took time.Duration `json:"took_nanoseconds"`
	// Status is the HTTP status; 0 if no answer came.
	Status int `json:"status"`
	Events int `json:"events"`
	// Error says why the events were not taken; "" if they were.
	Error string `json:"error,omitempty"`
}

// deliveryErrorMax bounds the text of an error in the log, in bytes.
const deliveryErrorMax = 300

func encodeDelivery(d Delivery) []byte {
	r := meta.NewRecord(deliveryVersion)
	r.Text(1, d.ID)
	r.Time(2, d.Time)
	r.Int(3, int64(d.Took))
	r.Int(4, int64(d.Status))
	r.Int(5, int64(d.Events))
	r.Text(6, d.Error)
	return r.Bytes()
}

func decodeDelivery(value []byte) (Delivery, error) {
	var d Delivery
	err := meta.ReadRecord(value, deliveryVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			d.ID = f.Text()
		case 2:
			d.Time = f.Time()
		case 3:
			d.Took = time.Duration(f.Int())
		case 4:
			d.Status = int(f.Int())
		case 5:
			d.Events = int(f.Int())
		case 6:
			d.Error = f.Text()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return d, fmt.Errorf("delivery record: %w", err)
	}
	return d, nil
}

// webhookKey is a key of one of the records of a webhook.
func webhookKey(prefix byte, webhook string, rest []byte) []byte {
	return meta.Key(prefix, meta.KeyText(webhook), rest)
}

// The counters of a webhook.
const (
	eventsWaiting   = 'w'
	eventsDead      = 'd'
	eventsDelivered = 'o'
	eventsFailed    = 'f'
	eventsDropped   = 'x'
)

func addEvents(tx meta.Tx, webhook string, which byte, n int) error {
	if n == 0 {
		return nil
	}
	return tx.Add(webhookKey(meta.PrefixEventCount, webhook, []byte{which}), int64(n))
}

// QueuedEvent is an event that waits, or was given up, as the one who sends it
// sees it.
type QueuedEvent struct {
	// ID orders the events of a webhook by time.
	ID   [eventIDLen]byte
	Time time.Time
	// Text is JSON: one of the Records of a body, or a whole body if Alone.
	Text  []byte
	Alone bool
	// Why says why it was given up.
	Why string
}

// Object names the object that the event is of: BUCKET/KEY, as they stand in the
// event; "" if it is of none.
func (e *QueuedEvent) Object() string {
	var record struct{ S3 eventSubject }
	if err := json.Unmarshal(e.Text, &record); err != nil || record.S3.Object.Key == "" {
		return ""
	}
	return record.S3.Bucket.Name + "/" + record.S3.Object.Key
}

// WebhookCounts are the numbers of one webhook.
type WebhookCounts struct {
	Webhook coffer.Webhook
	// Waiting and Dead are how many events there are now; the others only grow.
	Waiting, Dead, Delivered, Failed, Dropped int64
}
