package pebble_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"coffer/meta"
	"coffer/meta/pebble"
)

const damageKeys = 300

func damageValue(i int) string { return fmt.Sprint("value ", i, strings.Repeat("x", i*10)) }

// filled returns the files of a closed database. Values short and long, so that
// some are separated; flushed says whether they left the log.
func filled(t *testing.T, flushed bool) *vfs.MemFS {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, "db", pebble.Options{})
	for i := range damageKeys {
		if err := s.Update(t.Context(), func(tx meta.Tx) error {
			return tx.Set(fmt.Appendf(nil, "key %d", i), []byte(damageValue(i)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if flushed {
		// Opening replays the log into tables.
		if err := open(t, fs, "db", pebble.Options{}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// TestDamage flips one bit anywhere. The database may then refuse to open, or
// to read, but never gives other bytes than were written or forgets a key.
func TestDamage(t *testing.T) {
	for _, tt := range []struct{ suffix, name string }{
		{".log", "Log"}, {".sst", "Table"}, {".blob", "Values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			refused := 0
			original := filled(t, tt.suffix != ".log")
			for range 60 {
				fs := original.CrashClone(vfs.CrashCloneCfg{})
				flip(t, fs, tt.suffix, rng)
				if readAll(t, fs) {
					refused++
				}
			}
			if refused < 30 {
				t.Errorf("%d of 60 flipped bits were noticed, want nearly all that matter", refused)
			}
		})
	}
}

// flip inverts one bit of the largest file with that suffix.
func flip(t *testing.T, fs *vfs.MemFS, suffix string, rng *rand.Rand) {
	t.Helper()
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	var path string
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		f, err := fs.Open("db/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if len(b) > len(data) {
			data, path = b, "db/"+name
		}
	}
	if path == "" {
		t.Fatalf("no file with suffix %s among %q", suffix, names)
	}
	data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// readAll reports whether anything was refused, and fails on a wrong answer.
func readAll(t *testing.T, fs vfs.FS) (refused bool) {
	t.Helper()
	s, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		if !errors.Is(err, pebble.ErrDamaged) {
			t.Errorf("Open(damaged) = %v, want %v", err, pebble.ErrDamaged)
		}
		return true
	}
	defer s.Close()
	refusals := 0
	// Pebble looks for the flipped bit at every refusal, which takes its time.
	for i := 0; i < damageKeys && refusals < 3; i++ {
		err := s.View(t.Context(), func(r meta.Reader) error {
			value, err := r.Get(fmt.Appendf(nil, "key %d", i))
			if err == nil && string(value) != damageValue(i) {
				t.Errorf("Get(key %d) = %.40q…, want %.40q…", i, value, damageValue(i))
			}
			return err
		})
		if errors.Is(err, meta.ErrNotFound) {
			t.Errorf("key %d is gone without an error", i)
		} else if err != nil {
			refused = true
			refusals++
			if !errors.Is(err, pebble.ErrDamaged) {
				t.Errorf("Get(key %d) = %v, want %v", i, err, pebble.ErrDamaged)
			}
		}
	}
	return refused
}

func TestOpenErrors(t *testing.T) {
	t.Run("LockedInMemory", func(t *testing.T) { testLocked(t, vfs.NewMem(), "db") })
	t.Run("LockedOnDisk", func(t *testing.T) { testLocked(t, vfs.Default, t.TempDir()) })
	t.Run("NotOurs", func(t *testing.T) {
		dir := t.TempDir() + "/file"
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := pebble.Open(dir, pebble.Options{}); err == nil || errors.Is(err, pebble.ErrLocked) || errors.Is(err, pebble.ErrDamaged) {
			t.Errorf("Open(a file) = %v, want an error of the system", err)
		}
	})
	t.Run("TableGone", func(t *testing.T) {
		fs := filled(t, true)
		names, err := fs.List("db")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".sst") {
				if err := fs.Remove("db/" + name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := pebble.Open("db", pebble.Options{FS: fs}); !errors.Is(err, pebble.ErrDamaged) {
			t.Errorf("Open(without its tables) = %v, want %v", err, pebble.ErrDamaged)
		}
	})
	t.Run("NewerFormat", func(t *testing.T) {
		fs := filled(t, false)
		marker, _, err := atomicfs.LocateMarker(fs, "db", "format-version")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(marker.Move(fmt.Sprintf("%03d", pebbledb.FormatNewest+1)), marker.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := pebble.Open("db", pebble.Options{FS: fs}); !errors.Is(err, pebble.ErrNewerFormat) {
			t.Errorf("Open(newer format) = %v, want %v", err, pebble.ErrNewerFormat)
		}
	})
}

func testLocked(t *testing.T, fs vfs.FS, dir string) {
	s := open(t, fs, dir, pebble.Options{})
	defer s.Close()
	if _, err := pebble.Open(dir, pebble.Options{FS: fs}); !errors.Is(err, pebble.ErrLocked) {
		t.Errorf("Open(open database) = %v, want %v", err, pebble.ErrLocked)
	}
}
