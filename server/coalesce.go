package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// responseBuffer is the size of the buffer that net/http writes answers through.
// A full one is written while the answer goes on, so that the head of an answer
// and the start of its body go out alone, and a small object in two packets.
const responseBuffer = 4 << 10

// closePatience is how long a client may take over the end of an answer whose
// connection is closed.
const closePatience = time.Second

// coalescing is a listener whose connections hold a full buffer back until what
// follows it is written, and send both at once.
type coalescing struct{ net.Listener }

func (l coalescing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &coalescingConn{Conn: c}, nil
}

// coalescingConn holds at most one buffer. An answer may end with it, so it is sent
// at the latest when the next request is awaited or the connection is closed.
type coalescingConn struct {
	net.Conn

	holding atomic.Bool // something is held; read without mu

	mu   sync.Mutex // held while writing; guards held
	held []byte     // nil if nothing was ever held
	err  error      // of a write that nobody was told of
}

func (c *coalescingConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return 0, c.err
	case len(c.held) == 0 && len(p) == responseBuffer:
		c.held = append(c.held[:0], p...)
		c.holding.Store(true)
		return len(p), nil
	case len(c.held) == 0:
		return c.Conn.Write(p)
	}
	c.holding.Store(false)
	both := net.Buffers{c.held, p}
	n, err := both.WriteTo(c.Conn)
	n -= int64(len(c.held))
	c.held = c.held[:0]
	return int(max(n, 0)), err
}

func (c *coalescingConn) Read(p []byte) (int, error) {
	c.send()
	return c.Conn.Read(p)
}

// Close ends a write that is under way, as that of any connection does, so it must not
// wait for it. What is held goes out if the client takes it soon.
func (c *coalescingConn) Close() error {
	if c.mu.TryLock() {
		if len(c.held) > 0 && c.Conn.SetWriteDeadline(time.Now().Add(closePatience)) == nil {
			_, _ = c.Conn.Write(c.held)
			c.held = c.held[:0]
		}
		c.mu.Unlock()
	}
	return c.Conn.Close()
}

// CloseWrite is for net/http, which ends its side and waits a little before it closes
// a connection on which more than it read is on its way: closed at once it would be
// reset, and the client never read the answer that says why.
func (c *coalescingConn) CloseWrite() error {
	c.send()
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// send writes what is held. While an answer is written net/http reads, too, so as to
// hear of a client that hangs up; that must not wait for the writer, nor wake it.
func (c *coalescingConn) send() {
	if !c.holding.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) == 0 {
		return
	}
	c.holding.Store(false)
	_, c.err = c.Conn.Write(c.held)
	c.held = c.held[:0]
}
