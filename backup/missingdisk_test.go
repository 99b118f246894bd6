package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"coffer/blob"
)

// missing is a store of which a disk is missing, or does not read behind the first byte.
type missing struct {
	blob.Store
	ref  blob.Ref
	late bool
}

func (m missing) Open(ctx context.Context, ref blob.Ref) (blob.Blob, error) {
	if ref == m.ref && !m.late {
		return nil, fmt.Errorf("open: %w", blob.ErrUnreadable)
	}
	b, err := m.Store.Open(ctx, ref)
	if ref == m.ref && err == nil {
		b = unreadableBlob{b}
	}
	return b, err
}

type unreadableBlob struct{ blob.Blob }

func (b unreadableBlob) CopyRange(w io.Writer, off, _ int64) (int64, error) {
	n, err := b.Blob.CopyRange(w, off, 1)
	return n, errors.Join(err, blob.ErrUnreadable)
}

func TestADiskThatIsMissingKeepsNothingElseFromABackup(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newWorld(t)
		lost := w.put(t, 1000)
		w.put(t, 2000)
		w.source.Blobs = missing{w.blobs, lost, late}
		delete(w.want, lost)
		store, _ := newFolder(t)
		m := w.create(t, store, false)
		if !slices.Equal(m.Damaged, []blob.Ref{lost}) || m.Blobs != 1 {
			t.Errorf("late %t: the manifest is %+v, want 1 blob and %s damaged", late, m, lost)
		}
		// Once the disk is back, the next backup has it.
		w.source.Blobs = w.blobs
		if m := w.create(t, store, true); len(m.Damaged) != 0 || m.Blobs != 2 || m.Added != 1 {
			t.Errorf("late %t: the next manifest is %+v, want 2 blobs, 1 of them new", late, m)
		}
	}
}
