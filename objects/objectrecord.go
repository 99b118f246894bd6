package objects

import (
	"encoding/binary"
	"fmt"
	"strings"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

const objectVersion = 1

// row is the record of an object: what is known of it, and where its bytes are.
type row struct {
	coffer.Object
	body body
}

func objectKey(id coffer.BucketID, key string) []byte {
	return meta.Key(meta.PrefixObject, meta.KeyUint64(uint64(id)), []byte(key))
}

func encodeRow(o row) []byte {
	r := meta.NewRecord(objectVersion)
	r.Int(1, o.Size)
	r.Text(2, o.ETag)
	r.Time(3, o.Modified)
	r.Int(4, int64(o.body.count))
	encodeChecksum(r, 5, o.Checksum)
	encodeAttributes(r, 10, o.Attributes)
	encodeTags(r, fieldTag, o.Tags)
	encodeEncryption(r, o.Encryption)
	r.Int(30, int64(o.body.kind))
	r.Blob(31, o.body.id[:])
	r.Text(32, string(o.body.ref))
	r.Int(33, int64(o.body.pages))
	r.Text(fieldVersionID, o.VersionID)
	r.Int(fieldDeleteMarker, intOf(o.DeleteMarker))
	encodeACL(r, o.ACL)
	encodeLock(r, o.Lock)
	r.Time(fieldRestored, o.Restored)
	encodeReplication(r, o.Replication)
	return r.Bytes()
}

func decodeRow(key string, value []byte) (row, error) {
	o := row{Object: coffer.Object{Key: key}}
	err := meta.ReadRecord(value, objectVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			o.Size = f.Int()
		case 2:
			o.ETag = f.Text()
		case 3:
			o.Modified = f.Time()
		case 4:
			o.body.count = int(f.Int())
		case 30:
			o.body.kind = bodyKind(f.Int())
		case 31:
			if copy(o.body.id[:], f.Blob()) != len(f.Blob()) {
				return fmt.Errorf("the body ID is %d bytes long", len(f.Blob()))
			}
		case 32:
			o.body.ref = blob.Ref(f.Text())
		case 33:
			o.body.pages = int(f.Int())
		case fieldVersionID:
			o.VersionID = f.Text()
		case fieldDeleteMarker:
			o.DeleteMarker = f.Int() != 0
		case fieldRestored:
			o.Restored = f.Time()
		default:
			if decodeChecksum(f, 5, &o.Checksum) || decodeAttributes(f, 10, &o.Attributes) ||
				decodeTag(f, fieldTag, &o.Tags) || decodeACL(f, &o.ACL) || decodeLock(f, &o.Lock) || decodeEncryption(f, &o.Encryption) ||
				decodeReplication(f, &o.Replication) {
				return nil
			}
			return f.Unknown()
		}
		return nil
	})
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return o, fmt.Errorf("object record of %q: %w", key, err)
	}
	// The pieces of a copy are no parts, as its entity tag says.
	if strings.Contains(o.ETag, "-") {
		o.PartsCount = o.body.count
	}
	return o, nil
}

// check refuses what encodeRow was never given.
func (o row) check() error {
	ok := o.Size >= 0 && (o.ETag != "") != o.DeleteMarker && o.body.count >= 0 && o.body.id != bodyID{} &&
		(o.VersionID == "" || len(o.VersionID) == coffer.VersionIDLen) && (!o.DeleteMarker || o.body.kind == bodyEmpty) && checkLock(o.Lock)
	switch o.body.kind {
	case bodyEmpty:
		ok = ok && o.Size == 0
	case bodyInline:
		ok = ok && o.Size > 0 && o.Size <= inlineLimit
	case bodyBlob:
		ok = ok && o.body.ref.Valid()
	case bodyManifest:
		ok = ok && o.body.pages > 0 && o.body.pages <= manifestPagesMax && o.body.count > 0
	default:
		ok = false
	}
	if err := checkEncryption(o.Encryption); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%d bytes in %d pieces, body %d %x %q %d: this cannot be",
			o.Size, o.body.count, o.body.kind, o.body.id, o.body.ref, o.body.pages)
	}
	return nil
}

// decodeListed reads what a list shows of an object, and no more: it is a page of
// a thousand that is read.
func decodeListed(key string, value []byte) (coffer.Object, error) {
	o := coffer.Object{Key: key}
	err := meta.ReadRecord(value, objectVersion, func(f meta.Field) error {
		switch n := f.Number; {
		case n == 1:
			o.Size = f.Int()
		case n == 2:
			o.ETag = f.Text()
		case n == 3:
			o.Modified = f.Time()
		case n == 5:
			o.Checksum.Algorithm = algorithmOf(f)
		case n == 6:
			o.Checksum.Type = typeOf(f)
		case n == 17:
			o.Attributes.StorageClass = f.Text()
		case n == fieldVersionID:
			o.VersionID = f.Text()
		case n == fieldDeleteMarker:
			o.DeleteMarker = f.Int() != 0
		case n == fieldRestored:
			o.Restored = f.Time()
		case n == 4, n == 7, 10 <= n && n <= 18, n == fieldTag, 30 <= n && n <= 33, fieldLockMode <= n && n <= fieldLockHold,
			fieldEncryption <= n && n <= fieldEncryptionLast, fieldReplica <= n && n <= fieldReplicationLast:
		default:
			if !decodeListedOwner(f, &o.ACL) {
				return f.Unknown()
			}
		}
		return nil
	})
	if err == nil && (o.Size < 0 || (o.ETag == "") != o.DeleteMarker) {
		err = fmt.Errorf("%d bytes with the entity tag %q: this cannot be", o.Size, o.ETag)
	}
	if err != nil {
		return o, fmt.Errorf("object record of %q: %w", key, err)
	}
	return o, nil
}

// algorithmOf is the field as an algorithm, without a copy of the text.
func algorithmOf(f meta.Field) coffer.ChecksumAlgorithm {
	for _, a := range coffer.ChecksumAlgorithms {
		if string(f.Blob()) == string(a) {
			return a
		}
	}
	return coffer.ChecksumAlgorithm(f.Text())
}

// typeOf is the field as a checksum type, without a copy of the text.
func typeOf(f meta.Field) coffer.ChecksumType {
	switch string(f.Blob()) {
	case string(coffer.Composite):
		return coffer.Composite
	case string(coffer.FullObject):
		return coffer.FullObject
	}
	return coffer.ChecksumType(f.Text())
}

// encodeChecksum takes the fields first to first+2.
func encodeChecksum(r *meta.Record, first int, c coffer.Checksum) {
	r.Text(first, string(c.Algorithm))
	r.Text(first+1, string(c.Type))
	r.Text(first+2, c.Value)
}

func decodeChecksum(f meta.Field, first int, c *coffer.Checksum) bool {
	switch f.Number - first {
	case 0:
		c.Algorithm = algorithmOf(f)
	case 1:
		c.Type = typeOf(f)
	case 2:
		c.Value = f.Text()
	default:
		return false
	}
	return true
}

// encodeAttributes takes the fields first to first+8; user metadata is one field
// for each name, the name ended by a NUL.
func encodeAttributes(r *meta.Record, first int, a coffer.Attributes) {
	r.Text(first, a.ContentType)
	r.Text(first+1, a.ContentEncoding)
	r.Text(first+2, a.ContentDisposition)
	r.Text(first+3, a.ContentLanguage)
	r.Text(first+4, a.CacheControl)
	r.Text(first+5, a.Expires)
	r.Text(first+6, a.WebsiteRedirect)
	r.Text(first+7, a.StorageClass)
	for _, name := range sortedNames(a.Metadata) {
		r.Text(first+8, name+"\x00"+a.Metadata[name])
	}
}

func decodeAttributes(f meta.Field, first int, a *coffer.Attributes) bool {
	switch f.Number - first {
	case 0:
		a.ContentType = f.Text()
	case 1:
		a.ContentEncoding = f.Text()
	case 2:
		a.ContentDisposition = f.Text()
	case 3:
		a.ContentLanguage = f.Text()
	case 4:
		a.CacheControl = f.Text()
	case 5:
		a.Expires = f.Text()
	case 6:
		a.WebsiteRedirect = f.Text()
	case 7:
		a.StorageClass = f.Text()
	case 8:
		name, value, ok := cutNUL(f.Text())
		if !ok {
			return false
		}
		if a.Metadata == nil {
			a.Metadata = map[string]string{}
		}
		a.Metadata[name] = value
	default:
		return false
	}
	return true
}

// readRow reads the current version of key; meta.ErrNotFound if there is none.
func readRow(r meta.Reader, id coffer.BucketID, key string) (row, error) {
	value, err := r.Get(objectKey(id, key))
	if err != nil {
		return row{}, err
	}
	return decodeRow(key, value)
}

// bucketIDOf reads the bucket's ID from a key that begins with it.
func bucketIDOf(key []byte) coffer.BucketID {
	return coffer.BucketID(binary.BigEndian.Uint64(key[1:9]))
}
