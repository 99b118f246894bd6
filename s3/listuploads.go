package s3

import (
	"net/http"
	"strconv"

	"coffer"
	"coffer/objects"
)

// listParts answers ListParts.
func (q *request) listParts() error {
	limit, err := q.maximum("max-parts", objects.ListMax)
	if err != nil {
		return err
	}
	after, err := q.maximum("part-number-marker", 0)
	if err != nil {
		return err
	}
	encode, urls, err := q.encoding()
	if err != nil {
		return err
	}
	limit = min(limit, objects.ListMax)
	if err := q.holdPage(limit); err != nil {
		return err
	}
	page, err := q.session.ListParts(q.ctx, q.bucket, q.key, q.uploadID(), min(after, coffer.PartNumberMax), limit)
	if err != nil {
		return err
	}
	q.writeAbort(page.Upload.Abort)
	d := q.newLongDoc("ListPartsResult")
	d.text("Bucket", string(q.bucket))
	d.text("Key", encode(q.key))
	d.text("UploadId", string(page.Upload.ID))
	q.writeOwnerOf(d, "Initiator", page.Upload.Initiator)
	q.writeObjectOwner(d, page.Bucket, page.Upload.ACL)
	d.text("StorageClass", storageClass(page.Upload.Attributes.StorageClass))
	d.number("PartNumberMarker", int64(after))
	d.number("NextPartNumberMarker", int64(lastNumber(page.Parts)))
	d.number("MaxParts", int64(limit))
	d.flag("IsTruncated", page.Next != 0)
	if urls {
		d.text("EncodingType", "url")
	}
	if c := page.Upload.Checksum; c.Algorithm != "" {
		d.text("ChecksumAlgorithm", string(c.Algorithm))
		d.text("ChecksumType", string(c.Type))
	}
	for _, p := range page.Parts {
		d.begin("Part")
		d.number("PartNumber", int64(p.Number))
		d.time("LastModified", p.Modified)
		d.etag(p.ETag)
		d.number("Size", p.Size)
		if page.Upload.Checksum.Algorithm != "" {
			writeChecksumXML(d, p.Checksum)
		}
		d.end()
	}
	return q.send(http.StatusOK, d)
}

// lastNumber is the marker behind a page of parts.
func lastNumber(page []coffer.Part) int {
	if len(page) == 0 {
		return 0
	}
	return page[len(page)-1].Number
}

// listMultipartUploads answers ListMultipartUploads.
func (q *request) listMultipartUploads() error {
	in := objects.ListUploadsInput{Bucket: q.bucket, Prefix: q.query.get("prefix"), Delimiter: q.query.get("delimiter"),
		After: q.query.get("key-marker"), AfterID: coffer.UploadID(q.query.get("upload-id-marker"))}
	limit, err := q.maximum("max-uploads", objects.ListMax)
	if err != nil {
		return err
	}
	in.Max = min(limit, objects.ListMax)
	encode, urls, err := q.encoding()
	if err != nil {
		return err
	}
	if in.After == "" {
		in.AfterID = "" // it counts beside a key only
	}
	if id := in.AfterID; id != "" && !id.Valid() {
		return coffer.Errorf(coffer.InvalidArgument, "Invalid uploadId marker").
			With("ArgumentName", "upload-id-marker").With("ArgumentValue", string(id))
	}
	if err := q.holdPage(in.Max); err != nil {
		return err
	}
	page, err := q.session.ListUploads(q.ctx, in)
	if err != nil {
		return err
	}
	names := 0
	for i := range page.Uploads {
		names += len(page.Uploads[i].Key)
	}
	q.keepPage(len(page.Uploads), names, page.Prefixes)
	next, nextID := page.Next, page.NextID
	if n := len(page.Uploads); next == "" && n > 0 {
		// AWS has both markers on the last page too.
		next, nextID = page.Uploads[n-1].Key, page.Uploads[n-1].ID
	}
	d := q.newLongDoc("ListMultipartUploadsResult")
	d.text("Bucket", string(q.bucket))
	d.text("KeyMarker", encode(in.After))
	d.text("UploadIdMarker", string(in.AfterID))
	d.text("NextKeyMarker", encode(next))
	d.text("NextUploadIdMarker", string(nextID))
	d.optional("Delimiter", encode(in.Delimiter))
	d.optional("Prefix", encode(in.Prefix))
	d.text("MaxUploads", strconv.Itoa(in.Max))
	d.flag("IsTruncated", page.Next != "")
	if urls {
		d.text("EncodingType", "url")
	}
	for _, u := range page.Uploads {
		d.begin("Upload")
		d.text("Key", encode(u.Key))
		d.text("UploadId", string(u.ID))
		q.writeOwnerOf(d, "Initiator", u.Initiator)
		q.writeObjectOwner(d, page.Bucket, u.ACL)
		d.text("StorageClass", storageClass(u.Attributes.StorageClass))
		d.time("Initiated", u.Initiated)
		if u.Checksum.Algorithm != "" {
			d.text("ChecksumAlgorithm", string(u.Checksum.Algorithm))
			d.text("ChecksumType", string(u.Checksum.Type))
		}
		d.end()
	}
	writePrefixes(d, page.Prefixes, encode)
	return q.send(http.StatusOK, d)
}
