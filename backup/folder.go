package backup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// tempFolder has what is being written, each file under a name of tempForm; whoever
// locks the folder removes them.
const tempFolder = "tmp"

var tempForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// folder is a Store on a file system.
type folder struct{ dir string }

func openFolder(dir string) (Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder %s: %w", dir, err)
	}
	return folder{abs}, nil
}

func (f folder) String() string { return f.dir }

func (f folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// Get implements Store.
func (f folder) Get(_ context.Context, name string) ([]byte, error) {
	file, err := os.Open(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer file.Close()
	return readAll(file, name)
}

// Put implements Store: the file gets its name when it is whole.
func (f folder) Put(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := f.path(name)
	if err := f.makeFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("make a folder for %s: %w", name, err)
	}
	temp := filepath.Join(f.dir, tempFolder)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return fmt.Errorf("make a folder for %s: %w", name, err)
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	temp = filepath.Join(temp, hex.EncodeToString(random[:]))
	err := writeFile(temp, data)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncFolder(filepath.Dir(path))
}

func writeFile(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// makeFolder makes dir and what is above it, durably.
func (f folder) makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if up := filepath.Dir(dir); up != dir {
		if err := f.makeFolder(up); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder to sync: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		err = nil // Some network file systems do not sync folders.
	}
	return errors.Join(err, d.Close())
}

// Delete implements Store. A folder that is empty then goes with the file.
func (f folder) Delete(_ context.Context, name string) error {
	path := f.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	_ = os.Remove(filepath.Dir(path)) // fails where something is in it
	return nil
}

// List implements Store. It reads one folder at a time.
func (f folder) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { f.walk(ctx, strings.TrimSuffix(prefix, "/"), yield) }
}

func (f folder) walk(ctx context.Context, dir string, yield func(string, error) bool) bool {
	entries, err := os.ReadDir(f.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		yield("", fmt.Errorf("list %s: %w", f.path(dir), err))
		return false
	}
	for _, e := range entries {
		name := e.Name()
		if dir == "" && (name == tempFolder || name == "lost+found") {
			continue
		}
		if dir != "" {
			name = dir + "/" + name
		}
		if e.IsDir() {
			if !f.walk(ctx, name, yield) {
				return false
			}
		} else if !yield(name, nil) {
			return false
		}
	}
	return true
}

// Lock implements Store. The kernel drops the lock when the process ends in any
// way, so it is never stale.
func (f folder) Lock(ctx context.Context) (context.Context, func(), error) {
	if err := f.makeFolder(f.dir); err != nil {
		return nil, nil, fmt.Errorf("make the folder %s: %w", f.dir, err)
	}
	file, err := os.OpenFile(f.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("lock %s: %w", f.dir, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil, fmt.Errorf("another backup or prune is at work in %s: wait for its end", f.dir)
		}
		return nil, nil, fmt.Errorf("lock %s: %w: it must be on a file system with locks", f.dir, err)
	}
	if err := f.emptyTemp(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("remove what a cut backup left: %w", err), file.Close())
	}
	return ctx, func() { _ = file.Close() }, nil
}

// emptyTemp removes what a backup that was cut left unfinished, and nothing else: who
// names the wrong folder may well have a tmp there.
func (f folder) emptyTemp() error {
	if _, err := os.Stat(f.path(configName)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // no backup was ever made here
		}
		return err
	}
	temp := f.path(tempFolder)
	entries, err := os.ReadDir(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if tempForm.MatchString(e.Name()) && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(temp, e.Name())))
		}
	}
	return errors.Join(append(errs, err)...)
}
