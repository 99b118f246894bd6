package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
func openForCheck(ctx context.Context, cfg *Config, in CheckInput, acceptLostLog bool) (s stores, err error) {
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
	if err := s.openDisksForCheck(ctx, cfg, in.GiveUpDisk); err != nil {
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

// openDisksForCheck opens the disks of this metadata that are there. Blobs on another
// disk would all be found to belong to nothing. A folder without a disk is where one
// that is missing should be, or else a mistake.
func (s *stores) openDisksForCheck(ctx context.Context, cfg *Config, giveUp string) error {
	known := map[string]knownDisk{}
	err := eachDisk(ctx, s.meta, func(id string, d knownDisk, _ error) error {
		known[id] = d // what cannot be read is found later
		return nil
	})
	if err != nil {
		return err
	}
	s.attached = map[string]bool{}
	var dirs, others []string
	for _, dir := range cfg.blobDirs() {
		id, err := disk.Identity(disk.Options{}, dir)
		if err != nil {
			return err
		}
		if _, ok := known[id]; ok {
			dirs, s.attached[id] = append(dirs, dir), true
		} else {
			others = append(others, dir)
		}
	}
	if len(known) == len(s.attached) {
		for _, dir := range others {
			if err := folderOfServer(dir); err != nil {
				return err
			}
		}
	}
	lost := lostDisks(known)
	if giveUp != "" {
		if _, ok := known[giveUp]; !ok {
			return fmt.Errorf("the metadata knows no disk %q: coffer check names those that are missing", giveUp)
		}
		if s.attached[giveUp] {
			return fmt.Errorf("the disk %s is there: only one that is missing can be given up", giveUp)
		}
		lost = append(lost, giveUp)
	}
	if len(dirs)+len(lost) == 0 {
		return fmt.Errorf("none of the disks of this metadata (%s) is in %s: mount them, and name the folders of all in data-disks; give up with coffer repair --offline --give-up-disk what is lost for good",
			strings.Join(slices.Sorted(maps.Keys(known)), ", "), strings.Join(cfg.blobDirs(), ", "))
	}
	s.unlock, err = lockDisks(cfg, dirs)
	if err == nil {
		s.blobs, err = disk.Open(disk.Options{FS: vfs.Default, Dirs: dirs, Lost: lost, Rand: cfg.Rand, Logger: cfg.Logger, Now: cfg.Now})
	}
	return err
}
