package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"coffer"
	"coffer/meta"
)

// uploadRandom is how many bytes of an upload ID cannot be guessed, and
// uploadIDLen how long its text is.
const (
	uploadRandom = 16
	uploadIDLen  = 2 * (8 + uploadRandom)
)

// UploadInput is what CreateUpload begins.
type UploadInput struct {
	Bucket     coffer.BucketName
	Key        string
	Attributes coffer.Attributes
	Tags       []coffer.Tag
	Lock       coffer.Lock
	ACL        coffer.NewACL
	// Checksum is the algorithm and type that the client asked for, or nothing.
	Checksum   coffer.Checksum
	Encryption Encrypting
}

// CreateUpload begins a multipart upload.
func (s Session) CreateUpload(ctx context.Context, in UploadInput) (coffer.Upload, error) {
	b, err := s.admitPut(ctx, in.Bucket, in.Key, Conditions{}, -1)
	if err != nil {
		return coffer.Upload{}, err
	}
	acl, err := s.admitACL(ctx, in.Bucket, in.Key, in.ACL)
	if err != nil {
		return coffer.Upload{}, err
	}
	if err := s.admitTags(ctx, in.Bucket, in.Key, in.Tags); err != nil {
		return coffer.Upload{}, err
	}
	if err := s.admitLock(ctx, in.Bucket, in.Key, in.Lock); err != nil {
		return coffer.Upload{}, err
	}
	id, err := s.id(uploadRandom)
	if err != nil {
		return coffer.Upload{}, err
	}
	u := uploadRow{counted: true, Upload: coffer.Upload{ID: coffer.UploadID(hex.EncodeToString(id)), Key: in.Key, Initiated: s.now(),
		Initiator: s.actor.Owner().Canonical, Attributes: in.Attributes, Tags: in.Tags, Lock: in.Lock, Checksum: in.Checksum}}
	if u.Checksum, err = uploadChecksum(in.Checksum); err != nil {
		return coffer.Upload{}, err
	}
	if u.Encryption, _, err = s.newEncryption(ctx, b, in.Encryption); err != nil {
		return coffer.Upload{}, err
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, in.Bucket, coffer.PutObject, in.Key)
		if err != nil {
			return err
		}
		if u.Abort, err = s.abortion(tx, b, u.Upload); err != nil {
			return err
		}
		if u.ACL, err = s.newACL(tx, b, in.Key, acl); err != nil {
			return err
		}
		if err := s.admitUpload(tx, b); err != nil {
			return err
		}
		return errors.Join(add(tx, b, countUploads, 1), tx.Set(uploadKey(b.ID, u.Key, u.ID), encodeUpload(u)))
	})
	return u.Upload, err
}

// uploadChecksum fills in the type that an algorithm has by itself, and refuses
// the pairs that S3 does not have ("Checking object integrity in Amazon S3").
func uploadChecksum(c coffer.Checksum) (coffer.Checksum, error) {
	switch {
	case c.Algorithm == "" && c.Type != "":
		return c, coffer.Errorf(coffer.InvalidRequest,
			"The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case c.Type == coffer.FullObject && !c.Algorithm.Joins(), c.Type == coffer.Composite && c.Algorithm == coffer.CRC64NVME:
		return c, coffer.Errorf(coffer.InvalidRequest, "The %s checksum type cannot be used with the %s checksum algorithm.",
			c.Type, lower(c.Algorithm))
	case c.Algorithm != "" && c.Type == "":
		c.Type = coffer.Composite
		if c.Algorithm == coffer.CRC64NVME {
			c.Type = coffer.FullObject
		}
	}
	return c, nil
}

// PartInput is one part to store.
type PartInput struct {
	Bucket  coffer.BucketName
	Key     string
	Upload  coffer.UploadID
	Number  int
	Body    io.Reader
	Size    int64 // -1 if it is not known before the end of Body
	Digests Digests
	// Copied says that the bytes are those of an object: a part of an upload
	// without an algorithm then shows no checksum.
	Copied bool
	// CustomerKey is the key that CreateUpload was given, if it was given one.
	CustomerKey coffer.Secret
}

// PutPart stores a part; one of the same number is replaced. When it returns
// without error the part is durable.
func (s Session) PutPart(ctx context.Context, in PartInput) (coffer.Part, error) {
	u, err := s.admitPart(ctx, in)
	if err != nil {
		return coffer.Part{}, err
	}
	alg := in.Digests.Checksum.Algorithm
	if want := u.Checksum.Algorithm; want != "" {
		if alg != "" && alg != want {
			return coffer.Part{}, coffer.Errorf(coffer.InvalidRequest,
				"Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", lower(want), lower(alg))
		}
		if alg == "" && u.Checksum.Type == coffer.Composite && !in.Copied {
			return coffer.Part{}, coffer.Errorf(coffer.InvalidRequest,
				"Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: null", lower(want))
		}
		alg = want
	}
	if in.Size > coffer.PartSizeMax {
		return coffer.Part{}, tooLarge(in.Size, coffer.PartSizeMax)
	}
	key, salt, err := s.partKey(ctx, u.Encryption, in.CustomerKey)
	if err != nil {
		return coffer.Part{}, err
	}
	d := newDigester(in.Body, alg, coffer.PartSizeMax)
	if u.Checksum.Algorithm == "" && d.alg != coffer.CRC64NVME {
		// The object will have a CRC64NVME, whatever the client chose for its parts.
		d.all = newHash(coffer.CRC64NVME)
	}
	st := stored{body: body{kind: bodyBlob}}
	if st.ref, st.size, err = s.putBlob(ctx, d, key, salt); err != nil {
		return coffer.Part{}, err
	}
	if err := d.verify(in.Digests, in.Size); err != nil {
		s.abandon(ctx, st, err)
		return coffer.Part{}, err
	}
	p := partRow{ref: st.ref, crc64: d.whole(), salt: salt, Part: coffer.Part{Number: in.Number, Size: st.size, ETag: d.etagOf(u.Encryption, key),
		Checksum: d.checksum(), Encryption: u.Encryption}}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error { return s.keepPart(tx, in, &p) })
	if err != nil {
		s.abandon(ctx, st, err)
	}
	if in.Copied && alg == "" {
		p.Checksum = coffer.Checksum{}
	}
	return p.Part, err
}

func (s Session) admitPart(ctx context.Context, in PartInput) (u uploadRow, err error) {
	if in.Number < 1 || in.Number > coffer.PartNumberMax {
		return u, coffer.Errorf(coffer.InvalidArgument, "Part number must be an integer between 1 and %d, inclusive",
			coffer.PartNumberMax).With("ArgumentName", "partNumber")
	}
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		var b coffer.Bucket
		if b, u, err = s.upload(r, in.Bucket, in.Key, in.Upload, coffer.PutObject); err != nil {
			return err
		}
		return s.admitPartQuota(r, b, in)
	})
	if err == nil {
		err = s.Writable()
	}
	return u, err
}

// upload reads an upload that the actor may use, and its bucket.
func (s Session) upload(r meta.Reader, bucket coffer.BucketName, key string, id coffer.UploadID, a coffer.Action) (coffer.Bucket, uploadRow, error) {
	if err := coffer.CheckObjectKey(key); err != nil {
		return coffer.Bucket{}, uploadRow{}, err
	}
	b, err := s.enter(r, bucket)
	if err != nil {
		return b, uploadRow{}, err
	}
	if err := s.authorize(r, b, a, key); err != nil && !s.initiated(r, b, key, id, a) {
		return b, uploadRow{}, err
	}
	u, err := readUpload(r, b.ID, key, id)
	return b, u, err
}

// initiated tells whether the actor may do a to an upload because it began it:
// list its parts and end it, unless that is denied (AWS, "Multipart upload API and
// permissions").
func (s Session) initiated(r meta.Reader, b coffer.Bucket, key string, id coffer.UploadID, a coffer.Action) bool {
	if a != coffer.AbortMultipartUpload && a != coffer.ListMultipartUploadParts || s.actor.Anonymous() || s.owns(b) {
		return false
	}
	u, err := readUpload(r, b.ID, key, id)
	return err == nil && u.Initiator == s.actor.Canonical && s.forbidden(r, b, a, key) == nil
}

func (s Session) keepPart(tx meta.Tx, in PartInput, p *partRow) error {
	b, _, err := s.upload(tx, in.Bucket, in.Key, in.Upload, coffer.PutObject)
	if err != nil {
		return err
	}
	bytes := p.Size
	p.Modified = s.now()
	value, err := tx.Get(partKey(in.Upload, in.Number))
	switch {
	case err == nil:
		old, err := decodePart(in.Number, value)
		if err != nil {
			return err
		}
		if err := s.discard(tx, old.ref, bodyID{}); err != nil {
			return err
		}
		bytes -= old.Size
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	if err := s.withinQuota(tx, b, 0, bytes); err != nil {
		return err
	}
	return errors.Join(add(tx, b, countParts, bytes), own(tx, p.ref), tx.Set(partKey(in.Upload, in.Number), encodePart(*p)))
}

// Abort ends an upload; its parts become garbage.
func (s Session) Abort(ctx context.Context, bucket coffer.BucketName, key string, id coffer.UploadID) error {
	return s.AbortIf(ctx, bucket, key, id, time.Time{})
}

// AbortIf is Abort of an upload that was begun at a time, to the second; zero is any.
func (s Session) AbortIf(ctx context.Context, bucket coffer.BucketName, key string, id coffer.UploadID, initiated time.Time) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, u, err := s.upload(tx, bucket, key, id, coffer.AbortMultipartUpload)
		if err != nil {
			return err
		}
		if !initiated.IsZero() && !u.Initiated.Truncate(time.Second).Equal(initiated.Truncate(time.Second)) {
			return failed("x-amz-if-match-initiated-time")
		}
		return s.abort(tx, b, u)
	})
}

func (s *Service) abort(tx meta.Tx, b coffer.Bucket, u uploadRow) error {
	all, err := allParts(tx, u.ID)
	if err != nil {
		return err
	}
	return errors.Join(s.dropParts(tx, b, u.ID, all, nil), endUpload(tx, b, u))
}

// allParts reads the parts of an upload by number.
func allParts(r meta.Reader, id coffer.UploadID) (map[int]partRow, error) {
	all := map[int]partRow{}
	err := parts(r, id, 0, func(p partRow) (bool, error) {
		all[p.Number] = p
		return true, nil
	})
	return all, err
}

// pointDeletesMax is how many part records are deleted one by one. A range costs
// less than many, but more than a few: readers look at every range.
const pointDeletesMax = 200

// dropParts removes all part records of an upload; the parts that are not kept
// become garbage.
func (s *Service) dropParts(tx meta.Tx, b coffer.Bucket, id coffer.UploadID, all map[int]partRow, kept []coffer.Part) error {
	keep := make(map[int]bool, len(kept))
	for _, p := range kept {
		keep[p.Number] = true
	}
	bytes := int64(0)
	for number, p := range all {
		bytes += p.Size
		if !keep[number] {
			if err := s.discard(tx, p.ref, bodyID{}); err != nil {
				return err
			}
		}
		if len(all) <= pointDeletesMax {
			if err := tx.Delete(partKey(id, number)); err != nil {
				return err
			}
		}
	}
	if err := add(tx, b, countParts, -bytes); err != nil || len(all) <= pointDeletesMax {
		return err
	}
	low := partsPrefix(id)
	return tx.DeleteRange(low, meta.PrefixEnd(low))
}

// What one transaction of abortSome ends: an upload of the most parts takes about
// 1 MB of the 64 MiB that a transaction can write.
const (
	abortUploadsMax = 1000
	abortPartsMax   = 2 * coffer.PartNumberMax
)

// abortSome ends uploads of a bucket and tells whether there are more.
func (s *Service) abortSome(tx meta.Tx, b coffer.Bucket) (more bool, err error) {
	low := meta.Key(meta.PrefixUpload, meta.KeyUint64(uint64(b.ID)))
	it := tx.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	for uploads, dropped := 0, 0; it.Next(); uploads++ {
		if uploads >= abortUploadsMax || dropped >= abortPartsMax {
			return true, nil
		}
		key, id, err := splitUploadKey(it.Key()[len(low):])
		if err != nil {
			return false, err
		}
		value, err := it.Value()
		if err != nil {
			return false, err
		}
		u, err := decodeUpload(key, id, value)
		if err != nil { // It goes with the bucket all the same.
			u = uploadRow{Upload: coffer.Upload{Key: key, ID: id}}
		}
		all, err := allParts(tx, id)
		if err != nil {
			return false, err
		}
		dropped += len(all)
		if err := errors.Join(s.dropParts(tx, b, id, all, nil), endUpload(tx, b, u)); err != nil {
			return false, err
		}
	}
	return false, it.Err()
}

// splitUploadKey reads the object key and the upload ID from what stands behind
// the bucket in an upload's key.
func splitUploadKey(rest []byte) (string, coffer.UploadID, error) {
	key, id, ok := cutNUL(string(rest))
	if !ok {
		return "", "", errors.New("upload key is malformed")
	}
	return key, coffer.UploadID(id), nil
}
