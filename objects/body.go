package objects

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// bodyKind says where the bytes of an object are.
type bodyKind byte

const (
	bodyEmpty    bodyKind = iota // nowhere: there are none
	bodyInline                   // in the metadata store, under the body's ID
	bodyBlob                     // in one blob
	bodyManifest                 // in many blobs, listed in manifest pages
)

// bodyID names the bytes of an object; objects made by CopyObject can share them.
type bodyID [16]byte

// body is where the bytes of an object are. Bodies are immutable: an overwrite
// makes a new one and releases the old.
type body struct {
	kind  bodyKind
	id    bodyID
	ref   blob.Ref // of a bodyBlob
	pages int      // of a bodyManifest
	count int      // of its pieces
}

// piece is one blob of a body: a part of a multipart upload.
type piece struct {
	number   int
	size     int64
	ref      blob.Ref
	checksum coffer.Checksum // of the part; its Type is empty
	salt     crypt.Salt      // of its key, if it is encrypted
}

const (
	manifestVersion   = 1
	manifestPiecesMax = 500
	manifestPagesMax  = (coffer.PartNumberMax + manifestPiecesMax - 1) / manifestPiecesMax
)

func dataKey(id bodyID) []byte { return meta.Key(meta.PrefixData, id[:]) }
func refsKey(id bodyID) []byte { return meta.Key(meta.PrefixBodyRefs, id[:]) }
func manifestKey(id bodyID, page int) []byte {
	return meta.Key(meta.PrefixManifest, id[:], binary.BigEndian.AppendUint32(nil, uint32(page)))
}
func blobOwnerKey(ref blob.Ref) []byte { return meta.Key(meta.PrefixBlobOwner, []byte(ref)) }

func (s *Service) newBodyID() (id bodyID, err error) {
	b, err := s.id(8)
	copy(id[:], b)
	return id, err
}

// What the owner record of a blob says.
var (
	blobOwned     = []byte{1} // metadata names this blob
	blobCondemned = []byte{2} // reclaim is about to delete it: nothing may name it any more
)

// own records in tx that metadata names ref from now on.
func own(tx meta.Tx, ref blob.Ref) error {
	value, err := tx.Get(blobOwnerKey(ref))
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return tx.Set(blobOwnerKey(ref), blobOwned)
	case err != nil:
		return err
	case slices.Equal(value, blobCondemned):
		return coffer.Errorf(coffer.RequestTimeout, "The upload took too long and its bytes were reclaimed. Send it again.")
	}
	return fmt.Errorf("blob %s has an owner already", ref)
}

// discard records in tx that ref is garbage: no object has it any more. It was of
// the body id, whose readers may still need it. Its owner record stays until it is
// collected, so that a sweep does not take it for an orphan.
func (s *Service) discard(tx meta.Tx, ref blob.Ref, id bodyID) error {
	return tx.Set(garbageKey(s.Now(), ref), id[:])
}

// share records in tx that one more object has the body.
func share(tx meta.Tx, b body) error {
	n, err := bodyRefs(tx, b.id)
	if err != nil {
		return err
	}
	return tx.Set(refsKey(b.id), binary.BigEndian.AppendUint64(nil, n+1))
}

// bodyRefs is how many objects have the body: one, if no record says otherwise. A
// count that cannot be is an error: taken for zero, it would end the body.
func bodyRefs(r meta.Reader, id bodyID) (uint64, error) {
	value, err := r.Get(refsKey(id))
	if errors.Is(err, meta.ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	if len(value) != 8 || binary.BigEndian.Uint64(value) < 2 {
		return 0, fmt.Errorf("reference count of body %x is damaged: %x", id, value)
	}
	return binary.BigEndian.Uint64(value), nil
}

// release records in tx that one object less has the body; with the last one its
// bytes become garbage.
func (s *Service) release(tx meta.Tx, b body) error {
	switch b.kind {
	case bodyEmpty:
		return nil
	case bodyInline:
		return tx.Delete(dataKey(b.id))
	}
	n, err := bodyRefs(tx, b.id)
	if err != nil {
		return err
	}
	switch {
	case n > 2:
		return tx.Set(refsKey(b.id), binary.BigEndian.AppendUint64(nil, n-1))
	case n == 2:
		return tx.Delete(refsKey(b.id))
	}
	pieces, err := b.pieces(tx, 0)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if err := s.discard(tx, p.ref, b.id); err != nil {
			return err
		}
	}
	for page := range b.pages {
		if err := tx.Delete(manifestKey(b.id, page)); err != nil {
			return err
		}
	}
	return nil
}

// pieces lists the blobs of a body that is not inline; size is the object's.
func (b body) pieces(r meta.Reader, size int64) ([]piece, error) {
	switch b.kind {
	case bodyBlob:
		return []piece{{size: size, ref: b.ref}}, nil
	case bodyManifest:
	default:
		return nil, nil
	}
	var all []piece
	for page := range b.pages {
		value, err := r.Get(manifestKey(b.id, page))
		if err != nil {
			return nil, fmt.Errorf("manifest %x, page %d: %w", b.id, page, err)
		}
		if all, err = decodeManifest(all, value); err != nil {
			return nil, fmt.Errorf("manifest %x, page %d: %w", b.id, page, err)
		}
	}
	return all, nil
}

// writeManifest writes pieces as the manifest of a new body.
func writeManifest(tx meta.Tx, id bodyID, pieces []piece) (body, error) {
	b := body{kind: bodyManifest, id: id, count: len(pieces)}
	for chunk := range slices.Chunk(pieces, manifestPiecesMax) {
		if err := tx.Set(manifestKey(id, b.pages), encodeManifest(chunk)); err != nil {
			return b, err
		}
		b.pages++
	}
	return b, nil
}

func encodeManifest(pieces []piece) []byte {
	r := meta.NewRecord(manifestVersion)
	for _, p := range pieces {
		r.Int(1, int64(p.number))
		r.Int(2, p.size)
		r.Text(3, string(p.checksum.Algorithm))
		r.Text(4, p.checksum.Value)
		encodeSalt(r, 6, p.salt)
		r.Text(5, string(p.ref)) // the last field of a piece
	}
	return r.Bytes()
}

func decodeManifest(to []piece, value []byte) ([]piece, error) {
	var p piece
	err := meta.ReadRecord(value, manifestVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			p.number = int(f.Int())
		case 2:
			p.size = f.Int()
		case 3:
			p.checksum.Algorithm = algorithmOf(f)
		case 4:
			p.checksum.Value = f.Text()
		case 5:
			p.ref = blob.Ref(f.Text())
			if p.number < 1 || p.size < 0 || !p.ref.Valid() {
				return fmt.Errorf("piece %d of %d bytes in blob %q cannot be", p.number, p.size, p.ref)
			}
			to, p = append(to, p), piece{}
		case 6:
			return decodeSalt(f, &p.salt)
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && p != (piece{}) {
		err = errors.New("the last piece is cut")
	}
	return to, err
}

// stored is a body whose bytes are durable or at hand, but which no metadata
// names yet.
type stored struct {
	body
	size   int64
	inline []byte // of a bodyInline; belongs to buf unless it is encrypted
	buf    *[]byte
}

// store reads r to its end: into memory if it is small, else into a blob, and
// encrypted if there is a key, which must be of no other body. The caller calls
// done when the metadata is written, or abandon when it is not.
func (s *Service) store(ctx context.Context, r io.Reader, size int64, key crypt.Key) (stored, error) {
	id, err := s.newBodyID()
	if err != nil {
		return stored{}, err
	}
	st := stored{body: body{kind: bodyBlob, id: id}}
	if most := s.inlineMaxOf(key); size <= most {
		st.buf = s.buffers.Get().(*[]byte)
		n, ended, err := readUpTo(r, (*st.buf)[:most+1])
		switch {
		case err != nil:
			s.done(st)
			return stored{}, err
		case ended && n == 0:
			st.kind = bodyEmpty
			return st, nil
		case ended:
			st.kind, st.size, st.inline = bodyInline, int64(n), (*st.buf)[:n]
			if key.Set() {
				st.inline, err = s.encryptInline(key, st.inline)
			}
			return st, err
		}
		r = io.MultiReader(strings.NewReader(string((*st.buf)[:n])), r)
		s.done(st)
		st.buf = nil
	}
	st.ref, st.size, err = s.putBlob(ctx, r, key, crypt.Salt{})
	return st, err
}

// emptyReadsMax is how often a reader may return neither bytes nor an error.
const emptyReadsMax = 100

// readUpTo reads until p is full or r has ended. io.ReadFull would not do: it
// says io.ErrUnexpectedEOF when r is short, and so does a body that was cut.
func readUpTo(r io.Reader, p []byte) (n int, ended bool, err error) {
	for empty := 0; n < len(p); {
		m, err := r.Read(p[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				return n, false, io.ErrNoProgress
			}
		}
	}
	return n, false, nil
}

// done gives back what a stored body holds in memory.
func (s *Service) done(st stored) {
	if st.buf != nil {
		s.buffers.Put(st.buf)
	}
}

// abandonTime is how long may be waited for the metadata to tell whether a write
// came to be.
const abandonTime = 10 * time.Second

// abandon removes the bytes of a body that no metadata came to name. If it is not
// certain that the write failed, as when the client is gone, the metadata is asked:
// clients that go away in time would fill the disk, outside of all quotas. Where it
// does not tell, the bytes are left for reclaim, which looks first.
func (s *Service) abandon(ctx context.Context, st stored, cause error) {
	if st.kind != bodyBlob || st.ref == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	if coffer.CodeOf(cause) == coffer.Internal {
		orphan := false
		err := s.Meta.View(ctx, func(r meta.Reader) (err error) {
			orphan, err = isOrphan(r, st.ref)
			return err
		})
		if err != nil || !orphan {
			return
		}
	}
	if err := s.Blobs.Delete(ctx, st.ref); err != nil {
		s.Logger.Warn("abandoned blob is left for reclaim", "ref", st.ref, "error", err)
	}
}

// write puts a stored body under its name in tx.
func (st stored) write(tx meta.Tx) error {
	switch st.kind {
	case bodyInline:
		return tx.Set(dataKey(st.id), st.inline)
	case bodyBlob:
		return own(tx, st.ref)
	}
	return nil
}
