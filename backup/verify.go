package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"coffer/blob"
)

// problemsMax bounds how many problems are told one by one.
const problemsMax = 1000

// Report tells what reading a whole backup found.
type Report struct {
	ID      string `json:"id"`
	Records int64  `json:"records"`
	Blobs   int64  `json:"blobs"`
	Bytes   int64  `json:"bytes"`
	// Problems are the first of what is damaged or missing, Damaged is how many
	// there are. What was damaged before the backup was made counts too.
	Problems []string `json:"problems"`
	Damaged  int      `json:"damaged"`

	mu sync.Mutex // guards the others while workers run
}

func (r *Report) problem(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Damaged++
	if len(r.Problems) < problemsMax {
		r.Problems = append(r.Problems, text)
	}
}

func (r *Report) count(blobs, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Blobs += blobs
	r.Bytes += bytes
}

// progress is the numbers as Progress has them.
func (r *Report) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Progress{Records: r.Records, Blobs: r.Blobs, Copied: r.Blobs, CopiedBytes: r.Bytes}
}

func newReport(m Manifest) *Report {
	r := &Report{ID: m.ID, Problems: []string{}}
	for _, ref := range m.Damaged {
		r.problem(fmt.Sprintf("blob %s: the server could not read it when the backup was made", ref))
	}
	return r
}

// Verify reads every byte of a backup. What is wrong with it stands in the report;
// the error is about reading it at all.
func (r *Repository) Verify(ctx context.Context, m Manifest, progress func(Progress)) (*Report, error) {
	out := newReport(m)
	tell := teller(progress, out)
	err := each(ctx, out.records(r.pairs(ctx, m), true), func(p pair) (func(context.Context) error, error) {
		ref := refOf(p)
		if !isRef(p) || m.lacks(ref) {
			return nil, nil
		}
		return func(ctx context.Context) error {
			n, err := io.Copy(io.Discard, r.blob(ctx, ref))
			if errors.Is(err, ErrDamaged) {
				out.problem(err.Error())
				err = nil
			}
			out.count(1, n)
			tell()
			return err
		}, nil
	})
	return out, err
}

// records counts records, and turns damage, which ends them, into a problem if
// tolerant.
func (r *Report) records(pairs iter.Seq2[pair, error], tolerant bool) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		for p, err := range pairs {
			if tolerant && errors.Is(err, ErrDamaged) {
				r.problem(err.Error())
				return
			}
			if err == nil {
				r.mu.Lock()
				r.Records++
				r.mu.Unlock()
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// lacks tells whether the backup was made without a blob.
func (m Manifest) lacks(ref blob.Ref) bool {
	_, found := slices.BinarySearch(m.Damaged, ref)
	return found
}

// teller makes a call that tells of progress, one goroutine at a time.
func teller(progress func(Progress), r *Report) func() {
	var mu sync.Mutex
	return func() {
		if progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		progress(r.progress())
	}
}
