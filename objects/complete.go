package objects

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"coffer"
	"coffer/meta"
)

// CompleteInput says which parts an object is made of.
type CompleteInput struct {
	Bucket coffer.BucketName
	Key    string
	Upload coffer.UploadID
	// Parts have Number and ETag, and Checksum if the client gave one.
	Parts []coffer.Part
	If    Conditions
	// Size is what the client says the object will have; -1 if it does not say.
	Size int64
	// Checksum is what the client says of the whole; empty if it does not.
	Checksum coffer.Checksum
	// CustomerKey must be that of the upload, if there is one. As in AWS, an upload
	// that was begun with a checksum algorithm needs it, and others do not.
	CustomerKey coffer.Secret
}

// Complete makes an object of uploaded parts. No byte moves. Asked again for the same
// parts, it answers the same again.
func (s Session) Complete(ctx context.Context, in CompleteInput) (coffer.Object, error) {
	s.cause = causeComplete
	if err := checkPartList(in.Upload, in.Parts); err != nil {
		return coffer.Object{}, err
	}
	if err := s.Writable(); err != nil {
		return coffer.Object{}, err
	}
	id, err := s.newBodyID()
	if err != nil {
		return coffer.Object{}, err
	}
	var made coffer.Object
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, u, err := s.upload(tx, in.Bucket, in.Key, in.Upload, coffer.PutObject)
		if coffer.CodeOf(err) == coffer.NoSuchUpload {
			made, err = answeredBefore(tx, b, in, err)
			return err
		}
		if err != nil {
			return err
		}
		if len(in.Parts) == 0 {
			return coffer.Errorf(coffer.InvalidRequest, "You must specify at least one part")
		}
		made, err = s.complete(tx, b, u, in, id)
		return err
	})
	return made, err
}

func checkPartList(id coffer.UploadID, parts []coffer.Part) error {
	for i, p := range parts {
		if p.Number < 1 || p.Number > coffer.PartNumberMax {
			return coffer.Errorf(coffer.InvalidArgument, "PartNumber must be an integer between 1 and %d, inclusive",
				coffer.PartNumberMax).With("ArgumentName", "PartNumber").With("ArgumentValue", strconv.Itoa(p.Number))
		}
		if i > 0 && p.Number <= parts[i-1].Number {
			return (&coffer.Error{Code: coffer.InvalidPartOrder}).With("UploadId", string(id))
		}
	}
	return nil
}

// answeredBefore is the answer to a Complete whose upload is gone because the
// same was asked before; otherwise it is notFound.
func answeredBefore(r meta.Reader, b coffer.Bucket, in CompleteInput, notFound error) (coffer.Object, error) {
	if len(in.Upload) != uploadIDLen {
		return coffer.Object{}, notFound
	}
	value, err := r.Get(finishedKey(in.Upload))
	if errors.Is(err, meta.ErrNotFound) {
		return coffer.Object{}, notFound
	}
	if err != nil {
		return coffer.Object{}, err
	}
	f, err := decodeFinished(value)
	if err != nil {
		return coffer.Object{}, fmt.Errorf("record of the finished upload %s: %w", in.Upload, err)
	}
	if f.bucket != b.ID || f.object.Key != in.Key || !namesParts(in.Parts, f.object.ETag) {
		return coffer.Object{}, notFound
	}
	return f.object, nil
}

// namesParts tells whether the list is of the parts that an object with that entity
// tag was made of: a Complete that names others is another one, not the same again.
func namesParts(parts []coffer.Part, etag string) bool {
	var a assembly
	for _, p := range parts {
		sum, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return false
		}
		a.md5s, a.pieces = append(a.md5s, sum...), append(a.pieces, piece{})
	}
	return a.etag() == etag
}

func (s Session) complete(tx meta.Tx, b coffer.Bucket, u uploadRow, in CompleteInput, id bodyID) (coffer.Object, error) {
	o := row{Object: coffer.Object{Key: u.Key, Attributes: u.Attributes, Tags: u.Tags, ACL: u.ACL, Lock: u.Lock,
		PartsCount: len(in.Parts), Encryption: u.Encryption}}
	if !in.CustomerKey.Empty() || u.Checksum.Algorithm != "" {
		if err := checkUploadKey(u.Encryption, in.CustomerKey); err != nil {
			return o.Object, err
		}
	}
	a, err := newAssembly(u.Checksum, in.Checksum)
	if err != nil {
		return o.Object, err
	}
	all, err := allParts(tx, u.ID)
	if err != nil {
		return o.Object, err
	}
	for i, want := range in.Parts {
		p, err := s.chosenPart(all, u.Upload, want, i == len(in.Parts)-1)
		if err != nil {
			return o.Object, err
		}
		if err := a.add(p); err != nil {
			return o.Object, err
		}
	}
	o.Size, o.ETag = a.size, a.etag()
	if in.Size >= 0 && in.Size != o.Size {
		return o.Object, coffer.Errorf(coffer.InvalidRequest,
			"The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", in.Size, o.Size)
	}
	if o.Size > coffer.ObjectSizeMax {
		return o.Object, tooLarge(o.Size, coffer.ObjectSizeMax)
	}
	if o.Checksum, err = a.checksum(in.Checksum); err != nil {
		return o.Object, err
	}
	if o.body, err = writeManifest(tx, id, a.pieces); err != nil {
		return o.Object, err
	}
	// The parts go before the object comes, so that a quota counts them once.
	if err := s.dropParts(tx, b, u.ID, all, in.Parts); err != nil {
		return o.Object, err
	}
	if err := undisturbed(tx, b, u.Upload, in.If); err != nil {
		return o.Object, err
	}
	if err := s.replace(tx, b, &o, in.If); err != nil {
		return o.Object, err
	}
	return o.Object, errors.Join(
		endUpload(tx, b, u),
		tx.Set(finishedKey(u.ID), encodeFinished(finished{b.ID, o.Object})))
}

// undisturbed refuses an If-Match that holds of an object which was written after
// the upload was begun, and an If-None-Match that holds of a delete marker which was:
// whoever began it had another one before them (AWS, "CompleteMultipartUpload"). In a
// bucket without versions nothing tells that there was a delete.
func undisturbed(r meta.Reader, b coffer.Bucket, u coffer.Upload, cond Conditions) error {
	if cond.IfMatch == "" && cond.IfNoneMatch == "" {
		return nil
	}
	old, err := currentRow(r, b.ID, u.Key)
	if err != nil {
		return err
	}
	switch {
	case old != nil && cond.IfMatch != "" && matches(cond.IfMatch, old.ETag) && old.Modified.After(u.Initiated):
		return disturbed(u, "If-Match")
	case old == nil && cond.IfNoneMatch != "" && b.Versioning != coffer.VersioningUnset:
		marker, err := newestOther(r, b.ID, u.Key)
		if err != nil || marker == nil || !marker.Modified.After(u.Initiated) {
			return err
		}
		return disturbed(u, "If-None-Match")
	}
	return nil
}

func disturbed(u coffer.Upload, condition string) error {
	return coffer.Errorf(coffer.ConditionalRequestConflict, "The conditional request cannot succeed due to a conflicting operation against this resource.").
		With("Condition", condition).With("Key", u.Key)
}

// chosenPart finds a part that Complete names and checks it against what the
// client says of it.
func (s *Service) chosenPart(all map[int]partRow, u coffer.Upload, want coffer.Part, last bool) (partRow, error) {
	invalid := (&coffer.Error{Code: coffer.InvalidPart}).With("UploadId", string(u.ID)).
		With("PartNumber", strconv.Itoa(want.Number)).With("ETag", strings.Trim(want.ETag, `"`))
	p, ok := all[want.Number]
	if !ok || strings.Trim(want.ETag, `"`) != p.ETag {
		return p, invalid
	}
	switch c := want.Checksum; {
	case c.Algorithm == "" && u.Checksum.Type == coffer.Composite:
		return p, coffer.Errorf(coffer.InvalidRequest, "The upload was created using a %s checksum. The complete request must include "+
			"the checksum for each part. It was missing for part %d in the request.", lower(u.Checksum.Algorithm), p.Number)
	case c.Algorithm == "" || c.Algorithm == p.Checksum.Algorithm && c.Value == p.Checksum.Value:
	case c.Algorithm != p.Checksum.Algorithm && u.Checksum.Algorithm != "":
		return p, coffer.Errorf(coffer.BadDigest, "The %s you specified for part %d did not match what we received.", lower(c.Algorithm), p.Number)
	default:
		return p, invalid
	}
	if !last && p.Size < s.PartSizeMin {
		return p, (&coffer.Error{Code: coffer.EntityTooSmall}).
			With("ProposedSize", strconv.FormatInt(p.Size, 10)).
			With("MinSizeAllowed", strconv.FormatInt(s.PartSizeMin, 10)).
			With("PartNumber", strconv.Itoa(p.Number)).With("ETag", p.ETag)
	}
	return p, nil
}

// assembly adds up what the parts come to.
type assembly struct {
	pieces []piece
	size   int64
	md5s   []byte
	sums   []byte // the raw checksums of the parts
	joined *joiner
	kind   coffer.Checksum // algorithm and type of the whole
}

// newAssembly settles the checksum of the whole: what the upload was begun with,
// else CRC64NVME over all bytes.
func newAssembly(begun, said coffer.Checksum) (*assembly, error) {
	if begun.Algorithm == "" {
		begun = coffer.Checksum{Algorithm: coffer.CRC64NVME, Type: coffer.FullObject}
	} else if said.Algorithm != "" && said.Algorithm != begun.Algorithm {
		return nil, coffer.Errorf(coffer.InvalidRequest, "The upload was created using a %s checksum. "+
			"The complete request must use the same checksum.", lower(begun.Algorithm))
	}
	if said.Type != "" && said.Type != begun.Type {
		return nil, coffer.Errorf(coffer.InvalidRequest, "The upload was created using the %s checksum mode. "+
			"The complete request must use the same checksum mode.", begun.Type)
	}
	a := &assembly{kind: begun}
	if begun.Type == coffer.FullObject {
		a.joined = newJoiner(begun.Algorithm)
	}
	return a, nil
}

func (a *assembly) add(p partRow) error {
	sum, err := hex.DecodeString(p.ETag)
	if err != nil {
		return fmt.Errorf("etag of part %d: %w", p.Number, err)
	}
	a.md5s = append(a.md5s, sum...)
	a.size += p.Size
	a.pieces = append(a.pieces, piece{number: p.Number, size: p.Size, ref: p.ref, salt: p.salt,
		checksum: coffer.Checksum{Algorithm: p.Checksum.Algorithm, Value: p.Checksum.Value}})
	value := p.Checksum.Value
	if p.Checksum.Algorithm != a.kind.Algorithm {
		// Of an upload that was begun without an algorithm.
		value = p.crc64
	}
	switch {
	case a.joined != nil:
		return a.joined.add(value, p.Size)
	case a.kind.Type == coffer.Composite:
		raw, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
		if err != nil {
			return fmt.Errorf("checksum of part %d: %w", p.Number, err)
		}
		a.sums = append(a.sums, raw...)
	}
	return nil
}

// etag is the MD5 of the parts' MD5s, with how many they are.
func (a *assembly) etag() string {
	sum := md5.Sum(a.md5s)
	return hex.EncodeToString(sum[:]) + "-" + strconv.Itoa(len(a.pieces))
}

// checksum is the checksum of the whole; it must be what the client said.
func (a *assembly) checksum(said coffer.Checksum) (coffer.Checksum, error) {
	c := a.kind
	switch {
	case a.joined != nil:
		c.Value = a.joined.value()
	case c.Type == coffer.Composite:
		h := newHash(c.Algorithm)
		h.Write(a.sums)
		c.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(a.pieces))
	}
	if said.Algorithm == c.Algorithm && said.Value != "" {
		if got, _, _ := strings.Cut(c.Value, "-"); said.Value != c.Value && said.Value != got {
			return c, badChecksum(c.Algorithm, said.Value, c.Value)
		}
	}
	return c, nil
}
