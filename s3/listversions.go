package s3

import (
	"net/http"

	"coffer"
)

// listObjectVersions answers ListObjectVersions. Where versions are not kept,
// each object has one, called null.
func (q *request) listObjectVersions() error {
	l, err := q.listing()
	if err != nil {
		return err
	}
	l.Versions = true
	l.After = q.query.get("key-marker")
	versionMarker := q.query.get("version-id-marker")
	if versionMarker != "" && l.After == "" {
		return coffer.Errorf(coffer.InvalidArgument, "A version-id marker cannot be specified without a key marker.").
			With("ArgumentName", "version-id-marker").With("ArgumentValue", versionMarker)
	}
	page, err := q.session.List(q.ctx, l.ListInput)
	if err != nil {
		return err
	}
	d := newDoc("ListVersionsResult", namespace)
	d.text("Name", string(q.bucket))
	d.text("Prefix", l.encode(l.Prefix))
	d.text("KeyMarker", l.encode(l.After))
	d.text("VersionIdMarker", versionMarker)
	if page.Next != "" {
		d.text("NextKeyMarker", l.encode(page.Next))
		d.text("NextVersionIdMarker", "null")
	}
	d.number("MaxKeys", int64(l.Max))
	d.optional("Delimiter", l.encode(l.Delimiter))
	d.flag("IsTruncated", page.Next != "")
	if l.urls {
		d.text("EncodingType", "url")
	}
	for _, o := range page.Objects {
		d.begin("Version")
		d.text("ETag", quoted(o.ETag))
		if o.Checksum.Algorithm != "" {
			d.text("ChecksumAlgorithm", string(o.Checksum.Algorithm))
			d.text("ChecksumType", string(o.Checksum.Type))
		}
		d.number("Size", o.Size)
		d.text("StorageClass", storageClass(o.Attributes.StorageClass))
		d.text("Key", l.encode(o.Key))
		d.text("VersionId", "null")
		d.flag("IsLatest", true)
		d.time("LastModified", o.Modified)
		q.writeOwner(d, "Owner")
		d.end()
	}
	writePrefixes(d, page.Prefixes, l.encode)
	return q.send(http.StatusOK, d)
}
