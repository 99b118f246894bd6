package objects

import (
	"bytes"
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// configKind says which of a bucket's configurations a record has.
type configKind byte

const (
	configCORS    configKind = 'c'
	configTagging configKind = 't'
)

func configKey(id coffer.BucketID, kind configKind) []byte {
	return append(configsPrefix(id), byte(kind))
}

func configsPrefix(id coffer.BucketID) []byte {
	return meta.Key(meta.PrefixBucketConfig, meta.KeyUint64(uint64(id)))
}

// config reads a configuration of a bucket, for who may do a there; nil if it was
// never made.
func (s Session) config(ctx context.Context, name coffer.BucketName, kind configKind, a coffer.Action) (value []byte, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, name, a, "")
		if err != nil {
			return err
		}
		value, err = readConfig(r, b.ID, kind)
		return err
	})
	return value, err
}

// readConfig returns a copy, which outlives the snapshot.
func readConfig(r meta.Reader, id coffer.BucketID, kind configKind) ([]byte, error) {
	value, err := r.Get(configKey(id, kind))
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	return bytes.Clone(value), err
}

// putConfig puts a configuration in the place of the one that there is.
func (s Session) putConfig(ctx context.Context, name coffer.BucketName, kind configKind, a coffer.Action, value []byte) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, a, "")
		if err != nil {
			return err
		}
		return tx.Set(configKey(b.ID, kind), value)
	})
}

// deleteConfig removes a configuration; that there is none is no error.
func (s Session) deleteConfig(ctx context.Context, name coffer.BucketName, kind configKind, a coffer.Action) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, a, "")
		if err != nil {
			return err
		}
		return tx.Delete(configKey(b.ID, kind))
	})
}

// deleteConfigs removes all configurations of a bucket, which are a few.
func deleteConfigs(tx meta.Tx, id coffer.BucketID) error {
	low := configsPrefix(id)
	it := tx.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	var keys [][]byte
	for it.Next() {
		keys = append(keys, bytes.Clone(it.Key()))
	}
	if err := it.Err(); err != nil {
		return err
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
