package objects

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"coffer"
	"coffer/meta"
)

// How an object can come to be, in the names of events.
const (
	causePlain    = "Put"
	causeForm     = "Post"
	causeCopy     = "Copy"
	causeComplete = "CompleteMultipartUpload"
	// causeLifecycle is no way of coming to be: a lifecycle ends objects.
	causeLifecycle = "Lifecycle"
)

func causePut(in PutInput) string {
	if in.Form {
		return causeForm
	}
	return causePlain
}

// happening is what an event tells: its name without s3:, and what it happened to.
type happening struct {
	name    string
	object  coffer.Object
	at      time.Time
	deleted bool // nothing is told of the object but its name
	details eventDetails
}

// created tells of an object that came to be in tx, and has it replicated.
func (s Session) created(tx meta.Tx, b coffer.Bucket, o *row) error {
	cause := s.cause
	if cause == "" {
		cause = causePlain
	}
	return errors.Join(s.replicate(tx, b, o),
		s.tell(tx, b, happening{name: "ObjectCreated:" + cause, object: o.Object, at: o.Modified}))
}

// marked tells of a delete marker that was put in front of the versions of a key.
func (s Session) marked(tx meta.Tx, b coffer.Bucket, o *row) error {
	return errors.Join(s.replicate(tx, b, o),
		s.tell(tx, b, happening{name: s.removal() + ":DeleteMarkerCreated", object: o.Object, at: o.Modified, deleted: true}))
}

// removed tells of an object or a version that ended in tx.
func (s Session) removed(tx meta.Tx, b coffer.Bucket, old *row) error {
	return s.tell(tx, b, happening{name: s.removal() + ":Delete", object: old.Object, at: s.nowAfter(old.Modified), deleted: true})
}

// removal is the kind of event by which the session ends objects.
func (s Session) removal() string {
	if s.cause == causeLifecycle {
		return "LifecycleExpiration"
	}
	return "ObjectRemoved"
}

// tagged tells of an object whose tags were changed in tx.
func (s Session) tagged(tx meta.Tx, b coffer.Bucket, o *row) error {
	name := "ObjectTagging:Put"
	if len(o.Tags) == 0 {
		name = "ObjectTagging:Delete"
	}
	return errors.Join(s.replicateChange(tx, b, o, replicateTags),
		s.tell(tx, b, happening{name: name, object: o.Object, at: s.nowAfter(o.Modified)}))
}

// tell writes the event of h for each webhook that a rule of b sends it to, in the
// transaction of the change itself: there is no event without the change, and no
// change without its event.
func (s Session) tell(tx meta.Tx, b coffer.Bucket, h happening) error {
	rules, err := readConfig[[]coffer.NotificationRule](s.Service, tx, b, configNotification)
	if err != nil || rules == nil {
		return err
	}
	for i := range *rules {
		r := &(*rules)[i]
		if !r.Matches(h.name, h.object.Key) || s.webhook(r.Webhook, b.Account) == nil {
			continue
		}
		text, err := json.Marshal(s.eventRecord(b, r.ID, h))
		if err != nil {
			return err
		}
		if err := s.enqueue(tx, r.Webhook, queued{text: text}); err != nil {
			return err
		}
	}
	return nil
}

// eventRecord is one event in AWS's form ("Event message structure").
type eventRecord struct {
	EventVersion string    `json:"eventVersion"`
	EventSource  string    `json:"eventSource"`
	AWSRegion    string    `json:"awsRegion"`
	EventTime    string    `json:"eventTime"`
	EventName    string    `json:"eventName"`
	UserIdentity principal `json:"userIdentity"`
	Request      struct {
		SourceIP string `json:"sourceIPAddress"`
	} `json:"requestParameters"`
	Response struct {
		RequestID string `json:"x-amz-request-id"`
		HostID    string `json:"x-amz-id-2"`
	} `json:"responseElements"`
	S3 eventSubject `json:"s3"`
	eventDetails
}

type principal struct {
	ID string `json:"principalId"`
}

type eventSubject struct {
	Version       string      `json:"s3SchemaVersion"`
	Configuration string      `json:"configurationId"`
	Bucket        eventBucket `json:"bucket"`
	Object        eventObject `json:"object"`
}

type eventBucket struct {
	Name  string    `json:"name"`
	Owner principal `json:"ownerIdentity"`
	ARN   string    `json:"arn"`
}

type eventObject struct {
	Key       string `json:"key"`
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer,omitempty"`
}

// hostID is the extended request ID that all answers bear.
const hostID = "Y29mZmVyLXMz"

const eventTimeFormat = "2006-01-02T15:04:05.000Z"

func (s Session) eventRecord(b coffer.Bucket, rule string, h happening) eventRecord {
	e := eventRecord{EventVersion: eventVersion(h.name), EventSource: "aws:s3", AWSRegion: b.Region,
		EventTime: h.at.UTC().Format(eventTimeFormat), EventName: h.name, eventDetails: h.details}
	e.UserIdentity.ID = "s3.amazonaws.com" // what the server does by itself
	if s.actor.Key != "" {
		e.UserIdentity.ID = "AWS:" + string(s.actor.Key)
	}
	e.Request.SourceIP = s.actor.Caller.Source
	e.Response.RequestID, e.Response.HostID = s.actor.Caller.RequestID, hostID
	e.S3 = eventSubject{Version: "1.0", Configuration: rule,
		Bucket: eventBucket{Name: string(b.Name), Owner: principal{string(b.Account)}, ARN: "arn:aws:s3:::" + string(b.Name)},
		// Times of one key only grow, so the sequencer orders its events as AWS
		// says: by comparing texts of one length.
		Object: eventObject{Key: coffer.EventKey(h.object.Key), VersionID: h.object.VersionID, Sequencer: fmt.Sprintf("%016X", nanoseconds(h.at))},
	}
	switch {
	case h.name == markerCreated:
		e.S3.Object.ETag = emptyMD5
	case h.deleted:
	case group(h.name) == "ObjectTagging", group(h.name) == "ObjectAcl":
		// What says nothing of the bytes has neither, as AWS was recorded to send it.
		e.S3.Object.ETag, e.S3.Object.Sequencer = h.object.ETag, ""
	default:
		e.S3.Object.Size, e.S3.Object.ETag = &h.object.Size, h.object.ETag
	}
	return e
}

// markerCreated has, of all deletes, an entity tag with AWS: that of nothing.
const (
	markerCreated = "ObjectRemoved:DeleteMarkerCreated"
	emptyMD5      = "d41d8cd98f00b204e9800998ecf8427e"
)

// eventVersion is the version of the record's form, which newer kinds of events
// have raised.
func eventVersion(name string) string {
	switch group(name) {
	case "ObjectCreated", "ObjectRemoved":
		return "2.1"
	case "Replication":
		return "2.2"
	case "ObjectRestore":
		if name != restoreEnded {
			return "2.1"
		}
	}
	return "2.3"
}

func group(name string) string {
	for i := range len(name) {
		if name[i] == ':' {
			return name[:i]
		}
	}
	return name
}

// testEvents queues what AWS sends to each destination of a new configuration.
func (s Session) testEvents(tx meta.Tx, b coffer.Bucket, rules []coffer.NotificationRule) error {
	sent := map[string]bool{}
	for _, r := range rules {
		if sent[r.Webhook] {
			continue
		}
		sent[r.Webhook] = true
		if err := s.enqueueTest(tx, r.Webhook, string(b.Name), s.actor.Caller.RequestID); err != nil {
			return err
		}
	}
	return nil
}

// enqueueTest queues an s3:TestEvent, which is delivered alone and not as a record.
func (s *Service) enqueueTest(tx meta.Tx, webhook, bucket, request string) error {
	text, err := json.Marshal(struct {
		Service   string
		Event     string
		Time      string
		Bucket    string
		RequestID string `json:"RequestId"`
		HostID    string `json:"HostId"`
	}{"Amazon S3", "s3:TestEvent", s.now().Format(eventTimeFormat), bucket, request, hostID})
	if err != nil {
		return err
	}
	return s.enqueue(tx, webhook, queued{text: text, alone: true})
}
