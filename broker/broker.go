// Package broker publishes events to NATS, Kafka and AMQP 0-9-1, each event a message
// of its own, and returns once the broker has them. It knows nothing of buckets, nor of
// what is done with a failure.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"coffer"
)

const (
	// publishTimeout is how long a broker may take for a batch, with the connection that
	// it may need first.
	publishTimeout = 10 * time.Second
	dialTimeout    = 5 * time.Second
	// goodbyeTimeout is how long the end of a connection may take.
	goodbyeTimeout = time.Second
	// answerMax is how many bytes of a broker are read for a batch: many times what any
	// has to say, and what it may have of our memory.
	answerMax = 16 << 20
)

// errTalks is why a broker is not read any further.
var errTalks = fmt.Errorf("it answers with more than %d MiB", answerMax>>20)

// Options are what a Client is given.
type Options struct {
	// AllowPrivate lets brokers be on networks that are not the Internet.
	AllowPrivate bool
	// Roots are who vouches for the certificates of brokers; nil is the system's.
	Roots *x509.CertPool
}

// Client publishes. Its methods may be called from many goroutines.
type Client struct {
	opt   Options
	mu    sync.Mutex // guards links
	links map[string]*link
}

// New makes a Client.
func New(opt Options) *Client { return &Client{opt: opt, links: map[string]*link{}} }

// Message is one event.
type Message struct {
	// ID is the same each time the event is published, so that who reads it can leave
	// out what it has had.
	ID string
	// Key is the same for all events of one object.
	Key string
	// Body is JSON.
	Body []byte
}

// Refused is an event that a broker would refuse again.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return "it refused the event: " + e.Reason }

// Lasting tells that the same event would be refused again.
func (e *Refused) Lasting() bool { return true }

// conn is a connection to a broker.
type conn interface {
	// publish returns nil once the broker has all messages. It ends when ctx does. After
	// an error some may be there, and the connection is not used again.
	publish(ctx context.Context, messages []Message) error
	// alive tells whether it is worth an attempt.
	alive() bool
	// close ends it within goodbyeTimeout, or at once if it is broken.
	close()
}

// link is the one connection to a webhook.
type link struct {
	mu   sync.Mutex // held while it is used
	conn conn       // nil if there is none
}

// Publish sends messages to a broker, in their order, and returns nil once it has all
// of them. After an error it may have some. A connection is made at the first call and
// kept. Errors have no user and no password in them.
func (c *Client) Publish(ctx context.Context, hook coffer.Webhook, messages []Message) error {
	b, err := coffer.ParseBroker(hook.URL)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.links[hook.Name] == nil {
		c.links[hook.Name] = &link{}
	}
	l := c.links[hook.Name]
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && !l.conn.alive() {
		l.drop()
	}
	if l.conn == nil {
		l.conn, err = c.connect(ctx, &b)
	}
	if err == nil {
		err = l.conn.publish(ctx, messages)
	}
	if err != nil {
		l.drop()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("it did not take the events within %s: %w", publishTimeout, err)
		}
	}
	return err
}

// Close ends all connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.links {
		l.mu.Lock()
		l.drop()
		l.mu.Unlock()
	}
}

func (l *link) drop() {
	if l.conn != nil {
		l.conn.close()
		l.conn = nil
	}
}

func (c *Client) connect(ctx context.Context, b *coffer.Broker) (conn, error) {
	switch b.Kind {
	case coffer.WebhookNATS:
		return c.connectNATS(ctx, b)
	case coffer.WebhookKafka:
		return c.connectKafka(ctx, b)
	}
	return c.connectAMQP(ctx, b)
}

// dialer reaches the Internet alone unless it may reach more. All that is dialled goes
// through it, also where a broker says that others of its cluster are.
func (c *Client) dialer() *net.Dialer {
	d := &net.Dialer{Timeout: dialTimeout}
	if !c.opt.AllowPrivate {
		d.Control = coffer.OnlyPublic
	}
	return d
}

func (c *Client) tls() *tls.Config {
	return &tls.Config{RootCAs: c.opt.Roots, MinVersion: tls.VersionTLS12}
}

// wire dials the one connection of a client that knows nothing of contexts, and closes
// it when the context of what is under way ends, which is all that unblocks a write.
type wire struct {
	ctx    context.Context // of the connecting
	dialer *net.Dialer
	mu     sync.Mutex // guards conn
	conn   net.Conn   // the last one that was dialled
	left   atomic.Int64
}

// bounded is a connection of which no more is read than its wire has left.
type bounded struct {
	net.Conn
	left *atomic.Int64
}

// Read implements net.Conn.
func (b bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		return 0, errTalks
	}
	return n, err
}

// Dial is called by the client.
func (w *wire) Dial(network, address string) (net.Conn, error) {
	conn, err := w.dialer.DialContext(w.ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.conn = conn
	w.mu.Unlock()
	if w.ctx.Err() != nil {
		w.cut()
	}
	return bounded{conn, &w.left}, nil
}

// within runs fn and cuts the wire if ctx ends before, or fn reads more than answerMax.
func (w *wire) within(ctx context.Context, fn func() error) error {
	w.left.Store(answerMax)
	stop := context.AfterFunc(ctx, w.cut)
	defer stop()
	return fn()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}
