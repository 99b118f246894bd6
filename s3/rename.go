package s3

import (
	"net/http"
	"net/url"
	"strings"

	"coffer"
	"coffer/objects"
)

// renameObject answers RenameObject. The client token is not looked at: a rename
// that is asked for again finds nothing under the old name, and changes nothing.
func (q *request) renameObject() error {
	if q.query.has("versionId") {
		return coffer.Errorf(coffer.InvalidArgument, "RenameObject takes no version ID.").With("ArgumentName", "versionId")
	}
	source, err := q.renameSource()
	if err != nil {
		return err
	}
	err = q.session.Rename(q.ctx, objects.RenameInput{Bucket: q.bucket, Key: q.key, SourceKey: source,
		If: q.conditions(""), SourceIf: q.conditions("X-Amz-Rename-Source-")})
	if err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// renameSource reads the x-amz-rename-source header, URL-encoded once: the bucket, a
// slash and the key, or the key alone, either behind a slash that is not part of it
// (AWS, "RenameObject": the pattern is the first form, the examples are the second). A
// key that begins with a slash or with the name of its bucket is named by the first.
func (q *request) renameSource() (string, error) {
	header := q.r.Header.Get("X-Amz-Rename-Source")
	key, err := url.PathUnescape(header)
	key = strings.TrimPrefix(strings.TrimPrefix(key, "/"), string(q.bucket)+"/")
	if err != nil || key == "" {
		return "", coffer.Errorf(coffer.InvalidArgument, "x-amz-rename-source must be the URL-encoded key of an object in the bucket.").
			With("ArgumentName", "x-amz-rename-source").With("ArgumentValue", header)
	}
	return key, nil
}
