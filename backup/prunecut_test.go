package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

// cutStore fails each write of a manifest, and each removal of a file of a blob but the
// first ones.
type cutStore struct {
	Store
	deletes int
}

var errCut = errors.New("killed")

func (c *cutStore) Put(ctx context.Context, name string, data []byte) error {
	if strings.HasPrefix(name, manifestFolder) {
		return errCut
	}
	return c.Store.Put(ctx, name, data)
}

func (c *cutStore) Delete(ctx context.Context, name string) error {
	if strings.HasPrefix(name, blobsFolder) {
		if c.deletes--; c.deletes < 0 {
			return errCut
		}
	}
	return c.Store.Delete(ctx, name)
}

// TestWhatACutPruneLeavesIsNotTakenForWhole: a backup that was cut has copied a blob, no
// other names it, and the server has it still.
func TestWhatACutPruneLeavesIsNotTakenForWhole(t *testing.T) {
	for deletes := range 4 {
		w := newWorld(t)
		store, _ := newFolder(t)
		w.create(t, store, false)
		w.put(t, 2*blobBytes+1)
		cut := &cutStore{store, deletes}
		if _, err := Create(t.Context(), w.client, cut, theKey('k'), rand.Reader, CreateOptions{}); !errors.Is(err, errCut) {
			t.Fatalf("Create = %v, want %v", err, errCut)
		}
		r := openRepository(t, store)
		r.store = cut
		if _, err := r.Prune(t.Context(), 1); deletes < 3 != errors.Is(err, errCut) {
			t.Fatalf("Prune after %d files = %v", deletes, err)
		}
		m := w.create(t, store, true)
		if report, err := r.Verify(t.Context(), m, nil); err != nil || report.Damaged != 0 {
			t.Errorf("Verify of the backup after a Prune that was cut after %d of 3 files = %+v, %v, want it to be whole", deletes, report, err)
		}
		w.checkRestore(t, store, m, records(t, w.meta), w.want)
	}
}
