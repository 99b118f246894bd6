package objects

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

// bodyUse is an object that has a body, as checkBody notes it.
type bodyUse struct {
	id     bodyID
	kind   bodyKind
	pages  uint32
	stored int64
	key    []byte // of the object's record
}

const bodyUseHead = 16 + 1 + 4 + 8

func bodyUseOf(entry []byte) bodyUse {
	return bodyUse{id: bodyID(entry[:16]), kind: bodyKind(entry[16]), pages: binary.BigEndian.Uint32(entry[17:]),
		stored: int64(binary.BigEndian.Uint64(entry[21:])), key: entry[bodyUseHead:]}
}

// bodyRows are the records below one prefix, whose keys begin with a body ID.
type bodyRows struct {
	meta.Iter
	ok bool
}

func (c *checker) bodyRows(prefix byte) *bodyRows {
	rows := &bodyRows{Iter: c.reader.Iter([]byte{prefix}, []byte{prefix + 1})}
	rows.ok = rows.Next()
	return rows
}

// at tells whether the next record is of the body.
func (b *bodyRows) at(id bodyID) bool { return b.ok && bytes.HasPrefix(b.Key()[1:], id[:]) }

// before tells whether the next record stands before those of the body.
func (b *bodyRows) before(id bodyID) bool { return b.ok && bytes.Compare(b.Key()[1:], id[:]) < 0 }

// bodyJoin is the objects and the records of their bodies, in the order of body IDs.
type bodyJoin struct {
	*checker
	uses              *merge
	data, pages, refs *bodyRows
}

// checkBodies joins the objects with the records of their bodies.
func (c *checker) checkBodies() error {
	uses, err := c.bodies.sorted()
	if err != nil {
		return err
	}
	j := &bodyJoin{checker: c, uses: uses, data: c.bodyRows(meta.PrefixData), pages: c.bodyRows(meta.PrefixManifest), refs: c.bodyRows(meta.PrefixBodyRefs)}
	all := []*bodyRows{j.data, j.pages, j.refs}
	defer func() {
		for _, rows := range all {
			_ = rows.Close()
		}
	}()
	for j.uses.peek() != nil {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		use := bodyUseOf(j.uses.peek())
		use.key = bytes.Clone(use.key)
		for _, rows := range all {
			for rows.before(use.id) {
				if err := j.left(rows); err != nil {
					return err
				}
			}
		}
		if err := j.body(use); err != nil {
			return err
		}
	}
	for _, rows := range all {
		for rows.ok {
			if err := j.left(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// left reports the next record as one of no object, and goes on to the one behind.
func (j *bodyJoin) left(rows *bodyRows) error {
	key := bytes.Clone(rows.Key())
	var err error
	if !j.unsure {
		// Bodies do not change, and one that no object has comes to none any more.
		err = j.found(foundBodyLeft, key, "", func(tx meta.Tx) error { return tx.Delete(key) })
	}
	rows.ok = rows.Next()
	return err
}

// body checks the records of the body of use, which is the first of the objects that
// have it.
func (j *bodyJoin) body(use bodyUse) error {
	n := uint64(0)
	for ; j.uses.peek() != nil; n++ {
		again := bodyUseOf(j.uses.peek())
		if again.id != use.id {
			break
		}
		if n > 0 && (use.kind == bodyInline || again.kind != use.kind || again.pages != use.pages) {
			if err := j.found(foundShared, again.key, fmt.Sprintf("the other is %q", use.key), nil); err != nil {
				return err
			}
		}
		if err := j.uses.advance(); err != nil {
			return err
		}
	}
	if err := j.inline(use); err != nil {
		return err
	}
	for j.pages.at(use.id) {
		key := j.pages.Key()
		if len(key) == 21 && binary.BigEndian.Uint32(key[17:]) < use.pages {
			j.pages.ok = j.pages.Next() // read with the object
			continue
		}
		if err := j.left(j.pages); err != nil {
			return err
		}
	}
	return j.count(use, n)
}

// count compares how many objects have a body with what is recorded.
func (j *bodyJoin) count(use bodyUse, n uint64) error {
	var value []byte
	if j.refs.at(use.id) {
		v, err := j.refs.Value()
		if err != nil {
			return err
		}
		value = append([]byte{}, v...)
		j.refs.ok = j.refs.Next()
	}
	recorded := uint64(1)
	if value != nil {
		recorded = 0
		if len(value) == 8 {
			recorded = binary.BigEndian.Uint64(value)
		}
	}
	if j.unsure || use.kind == bodyInline && value == nil || recorded == n && (value == nil || n > 1) {
		return nil
	}
	at := refsKey(use.id)
	return j.found(foundRefs, use.key, fmt.Sprintf("%d objects have the body, recorded is %d", n, recorded), meta.Unchanged(at, value, func(tx meta.Tx) error {
		if n == 1 {
			return tx.Delete(at)
		}
		return tx.Set(at, binary.BigEndian.AppendUint64(nil, n))
	}))
}

// inline checks the bytes of a small object.
func (j *bodyJoin) inline(use bodyUse) error {
	if !j.data.at(use.id) || len(j.data.Key()) != 17 {
		if use.kind != bodyInline {
			return nil
		}
		return j.lost(foundInline, use.key, use.id, "")
	}
	if use.kind != bodyInline {
		return j.left(j.data)
	}
	value, err := j.data.Value()
	if err != nil && !errors.Is(err, meta.ErrValueDamaged) {
		return err
	}
	detail := ""
	if err != nil {
		detail = err.Error()
	} else if int64(len(value)) != use.stored {
		detail = fmt.Sprintf("%d bytes are stored, and should be %d", len(value), use.stored)
	} else if j.Data {
		j.sum.Bytes += int64(len(value))
		if detail, err = j.wrongBytes(use, value); err != nil {
			return err
		}
	}
	j.data.ok = j.data.Next()
	if detail != "" {
		return j.lost(foundInlineDamaged, use.key, use.id, detail)
	}
	return nil
}

// wrongBytes compares the bytes of a small object with what is known of them; ""
// says that they are right.
func (j *bodyJoin) wrongBytes(use bodyUse, value []byte) (string, error) {
	row, err := meta.Peek(j.reader, use.key)
	if err != nil {
		return "", err
	}
	o, err := decodeRow("", row)
	if err != nil {
		return "", err
	}
	return j.Service.wrongInline(j.ctx, o, value), nil
}

// inlineChecksum tells whether an object of one part has a checksum of all bytes.
func inlineChecksum(o row) bool {
	return o.Checksum.Value != "" && o.Checksum.Type != coffer.Composite && o.PartsCount == 0
}

// sumOf is the checksum of bytes, as records have it.
func sumOf(a coffer.ChecksumAlgorithm, value []byte) string {
	h := newHash(a)
	h.Write(value)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
