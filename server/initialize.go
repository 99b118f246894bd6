package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"coffer"
)

// Made is what Initialize made.
type Made struct {
	Data    string
	Account coffer.Account
	// AccessKeyID and Secret are the first key; the secret is empty if the settings
	// gave the pair.
	AccessKeyID coffer.AccessKeyID
	Secret      coffer.Secret
}

// Initialize makes a data folder as the first start does, and listens nowhere: the
// metadata, the master key, the first account with its key, and its first member. A
// folder that has anything in it is refused and left as it is; what is made before
// another error is removed again.
func Initialize(ctx context.Context, cfg Config) (made Made, err error) {
	if err := cfg.check(); err != nil {
		return Made{}, err
	}
	if cfg.RootPassword.Empty() {
		return Made{}, fmt.Errorf("no password is set for the first member: name a file that has it with COFFER_ROOT_PASSWORD_FILE")
	}
	dirs := append([]string{cfg.Data}, cfg.DataDisks...)
	if err := allEmpty(dirs); err != nil {
		return Made{}, err
	}
	_, statErr := os.Stat(cfg.Data)
	if err := dataFolder(cfg.Data); err != nil {
		return Made{}, err
	}
	unlock, err := lockFolder(cfg.Data)
	if err != nil {
		return Made{}, err
	}
	// Somebody else may have been faster before the lock was held.
	if err := allEmpty(dirs); err != nil {
		return Made{}, errors.Join(err, unlock())
	}
	made, err = initialize(ctx, &cfg)
	if err != nil {
		for _, dir := range dirs {
			_ = clearOut(dir)
		}
		if errors.Is(statErr, os.ErrNotExist) {
			_ = os.Remove(cfg.Data)
		}
	}
	return made, errors.Join(err, unlock())
}

// initialize makes what is in a folder that is empty and locked.
func initialize(ctx context.Context, cfg *Config) (made Made, err error) {
	sp := newSpace(cfg)
	if err := sp.roomToStart(metaDir(cfg.Data)); err != nil {
		return Made{}, err
	}
	s, err := openStores(ctx, cfg, sp)
	if err != nil {
		return Made{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := firstRun(ctx, cfg, s.meta, s.accounts, s.keys)
	if err != nil {
		return Made{}, storeError(cfg.Data, err)
	}
	if _, err := firstMember(ctx, cfg, s.accounts); err != nil {
		return Made{}, storeError(cfg.Data, err)
	}
	return Made{cfg.Data, r.account, r.key.Current.AccessKeyID, r.secret}, nil
}

// ours are what an empty folder may have: what a file system puts into its root, and
// the lock.
var ours = map[string]bool{"lost+found": true, "LOCK": true}

// allEmpty refuses folders that have something in them.
func allEmpty(dirs []string) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read the folder %s: %w", dir, reason(err))
		}
		for _, e := range entries {
			if !ours[e.Name()] {
				return fmt.Errorf("the folder %s is not empty, and nothing was changed: init makes a new one; coffer serve starts on one that is there", dir)
			}
		}
	}
	return nil
}

// clearOut removes what is in a folder that was empty.
func clearOut(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != "lost+found" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
