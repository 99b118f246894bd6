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
	if err := q.holdPage(bucketsPage); err != nil {
		return err
	}
	list, next, err := q.bucketPage(in)
	if err != nil {
		return err
	}
	if next == "" {
		q.keepPage(len(list), 0, nil)
	}
	d := q.newLongDoc("ListAllMyBucketsResult")
	// The owner comes first, as AWS sends it: the first Java SDK gives each bucket the
	// owner that it has read by then.
	q.writeOwner(d, "Owner")
	d.begin("Buckets")
	for written := 0; ; {
		for _, b := range list {
			d.begin("Bucket")
			d.text("Name", string(b.Name))
			d.time("CreationDate", b.Created)
			d.text("BucketRegion", b.Region)
			d.text("BucketArn", bucketARN(b.Name))
			d.end()
		}
		written += len(list)
		if next == "" || in.Max > 0 && written >= in.Max {
			break
		}
		page := in
		if page.After = next; in.Max > 0 {
			page.Max = in.Max - written
		}
		if list, next, err = q.bucketPage(page); err != nil {
			return err
		}
	}
	d.end()
	if next != "" {
		d.text("ContinuationToken", base64.URLEncoding.EncodeToString([]byte(next)))
	}
	d.optional("Prefix", in.Prefix)
	return q.send(http.StatusOK, d)
}

// bucketsPage is how many buckets are in memory at a time: a list has up to 10,000.
const bucketsPage = 1000

// bucketPage reads some of the buckets of a list.
func (q *request) bucketPage(in objects.ListBucketsInput) ([]coffer.Bucket, string, error) {
	if in.Max == 0 || in.Max > bucketsPage {
		in.Max = bucketsPage
	}
	return q.session.ListBuckets(q.ctx, in)
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
