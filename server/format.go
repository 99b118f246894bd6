package server

import (
	"context"
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

// formatVersion is the format of everything in a data folder. A version that
// writes what this one could not read raises it; docs/format.md says what each
// number means.
const formatVersion = 1

// instanceVersion is the version byte of the records below.
const instanceVersion = 1

// The fields of the format record.
const (
	formatFieldVersion = 1
	formatFieldMadeBy  = 2
)

// The fields of the root record.
const rootFieldAccount = 1

func formatKey() []byte { return meta.Key(meta.PrefixInstance, []byte("format")) }
func rootKey() []byte   { return meta.Key(meta.PrefixInstance, []byte("root")) }

var errForeign = errors.New("it holds records, but no format record: it is damaged, or not coffer's")

// checkFormat refuses a store that a newer version wrote, and marks an empty one
// as this version's.
func checkFormat(ctx context.Context, store meta.Store) error {
	err := store.Update(ctx, func(tx meta.Tx) error {
		value, err := tx.Get(formatKey())
		if err == nil {
			return readFormat(value)
		}
		if !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		it := tx.Iter(nil, nil)
		any := it.Next()
		if err := it.Close(); err != nil {
			return err
		}
		if any {
			return errForeign
		}
		return tx.Set(formatKey(), encodeFormat(formatVersion))
	})
	if err != nil {
		return fmt.Errorf("check the format of the metadata: %w", err)
	}
	return nil
}

func encodeFormat(version int64) []byte {
	r := meta.NewRecord(instanceVersion)
	r.Int(formatFieldVersion, version)
	r.Text(formatFieldMadeBy, coffer.Version)
	return r.Bytes()
}

// readFormat knows only as much of the record as every later version will keep.
func readFormat(value []byte) error {
	var version int64
	err := meta.ReadRecord(value, instanceVersion, func(f meta.Field) error {
		if f.Number == formatFieldVersion {
			version = f.Int()
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("format record: %w", err)
	case version > formatVersion:
		return fmt.Errorf("the data has format %d, and this coffer %s reads up to %d: start the newer version that wrote it",
			version, coffer.Version, formatVersion)
	case version < 1:
		return fmt.Errorf("format record: version %d", version)
	}
	return nil
}

// readRoot returns the account that the first start made, or "".
func readRoot(ctx context.Context, store meta.Store) (coffer.AccountID, error) {
	var id coffer.AccountID
	err := store.View(ctx, func(r meta.Reader) error {
		value, err := r.Get(rootKey())
		if err != nil {
			return err
		}
		id, err = decodeRoot(value)
		return err
	})
	if errors.Is(err, meta.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which account is the first: %w", err)
	}
	return id, nil
}

func writeRoot(ctx context.Context, store meta.Store, id coffer.AccountID) error {
	err := store.Update(ctx, func(tx meta.Tx) error { return tx.Set(rootKey(), encodeRoot(id)) })
	if err != nil {
		return fmt.Errorf("write which account is the first: %w", err)
	}
	return nil
}

func encodeRoot(id coffer.AccountID) []byte {
	r := meta.NewRecord(instanceVersion)
	r.Text(rootFieldAccount, string(id))
	return r.Bytes()
}

func decodeRoot(value []byte) (coffer.AccountID, error) {
	var id coffer.AccountID
	err := meta.ReadRecord(value, instanceVersion, func(f meta.Field) error {
		if f.Number != rootFieldAccount {
			return f.Unknown()
		}
		id = coffer.AccountID(f.Text())
		return nil
	})
	if err == nil && id == "" {
		err = errors.New("root record: no account")
	}
	return id, err
}
