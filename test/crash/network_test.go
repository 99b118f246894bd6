package crash_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"coffer/test/harness"
)

// line is a connection that breaks, or is slow, as the test wants.
type line struct {
	net.Conn
	// reset tells whether the break is seen at once by the other end.
	reset bool
	// pause is what each byte takes, both ways, if it is not 0.
	pause time.Duration

	mu    sync.Mutex // guards what follows
	left  int64      // bytes, both ways together, before the line breaks
	quick int64      // bytes, both ways together, before the first pause
}

// forever is more bytes than anybody sends.
const forever = 1 << 62

// take says how many of n bytes still go over the line.
func (l *line) take(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := int(min(l.left, int64(n)))
	l.left -= int64(took)
	l.quick -= int64(took)
	return took
}

// slow tells whether it is time for a pause.
func (l *line) slow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pause > 0 && l.quick <= 0
}

func (l *line) Write(p []byte) (int, error) {
	if l.slow() {
		return l.writeSlowly(p)
	}
	n := l.take(len(p))
	if n == len(p) {
		return l.Conn.Write(p)
	}
	n, err := l.Conn.Write(p[:n])
	return n, errors.Join(err, errCut, l.cut())
}

func (l *line) writeSlowly(p []byte) (int, error) {
	tick := time.NewTicker(l.pause)
	defer tick.Stop()
	for i := range p {
		<-tick.C
		if _, err := l.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (l *line) Read(p []byte) (int, error) {
	if l.slow() && len(p) > 0 {
		wait := time.NewTimer(l.pause)
		defer wait.Stop()
		<-wait.C
		return l.Conn.Read(p[:1])
	}
	n, err := l.Conn.Read(p)
	if took := l.take(n); took < n {
		return took, errors.Join(errCut, l.cut())
	}
	return n, err
}

func (l *line) cut() error {
	if tcp, ok := l.Conn.(*net.TCPConn); ok && l.reset {
		_ = tcp.SetLinger(0) // then closing is a reset
	}
	return l.Conn.Close()
}

// over returns a client whose connections are the lines that make returns.
func over(s *harness.Server, bucket string, make func(net.Conn) *line) *client {
	c := newClient(s, bucket)
	transport := c.http.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return make(conn), nil
	}
	return c
}

// shaky makes one line of four break somewhere.
func shaky(draw *rand.Rand) func(net.Conn) *line {
	var mu sync.Mutex // draw is not for several at once
	return func(conn net.Conn) *line {
		mu.Lock()
		defer mu.Unlock()
		l := &line{Conn: conn, reset: draw.IntN(2) == 0, left: forever}
		if draw.IntN(4) == 0 {
			l.left = draw.Int64N(100 << 10)
		}
		return l
	}
}

// neverSent tells whether a request failed before there was a connection.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
