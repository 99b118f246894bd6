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

// renameSource reads the x-amz-rename-source header, URL-encoded once: a key of
// the bucket, or a slash, the bucket, a slash and the key. A lone slash before the
// key is not part of it, so that a key which begins with one is named by the
// longer form.
func (q *request) renameSource() (string, error) {
	header := q.r.Header.Get("X-Amz-Rename-Source")
	key, err := url.PathUnescape(header)
	if rest, ok := strings.CutPrefix(key, "/"); ok {
		key = strings.TrimPrefix(rest, string(q.bucket)+"/")
	}
	if err != nil || key == "" {
		return "", coffer.Errorf(coffer.InvalidArgument, "x-amz-rename-source must be the URL-encoded key of an object in the bucket.").
			With("ArgumentName", "x-amz-rename-source").With("ArgumentValue", header)
	}
	return key, nil
}
