package backup

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// TestADamagedManifestIsOneBackupLess, and no more: the others are listed, and it can be
// pruned.
func TestADamagedManifestIsOneBackupLess(t *testing.T) {
	w := newWorld(t)
	store, dir := newFolder(t)
	w.put(t, 100)
	var made []string
	for range 3 {
		made = append(made, w.create(t, store, true).ID)
	}
	flip(t, filepath.Join(dir, manifestName(made[0])))
	r := openRepository(t, store)
	listed := func() (ids []string) {
		t.Helper()
		all, err := r.List(t.Context())
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("List = %v, want %v", err, ErrDamaged)
		}
		for _, m := range all {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if got := listed(); !slices.Equal(got, made[1:]) {
		t.Errorf("List = %q, want the two that are whole, %q", got, made[1:])
	}
	if p, err := r.Prune(t.Context(), 2); err != nil || !slices.Equal(p.Removed, made[:1]) || !slices.Equal(p.Kept, made[1:]) {
		t.Errorf("Prune(2) = %+v, %v, want the damaged one removed", p, err)
	}
	// What a backup that is kept needs is not known without its manifest.
	flip(t, filepath.Join(dir, manifestName(made[2])))
	files := len(filesOf(t, dir))
	if p, err := r.Prune(t.Context(), 1); !errors.Is(err, ErrDamaged) || len(p.Removed) != 0 || len(filesOf(t, dir)) != files {
		t.Errorf("Prune(1) with the last one damaged = %+v, %v, want an error and nothing removed", p, err)
	}
	if got := listed(); !slices.Equal(got, made[1:2]) {
		t.Errorf("List = %q, want the one that is whole, %q", got, made[1:2])
	}
}
