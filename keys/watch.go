package keys

import (
	"context"
	"errors"
	"iter"
	"time"

	"coffer"
	"coffer/meta"
)

// watchRetry is how long to wait before watching again after a failure.
const watchRetry = time.Second

// watch forgets what other nodes change under a prefix. While it cannot watch,
// nothing is cached: slow, and never wrong. bit is its own among the watches.
func (s *Service) watch(ctx context.Context, bit int, prefix byte, events iter.Seq2[meta.Event, error]) {
	for {
		for event, err := range events {
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, meta.ErrClosed) {
					s.log.Error("cannot watch access keys, looking each one up meanwhile", "error", err)
				}
				if errors.Is(err, meta.ErrClosed) {
					s.cache.turn(bit, false)
					return
				}
				break
			}
			s.changed(bit, event)
		}
		s.cache.turn(bit, false)
		retry := time.NewTimer(watchRetry)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-retry.C:
		}
		events = s.meta.Watch(ctx, meta.Key(prefix))
		s.cache.turn(bit, true)
	}
}

// changed forgets what an event is about.
func (s *Service) changed(bit int, event meta.Event) {
	if len(event.Key) > 1 && event.Key[0] == meta.PrefixCredential {
		s.cache.forget(coffer.AccessKeyID(event.Key[1:]))
		return
	}
	if len(event.Key) > 1 && event.Key[0] == meta.PrefixKey {
		if _, id, err := splitKeyKey(event.Key); err == nil {
			s.cache.forgetKey(id)
			return
		}
	}
	s.cache.turn(bit, true) // forgets everything
}
