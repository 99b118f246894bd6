package objects

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"coffer"
	"coffer/meta"
)

// The bounds of what is kept for a webhook. Waiting events beyond their bound, the
// oldest first, are given up; those that were given up are dropped beyond theirs.
const (
	EventsWaitingMax = 100_000
	EventsDeadMax    = 10_000
	DeliveriesMax    = 1_000
	// EventAgeMax is how long the delivery of an event is tried.
	EventAgeMax = 24 * time.Hour
	// eventsTogether is how many one transaction moves.
	eventsTogether = 1_000
)

// enqueue adds an event to those that wait for a webhook.
func (s *Service) enqueue(tx meta.Tx, webhook string, q queued) error {
	id, err := s.id(eventIDLen - 8)
	if err != nil {
		return err
	}
	return errors.Join(
		tx.Set(webhookKey(meta.PrefixEvent, webhook, id), encodeQueued(q)),
		addEvents(tx, webhook, eventsWaiting, 1))
}

// WatchEvents yields when events may have come for a webhook, until ctx ends.
func (s *Service) WatchEvents(ctx context.Context, webhook string) iter.Seq2[meta.Event, error] {
	return s.Meta.Watch(ctx, webhookKey(meta.PrefixEvent, webhook, nil))
}

// WaitingEvents reads the oldest events that wait for a webhook: at most max, and
// no more bytes than bytes, but one at least. One that goes alone comes alone.
func (s *Service) WaitingEvents(ctx context.Context, webhook string, max, bytes int) (list []QueuedEvent, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		size := 0
		return eachEvent(r, meta.PrefixEvent, webhook, func(e QueuedEvent) bool {
			size += len(e.Text)
			if len(list) > 0 && (e.Alone || size > bytes) {
				return false
			}
			list = append(list, e)
			return len(list) < max && !e.Alone
		})
	})
	return list, err
}

// DeadEvents reads events of a webhook that were given up, the oldest first.
func (s *Service) DeadEvents(ctx context.Context, webhook string, max int) (list []QueuedEvent, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		return eachEvent(r, meta.PrefixDeadEvent, webhook, func(e QueuedEvent) bool {
			list = append(list, e)
			return len(list) < max
		})
	})
	return list, err
}

// eachEvent goes through the events of a webhook below a prefix, the oldest first,
// until fn returns false.
func eachEvent(r meta.Reader, prefix byte, webhook string, fn func(QueuedEvent) bool) error {
	low := webhookKey(prefix, webhook, nil)
	it := r.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		q, err := decodeQueued(value)
		if err != nil {
			return err
		}
		e := QueuedEvent{Text: q.text, Alone: q.alone, Why: q.why}
		if copy(e.ID[:], it.Key()[len(low):]) != eventIDLen {
			return errors.New("the key of an event is cut")
		}
		e.Time = time.Unix(0, int64(binary.BigEndian.Uint64(e.ID[:]))).UTC()
		if !fn(e) {
			return nil
		}
	}
	return it.Err()
}

// EventsDelivered ends events that a webhook took, and writes the delivery down.
func (s *Service) EventsDelivered(ctx context.Context, webhook string, events []QueuedEvent, d Delivery) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		ended := 0
		for _, e := range events {
			// It may have been given up meanwhile: the oldest go when there are too many.
			key := webhookKey(meta.PrefixEvent, webhook, e.ID[:])
			if _, err := tx.Get(key); errors.Is(err, meta.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			if err := tx.Delete(key); err != nil {
				return err
			}
			ended++
		}
		return errors.Join(
			addEvents(tx, webhook, eventsWaiting, -ended),
			addEvents(tx, webhook, eventsDelivered, ended),
			s.logDelivery(tx, webhook, d))
	})
}

// DeliveryFailed writes an attempt down that did not succeed.
func (s *Service) DeliveryFailed(ctx context.Context, webhook string, d Delivery) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		return errors.Join(addEvents(tx, webhook, eventsFailed, 1), s.logDelivery(tx, webhook, d))
	})
}

func (s *Service) logDelivery(tx meta.Tx, webhook string, d Delivery) error {
	id, err := s.id(4)
	if err != nil {
		return err
	}
	if len(d.Error) > deliveryErrorMax {
		d.Error = d.Error[:deliveryErrorMax]
	}
	return tx.Set(webhookKey(meta.PrefixDelivery, webhook, id), encodeDelivery(d))
}

// BuryEvents gives events up: they are kept, can be listed, and replayed.
func (s *Service) BuryEvents(ctx context.Context, webhook string, events []QueuedEvent, why string) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		moved := 0
		for _, e := range events {
			key := webhookKey(meta.PrefixEvent, webhook, e.ID[:])
			if _, err := tx.Get(key); errors.Is(err, meta.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			if err := errors.Join(tx.Delete(key), tx.Set(webhookKey(meta.PrefixDeadEvent, webhook, e.ID[:]),
				encodeQueued(queued{text: e.Text, alone: e.Alone, why: why}))); err != nil {
				return err
			}
			moved++
		}
		return errors.Join(addEvents(tx, webhook, eventsWaiting, -moved), addEvents(tx, webhook, eventsDead, moved))
	})
}

// ReplayEvents lets all events that were given up wait again, as if they had
// happened now, and returns how many they were.
func (s *Service) ReplayEvents(ctx context.Context, webhook string) (total int, err error) {
	for {
		dead, err := s.DeadEvents(ctx, webhook, eventsTogether)
		if err != nil || len(dead) == 0 {
			return total, err
		}
		moved := 0
		err = s.Meta.Update(ctx, func(tx meta.Tx) error {
			moved = 0
			for _, e := range dead {
				key := webhookKey(meta.PrefixDeadEvent, webhook, e.ID[:])
				if _, err := tx.Get(key); errors.Is(err, meta.ErrNotFound) {
					continue // somebody else replays as well
				} else if err != nil {
					return err
				}
				if err := errors.Join(tx.Delete(key), s.enqueue(tx, webhook, queued{text: e.Text, alone: e.Alone})); err != nil {
					return err
				}
				moved++
			}
			return addEvents(tx, webhook, eventsDead, -moved)
		})
		if err != nil {
			return total, err
		}
		total += moved
	}
}

// TestWebhook queues an s3:TestEvent for a webhook.
func (s *Service) TestWebhook(ctx context.Context, webhook string) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error { return s.enqueueTest(tx, webhook, "", coffer.RequestID(ctx)) })
}

// Deliveries reads what the last deliveries to a webhook came to, the newest first.
func (s *Service) Deliveries(ctx context.Context, webhook string, max int) (list []Delivery, err error) {
	low := webhookKey(meta.PrefixDelivery, webhook, nil)
	end := meta.PrefixEnd(low)
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(low, end)
		defer it.Close()
		for ok := it.SeekLT(end); ok && len(list) < max; ok = it.Prev() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			d, err := decodeDelivery(value)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return it.Err()
	})
	return list, err
}
