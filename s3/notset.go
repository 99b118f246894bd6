package s3

import (
	"net/http"

	"coffer"
)

// unsetLists has the configurations that a bucket can have many of: with an id
// one of them is asked for, without it the list.
var unsetLists = map[string]string{
	"GetBucketInventoryConfiguration":          "ListInventoryConfigurationsResult",
	"GetBucketAnalyticsConfiguration":          "ListBucketAnalyticsConfigurationsResult",
	"GetBucketMetricsConfiguration":            "ListMetricsConfigurationsResult",
	"GetBucketIntelligentTieringConfiguration": "ListBucketIntelligentTieringConfigurationsOutput",
}

// notSet answers a Get of what no bucket here can have.
func (q *request) notSet() error {
	if _, err := q.session.HeadBucket(q.ctx, q.bucket, q.op.action); err != nil {
		return err
	}
	if q.query.has("id") {
		return &coffer.Error{Code: coffer.NoSuchConfiguration}
	}
	d := newDoc(unsetLists[q.op.name], namespace)
	d.flag("IsTruncated", false)
	return q.send(http.StatusOK, d)
}
