package s3

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"coffer"
	"coffer/objects"
)

// source is what x-amz-copy-source names, parsed once.
type source struct {
	bucket  coffer.BucketName
	key     string
	version string
}

// copySource reads the x-amz-copy-source header: bucket and key with an optional
// slash before and an optional versionId behind, all of it URL-encoded once. A + is
// a space, as AWS reads it there and Go's url.QueryEscape writes it.
func (q *request) copySource() (source, error) {
	invalid := func(why string) (source, error) {
		return source{}, coffer.Errorf(coffer.InvalidArgument, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey%s", why).
			With("ArgumentName", "x-amz-copy-source").With("ArgumentValue", q.r.Header.Get("X-Amz-Copy-Source"))
	}
	cannotBe := func(what string) (source, error) {
		return source{}, coffer.Errorf(coffer.InvalidArgument, "Invalid copy source %s", what).
			With("ArgumentName", "x-amz-copy-source").With("ArgumentValue", "x-amz-copy-source")
	}
	var s source
	path, version, versioned := strings.Cut(q.r.Header.Get("X-Amz-Copy-Source"), "?")
	if versioned {
		id, ok := strings.CutPrefix(version, "versionId=")
		if !ok {
			return invalid("; only ?versionId= may stand behind them")
		}
		id, err := url.QueryUnescape(id)
		if err != nil {
			return invalid("; its version is not URL-encoded")
		}
		if err := coffer.CheckVersionID(id); err != nil {
			return s, err
		}
		s.version = id
	}
	if strings.HasPrefix(path, "arn:") {
		return source{}, coffer.Errorf(coffer.NotImplemented, "Access point ARNs are not implemented by this version of coffer.").
			With("Header", "x-amz-copy-source")
	}
	text, err := url.QueryUnescape(strings.TrimPrefix(q.withoutAddress(path), "/"))
	if err != nil {
		return invalid("; it is not URL-encoded")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	if bucket == "" || key == "" {
		return cannotBe("object key")
	}
	s.key = key
	if s.bucket, err = coffer.ParseBucketName(bucket); err != nil {
		return cannotBe("bucket name")
	}
	if err := coffer.CheckObjectKey(key); err != nil {
		return s, err
	}
	q.copied = string(s.bucket) + "/" + s.key
	return s, q.expectOwner("x-amz-source-expected-bucket-owner", s.bucket)
}

// withoutAddress is the path of a copy source that is a whole address, which AWS
// takes, too; its host may have the bucket. The rest are returned as they are: no
// bucket has a colon in its name.
func (q *request) withoutAddress(path string) string {
	for _, scheme := range [...]string{"http://", "https://"} {
		rest, ok := strings.CutPrefix(path, scheme)
		if !ok {
			continue
		}
		host, path, _ := strings.Cut(rest, "/")
		if bucket, ok := q.bucketIn(plainHost(host)); ok {
			return url.QueryEscape(bucket) + "/" + path
		}
		return path
	}
	return path
}

// copyObject answers CopyObject.
func (q *request) copyObject() error {
	if err := q.unversioned(); err != nil {
		return err
	}
	in, err := q.copyInput()
	if err != nil {
		return err
	}
	o, err := q.session.Copy(q.ctx, in)
	if o.OfMarker {
		q.w.Header().Set("x-amz-delete-marker", "true")
	}
	if err != nil {
		return err
	}
	q.writeVersion(o.Version)
	if o.SourceVersion != "" {
		q.w.Header().Set("x-amz-copy-source-version-id", o.SourceVersion)
	}
	q.writeExpiry(o.Expiry)
	q.writeEncryptionMade(o.Encryption)
	d := newDoc("CopyObjectResult", namespace)
	d.time("LastModified", o.Modified)
	d.etag(o.ETag)
	if o.Checksum.Value != "" {
		writeChecksumXML(d, o.Checksum)
		d.text("ChecksumType", string(o.Checksum.Type))
	}
	return q.send(http.StatusOK, d)
}

func (q *request) copyInput() (objects.CopyInput, error) {
	in := objects.CopyInput{Bucket: q.bucket, Key: q.key, SourceIf: q.conditions("X-Amz-Copy-Source-")}
	var err error
	if in.If, err = q.writeConditions(); err != nil {
		return in, err
	}
	if q.body.size > 0 {
		return in, coffer.Errorf(coffer.InvalidRequest, "A copy has no body.")
	}
	// Whoever sends a range wants that part alone, and would get the whole.
	if r := q.r.Header.Get("Range"); r != "" {
		return in, coffer.Errorf(coffer.InvalidArgument, "RANGE is not supported in Copy!").
			With("ArgumentName", "Range").With("ArgumentValue", r)
	}
	if err := q.unsupported(); err != nil {
		return in, err
	}
	from, err := q.copySource()
	if err != nil {
		return in, err
	}
	in.SourceBucket, in.SourceKey, in.SourceVersion = from.bucket, from.key, from.version
	if in.ACL, err = q.newACL(); err != nil {
		return in, err
	}
	if in.SourceCustomerKey, err = q.customerKey(sourceKey); err != nil {
		return in, err
	}
	if in.Encryption, err = q.encrypting(); err != nil {
		return in, err
	}
	switch directive := q.r.Header.Get("X-Amz-Metadata-Directive"); directive {
	case "", "COPY":
	case "REPLACE":
		in.Replace = true
	default:
		return in, coffer.Errorf(coffer.InvalidArgument, "Unknown metadata directive.").
			With("ArgumentName", "x-amz-metadata-directive").With("ArgumentValue", directive)
	}
	switch directive := q.r.Header.Get("X-Amz-Tagging-Directive"); directive {
	case "", "COPY":
	case "REPLACE":
		in.ReplaceTags = true
		if in.Tags, err = q.taggingHeader(); err != nil {
			return in, err
		}
	default:
		return in, coffer.Errorf(coffer.InvalidArgument, "Unknown tagging directive.").
			With("ArgumentName", "x-amz-tagging-directive").With("ArgumentValue", directive)
	}
	if alg := q.r.Header.Get("X-Amz-Checksum-Algorithm"); alg != "" {
		if in.Checksum, err = coffer.ParseChecksumAlgorithm(strings.ToUpper(alg)); err != nil {
			return in, err
		}
	}
	if in.Lock, err = q.lockHeaders(); err != nil {
		return in, err
	}
	in.Restated = q.r.Header.Get("X-Amz-Storage-Class") != "" || q.r.Header.Get("X-Amz-Website-Redirect-Location") != ""
	if in.Attributes, err = q.attributes(); !in.Replace && coffer.CodeOf(err) == coffer.MetadataTooLarge {
		err = nil // that of the source is what is copied
	}
	return in, err
}

// uploadPartCopy answers UploadPartCopy. The bytes are read and written again,
// since the part's MD5 must be known.
func (q *request) uploadPartCopy() error {
	if err := q.unversioned(); err != nil {
		return err
	}
	number, err := q.partNumber()
	if err != nil {
		return err
	}
	from, err := q.copySource()
	if err != nil {
		return err
	}
	in := objects.GetInput{Bucket: from.bucket, Key: from.key, Version: from.version, If: q.conditions("X-Amz-Copy-Source-")}
	if in.CustomerKey, err = q.customerKey(sourceKey); err != nil {
		return err
	}
	key, err := q.customerKey(objectKey)
	if err != nil {
		return err
	}
	if header, ok := q.r.Header["X-Amz-Copy-Source-Range"]; ok {
		r := parseRange(header[0])
		if r == nil || r.FromEnd || r.Last < 0 {
			return coffer.Errorf(coffer.InvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy").
				With("ArgumentName", "x-amz-copy-source-range").With("ArgumentValue", header[0])
		}
		in.Range = r
	}
	content, body, err := q.session.Source(q.ctx, in)
	if coffer.CodeOf(err) == coffer.InvalidRange {
		return coffer.Errorf(coffer.InvalidRequest, "The specified copy range is invalid for the source object size")
	}
	if err != nil {
		if content != nil && content.DeleteMarker {
			q.w.Header().Set("x-amz-delete-marker", "true")
		}
		return err
	}
	defer body.Close()
	if r := in.Range; r != nil && r.Last >= content.Size {
		return coffer.Errorf(coffer.InvalidArgument, "Range specified is not valid for source object of size: %d", content.Size).
			With("ArgumentName", "x-amz-copy-source-range").With("ArgumentValue", r.String())
	}
	p, err := q.session.PutPart(q.ctx, objects.PartInput{Bucket: q.bucket, Key: q.key,
		Upload: coffer.UploadID(q.query.get("uploadId")), Number: number, Body: body, Size: content.Length, CustomerKey: key, Copied: true})
	if err != nil {
		return err
	}
	// As of a copy: a version without an ID is told if it was named.
	if v := coffer.VersionName(content.VersionID); v != coffer.NullVersion || from.version == v {
		q.w.Header().Set("x-amz-copy-source-version-id", v)
	}
	q.writeEncryption(p.Encryption)
	d := newDoc("CopyPartResult", namespace)
	d.time("LastModified", p.Modified)
	d.etag(p.ETag)
	writeChecksumXML(d, p.Checksum)
	return q.send(http.StatusOK, d)
}

// partNumber reads the partNumber parameter.
func (q *request) partNumber() (int, error) {
	s := q.query.get("partNumber")
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > coffer.PartNumberMax {
		return 0, coffer.Errorf(coffer.InvalidArgument, "Part number must be an integer between 1 and %d, inclusive", coffer.PartNumberMax).
			With("ArgumentName", "partNumber").With("ArgumentValue", s)
	}
	return n, nil
}
