package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// Range is a byte range as a client asks for it (RFC 9110, section 14.1.2).
type Range struct {
	// First and Last are positions, both included; Last is -1 for "to the end".
	First, Last int64
	// Suffix is how many bytes at the end are wanted; First and Last mean nothing
	// then.
	Suffix int64
	// FromEnd says that Suffix counts.
	FromEnd bool
}

// resolve turns the range into an offset and a length of an object of size bytes.
func (r Range) resolve(size int64) (offset, length int64, err error) {
	switch {
	case r.FromEnd:
		if r.Suffix <= 0 {
			return 0, 0, r.invalid(size)
		}
		n := min(r.Suffix, size)
		return size - n, n, nil
	case r.First < 0, r.First >= size, r.Last >= 0 && r.Last < r.First:
		return 0, 0, r.invalid(size)
	case r.Last < 0 || r.Last >= size:
		return r.First, size - r.First, nil
	}
	return r.First, r.Last - r.First + 1, nil
}

func (r Range) invalid(size int64) error {
	return (&coffer.Error{Code: coffer.InvalidRange}).
		With("RangeRequested", r.String()).
		With("ActualObjectSize", strconv.FormatInt(size, 10))
}

// String writes the range as in a Range header.
func (r Range) String() string {
	switch {
	case r.FromEnd:
		return fmt.Sprintf("bytes=-%d", r.Suffix)
	case r.Last < 0:
		return fmt.Sprintf("bytes=%d-", r.First)
	}
	return fmt.Sprintf("bytes=%d-%d", r.First, r.Last)
}

// GetInput names what Get and Head read.
type GetInput struct {
	Bucket coffer.BucketName
	Key    string
	// Version names one; "" is the current one.
	Version string
	If      Conditions
	Range   *Range
	// PartNumber asks for one part of a multipart object; 0 for none.
	PartNumber int
	// CustomerKey is the key of the client, for an object that was encrypted with it.
	CustomerKey coffer.Secret
	// Action is what the actor must be allowed; GetObject if it is not set.
	Action coffer.Action
}

func (in GetInput) action() coffer.Action {
	if in.Action == coffer.NoAction {
		return coffer.GetObject.OfVersion(in.Version)
	}
	return in.Action.OfVersion(in.Version)
}

// Content is an object that is being read: what is known of it, and the bytes
// from Offset on, Length of them.
type Content struct {
	coffer.Object
	Bucket coffer.Bucket
	Offset int64
	Length int64
	// Partial says that a range or part was asked for.
	Partial bool
	// PartChecksum is the checksum of the one part that was asked for, if it is of
	// the algorithm of the object's.
	PartChecksum string

	service *Service
	body    body
	inline  []byte
	buf     *[]byte // what inline belongs to, if it is not its own
	pieces  []piece
	pinned  bool
	key     crypt.Key // of an encrypted body
}

// Head reads what is known of an object, as Get does.
func (s Session) Head(ctx context.Context, in GetInput) (*Content, error) {
	return s.open(ctx, in, wantRecord)
}

// Get opens an object for reading. The bytes are those of one version, whatever
// is written meanwhile. The caller closes the content. With the error NotModified,
// and where a delete marker was found, there is a content as well, of no bytes,
// since the answer names its validators.
func (s Session) Get(ctx context.Context, in GetInput) (*Content, error) {
	return s.open(ctx, in, wantBytes)
}

// want is how much of an object is opened.
type want byte

const (
	wantRecord want = iota // what is known of it
	wantParts              // and its pieces
	wantBytes              // and its bytes, which stay until Close
)

func (s Session) open(ctx context.Context, in GetInput, wanted want) (*Content, error) {
	if err := coffer.CheckObjectKey(in.Key); err != nil {
		return nil, err
	}
	c, s := &Content{service: s.Service}, s.at(in.Version)
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		_ = c.Close()
		*c = Content{service: s.Service} // an earlier run may have found another object
		var err error
		if c.Bucket, err = s.bucket(r, in.Bucket, in.action(), in.Key); err != nil {
			return err
		}
		if in.Action == coffer.GetObjectAttributes {
			// It tells of the bytes, and needs both (AWS, "GetObjectAttributes", Permissions).
			if err := s.authorize(r, c.Bucket, coffer.GetObject.OfVersion(in.Version), in.Key); err != nil {
				return err
			}
		}
		o, err := findReadable(r, c.Bucket, in.Key, in.Version)
		if hidden := s.hide(r, c.Bucket, in.Key, err); hidden != err {
			return hidden
		}
		if o != nil && in.Action == coffer.GetObjectTagging {
			err = checkMarker(o.Object) // of the newest version too, unlike all other reads
		}
		if o != nil {
			c.Object, c.body, c.Length = o.Object, o.body, o.Size
		}
		if err != nil {
			return err
		}
		if len(c.Tags) > 0 && s.authorize(r, c.Bucket, coffer.GetObjectTagging.OfVersion(in.Version), in.Key) != nil {
			// Not even how many they are is told to who may not read them.
			c.Tags = nil
		}
		s.hideLock(r, c.Bucket, &c.Object)
		if readsBytes(in.action()) {
			if err := checkCustomerKey(c.Encryption, in.CustomerKey); err != nil {
				return err
			}
		}
		if err := in.If.checkRead(c.Object); err != nil {
			return err
		}
		if in.Version == "" { // AWS tells it of no version that is named
			if c.Expiry, err = s.expiry(r, c.Bucket, o.Object); err != nil {
				return err
			}
		}
		return c.locate(r, in, wanted)
	})
	if err == nil && wanted == wantBytes && c.Encryption != nil {
		err = c.unlock(ctx, in.CustomerKey)
	}
	if err != nil {
		_ = c.Close()
		if coffer.CodeOf(err) != coffer.NotModified && !c.DeleteMarker {
			c = nil
		}
	}
	return c, err
}

// findReadable reads a version that has bytes. With the error there is the delete
// marker that stands in its place, if it is one.
func findReadable(r meta.Reader, b coffer.Bucket, key, id string) (*version, error) {
	o, err := findVersion(r, b, key, id)
	if err != nil {
		return nil, err
	}
	if o != nil {
		return o, checkMarker(o.Object)
	}
	if id == "" && b.Versioning != coffer.VersioningUnset {
		if o, err = newestOther(r, b.ID, key); err != nil {
			return nil, err
		}
	}
	return o, noSuch(key, id)
}

// locate finds which bytes are wanted and where they are, while the snapshot
// that named them is at hand. The body is pinned first, so that reclaim leaves its
// blobs alone until Close.
func (c *Content) locate(r meta.Reader, in GetInput, wanted want) (err error) {
	if wanted == wantBytes && c.body.kind >= bodyBlob {
		c.service.readers.pin(c.body.id)
		c.pinned = true
	}
	if wanted >= wantParts || in.PartNumber > 0 {
		if err := c.readPieces(r); err != nil {
			return err
		}
	}
	switch {
	case in.PartNumber > 0:
		err = c.seekPart(in.PartNumber)
	case in.Range != nil:
		// The end of nothing is all of it (RFC 9110, section 14.1.2), and no part has a
		// Content-Range that could say so.
		c.Partial = c.Size > 0
		c.Offset, c.Length, err = in.Range.resolve(c.Size)
	}
	if err != nil || wanted != wantBytes || c.body.kind != bodyInline {
		return err
	}
	return c.readInline(r)
}

// readPieces finds the blobs of the object and checks that they add up to it.
func (c *Content) readPieces(r meta.Reader) (err error) {
	if c.pieces, err = c.body.pieces(r, c.Size); err != nil {
		return damaged(err)
	}
	var sum int64
	for _, p := range c.pieces {
		sum += p.size
	}
	if c.body.kind == bodyManifest && (sum != c.Size || len(c.pieces) != c.body.count) {
		return damagedObject(fmt.Errorf("%q has %d bytes in %d pieces, its record says %d in %d",
			c.Key, sum, len(c.pieces), c.Size, c.body.count))
	}
	return nil
}

// inlineCopyMax is how many bytes are copied to memory of their own; more come in
// a buffer that is used again after Close.
const inlineCopyMax = 4 << 10

// readInline copies the wanted bytes out of the snapshot.
func (c *Content) readInline(r meta.Reader) error {
	data, err := r.Get(dataKey(c.body.id))
	if err != nil {
		return damaged(fmt.Errorf("bytes of %q: %w", c.Key, err))
	}
	if c.Encryption != nil {
		c.inline = slices.Clone(data)
		return nil
	}
	if int64(len(data)) != c.Size {
		return damagedObject(fmt.Errorf("%q has %d bytes, its record says %d", c.Key, len(data), c.Size))
	}
	data = data[c.Offset : c.Offset+c.Length]
	if len(data) > inlineCopyMax && int64(len(data)) <= c.service.InlineMax {
		c.buf = c.service.buffers.Get().(*[]byte)
		c.inline = append((*c.buf)[:0], data...)
		return nil
	}
	c.inline = slices.Clone(data)
	return nil
}

// seekPart narrows the content to one part; an object that was not made of parts
// is its own part 1.
func (c *Content) seekPart(number int) error {
	c.Partial = true
	if c.PartsCount == 0 && number == 1 {
		return nil
	}
	var offset int64
	for i, p := range c.pieces {
		if i+1 == number && c.PartsCount > 0 {
			c.Offset, c.Length = offset, p.size
			if p.checksum.Algorithm == c.Checksum.Algorithm {
				c.PartChecksum = p.checksum.Value
			}
			return nil
		}
		offset += p.size
	}
	return (&coffer.Error{Code: coffer.InvalidPartNumber}).
		With("ActualPartCount", strconv.Itoa(max(1, c.PartsCount))).
		With("PartNumberRequested", strconv.Itoa(number))
}

// WriteTo writes the wanted bytes. Each was verified before it is written; when
// one is found damaged the error comes instead of it, after what stood before.
func (c *Content) WriteTo(ctx context.Context, w io.Writer) (int64, error) {
	if c.body.kind <= bodyInline {
		n, err := w.Write(c.inline)
		return int64(n), err
	}
	var written int64
	offset, left := c.Offset, c.Length
	for _, p := range c.pieces {
		if offset >= p.size {
			offset -= p.size
			continue
		}
		if left == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return written, err
		}
		n, err := c.service.copyPiece(ctx, w, p, c.key, offset, min(left, p.size-offset))
		written += n
		if err != nil {
			return written, err
		}
		offset, left = 0, left-n
	}
	if left != 0 {
		return written, fmt.Errorf("%q: its pieces are %d bytes short", c.Key, left)
	}
	return written, nil
}

func (s *Service) copyPiece(ctx context.Context, w io.Writer, p piece, key crypt.Key, offset, n int64) (int64, error) {
	b, err := s.Blobs.Open(ctx, p.ref)
	if err != nil {
		return 0, damaged(fmt.Errorf("open blob %s: %w", p.ref, err))
	}
	defer b.Close()
	if key.Set() {
		return decryptPiece(w, b, p, key, offset, n)
	}
	if b.Size() != p.size {
		return 0, damaged(fmt.Errorf("blob %s has %d bytes, its record says %d: %w", p.ref, b.Size(), p.size, blob.ErrNotFound))
	}
	written, err := b.CopyRange(w, offset, n)
	return written, damaged(err)
}

// damaged classifies an error of either store: bytes that are named by the
// metadata and are not there, or not as they were, are a damaged object.
func damaged(err error) error {
	_, ok := errors.AsType[*blob.DamagedError](err)
	if ok || errors.Is(err, blob.ErrNotFound) || errors.Is(err, meta.ErrNotFound) {
		return damagedObject(err)
	}
	return err
}

func damagedObject(err error) error { return (&coffer.Error{Code: coffer.ObjectDamaged}).Wrap(err) }

// Close lets reclaim have the bytes, once nothing names them. Nothing of the
// content may be used after it.
func (c *Content) Close() error {
	if c.pinned {
		c.service.readers.unpin(c.body.id)
		c.pinned = false
	}
	if c.buf != nil {
		c.service.buffers.Put(c.buf)
		c.buf, c.inline = nil, nil
	}
	return nil
}
