package objects

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"coffer"
	"coffer/meta"
)

// CopyInput names what Copy copies, and to where.
type CopyInput struct {
	Bucket coffer.BucketName
	Key    string
	If     Conditions

	SourceBucket coffer.BucketName
	SourceKey    string
	// SourceVersion names one; "" is the current one.
	SourceVersion string
	SourceIf      Conditions

	// Replace puts Attributes in the place of the source's; otherwise only their
	// StorageClass and WebsiteRedirect count.
	Replace    bool
	Attributes coffer.Attributes
	// Restated says that the request names a storage class or redirect, or has the
	// bucket's own encryption: a copy of an object onto itself may do that, even if
	// it changes nothing.
	Restated bool
	// ReplaceTags puts Tags in the place of the source's.
	ReplaceTags bool
	Tags        []coffer.Tag
	// Lock is of what is made: that of the source is never copied.
	Lock coffer.Lock
	// ACL is the copy's; that of the source is never copied.
	ACL coffer.NewACL
	// Checksum asks for a checksum of that algorithm; "" keeps the source's.
	Checksum coffer.ChecksumAlgorithm

	// SourceCustomerKey is the key of the client, for a source that was encrypted
	// with it. Encryption is that of the target, and never the source's.
	SourceCustomerKey coffer.Secret
	Encryption        Encrypting
}

// Copied is what Copy made, and how an answer names its version and that of the
// source: "" where the bucket never kept versions, and for a source without an ID
// that was not asked for by its version.
type Copied struct {
	coffer.Object
	Version, SourceVersion string
	// OfMarker says, beside an error, that a delete marker stands where the source was
	// looked for.
	OfMarker bool
}

// Copy makes an object with the bytes of another. Small ones are written again;
// large ones are shared, so that no byte moves, unless they are to be encrypted in
// another way. The bytes of an object that was made of parts are read.
func (s Session) Copy(ctx context.Context, in CopyInput) (Copied, error) {
	s.cause = causeCopy
	if _, err := s.admitPut(ctx, in.Bucket, in.Key, in.If, -1); err != nil {
		return Copied{}, err
	}
	var err error
	if in.ACL, err = s.admitACL(ctx, in.Bucket, in.Key, in.ACL); err != nil {
		return Copied{}, err
	}
	if in.ReplaceTags {
		if err := s.admitTags(ctx, in.Bucket, in.Key, in.Tags); err != nil {
			return Copied{}, err
		}
	}
	if err := s.admitLock(ctx, in.Bucket, in.Key, in.Lock); err != nil {
		return Copied{}, err
	}
	var read digests
	var again recrypted
	defer func() { s.drop(ctx, again) }()
	for {
		var made Copied
		err := s.Meta.Update(ctx, func(tx meta.Tx) (err error) {
			made, err = s.copyIn(tx, in, read, again)
			return err
		})
		if need, ok := errors.AsType[needRecrypt](err); ok {
			s.drop(ctx, again)
			if again, err = s.recrypt(ctx, in, need.as); err != nil {
				return Copied{}, err
			}
			continue
		}
		need, ok := errors.AsType[needDigests](err)
		if !ok {
			return made, err
		}
		if read, err = s.readSource(ctx, in, need.alg); err != nil {
			return Copied{}, err
		}
	}
}

// needDigests is a copy that must read the source's bytes before it can go on; alg is
// that of the checksum, "" if it has the choice.
type needDigests struct{ alg coffer.ChecksumAlgorithm }

func (needDigests) Error() string {
	return "the source has no entity tag or checksum that a copy can have"
}

// digests are those of all bytes of a copy's source.
type digests struct {
	of       bodyID // zero if nothing was read
	etag     string
	checksum coffer.Checksum
}

func (s Session) copyIn(tx meta.Tx, in CopyInput, read digests, again recrypted) (Copied, error) {
	from, err := s.at(in.SourceVersion).bucket(tx, in.SourceBucket, coffer.GetObject.OfVersion(in.SourceVersion), in.SourceKey)
	if err != nil {
		return Copied{}, err
	}
	to, err := s.bucket(tx, in.Bucket, coffer.PutObject, in.Key)
	if err != nil {
		return Copied{}, err
	}
	source, err := findReadable(tx, from, in.SourceKey, in.SourceVersion)
	if err != nil {
		refusal := ofSource(err)
		hidden := s.hide(tx, from, in.SourceKey, refusal)
		return Copied{OfMarker: hidden == refusal && source != nil && source.DeleteMarker}, hidden
	}
	if err := checkCustomerKey(source.Encryption, in.SourceCustomerKey); err != nil {
		return Copied{}, err
	}
	if err := in.SourceIf.checkSource(source.Object); err != nil {
		return Copied{}, err
	}
	as, err := s.encryptionIn(tx, to, in.Encryption)
	if err != nil {
		return Copied{}, err
	}
	recrypts := !sameKey(source.Encryption, as, in.Encryption.CustomerKey)
	if in.Restated, err = s.restates(tx, to, in); err != nil {
		return Copied{}, err
	}
	in.Restated = in.Restated || recrypts
	made, err := in.target(source.row, from.ID == to.ID)
	if err != nil {
		return Copied{}, err
	}
	if made.Tags, err = s.copiedTags(tx, from, to, in, source.Tags); err != nil {
		return Copied{}, err
	}
	if made.ACL, err = s.newACL(tx, to, in.Key, in.ACL); err != nil {
		return Copied{}, err
	}
	if recrypts {
		if again.of != source.body.id {
			return Copied{}, needRecrypt{as}
		}
		again.fill(&made)
		err = again.write(tx)
	} else {
		made.Encryption = resealed(source.Encryption, as)
		err = s.shareIn(tx, in, &made, read)
	}
	if err == nil {
		err = s.replace(tx, to, &made, in.If)
	}
	done := Copied{Object: made.Object, SourceVersion: source.VersionID}
	if to.Versioning != coffer.VersioningUnset {
		done.Version = coffer.VersionName(made.VersionID)
	}
	if in.SourceVersion == coffer.NullVersion {
		done.SourceVersion = coffer.NullVersion
	}
	return done, err
}

// restates tells whether the request, or the encryption that was set for its bucket,
// lets it copy an object onto itself as it is.
func (s Session) restates(r meta.Reader, to coffer.Bucket, in CopyInput) (bool, error) {
	if in.Restated || in.Bucket != in.SourceBucket || in.Key != in.SourceKey {
		return in.Restated, nil
	}
	preset, err := readConfig[coffer.BucketEncryption](s.Service, r, to, configEncryption)
	return preset != nil, err
}

// shareIn gives the source's bytes to made. A copy has no parts for a client, so that
// the entity tag and the checksum of one are those of an object that was put (AWS,
// "Common Response Headers", ETag; "Checking object integrity").
func (s Session) shareIn(tx meta.Tx, in CopyInput, made *row, read digests) (err error) {
	if alg, wanted := in.checksum(made.Object); wanted {
		if read.of != made.body.id || alg != "" && read.checksum.Algorithm != alg {
			return needDigests{alg}
		}
		made.ETag, made.Checksum, made.PartsCount = read.etag, read.checksum, 0
	}
	made.body, err = s.duplicate(tx, made.body)
	return err
}

// checksum tells whether the source of a copy must be read for its digests, and of
// which algorithm the checksum is then.
func (in CopyInput) checksum(source coffer.Object) (coffer.ChecksumAlgorithm, bool) {
	other := in.Checksum != "" && in.Checksum != source.Checksum.Algorithm
	return cmp.Or(in.Checksum, source.Checksum.Algorithm), other || source.PartsCount > 0
}

// target is the object that a copy of source makes, its bytes not yet settled.
func (in CopyInput) target(source row, sameBucket bool) (row, error) {
	if source.Size > coffer.PutSizeMax {
		return row{}, coffer.Errorf(coffer.InvalidRequest,
			"The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(coffer.PutSizeMax))
	}
	changed := in.Replace || in.Restated || in.Attributes.StorageClass != source.Attributes.StorageClass ||
		in.Attributes.WebsiteRedirect != "" && in.Attributes.WebsiteRedirect != source.Attributes.WebsiteRedirect ||
		in.Checksum != "" && in.Checksum != source.Checksum.Algorithm || in.Encryption.Kind != coffer.NotEncrypted
	// A version that is named may be an older one, which the copy brings back.
	if sameBucket && in.Key == in.SourceKey && in.SourceVersion == "" && !changed {
		return row{}, coffer.Errorf(coffer.InvalidRequest, "This copy request is illegal because it is trying to copy an object "+
			"to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	made := source
	made.Key, made.Lock, made.Restored = in.Key, in.Lock, time.Time{}
	if in.Replace {
		made.Attributes = in.Attributes
		return made, nil
	}
	made.Attributes.StorageClass = in.Attributes.StorageClass
	made.Attributes.WebsiteRedirect = in.Attributes.WebsiteRedirect
	return made, nil
}

// duplicate gives a body to one more object.
func (s Session) duplicate(tx meta.Tx, b body) (body, error) {
	switch b.kind {
	case bodyEmpty:
		return b, nil
	case bodyInline:
		data, err := tx.Get(dataKey(b.id))
		if err != nil {
			return b, err
		}
		if b.id, err = s.newBodyID(); err != nil {
			return b, err
		}
		return b, tx.Set(dataKey(b.id), data)
	}
	return b, share(tx, b)
}

// readSource reads all of a copy's source, which may not be the one any more that the
// transaction saw.
func (s Session) readSource(ctx context.Context, in CopyInput, alg coffer.ChecksumAlgorithm) (digests, error) {
	c, err := s.Get(ctx, GetInput{Bucket: in.SourceBucket, Key: in.SourceKey, Version: in.SourceVersion, CustomerKey: in.SourceCustomerKey})
	if err != nil {
		return digests{}, err
	}
	defer c.Close()
	d := newDigester(nil, alg, coffer.PutSizeMax)
	if _, err := c.WriteTo(ctx, d); err != nil {
		return digests{}, err
	}
	return digests{c.body.id, d.etagOf(c.Encryption, c.key), d.checksum()}, nil
}

// Source opens the source of an UploadPartCopy. The caller closes the reader, and
// not the content.
func (s Session) Source(ctx context.Context, in GetInput) (*Content, io.ReadCloser, error) {
	cond := in.If
	in.If = Conditions{}
	c, err := s.Get(ctx, in)
	if err != nil {
		return c, nil, ofSource(err)
	}
	if err := cond.checkSource(c.Object); err != nil {
		_ = c.Close()
		return nil, nil, err
	}
	r, w := io.Pipe()
	p := &sourceReader{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_, err := c.WriteTo(ctx, w)
		_ = c.Close()
		_ = w.CloseWithError(err)
	}()
	return c, p, nil
}

// ofSource is the refusal to read what is to be copied, as a copy says it: of a
// delete marker, an error of the request (AWS, "CopyObject" and "UploadPartCopy").
func ofSource(err error) error {
	if coffer.CodeOf(err) == coffer.MethodNotAllowed {
		return coffer.Errorf(coffer.InvalidRequest, "The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	return err
}

// sourceReader is the reading end of a Source, whose other end runs beside it.
type sourceReader struct {
	*io.PipeReader
	done chan struct{}
}

// Close ends the other end as well, and waits for it.
func (p *sourceReader) Close() error {
	err := p.PipeReader.Close()
	<-p.done
	return err
}
