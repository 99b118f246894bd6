package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"coffer/blob"
	"coffer/blob/disk"
	"coffer/meta"
)

// The fields of a disk's record.
const diskFieldDir = 1

func diskKey(id string) []byte { return meta.Key(meta.PrefixInstance, []byte("disk/"), []byte(id)) }

// checkDisks makes sure that every disk belongs to this metadata: one that it
// has not met must be empty. Blobs of another server, or of this one with its
// metadata gone, would otherwise be garbage that nobody names, and be removed.
func checkDisks(ctx context.Context, store meta.Store, blobs *disk.Store, logger *slog.Logger) error {
	disks, err := blobs.Usage()
	if err != nil {
		return err
	}
	known, err := knownDisks(ctx, store)
	if err != nil {
		return err
	}
	for _, d := range disks {
		if was, ok := known[d.ID]; ok && was == d.Dir {
			delete(known, d.ID)
			continue
		} else if !ok {
			empty, err := emptyDisk(ctx, blobs, d.ID)
			if err != nil {
				return err
			}
			if !empty {
				return fmt.Errorf("%s holds objects that the metadata knows nothing of: it belongs to another data folder, or the metadata is not the one that belongs to it; restore or name the right one", d.Dir)
			}
		}
		err := store.Update(ctx, func(tx meta.Tx) error { return tx.Set(diskKey(d.ID), encodeDisk(d.Dir)) })
		if err != nil {
			return fmt.Errorf("record the disk %s: %w", d.Dir, err)
		}
		delete(known, d.ID)
	}
	for id, dir := range known {
		logger.Error("a disk is missing: objects on it cannot be read until it is back", "disk", id, "last_seen_at", dir)
	}
	return nil
}

// knownDisks maps the id of each disk that was ever in use to its folder then.
func knownDisks(ctx context.Context, store meta.Store) (map[string]string, error) {
	known := map[string]string{}
	prefix := diskKey("")
	err := store.View(ctx, func(r meta.Reader) error {
		it := r.Iter(prefix, meta.PrefixEnd(prefix))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			id := string(it.Key()[len(prefix):])
			if known[id], err = decodeDisk(value); err != nil {
				return err
			}
		}
		return it.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read which disks are in use: %w", err)
	}
	return known, nil
}

func encodeDisk(dir string) []byte {
	r := meta.NewRecord(instanceVersion)
	r.Text(diskFieldDir, dir)
	return r.Bytes()
}

func decodeDisk(value []byte) (dir string, err error) {
	err = meta.ReadRecord(value, instanceVersion, func(f meta.Field) error {
		if f.Number != diskFieldDir {
			return f.Unknown()
		}
		dir = f.Text()
		return nil
	})
	return dir, err
}

// emptyDisk looks for one blob of a disk: its refs begin with its id.
func emptyDisk(ctx context.Context, blobs *disk.Store, id string) (bool, error) {
	for info, err := range blobs.List(ctx, blob.Ref(id+"-")) {
		if err != nil {
			return false, fmt.Errorf("look for blobs: %w", err)
		}
		return !strings.HasPrefix(string(info.Ref), id+"-"), nil
	}
	return true, nil
}

// disksMissing refuses folders of further disks that are not there: most likely a disk
// is not mounted, and what is its own would come onto another.
func disksMissing(cfg *Config) error {
	for _, dir := range cfg.DataDisks {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the folder %s, which data-disks names, is not there: mount its disk, or make it", dir)
		}
	}
	return nil
}

// metaMissing refuses blobs beside metadata that is not there. It looks before
// anything is made; a first start that was cut short has made metadata first.
func metaMissing(cfg *Config, metaDir string) error {
	entries, err := os.ReadDir(metaDir)
	if len(entries) > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the metadata folder %s: %w", metaDir, reason(err))
	}
	for _, dir := range cfg.blobDirs() {
		entries, _ := os.ReadDir(dir) // a folder that is not there has nothing
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == "lost+found" })
		if len(entries) > 0 {
			return fmt.Errorf("%s has objects, but the metadata folder %s is gone: restore it from a backup, or use another --data", dir, metaDir)
		}
	}
	return nil
}
