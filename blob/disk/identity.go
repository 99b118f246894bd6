package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The identity file; see docs/format.md.
const (
	identityName    = "identity"
	identityNewName = "identity.new"
	identityMagic   = "CFDK"
	identityVersion = 1
	identityBytes   = 16

	// idAlphabet has 32 letters so that five random bits make one.
	idAlphabet = "0123456789abcdefghijklmnopqrstuv"

	dirPerm  = 0o700
	filePerm = 0o600
)

// Identity is what the disk at dir is called: "" if the folder is empty, or missing, or
// what an interrupted first Open leaves. It changes nothing.
func Identity(opt Options, dir string) (string, error) {
	s := newStore(opt)
	names, err := s.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	id := ""
	if err == nil {
		if slices.Contains(names, identityName) {
			id, err = s.readIdentity(dir)
		} else {
			err = s.checkFresh(dir, names)
		}
	}
	if err != nil {
		return "", fmt.Errorf("open blob disk %s: %w", dir, err)
	}
	return id, nil
}

// attach opens the disk at dir, and makes it one if it is new.
func (s *Store) attach(dir string) (*disk, error) {
	if err := s.fs.MkdirAll(dir, dirPerm); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	names, err := s.fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list folder: %w", err)
	}
	known := slices.Contains(names, identityName)
	if !known {
		if err := s.checkFresh(dir, names); err != nil {
			return nil, err
		}
	}
	if err := s.makeFolders(dir, names); err != nil {
		return nil, err
	}
	// The identity comes last: where it is, all the rest is durable.
	if !known {
		if err := s.syncUp(dir); err != nil {
			return nil, err
		}
		if err := s.writeIdentity(dir); err != nil {
			return nil, err
		}
	}
	// Also on a known disk: the process may have ended between the rename of the
	// identity, or the making of a folder, and the sync of it.
	if err := s.syncDir(dir); err != nil {
		return nil, err
	}
	id, err := s.readIdentity(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{id: id, dir: dir, folders: map[string]*groupSync{}}
	for i := range folderCount {
		d.folders[folderName(i)] = new(groupSync)
	}
	return d, nil
}

// checkFresh refuses a folder without identity that holds anything but what an
// interrupted first Open leaves: whose blobs they are could not be known.
func (s *Store) checkFresh(dir string, names []string) error {
	for _, name := range names {
		switch {
		case name == identityNewName || name == "lost+found":
		case isFolder(name):
			inside, err := s.fs.List(s.fs.PathJoin(dir, name))
			if err != nil {
				return fmt.Errorf("list folder %s: %w", name, err)
			}
			if len(inside) > 0 {
				return fmt.Errorf("it holds %s/%s but no file %q: its identity was lost", name, inside[0], identityName)
			}
		default:
			return fmt.Errorf("it holds %q but no file %q: it is not a blob disk", name, identityName)
		}
	}
	return nil
}

func isFolder(name string) bool {
	return len(name) == folderNameBytes && isName(name+fmt.Sprintf("%0*d", nameBytes-folderNameBytes, 0))
}

// makeFolders makes the folders that are not among names.
func (s *Store) makeFolders(dir string, names []string) error {
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
	}
	// Each is synced, and the syncs of many go together.
	var next atomic.Int64
	errs := make([]error, foldersAtOnce)
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < folderCount && errs[worker] == nil; i = next.Add(1) - 1 {
				if name := folderName(int(i)); !have[name] {
					errs[worker] = s.makeFolder(s.fs.PathJoin(dir, name))
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// foldersAtOnce is how many folders of a new disk are made at the same time.
const foldersAtOnce = 16

func (s *Store) makeFolder(folder string) error {
	if err := s.fs.MkdirAll(folder, dirPerm); err != nil {
		return fmt.Errorf("make folder %s: %w", folder, err)
	}
	return s.syncDir(folder)
}

// writeIdentity gives the disk an identity, whole or not at all.
func (s *Store) writeIdentity(dir string) error {
	var raw [idBytes]byte
	if err := s.random(raw[:]); err != nil {
		return err
	}
	for i := range raw {
		raw[i] = idAlphabet[int(raw[i])%len(idAlphabet)]
	}
	return s.writeIdentityOf(dir, string(raw[:]))
}

func (s *Store) writeIdentityOf(dir, id string) error {
	temp := s.fs.PathJoin(dir, identityNewName)
	f, err := s.fs.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create identity: %w", err)
	}
	err = restrict(f)
	if err == nil {
		err = writeAll(f, encodeIdentity(id))
	}
	if err == nil && !s.noSync {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	if err := s.fs.Rename(temp, s.fs.PathJoin(dir, identityName)); err != nil {
		return fmt.Errorf("name identity: %w", err)
	}
	return nil
}

func (s *Store) readIdentity(dir string) (string, error) {
	f, err := s.fs.Open(s.fs.PathJoin(dir, identityName))
	if err != nil {
		return "", fmt.Errorf("open identity: %w", err)
	}
	defer f.Close()
	var p [identityBytes + 1]byte
	n, err := f.ReadAt(p[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read identity: %w", err)
	}
	return parseIdentity(p[:n])
}

func encodeIdentity(id string) []byte {
	p := append(make([]byte, 0, identityBytes), identityMagic...)
	p = binary.LittleEndian.AppendUint32(p, identityVersion)
	p = append(p, id...)
	return binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, castagnoli))
}

func parseIdentity(p []byte) (string, error) {
	if len(p) != identityBytes || string(p[:4]) != identityMagic {
		return "", errors.New("identity: not the identity of a blob disk")
	}
	if sum := binary.LittleEndian.Uint32(p[12:]); sum != crc32.Checksum(p[:12], castagnoli) {
		return "", errors.New("identity: checksum does not match")
	}
	if v := binary.LittleEndian.Uint32(p[4:]); v != identityVersion {
		return "", fmt.Errorf("identity: version %d is not known", v)
	}
	return string(p[8:12]), nil
}

// syncUp makes dir and its name in every folder above it durable: it may have
// been made just now, with any number of its parents.
func (s *Store) syncUp(dir string) error {
	for {
		err := s.syncDir(dir)
		// A folder that may not be read was not made by this process.
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		up := s.fs.PathDir(dir)
		if up == dir {
			return nil
		}
		dir = up
	}
}

// syncDir makes the names in dir durable.
func (s *Store) syncDir(dir string) error {
	if s.noSync {
		return nil
	}
	f, err := s.fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open folder %s to sync: %w", dir, err)
	}
	err = f.Sync()
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// restrict takes a new file from everybody but its owner, since a vfs.FS creates
// files as the umask lets it. Where the file system has no permissions, or hides
// them, the folder's are enough.
func restrict(f vfs.File) error {
	if c, ok := f.(interface{ Chmod(fs.FileMode) error }); ok {
		return c.Chmod(filePerm)
	}
	return nil
}
