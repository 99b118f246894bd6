package backup

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFilesOfOthersAreNoBackups has files in a folder of backups that coffer did not
// write: they are told of, never followed, and never pruned.
func TestFilesOfOthersAreNoBackups(t *testing.T) {
	w := newWorld(t)
	w.put(t, 100)
	store, dir := newFolder(t)
	m := w.create(t, store, false)
	r := openRepository(t, store)
	notes := filepath.Join(dir, blobsFolder, "ab", "NOTES.txt")
	for _, name := range []string{notes, filepath.Join(dir, manifestFolder, "stray.txt")} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.List(t.Context()); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("List with a file of another = %v, want that it is told", err)
	}
	remove(t, filepath.Join(dir, manifestFolder, "stray.txt"))
	if _, err := r.Prune(t.Context(), 1); err != nil {
		t.Errorf("Prune = %v", err)
	}
	if _, err := os.Stat(notes); err != nil {
		t.Errorf("a file that is no blob after Prune: %v, want it left alone", err)
	}
	for _, id := range []string{"..", "../" + configName, "../" + recordsName(m.ID, 0), m.ID + "/../" + m.ID} {
		if _, err := r.Find(t.Context(), id); err == nil || !strings.Contains(err.Error(), "no ID of a backup") {
			t.Errorf("Find(%q) = %v, want that this is no ID", id, err)
		}
	}
	// A manifest in the place of another is whole, and not the one that was asked for.
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	other := "20260101T000000000Z-00000000"
	if err := r.put(t.Context(), manifestName(other), b); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Find(t.Context(), other); !errors.Is(err, ErrDamaged) {
		t.Errorf("Find of a backup whose manifest is another's = %s, %v, want ErrDamaged", got.ID, err)
	}
}

// TestTheLatestBackupIsTheOneThatWasMadeLast holds where the clock went back between
// two: to keep one is to keep the newer.
func TestTheLatestBackupIsTheOneThatWasMadeLast(t *testing.T) {
	w := newWorld(t)
	store, _ := newFolder(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC)
	w.source.Now = func() time.Time { return now }
	w.create(t, store, true)
	r := openRepository(t, store)
	for _, back := range []time.Duration{0, time.Hour, 40 * 24 * time.Hour} {
		now = now.Add(-back)
		w.put(t, 100)
		m := w.create(t, store, true)
		if !m.Time.Equal(now) {
			t.Errorf("a backup %s back tells the time %v, want %v", back, m.Time, now)
		}
		if last, err := r.Find(t.Context(), ""); err != nil || last.ID != m.ID {
			t.Errorf("the latest backup after one made %s back = %s, %v, want %s", back, last.ID, err, m.ID)
		}
		if p, err := r.Prune(t.Context(), 1); err != nil || !slices.Equal(p.Kept, []string{m.ID}) {
			t.Errorf("Prune(1) after a backup made %s back = %+v, %v, want %s kept", back, p, err, m.ID)
		}
	}
}
