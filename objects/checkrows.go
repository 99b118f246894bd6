package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"coffer"
	"coffer/crypt"
	"coffer/meta"
)

// checkObjects reads all current objects.
func (c *checker) checkObjects() error {
	return c.walk([]byte{meta.PrefixObject}, func(key, value []byte) error {
		c.sum.Objects++
		if len(key) < 10 {
			return c.found(foundObject, key, "the key of the record is malformed", meta.Drop(key, value))
		}
		_, err := c.checkRow(key, string(key[9:]), value)
		return err
	})
}

// checkVersions reads all versions that are not current, and the records that say
// where the versions called null are.
func (c *checker) checkVersions() error {
	var last []byte // bucket and object key of the record before
	err := c.walk([]byte{meta.PrefixVersion}, func(key, value []byte) error {
		c.sum.Versions++
		object, position, err := "", "", errors.New("it is cut")
		if len(key) > 9 {
			object, position, err = splitVersionKey(string(key[9:]))
		}
		if err != nil {
			return c.found(foundObject, key, err.Error(), meta.Drop(key, value))
		}
		newest := !bytes.Equal(last, key[:9+len(object)])
		last = append(last[:0], key[:9+len(object)]...)
		o, err := c.checkRow(key, object, value)
		if err != nil || o == nil {
			return err
		}
		if o.position() != position {
			return c.found(foundPosition, key, "its place should be "+o.position(), nil)
		}
		if o.VersionID == "" {
			if err := c.checkNull(key, object, position); err != nil {
				return err
			}
		}
		if newest {
			return c.checkNewest(key, *o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.walk([]byte{meta.PrefixNullVersion}, func(key, value []byte) error {
		if len(key) > 9 && len(value) == coffer.VersionIDLen {
			row, err := meta.Peek(c.reader, versionKey(bucketIDOf(key), string(key[9:]), string(value)))
			if err != nil {
				return err
			}
			if o, err := decodeRow(string(key[9:]), row); row != nil && (err != nil || o.VersionID == "") {
				return nil
			}
		}
		return c.found(foundNullLeft, key, "", meta.Drop(key, value))
	})
}

// checkNull compares where a version called null stands with what is recorded.
func (c *checker) checkNull(key []byte, object, position string) error {
	at := nullVersionKey(bucketIDOf(key), object)
	value, err := meta.Peek(c.reader, at)
	if err != nil || string(value) == position {
		return err
	}
	return c.found(foundNull, key, fmt.Sprintf("the record says %q", value),
		meta.Unchanged(at, value, func(tx meta.Tx) error { return tx.Set(at, []byte(position)) }))
}

// checkNewest compares the newest version that is not current with the current one.
func (c *checker) checkNewest(key []byte, o row) error {
	id := bucketIDOf(key)
	value, err := meta.Peek(c.reader, objectKey(id, o.Key))
	if err != nil {
		return err
	}
	if value != nil {
		current, err := decodeRow(o.Key, value)
		if err == nil && current.position() >= o.position() {
			return c.found(foundOrder, key, "the current version is "+coffer.VersionName(current.VersionID), nil)
		}
		return nil // what cannot be read was found before
	}
	b := c.buckets[id]
	if o.DeleteMarker || b == nil {
		return nil
	}
	return c.found(foundHidden, key, "", func(tx meta.Tx) error { return promote(tx, b.Bucket, o.Key) })
}

// checkRow reads the record of an object, counts it, and notes which bytes it has.
// The row is nil if it cannot be read, which was reported then.
func (c *checker) checkRow(key []byte, object string, value []byte) (*row, error) {
	o, err := decodeRow(object, value)
	if err == nil {
		err = coffer.CheckObjectKey(object)
	}
	if err != nil {
		c.unsure = true
		return nil, c.found(foundObject, key, err.Error(), meta.Drop(key, value))
	}
	if b := c.buckets[bucketIDOf(key)]; b != nil {
		c.count(b, key[0], o.Size)
	} else if !c.unsure {
		if err := c.found(foundNoBucket, key, "", nil); err != nil {
			return nil, err
		}
	}
	if err := c.checkSealed(key, o); err != nil {
		return nil, err
	}
	return &o, c.checkBody(key, o)
}

// checkSealed reports an object whose own key does not open, which is lost with it. If
// the key to open it with was not given to the check, nobody can tell.
func (c *checker) checkSealed(key []byte, o row) error {
	if !underInstanceKey(o) {
		return nil
	}
	c.sealed = true
	if !c.instanceKey.Set() {
		if there, err := HasKey(c.reader); there || err != nil {
			return err
		}
		return c.lost(foundKeyLost, key, o.body.id, "the key of objects is missing")
	}
	if _, err := c.instanceKey.Unwrap(sealedSSES3, []byte(o.Encryption.Sealed)); err != nil {
		return c.lost(foundKeyLost, key, o.body.id, err.Error())
	}
	return nil
}

func (c *checker) count(b *checkedBucket, prefix byte, size int64) {
	for _, s := range []*sums{&b.sums, c.accounts[b.Account]} {
		s[sumBytes] += size
		if prefix == meta.PrefixObject {
			s[sumObjects]++
		} else {
			s[sumVersions]++
		}
	}
	if prefix == meta.PrefixVersion {
		b.sums[sumVersionBytes] += size
	}
}

// checkBody notes the body of an object among those to be joined, and its blobs.
func (c *checker) checkBody(key []byte, o row) error {
	if o.body.kind == bodyEmpty {
		return nil
	}
	stored := storedSize(o.Size, o.Encryption != nil)
	head := append(bytes.Clone(o.body.id[:]), byte(o.body.kind))
	head = binary.BigEndian.AppendUint32(head, uint32(o.body.pages))
	if err := c.bodies.add(binary.BigEndian.AppendUint64(head, uint64(stored)), key); err != nil {
		return err
	}
	switch o.body.kind {
	case bodyBlob:
		return c.names(piece{ref: o.body.ref}, stored, namedByBody, o.body.id, key)
	case bodyManifest:
		return c.checkManifest(key, o)
	}
	return nil
}

// storedSize is how many bytes the store has of so many, if they are encrypted.
func storedSize(size int64, encrypted bool) int64 {
	if encrypted {
		return crypt.StoredSize(size)
	}
	return size
}

// checkManifest reads the pages of an object's parts, and notes the blobs.
func (c *checker) checkManifest(key []byte, o row) error {
	var all []piece
	for page := range o.body.pages {
		value, err := meta.Peek(c.reader, manifestKey(o.body.id, page))
		if err != nil {
			return err
		}
		if value == nil {
			err = fmt.Errorf("page %d is missing", page)
		} else {
			all, err = decodeManifest(all, value)
		}
		if err != nil {
			c.unsure = true
			return c.lost(foundManifest, key, o.body.id, err.Error())
		}
	}
	var sum int64
	for _, p := range all {
		sum += p.size
		if err := c.names(p, storedSize(p.size, p.salt != crypt.Salt{}), namedByBody, o.body.id, key); err != nil {
			return err
		}
	}
	if sum != o.Size || len(all) != o.body.count {
		return c.lost(foundManifest, key, o.body.id, fmt.Sprintf("%d bytes in %d pieces, the object has %d in %d", sum, len(all), o.Size, o.body.count))
	}
	return nil
}

// lost reports an object whose bytes cannot all be read.
func (c *checker) lost(k coffer.FindingKind, key []byte, id bodyID, detail string) error {
	f := c.about(k, key).Because(detail)
	if f.Version == "" || f.Bucket == "" {
		return c.Found(f, c.removes(key, id))
	}
	value, err := meta.Peek(c.reader, key)
	if err != nil {
		return err
	}
	if o, err := decodeRow(f.Key, value); err == nil {
		f.Version = coffer.VersionName(o.VersionID)
	}
	return c.Found(f, c.removes(key, id))
}

// removes is the mend of an object whose bytes are lost: it ends the version at key,
// if that still has the body and no lock.
func (c *checker) removes(key []byte, id bodyID) func(meta.Tx) error {
	b := c.buckets[bucketIDOf(key)]
	if b == nil {
		return nil
	}
	key = bytes.Clone(key)
	object := string(key[9:])
	if key[0] == meta.PrefixVersion {
		object, _, _ = splitVersionKey(object)
	}
	return func(tx meta.Tx) error {
		bucket, ok, err := again(tx, b.Bucket)
		if err != nil || !ok {
			return err
		}
		v, err := readVersion(tx, object, key)
		if err != nil || v == nil || v.body.id != id {
			return err
		}
		if err := (Session{Service: c.Service}).MayRemove(tx, bucket, v.Object, false); err != nil {
			return err
		}
		if err := c.releasePages(tx, v); err != nil {
			return err
		}
		return c.removeVersion(tx, bucket, v)
	}
}

// releasePages releases what is left of a list of parts that cannot be read whole,
// so that the object can be removed; one that can be read it leaves alone.
func (c *checker) releasePages(tx meta.Tx, v *version) error {
	if v.body.kind != bodyManifest {
		return nil
	}
	if n, err := bodyRefs(tx, v.body.id); err != nil || n > 1 {
		return err
	}
	if _, err := v.body.pieces(tx, v.Size); err == nil {
		return nil
	}
	for page := range v.body.pages {
		value, err := tx.Get(manifestKey(v.body.id, page))
		if errors.Is(err, meta.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		pieces, _ := decodeManifest(nil, value) // those before the damage
		for _, p := range pieces {
			if err := c.discard(tx, p.ref, v.body.id); err != nil {
				return err
			}
		}
		if err := tx.Delete(manifestKey(v.body.id, page)); err != nil {
			return err
		}
	}
	v.body.kind = bodyEmpty
	return nil
}
