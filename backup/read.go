package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"coffer/blob"
)

// pairs yields the records of a backup, in the order of their keys, and an error in
// the end if they are not all that the manifest says.
func (r *Repository) pairs(ctx context.Context, m Manifest) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		sum, n := sha256.New(), int64(0)
		count := func(p pair, err error) bool {
			n++
			return yield(p, err)
		}
		for file := range m.Files {
			if !r.pairsOf(ctx, m.ID, file, sum, count) {
				return
			}
		}
		if n != m.Records || hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
			yield(pair{}, fmt.Errorf("backup %s: its records are not those that it was made of: %w", m.ID, ErrDamaged))
		}
	}
}

// blob reads the bytes of a blob, each of them authentic. The error is ErrDamaged,
// also where a file is missing, or the store's.
func (r *Repository) blob(ctx context.Context, ref blob.Ref) io.Reader {
	return &blobReader{ctx: ctx, r: r, ref: ref}
}

type blobReader struct {
	ctx  context.Context
	r    *Repository
	ref  blob.Ref
	file int
	left []byte // of the file that was read
	last bool
}

func (b *blobReader) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.last {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// next reads the next file. Most blobs have one.
func (b *blobReader) next() (err error) {
	for _, last := range []bool{b.file == 0, b.file != 0} {
		b.left, err = b.r.get(b.ctx, blobName(b.ref, b.file, last))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		b.last = last
		b.file++
		return err
	}
	return fmt.Errorf("%s: %w: it is missing", blobName(b.ref, b.file, true), ErrDamaged)
}

// each calls plan with each item, and what it returns in one of several goroutines;
// a nil call is left out. It returns the first error, after all have ended.
func each(ctx context.Context, items iter.Seq2[pair, error], plan func(pair) (func(context.Context) error, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	calls := make(chan func(context.Context) error)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for call := range calls {
				if ctx.Err() != nil {
					continue
				}
				if err := call(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	for p, err := range items {
		var call func(context.Context) error
		if err == nil {
			call, err = plan(p)
		}
		if err != nil {
			cancel(err)
		}
		if ctx.Err() != nil {
			break
		}
		if call != nil {
			calls <- call
		}
	}
	close(calls)
	wg.Wait()
	return context.Cause(ctx)
}
