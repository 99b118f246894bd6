package s3

import (
	"errors"
	"net/http"

	"coffer"
	"coffer/objects"
)

// getBucketVersioning answers GetBucketVersioning: nothing if it was never set.
func (q *request) getBucketVersioning() error {
	v, err := q.session.Versioning(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("VersioningConfiguration", namespace)
	d.optional("Status", v.String())
	return q.send(http.StatusOK, d)
}

// putBucketVersioning answers PutBucketVersioning.
func (q *request) putBucketVersioning() error {
	n, err := q.readXML("VersioningConfiguration")
	if err != nil {
		return err
	}
	if err := errors.Join(n.only("Status", "MfaDelete"), n.leaves()); err != nil {
		return err
	}
	switch mfa, ok := n.get("MfaDelete"); {
	case ok && mfa == "Enabled":
		return coffer.Errorf(coffer.NotImplemented, "MFA delete is not implemented by coffer: protect versions with Object Lock, "+
			"or with a key that may not delete them.")
	case ok && mfa != "Disabled":
		return malformed("MfaDelete is Enabled or Disabled")
	}
	status, ok := n.get("Status")
	if !ok {
		return &coffer.Error{Code: coffer.IllegalVersioningConfiguration}
	}
	v, ok := coffer.ParseVersioning(status)
	if !ok {
		return malformed("the Status is Enabled or Suspended")
	}
	if err := q.session.PutVersioning(q.ctx, q.bucket, v); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// version reads the versionId parameter; "" if there is none.
func (q *request) version() (string, error) {
	if !q.query.has("versionId") {
		return "", nil
	}
	id := q.query.get("versionId")
	return id, coffer.CheckVersionID(id)
}

// unversioned refuses a write that names a version: what it writes is a new one.
func (q *request) unversioned() error { return q.query.unversioned() }

// unversioned refuses a query that names a version.
func (q query) unversioned() error {
	if !q.has("versionId") {
		return nil
	}
	return coffer.Errorf(coffer.InvalidArgument, "This operation does not accept a version-id.").
		With("ArgumentName", "versionId").With("ArgumentValue", q.get("versionId"))
}

// writeVersion tells which version was written or, if it is a version of a bucket
// that has them, read.
func (q *request) writeVersion(id string) {
	if id != "" {
		q.w.Header().Set("x-amz-version-id", id)
	}
}

// versionOf is how an answer names the version of an object that was read; ""
// where the bucket has no versions.
func versionOf(c *objects.Content) string {
	if c.Bucket.Versioning == coffer.VersioningUnset {
		return ""
	}
	return coffer.VersionName(c.VersionID)
}

// deleteMarker is what the error of a request says that a delete marker cannot
// answer.
var deleteMarker = coffer.Field{Name: "ResourceType", Value: "DeleteMarker"}

// refused completes the answer to a GET or HEAD that ended in err: of an object
// that did not change it tells the validators, and of a delete marker that it is
// one (AWS, "Working with delete markers").
func (q *request) refused(c *objects.Content, err error) error {
	if c == nil {
		return err
	}
	q.writeVersion(versionOf(c))
	if !c.DeleteMarker {
		q.validators(c)
		return err
	}
	q.w.Header().Set("x-amz-delete-marker", "true")
	if coffer.CodeOf(err) == coffer.MethodNotAllowed {
		q.w.Header().Set("Last-Modified", c.Modified.UTC().Format(http.TimeFormat))
		return (&coffer.Error{Code: coffer.MethodNotAllowed}).With("Method", q.r.Method).With(deleteMarker.Name, deleteMarker.Value)
	}
	return err
}
