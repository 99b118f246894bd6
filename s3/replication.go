package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"coffer"
)

// getBucketReplication answers GetBucketReplication.
func (q *request) getBucketReplication() error {
	c, err := q.session.BucketReplication(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("ReplicationConfiguration", namespace)
	d.text("Role", c.Role)
	for _, r := range c.Rules {
		d.begin("Rule")
		d.text("ID", r.ID)
		if r.Filtered {
			d.number("Priority", int64(r.Priority))
			writeReplicationFilter(d, r)
		} else {
			d.text("Prefix", r.Prefix)
		}
		d.text("Status", enabledWord(r.Enabled))
		d.begin("Destination")
		d.text("Bucket", r.ARN)
		d.optional("StorageClass", r.StorageClass)
		d.end()
		if r.Filtered {
			d.begin("DeleteMarkerReplication")
			d.text("Status", enabledWord(r.DeleteMarkers))
			d.end()
		}
		d.end()
	}
	return q.send(http.StatusOK, d)
}

func enabledWord(v bool) string {
	if v {
		return "Enabled"
	}
	return "Disabled"
}

func writeReplicationFilter(d *doc, r coffer.ReplicationRule) {
	d.begin("Filter")
	if r.And {
		d.begin("And")
	}
	if r.Prefix != "" || len(r.Tags) == 0 {
		d.text("Prefix", r.Prefix)
	}
	for _, t := range r.Tags {
		d.begin("Tag")
		d.text("Key", t.Key)
		d.text("Value", t.Value)
		d.end()
	}
	if r.And {
		d.end()
	}
	d.end()
}

// putBucketReplication answers PutBucketReplication.
func (q *request) putBucketReplication() error {
	n, err := q.readXML("ReplicationConfiguration")
	if err != nil {
		return err
	}
	c, err := parseReplication(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketReplication(q.ctx, q.bucket, c); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// deleteBucketReplication answers DeleteBucketReplication.
func (q *request) deleteBucketReplication() error {
	if err := q.session.DeleteBucketReplication(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

func parseReplication(n *node) (c coffer.Replication, err error) {
	if err := n.only("Role", "Rule*"); err != nil {
		return c, err
	}
	c.Role, _ = n.get("Role")
	for _, e := range n.children {
		if e.name != "Rule" {
			continue
		}
		r, err := parseReplicationRule(e)
		if err != nil {
			return c, err
		}
		c.Rules = append(c.Rules, r)
	}
	return c, nil
}

func parseReplicationRule(n *node) (r coffer.ReplicationRule, err error) {
	if err := n.only("ID", "Priority", "Prefix", "Filter", "Status", "SourceSelectionCriteria", "ExistingObjectReplication",
		"Destination", "DeleteMarkerReplication"); err != nil {
		return r, err
	}
	status, _ := n.get("Status")
	if r.Enabled, err = enabled(status); err != nil {
		return r, err
	}
	_, hasPriority := n.get("Priority")
	_, hasPrefix := n.get("Prefix")
	_, r.Filtered = n.get("Filter")
	_, hasMarkers := n.get("DeleteMarkerReplication")
	if _, ok := n.get("Destination"); !ok || r.Filtered == hasPrefix {
		return r, malformed("a Rule has a Destination, and a Filter or the older Prefix")
	}
	switch {
	case r.Filtered && !hasPriority:
		return r, newerSchema("Priority must be specified")
	case r.Filtered && !hasMarkers:
		return r, newerSchema("DeleteMarkerReplication must be specified")
	case !r.Filtered && (hasPriority || hasMarkers):
		return r, coffer.Errorf(coffer.InvalidRequest, "Priority and DeleteMarkerReplication need a Filter in the place of the Prefix.")
	}
	r.DeleteMarkers = !r.Filtered // the older form replicates them
	for _, e := range n.children {
		if err := parseReplicationElement(e, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

func newerSchema(what string) error {
	return coffer.Errorf(coffer.InvalidRequest, "%s for this version of Cross Region Replication configuration schema. "+
		"Please refer to S3 Developer Guide for more information.", what)
}

func parseReplicationElement(e *node, r *coffer.ReplicationRule) (err error) {
	switch e.name {
	case "ID":
		r.ID = e.value
	case "Prefix":
		r.Prefix = e.value
	case "Priority":
		if r.Priority, err = strconv.Atoi(strings.TrimSpace(e.value)); err != nil {
			return malformed("Priority is no number")
		}
	case "Filter":
		return parseReplicationFilter(e, r)
	case "DeleteMarkerReplication":
		if err := e.only("Status"); err != nil {
			return err
		}
		status, _ := e.get("Status")
		r.DeleteMarkers, err = enabled(status)
		return err
	case "ExistingObjectReplication", "SourceSelectionCriteria":
		if asks(e) {
			return replicationMissing(e.name)
		}
	case "Destination":
		return parseReplicationDestination(e, r)
	}
	return nil
}

// asks tells whether some Status below e is Enabled.
func asks(e *node) bool {
	if e.name == "Status" && e.value == "Enabled" {
		return true
	}
	for _, c := range e.children {
		if asks(c) {
			return true
		}
	}
	return false
}

func replicationMissing(name string) error {
	return coffer.Errorf(coffer.NotImplemented, "A replication rule with %s is not implemented by this version of coffer.", name)
}

func enabled(s string) (bool, error) {
	switch s {
	case "Enabled":
		return true, nil
	case "Disabled":
		return false, nil
	}
	return false, malformed("a Status is Enabled or Disabled")
}

func parseReplicationFilter(n *node, r *coffer.ReplicationRule) error {
	if err := n.only("Prefix", "Tag", "And"); err != nil {
		return err
	}
	if len(n.children) > 1 {
		return malformed("several conditions of a Filter are put into And")
	}
	if len(n.children) == 1 && n.children[0].name == "And" {
		r.And = true
		n = n.children[0]
		if err := n.only("Prefix", "Tag*"); err != nil {
			return err
		}
	}
	for _, e := range n.children {
		if e.name == "Prefix" {
			r.Prefix = e.value
			continue
		}
		if err := errors.Join(e.only("Key", "Value"), e.leaves()); err != nil {
			return err
		}
		key, hasKey := e.get("Key")
		value, hasValue := e.get("Value")
		if !hasKey || !hasValue {
			return malformed("a Tag has a Key and a Value")
		}
		r.Tags = append(r.Tags, coffer.Tag{Key: key, Value: value})
	}
	return nil
}

func parseReplicationDestination(n *node, r *coffer.ReplicationRule) (err error) {
	if err := n.only("Bucket", "Account", "StorageClass", "AccessControlTranslation", "EncryptionConfiguration", "ReplicationTime", "Metrics"); err != nil {
		return err
	}
	for _, e := range n.children {
		switch e.name {
		case "Bucket":
			r.ARN = strings.TrimSpace(e.value)
		case "StorageClass":
			if _, err := coffer.ParseStorageClass(e.value); err != nil {
				return malformed("there is no such StorageClass")
			}
			r.StorageClass = e.value
		case "ReplicationTime", "Metrics":
			if asks(e) {
				return replicationMissing(e.name)
			}
		default:
			return replicationMissing(e.name)
		}
	}
	return nil
}

// writeReplication tells what became of an object's replication.
func (q *request) writeReplication(s coffer.ReplicationState) {
	if status := s.Status(); status != "" {
		q.w.Header().Set("x-amz-replication-status", string(status))
	}
}
