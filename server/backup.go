package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/backup"
	"coffer/blob/disk"
	"coffer/keys"
	"coffer/meta/pebble"
)

// backupUse is what the key of backups is derived of the master key for.
const backupUse = "coffer backup v1"

// BackupKey is the key of the backups of a data folder. It needs the master key,
// but neither the rest of the folder nor a server.
func BackupKey(cfg Config) (backup.Key, error) {
	master, err := givenMaster(&cfg)
	if err != nil {
		return backup.Key{}, err
	}
	secret, err := master.Derive(backupUse)
	return backup.Key{MasterID: master.ID(), Secret: secret}, err
}

// givenMaster is the master key of the settings or of its file, which must be there.
func givenMaster(cfg *Config) (keys.Master, error) {
	if !cfg.MasterKey.Empty() {
		return parseMaster(cfg)
	}
	path := cfg.MasterKeyFile
	if path == "" {
		path = filepath.Join(cfg.Data, masterKeyName)
	}
	master, err := keys.LoadOrCreateMaster(vfs.Default, path, false, nil, cfg.Logger)
	if errors.Is(err, keys.ErrNoMasterKey) {
		return master, fmt.Errorf("there is no master key in %s, and backups cannot be read or made without it: name its file with --master-key-file, or give it in COFFER_MASTER_KEY", path)
	}
	return master, err
}

// backupSource hands out snapshots on the operator's socket.
func (s *Server) backupSource() *backup.Source {
	return &backup.Source{
		Meta: s.stores.meta, Blobs: s.stores.blobs, Now: s.cfg.Now, Rand: s.cfg.Rand, Logger: s.cfg.Logger,
		Hold: s.stores.objects.Hold,
		Collect: func(ctx context.Context) error {
			_, err := s.stores.objects.CollectGarbage(ctx)
			return err
		},
		Header: func() (backup.Header, error) {
			h := backup.Header{Coffer: version(), DataFormat: formatVersion, MasterKey: s.stores.masterID}
			usages, err := s.stores.blobs.Usage()
			for _, u := range usages {
				h.Disks = append(h.Disks, backup.Disk{ID: u.ID, Main: u.Dir == s.cfg.blobDirs()[0]})
			}
			return h, err
		},
	}
}

// Restored tells what a restore made.
type Restored struct {
	*backup.Report
	Data string `json:"data"`
	// DataDisks are the folders that must be given as data-disks from now on.
	DataDisks []string `json:"data_disks"`
}

// Restore makes the data folder of a Config from a backup. The folder, and those of
// the data-disks, must be missing or empty, but for the master key, which is in no
// backup. What an error leaves there no server starts on.
func Restore(ctx context.Context, cfg Config, from *backup.Repository, m backup.Manifest, opt backup.RestoreOptions) (_ Restored, err error) {
	if err := cfg.check(); err != nil {
		return Restored{}, err
	}
	out := Restored{Data: cfg.Data, DataDisks: []string{}}
	if m.DataFormat > formatVersion {
		return out, fmt.Errorf("the data of the backup has format %d, and this coffer %s reads up to %d: restore with version %s or later", m.DataFormat, version(), formatVersion, m.Coffer)
	}
	master, err := givenMaster(&cfg)
	if err != nil {
		return out, err
	}
	if err := emptyData(&cfg); err != nil {
		return out, err
	}
	if err := dataFolder(cfg.Data); err != nil {
		return out, err
	}
	if err := beginRestore(cfg.Data); err != nil {
		return out, err
	}
	unlock, err := lockFolder(cfg.Data)
	if err != nil {
		return out, errors.Join(err, endRestore(cfg.Data)) // a server has come between
	}
	defer func() { err = errors.Join(err, unlock()) }()
	dirs, err := makeDisks(&cfg, m)
	if err != nil {
		return out, err
	}
	out.DataDisks = append(out.DataDisks, dirs[1:]...)
	blobs, err := disk.Open(disk.Options{Dirs: dirs, Rand: cfg.Rand, Logger: cfg.Logger, Now: cfg.Now})
	if err != nil {
		return out, storeError(cfg.Data, err)
	}
	store, err := pebble.Open(metaDir(cfg.Data), pebble.Options{Logger: cfg.Logger, Fatal: cfg.Fatal})
	if err != nil {
		return out, storeError(cfg.Data, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	to := backup.Target{Meta: store, Blob: blobs.Restore, Last: formatKey()}
	if out.Report, err = from.Restore(ctx, m, to, opt); err != nil {
		return out, fmt.Errorf("%w; what is in %s now is of no use, and no server starts on it: remove it", storeError(cfg.Data, err), cfg.Data)
	}
	// The secrets must open, or the keys in there are of no use.
	ks, err := keys.Open(ctx, keys.Options{Meta: store, Master: master, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger})
	if err != nil {
		return out, err
	}
	return out, errors.Join(ks.Close(), endRestore(cfg.Data))
}

// restoringName is the file that says that a restore into the data folder has not come
// to its end. At first there is nothing else that tells half a restore from a new
// server, which would come up empty.
const restoringName = "RESTORING"

func beginRestore(data string) error {
	f, err := os.OpenFile(filepath.Join(data, restoringName), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close(), syncFolder(data))
	}
	if err != nil {
		return fmt.Errorf("begin to restore into %s: %w", data, reason(err))
	}
	return nil
}

func endRestore(data string) error {
	if err := errors.Join(os.Remove(filepath.Join(data, restoringName)), syncFolder(data)); err != nil {
		return fmt.Errorf("end the restore into %s: %w", data, reason(err))
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// halfRestored refuses a data folder into which a restore was cut.
func halfRestored(data string) error {
	_, err := os.Lstat(filepath.Join(data, restoringName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look into %s: %w", data, reason(err))
	}
	return fmt.Errorf("%s has half a restore, which was cut or failed: remove it, and restore again to a new folder", data)
}

// emptyData refuses a data folder with anything in it but the master key.
func emptyData(cfg *Config) error {
	for _, dir := range append([]string{cfg.Data}, cfg.DataDisks...) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into %s: %w", dir, reason(err))
		}
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
			return e.Name() == "lost+found" || leadsTo(filepath.Join(dir, e.Name()), cfg.MasterKeyFile)
		})
		if len(entries) > 0 {
			return fmt.Errorf("%s is not empty, it has %s: restore to a new folder", dir, entries[0].Name())
		}
	}
	return nil
}

// leadsTo tells whether two paths lead to one file, in whatever way they are written.
func leadsTo(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// makeDisks makes the disks of a backup: that of the data folder first, the others
// where data-disks says, or in the data folder if it says nothing.
func makeDisks(cfg *Config, m backup.Manifest) ([]string, error) {
	var mains, others []backup.Disk
	for _, d := range m.Disks {
		if d.Main {
			mains = append(mains, d)
		} else {
			others = append(others, d)
		}
	}
	if len(mains) != 1 {
		return nil, fmt.Errorf("the backup %s tells of %d disks in the data folder: %w", m.ID, len(mains), backup.ErrDamaged)
	}
	if len(cfg.DataDisks) > 0 && len(cfg.DataDisks) != len(others) {
		return nil, fmt.Errorf("the backup has blobs of %d disks besides the data folder, and --data-disks names %d folders: name as many, or none to have them in the data folder", len(others), len(cfg.DataDisks))
	}
	var dirs []string
	for i, d := range slices.Concat(mains, others) {
		dir := cfg.blobDirs()[0]
		switch {
		case i > 0 && len(cfg.DataDisks) > 0:
			dir = cfg.DataDisks[i-1]
		case i > 0:
			dir = filepath.Join(cfg.Data, "disks", filepath.Base(d.ID))
		}
		if err := disk.Make(disk.Options{}, dir, d.ID); err != nil {
			return nil, storeError(cfg.Data, err)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}
