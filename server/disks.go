package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"coffer/blob"
	"coffer/blob/disk"
	"coffer/meta"
)

// The fields of a disk's record.
const (
	diskFieldDir  = 1
	diskFieldLost = 2
)

// knownDisk is what the metadata has of a disk.
type knownDisk struct {
	dir  string    // where it was last
	lost time.Time // when it was given up; zero if it was not
}

// place is where the disk was last, as a part of a sentence.
func (d knownDisk) place() string { return cmp.Or(d.dir, "a place that is not known") }

func diskKey(id string) []byte { return meta.Key(meta.PrefixInstance, []byte("disk/"), []byte(id)) }

// checkDisks makes sure that every disk belongs to this metadata: one that it
// has not met must be empty. Blobs of another server, or of this one with its
// metadata gone, would otherwise be garbage that nobody names, and be removed.
func (s *stores) checkDisks(ctx context.Context, logger *slog.Logger) error {
	store, blobs := s.meta, s.blobs
	disks, err := blobs.Usage()
	if err != nil {
		return err
	}
	known, err := knownDisks(ctx, store)
	if err != nil {
		return err
	}
	s.attached = map[string]bool{}
	for _, d := range disks {
		s.attached[d.ID] = true
		was, ok := known[d.ID]
		delete(known, d.ID)
		switch {
		case ok && was == knownDisk{dir: d.Dir}:
			continue
		case ok && !was.lost.IsZero():
			logger.Warn("a disk that was given up is back, with what the metadata has of it still", "disk", d.ID, "folder", d.Dir, "given_up_at", was.lost)
		case !ok:
			empty, err := emptyDisk(ctx, blobs, d.ID)
			if err != nil {
				return err
			}
			if !empty {
				return fmt.Errorf("%s holds objects that the metadata knows nothing of: it belongs to another data folder, or the metadata is not the one that belongs to it; restore or name the right one", d.Dir)
			}
		}
		err := store.Update(ctx, func(tx meta.Tx) error { return tx.Set(diskKey(d.ID), encodeDisk(knownDisk{dir: d.Dir})) })
		if err != nil {
			return fmt.Errorf("record the disk %s: %w", d.Dir, err)
		}
	}
	for id, d := range known {
		if d.lost.IsZero() {
			logger.Error("a disk is missing: objects on it cannot be read until it is back, or given up with coffer repair --offline --give-up-disk", "disk", id, "last_seen_at", d.dir)
		}
	}
	return nil
}

// knownDisks maps the id of each disk that was ever in use to what is known of it.
func knownDisks(ctx context.Context, store meta.Store) (map[string]knownDisk, error) {
	known := map[string]knownDisk{}
	err := eachDisk(ctx, store, func(id string, d knownDisk, damaged error) error {
		known[id] = d
		return damaged
	})
	if err != nil {
		return nil, fmt.Errorf("read which disks are in use: %w", err)
	}
	return known, nil
}

// eachDisk calls fn with what the metadata has of each disk; damaged says that it cannot
// be read.
func eachDisk(ctx context.Context, store meta.Store, fn func(id string, d knownDisk, damaged error) error) error {
	prefix := diskKey("")
	return store.View(ctx, func(r meta.Reader) error {
		return meta.Each(ctx, r, prefix, func(key, value []byte) error {
			d, damaged := decodeDisk(value)
			return fn(string(key[len(prefix):]), d, damaged)
		})
	})
}

// lostDisks are the ids of those that were given up.
func lostDisks(known map[string]knownDisk) (ids []string) {
	for id, d := range known {
		if !d.lost.IsZero() {
			ids = append(ids, id)
		}
	}
	return ids
}

func encodeDisk(d knownDisk) []byte {
	r := meta.NewRecord(instanceVersion)
	r.Text(diskFieldDir, d.dir)
	r.Time(diskFieldLost, d.lost)
	return r.Bytes()
}

func decodeDisk(value []byte) (d knownDisk, err error) {
	err = meta.ReadRecord(value, instanceVersion, func(f meta.Field) error {
		switch f.Number {
		case diskFieldDir:
			d.dir = f.Text()
		case diskFieldLost:
			if f.Int() == 0 {
				return errors.New("a disk that was given up at no time")
			}
			d.lost = f.Time()
		default:
			return f.Unknown()
		}
		return nil
	})
	return d, err
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

// strangeDisks refuses a folder that is none of the disks that the metadata knows while
// one of these is missing. Most likely that one is not mounted, and the folder is where
// it should be: what was written there would be on another disk, and out of sight once
// it is back. It looks before anything is made.
func strangeDisks(cfg *Config, known map[string]knownDisk) error {
	missing := maps.Clone(known)
	maps.DeleteFunc(missing, func(_ string, d knownDisk) bool { return !d.lost.IsZero() })
	strange := ""
	for _, dir := range cfg.blobDirs() {
		id, err := disk.Identity(disk.Options{}, dir)
		if err != nil {
			return err
		}
		if _, ok := known[id]; ok {
			delete(missing, id)
		} else if strange == "" {
			strange = dir
		}
	}
	if len(missing) == 0 || strange == "" {
		return disksMissing(cfg)
	}
	id := slices.Min(slices.Collect(maps.Keys(missing)))
	for other, d := range missing {
		if d.dir == strange {
			id = other
		}
	}
	return fmt.Errorf("the disk %s, which was last at %s, is missing, and %s is another folder, not one of this server's disks: nothing is made there, since its disk may only not be mounted; mount it, or name its folder in data-disks; to serve without it for now, leave its folder and all new ones out of data-disks; if it is lost for good, coffer repair --offline --give-up-disk %s says what is lost with it, and with --yes gives it up", id, missing[id].place(), strange, id)
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

// metaMissing refuses blobs beside metadata that is not there, and a first start with a
// folder of a disk that is not there. It looks before anything is made; a first start
// that was cut short has made metadata first.
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
	return disksMissing(cfg)
}
