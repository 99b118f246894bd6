// Package backup copies a whole store to another place while it is written to, and
// back: one consistent snapshot of the metadata, and the blobs that it names, each
// of them once however many backups have it. Everything is sealed under a key that
// is made of the master key. docs/format.md states the format. It knows what is to
// be left out of a backup, and nothing else of what records mean; nor which engines
// the bytes come from.
package backup

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
)

// Format is the version of what this program writes.
const Format = 1

const (
	// recordsBytes is about how many bytes of records are in one file, and refsBytes
	// how many where they are the names of blobs: those are read from all backups at
	// once by Prune.
	recordsBytes = 2 << 20
	refsBytes    = 256 << 10
	// blobBytes is how much of a blob is in one file.
	blobBytes = 4 << 20
	// fileBytesMax bounds a file in memory; a record has 1 MiB and some slack.
	fileBytesMax = blobBytes + 1<<20
	// workers is how many blobs are copied at a time, each through one file in memory.
	workers = 4
	// damagedMax bounds how many damaged blobs a backup may lack.
	damagedMax = 10_000
)

var (
	// ErrDamaged says that a file of a backup is not as it was written.
	ErrDamaged = errors.New("it is damaged")
	// ErrNoBackup says that a place has no backups.
	ErrNoBackup = errors.New("there is no backup")
)

// Disk is a disk that blobs of a backup were on.
type Disk struct {
	ID string `json:"id"`
	// Main says that it is the one in the data folder.
	Main bool `json:"main,omitempty"`
}

// Manifest tells of one backup. It is written last, and makes the backup exist.
type Manifest struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	// Time is when the backup began: the snapshot is from a moment after it.
	Time time.Time `json:"time"`
	// Coffer is the version of the program, and DataFormat that of the records.
	Coffer     string `json:"coffer"`
	DataFormat int64  `json:"data_format"`
	Disks      []Disk `json:"disks"`
	// Files is how many files the records are in, Records how many there are, and
	// SHA256 the digest of all of those files' plain bytes, in hexadecimal.
	Files       int    `json:"files"`
	Records     int64  `json:"records"`
	RecordBytes int64  `json:"record_bytes"`
	SHA256      string `json:"sha256"`
	// Blobs is how many blobs the backup has. Added of them, of AddedBytes, were not
	// there before.
	Blobs      int64 `json:"blobs"`
	Added      int64 `json:"added"`
	AddedBytes int64 `json:"added_bytes"`
	// Damaged are the blobs that could not be read, and are not in the backup.
	Damaged []blob.Ref `json:"damaged,omitempty"`
}

// Key opens and seals backups.
type Key struct {
	// MasterID names the master key that Secret was derived of, for texts.
	MasterID string
	Secret   coffer.Secret // crypt.KeyBytes bytes
}

// idForm is what an ID looks like, so that none leads to a file elsewhere.
var idForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{9}Z-[0-9a-f]{8}$`)

// idTime is how the time is written in an ID, but for the point in it.
const idTime = "20060102T150405.000"

// newID makes an ID that sorts by time, behind those that are there: where the clock
// went back, the latest backup is still the one that was made last.
func (r *Repository) newID(ctx context.Context, t time.Time) (string, error) {
	for name, err := range r.store.List(ctx, manifestFolder) {
		if err != nil {
			return "", err
		}
		last := strings.TrimPrefix(name, manifestFolder)
		if !idForm.MatchString(last) {
			continue
		}
		was, err := time.Parse(idTime, last[:15]+"."+last[15:18])
		if err == nil && was.Add(time.Millisecond).After(t) {
			t = was.Add(time.Millisecond)
		}
	}
	var b [4]byte
	if _, err := io.ReadFull(r.rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return fmt.Sprintf("%sZ-%x", strings.Replace(t.UTC().Format(idTime), ".", "", 1), b), nil
}

// The names of files; see docs/format.md.
const (
	configName     = "coffer-backup"
	manifestFolder = "backups/"
	recordsFolder  = "records/"
	blobsFolder    = "blobs/"
)

func manifestName(id string) string { return manifestFolder + id }

func recordsName(id string, file int) string {
	return fmt.Sprintf("%s%s/%08d", recordsFolder, id, file)
}

// blobName is one file of a blob. The name of the last one, which is written last,
// tells that the blob is whole.
func blobName(ref blob.Ref, file int, last bool) string {
	name := fmt.Sprintf("%s%s/%s.%06d", blobsFolder, ref[:min(7, len(ref))], ref, file)
	if last {
		name += ".end"
	}
	return name
}

func parseBlobName(name string) (ref blob.Ref, last, ok bool) {
	base := name[strings.LastIndexByte(name, '/')+1:]
	text, rest, ok := strings.Cut(base, ".")
	return blob.Ref(text), strings.HasSuffix(rest, ".end"), ok && blob.Ref(text).Valid()
}

// config is the one file that is not sealed.
type config struct {
	Format    int    `json:"format"`
	MasterKey string `json:"master_key"` // its ID
	Check     string `json:"check"`      // of the backup key, see crypt.Key.Check
}

// Repository is a place with backups, opened with its key.
type Repository struct {
	store Store
	key   crypt.Key
	rand  io.Reader
}

// Open opens the backups in a store, and refuses another key than theirs. The error
// is ErrNoBackup if it has none.
func Open(ctx context.Context, store Store, key Key, rand io.Reader) (*Repository, error) {
	k, err := crypt.KeyFrom([]byte(key.Secret.Reveal()))
	if err != nil {
		return nil, err
	}
	r := &Repository{store, k, rand}
	b, err := store.Get(ctx, configName)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", store, ErrNoBackup)
	}
	if err != nil {
		return nil, err
	}
	var c config
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s of %s: %w: %w", configName, store, ErrDamaged, err)
	}
	if c.Format != Format {
		return nil, fmt.Errorf("the backups in %s have format %d, and this coffer reads %d", store, c.Format, Format)
	}
	check, err := base64.StdEncoding.DecodeString(c.Check)
	if err != nil || !k.Matches(check) {
		return nil, fmt.Errorf("the backups in %s were made with another master key: theirs is %.32q, this is %q; nothing in them can be read without it",
			store, c.MasterKey, key.MasterID)
	}
	return r, nil
}

// Make opens the backups in a store, which may be empty.
func Make(ctx context.Context, store Store, key Key, rand io.Reader) (*Repository, error) {
	r, err := Open(ctx, store, key, rand)
	if !errors.Is(err, ErrNoBackup) {
		return r, err
	}
	if err := fits(ctx, store); err != nil {
		return nil, err
	}
	k, err := crypt.KeyFrom([]byte(key.Secret.Reveal()))
	if err != nil {
		return nil, err
	}
	check, err := k.Check(rand)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(config{Format, key.MasterID, base64.StdEncoding.EncodeToString(check)})
	if err != nil {
		return nil, err
	}
	if err := store.Put(ctx, configName, append(b, '\n')); err != nil {
		return nil, err
	}
	return Open(ctx, store, key, rand)
}

// fits refuses a store that has other things than backups.
func fits(ctx context.Context, store Store) error {
	if _, err := store.Get(ctx, configName); !errors.Is(err, ErrNotFound) {
		return err
	}
	for name, err := range store.List(ctx, "") {
		if err != nil {
			return err
		}
		if name != lockName && !strings.HasPrefix(name, locksFolder) {
			return fmt.Errorf("%s has %q and no backups: use an empty folder or prefix", store, name)
		}
	}
	return nil
}

// List returns all backups, the oldest first, and with them an error of each whose
// manifest is damaged: the others are as good as before.
func (r *Repository) List(ctx context.Context) ([]Manifest, error) {
	ids, err := r.ids(ctx)
	if err != nil {
		return nil, err
	}
	all, damaged := []Manifest{}, []error{}
	for _, id := range ids {
		m, err := r.manifest(ctx, id)
		switch {
		case errors.Is(err, ErrDamaged):
			damaged = append(damaged, err)
		case err != nil:
			return nil, err
		default:
			all = append(all, m)
		}
	}
	return all, errors.Join(damaged...)
}

// ids are the IDs of all backups, the oldest first.
func (r *Repository) ids(ctx context.Context) (ids []string, err error) {
	for name, err := range r.store.List(ctx, manifestFolder) {
		if err != nil {
			return nil, err
		}
		id := strings.TrimPrefix(name, manifestFolder)
		if !idForm.MatchString(id) {
			return nil, notOurs(r.store, id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func notOurs(store Store, id string) error {
	return fmt.Errorf("%s has the file %.100q, which is no backup: move it away", store, manifestName(id))
}

// Find returns the backup with an ID, or the latest if it is "".
func (r *Repository) Find(ctx context.Context, id string) (Manifest, error) {
	if id != "" {
		if !idForm.MatchString(id) {
			return Manifest{}, fmt.Errorf("%.100q is no ID of a backup", id)
		}
		m, err := r.manifest(ctx, id)
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%s has no backup %s", r.store, id)
		}
		return m, err
	}
	last := ""
	for name, err := range r.store.List(ctx, manifestFolder) {
		if err != nil {
			return Manifest{}, err
		}
		last = strings.TrimPrefix(name, manifestFolder)
	}
	if last == "" {
		return Manifest{}, fmt.Errorf("%s: %w", r.store, ErrNoBackup)
	}
	return r.manifest(ctx, last)
}

func (r *Repository) manifest(ctx context.Context, id string) (m Manifest, err error) {
	if !idForm.MatchString(id) {
		return m, notOurs(r.store, id)
	}
	b, err := r.get(ctx, manifestName(id))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil || m.ID != id || m.Files < 0 {
		return m, fmt.Errorf("manifest of %s: %w", id, ErrDamaged)
	}
	if m.Format != Format {
		return m, fmt.Errorf("the backup %s has format %d, and this coffer reads %d", id, m.Format, Format)
	}
	slices.Sort(m.Damaged)
	return m, nil
}
