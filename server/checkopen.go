package server

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob/disk"
	"coffer/keys"
	"coffer/meta"
	"coffer/meta/pebble"
	"coffer/objects"
)

var errNoFormat = errors.New("it has no format record: it is damaged, or not coffer's")

// openForCheck opens the stores of a data folder as they are: nothing is made that
// is missing, since that is what is to be found.
func openForCheck(ctx context.Context, cfg *Config, acceptLostLog bool) (s stores, err error) {
	s.meta, err = pebble.Open(metaDir(cfg.Data), pebble.Options{FS: vfs.Default, Logger: cfg.Logger, Fatal: cfg.Fatal, AcceptLostLog: acceptLostLog})
	if err != nil {
		return s, err
	}
	sealed, wrapped := false, false
	err = s.meta.View(ctx, func(r meta.Reader) error {
		value, err := meta.Peek(r, formatKey())
		if err != nil {
			return err
		}
		if value == nil {
			return errNoFormat
		}
		if err := readFormat(value); err != nil {
			return err
		}
		if sealed, err = keys.HasDataKey(r); err == nil {
			wrapped, err = objects.HasKey(r)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	if s.blobs, err = disk.Open(disk.Options{FS: vfs.Default, Dirs: cfg.blobDirs(), Rand: cfg.Rand, Logger: cfg.Logger, Now: cfg.Now}); err != nil {
		return s, err
	}
	if s.unlock, err = lockDisks(cfg); err != nil {
		return s, err
	}
	opt := objects.Options{Meta: s.meta, Blobs: s.blobs, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger}
	if sealed {
		s.keys, s.masterErr = openKeysForCheck(ctx, cfg, s.meta)
	}
	if s.keys != nil && wrapped {
		opt.Seal, opt.Unseal = s.keys.Seal, s.keys.Unseal
	}
	s.objects, err = objects.Open(ctx, opt)
	if err != nil && opt.Seal != nil {
		s.objectKeyErr = err
		opt.Seal, opt.Unseal = nil, nil
		s.objects, err = objects.Open(ctx, opt)
	}
	return s, err
}

// openKeysForCheck opens the access keys if the master key is at hand; nil if not. The
// error is that there is a key, and it does not open them.
func openKeysForCheck(ctx context.Context, cfg *Config, store *pebble.Store) (*keys.Service, error) {
	master, err := loadMaster(ctx, cfg, store)
	if err == nil {
		var s *keys.Service
		if s, err = keys.Open(ctx, keys.Options{Meta: store, Master: master, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger}); err == nil {
			return s, nil
		}
	}
	cfg.Logger.Warn("secrets and encrypted objects are not looked into: the master key does not open them", "error", err)
	if errors.Is(err, keys.ErrNoMasterKey) {
		return nil, nil
	}
	return nil, err
}
