package objects

import (
	"errors"
	"time"

	"coffer"
	"coffer/meta"
)

// eventDetails are what some kinds of events tell beside the object (AWS, "Event
// message structure").
type eventDetails struct {
	Glacier     *glacierDetails     `json:"glacierEventData,omitempty"`
	Replication *replicationDetails `json:"replicationEventData,omitempty"`
	Lifecycle   *lifecycleDetails   `json:"lifecycleEventData,omitempty"`
}

type glacierDetails struct {
	Restore struct {
		Expiry string `json:"lifecycleRestorationExpiryTime"`
		Class  string `json:"lifecycleRestoreStorageClass"`
	} `json:"restoreEventData"`
}

type replicationDetails struct {
	Bucket    string `json:"destinationBucket"`
	Operation string `json:"s3Operation,omitempty"`
	Failure   string `json:"failureReason,omitempty"`
	Requested string `json:"requestTime"`
}

type lifecycleDetails struct {
	Transition struct {
		Class string `json:"destinationStorageClass"`
	} `json:"transitionEventData"`
}

// restoreEnded is the event of an object that is archived again.
const restoreEnded = "ObjectRestore:Delete"

// listed tells of an object whose access control list was changed in tx.
func (s Session) listed(tx meta.Tx, b coffer.Bucket, o *row) error {
	return s.tell(tx, b, happening{name: "ObjectAcl:Put", object: o.Object, at: s.nowAfter(o.Modified)})
}

// restored tells of an object that was asked for and is at hand at once.
func (s Session) restored(tx meta.Tx, b coffer.Bucket, o *row) error {
	asked, done := s.nowAfter(o.Modified), eventDetails{Glacier: &glacierDetails{}}
	done.Glacier.Restore.Expiry = o.Restored.Format(eventTimeFormat)
	done.Glacier.Restore.Class = o.Attributes.StorageClass
	return errors.Join(
		s.tell(tx, b, happening{name: "ObjectRestore:Post", object: o.Object, at: asked}),
		s.asItself(b).tell(tx, b, happening{name: "ObjectRestore:Completed", object: o.Object, at: asked.Add(time.Nanosecond), details: done}))
}

// transitioned tells of an object that a lifecycle gave another storage class.
func (s *Service) transitioned(tx meta.Tx, b coffer.Bucket, o *row) error {
	d := eventDetails{Lifecycle: &lifecycleDetails{}}
	d.Lifecycle.Transition.Class = o.Attributes.StorageClass
	return s.asItself(b).tell(tx, b, happening{name: "LifecycleTransition", object: o.Object, at: s.nowAfter(o.Modified), details: d})
}
