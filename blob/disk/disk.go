// Package disk keeps blobs as files on local disks: written once, checksummed by
// block, synced with their folder before Put returns, spread over 256 folders and
// over the disks that it is given. docs/format.md states the format. It
// knows nothing of who needs a blob, nor for how long.
package disk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob"
)

// Options says where the blobs are and what the store may use.
type Options struct {
	FS     vfs.FS           // vfs.Default if nil
	Dirs   []string         // one folder for each disk, in any order; at least one, unless all are lost
	Lost   []string         // ids of disks that are gone for good: they have no blobs
	Rand   io.Reader        // names of blobs and disks; crypto/rand if nil
	NoSync bool             // skip all syncs: a crash then loses what was acknowledged
	Logger *slog.Logger     // what no caller learns of; silent if nil
	Now    func() time.Time // recorded in each blob; time.Now if nil
}

// Store is a blob.Store on local disks. It holds no open files between calls.
type Store struct {
	fs         vfs.FS
	disks      []*disk // by id, so that refs are listed in order
	lost       []string
	blockBytes int
	noSync     bool
	log        *slog.Logger
	now        func() time.Time
	chunks     sync.Pool // of *chunk

	randMu sync.Mutex // held while reading rand, which need not be safe for concurrent use
	rand   io.Reader
}

// Usage is the space on one disk, in bytes.
type Usage struct {
	Dir   string // as given in Options
	ID    string // as in the refs of its blobs
	Free  uint64 // what this process may still use
	Total uint64
}

// disk is one folder that holds an identity and 256 folders of blobs.
type disk struct {
	id      string
	dir     string
	folders map[string]*groupSync // by name; never changed
}

// chunk is what is read or written at once. Two of them are all that a Put
// holds, and one is all that a read does, whatever the size of the blob.
type chunk [chunkBytes]byte

var _ blob.Store = (*Store)(nil)

// Open opens the disks at opt.Dirs. An empty or missing folder becomes a new
// disk; one that holds other things, or blobs without an identity, is refused.
func Open(opt Options) (*Store, error) {
	s := newStore(opt)
	if len(opt.Dirs)+len(opt.Lost) == 0 {
		return nil, errors.New("open blob disks: no folder given")
	}
	for _, dir := range opt.Dirs {
		d, err := s.attach(dir)
		if err != nil {
			return nil, fmt.Errorf("open blob disk %s: %w", dir, err)
		}
		if twin := s.disk(d.id); twin != nil {
			return nil, fmt.Errorf("open blob disk %s: it has the identity %q of %s: one is a copy of the other", dir, d.id, twin.dir)
		}
		s.disks = append(s.disks, d)
	}
	slices.SortFunc(s.disks, func(a, b *disk) int { return strings.Compare(a.id, b.id) })
	return s, nil
}

// newStore is a store with no disk yet.
func newStore(opt Options) *Store {
	s := &Store{fs: opt.FS, lost: opt.Lost, blockBytes: blockBytes, noSync: opt.NoSync, log: opt.Logger, now: opt.Now, rand: opt.Rand}
	s.chunks.New = func() any { return new(chunk) }
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	return s
}

// Delete removes a blob. The removal is not synced: after a crash the blob may
// be back, and since no metadata names it any more, reclaim finds it again.
func (s *Store) Delete(_ context.Context, ref blob.Ref) error {
	d, name, err := s.locate(ref)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete blob %s: %w", ref, err)
	}
	if err := s.fs.Remove(s.path(d, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob %s: %w", ref, err)
	}
	return nil
}

// Usage returns the space on each disk, in the order of their ids.
func (s *Store) Usage() ([]Usage, error) {
	var all []Usage
	for _, d := range s.disks {
		u, err := s.fs.GetDiskUsage(d.dir)
		if err != nil {
			return nil, fmt.Errorf("measure blob disk %s: %w", d.dir, err)
		}
		all = append(all, Usage{Dir: d.dir, ID: d.id, Free: u.AvailBytes, Total: u.TotalBytes})
	}
	return all, nil
}

// disk returns the disk with that id, or nil.
func (s *Store) disk(id string) *disk {
	for _, d := range s.disks {
		if d.id == id {
			return d
		}
	}
	return nil
}

// locate finds where a blob is. A ref that this driver cannot have made is
// ErrNotFound and never becomes part of a path.
func (s *Store) locate(ref blob.Ref) (*disk, string, error) {
	id, name, ok := parseRef(ref)
	if !ok {
		return nil, "", blob.ErrNotFound
	}
	d := s.disk(id)
	if d == nil && slices.Contains(s.lost, id) {
		return nil, "", fmt.Errorf("disk %q was given up: %w", id, blob.ErrNotFound)
	}
	if d == nil {
		return nil, "", fmt.Errorf("disk %q is not attached: %w", id, blob.ErrUnreadable)
	}
	return d, name, nil
}

func (s *Store) path(d *disk, name string) string {
	return s.fs.PathJoin(d.dir, name[:folderNameBytes], name)
}

// random fills p.
func (s *Store) random(p []byte) error {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	if _, err := io.ReadFull(s.rand, p); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	return nil
}

// Refs are the disk's id, a dash and the file's name: 32 hexadecimal digits, the
// first two of which are also its folder.
const (
	idBytes         = 4
	nameRandomBytes = 16
	nameBytes       = 2 * nameRandomBytes
	folderCount     = 256
	folderNameBytes = 2
)

func makeRef(id, name string) blob.Ref { return blob.Ref(id + "-" + name) }

func parseRef(ref blob.Ref) (id, name string, ok bool) {
	id, name, ok = strings.Cut(string(ref), "-")
	return id, name, ok && len(id) == idBytes && isName(name)
}

func isName(name string) bool {
	if len(name) != nameBytes || strings.ToLower(name) != name {
		return false
	}
	_, err := hex.DecodeString(name)
	return err == nil
}

func folderName(i int) string { return fmt.Sprintf("%02x", i) }
