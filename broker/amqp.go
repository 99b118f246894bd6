package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"coffer"
)

const (
	amqpHeartbeat = 10 * time.Second
	// amqpWindow is how many messages are under way at a time. So many returns must fit
	// into their channel, or the answers behind them are not read.
	amqpWindow = 100
)

// amqpConn is a connection to an AMQP broker, with the one channel that confirms.
type amqpConn struct {
	wire    *wire
	conn    *amqp.Connection
	channel *amqp.Channel
	returns chan amqp.Return
	ends    chan *amqp.Error
	broker  *coffer.Broker
}

func (c *Client) connectAMQP(ctx context.Context, b *coffer.Broker) (conn, error) {
	a := &amqpConn{wire: &wire{ctx: ctx, dialer: c.dialer()}, broker: b}
	err := a.wire.within(ctx, func() (err error) {
		for _, host := range b.Hosts {
			if err = a.connect(host, c); err == nil || ctx.Err() != nil {
				return err
			}
			a.wire.cut()
		}
		return err
	})
	if err != nil {
		a.wire.cut()
		return nil, fmt.Errorf("connect to the AMQP broker: %w", err)
	}
	return a, nil
}

func (a *amqpConn) connect(host string, c *Client) (err error) {
	url := "amqp://" + host
	if a.broker.TLS {
		url = "amqps://" + host
	}
	if a.conn, err = amqp.DialConfig(url, amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: a.broker.User, Password: a.broker.Password.Reveal()}},
		Vhost: a.broker.VHost, Heartbeat: amqpHeartbeat, TLSClientConfig: c.tls(), Dial: a.wire.Dial,
		Properties: amqp.Table{"product": "coffer", "version": coffer.Version, "connection_name": "coffer"},
	}); err != nil {
		return err
	}
	if a.channel, err = a.conn.Channel(); err != nil {
		return err
	}
	a.returns = a.channel.NotifyReturn(make(chan amqp.Return, amqpWindow))
	a.ends = a.channel.NotifyClose(make(chan *amqp.Error, 1))
	return a.channel.Confirm(false)
}

func (a *amqpConn) publish(ctx context.Context, messages []Message) error {
	return a.wire.within(ctx, func() error {
		for window := range slices.Chunk(messages, amqpWindow) {
			if err := a.publishWindow(ctx, window); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *amqpConn) publishWindow(ctx context.Context, messages []Message) error {
	var confirms []*amqp.DeferredConfirmation
	for _, m := range messages {
		confirm, err := a.channel.PublishWithDeferredConfirmWithContext(ctx, a.broker.Exchange, a.broker.Topic, !a.broker.Unrouted, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: m.ID, AppId: "coffer", Body: m.Body,
			Headers: amqp.Table{"key": m.Key},
		})
		if err != nil {
			return a.why(ctx, err)
		}
		confirms = append(confirms, confirm)
	}
	for _, confirm := range confirms {
		taken, err := confirm.WaitContext(ctx)
		if err != nil {
			return err
		}
		if !taken {
			return a.why(ctx, errors.New("it did not confirm the event"))
		}
	}
	// A message that no queue took is returned before it is confirmed.
	select {
	case r, open := <-a.returns:
		if open {
			return fmt.Errorf("no queue takes the events: it answered %d %s", r.ReplyCode, r.ReplyText)
		}
	default:
	}
	return nil
}

// why is what the broker said when it ended the channel, or else err. A channel counts as
// closed a moment before the reason is delivered; one that is closed always delivers it, or
// closes ends.
func (a *amqpConn) why(ctx context.Context, err error) error {
	if !a.channel.IsClosed() {
		return err
	}
	select {
	case end := <-a.ends:
		if end != nil {
			return end
		}
	case <-ctx.Done():
	}
	return err
}

func (a *amqpConn) alive() bool { return !a.channel.IsClosed() && !a.conn.IsClosed() }

func (a *amqpConn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancel()
	_ = a.wire.within(ctx, func() error { return a.conn.CloseDeadline(time.Now().Add(goodbyeTimeout)) })
	a.wire.cut()
}
