package s3

import (
	"net/http"

	"coffer"
)

// unset has what AWS answers to a Get of a bucket's configuration that nobody
// made: an error, or a document that says what holds without one.
var unset = map[string]struct {
	code  coffer.Code
	root  string
	write func(*doc)
}{}

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
