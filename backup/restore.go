package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"coffer/blob"
	"coffer/meta"
)

// batchBytes is about how much one transaction of a restore writes.
const batchBytes = 4 << 20

// Target is where a backup is restored to: stores with nothing in them.
type Target struct {
	Meta meta.Store
	// Blob stores a blob under the ref that it had.
	Blob func(ctx context.Context, ref blob.Ref, r io.Reader) error
	// Last is the key of the record that is written when all the rest is durable:
	// without it, what is there is nothing.
	Last []byte
}

// RestoreOptions say how to restore.
type RestoreOptions struct {
	// KeepGoing leaves out damaged blobs, which the report then tells, instead of
	// ending at the first.
	KeepGoing bool
	Progress  func(Progress)
}

// Restore writes a backup into stores, after it has found each byte authentic.
func (r *Repository) Restore(ctx context.Context, m Manifest, to Target, opt RestoreOptions) (*Report, error) {
	out := newReport(m)
	tell := teller(opt.Progress, out)
	w := &recordWriter{store: to.Meta}
	var last *pair
	err := each(ctx, out.records(r.pairs(ctx, m), false), func(p pair) (func(context.Context) error, error) {
		if bytes.Equal(p.key, to.Last) {
			p = p.clone()
			last = &p
			return nil, nil
		}
		if err := w.add(ctx, p); err != nil {
			return nil, err
		}
		ref := refOf(p)
		if !isRef(p) || m.lacks(ref) {
			return nil, nil
		}
		return func(ctx context.Context) error {
			c := &counted{r: r.blob(ctx, ref)}
			err := to.Blob(ctx, ref, c)
			if errors.Is(err, ErrDamaged) && opt.KeepGoing {
				out.problem(err.Error())
				err = nil
			}
			out.count(1, c.n)
			tell()
			return err
		}, nil
	})
	if err == nil {
		err = w.flush(ctx)
	}
	if err == nil && last == nil {
		err = fmt.Errorf("the backup %s has no record %q: %w", m.ID, to.Last, ErrDamaged)
	}
	if err == nil {
		err = to.Meta.Update(ctx, func(tx meta.Tx) error { return tx.Set(last.key, last.value) })
	}
	return out, err
}

// recordWriter writes records in transactions of some size.
type recordWriter struct {
	store meta.Store
	pairs []pair
	bytes int
	began bool
}

func (w *recordWriter) add(ctx context.Context, p pair) error {
	w.pairs = append(w.pairs, p)
	w.bytes += len(p.key) + len(p.value)
	// The first record is written at once: a store with nothing in it would be taken
	// for a new one.
	if w.began && w.bytes < batchBytes {
		return nil
	}
	w.began = true
	return w.flush(ctx)
}

func (w *recordWriter) flush(ctx context.Context) error {
	err := w.store.Update(ctx, func(tx meta.Tx) error {
		for _, p := range w.pairs {
			if err := tx.Set(p.key, p.value); err != nil {
				return err
			}
		}
		return nil
	})
	w.pairs, w.bytes = w.pairs[:0], 0
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
