package server

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"coffer"
)

const (
	// DefaultMaxConnectionsPerAddress is more than any one client needs.
	DefaultMaxConnectionsPerAddress = 1024
	// MaxConnectionsAuto lets the server choose how many connections it has: see
	// connectionsFor.
	MaxConnectionsAuto = int64(-1)

	connectionsMin = 512
	connectionsMax = 16_384
	// connectionBytes is more than a connection takes that sends or reads an object.
	connectionBytes = 1 << 20
	// streamsMax is how many requests a client may have on one HTTP/2 connection.
	streamsMax = 100
	// fullEvery is how often the log says that connections were refused.
	fullEvery = time.Minute
)

// connectionsFor is how many connections fit in so much memory and so many open files,
// of which objects that are read and written need half. 0 bytes is not known.
func connectionsFor(memory int64, files uint64) int64 {
	n := int64(connectionsMax)
	if memory > 0 {
		n = min(n, max(memory/connectionBytes, connectionsMin))
	}
	if half := files / 2; half < uint64(n) {
		n = max(16, int64(half))
	}
	return n
}

// connections bounds the connections to the S3 address and to the console's, and the
// requests on them, in all and for each address that they come from. When there are too
// many in all, the one that has waited longest without a request makes room for a new
// one, so that who does nothing keeps nobody out.
type connections struct {
	most, each int64          // 0 is no limit
	trusted    []netip.Prefix // whose connections are of many clients
	logger     *slog.Logger
	now        func() time.Time

	mu       sync.Mutex // guards what follows, and the fields of each connection
	open     int64
	requests int64 // under way
	begun    int64 // requests so far
	by       map[string]*source
	idle     list.List // of *connection without a request, the longest first
	said     time.Time // when the log said that connections are refused
	refused  int64     // connections and requests
}

// source is what one address has.
type source struct{ open, requests int64 }

// connection is one that was let in.
type connection struct {
	net.Conn
	all    *connections
	from   string        // "" for who may have any number
	busy   int           // requests
	place  *list.Element // in idle
	closed bool
}

func newConnections(cfg *Config, memory int64) *connections {
	c := &connections{most: cfg.MaxConnections, each: cfg.MaxConnectionsPerAddress, trusted: cfg.TrustedProxies, logger: cfg.Logger, now: cfg.Now,
		by: map[string]*source{}}
	if c.most == MaxConnectionsAuto {
		files := filesLimit()
		c.most = connectionsFor(memory, files-files/metadataShare)
	}
	return c
}

// count is how many connections are open, and how many connections and requests were
// refused.
func (c *connections) count() (open, refused int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, c.refused
}

// work is how many requests were begun so far, and how many of them are under way.
func (c *connections) work() (begun, underWay int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun, c.requests
}

// listener counts the connections that l takes.
func (c *connections) listener(l net.Listener) net.Listener { return countedListener{l, c} }

type countedListener struct {
	net.Listener
	all *connections
}

func (l countedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if counted := l.all.admit(conn); counted != nil {
			return counted, nil
		}
		_ = conn.Close()
	}
}

// admit counts a connection, or returns nil if there are too many.
func (c *connections) admit(conn net.Conn) *connection {
	n := &connection{Conn: conn, all: c, from: c.sourceOf(conn.RemoteAddr())}
	c.mu.Lock()
	if n.from != "" && c.each > 0 && c.at(n.from).open >= c.each {
		c.leave(n.from)
		c.refuse("address", n.from)
		c.mu.Unlock()
		return nil
	}
	var longest *connection
	if c.most > 0 && c.open >= c.most {
		front := c.idle.Front()
		if front == nil {
			c.leave(n.from)
			c.refuse("total", n.from)
			c.mu.Unlock()
			return nil
		}
		longest = front.Value.(*connection)
		c.forget(longest)
	}
	c.open++
	if n.from != "" {
		c.at(n.from).open++
	}
	n.place = c.idle.PushBack(n)
	c.mu.Unlock()
	if longest != nil {
		_ = longest.Conn.Close()
	}
	return n
}

// sourceOf is whose connection it is: "" for that of this machine, and those of trusted
// proxies, which are of anybody.
func (c *connections) sourceOf(remote net.Addr) string {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return ""
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if a.IsLoopback() || slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return ""
	}
	return coffer.SourceNetwork(a)
}

// at is what an address has; leave follows when that may have become nothing. The lock
// is held for each of these.
func (c *connections) at(a string) *source {
	s := c.by[a]
	if s == nil {
		s = &source{}
		c.by[a] = s
	}
	return s
}

func (c *connections) leave(a string) {
	if s := c.by[a]; s != nil && *s == (source{}) {
		delete(c.by, a)
	}
}

// forget ends the count of a connection.
func (c *connections) forget(n *connection) {
	if n.closed {
		return
	}
	n.closed = true
	c.open--
	if n.place != nil {
		c.idle.Remove(n.place)
		n.place = nil
	}
	if n.from != "" {
		c.at(n.from).open--
		c.leave(n.from)
	}
}

func (c *connections) refuse(limit string, from string) {
	c.refused++
	if now := c.now(); c.said.IsZero() || now.Sub(c.said) >= fullEvery {
		c.said = now
		c.logger.Warn("connections are refused: there are too many", "limit", limit, "remote", from, "open", c.open)
	}
}

// Close implements net.Conn.
func (n *connection) Close() error {
	n.all.mu.Lock()
	n.all.forget(n)
	n.all.mu.Unlock()
	return n.Conn.Close()
}

// CloseWrite is for net/http, see coalescingConn.
func (n *connection) CloseWrite() error {
	if tcp, ok := n.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

type connectionKey struct{}

// context is a ConnContext: it lets the requests of a connection find it.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	for {
		switch wrapped := conn.(type) {
		case *connection:
			return context.WithValue(ctx, connectionKey{}, wrapped)
		case interface{ NetConn() net.Conn }: // TLS
			conn = wrapped.NetConn()
		default:
			return ctx
		}
	}
}

// handler counts the requests that next answers. Of HTTP/2 a connection has many.
func (c *connections) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, ok := r.Context().Value(connectionKey{}).(*connection)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if !c.begin(n) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer c.end(n)
		next.ServeHTTP(w, r)
	})
}

func (c *connections) begin(n *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.most > 0 && c.requests >= c.most:
		c.refuse("total", n.from)
		return false
	case n.from != "" && c.each > 0 && c.at(n.from).requests >= c.each:
		c.refuse("address", n.from)
		return false
	}
	c.requests++
	c.begun++
	if n.from != "" {
		c.at(n.from).requests++
	}
	if n.busy++; n.place != nil {
		c.idle.Remove(n.place)
		n.place = nil
	}
	return true
}

func (c *connections) end(n *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests--
	if n.from != "" {
		c.at(n.from).requests--
		c.leave(n.from)
	}
	if n.busy--; n.busy == 0 && !n.closed {
		n.place = c.idle.PushBack(n)
	}
}
