package s3

import (
	"net/http"
	"slices"
	"strings"

	"coffer"
	"coffer/objects"
)

// createBucket answers CreateBucket.
func (q *request) createBucket() error {
	if err := q.unsupported(); err != nil {
		return err
	}
	in := objects.CreateBucketInput{Name: q.bucket}
	var err error
	if o := q.r.Header.Get("X-Amz-Object-Ownership"); o != "" {
		if in.Ownership, err = coffer.ParseObjectOwnership(o); err != nil {
			return err
		}
	}
	if in.Namespace, err = q.bucketNamespace(); err != nil {
		return err
	}
	if in.ACL, err = q.newACL(); err != nil {
		return err
	}
	if in.Region, in.Tags, err = q.location(); err != nil {
		return err
	}
	in.ObjectLock = strings.EqualFold(q.r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true")
	_, err = q.session.MakeBucket(q.ctx, in)
	// The oldest region has the oldest rule: making one's own bucket again changes
	// nothing and succeeds. It would not get its tags then, so with tags it fails.
	if coffer.CodeOf(err) == coffer.BucketAlreadyOwnedByYou && q.region == "us-east-1" && len(in.Tags) == 0 {
		err = nil
	}
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+string(q.bucket))
	q.w.Header().Set("x-amz-bucket-arn", bucketARN(q.bucket))
	return q.ok(http.StatusOK)
}

// bucketNamespace reads where the bucket's name is from. All regions are one place, so a
// name is taken in that of any.
func (q *request) bucketNamespace() (coffer.BucketNamespace, error) {
	n, err := coffer.ParseBucketNamespace(q.r.Header.Get("X-Amz-Bucket-Namespace"))
	if err != nil || n == coffer.GlobalNamespace {
		return n, err
	}
	if _, region := q.bucket.Reserved(); region != "" && !slices.Contains(q.Regions, region) {
		return n, coffer.Errorf(coffer.InvalidBucketNamespace, "The region in the name of the bucket is not one of %s.", strings.Join(q.Regions, ", ")).
			With("BucketName", string(q.bucket))
	}
	return n, nil
}

// location reads the region and the tags from the body, which may be empty.
func (q *request) location() (string, []coffer.Tag, error) {
	b, err := q.readBody(xmlBodyMax)
	if err != nil {
		return "", nil, err
	}
	if err := q.checkBodyDigests(b); err != nil {
		return "", nil, err
	}
	if len(b) == 0 {
		return q.Regions[0], nil, nil
	}
	n, err := parseXML(b, "CreateBucketConfiguration")
	if err != nil {
		return "", nil, err
	}
	if err := n.only("LocationConstraint", "Location", "Bucket", "Tags"); err != nil {
		return "", nil, err
	}
	var tags []coffer.Tag
	for _, c := range n.children {
		switch c.name {
		case "Location", "Bucket":
			return "", nil, coffer.Errorf(coffer.NotImplemented, "%s in CreateBucketConfiguration is not implemented: "+
				"all buckets here are general purpose buckets.", c.name)
		case "Tags":
			if tags, err = parseTagSet(c); err != nil {
				return "", nil, err
			}
			if slices.ContainsFunc(tags, isSystemTag) {
				return "", nil, coffer.Errorf(coffer.InvalidTag, `User-defined tag keys can't start with "aws:". This prefix is reserved for system tags. `+
					`Remove "aws:" from your tag keys and try again.`)
			}
		}
	}
	region, ok := n.get("LocationConstraint")
	switch {
	case !ok || region == "":
		return q.Regions[0], tags, nil
	case !slices.Contains(q.Regions, region):
		return "", nil, coffer.Errorf(coffer.InvalidLocationConstraint, "The specified location-constraint is not valid: here it is one of %s.",
			strings.Join(q.Regions, ", ")).With("LocationConstraint", region)
	}
	return region, tags, nil
}

// isSystemTag tells whether only AWS could set a tag, which it says of a new bucket in
// other words than of one that there is.
func isSystemTag(t coffer.Tag) bool { return strings.HasPrefix(strings.ToLower(t.Key), "aws:") }

// headBucket answers HeadBucket.
func (q *request) headBucket() error {
	b, err := q.session.Exists(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	q.w.Header().Set("x-amz-bucket-region", b.Region)
	q.w.Header().Set("x-amz-bucket-arn", bucketARN(q.bucket))
	q.w.Header().Set("x-amz-access-point-alias", "false")
	q.w.Header().Set("Content-Type", "application/xml")
	return q.ok(http.StatusOK)
}

// deleteBucket answers DeleteBucket.
func (q *request) deleteBucket() error {
	if err := q.session.DeleteBucket(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// getBucketLocation answers GetBucketLocation: us-east-1 is written as nothing.
func (q *request) getBucketLocation() error {
	b, err := q.session.HeadBucket(q.ctx, q.bucket, q.op.action)
	if err != nil {
		return err
	}
	d := newDoc("LocationConstraint", namespace)
	if b.Region == "us-east-1" {
		d.empty()
	} else {
		d.b = appendEscaped(d.b, b.Region)
	}
	return q.send(http.StatusOK, d)
}
