package s3

import (
	"net/http"

	"coffer"
	"coffer/objects"
)

// putObject answers PutObject.
func (q *request) putObject() error {
	if err := q.unsupported(); err != nil {
		return err
	}
	if err := q.unversioned(); err != nil {
		return err
	}
	if q.query.has("partNumber") {
		return coffer.Errorf(coffer.InvalidArgument, "partNumber needs uploadId: this would have replaced the object by one part.").
			With("ArgumentName", "partNumber").With("ArgumentValue", q.query.get("partNumber"))
	}
	if err := q.requireLength(); err != nil {
		return err
	}
	attributes, err := q.attributes()
	if err != nil {
		return err
	}
	tags, err := q.taggingHeader()
	if err != nil {
		return err
	}
	acl, err := q.newACL()
	if err != nil {
		return err
	}
	digests, err := q.digests()
	if err != nil {
		return err
	}
	lock, err := q.lockHeaders()
	if err != nil {
		return err
	}
	if q.form == nil && lock != (coffer.Lock{}) && digests.MD5 == nil && digests.Checksum.Algorithm == "" {
		return coffer.Errorf(coffer.InvalidRequest,
			"Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	encrypting, err := q.encrypting()
	if err != nil {
		return err
	}
	conditions, err := q.writeConditions()
	if err != nil {
		return err
	}
	o, err := q.session.Put(q.ctx, objects.PutInput{Bucket: q.bucket, Key: q.key, Body: q.body, Size: q.body.size,
		Attributes: attributes, Tags: tags, ACL: acl, Lock: lock, If: conditions, Digests: digests, Encryption: encrypting, Form: q.form != nil})
	if err != nil {
		return err
	}
	q.w.Header()["ETag"] = []string{quoted(o.ETag)}
	q.writeVersion(o.VersionID)
	q.writeChecksum(o.Checksum)
	q.writeExpiry(o.Expiry)
	q.writeEncryptionMade(o.Encryption)
	if q.form != nil {
		return q.formDone(o)
	}
	return q.ok(http.StatusOK)
}

// requireLength refuses an upload of which nothing says where it ends. A length
// is not needed where the transfer coding marks the end.
func (q *request) requireLength() error {
	if q.r.ProtoMajor == 1 && len(q.r.TransferEncoding) == 0 && q.r.Header.Get("Content-Length") == "" {
		return &coffer.Error{Code: coffer.MissingContentLength}
	}
	return nil
}
