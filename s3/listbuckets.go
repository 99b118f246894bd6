package s3

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"coffer"
	"coffer/objects"
)

// listBuckets answers ListBuckets (AWS, "ListBuckets").
func (q *request) listBuckets() error {
	in := objects.ListBucketsInput{Prefix: q.query.get("prefix")}
	var err error
	if in.Region, err = q.bucketRegion(); err != nil {
		return err
	}
	if s := q.query.get("max-buckets"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > objects.BucketsMax {
			return coffer.Errorf(coffer.InvalidArgument, "max-buckets must be between 1 and %d", objects.BucketsMax).
				With("ArgumentName", "max-buckets").With("ArgumentValue", s)
		}
		in.Max = n
	}
	if token := q.query.get("continuation-token"); token != "" {
		after, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return badToken(token)
		}
		in.After = string(after)
	}
	list, next, err := q.session.ListBuckets(q.ctx, in)
	if err != nil {
		return err
	}
	d := newDoc("ListAllMyBucketsResult", namespace)
	// The owner comes first, as AWS sends it: the first Java SDK gives each bucket the
	// owner that it has read by then.
	q.writeOwner(d, "Owner")
	d.begin("Buckets")
	for _, b := range list {
		d.begin("Bucket")
		d.text("Name", string(b.Name))
		d.time("CreationDate", b.Created)
		d.text("BucketRegion", b.Region)
		d.text("BucketArn", bucketARN(b.Name))
		d.end()
	}
	d.end()
	if next != "" {
		d.text("ContinuationToken", base64.URLEncoding.EncodeToString([]byte(next)))
	}
	d.optional("Prefix", in.Prefix)
	return q.send(http.StatusOK, d)
}

// bucketARN is how policies name a bucket.
func bucketARN(b coffer.BucketName) string { return "arn:aws:s3:::" + string(b) }

// writeOwner writes the account as the owner of what is its own.
func (q *request) writeOwner(d *doc, element string) {
	d.begin(element)
	d.text("ID", string(q.actor.Canonical))
	d.text("DisplayName", q.actor.DisplayName)
	d.end()
}

func badToken(token string) error {
	err := coffer.Errorf(coffer.InvalidArgument, "The continuation token provided is incorrect").With("ArgumentName", "continuation-token")
	if token != "" {
		err = err.With("ArgumentValue", token)
	}
	return err
}
