package s3

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"coffer"
	"coffer/objects"
)

// createMultipartUpload answers CreateMultipartUpload.
func (q *request) createMultipartUpload() error {
	if err := q.unsupported(); err != nil {
		return err
	}
	in := objects.UploadInput{Bucket: q.bucket, Key: q.key}
	var err error
	if in.Attributes, err = q.attributes(); err != nil {
		return err
	}
	if in.Tags, err = q.taggingHeader(); err != nil {
		return err
	}
	if in.Lock, err = q.lockHeaders(); err != nil {
		return err
	}
	if in.ACL, err = q.newACL(); err != nil {
		return err
	}
	if alg := q.r.Header.Get("X-Amz-Checksum-Algorithm"); alg != "" {
		if in.Checksum.Algorithm, err = coffer.ParseChecksumAlgorithm(strings.ToUpper(alg)); err != nil {
			return err
		}
	}
	if in.Checksum.Type, err = q.checksumType(); err != nil {
		return err
	}
	if in.Encryption, err = q.encrypting(); err != nil {
		return err
	}
	u, err := q.session.CreateUpload(q.ctx, in)
	if err != nil {
		return err
	}
	if u.Checksum.Algorithm != "" {
		q.w.Header().Set("x-amz-checksum-algorithm", string(u.Checksum.Algorithm))
		q.w.Header().Set("x-amz-checksum-type", string(u.Checksum.Type))
	}
	q.writeAbort(u.Abort)
	q.writeEncryptionMade(u.Encryption)
	d := newDoc("InitiateMultipartUploadResult", namespace)
	d.text("Bucket", string(q.bucket))
	d.text("Key", q.key)
	d.text("UploadId", string(u.ID))
	return q.send(http.StatusOK, d)
}

func (q *request) checksumType() (coffer.ChecksumType, error) {
	switch t := coffer.ChecksumType(strings.ToUpper(q.r.Header.Get("X-Amz-Checksum-Type"))); t {
	case "", coffer.Composite, coffer.FullObject:
		return t, nil
	default:
		return "", coffer.Errorf(coffer.InvalidRequest, "Value for x-amz-checksum-type header is invalid.")
	}
}

func (q *request) uploadID() coffer.UploadID { return coffer.UploadID(q.query.get("uploadId")) }

// uploadPart answers UploadPart.
func (q *request) uploadPart() error {
	if err := q.unversioned(); err != nil {
		return err
	}
	number, err := q.partNumber()
	if err != nil {
		return err
	}
	if err := q.requireLength(); err != nil {
		return err
	}
	digests, err := q.digests()
	if err != nil {
		return err
	}
	key, err := q.customerKey(objectKey)
	if err != nil {
		return err
	}
	p, err := q.session.PutPart(q.ctx, objects.PartInput{Bucket: q.bucket, Key: q.key, Upload: q.uploadID(),
		Number: number, Body: q.body, Size: q.body.size, Digests: digests, CustomerKey: key})
	if err != nil {
		return err
	}
	q.w.Header()["ETag"] = []string{quoted(p.ETag)}
	q.writeEncryption(p.Encryption)
	p.Checksum.Type = ""
	q.writeChecksum(p.Checksum)
	return q.ok(http.StatusOK)
}

// abortMultipartUpload answers AbortMultipartUpload.
func (q *request) abortMultipartUpload() error {
	initiated, err := q.timeHeader("X-Amz-If-Match-Initiated-Time")
	if err != nil {
		return err
	}
	if err := q.session.AbortIf(q.ctx, q.bucket, q.key, q.uploadID(), initiated); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// completeMultipartUpload answers CompleteMultipartUpload.
func (q *request) completeMultipartUpload() error {
	in := objects.CompleteInput{Bucket: q.bucket, Key: q.key, Upload: q.uploadID(), Size: -1}
	var err error
	if in.If, err = q.writeConditions(); err != nil {
		return err
	}
	// The checksum headers are of the object here, not of the body.
	if in.Checksum, err = q.objectChecksum(); err != nil {
		return err
	}
	if s := q.r.Header.Get("X-Amz-Mp-Object-Size"); s != "" {
		if in.Size, err = strconv.ParseInt(s, 10, 64); err != nil || in.Size < 0 {
			return coffer.Errorf(coffer.InvalidRequest, "Value for x-amz-mp-object-size header is invalid.")
		}
	}
	if in.CustomerKey, err = q.customerKey(objectKey); err != nil {
		return err
	}
	if in.Parts, err = q.readParts(); err != nil {
		return err
	}
	o, err := q.session.Complete(q.ctx, in)
	if err != nil {
		return err
	}
	q.writeVersion(o.VersionID)
	q.writeExpiry(o.Expiry)
	q.writeEncryption(o.Encryption)
	d := newDoc("CompleteMultipartUploadResult", namespace)
	d.text("Location", q.address(o.Key))
	d.text("Bucket", string(q.bucket))
	d.text("Key", q.key)
	d.etag(o.ETag)
	if o.Checksum.Value != "" {
		writeChecksumXML(d, o.Checksum)
		d.text("ChecksumType", string(o.Checksum.Type))
	}
	return q.send(http.StatusOK, d)
}

// objectChecksum reads what the client says of the checksum of the whole object.
func (q *request) objectChecksum() (coffer.Checksum, error) {
	var sum coffer.Checksum
	for _, alg := range coffer.ChecksumAlgorithms {
		value := q.r.Header.Get(checksumHeader(alg))
		if value == "" {
			continue
		}
		if sum.Algorithm != "" {
			return sum, coffer.Errorf(coffer.InvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		sum = coffer.Checksum{Algorithm: alg, Value: value}
		if bare, _, _ := strings.Cut(value, "-"); !validChecksum(coffer.Checksum{Algorithm: alg, Value: bare}) {
			return sum, coffer.Errorf(coffer.InvalidRequest, "Value for %s header is invalid.", checksumHeader(alg))
		}
	}
	var err error
	sum.Type, err = q.checksumType()
	return sum, err
}

// readParts reads the list of parts in the body.
func (q *request) readParts() ([]coffer.Part, error) {
	b, err := q.readBody(xmlBodyMax)
	if err != nil {
		return nil, err
	}
	md5, err := q.contentMD5()
	if err != nil {
		return nil, err
	}
	if err := objects.CheckBytes(b, objects.Digests{MD5: md5}); err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, nil
	}
	n, err := parseXML(b, "CompleteMultipartUpload")
	if err != nil {
		return nil, err
	}
	if err := n.only("Part*"); err != nil {
		return nil, err
	}
	if len(n.children) == 0 {
		return nil, malformed("there are 1 to %d parts", coffer.PartNumberMax)
	}
	if len(n.children) > coffer.PartNumberMax {
		return nil, coffer.Errorf(coffer.InvalidArgument, "An upload has 1 to %d parts.", coffer.PartNumberMax).
			With("ArgumentName", "PartNumber").With("ArgumentValue", strconv.Itoa(len(n.children)))
	}
	list := make([]coffer.Part, 0, len(n.children))
	for _, c := range n.children {
		p, err := parsePart(c)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// partElements are what a Part may have, each once.
var partElements = func() []string {
	names := []string{"ETag", "PartNumber", "Size"}
	for _, alg := range coffer.ChecksumAlgorithms {
		names = append(names, "Checksum"+string(alg))
	}
	return names
}()

func parsePart(n *node) (coffer.Part, error) {
	err := n.only(partElements...)
	if err != nil {
		return coffer.Part{}, err
	}
	etag, ok := n.get("ETag")
	number, ok2 := n.get("PartNumber")
	p := coffer.Part{ETag: strings.TrimSpace(etag)}
	if p.Number, err = strconv.Atoi(strings.TrimSpace(number)); err != nil || !ok || !ok2 {
		return p, malformed("a Part has an ETag and a PartNumber")
	}
	for _, alg := range coffer.ChecksumAlgorithms {
		if value, ok := n.get("Checksum" + string(alg)); ok && value != "" {
			if _, err := base64.StdEncoding.DecodeString(value); err != nil || p.Checksum.Algorithm != "" {
				return p, coffer.Errorf(coffer.InvalidArgument, "Invalid Base64 or multiple checksums present in request").
					With("ArgumentName", "Checksum").With("ArgumentValue", value)
			}
			p.Checksum = coffer.Checksum{Algorithm: alg, Value: value}
		}
	}
	return p, nil
}

// address is the address of an object as this client reaches it.
func (q *request) address(key string) string {
	scheme := "http"
	if q.r.TLS != nil {
		scheme = "https"
	}
	if _, ok := q.bucketOfHost(); ok {
		return scheme + "://" + q.r.Host + "/" + urlEncode(key)
	}
	return scheme + "://" + q.r.Host + "/" + string(q.bucket) + "/" + urlEncode(key)
}
