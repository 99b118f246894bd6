package pebble

import "sync/atomic"

// gate counts the transactions that run, so that Close can wait for them, at
// the price of two atomic additions. A closed gate turns the next ones away
// instead of making them wait, so that a transaction inside another ends too.
type gate struct {
	running atomic.Int64
	shut    atomic.Pointer[chan struct{}] // told when running may have become 0
}

func (g *gate) enter() bool {
	g.running.Add(1)
	if g.shut.Load() != nil {
		g.leave()
		return false
	}
	return true
}

func (g *gate) leave() {
	if g.running.Add(-1) != 0 {
		return
	}
	if idle := g.shut.Load(); idle != nil {
		select {
		case *idle <- struct{}{}:
		default: // Somebody else has told already.
		}
	}
}

// close shuts the gate and waits until nobody is inside.
func (g *gate) close() {
	idle := make(chan struct{}, 1)
	g.shut.Store(&idle)
	for g.running.Load() != 0 {
		<-idle
	}
}
