package accounts

import (
	"context"
	"slices"

	"coffer"
	"coffer/meta"
)

// expireBatch bounds one transaction of Expire.
const expireBatch = 500

// Expire removes what is over: sessions, links, and the notes of used challenges
// that are no longer good anyway. It is a job; nothing is trusted because it was
// late.
func (s *Service) Expire(ctx context.Context) error {
	for _, kind := range []struct {
		prefix []byte
		over   func(value []byte) (bool, error)
	}{
		{meta.Key(meta.PrefixSession), func(value []byte) (bool, error) {
			x, err := decodeSession(value)
			return err == nil && s.over(x, s.time()), err
		}},
		{meta.Key(meta.PrefixLink), func(value []byte) (bool, error) {
			l, err := decodeLink(value)
			return err == nil && !s.time().Before(l.Expires), err
		}},
		{meta.Key(meta.PrefixPending, []byte{rowSpent}), func(value []byte) (bool, error) {
			until, err := decodeSpent(value)
			return err == nil && !s.time().Before(until), err
		}},
	} {
		if err := s.expire(ctx, kind.prefix, kind.over); err != nil {
			return wrapf(err, "end what is over")
		}
	}
	return nil
}

// expire removes the rows under prefix that are over, a batch at a time.
func (s *Service) expire(ctx context.Context, prefix []byte, over func([]byte) (bool, error)) error {
	var rows [][]byte
	err := s.meta.View(ctx, func(r meta.Reader) error {
		return each(r, prefix, func(key, value []byte) error {
			yes, err := over(value)
			if err == nil && yes {
				rows = append(rows, slices.Clone(key))
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(rows, expireBatch) {
		err := s.meta.Update(ctx, func(tx meta.Tx) error {
			for _, key := range batch {
				value, err := tx.Get(key)
				if err != nil {
					continue // someone else ended it
				}
				yes, err := over(value)
				if err != nil || !yes {
					return err
				}
				if err := s.noteExpired(ctx, tx, key, value); err != nil {
					return err
				}
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteExpired records that a session ended by time.
func (s *Service) noteExpired(ctx context.Context, tx meta.Tx, key, value []byte) error {
	if key[0] != meta.PrefixSession {
		return nil
	}
	x, err := decodeSession(value)
	if err != nil {
		return err
	}
	return s.write(ctx, tx, coffer.Caller{}, x.Account, actionSessionEnd, string(x.Member), nil,
		fields{"session": string(x.ID), "reason": "expired"})
}
