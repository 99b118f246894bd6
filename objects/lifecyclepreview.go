package objects

import (
	"context"
	"slices"

	"coffer"
	"coffer/meta"
)

// PreviewLifecycle tells what each rule of a bucket would do if its lifecycle ran
// now, by ID, for who belongs to its account and for operators. It looks at the
// whole bucket.
func (s Session) PreviewLifecycle(ctx context.Context, name coffer.BucketName) (map[string]LifecycleSums, error) {
	return s.preview(ctx, name, nil)
}

// TryLifecycle is PreviewLifecycle of a lifecycle that the bucket does not have, so
// that what it would do is known before it is put. Its rules must have IDs.
func (s Session) TryLifecycle(ctx context.Context, name coffer.BucketName, l coffer.Lifecycle) (map[string]LifecycleSums, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	return s.preview(ctx, name, &l)
}

// preview tells what l would do, or the lifecycle of the bucket if l is nil.
func (s Session) preview(ctx context.Context, name coffer.BucketName, l *coffer.Lifecycle) (map[string]LifecycleSums, error) {
	var b coffer.Bucket
	err := s.Meta.View(ctx, func(r meta.Reader) (err error) {
		if b, err = s.managed(r, name); err == nil && l == nil {
			l, err = s.lifecycle(r, b)
		}
		if err == nil && l == nil {
			err = (&coffer.Error{Code: coffer.NoSuchLifecycleConfiguration}).With("BucketName", string(name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sums := map[string]LifecycleSums{}
	for _, r := range l.Rules {
		sums[r.ID] = LifecycleSums{}
	}
	now := s.Now()
	w := s.walkLifecycle(b, l, now, false, "")
	for more := true; more; {
		var found []due
		if found, _, more, err = w.page(ctx); err != nil {
			return nil, err
		}
		for _, d := range found {
			of := sums[d.rule]
			of.add(d)
			sums[d.rule] = of
		}
	}
	low := meta.Key(meta.PrefixUpload, meta.KeyUint64(uint64(b.ID)))
	for after := low; ; {
		batch, err := s.uploadsOf(ctx, low, after)
		if err != nil || len(batch) == 0 {
			return sums, err
		}
		after = append(slices.Clone(batch[len(batch)-1].key), 0)
		for _, u := range batch {
			if e := l.Aborts(u.Key, u.Initiated, s.LifecycleDay); e != nil && !now.Before(e.Date) {
				of := sums[e.Rule]
				of.Uploads++
				sums[e.Rule] = of
			}
		}
	}
}
