package objects

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"coffer"
	"coffer/meta"
)

// checkEvents reads the events for webhooks, and the notes of their deliveries.
func (c *checker) checkEvents() error {
	for i, prefix := range []byte{meta.PrefixEvent, meta.PrefixDeadEvent, meta.PrefixDelivery} {
		err := c.walk([]byte{prefix}, func(key, value []byte) error {
			webhook, rest, ok := bytes.Cut(key[1:], []byte{0})
			var err error
			if prefix == meta.PrefixDelivery {
				_, err = decodeDelivery(value)
			} else {
				if _, err = decodeQueued(value); len(rest) != eventIDLen {
					ok = false
				}
				if c.events[string(webhook)] == nil {
					c.events[string(webhook)] = &[2]int64{}
				}
				c.events[string(webhook)][i]++
			}
			if err != nil || !ok {
				return c.found(foundEvent, key, fmt.Sprint(err), meta.Drop(key, value))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkCounters compares all counters with what counting gave, and reads the quotas,
// which stand beside some of them.
func (c *checker) checkCounters() error {
	for _, step := range []func() error{c.checkBucketCounters, c.checkAccountCounters, c.checkEventCounters, c.checkReplicationCounters} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkBucketCounters() error {
	err := c.walk([]byte{meta.PrefixBucketCount}, func(key, value []byte) error {
		var b *checkedBucket
		which := -1
		if len(key) == 10 {
			b, which = c.buckets[bucketIDOf(key)], strings.IndexByte(counters, key[9])
		}
		if b == nil || which < 0 {
			gone, err := !c.unsure, error(nil)
			if gone && b == nil && len(key) == 10 {
				gone, err = c.gone(bucketIDOf(key))
			}
			if err != nil || !gone {
				return err
			}
			return c.found(foundCountLeft, key, "", meta.Drop(key, value))
		}
		return c.counter(key, value, &b.sums[which])
	})
	if err != nil {
		return err
	}
	for id, b := range c.buckets {
		for i := range b.sums {
			if err := c.counter(countKey(id, counters[i]), nil, &b.sums[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) checkAccountCounters() error {
	err := c.walk([]byte{meta.PrefixQuota}, func(key, value []byte) error {
		account, rest, ok := bytes.Cut(key[1:], []byte{0})
		switch {
		case ok && len(rest) == 2 && rest[0] == 'n':
			which := strings.IndexByte(counters, rest[1])
			if which < 0 || which == sumVersionBytes {
				return c.found(foundCountLeft, key, "", meta.Drop(key, value))
			}
			s := c.accounts[coffer.AccountID(account)]
			if s == nil {
				s = &sums{} // of an account that has no bucket any more
			}
			return c.counter(key, value, &s[which])
		case ok && len(rest) > 0 && (rest[0] == 'k' || len(rest) == 1 && rest[0] == 'q'):
			if _, err := decodeQuota(value); err != nil {
				return c.found(foundQuota, key, err.Error(), nil)
			}
			return nil
		}
		return c.found(foundCountLeft, key, "", meta.Drop(key, value))
	})
	if err != nil {
		return err
	}
	for account, s := range c.accounts {
		for i := range s[:sumVersionBytes] {
			if err := c.counter(accountCountKey(account, counters[i]), nil, &s[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) checkEventCounters() error {
	err := c.walk([]byte{meta.PrefixEventCount}, func(key, value []byte) error {
		webhook, which, ok := bytes.Cut(key[1:], []byte{0})
		if !ok || len(which) != 1 || !slices.Contains([]byte{eventsWaiting, eventsDead, eventsDelivered, eventsFailed, eventsDropped}, which[0]) {
			return c.found(foundCountLeft, key, "", meta.Drop(key, value))
		}
		i := bytes.IndexByte([]byte{eventsWaiting, eventsDead}, which[0])
		if i < 0 {
			return nil // it only grows
		}
		n := c.events[string(webhook)]
		if n == nil {
			n = &[2]int64{}
		}
		return c.counter(key, value, &n[i])
	})
	if err != nil {
		return err
	}
	for webhook, n := range c.events {
		for i, which := range []byte{eventsWaiting, eventsDead} {
			if err := c.counter(webhookKey(meta.PrefixEventCount, webhook, []byte{which}), nil, &n[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReplications reads the copies that wait to be made elsewhere.
func (c *checker) checkReplications() error {
	return c.walk([]byte{meta.PrefixReplication}, func(key, value []byte) error {
		_, rest, _ := bytes.Cut(key[1:], []byte{0})
		t, err := decodeTask(value)
		if err != nil || len(rest) != taskIDLen {
			return c.found(foundTask, key, fmt.Sprint(err), meta.Drop(key, value))
		}
		if c.copies[t.bucketID] == nil {
			c.copies[t.bucketID] = new(int64)
		}
		*c.copies[t.bucketID]++
		return nil
	})
}

func (c *checker) checkReplicationCounters() error {
	err := c.walk([]byte{meta.PrefixReplicationCount}, func(key, value []byte) error {
		if len(key) != 10 || key[9] != replicationsWaiting {
			return nil // the others only grow
		}
		n := c.copies[bucketIDOf(key)]
		if n == nil {
			n = new(int64)
		}
		return c.counter(key, value, n)
	})
	if err != nil {
		return err
	}
	for id, n := range c.copies {
		if err := c.counter(replicationCountKey(id, replicationsWaiting), nil, n); err != nil {
			return err
		}
	}
	return nil
}

// checkObjectKey looks whether the key is there that encrypted objects need.
func (c *checker) checkObjectKey() error {
	ok, err := meta.Has(c.reader, instanceKeyKey())
	if err == nil && !ok && c.sealed {
		err = c.found(foundObjectKey, instanceKeyKey(), "", nil)
	}
	return err
}

// counter compares a counter with what was counted, which is 0 after that, so that
// what is left belongs to counters that are missing: their value is nil.
func (c *checker) counter(key, value []byte, counted *int64) error {
	want := *counted
	*counted = 0
	if c.unsure {
		return nil
	}
	key = bytes.Clone(key)
	if value == nil {
		if want == 0 {
			return nil
		}
		value = meta.CounterValue(0)
	}
	n, err := meta.Counter(value)
	if err != nil {
		return c.found(foundCount, key, err.Error(), meta.Unchanged(key, value, func(tx meta.Tx) error { return tx.Set(key, meta.CounterValue(want)) }))
	}
	if n == want {
		return nil
	}
	// The difference is right whatever is counted meanwhile.
	return c.found(foundCount, key, fmt.Sprintf("it is %d, counting gives %d", n, want), func(tx meta.Tx) error { return tx.Add(key, want-n) })
}
