package jobs

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"coffer"
	"coffer/broker"
	"coffer/objects"
)

const (
	batchEventsMax = 100
	batchBytesMax  = 256 << 10
	// lastingTries is how often a webhook may refuse events for good before they
	// are given up, so that one that cannot be read does not hold the others up.
	lastingTries = 3
	backoffMin   = time.Second
	backoffMax   = 5 * time.Minute
	trimEvery    = 10 * time.Second
	// lookEvery is how often waiting events are looked for though nothing told of
	// any: a watch may have been lost.
	lookEvery = time.Minute
)

// Notifier sends the events of buckets to webhooks: each webhook by itself, so that
// one that is slow or down holds no other up, in the order of the events, and each
// at least once.
type Notifier struct {
	Objects *objects.Service
	// Send posts a body to a webhook; see webhook.Client.
	Send func(ctx context.Context, hook coffer.Webhook, id string, body []byte) (status int, err error)
	// Publish sends messages to a webhook that is a broker; see broker.Client.
	Publish func(ctx context.Context, hook coffer.Webhook, messages []broker.Message) error
	Now     func() time.Time
	Logger  *slog.Logger
}

// Run sends until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, hook := range n.Objects.Webhooks {
		all.Go(func() { n.serve(ctx, hook) })
		all.Go(func() { n.trim(ctx, hook) })
	}
}

// trim keeps what waits for a webhook within its bounds. It runs beside serve,
// which may be waiting for an answer.
func (n *Notifier) trim(ctx context.Context, hook coffer.Webhook) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if err := n.Objects.TrimEvents(ctx, hook.Name); err != nil && ctx.Err() == nil {
			n.Logger.Error("trim events", "webhook", hook.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// serve sends the events of one webhook until ctx ends.
func (n *Notifier) serve(ctx context.Context, hook coffer.Webhook) {
	wake := make(chan struct{}, 1)
	var watch sync.WaitGroup
	defer watch.Wait()
	events := n.Objects.WatchEvents(ctx, hook.Name)
	watch.Go(func() {
		for _, err := range events {
			if err != nil {
				return
			}
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
	var state sending
	for ctx.Err() == nil {
		pause := n.next(ctx, hook, &state)
		if pause == 0 {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wakeUnless(state.tries > 0, wake):
		}
		timer.Stop()
	}
}

// wakeUnless is ch, or nothing that ever wakes: new events do not make a webhook
// that is down come back.
func wakeUnless(down bool, ch chan struct{}) chan struct{} {
	if down {
		return nil
	}
	return ch
}

// sending is what is known of the events at the head of a queue.
type sending struct {
	tries   int // in a row that failed
	lasting int // of them those of one event alone that was refused for good
	alone   int // how many are sent one by one, to find the one that is not wanted
}

// next sends one batch and returns how long to wait for the one after it.
func (n *Notifier) next(ctx context.Context, hook coffer.Webhook, state *sending) time.Duration {
	most := batchEventsMax
	if state.alone > 0 {
		most = 1
	}
	batch, err := n.Objects.WaitingEvents(ctx, hook.Name, most, batchBytesMax)
	if err == nil && len(batch) == 0 {
		*state = sending{}
		return lookEvery
	}
	if err == nil {
		err = n.deliver(ctx, hook, batch, state)
	}
	if err != nil && ctx.Err() == nil {
		// The metadata did not answer: what was sent may be sent again.
		n.Logger.Error("notify", "webhook", hook.Name, "error", err)
		return backoffMin
	}
	if state.tries == 0 {
		return 0
	}
	return backoff(state.tries)
}

// backoff doubles with each try: 1 s, 2 s, 4 s, up to 5 minutes.
func backoff(tries int) time.Duration {
	d := backoffMin << min(tries-1, 16)
	return min(d, backoffMax)
}

// deliver sends a batch and writes down what came of it.
func (n *Notifier) deliver(ctx context.Context, hook coffer.Webhook, batch []objects.QueuedEvent, state *sending) error {
	d := objects.Delivery{ID: deliveryID(batch), Time: n.Now(), Events: len(batch)}
	status, err := n.send(ctx, hook, d.ID, batch)
	if ctx.Err() != nil {
		return ctx.Err() // the server stops: this says nothing of the webhook
	}
	d.Status, d.Took = status, n.Now().Sub(d.Time)
	if err == nil {
		*state = sending{alone: max(0, state.alone-1)}
		return n.Objects.EventsDelivered(ctx, hook.Name, batch, d)
	}
	d.Error = err.Error()
	if state.tries++; state.tries == 1 {
		n.Logger.Warn("a webhook does not take events", "webhook", hook.Name, "error", d.Error)
	}
	if refused, ok := errors.AsType[refusal](err); ok && refused.Lasting() {
		if len(batch) > 1 {
			state.alone = len(batch)
		} else {
			state.lasting++
		}
	}
	if err := n.Objects.DeliveryFailed(ctx, hook.Name, d); err != nil {
		return err
	}
	if state.lasting < lastingTries {
		return nil
	}
	*state = sending{alone: max(0, state.alone-1)}
	return n.Objects.BuryEvents(ctx, hook.Name, batch, d.Error)
}

// refusal is the error of a webhook that answered, and did not take the events.
type refusal interface {
	error
	// Lasting tells whether it would refuse them again.
	Lasting() bool
}

// send posts a batch in one body, or publishes it in a message for each event.
func (n *Notifier) send(ctx context.Context, hook coffer.Webhook, id string, batch []objects.QueuedEvent) (status int, err error) {
	if hook.Kind() == coffer.WebhookHTTP {
		return n.Send(ctx, hook, id, batchBody(batch))
	}
	messages := make([]broker.Message, len(batch))
	for i, e := range batch {
		one := batch[i : i+1]
		messages[i] = broker.Message{ID: deliveryID(one), Key: e.Object(), Body: batchBody(one)}
	}
	return 0, n.Publish(ctx, hook, messages)
}

// batchBody is what is posted: AWS's form of one or more records.
func batchBody(batch []objects.QueuedEvent) []byte {
	if batch[0].Alone {
		return batch[0].Text
	}
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i, e := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e.Text)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// deliveryID is the same for the same events.
func deliveryID(batch []objects.QueuedEvent) string {
	first, last := batch[0].ID, batch[len(batch)-1].ID
	id := "evt_" + hex.EncodeToString(first[:])
	if len(batch) > 1 {
		id += "_" + hex.EncodeToString(last[:])
	}
	return id
}
