package s3

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coffer"
	"coffer/objects"
)

// listing is what the two versions of ListObjects have in common.
type listing struct {
	objects.ListInput
	encode func(string) string
	urls   bool
	max    int // as asked for
}

func (q *request) listing() (listing, error) {
	l := listing{ListInput: objects.ListInput{Bucket: q.bucket, Prefix: q.query.get("prefix"), Delimiter: q.query.get("delimiter")}}
	var err error
	if l.max, err = q.maximum("max-keys", objects.ListMax); err != nil {
		return l, err
	}
	l.Max = min(l.max, objects.ListMax)
	l.encode, l.urls, err = q.encoding()
	return l, err
}

// maximum reads a parameter that says how many entries a page may have.
func (q *request) maximum(name string, byDefault int) (int, error) {
	s := q.query.get(name)
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, coffer.Errorf(coffer.InvalidArgument, "Provided %s not an integer or within integer range", name).
			With("ArgumentName", name).With("ArgumentValue", s)
	}
	if n < 0 {
		return 0, coffer.Errorf(coffer.InvalidArgument, "Argument %s must be an integer between 0 and 2147483647", name).
			With("ArgumentName", name).With("ArgumentValue", s)
	}
	return int(n), nil
}

// encoding reads encoding-type: how names are written in the answer.
func (q *request) encoding() (encode func(string) string, urls bool, err error) {
	switch s := q.query.get("encoding-type"); {
	case !q.query.has("encoding-type"):
		return func(s string) string { return s }, false, nil
	case strings.EqualFold(s, "url"):
		return urlEncode, true, nil
	default:
		return nil, false, coffer.Errorf(coffer.InvalidArgument, "Invalid Encoding Method specified in Request").
			With("ArgumentName", "encoding-type").With("ArgumentValue", s)
	}
}

// urlEncode writes a name as S3's encoding-type=url does: everything but
// unreserved characters and the slash, a space as %20.
func urlEncode(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~/*", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// listObjects answers ListObjects, the first version.
func (q *request) listObjects() error {
	l, err := q.listing()
	if err != nil {
		return err
	}
	l.After = q.query.get("marker")
	page, err := q.list(l.ListInput)
	if err != nil {
		return err
	}
	d := q.newLongDoc("ListBucketResult")
	d.text("Name", string(q.bucket))
	d.text("Prefix", l.encode(l.Prefix))
	d.text("Marker", l.encode(l.After))
	if page.Next != "" && l.Delimiter != "" {
		d.text("NextMarker", l.encode(page.Next))
	}
	d.number("MaxKeys", int64(l.Max))
	d.optional("Delimiter", l.encode(l.Delimiter))
	d.flag("IsTruncated", page.Next != "")
	if l.urls {
		d.text("EncodingType", "url")
	}
	// Who signed nothing is not told whose the bucket is, as on AWS.
	q.writeContents(d, l, page, !q.actor.Anonymous())
	return q.send(http.StatusOK, d)
}

// listObjectsV2 answers ListObjectsV2.
func (q *request) listObjectsV2() error {
	if q.query.get("list-type") != "2" {
		return coffer.Errorf(coffer.InvalidArgument, "Invalid List Type specified in Request").
			With("ArgumentName", "list-type").With("ArgumentValue", q.query.get("list-type"))
	}
	l, err := q.listing()
	if err != nil {
		return err
	}
	startAfter, token := q.query.get("start-after"), q.query.get("continuation-token")
	l.After = startAfter
	if q.query.has("continuation-token") {
		after, err := base64.URLEncoding.DecodeString(token)
		if err != nil || token == "" {
			return badToken(token)
		}
		l.After, startAfter = string(after), "" // a token is what counts
	}
	page, err := q.list(l.ListInput)
	if err != nil {
		return err
	}
	d := q.newLongDoc("ListBucketResult")
	d.text("Name", string(q.bucket))
	d.text("Prefix", l.encode(l.Prefix))
	if page.Next != "" {
		d.text("NextContinuationToken", base64.URLEncoding.EncodeToString([]byte(page.Next)))
	}
	if q.query.has("continuation-token") {
		d.text("ContinuationToken", token)
	}
	d.optional("StartAfter", l.encode(startAfter))
	d.number("KeyCount", int64(len(page.Objects)+len(page.Prefixes)))
	d.number("MaxKeys", int64(l.Max))
	d.optional("Delimiter", l.encode(l.Delimiter))
	d.flag("IsTruncated", page.Next != "")
	if l.urls {
		d.text("EncodingType", "url")
	}
	q.writeContents(d, l, page, q.query.get("fetch-owner") == "true")
	return q.send(http.StatusOK, d)
}

// list reads a page, for which memory is held until it is sent.
func (q *request) list(in objects.ListInput) (objects.ListPage, error) {
	if err := q.holdPage(in.Max); err != nil {
		return objects.ListPage{}, err
	}
	page, err := q.session.List(q.ctx, in)
	names := 0
	for i := range page.Objects {
		names += len(page.Objects[i].Key)
	}
	q.keepPage(len(page.Objects), names, page.Prefixes)
	if err == nil {
		q.w.Header().Set("x-amz-bucket-region", page.Bucket.Region)
	}
	return page, err
}

// contentsBytes is about what an object takes in a list.
const contentsBytes = 320

func (q *request) writeContents(d *doc, l listing, page objects.ListPage, owner bool) {
	restored := q.wantsRestoreStatus()
	d.b = slices.Grow(d.b, min(contentsBytes*len(page.Objects), pieceBytes))
	for i := range page.Objects {
		o := &page.Objects[i]
		d.begin("Contents")
		d.text("Key", l.encode(o.Key))
		d.time("LastModified", o.Modified)
		d.etag(o.ETag)
		if o.Checksum.Algorithm != "" {
			d.text("ChecksumAlgorithm", string(o.Checksum.Algorithm))
			d.text("ChecksumType", string(o.Checksum.Type))
		}
		d.number("Size", o.Size)
		if owner {
			q.writeObjectOwner(d, page.Bucket, o.ACL)
		}
		d.text("StorageClass", storageClass(o.Attributes.StorageClass))
		if restored {
			writeRestoreStatus(d, *o, q.start)
		}
		d.end()
	}
	writePrefixes(d, page.Prefixes, l.encode)
}

func writePrefixes(d *doc, prefixes []string, encode func(string) string) {
	for _, p := range prefixes {
		d.begin("CommonPrefixes")
		d.text("Prefix", encode(p))
		d.end()
	}
}

func storageClass(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}
