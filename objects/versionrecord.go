package objects

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// The fields of a version in the record of an object.
const (
	fieldVersionID    = 40
	fieldDeleteMarker = 41
)

// positionCoding writes 24 bytes as 32 characters that sort as the bytes do.
var positionCoding = base64.NewEncoding(coffer.VersionIDAlphabet)

// positionOf is where a version stands among those of its key, the newest first:
// the complement of its time, and what tells it from another of the same time.
func positionOf(modified time.Time, unique [16]byte) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), ^nanoseconds(modified))
	return positionCoding.EncodeToString(append(b, unique[:]...))
}

// newVersionID makes the ID of a version of that time. It is its position, with
// 16 bytes that nobody can guess.
func (s *Service) newVersionID(modified time.Time) (string, error) {
	var unique [16]byte
	if _, err := io.ReadFull(s.Rand, unique[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return positionOf(modified, unique), nil
}

// position is where o stands among the versions of its key. One that has no ID
// stands by its time and its body, neither of which ever changes.
func (o row) position() string {
	if o.VersionID != "" {
		return o.VersionID
	}
	return positionOf(o.Modified, o.body.id)
}

func versionsPrefix(id coffer.BucketID) []byte {
	return meta.Key(meta.PrefixVersion, meta.KeyUint64(uint64(id)))
}

func versionKey(id coffer.BucketID, key, position string) []byte {
	return meta.Key(meta.PrefixVersion, meta.KeyUint64(uint64(id)), meta.KeyText(key), []byte(position))
}

func nullVersionKey(id coffer.BucketID, key string) []byte {
	return meta.Key(meta.PrefixNullVersion, meta.KeyUint64(uint64(id)), []byte(key))
}

// splitVersionKey reads the object key and the position from what stands behind
// the bucket in a version's key.
func splitVersionKey(rest string) (key, position string, err error) {
	i := strings.LastIndexByte(rest, 0)
	if i < 0 || len(rest)-i-1 != coffer.VersionIDLen {
		return "", "", errors.New("version key is malformed")
	}
	return rest[:i], rest[i+1:], nil
}

// version is a version as it was found: its row, where that is, and whether it is
// the current one or only was.
type version struct {
	row
	at []byte
}

// current tells whether the version is what a request without a version gets.
func (v *version) current() bool { return v.at[0] == meta.PrefixObject }

// findVersion reads the version of key that a request names: the current one for
// "". It is nil if there is none, or if the newest is a delete marker.
func findVersion(r meta.Reader, b coffer.Bucket, key, id string) (*version, error) {
	at := objectKey(b.ID, key)
	v, err := readVersion(r, key, at)
	if err != nil || v != nil && (id == "" || coffer.VersionName(v.VersionID) == id) {
		return v, err
	}
	if id == "" || b.Versioning == coffer.VersioningUnset {
		return nil, nil
	}
	position := id
	if id == coffer.NullVersion {
		if position, err = nullPosition(r, b.ID, key); err != nil || position == "" {
			return nil, err
		}
	}
	if v, err = readVersion(r, key, versionKey(b.ID, key, position)); err != nil {
		return nil, err
	}
	switch {
	case v == nil && id == coffer.NullVersion:
		return nil, fmt.Errorf("the null version of %q is not at %s, where it should be", key, position)
	case v != nil && coffer.VersionName(v.VersionID) != id:
		// The position of the version called null is no name of it.
		return nil, nil
	}
	return v, nil
}

// readVersion reads the version whose record is at a key; nil if there is none.
func readVersion(r meta.Reader, key string, at []byte) (*version, error) {
	value, err := r.Get(at)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &version{at: at}
	v.row, err = decodeRow(key, value)
	return v, err
}

// nullPosition is where the version called null stands if it is not current; "" if
// there is none.
func nullPosition(r meta.Reader, id coffer.BucketID, key string) (string, error) {
	value, err := r.Get(nullVersionKey(id, key))
	if errors.Is(err, meta.ErrNotFound) {
		return "", nil
	}
	return string(value), err
}

// newestOther reads the newest version of key that is not current; nil if there
// is none. Without a current one it is the newest of all.
func newestOther(r meta.Reader, id coffer.BucketID, key string) (*version, error) {
	low := versionKey(id, key, "")
	it := r.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	if !it.Next() {
		return nil, it.Err()
	}
	value, err := it.Value()
	if err != nil {
		return nil, err
	}
	o, err := decodeRow(key, value)
	if err != nil {
		return nil, err
	}
	return &version{o, append([]byte(nil), it.Key()...)}, nil
}
