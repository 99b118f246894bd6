package pebble

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// floorMarker is the name of the marker that says how far the manifest had come.
const floorMarker = "manifest-floor"

// manifestFS writes down how far the manifest had come whenever a file is taken away.
//
// The manifest is the log of edits that says which files are the database. Pebble takes
// the first edit that cannot be read for one that a crash cut, and goes on without
// those behind it. As long as the files of before are there, that is harmless. But once
// the log of rows that were flushed is gone, a manifest without their table is a
// database without these rows, and nothing would tell. So the floor is durable before
// the file goes, and Open refuses a manifest that does not reach it.
type manifestFS struct {
	vfs.FS
	dir   string
	fatal func(error)

	mu     sync.Mutex // guards what follows
	name   string     // of the newest manifest
	synced int64      // bytes of it
	floor  *atomicfs.Marker
	value  string // of floor
}

func (m *manifestFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := m.FS.Create(name, category)
	base := m.PathBase(name)
	if err != nil || !strings.HasPrefix(base, "MANIFEST-") {
		return file, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name, m.synced = base, 0
	return &manifestFile{File: file, fs: m, name: base}, nil
}

func (m *manifestFS) Remove(name string) error {
	switch path.Ext(name) {
	case ".log", ".sst", ".blob":
		m.raiseFloor()
	}
	return m.FS.Remove(name)
}

func (m *manifestFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	m.raiseFloor()
	return m.FS.ReuseForWrite(old, name, category)
}

// raiseFloor makes the length of the manifest durable. A disk that has no room for it
// is no reason to keep files: the floor of before holds as well.
func (m *manifestFS) raiseFloor() {
	m.mu.Lock()
	defer m.mu.Unlock()
	value := fmt.Sprint(m.name, ".", m.synced)
	if m.synced == 0 || value == m.value {
		return
	}
	if m.floor == nil {
		floor, _, err := atomicfs.LocateMarker(markerFS{m.FS, m.fatal}, m.dir, floorMarker)
		if err != nil {
			return
		}
		m.floor = floor
		_ = floor.RemoveObsolete()
	}
	if m.floor.Move(value) == nil {
		m.value = value
	}
}

func (m *manifestFS) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.floor == nil {
		return nil
	}
	return m.floor.Close()
}

// manifestFile counts what of a manifest is durable.
type manifestFile struct {
	vfs.File
	fs      *manifestFS
	name    string
	written int64 // Pebble writes and syncs a manifest under one lock
}

func (f *manifestFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	return n, err
}

func (f *manifestFile) Sync() error     { return f.durable(f.File.Sync()) }
func (f *manifestFile) SyncData() error { return f.durable(f.File.SyncData()) }

func (f *manifestFile) durable(err error) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err == nil && f.fs.name == f.name {
		f.fs.synced = f.written
	}
	return err
}

// markerFS is for a marker, which would panic if its folder cannot be synced.
type markerFS struct {
	vfs.FS
	fatal func(error)
}

func (m markerFS) OpenDir(name string) (vfs.File, error) {
	file, err := m.FS.OpenDir(name)
	return markerDir{file, m.fatal}, err
}

type markerDir struct {
	vfs.File
	fatal func(error)
}

func (d markerDir) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.fatal(fmt.Errorf("sync the folder of the metadata: %w", err))
	}
	return nil
}

// checkManifest returns ErrDamaged for a manifest that ends before its floor, or says
// nothing at all.
func checkManifest(fs vfs.FS, dir string) error {
	name, err := atomicfs.ReadMarker(fs, dir, "manifest")
	if errors.Is(err, os.ErrNotExist) || err == nil && name == "" {
		return nil
	}
	if err != nil {
		return err
	}
	end, err := manifestEnd(fs, fs.PathJoin(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s is gone", ErrDamaged, name)
	}
	if err != nil {
		return err
	}
	floor, err := atomicfs.ReadMarker(fs, dir, floorMarker)
	if err != nil {
		return err
	}
	atLeast := int64(1)
	if of, length, ok := strings.Cut(floor, "."); ok && of == name {
		if atLeast, err = strconv.ParseInt(length, 10, 64); err != nil {
			return fmt.Errorf("%w: the floor %q: %w", ErrDamaged, floor, err)
		}
	}
	if end < atLeast {
		return fmt.Errorf("%w: %s can be read to byte %d only, and was %d bytes long", ErrDamaged, name, end, atLeast)
	}
	return nil
}

// manifestEnd is the length of what of a manifest is whole.
func manifestEnd(fs vfs.FS, name string) (end int64, err error) {
	f, err := fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	records := record.NewReader(f, 0)
	for {
		r, err := records.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, record.ErrInvalidChunk) || errors.Is(err, record.ErrZeroedChunk) || errors.Is(err, record.ErrUnexpectedEOF) {
			return end, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		end = records.Offset()
	}
}
