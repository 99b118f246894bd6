package objects

import (
	"context"
	"strings"

	"coffer"
	"coffer/meta"
)

// PartsPage is one page of the parts of an upload.
type PartsPage struct {
	Bucket coffer.Bucket
	Upload coffer.Upload
	Parts  []coffer.Part
	// Next is the number behind which the next page begins; 0 if this is the last.
	Next int
}

// ListParts reads the parts of an upload whose numbers are over after.
func (s Session) ListParts(ctx context.Context, bucket coffer.BucketName, key string, id coffer.UploadID, after, limit int) (PartsPage, error) {
	var page PartsPage
	err := s.Meta.View(ctx, func(r meta.Reader) (err error) {
		page = PartsPage{}
		b, u, err := s.upload(r, bucket, key, id, coffer.ListMultipartUploadParts)
		if err == nil {
			u.Abort, err = s.abortion(r, b, u.Upload)
		}
		if page.Bucket, page.Upload = b, u.Upload; err != nil || limit <= 0 {
			return err
		}
		return parts(r, id, min(max(after, 0), coffer.PartNumberMax), func(p partRow) (bool, error) {
			if len(page.Parts) == limit {
				page.Next = page.Parts[limit-1].Number
				return false, nil
			}
			page.Parts = append(page.Parts, p.Part)
			return true, nil
		})
	})
	return page, err
}

// ListUploadsInput says which uploads to list.
type ListUploadsInput struct {
	Bucket    coffer.BucketName
	Prefix    string
	Delimiter string
	// After is the object key behind which the page begins, and AfterID, if not
	// "", the upload of that key behind which it begins.
	After   string
	AfterID coffer.UploadID
	Max     int
}

// UploadsPage is one page of the uploads of a bucket. Of the attributes of an upload
// it has the storage class only, and of its access control list the owner.
type UploadsPage struct {
	Bucket   coffer.Bucket
	Uploads  []coffer.Upload
	Prefixes []string
	// Next and NextID are what After and AfterID must be for the next page; "" if
	// this is the last.
	Next   string
	NextID coffer.UploadID
}

// ListUploads reads a page of the uploads in progress, by key and then by the
// time they were begun.
func (s Session) ListUploads(ctx context.Context, in ListUploadsInput) (UploadsPage, error) {
	var page UploadsPage
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		page = UploadsPage{}
		b, err := s.bucket(r, in.Bucket, coffer.ListBucketMultipartUploads, in.Prefix)
		if err != nil || strings.Contains(in.Prefix, "\x00") { // no key has a NUL
			return err
		}
		page.Bucket = b
		w := walk{reader: r, base: meta.Key(meta.PrefixUpload, meta.KeyUint64(uint64(b.ID))),
			prefix: in.Prefix, delimiter: in.Delimiter, after: in.after(), max: in.Max, tailed: true}
		var next string
		page.Prefixes, next, err = w.run(func(rest string, value []byte) error {
			key, id, err := splitUploadKey([]byte(rest))
			if err != nil {
				return err
			}
			u, err := decodeUpload(key, id, value)
			if err != nil {
				return err
			}
			u.Attributes, u.Tags, u.Encryption = coffer.Attributes{StorageClass: u.Attributes.StorageClass}, nil, nil
			if u.ACL != nil {
				u.ACL = &coffer.ACL{Owner: u.ACL.Owner}
			}
			page.Uploads = append(page.Uploads, u.Upload)
			return nil
		})
		page.Next = next
		if key, id, ok := cutNUL(next); ok {
			page.Next, page.NextID = key, coffer.UploadID(id)
		}
		return err
	})
	return page, err
}

// after is the place in the order of upload keys behind which the page begins:
// an upload, all uploads of a key, or a common prefix.
func (in ListUploadsInput) after() string {
	key, _, cut := cutNUL(in.After) // no key has a NUL: behind it is behind what stands before it
	switch {
	case in.After == "":
		return ""
	case in.AfterID != "" && !cut:
		return in.After + "\x00" + string(in.AfterID)
	}
	w := walk{prefix: in.Prefix, delimiter: in.Delimiter, tailed: true}
	if _, rolled := w.rollUp(in.After); rolled {
		return in.After
	}
	// Upload IDs are hexadecimal digits, which sort before this.
	return key + "\x00\xff"
}
