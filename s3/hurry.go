package s3

import (
	"sync/atomic"
	"time"
)

// Memory that is held for a client is of no use to anybody while the client does
// nothing, and two accounts could hold all there is with a few requests that never
// come to their end. So while others wait, those who are slow are cut off, the slowest
// first.
const (
	// hurryEvery is how often one is cut off while somebody waits, and how long a client
	// has at least.
	hurryEvery = time.Second
	// hurryRate is how many bytes a second are not slow.
	hurryRate = 64 << 10
)

// client is one who is waited for while memory is held.
type client struct {
	since time.Time
	moved atomic.Int64 // bytes that came, or went
	gone  atomic.Bool  // it was cut off
	cut   func()
}

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// awaits notes that a client is waited for, until done is called. cut ends the wait. It
// costs others nothing if the lease is of nothing.
func (l *lease) awaits(m *memory, cut func()) (c *client, done func()) {
	c = &client{since: time.Now(), cut: cut}
	if l.bytes == 0 {
		return c, func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients[c] = true
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.clients, c)
	}
}

// hurry cuts off slow clients until done is called.
func (m *memory) hurry() (done func()) {
	stop := make(chan struct{})
	go func() {
		tick := time.NewTicker(hurryEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-tick.C:
				m.cutSlowest(now)
			}
		}
	}()
	return func() { close(stop) }
}

// cutSlowest cuts off the client that is slowest, if it is slow.
func (m *memory) cutSlowest(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var slowest *client
	least := float64(hurryRate)
	for c := range m.clients {
		took := now.Sub(c.since)
		if rate := float64(c.moved.Load()) / took.Seconds(); took >= hurryEvery && rate < least {
			slowest, least = c, rate
		}
	}
	if slowest == nil {
		return
	}
	// It stays until its request is over: what it waits for may begin anew.
	slowest.gone.Store(true)
	slowest.cut()
}
