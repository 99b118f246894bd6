package objects

import (
	"bytes"
	"context"
	"errors"
	"time"

	"coffer/meta"
)

// TrimEvents keeps what there is of a webhook within its bounds, so that a sink
// that is down costs a bounded part of the disk.
func (s *Service) TrimEvents(ctx context.Context, webhook string) error {
	return s.trimEvents(ctx, webhook, EventsWaitingMax, EventsDeadMax, DeliveriesMax)
}

func (s *Service) trimEvents(ctx context.Context, webhook string, waitingMax, deadMax, deliveriesMax int64) error {
	for {
		c, err := s.webhookCounts(ctx, webhook)
		if err != nil {
			return err
		}
		list, why, err := s.excess(ctx, webhook, min(c.Waiting-waitingMax, eventsTogether))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		if err := s.BuryEvents(ctx, webhook, list, why); err != nil {
			return err
		}
	}
	err := s.dropOldest(ctx, webhookKey(meta.PrefixDeadEvent, webhook, nil), deadMax, func(tx meta.Tx, dropped int) error {
		return errors.Join(addEvents(tx, webhook, eventsDead, -dropped), addEvents(tx, webhook, eventsDropped, dropped))
	})
	if err != nil {
		return err
	}
	return s.dropOldest(ctx, webhookKey(meta.PrefixDelivery, webhook, nil), deliveriesMax, func(meta.Tx, int) error { return nil })
}

// excess finds the oldest events that are not to wait any longer: over of them
// because there are too many, else those that are too old.
func (s *Service) excess(ctx context.Context, webhook string, over int64) (list []QueuedEvent, why string, err error) {
	why = "more events waited than are kept"
	limit := int(over)
	if over <= 0 {
		why, limit = "it was tried for a day", eventsTogether
	}
	oldest := s.Now().Add(-EventAgeMax)
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		return eachEvent(r, meta.PrefixEvent, webhook, func(e QueuedEvent) bool {
			if over <= 0 && !e.Time.Before(oldest) {
				return false
			}
			list = append(list, e)
			return len(list) < limit
		})
	})
	return list, why, err
}

// dropOldest deletes the first keys below a prefix until max are left, and has them
// counted in the same transaction. It counts from the end, so that what is kept is exact.
func (s *Service) dropOldest(ctx context.Context, low []byte, max int64, counted func(tx meta.Tx, dropped int) error) error {
	end := meta.PrefixEnd(low)
	var last []byte // the last one to go
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(low, end)
		defer it.Close()
		kept := int64(0)
		for ok := it.SeekLT(end); ok && last == nil; ok = it.Prev() {
			if kept++; kept > max {
				last = bytes.Clone(it.Key())
			}
		}
		return it.Err()
	})
	if err != nil || last == nil {
		return err
	}
	end = append(last, 0)
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		// Some may have been replayed since.
		dropped := 0
		it := tx.Iter(low, end)
		for it.Next() {
			dropped++
		}
		if err := errors.Join(it.Err(), it.Close()); err != nil {
			return err
		}
		return errors.Join(tx.DeleteRange(low, end), counted(tx, dropped))
	})
}

// WebhookCounts reads the numbers of all webhooks.
func (s *Service) WebhookCounts(ctx context.Context) ([]WebhookCounts, error) {
	var list []WebhookCounts
	for _, w := range s.Webhooks {
		c, err := s.webhookCounts(ctx, w.Name)
		if err != nil {
			return nil, err
		}
		c.Webhook = w
		list = append(list, c)
	}
	return list, nil
}

func (s *Service) webhookCounts(ctx context.Context, webhook string) (c WebhookCounts, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		c = WebhookCounts{}
		for _, n := range []struct {
			which byte
			value *int64
		}{{eventsWaiting, &c.Waiting}, {eventsDead, &c.Dead}, {eventsDelivered, &c.Delivered}, {eventsFailed, &c.Failed}, {eventsDropped, &c.Dropped}} {
			value, err := r.Get(webhookKey(meta.PrefixEventCount, webhook, []byte{n.which}))
			if errors.Is(err, meta.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if *n.value, err = meta.Counter(value); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

// ForgetWebhooks removes what waits for webhooks that the operator took away, once
// it is older than events are kept anyway.
func (s *Service) ForgetWebhooks(ctx context.Context) error {
	known := map[string]bool{}
	for _, w := range s.Webhooks {
		known[w.Name] = true
	}
	oldest := s.Now().Add(-EventAgeMax)
	for _, prefix := range []byte{meta.PrefixEvent, meta.PrefixDeadEvent, meta.PrefixDelivery} {
		gone, err := s.unknownWebhooks(ctx, prefix, known, oldest)
		if err != nil {
			return err
		}
		for _, name := range gone {
			err := s.Meta.Update(ctx, func(tx meta.Tx) error {
				var errs []error
				for _, p := range []byte{meta.PrefixEvent, meta.PrefixDeadEvent, meta.PrefixDelivery, meta.PrefixEventCount} {
					low := webhookKey(p, name, nil)
					errs = append(errs, tx.DeleteRange(low, meta.PrefixEnd(low)))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownWebhooks finds the names below a prefix that are not known, and whose
// oldest record is from before a time. It seeks from name to name.
func (s *Service) unknownWebhooks(ctx context.Context, prefix byte, known map[string]bool, before time.Time) (gone []string, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		low := []byte{prefix}
		it := r.Iter(low, meta.PrefixEnd(low))
		defer it.Close()
		for ok := it.Next(); ok; {
			name, id, found := bytes.Cut(it.Key()[1:], []byte{0})
			if !found || len(id) < 8 {
				return errors.New("the key of an event is cut")
			}
			if !known[string(name)] && bytes.Compare(id[:8], meta.KeyUint64(nanoseconds(before))) < 0 {
				gone = append(gone, string(name))
			}
			ok = it.SeekGE(meta.PrefixEnd(webhookKey(prefix, string(name), nil)))
		}
		return it.Err()
	})
	return gone, err
}
