package s3

import (
	"net/http"
	"strconv"
	"strings"

	"coffer"
	"coffer/objects"
)

// getObjectAttributes answers GetObjectAttributes.
func (q *request) getObjectAttributes() error {
	wanted, err := q.wantedAttributes()
	if err != nil {
		return err
	}
	version, err := q.version()
	if err != nil {
		return err
	}
	key, err := q.readingKey()
	if err != nil {
		return err
	}
	limit, after := objects.ListMax, 0
	if s := q.r.Header.Get("X-Amz-Max-Parts"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 0 {
			return coffer.Errorf(coffer.InvalidArgument, "Value for x-amz-max-parts header is invalid.")
		}
		limit = min(limit, objects.ListMax)
	}
	if s := q.r.Header.Get("X-Amz-Part-Number-Marker"); s != "" {
		if after, err = strconv.Atoi(s); err != nil || after < 0 {
			return coffer.Errorf(coffer.InvalidArgument, "Value for x-amz-part-number-marker header is invalid.")
		}
	}
	a, err := q.session.Attributes(q.ctx, objects.GetInput{Bucket: q.bucket, Key: q.key, Version: version, Action: q.op.action, If: q.conditions(""), CustomerKey: key})
	if err != nil {
		return err
	}
	q.w.Header().Set("Last-Modified", a.Modified.UTC().Format(http.TimeFormat))
	if a.Bucket.Versioning != coffer.VersioningUnset {
		q.writeVersion(coffer.VersionName(a.VersionID))
	}
	d := newDoc("GetObjectAttributesResponse", namespace)
	if wanted["ETag"] {
		d.text("ETag", a.ETag)
	}
	if wanted["Checksum"] && a.Checksum.Value != "" {
		d.begin("Checksum")
		// Here the number of parts is not behind the value, as it is elsewhere.
		bare := a.Checksum
		bare.Value, _, _ = strings.Cut(bare.Value, "-")
		writeChecksumXML(d, bare)
		d.text("ChecksumType", string(a.Checksum.Type))
		d.end()
	}
	if wanted["ObjectParts"] && a.PartsCount > 0 {
		writeObjectParts(d, a, after, limit)
	}
	if wanted["StorageClass"] {
		d.text("StorageClass", storageClass(a.Object.Attributes.StorageClass))
	}
	if wanted["ObjectSize"] {
		d.number("ObjectSize", a.Size)
	}
	return q.send(http.StatusOK, d)
}

func (q *request) wantedAttributes() (map[string]bool, error) {
	wanted := map[string]bool{}
	for _, value := range q.r.Header["X-Amz-Object-Attributes"] {
		for name := range strings.SplitSeq(value, ",") {
			switch name = strings.TrimSpace(name); name {
			case "":
			case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
				wanted[name] = true
			default:
				return nil, coffer.Errorf(coffer.InvalidArgument, "Invalid attribute name specified.").
					With("ArgumentName", "x-amz-object-attributes").With("ArgumentValue", name)
			}
		}
	}
	if len(wanted) == 0 {
		return nil, coffer.Errorf(coffer.InvalidRequest, "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return wanted, nil
}

// writeObjectParts lists the parts, which S3 shows only where the object's checksum
// is made of theirs; otherwise it tells how many they are.
func writeObjectParts(d *doc, a objects.Attributes, after, limit int) {
	d.begin("ObjectParts")
	defer d.end()
	d.number("PartsCount", int64(len(a.Parts)))
	if a.Checksum.Type != coffer.Composite {
		return
	}
	page := a.Parts[min(after, len(a.Parts)):]
	truncated := len(page) > limit
	page = page[:min(limit, len(page))]
	d.number("PartNumberMarker", int64(after))
	d.number("NextPartNumberMarker", int64(lastNumber(page)))
	d.number("MaxParts", int64(limit))
	d.flag("IsTruncated", truncated)
	for _, p := range page {
		d.begin("Part")
		d.number("PartNumber", int64(p.Number))
		d.number("Size", p.Size)
		writeChecksumXML(d, p.Checksum)
		d.end()
	}
}
