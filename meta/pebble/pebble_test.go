package pebble_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
	"coffer/meta/metatest"
	"coffer/meta/pebble"
)

func open(t testing.TB, fs vfs.FS, dir string, opt pebble.Options) *pebble.Store {
	t.Helper()
	opt.FS = fs
	s, err := pebble.Open(dir, opt)
	if err != nil {
		t.Fatalf("Open(%q) = %v", dir, err)
	}
	return s
}

func TestStore(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return open(t, vfs.NewMem(), "db", pebble.Options{}) })
}

func TestStoreWithoutSync(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store {
		return open(t, vfs.NewMem(), "db", pebble.Options{NoSync: true})
	})
}

// TestCloseLeavesOneLog fills several memtables, so that Pebble keeps logs to use them
// again. After Close there is one, and what was in the others is there, also if the
// power goes right after it.
func TestCloseLeavesOneLog(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, "db", pebble.Options{MemtableBytes: 1})
	value := make([]byte, 64<<10)
	const rows = 400
	for i := range rows {
		if err := s.Update(t.Context(), func(tx meta.Tx) error {
			return tx.Set(logKey(i), value)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(logs(t, fs)); n < 3 {
		t.Fatalf("%d logs before Close: nothing is kept to be used again", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := logs(t, fs)
	if len(left) != 1 {
		t.Errorf("Close left %v, want one log", left)
	}
	for name, fs := range map[string]vfs.FS{"Close": fs, "Crash": fs.CrashClone(vfs.CrashCloneCfg{})} {
		t.Run(name, func(t *testing.T) {
			s := open(t, fs, "db", pebble.Options{})
			defer s.Close()
			if err := s.View(t.Context(), func(r meta.Reader) error {
				for i := range rows {
					if _, err := r.Get(logKey(i)); err != nil {
						return fmt.Errorf("row %d: %w", i, err)
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

func logKey(i int) []byte { return fmt.Appendf(nil, "row %03d", i) }

func logs(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	all, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, ".log") {
			names = append(names, name)
		}
	}
	return names
}
