package pebble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// floorMarker is the name of the marker that is a guardFS's memory.
const floorMarker = "floor"

// guardFS makes it known to the next start what Pebble would not miss.
//
// The manifest is the log of edits that says which files are the database. Pebble takes
// the first edit that cannot be read for one that a crash cut, and goes on without
// those behind it. As long as the files of before are there, that is harmless. But once
// the log of rows that were flushed is gone, a manifest without their table is a
// database without these rows. And a log that is gone is as good as an empty one to it.
// So how far the manifest had come is made durable before a file is taken away, and
// which logs there are as soon as there is a new one.
type guardFS struct {
	vfs.FS
	dir   string
	fatal func(error)

	mu     sync.Mutex // guards what follows
	now    floor
	known  string // what marker says
	folder vfs.File
	marker *atomicfs.Marker
}

// floor is what is there at least: its text is that of the marker.
type floor struct {
	manifest string   // its name
	bytes    int64    // of it, that were durable
	logs     []string // the newest last
}

func (f floor) String() string {
	return fmt.Sprintf("%s.%d.%s", f.manifest, f.bytes, strings.Join(f.logs, "+"))
}

func parseFloor(s string) (f floor, err error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return f, fmt.Errorf("%w: the floor %q", ErrDamaged, s)
	}
	f.manifest = parts[0]
	if f.bytes, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return f, fmt.Errorf("%w: the floor %q: %w", ErrDamaged, s, err)
	}
	if parts[2] != "" {
		f.logs = strings.Split(parts[2], "+")
	}
	return f, nil
}

const (
	logSuffix    = ".log"
	valuesSuffix = ".blob"
)

func (g *guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := g.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	base := g.PathBase(name)
	switch {
	case strings.HasSuffix(base, logSuffix):
		g.addLog(base)
	case strings.HasPrefix(base, "MANIFEST-"):
		return &manifestFile{File: file, guard: g, name: base}, nil
	}
	return file, nil
}

func (g *guardFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.drop(g.PathBase(old)); err != nil {
		return nil, err
	}
	file, err := g.FS.ReuseForWrite(old, name, category)
	if err == nil {
		g.addLog(g.PathBase(name))
	}
	return file, err
}

func (g *guardFS) Remove(name string) error {
	switch path.Ext(name) {
	case logSuffix, valuesSuffix, ".sst":
		if err := g.drop(g.PathBase(name)); err != nil {
			return err
		}
	}
	return g.FS.Remove(name)
}

// Open refuses a damaged file of values itself: Pebble panics over one.
func (g *guardFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := g.FS.Open(name, opts...)
	if err != nil || !strings.HasSuffix(name, valuesSuffix) {
		return file, err
	}
	if err := checkValues(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %s", ErrDamaged, g.PathBase(name), err), file.Close())
	}
	return file, nil
}

// checkValues reads the footer of a file of values, as Pebble does.
func checkValues(file vfs.File) error {
	r, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return err
	}
	_, err = blob.NewFileReader(context.Background(), r, blob.FileReaderOptions{})
	return err
}

// addLog notes a new log, whose name must not be durable after the floor that wants it.
func (g *guardFS) addLog(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open() != nil || g.folder.Sync() != nil {
		return
	}
	g.now.logs = append(g.now.logs, strings.TrimSuffix(name, logSuffix))
	_ = g.raise()
}

// drop comes before a file is taken away. A disk that has no room for a floor is no
// reason to keep files, but then there must be none.
func (g *guardFS) drop(name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	stem := strings.TrimSuffix(name, logSuffix)
	g.now.logs = slices.DeleteFunc(g.now.logs, func(log string) bool { return log == stem })
	if g.raise() == nil {
		return nil
	}
	return g.forget()
}

// raise makes the floor durable; mu is held.
func (g *guardFS) raise() error {
	value := g.now.String()
	if g.now.bytes == 0 || value == g.known {
		return nil
	}
	if err := g.open(); err != nil {
		return err
	}
	if err := g.marker.Move(value); err != nil {
		return err
	}
	g.known = value
	return nil
}

// forget takes the floor away; mu is held.
func (g *guardFS) forget() error {
	if err := g.open(); err != nil {
		return err
	}
	names, err := g.List(g.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "marker."+floorMarker+".") {
			err = errors.Join(err, g.FS.Remove(g.PathJoin(g.dir, name)))
		}
	}
	g.known = ""
	return errors.Join(err, g.folder.Sync())
}

// open opens the marker; mu is held.
func (g *guardFS) open() (err error) {
	if g.marker != nil {
		return nil
	}
	if g.folder, err = (markerFS{g.FS, g.fatal}).OpenDir(g.dir); err != nil {
		return err
	}
	marker, _, err := atomicfs.LocateMarker(markerFS{g.FS, g.fatal}, g.dir, floorMarker)
	if err != nil {
		return errors.Join(err, g.folder.Close())
	}
	_ = marker.RemoveObsolete()
	g.marker = marker
	return nil
}

// load returns the floor that was left, and begins with it.
func (g *guardFS) load() (left floor, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known, err = atomicfs.ReadMarker(g.FS, g.dir, floorMarker); err == nil && g.known != "" {
		g.now, err = parseFloor(g.known)
	}
	return g.now, err
}

// checkLogs returns ErrLostLog if a log is gone. It is missed once only.
func (g *guardFS) checkLogs() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var there, gone []string
	for _, log := range g.now.logs {
		_, err := g.FS.Stat(g.PathJoin(g.dir, log+logSuffix))
		switch {
		case err == nil:
			there = append(there, log)
		case errors.Is(err, os.ErrNotExist):
			gone = append(gone, log+logSuffix)
		default:
			return err
		}
	}
	if g.now.logs = there; len(gone) > 0 {
		return fmt.Errorf("%w: %s is gone", ErrLostLog, strings.Join(gone, " and "))
	}
	return nil
}

// removeOldLogs removes all logs but the newest, when nothing is in them alone. Pebble
// keeps some to write into again, which the next start would only remove. What cannot be
// removed is left to it.
func (g *guardFS) removeOldLogs() {
	g.mu.Lock()
	logs := slices.Clone(g.now.logs)
	g.mu.Unlock()
	for i := range len(logs) - 1 {
		_ = g.Remove(g.PathJoin(g.dir, logs[i]+logSuffix))
	}
}

// opened makes the floor of a new start durable, which may have taken nothing away.
func (g *guardFS) opened() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.raise()
}

func (g *guardFS) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.marker == nil {
		return nil
	}
	return errors.Join(g.marker.Close(), g.folder.Close())
}

// manifestFile counts what of a manifest is durable. A new one takes over once anything
// of it is: until then nothing was taken away that the old one names.
type manifestFile struct {
	vfs.File
	guard   *guardFS
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
	f.guard.mu.Lock()
	defer f.guard.mu.Unlock()
	if err == nil && f.written > 0 {
		f.guard.now.manifest, f.guard.now.bytes = f.name, f.written
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
	if err != nil {
		return nil, err
	}
	return markerDir{file, m.fatal}, nil
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
