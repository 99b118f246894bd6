package disk

import "sync"

// groupSync lets callers that wait for the same sync share it. A caller is
// served only by a sync that started after its call, since an earlier one may
// have missed what it has just created.
type groupSync struct {
	mu   sync.Mutex
	next *round        // gathers callers, and has not started; nil if nobody waits for one; guarded by mu
	last chan struct{} // closed when the newest round is done; nil if there was none; guarded by mu
}

// round is one sync and those who wait for it.
type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// do runs sync for this caller and all who called while the sync before was
// running. An error is everybody's, and nobody tries again: a second sync may
// succeed without having written what the first one lost.
func (g *groupSync) do(sync func() error) error {
	g.mu.Lock()
	r := g.next
	if r != nil {
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r = &round{done: make(chan struct{})}
	before := g.last
	g.next, g.last = r, r.done
	g.mu.Unlock()
	defer close(r.done)

	if before != nil {
		<-before
	}
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	r.err = sync()
	return r.err
}
