package server

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/blob/disk"
	"coffer/crypt"
	"coffer/keys"
	"coffer/meta/pebble"
	"coffer/objects"
)

// stores are the engines and the services on them.
type stores struct {
	meta     *pebble.Store
	blobs    *disk.Store
	attached map[string]bool // the disks of blobs, by id; never changed
	accounts *accounts.Service
	keys     *keys.Service
	objects  *objects.Service
	traffic  *audit.Traffic
	kms      *crypt.KMS
	masterID string
	unlock   func() error // gives the disks back
	// masterErr is, for a check, why the master key at hand does not open the secrets.
	masterErr error
	// objectKeyErr is, for a check, why the key of encrypted objects does not open.
	objectKeyErr error
}

// openStores opens the data folder from the bottom up. The order matters to a
// first start that is cut short: metadata is made first, so that blobs without
// metadata are never the beginning of anything; the master key next, while the
// metadata still says that nothing was sealed.
func openStores(ctx context.Context, cfg *Config, sp *space) (_ stores, err error) {
	var s stores
	defer func() {
		if err != nil {
			_ = s.Close()
			err = storeError(cfg.Data, err)
		}
	}()
	cache, err := metadataCache(cfg.MetadataCache, boundMemory(os.Getenv))
	if err != nil {
		return s, err
	}
	if err := halfRestored(cfg.Data); err != nil {
		return s, err
	}
	dir := metaDir(cfg.Data)
	if err := metaMissing(cfg, dir); err != nil {
		return s, err
	}
	s.meta, err = pebble.Open(dir, pebble.Options{
		FS:            vfs.OnDiskFull(metaFS{stallFS{vfs.Default, sp.syncs}, sp.Writable, cfg.Fatal}, sp.release),
		Logger:        cfg.Logger,
		CacheBytes:    cache,
		MemtableBytes: sp.memtable(),
		FilesOpen:     metadataFiles(filesLimit()),
		NoSync:        cfg.UnsafeNoSync,
		Fatal:         cfg.Fatal,
	})
	if err != nil {
		return s, err
	}
	if err := checkFormat(ctx, s.meta); err != nil {
		return s, err
	}
	master, err := loadMaster(ctx, cfg, s.meta)
	if err != nil {
		return s, err
	}
	s.masterID = master.ID()
	s.keys, err = keys.Open(ctx, keys.Options{Meta: s.meta, Master: master, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger,
		Reveal: cfg.KeysReveal, Writable: sp.Writable})
	if err != nil {
		return s, err
	}
	s.traffic = &audit.Traffic{Meta: s.meta, Now: cfg.Now}
	host, origins := relyingParty(cfg.PublicConsoleURL)
	s.accounts, err = accounts.New(accounts.Options{
		Meta: s.meta, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger,
		Sealer: accounts.Sealer{Seal: s.keys.Seal, Open: s.keys.Unseal},
		RPID:   host, Origins: origins,
		Idle: cfg.SessionIdle, Absolute: cfg.SessionMax,
	})
	if err != nil {
		return s, err
	}
	if err := s.openDisks(ctx, cfg, sp); err != nil {
		return s, err
	}
	if cfg.LifecycleDay != coffer.LifecycleDay {
		cfg.Logger.Warn("lifecycle-day is set: lifecycles end objects before the time that their rules say", "day", cfg.LifecycleDay.String())
	}
	if s.kms, err = openKMS(ctx, cfg.KMSKeys); err != nil {
		return s, err
	}
	s.objects, err = objects.Open(ctx, objects.Options{
		Meta: s.meta, Blobs: s.blobs, Now: cfg.Now, Rand: cfg.Rand, Logger: cfg.Logger,
		InlineMax: cfg.InlineThreshold, Writable: sp.Writable, LifecycleDay: cfg.LifecycleDay,
		Encrypt: cfg.Encryption, Seal: s.keys.Seal, Unseal: s.keys.Unseal, KMS: s.kms,
		Account: s.accounts.Find, Ownership: cfg.ObjectOwnership,
		Webhooks: cfg.Webhooks, ReplicationTargets: cfg.ReplicationTargets,
	})
	return s, err
}

// openDisks opens the folders of blobs, which are no other server's then.
func (s *stores) openDisks(ctx context.Context, cfg *Config, sp *space) (err error) {
	known, err := knownDisks(ctx, s.meta)
	if err != nil {
		return err
	}
	if err := strangeDisks(cfg, known); err != nil {
		return err
	}
	s.blobs, err = disk.Open(disk.Options{
		FS:     floorFS{stallFS{vfs.Default, sp.syncs}, sp.Writable},
		Dirs:   cfg.blobDirs(),
		Lost:   lostDisks(known),
		Rand:   cfg.Rand,
		NoSync: cfg.UnsafeNoSync,
		Logger: cfg.Logger,
		Now:    cfg.Now,
	})
	if err != nil {
		return err
	}
	if s.unlock, err = lockDisks(cfg, cfg.blobDirs()); err != nil {
		return err
	}
	return s.checkDisks(ctx, cfg.Logger)
}

// loadMaster takes the master key from the settings, or from its file, which is
// made only while nothing was ever sealed.
func loadMaster(ctx context.Context, cfg *Config, store *pebble.Store) (keys.Master, error) {
	if !cfg.MasterKey.Empty() {
		return parseMaster(cfg)
	}
	sealed, err := keys.Sealed(ctx, store)
	if err != nil {
		return keys.Master{}, err
	}
	return keys.LoadOrCreateMaster(vfs.Default, cfg.MasterKeyFile, !sealed, cfg.Rand, cfg.Logger)
}

func parseMaster(cfg *Config) (keys.Master, error) {
	master, err := keys.ParseMaster(cfg.MasterKey)
	if err != nil {
		return master, fmt.Errorf("COFFER_MASTER_KEY cannot be used: %w", err)
	}
	return master, nil
}

// Close closes from the top down what was opened.
func (s *stores) Close() error {
	var errs []error
	if s.kms != nil {
		errs = append(errs, s.kms.Close())
	}
	if s.keys != nil {
		errs = append(errs, s.keys.Close())
	}
	if s.meta != nil {
		errs = append(errs, s.meta.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}

// storeError makes a sentence for the operator of an error of opening a store.
func storeError(data string, err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("no space is left on the disk of %s: free some and start again; nothing was harmed: %w", data, err)
	case errors.Is(err, pebble.ErrLocked):
		return fmt.Errorf("another process has the database of %s open: stop it, or use another --data: %w", data, err)
	case errors.Is(err, pebble.ErrLostLog):
		return fmt.Errorf("the newest records of the database in %s cannot be read: restore a backup of it, or go on without them with coffer repair --offline --accept-lost-log --yes; nothing was changed: %w", data, err)
	case errors.Is(err, pebble.ErrDamaged):
		return fmt.Errorf("the database in %s is damaged: restore a backup of it, or check the disk; nothing was changed: %w", data, err)
	case errors.Is(err, pebble.ErrNewerFormat):
		return fmt.Errorf("the database in %s was written by a newer coffer: start that version: %w", data, err)
	case errors.Is(err, unix.EROFS), errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the data folder %s is not writable for this user: change its owner or its mount, or use another --data: %w", data, err)
	}
	return err
}
