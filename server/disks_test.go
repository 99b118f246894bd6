package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffer/api"
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
