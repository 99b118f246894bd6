package s3

import (
	"net/http"

	"coffer"
	"coffer/objects"
)

// listObjectVersions answers ListObjectVersions.
func (q *request) listObjectVersions() error {
	l, err := q.listing()
	if err != nil {
		return err
	}
	in := objects.ListVersionsInput{Bucket: q.bucket, Prefix: l.Prefix, Delimiter: l.Delimiter,
		After: q.query.get("key-marker"), AfterVersion: q.query.get("version-id-marker"), Max: l.Max}
	if err := coffer.CheckVersionID(in.AfterVersion); err != nil && in.AfterVersion != "" {
		return coffer.Errorf(coffer.InvalidArgument, "Invalid version id specified").
			With("ArgumentName", "version-id-marker").With("ArgumentValue", in.AfterVersion)
	}
	if in.AfterVersion != "" && in.After == "" {
		return coffer.Errorf(coffer.InvalidArgument, "A version-id marker cannot be specified without a key marker.").
			With("ArgumentName", "version-id-marker").With("ArgumentValue", in.AfterVersion)
	}
	if err := q.holdPage(in.Max); err != nil {
		return err
	}
	page, err := q.session.ListVersions(q.ctx, in)
	if err != nil {
		return err
	}
	names := 0
	for i := range page.Versions {
		names += len(page.Versions[i].Key)
	}
	q.keepPage(len(page.Versions), names, page.Prefixes)
	d := q.newLongDoc("ListVersionsResult")
	d.text("Name", string(q.bucket))
	d.text("Prefix", l.encode(l.Prefix))
	d.text("KeyMarker", l.encode(in.After))
	d.text("VersionIdMarker", in.AfterVersion)
	if page.Next != "" {
		d.text("NextKeyMarker", l.encode(page.Next))
		d.optional("NextVersionIdMarker", page.NextVersion)
	}
	d.number("MaxKeys", int64(l.Max))
	d.optional("Delimiter", l.encode(l.Delimiter))
	d.flag("IsTruncated", page.Next != "")
	if l.urls {
		d.text("EncodingType", "url")
	}
	restored := q.wantsRestoreStatus()
	for _, v := range page.Versions {
		q.writeListedVersion(d, l, page.Bucket, v, restored)
	}
	writePrefixes(d, page.Prefixes, l.encode)
	return q.send(http.StatusOK, d)
}

// writeListedVersion writes a version, or a delete marker, which has less to tell.
func (q *request) writeListedVersion(d *doc, l listing, b coffer.Bucket, v objects.ListedVersion, restored bool) {
	if v.DeleteMarker {
		d.begin("DeleteMarker")
	} else {
		d.begin("Version")
		d.etag(v.ETag)
		if v.Checksum.Algorithm != "" {
			d.text("ChecksumAlgorithm", string(v.Checksum.Algorithm))
			d.text("ChecksumType", string(v.Checksum.Type))
		}
		d.number("Size", v.Size)
		d.text("StorageClass", storageClass(v.Attributes.StorageClass))
	}
	d.text("Key", l.encode(v.Key))
	d.text("VersionId", coffer.VersionName(v.VersionID))
	d.flag("IsLatest", v.Latest)
	d.time("LastModified", v.Modified)
	q.writeObjectOwner(d, b, v.ACL)
	if restored && !v.DeleteMarker {
		writeRestoreStatus(d, v.Object, q.start)
	}
	d.end()
}
