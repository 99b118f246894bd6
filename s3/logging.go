package s3

import (
	"errors"
	"net/http"

	"coffer"
)

// getBucketLogging answers GetBucketLogging.
func (q *request) getBucketLogging() error {
	c, err := q.session.BucketLogging(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("BucketLoggingStatus", namespace)
	if c != nil {
		d.begin("LoggingEnabled")
		d.text("TargetBucket", string(c.Target))
		d.text("TargetPrefix", c.Prefix)
		switch c.KeyFormat {
		case coffer.LogKeySimple:
			d.begin("TargetObjectKeyFormat")
			d.begin("SimplePrefix")
			d.end()
			d.end()
		case coffer.LogKeyEventTime, coffer.LogKeyDeliveryTime:
			d.begin("TargetObjectKeyFormat")
			d.begin("PartitionedPrefix")
			d.text("PartitionDateSource", string(c.KeyFormat))
			d.end()
			d.end()
		}
		d.end()
	}
	return q.send(http.StatusOK, d)
}

// putBucketLogging answers PutBucketLogging. An empty document turns logging off.
func (q *request) putBucketLogging() error {
	n, err := q.readXML("BucketLoggingStatus")
	if err != nil {
		return err
	}
	c, err := parseLogging(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketLogging(q.ctx, q.bucket, c); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// parseLogging is nil for a document that turns logging off.
func parseLogging(n *node) (*coffer.BucketLogging, error) {
	if err := n.only("LoggingEnabled"); err != nil || len(n.children) == 0 {
		return nil, err
	}
	n = n.children[0]
	if err := n.only("TargetBucket", "TargetGrants", "TargetPrefix", "TargetObjectKeyFormat"); err != nil {
		return nil, err
	}
	c := &coffer.BucketLogging{}
	target, ok := n.get("TargetBucket")
	prefix, hasPrefix := n.get("TargetPrefix")
	if !ok || !hasPrefix {
		return nil, malformed("TargetBucket and TargetPrefix, which may be empty, are needed")
	}
	name, err := coffer.ParseBucketName(target)
	if err != nil {
		return nil, (&coffer.Error{Code: coffer.InvalidTargetBucketForLogging}).With("TargetBucket", target)
	}
	c.Target, c.Prefix = name, prefix
	if len(prefix) > logPrefixMax {
		return nil, coffer.Errorf(coffer.InvalidArgument, "The target prefix is longer than %d bytes.", logPrefixMax).
			With("ArgumentName", "TargetPrefix").With("ArgumentValue", prefix)
	}
	if prefix != "" {
		if err := coffer.CheckObjectKey(prefix); err != nil {
			return nil, err
		}
	}
	for _, e := range n.children {
		switch e.name {
		case "TargetGrants":
			if len(e.children) > 0 {
				// AWS refuses them too where the owner of the target owns its objects.
				return nil, coffer.Errorf(coffer.ACLNotSupported, "The bucket does not allow ACLs: let a bucket policy grant access to the log instead of TargetGrants.")
			}
		case "TargetObjectKeyFormat":
			if c.KeyFormat, err = parseLogKeyFormat(e); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// logPrefixMax leaves room in a key for what comes behind the prefix: account,
// region, bucket, day and time.
const logPrefixMax = 800

func parseLogKeyFormat(n *node) (coffer.LogKeyFormat, error) {
	if err := n.only("SimplePrefix", "PartitionedPrefix"); err != nil {
		return "", err
	}
	if len(n.children) != 1 {
		return "", malformed("a TargetObjectKeyFormat has one of SimplePrefix and PartitionedPrefix")
	}
	n = n.children[0]
	if n.name == "SimplePrefix" {
		return coffer.LogKeySimple, n.only()
	}
	if err := errors.Join(n.only("PartitionDateSource"), n.leaves()); err != nil {
		return "", err
	}
	switch v, ok := n.get("PartitionDateSource"); {
	case !ok, v == "", v == string(coffer.LogKeyDeliveryTime):
		return coffer.LogKeyDeliveryTime, nil
	case v == string(coffer.LogKeyEventTime):
		return coffer.LogKeyEventTime, nil
	}
	return "", malformed("the PartitionDateSource is %s or %s", coffer.LogKeyEventTime, coffer.LogKeyDeliveryTime)
}
