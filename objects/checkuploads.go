package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// checkUploads reads the uploads in progress, and notes their IDs for the parts.
func (c *checker) checkUploads() error {
	return c.walk([]byte{meta.PrefixUpload}, func(key, value []byte) error {
		c.sum.Uploads++
		object, id, err := "", coffer.UploadID(""), errors.New("it is cut")
		if len(key) > 9 {
			object, id, err = splitUploadKey(key[9:])
		}
		if err != nil || len(id) != uploadIDLen {
			c.unsure = true
			return c.found(foundUpload, key, fmt.Sprintf("its key is malformed: %v", err), nil)
		}
		// Without a bucket the parts of the upload go with it.
		bucket := bucketIDOf(key)
		if c.buckets[bucket] == nil {
			gone, err := c.gone(bucket)
			if err != nil {
				return err
			}
			if gone {
				return c.found(foundUploadLeft, key, "", meta.Drop(key, value))
			}
		}
		if err := c.uploads.add([]byte(id), key[1:9]); err != nil {
			return err
		}
		u, err := decodeUpload(object, id, value)
		if err != nil {
			return c.found(foundUpload, key, err.Error(), nil)
		}
		if b := c.buckets[bucket]; b != nil && u.counted {
			b.sums[sumUploads]++
			c.accounts[b.Account][sumUploads]++
		}
		return nil
	})
}

// checkParts reads the parts, which come by upload as the uploads were sorted, and
// the answers kept of finished uploads.
func (c *checker) checkParts() error {
	uploads, err := c.uploads.sorted()
	if err != nil {
		return err
	}
	err = c.walk([]byte{meta.PrefixPart}, func(key, value []byte) error {
		id, rest, ok := bytes.Cut(key[1:], []byte{0})
		if !ok || len(rest) != 2 {
			return c.found(foundPartLeft, key, "the key of the record is malformed", meta.Drop(key, value))
		}
		p, err := decodePart(partNumberOf(key), value)
		if err != nil {
			c.unsure = true
			return c.found(foundPart, key, err.Error(), nil)
		}
		for head := uploads.peek(); head != nil && bytes.Compare(head[:len(head)-8], id) < 0; head = uploads.peek() {
			if err := uploads.advance(); err != nil {
				return err
			}
		}
		var bucket bodyID // of the upload, if there is one
		head := uploads.peek()
		known := head != nil && bytes.Equal(head[:len(head)-8], id)
		if known {
			copy(bucket[:], head[len(head)-8:])
		}
		if err := c.names(piece{ref: p.ref}, storedSize(p.Size, p.salt != crypt.Salt{}), namedByPart, bucket, key); err != nil {
			return err
		}
		if !known {
			if c.unsure {
				return nil
			}
			key, value := bytes.Clone(key), bytes.Clone(value)
			return c.found(foundPartLeft, key, "", meta.Unchanged(key, value, func(tx meta.Tx) error {
				return errors.Join(c.discard(tx, p.ref, bodyID{}), tx.Delete(key))
			}))
		}
		if b := c.buckets[coffer.BucketID(binary.BigEndian.Uint64(head[len(head)-8:]))]; b != nil {
			b.sums[sumParts] += p.Size
			c.accounts[b.Account][sumParts] += p.Size
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.walk([]byte{meta.PrefixFinished}, func(key, value []byte) error {
		if _, err := decodeFinished(value); err != nil {
			return c.found(foundFinished, key, err.Error(), meta.Drop(key, value))
		}
		return nil
	})
}

// checkGarbage notes the blobs that are to be removed.
func (c *checker) checkGarbage() error {
	return c.walk([]byte{meta.PrefixGarbage}, func(key, value []byte) error {
		if len(key) <= 9 || !blob.Ref(key[9:]).Valid() || len(value) != 0 && len(value) != len(bodyID{}) {
			return c.found(foundGarbage, key, fmt.Sprintf("it says %x", value), meta.Drop(key, value))
		}
		by := namedByGarbage
		if len(value) == 0 {
			by = namedByCondemned
		}
		return c.names(piece{ref: blob.Ref(key[9:])}, 0, by, bodyID{}, key)
	})
}
