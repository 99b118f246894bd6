package pebble

import (
	"context"
	"sync"
	"sync/atomic"
)

// watermark is the number of the newest durable commit. To ask costs one
// atomic load.
type watermark struct {
	seq     atomic.Uint64
	waiting atomic.Int64 // len(waiters), so that advance takes no lock for nobody

	mu      sync.Mutex // guards what follows
	waiters map[chan struct{}]uint64
	err     error
}

// advance says that every commit up to seq is durable.
func (w *watermark) advance(seq uint64) {
	for old := w.seq.Load(); old < seq; old = w.seq.Load() {
		if w.seq.CompareAndSwap(old, seq) {
			break
		}
	}
	// A waiter counts itself before it looks at seq, so it is seen here or sees
	// the new seq there.
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch, want := range w.waiters {
		if want <= w.seq.Load() {
			w.remove(ch)
			close(ch)
		}
	}
}

// fail lets every waiter go with err, now and later.
func (w *watermark) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	for ch := range w.waiters {
		w.remove(ch)
		close(ch)
	}
}

// wait returns nil when every commit up to seq is durable.
func (w *watermark) wait(ctx context.Context, seq uint64) error {
	if w.seq.Load() >= seq {
		return nil
	}
	ch := make(chan struct{})
	w.mu.Lock()
	if w.waiters == nil {
		w.waiters = make(map[chan struct{}]uint64)
	}
	w.waiters[ch] = seq
	w.waiting.Add(1)
	if w.seq.Load() >= seq || w.err != nil {
		w.remove(ch)
		close(ch)
	}
	w.mu.Unlock()

	select {
	case <-ch:
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.remove(ch)
		return ctx.Err()
	}
	if w.seq.Load() >= seq {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// remove forgets a waiter; mu is held.
func (w *watermark) remove(ch chan struct{}) {
	if _, ok := w.waiters[ch]; ok {
		delete(w.waiters, ch)
		w.waiting.Add(-1)
	}
}
