package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

const (
	// Records that a lifecycle looks at, and changes, in a second: requests go first.
	lifecycleLooks   = 20_000
	lifecycleChanges = 2_000
	// lifecycleBatch is how many objects one transaction of it changes.
	lifecycleBatch = 100
	// lifecycleSaves is after how many records it notes how far it is.
	lifecycleSaves = 10_000
)

// LifecycleSums is what a lifecycle did, or would do.
type LifecycleSums struct {
	Expired     int64 // current objects
	Noncurrent  int64 // versions that were not current
	Markers     int64 // delete markers that hid nothing
	Transitions int64 // changes of the storage class
	Uploads     int64 // aborted
	Bytes       int64 // of Expired and Noncurrent
}

func (s *LifecycleSums) add(d due) {
	switch d.act {
	case LifecycleExpire:
		s.Expired++
		s.Bytes += d.size
	case LifecycleNoncurrent:
		s.Noncurrent++
		s.Bytes += d.size
	case LifecycleMarker:
		s.Markers++
	case LifecycleTransition:
		s.Transitions++
	}
}

func (s *LifecycleSums) plus(t LifecycleSums) {
	s.Expired, s.Noncurrent, s.Markers = s.Expired+t.Expired, s.Noncurrent+t.Noncurrent, s.Markers+t.Markers
	s.Transitions, s.Uploads, s.Bytes = s.Transitions+t.Transitions, s.Uploads+t.Uploads, s.Bytes+t.Bytes
}

func (s LifecycleSums) fields() map[string]string {
	fields := map[string]string{}
	for name, n := range map[string]int64{"expired": s.Expired, "noncurrent": s.Noncurrent, "delete_markers": s.Markers,
		"transitions": s.Transitions, "uploads": s.Uploads, "bytes": s.Bytes} {
		if n != 0 {
			fields[name] = strconv.FormatInt(n, 10)
		}
	}
	return fields
}

// lifecycleProgress is how far a round is, so that one that is cut goes on where it
// was: a server that is restarted often must come to the last bucket, too.
type lifecycleProgress struct {
	began  time.Time
	bucket coffer.BucketName // the buckets before it are done
	others bool
	after  string // the object keys up to it are done
	done   bool
}

var lifecycleKey = meta.Key(meta.PrefixInstance, []byte("lifecycle"))

const lifecycleVersion = 1

func encodeProgress(p lifecycleProgress) []byte {
	r := meta.NewRecord(lifecycleVersion)
	r.Time(1, p.began)
	r.Text(2, string(p.bucket))
	r.Int(3, intOf(p.others))
	r.Text(4, p.after)
	r.Int(5, intOf(p.done))
	return r.Bytes()
}

func decodeProgress(value []byte) (p lifecycleProgress, err error) {
	err = meta.ReadRecord(value, lifecycleVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			p.began = f.Time()
		case 2:
			p.bucket = coffer.BucketName(f.Text())
		case 3:
			p.others = f.Int() != 0
		case 4:
			p.after = f.Text()
		case 5:
			p.done = f.Int() != 0
		default:
			return f.Unknown()
		}
		return nil
	})
	return p, err
}

// Lifecycle does what the lifecycles of all buckets have due. A round begins with
// each midnight, since nothing becomes due at another time, and when a lifecycle was
// put; a call between does nothing, and one after a cut round goes on with it. What
// fails in one bucket does not keep the others from being done.
func (s *Service) Lifecycle(ctx context.Context) (sums LifecycleSums, failed error) {
	p, err := s.readProgress(ctx)
	if err != nil {
		return sums, err
	}
	now := s.Now()
	if p.done {
		if changed := s.lifecycleChanged.Swap(false); !changed && s.LifecycleDay == coffer.LifecycleDay &&
			p.began.UTC().Truncate(coffer.LifecycleDay).Equal(now.UTC().Truncate(coffer.LifecycleDay)) {
			return sums, nil
		}
		p = lifecycleProgress{began: now}
	} else if p.began.IsZero() {
		s.lifecycleChanged.Store(false)
		p.began = now
	}
	if s.LifecycleDay != coffer.LifecycleDay {
		s.Logger.Warn("lifecycles run on short days: objects end before the time that their rules say", "day", s.LifecycleDay.String())
	}
	run := &lifecycleRun{s: s, now: now, p: p, looks: rate.NewLimiter(lifecycleLooks, lifecycleLooks),
		changes: rate.NewLimiter(lifecycleChanges, lifecycleChanges)}
	for b, err := range s.allBuckets(ctx) {
		if err != nil {
			return sums, errors.Join(failed, err)
		}
		if b.Name < p.bucket {
			continue
		}
		err := run.restores(ctx, b)
		if b.Configs&configLifecycle.bit() != 0 && err == nil {
			var done LifecycleSums
			done, err = run.bucket(ctx, b)
			sums.plus(done)
		}
		if ctx.Err() != nil {
			return sums, errors.Join(failed, ctx.Err())
		}
		if err != nil && !errors.Is(err, errBucketGone) {
			failed = errors.Join(failed, fmt.Errorf("lifecycle of bucket %s: %w", b.Name, err))
		}
	}
	return sums, errors.Join(failed, s.saveProgress(ctx, lifecycleProgress{began: p.began, done: true}))
}

// lifecycleRun is one round.
type lifecycleRun struct {
	s              *Service
	now            time.Time
	p              lifecycleProgress // where it began
	looks, changes *rate.Limiter
}

// bucket does what is due in one bucket, and writes into the audit log what it
// came to.
func (run *lifecycleRun) bucket(ctx context.Context, b coffer.Bucket) (sums LifecycleSums, err error) {
	s := run.s
	defer func() {
		if sums == (LifecycleSums{}) {
			return
		}
		s.Logger.Info("lifecycle", "bucket", string(b.Name), "expired", sums.Expired, "noncurrent", sums.Noncurrent, "delete_markers", sums.Markers,
			"transitions", sums.Transitions, "uploads", sums.Uploads, "bytes", sums.Bytes)
		e := audit.System(ctx, s.now(), b.Account, "bucket.lifecycle.run", string(b.Name))
		e.After = sums.fields()
		ctx := context.WithoutCancel(ctx) // what was done is told, also of a round that is cut
		err = errors.Join(err, s.Meta.Update(ctx, func(tx meta.Tx) error { return audit.Write(tx, e) }))
	}()
	if sums.Uploads, err = s.expireUploadsOf(ctx, b, run.now); err != nil {
		return sums, err
	}
	l, err := s.lifecycleNow(ctx, b)
	if err != nil || l == nil {
		return sums, err
	}
	at := run.p
	if at.bucket != b.Name {
		at.others, at.after = false, ""
	}
	w := s.walkLifecycle(b, l, run.now, at.others, at.after)
	for more, unsaved := true, 0; more; {
		var found []due
		var looked int
		if found, looked, more, err = w.page(ctx); err != nil {
			return sums, err
		}
		for batch := range slices.Chunk(found, lifecycleBatch) {
			if err := run.changes.WaitN(ctx, len(batch)); err != nil {
				return sums, err
			}
			if err := s.lifecycleDo(ctx, b, batch, run.now, &sums); err != nil {
				return sums, err
			}
		}
		if unsaved += looked; unsaved >= lifecycleSaves || len(found) > 0 {
			unsaved = 0
			p := lifecycleProgress{began: run.p.began, bucket: b.Name, others: w.others, after: w.key}
			if w.others && looked < lifecyclePage {
				p.after = "" // it has just come to the versions
			}
			if err := s.saveProgress(ctx, p); err != nil {
				return sums, err
			}
		}
		if err := run.looks.WaitN(ctx, looked); err != nil {
			return sums, err
		}
	}
	return sums, nil
}

// lifecycleNow reads the lifecycle of a bucket that was found before; nil if the
// bucket is gone or has none.
func (s *Service) lifecycleNow(ctx context.Context, b coffer.Bucket) (l *coffer.Lifecycle, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, ok, err := again(r, b)
		if ok {
			l, err = s.lifecycle(r, b)
		}
		return err
	})
	return l, err
}

func (s *Service) readProgress(ctx context.Context) (p lifecycleProgress, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		value, err := r.Get(lifecycleKey)
		if err == nil {
			p, err = decodeProgress(value)
		}
		return err
	})
	if errors.Is(err, meta.ErrNotFound) {
		return lifecycleProgress{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("read how far the lifecycles are: %w", err)
	}
	return p, nil
}

func (s *Service) saveProgress(ctx context.Context, p lifecycleProgress) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error { return tx.Set(lifecycleKey, encodeProgress(p)) })
}
