package objects

import (
	"encoding/binary"
	"fmt"

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
	r.Int(4, int64(o.PartsCount))
	encodeChecksum(r, 5, o.Checksum)
	encodeAttributes(r, 10, o.Attributes)
	r.Int(30, int64(o.body.kind))
	r.Blob(31, o.body.id[:])
	r.Text(32, string(o.body.ref))
	r.Int(33, int64(o.body.pages))
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
			o.PartsCount = int(f.Int())
		case 30:
			o.body.kind = bodyKind(f.Int())
		case 31:
			if copy(o.body.id[:], f.Blob()) != len(o.body.id) {
				return fmt.Errorf("the body ID is short")
			}
		case 32:
			o.body.ref = blob.Ref(f.Text())
		case 33:
			o.body.pages = int(f.Int())
		default:
			if decodeChecksum(f, 5, &o.Checksum) || decodeAttributes(f, 10, &o.Attributes) {
				return nil
			}
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return o, fmt.Errorf("object record of %q: %w", key, err)
	}
	return o, nil
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
		c.Algorithm = coffer.ChecksumAlgorithm(f.Text())
	case 1:
		c.Type = coffer.ChecksumType(f.Text())
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
		if a.Metadata == nil {
			a.Metadata = map[string]string{}
		}
		name, value, _ := cutNUL(f.Text())
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
