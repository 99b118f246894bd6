package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coffer"
)

// natsConn is a connection to a server of NATS. It is not made again by itself: what is
// not published waits in our queue, not in its buffer.
type natsConn struct {
	wire    *wire
	conn    *nats.Conn
	stream  jetstream.JetStream // nil without JetStream
	subject string
}

func (c *Client) connectNATS(ctx context.Context, b *coffer.Broker) (conn, error) {
	n := &natsConn{wire: &wire{ctx: ctx, dialer: c.dialer()}, subject: b.Topic}
	opt := nats.GetDefaultOptions()
	for _, host := range b.Hosts {
		opt.Servers = append(opt.Servers, "nats://"+host)
	}
	opt.Name = "coffer"
	opt.CustomDialer = n.wire
	opt.Timeout = dialTimeout
	opt.AllowReconnect = false
	opt.IgnoreDiscoveredServers = true
	opt.FlusherTimeout = publishTimeout
	opt.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {} // publish asks for it
	opt.User, opt.Password = b.User, b.Password.Reveal()
	if b.User == "" {
		opt.Password, opt.Token = "", b.Password.Reveal()
	}
	if b.TLS {
		opt.Secure, opt.TLSConfig = true, c.tls()
	}
	err := n.wire.within(ctx, func() (err error) {
		n.conn, err = opt.Connect()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if b.JetStream {
		if n.stream, err = jetstream.New(n.conn); err != nil {
			n.close()
			return nil, fmt.Errorf("use JetStream: %w", err)
		}
	}
	return n, nil
}

func (n *natsConn) publish(ctx context.Context, messages []Message) error {
	return n.wire.within(ctx, func() error {
		var acks []jetstream.PubAckFuture
		for _, m := range messages {
			out := nats.NewMsg(n.subject)
			out.Data = m.Body
			out.Header.Set("Content-Type", "application/json")
			// JetStream leaves out what has the ID of an earlier message.
			out.Header.Set(nats.MsgIdHdr, m.ID)
			if n.stream == nil {
				if err := n.conn.PublishMsg(out); err != nil {
					return natsError(err)
				}
				continue
			}
			ack, err := n.stream.PublishMsgAsync(out)
			if err != nil {
				return natsError(err)
			}
			acks = append(acks, ack)
		}
		for _, ack := range acks {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				return natsError(err)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if n.stream != nil {
			return nil
		}
		// The server answers in order: it has all that went before, or has told of an error.
		if err := n.conn.FlushWithContext(ctx); err != nil {
			return err
		}
		return n.conn.LastError()
	})
}

// natsTooLarge is the code of a stream that takes no message of the size (NATS,
// "JSStreamMessageExceedsMaximumErr").
const natsTooLarge jetstream.ErrorCode = 10054

func natsError(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == natsTooLarge || errors.Is(err, nats.ErrMaxPayload) {
		return &Refused{err.Error()}
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("no stream keeps the subject: %w", err)
	}
	return err
}

func (n *natsConn) alive() bool { return n.conn.IsConnected() }

func (n *natsConn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancel()
	_ = n.wire.within(ctx, func() error { n.conn.Close(); return nil })
}
