package pebble

import (
	"bytes"
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"coffer/meta"
)

// watchEventsMax bounds what one slow watcher keeps in memory.
const watchEventsMax = 1 << 10

// hub tells watchers of commits once they are durable, in the order of the
// commits. While nobody watches, a commit pays one atomic load for it.
type hub struct {
	count atomic.Int64 // len(watchers)

	mu       sync.Mutex // guards what follows; taken under commitMu
	watchers map[*watcher]struct{}
	pending  []change // begun, not durable yet, in order
	ended    error
}

// change is what one commit did.
type change struct {
	seq    uint64
	events []meta.Event
	ranges []span
}

// Watch implements meta.Store.
func (s *Store) Watch(ctx context.Context, prefix []byte) iter.Seq2[meta.Event, error] {
	w := &watcher{prefix: bytes.Clone(prefix), wake: make(chan struct{}, 1)}
	w.all = newSpan(prefix, meta.PrefixEnd(prefix))
	s.watch.add(w)
	// A sequence that nobody ranges over must not stay for ever.
	stop := context.AfterFunc(ctx, func() { s.watch.remove(w) })
	return func(yield func(meta.Event, error) bool) {
		defer stop()
		defer s.watch.remove(w)
		for {
			events, err := w.take()
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(meta.Event{}, err)
				return
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				yield(meta.Event{}, ctx.Err())
				return
			}
		}
	}
}

func (h *hub) add(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != nil {
		w.end(h.ended)
		return
	}
	h.watchers[w] = struct{}{}
	h.count.Store(int64(len(h.watchers)))
}

func (h *hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	h.count.Store(int64(len(h.watchers)))
	if len(h.watchers) == 0 {
		h.pending = nil
	}
}

// begin takes down what a commit does, in the order of commits.
func (h *hub) begin(seq uint64, t *tx) {
	c := change{seq: seq, ranges: t.deleted, events: make([]meta.Event, len(t.written))}
	for i, w := range t.written {
		c.events[i] = meta.Event{Key: w.key, Deleted: w.removed}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = append(h.pending, c)
}

// deliver tells of all commits up to durable.
func (h *hub) deliver(durable uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for ; n < len(h.pending) && h.pending[n].seq <= durable; n++ {
		for w := range h.watchers {
			w.tell(&h.pending[n])
		}
	}
	h.pending = append(h.pending[:0:0], h.pending[n:]...)
}

// end ends every watch with err, now and later.
func (h *hub) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil {
		h.ended = err
	}
	for w := range h.watchers {
		w.end(h.ended)
	}
}

// watcher is one watch. Writers put in and never wait.
type watcher struct {
	prefix []byte
	all    span          // the keys with prefix
	wake   chan struct{} // one element: there is something to take

	mu     sync.Mutex // guards what follows
	events []meta.Event
	lost   bool // events gives way to one event without a key
	err    error
}

func (w *watcher) tell(c *change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.events)
	for i := range c.ranges {
		w.lost = w.lost || c.ranges[i].overlaps(&w.all)
	}
	for _, e := range c.events {
		if w.lost {
			break
		}
		if bytes.HasPrefix(e.Key, w.prefix) {
			// The store compares keys with e.Key later: give out a copy.
			w.events = append(w.events, meta.Event{Key: bytes.Clone(e.Key), Deleted: e.Deleted})
			w.lost = len(w.events) > watchEventsMax
		}
	}
	if w.lost {
		w.events = nil
	}
	if w.lost || len(w.events) > before {
		w.signal()
	}
}

func (w *watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.signal()
}

// signal wakes the consumer; mu is held.
func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // It is awake already.
	}
}

func (w *watcher) take() ([]meta.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	if w.lost {
		events = []meta.Event{{}}
	}
	w.events, w.lost = nil, false
	return events, w.err
}
