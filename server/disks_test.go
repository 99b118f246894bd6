package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer/api"
	"coffer/blob/disk"
)

// TestACopyOfADataFolderHarmsNoDiskOfTheFirst is of who copies the data folder, to try an
// upgrade say, and leaves data-disks as it was.
func TestACopyOfADataFolderHarmsNoDiskOfTheFirst(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataDisks = []string{t.TempDir()}
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	copied := cfg
	copied.Data = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied.Data, os.DirFS(cfg.Data)); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	if _, _, err := s.stores.blobs.Put(t.Context(), strings.NewReader("written after the copy was made")); err != nil {
		t.Fatal(err)
	}
	want := "another coffer uses the folder " + cfg.DataDisks[0]
	if got := refusal(t, copied); !strings.Contains(got, want) {
		t.Errorf("New of a copy beside the first = %q, want %q in it", got, want)
	}
	_, err := Check(t.Context(), copied, CheckInput{}, func(api.Found) error { return nil })
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Check of a copy beside the first = %v, want %q in it", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

// TestADiskThatIsNotThereIsNotMade: it may not be mounted.
func TestADiskThatIsNotThereIsNotMade(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataDisks = []string{filepath.Join(t.TempDir(), "disk")}
	const want = "is not there: mount its disk, or make it"
	for _, when := range []string{"the first start", "a later one"} {
		if got := refusal(t, cfg); !strings.Contains(got, want) {
			t.Errorf("New with a folder that is missing, at %s = %q, want %q in it", when, got, want)
		}
		if _, err := os.Stat(cfg.DataDisks[0]); !os.IsNotExist(err) {
			t.Errorf("after the refusal at %s the folder is there: %v", when, err)
		}
	}
	if err := os.Mkdir(cfg.DataDisks[0], 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

// TestAFolderWhoseDiskIsNotMountedIsNoNewDisk: it is empty, or somebody else's folder
// that is still there.
func TestAFolderWhoseDiskIsNotMountedIsNoNewDisk(t *testing.T) {
	for _, tt := range []struct {
		name      string
		unmount   func(t *testing.T, dir string) // what is seen once the disk is away
		elsewhere bool                           // the disk is named under another path
		main      bool
	}{
		{"Empty", func(t *testing.T, dir string) { mkdir(t, dir) }, false, false},
		{"Missing", func(*testing.T, string) {}, false, false},
		{"LostAndFound", func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "lost+found")) }, false, false},
		{"AnotherDisk", func(t *testing.T, dir string) {
			if err := disk.Make(disk.Options{}, dir, "c0fe"); err != nil {
				t.Fatal(err)
			}
		}, false, false},
		{"AtAnotherPath", func(t *testing.T, dir string) { mkdir(t, dir) }, true, false},
		{"OfTheDataFolder", func(t *testing.T, dir string) { mkdir(t, dir) }, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.DataDisks = []string{t.TempDir()}
			if err := open(t, cfg).Close(); err != nil {
				t.Fatal(err)
			}
			dir := cfg.DataDisks[0]
			if tt.main {
				dir = cfg.blobDirs()[0]
			}
			id, err := disk.Identity(disk.Options{}, dir)
			if err != nil {
				t.Fatal(err)
			}
			away := dir + "-away"
			if err := os.Rename(dir, away); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(away) })
			tt.unmount(t, dir)
			now := cfg
			if tt.elsewhere {
				dir = t.TempDir()
				now.DataDisks = []string{dir}
			}
			before := tree(t, dir)
			if got, want := refusal(t, now), "the disk "+id+", which was last at "; !strings.Contains(got, want) || !strings.Contains(got, dir) {
				t.Errorf("New = %q, want %q and %s in it", got, want, dir)
			}
			var found []string
			_, err = Check(t.Context(), now, CheckInput{CheckInput: api.CheckInput{Repair: true}}, func(f api.Found) error {
				found = append(found, f.Code+" "+f.Record)
				return nil
			})
			if want := []string{"disk-missing disk " + id}; err != nil || !slices.Equal(found, want) {
				t.Errorf("Check = %q, %v, want %q", found, err, want)
			}
			if after := tree(t, dir); !slices.Equal(after, before) {
				t.Errorf("the folder has %q after a start and a repair, want %q as before", after, before)
			}
			// Back, the server goes on.
			if tt.main {
				dir = cfg.blobDirs()[0]
			} else {
				dir = cfg.DataDisks[0]
			}
			if err := errors.Join(os.RemoveAll(dir), os.Rename(away, dir)); err != nil {
				t.Fatal(err)
			}
			open(t, cfg)
		})
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// tree is all that is at a folder, which may be missing.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// diskOfAnother makes dir a disk of another server, with a blob.
func diskOfAnother(t *testing.T, dir string) {
	t.Helper()
	hers, err := disk.Open(disk.Options{Dirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := hers.Put(t.Context(), strings.NewReader("hers")); err != nil {
		t.Fatal(err)
	}
}

// TestARepairLeavesTheDiskOfAnotherServerAlone, whose blobs this metadata does not name.
func TestARepairLeavesTheDiskOfAnotherServerAlone(t *testing.T) {
	cfg := testConfig(t)
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	diskOfAnother(t, dir)
	cfg.DataDisks = []string{dir}
	cfg.Now = func() time.Time { return time.Now().AddDate(0, 0, 7) } // old enough to be taken for garbage
	_, err := Check(t.Context(), cfg, CheckInput{CheckInput: api.CheckInput{Repair: true}}, func(f api.Found) error {
		t.Errorf("Check of a folder with another's disk found %s: %s", f.Code, f.Detail)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
