package objects

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

// Who names a blob.
const (
	namedByBody      byte = 'b' // an object
	namedByPart      byte = 'p' // a part of an upload
	namedByGarbage   byte = 'g' // it is to be removed
	namedByCondemned byte = 'c' // it was removed, and may not be named
)

// names notes that a record names a blob of so many bytes.
func (c *checker) names(p piece, stored int64, by byte, id bodyID, key []byte) error {
	return c.blobs.add([]byte(p.ref), []byte{0, by}, id[:], binary.BigEndian.AppendUint64(nil, uint64(stored)), key)
}

// blobUse is what names noted.
type blobUse struct {
	ref    blob.Ref
	by     byte
	id     bodyID // of a part its bucket's ID, and nothing behind it
	stored int64
	key    []byte
}

func blobUseOf(entry []byte) blobUse {
	i := bytes.IndexByte(entry, 0)
	rest := entry[i+2:]
	return blobUse{ref: blob.Ref(entry[:i]), by: entry[i+1], id: bodyID(rest[:16]),
		stored: int64(binary.BigEndian.Uint64(rest[16:])), key: bytes.Clone(rest[24:])}
}

// blobJoin is who names the blobs, who owns them, and what the store has, all by ref.
type blobJoin struct {
	*checker
	uses   *merge
	owners meta.Iter
	owned  bool // owners stands on a record
	listed func() (blob.Info, error, bool)
	info   blob.Info
	more   bool
}

// checkBlobs joins the blobs that records name with those that there are.
func (c *checker) checkBlobs() error {
	uses, err := c.blobs.sorted()
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(c.Blobs.List(c.ctx, ""))
	defer stop()
	j := &blobJoin{checker: c, uses: uses, listed: next, owners: c.reader.Iter([]byte{meta.PrefixBlobOwner}, []byte{meta.PrefixBlobOwner + 1})}
	defer j.owners.Close()
	j.owned = j.owners.Next()
	if err := j.list(); err != nil {
		return err
	}
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		ref, any := j.first()
		if !any {
			return j.owners.Err()
		}
		if err := j.blob(ref); err != nil {
			return err
		}
	}
}

// first is the first ref of the three.
func (j *blobJoin) first() (ref blob.Ref, any bool) {
	take := func(r blob.Ref) {
		if !any || r < ref {
			ref, any = r, true
		}
	}
	if head := j.uses.peek(); head != nil {
		take(blob.Ref(head[:bytes.IndexByte(head, 0)]))
	}
	if j.owned {
		take(blob.Ref(j.owners.Key()[1:]))
	}
	if j.more {
		take(j.info.Ref)
	}
	return ref, any
}

func (j *blobJoin) list() error {
	info, err, ok := j.listed()
	j.info, j.more = info, ok && err == nil
	return err
}

// blobUsesMax is how many that name one blob are told of: copies can be many.
const blobUsesMax = 1000

// blob checks one blob.
func (j *blobJoin) blob(ref blob.Ref) error {
	var live []blobUse
	var garbage, condemned []byte // the keys of their records
	for head := j.uses.peek(); head != nil && bytes.HasPrefix(head, append([]byte(ref), 0)); head = j.uses.peek() {
		switch use := blobUseOf(head); use.by {
		case namedByGarbage:
			garbage = use.key
		case namedByCondemned:
			condemned = use.key
		default:
			if len(live) < blobUsesMax {
				live = append(live, use)
			}
		}
		if err := j.uses.advance(); err != nil {
			return err
		}
	}
	var owner []byte
	if j.owned && string(j.owners.Key()[1:]) == string(ref) {
		value, err := j.owners.Value()
		if err != nil {
			return err
		}
		owner = append([]byte{}, value...)
		j.owned = j.owners.Next()
	}
	listed := j.more && j.info.Ref == ref
	info := j.info
	if listed {
		j.sum.Blobs++
		if err := j.list(); err != nil {
			return err
		}
	}
	switch {
	case len(live) > 0:
		return j.live(ref, live, owner, garbage, condemned)
	case garbage != nil || j.unsure:
		return nil
	case owner != nil && condemned == nil:
		return j.found(foundOwnerLeft, blobOwnerKey(ref), "", meta.Drop(blobOwnerKey(ref), owner))
	case owner == nil && listed && info.ModTime.Before(j.Now().Add(-orphanAge)):
		return j.found(foundOrphan, blobOwnerKey(ref), fmt.Sprintf("%d bytes", info.Size), func(tx meta.Tx) error { return j.markOrphan(tx, ref) })
	}
	return nil
}

// live checks a blob that an object or a part has.
func (j *blobJoin) live(ref blob.Ref, uses []blobUse, owner, garbage, condemned []byte) error {
	for _, u := range uses[1:] {
		if u.by != uses[0].by || u.id != uses[0].id || u.by == namedByPart {
			if err := j.found(foundBlobShared, u.key, fmt.Sprintf("blob %s; the other is %q", ref, uses[0].key), nil); err != nil {
				return err
			}
		}
	}
	for _, at := range [][]byte{garbage, condemned} {
		if at == nil {
			continue
		}
		if err := j.found(foundDoomed, uses[0].key, "blob "+string(ref), func(tx meta.Tx) error {
			return errors.Join(tx.Delete(at), tx.Set(blobOwnerKey(ref), blobOwned))
		}); err != nil {
			return err
		}
	}
	if !slices.Equal(owner, blobOwned) && condemned == nil {
		at := blobOwnerKey(ref)
		err := j.found(foundOwner, uses[0].key, "blob "+string(ref), meta.Unchanged(at, owner, func(tx meta.Tx) error {
			if still, err := names(tx, uses[0]); err != nil || !still {
				return err
			}
			return tx.Set(at, blobOwned)
		}))
		if err != nil {
			return err
		}
	}
	n, err := j.Service.readBlob(j.ctx, ref, uses[0].stored, j.Data, io.Discard)
	j.sum.Bytes += n
	if err == nil || j.ctx.Err() != nil {
		return j.ctx.Err()
	}
	return j.broken(ref, uses, err)
}

// broken reports that a blob cannot be read, for each that has it still: the check
// looks at records of a while ago.
func (j *blobJoin) broken(ref blob.Ref, uses []blobUse, why error) error {
	kind := brokenKind(why)
	for i, u := range uses {
		if i > 0 && bytes.Equal(u.key, uses[i-1].key) {
			continue
		}
		var still bool
		err := j.Meta.View(j.ctx, func(r meta.Reader) (err error) {
			still, err = names(r, u)
			return err
		})
		if err != nil {
			return err
		}
		if !still {
			continue
		}
		if u.by == namedByPart {
			err = j.lostPart(kind, u, why)
		} else if kind.Mend == coffer.MendNever {
			err = j.found(kind, u.key, why.Error(), nil)
		} else {
			err = j.lost(kind, u.key, u.id, why.Error())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lostPart reports a part whose bytes are lost. Removed, it fails the Complete that names
// it, instead of being in an object that nobody can read.
func (j *blobJoin) lostPart(kind coffer.FindingKind, u blobUse, why error) error {
	f := kind.In(describe(u.key)...).Because(why.Error())
	b := j.buckets[coffer.BucketID(binary.BigEndian.Uint64(u.id[:8]))]
	if b == nil {
		f.Mend = coffer.MendNever
		return j.Found(f, nil)
	}
	f.Account, f.Bucket = b.Account, b.Name
	if kind.Mend == coffer.MendNever {
		return j.Found(f, nil)
	}
	return j.Found(f, func(tx meta.Tx) error {
		bucket, ok, err := again(tx, b.Bucket)
		if err != nil || !ok {
			return err
		}
		value, err := meta.Peek(tx, u.key)
		if err != nil || value == nil {
			return err
		}
		p, err := decodePart(partNumberOf(u.key), value)
		if err != nil || p.ref != u.ref {
			return err
		}
		return errors.Join(j.discard(tx, p.ref, bodyID{}), add(tx, bucket, countParts, -p.Size), tx.Delete(u.key))
	})
}

func brokenKind(err error) coffer.FindingKind {
	if errors.Is(err, blob.ErrNotFound) {
		return foundBlobMissing
	}
	if _, ok := errors.AsType[*blob.DamagedError](err); ok {
		return foundBlobDamaged
	}
	return foundBlobUnreadable
}

// names tells whether a record that named a blob still does.
func names(r meta.Reader, u blobUse) (bool, error) {
	value, err := r.Get(u.key)
	if errors.Is(err, meta.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if u.by == namedByPart {
		p, err := decodePart(0, value)
		return err == nil && p.ref == u.ref, nil
	}
	o, err := decodeRow("", value)
	return err == nil && o.body.id == u.id, nil
}

// readBlob opens a blob, which verifies what stands behind its bytes, compares its
// size, and with all reads every byte. It returns how many it read.
func (s *Service) readBlob(ctx context.Context, ref blob.Ref, stored int64, all bool, to io.Writer) (n int64, err error) {
	b, err := s.Blobs.Open(ctx, ref)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if b.Size() != stored {
		return 0, &blob.DamagedError{Ref: ref, Block: blob.WholeBlob, Reason: fmt.Sprintf("it has %d bytes, and should have %d", b.Size(), stored)}
	}
	for all && n < stored && err == nil {
		if err = ctx.Err(); err != nil {
			return n, err
		}
		var m int64
		m, err = b.CopyRange(to, n, min(stored-n, readBlobStep))
		n += m
	}
	return n, err
}

// readBlobStep is how many bytes are read before a check looks whether it is to end.
const readBlobStep = 1 << 20

// markOrphan condemns a blob in tx, if still nothing names it: it is collected when
// no request can come to name it any more.
func (s *Service) markOrphan(tx meta.Tx, ref blob.Ref) error {
	orphan, err := isOrphan(tx, ref)
	if err != nil || !orphan {
		return err
	}
	return errors.Join(
		tx.Set(blobOwnerKey(ref), blobCondemned),
		tx.Set(garbageKey(s.Now().Add(condemnedAge), ref), nil))
}
