package s3

import (
	"net/http"

	"coffer"
	"coffer/objects"
)

// unset has what AWS answers to a Get of a bucket's configuration that nobody
// made: an error, or a document that says what holds without one.
var unset = map[string]struct {
	code  coffer.Code
	root  string
	write func(*doc)
}{
	"GetBucketPolicy":                    {code: coffer.NoSuchBucketPolicy},
	"GetBucketPolicyStatus":              {code: coffer.NoSuchBucketPolicy},
	"GetBucketReplication":               {code: coffer.ReplicationConfigurationNotFound},
	"GetBucketNotificationConfiguration": {root: "NotificationConfiguration"},
	"GetBucketLogging":                   {root: "BucketLoggingStatus"},
	"GetBucketOwnershipControls": {root: "OwnershipControls", write: func(d *doc) {
		d.begin("Rule")
		d.text("ObjectOwnership", "BucketOwnerEnforced")
		d.end()
	}},
	"GetPublicAccessBlock": {root: "PublicAccessBlockConfiguration", write: func(d *doc) {
		for _, name := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
			d.flag(name, true)
		}
	}},
}

// unsetLists has the configurations that a bucket can have many of: with an id
// one of them is asked for, without it the list.
var unsetLists = map[string]string{
	"GetBucketInventoryConfiguration":          "ListInventoryConfigurationsResult",
	"GetBucketAnalyticsConfiguration":          "ListBucketAnalyticsConfigurationsResult",
	"GetBucketMetricsConfiguration":            "ListMetricsConfigurationsResult",
	"GetBucketIntelligentTieringConfiguration": "ListBucketIntelligentTieringConfigurationsOutput",
}

// notSet answers a Get of a bucket's configuration.
func (q *request) notSet() error {
	if _, err := q.session.HeadBucket(q.ctx, q.bucket, q.op.action); err != nil {
		return err
	}
	if root, ok := unsetLists[q.op.name]; ok {
		if q.query.has("id") {
			return &coffer.Error{Code: coffer.NoSuchConfiguration}
		}
		d := newDoc(root, namespace)
		d.flag("IsTruncated", false)
		return q.send(http.StatusOK, d)
	}
	a := unset[q.op.name]
	if a.root == "" {
		return (&coffer.Error{Code: a.code}).With("BucketName", string(q.bucket))
	}
	d := newDoc(a.root, namespace)
	if a.write != nil {
		a.write(d)
	}
	return q.send(http.StatusOK, d)
}

// getBucketACL answers GetBucketAcl: the owner has all rights, and nobody else
// any.
func (q *request) getBucketACL() error {
	if _, err := q.session.HeadBucket(q.ctx, q.bucket, q.op.action); err != nil {
		return err
	}
	return q.sendACL()
}

// getObjectACL answers GetObjectAcl in the same way.
func (q *request) getObjectACL() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	if _, err := q.session.Head(q.ctx, objects.GetInput{Bucket: q.bucket, Key: q.key, Version: version, Action: q.op.action}); err != nil {
		return err
	}
	return q.sendACL()
}

func (q *request) sendACL() error {
	d := newDoc("AccessControlPolicy", namespace)
	q.writeOwner(d, "Owner")
	d.begin("AccessControlList")
	d.begin("Grant")
	d.b = append(d.b, `<Grantee xmlns:xsi="`+xsi+`" xsi:type="CanonicalUser">`...)
	d.text("ID", string(q.actor.Canonical))
	d.text("DisplayName", q.actor.DisplayName)
	d.b = append(d.b, "</Grantee>"...)
	d.text("Permission", "FULL_CONTROL")
	return q.send(http.StatusOK, d)
}
