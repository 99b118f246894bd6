package pebble_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
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

// TestLostFile takes away each file. What matters is missed.
func TestLostFile(t *testing.T) {
	for _, how := range []ended{byClose, byCrash, byAnother} {
		original := filled(t, how)
		names, err := original.List("db")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			fs := copyOf(t, original)
			if err := fs.Remove("db/" + name); err != nil {
				t.Fatal(err)
			}
			refused := readAll(t, fs, fmt.Sprintf("%s, without %s", how, name))
			vital := strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob") || strings.HasPrefix(name, "marker.manifest")
			if vital && !refused {
				t.Errorf("%s: %s is not missed", how, name)
			}
		}
	}
}

// ended is how a database ended.
type ended string

const (
	byClose   ended = "closed"
	byCrash   ended = "crashed"                   // the rows are in the log only
	byAnother ended = "crashed, and opened since" // the log is gone, and its rows are in tables
)

// filled returns the files of a database that ended. Values short and long, so that some
// are separated. Nothing tells a rotten last write of a log from one that was cut, so it
// is of a row that nobody asks for.
func filled(t *testing.T, how ended) *vfs.MemFS {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, "db", pebble.Options{})
	set := func(key, value string) {
		if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set([]byte(key), []byte(value)) }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range damageKeys {
		set(fmt.Sprint("key ", i), damageValue(i))
	}
	set("last", "")
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if how == byClose {
		return fs
	}
	if how == byAnother {
		if err := open(t, crashed, "db", pebble.Options{}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	return crashed
}

// TestDamage flips one bit anywhere. The database may then refuse to open, or
// to read, but never gives other bytes than were written or forgets a key.
func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  func(name string) bool
		how   ended
		end   int // the flipped bit is in the last bytes of the file; 0 is anywhere
		flips int
		bad   int // that must be noticed
	}{
		{"Log", suffix(".log"), byCrash, 0, 60, 30},
		{"EndOfTheLog", suffix(".log"), byCrash, 30 << 10, 100, 50},
		{"Table", suffix(".sst"), byClose, 0, 60, 30},
		{"Values", suffix(".blob"), byClose, 0, 60, 30},
		{"Manifest", prefix("MANIFEST-"), byClose, 0, 100, 30},
		{"ManifestAfterACrash", prefix("MANIFEST-"), byCrash, 0, 100, 20},
		{"ManifestAfterAStart", prefix("MANIFEST-"), byAnother, 0, 100, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			refused := 0
			original := filled(t, tt.how)
			for range tt.flips {
				fs := copyOf(t, original)
				what := damage(t, fs, tt.file, func(data []byte) ([]byte, string) {
					end := len(data)
					if tt.end > 0 {
						end = min(end, tt.end)
					}
					at, bit := len(data)-1-rng.IntN(end), rng.IntN(8)
					data[at] ^= 1 << bit
					return data, fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(data))
				})
				if readAll(t, fs, what) {
					refused++
				}
			}
			if refused < tt.bad {
				t.Errorf("%d of %d flipped bits were noticed, want nearly all that matter", refused, tt.flips)
			}
		})
	}
}

// TestShortenedManifest cuts the manifest off anywhere, as a crash could have cut an
// edit that nothing depends on. What something depends on is missed.
func TestShortenedManifest(t *testing.T) {
	for _, how := range []ended{byClose, byCrash, byAnother} {
		original := filled(t, how)
		refused := 0
		for cut := 1; ; cut++ {
			fs := copyOf(t, original)
			whole := false
			what := damage(t, fs, prefix("MANIFEST-"), func(data []byte) ([]byte, string) {
				whole = cut > len(data)
				return data[:max(0, len(data)-cut)], fmt.Sprintf("%s, without the last %d of %d bytes", how, cut, len(data))
			})
			if whole {
				break
			}
			if readAll(t, fs, what) {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: no manifest was too short", how)
		}
	}
}

// copyOf is a copy of the files as they are: a clone has what was removed from a folder
// until that is synced.
func copyOf(t *testing.T, fs *vfs.MemFS) *vfs.MemFS {
	t.Helper()
	dir, err := fs.OpenDir("db")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		t.Fatal(err)
	}
	return fs.CrashClone(vfs.CrashCloneCfg{})
}

func suffix(s string) func(string) bool {
	return func(name string) bool { return strings.HasSuffix(name, s) }
}
func prefix(s string) func(string) bool {
	return func(name string) bool { return strings.HasPrefix(name, s) }
}

// damage changes the newest log or manifest, or the largest file of another kind, and
// says how.
func damage(t *testing.T, fs *vfs.MemFS, of func(name string) bool, change func([]byte) ([]byte, string)) string {
	t.Helper()
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var data []byte
	var path string
	for _, name := range names {
		if !of(name) {
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
		newest := strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST-")
		if len(b) > 0 && newest || len(b) > len(data) {
			data, path = b, "db/"+name
		}
	}
	if path == "" {
		t.Fatalf("no file of the kind among %q", names)
	}
	data, what := change(data)
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
	return what + " of " + path
}

// readAll reports whether anything was refused, and fails on a wrong answer.
func readAll(t *testing.T, fs vfs.FS, what string) (refused bool) {
	t.Helper()
	s, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		if !errors.Is(err, pebble.ErrDamaged) {
			t.Errorf("%s: Open() = %v, want %v", what, err, pebble.ErrDamaged)
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
				t.Errorf("%s: Get(key %d) = %.40q…, want %.40q…", what, i, value, damageValue(i))
			}
			return err
		})
		if errors.Is(err, meta.ErrNotFound) {
			t.Errorf("%s: key %d is gone without an error", what, i)
			refusals++
		} else if err != nil {
			refused = true
			refusals++
			if !errors.Is(err, pebble.ErrDamaged) {
				t.Errorf("%s: Get(key %d) = %v, want %v", what, i, err, pebble.ErrDamaged)
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
		fs := filled(t, byClose)
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
		fs := filled(t, byCrash)
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

// TestAWalkGoesOnBehindADamagedValue walks over all keys in both directions.
func TestAWalkGoesOnBehindADamagedValue(t *testing.T) {
	fs := copyOf(t, filled(t, byClose))
	damage(t, fs, suffix(".blob"), func(data []byte) ([]byte, string) {
		data[len(data)/2] ^= 1
		return data, "one bit"
	})
	s := open(t, fs, "db", pebble.Options{})
	defer s.Close()
	for name, next := range map[string]func(meta.Iter) bool{"Forward": meta.Iter.Next, "Backward": backward} {
		t.Run(name, func(t *testing.T) {
			keys, damaged := 0, 0
			err := s.View(t.Context(), func(r meta.Reader) error {
				keys, damaged = 0, 0
				it := r.Iter(nil, nil)
				defer it.Close()
				for next(it) {
					keys++
					if _, err := it.Value(); errors.Is(err, meta.ErrValueDamaged) {
						damaged++
					} else if err != nil {
						return err
					}
				}
				return it.Err()
			})
			if want := damageKeys + 1; err != nil || keys != want || damaged == 0 {
				t.Errorf("a walk found %d keys, %d of them damaged, %v; want %d, some of them damaged", keys, damaged, err, want)
			}
		})
	}
}

// backward moves from the end to the front.
func backward(it meta.Iter) bool {
	if it.Key() == nil {
		return it.SeekLT([]byte{0xff})
	}
	return it.Prev()
}
