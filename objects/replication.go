package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// BucketReplication reads the replication of a bucket; the error is
// ReplicationConfigurationNotFound if it has none.
func (s Session) BucketReplication(ctx context.Context, bucket coffer.BucketName) (*coffer.Replication, error) {
	return getConfig[coffer.Replication](ctx, s, bucket, configReplication, coffer.GetReplicationConfiguration, coffer.ReplicationConfigurationNotFound)
}

// PutBucketReplication puts a configuration in the place of the one that there is.
// The bucket must have versions, and the targets must be there. Only what is written
// from now on is replicated.
func (s Session) PutBucketReplication(ctx context.Context, bucket coffer.BucketName, c coffer.Replication) error {
	for i := range c.Rules {
		if c.Rules[i].ID == "" {
			id, err := s.id(8)
			if err != nil {
				return err
			}
			c.Rules[i].ID = fmt.Sprintf("%x", id)
		}
	}
	if err := c.Check(); err != nil {
		return err
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutReplicationConfiguration, "")
		if err != nil {
			return err
		}
		if b.Versioning != coffer.VersioningEnabled {
			return coffer.Errorf(coffer.InvalidRequest, "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
		}
		for _, r := range c.Rules {
			if s.replicationTarget(r.Target, b.Account) == nil {
				return coffer.Errorf(coffer.InvalidRequest, "Destination bucket must exist: there is no replication target %q.", r.Target)
			}
		}
		return s.setConfig(ctx, tx, b, configReplication, c)
	})
}

// DeleteBucketReplication ends the replication of a bucket. What waits is still
// replicated.
func (s Session) DeleteBucketReplication(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configReplication, coffer.PutReplicationConfiguration)
}

// replicationTarget finds a target that an account may use; nil if there is none.
func (s *Service) replicationTarget(name string, account coffer.AccountID) *coffer.ReplicationTarget {
	for i := range s.ReplicationTargets {
		t := &s.ReplicationTargets[i]
		if t.Name == name && (t.Account == coffer.AnyAccount || t.Account == account) {
			return t
		}
	}
	return nil
}

// AsReplica returns the calls of one who brings copies in: what is written is
// marked, and goes nowhere else, so that two buckets can replicate to each other. It
// needs ReplicateObject, and ReplicateDelete for a delete marker.
func (s Session) AsReplica() Session {
	s.replica = true
	return s
}

// planReplication settles, before the record of a new version is written, whether
// it is a replica, and where it will be copied to.
func (s Session) planReplication(tx meta.Tx, b coffer.Bucket, o *row) error {
	o.Replication = coffer.ReplicationState{}
	if s.replica {
		a := coffer.ReplicateObject
		if o.DeleteMarker {
			a = coffer.ReplicateDelete
		}
		o.Replication.Received = true
		return s.authorize(tx, b, a, o.Key)
	}
	if s.cause == causeLifecycle {
		return nil // its delete markers are each bucket's own (AWS, "What does Amazon S3 replicate?")
	}
	rules, err := s.replicationRules(tx, b, o)
	if err != nil {
		return err
	}
	status := coffer.ReplicationPending
	if o.Encryption.Is(coffer.SSEC) {
		// Only its client can read it, and no later try could. (AWS copies the encrypted
		// bytes, which no other service would take.)
		status = coffer.ReplicationFailed
	}
	for _, r := range rules {
		if !o.DeleteMarker || r.DeleteMarkers {
			o.Replication.Replicas = append(o.Replication.Replicas, coffer.Replica{Destination: r.Destination(), Status: status})
		}
	}
	return nil
}

func (s *Service) replicationRules(r meta.Reader, b coffer.Bucket, o *row) ([]coffer.ReplicationRule, error) {
	if b.Versioning != coffer.VersioningEnabled {
		return nil, nil
	}
	c, err := readConfig[coffer.Replication](s, r, b, configReplication)
	if err != nil || c == nil {
		return nil, err
	}
	// The operator may have given a target to another account since the rules were put.
	return slices.DeleteFunc(c.For(o.Key, o.Tags), func(rule coffer.ReplicationRule) bool {
		return s.replicationTarget(rule.Target, b.Account) == nil
	}), nil
}

// replicate queues the copies that were planned for a version, in the transaction
// that made it.
func (s Session) replicate(tx meta.Tx, b coffer.Bucket, o *row) error {
	if len(o.Replication.Replicas) == 0 {
		return nil
	}
	rules, err := s.replicationRules(tx, b, o)
	if err != nil {
		return err
	}
	what := replicateObject
	if o.DeleteMarker {
		what = replicateMarker
	}
	for _, r := range rules {
		if o.DeleteMarker && !r.DeleteMarkers {
			continue
		}
		task := newTask(what, b, o, r)
		if o.Encryption.Is(coffer.SSEC) {
			err = errors.Join(
				tx.Add(replicationCountKey(b.ID, replicationsFailed), 1),
				s.notReplicated(tx, b, r.Target, task, o.Modified, "SrcObjectNotEligible"))
		} else {
			err = s.enqueueReplication(tx, r.Target, task, o.Modified)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func newTask(what int, b coffer.Bucket, o *row, r coffer.ReplicationRule) ReplicationTask {
	return ReplicationTask{what: what, Bucket: b.Name, bucketID: b.ID, Key: o.Key, Version: o.VersionID, To: r.Bucket, StorageClass: r.StorageClass}
}

// replicateChange queues the tags or the lock of a version that has replicas. It is
// queued behind a copy that waits too, which may be under way and have read what was
// there before.
func (s Session) replicateChange(tx meta.Tx, b coffer.Bucket, o *row, what int) error {
	if len(o.Replication.Replicas) == 0 || o.Encryption.Is(coffer.SSEC) {
		return nil
	}
	rules, err := s.replicationRules(tx, b, o)
	if err != nil {
		return err
	}
	for _, r := range rules {
		for i := range o.Replication.Replicas {
			c := &o.Replication.Replicas[i]
			if c.Destination != r.Destination() {
				continue
			}
			task := newTask(what, b, o, r)
			if c.Status == coffer.ReplicationFailed {
				task.what = replicateObject
			}
			c.Status = coffer.ReplicationPending
			if err := s.enqueueReplication(tx, r.Target, task, o.Modified); err != nil {
				return err
			}
		}
	}
	return nil
}

// notReplicated tells of a copy that will not be made, and why (AWS, "Amazon S3
// replication failure reasons").
func (s *Service) notReplicated(tx meta.Tx, b coffer.Bucket, target string, t ReplicationTask, asked time.Time, why string) error {
	d := &replicationDetails{Failure: why, Bucket: "arn:aws:s3:::" + target + ":" + string(t.To), Requested: asked.UTC().Format(eventTimeFormat)}
	if t.what == replicateObject {
		d.Operation = "OBJECT_PUT"
	}
	o := coffer.Object{Key: t.Key, VersionID: t.Version}
	return s.asItself(b).tell(tx, b, happening{name: "Replication:OperationFailedReplication", object: o, at: s.nowAfter(asked), deleted: true,
		details: eventDetails{Replication: d}})
}

// replicated writes down what a copy of a version came to, if the version is still
// there.
func replicated(tx meta.Tx, t ReplicationTask, target string, status coffer.ReplicationStatus, version string) error {
	b, err := readBucket(tx, t.Bucket)
	if errors.Is(err, meta.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if b.ID != t.bucketID {
		return nil
	}
	o, err := findVersion(tx, b, t.Key, coffer.VersionName(t.Version))
	if err != nil || o == nil {
		return err
	}
	for i := range o.Replication.Replicas {
		if c := &o.Replication.Replicas[i]; c.Destination == target+":"+string(t.To) {
			c.Status = status
			if version != "" {
				c.VersionID = version
			}
		}
	}
	return tx.Set(o.at, encodeRow(o.row))
}
