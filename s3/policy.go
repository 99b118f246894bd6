package s3

import (
	"net/http"
	"strconv"

	"coffer/objects"
)

// getBucketPolicy answers GetBucketPolicy, with the text as it was put.
func (q *request) getBucketPolicy() error {
	text, err := q.session.BucketPolicy(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	q.w.WriteHeader(http.StatusOK)
	_, err = q.w.Write([]byte(text))
	return err
}

// putBucketPolicy answers PutBucketPolicy.
func (q *request) putBucketPolicy() error {
	// A little more than is allowed is read, so that what is too long is told so.
	b, err := q.readBody(2 * objects.PolicyBytesMax)
	if err != nil {
		return err
	}
	if err := q.checkBodyDigests(b); err != nil {
		return err
	}
	if err := q.session.PutBucketPolicy(q.ctx, q.bucket, string(b)); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// deleteBucketPolicy answers DeleteBucketPolicy.
func (q *request) deleteBucketPolicy() error {
	if err := q.session.DeleteBucketPolicy(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// getBucketPolicyStatus answers GetBucketPolicyStatus.
func (q *request) getBucketPolicyStatus() error {
	public, err := q.session.BucketPolicyPublic(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("PolicyStatus", namespace)
	d.flag("IsPublic", public)
	return q.send(http.StatusOK, d)
}
