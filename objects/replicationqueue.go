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

// ReplicationAgeMax is how long a copy that the other service refuses is tried.
const ReplicationAgeMax = 24 * time.Hour

// replicationLook is how many tasks one look at the queue passes at most; as many
// more, as long as none of them is due.
const replicationLook = 5_000

// The counters of a bucket's replication.
const (
	replicationsWaiting   = 'w'
	replicationsCompleted = 'c'
	replicationsFailed    = 'f'
)

func replicationCountKey(id coffer.BucketID, which byte) []byte {
	return meta.Key(meta.PrefixReplicationCount, meta.KeyUint64(uint64(id)), []byte{which})
}

// replicationPutOffMax is longer than any try is put off. One that is due later was put
// off by a clock that was ahead.
const replicationPutOffMax = time.Hour

// enqueueReplication queues the copy of a version, or of a change of it, of the time
// that the version has: the versions of a key have theirs in order, whatever the clock
// did between them.
func (s *Service) enqueueReplication(tx meta.Tx, target string, t ReplicationTask, version time.Time) error {
	id, err := s.id(taskIDLen - 8)
	if err != nil {
		return err
	}
	if at := nanoseconds(version); at > binary.BigEndian.Uint64(id) {
		binary.BigEndian.PutUint64(id, at)
	}
	return errors.Join(
		tx.Set(taskKey(target, id), encodeTask(t)),
		tx.Add(replicationCountKey(t.bucketID, replicationsWaiting), 1))
}

// WatchReplications yields when copies may have come for a target, until ctx ends.
func (s *Service) WatchReplications(ctx context.Context, target string) iter.Seq2[meta.Event, error] {
	return s.Meta.Watch(ctx, taskKey(target, nil))
}

// WaitingReplications reads copies that are due for a target, the oldest first and
// at most max. A task of a key that has an older one waiting is left out, so that
// versions arrive in their order. next is when the first of those that are not due
// will be; zero if there is none.
func (s *Service) WaitingReplications(ctx context.Context, target string, max int) (list []ReplicationTask, next time.Time, err error) {
	now := s.Now()
	type place struct {
		bucket coffer.BucketID
		key    string
		to     coffer.BucketName
	}
	low := taskKey(target, nil)
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		// Of what one bucket's destination refuses thousands may wait before all others,
		// which must not keep the copies of other buckets from being made. Behind so many
		// a bucket is held as a whole, so that the maps stay small.
		held, putOff := map[place]bool{}, map[place]bool{}
		it := r.Iter(low, meta.PrefixEnd(low))
		defer it.Close()
		for n := 0; len(list) < max && (n%replicationLook > 0 || n == 0 || len(list) == 0) && it.Next(); n++ {
			value, err := it.Value()
			if err != nil {
				return err
			}
			t, err := decodeTask(value)
			if err != nil {
				return err
			}
			if copy(t.ID[:], it.Key()[len(low):]) != taskIDLen {
				return errors.New("the key of a replication is cut")
			}
			p, all := place{t.bucketID, t.Key, t.To}, place{bucket: t.bucketID, to: t.To}
			far := n >= replicationLook
			switch {
			case held[p] || far && putOff[all]:
				continue
			case t.Due.After(now) && t.Due.Before(now.Add(replicationPutOffMax)):
				putOff[all] = true
				if next.IsZero() || t.Due.Before(next) {
					next = t.Due
				}
			default:
				list = append(list, t)
			}
			if !far || len(list) > 0 {
				held[p] = true
			}
		}
		return it.Err()
	})
	return list, next, err
}

// ReplicaSource is what is to be copied: the object, and who may read it.
type ReplicaSource struct {
	coffer.Object
	// Session reads it.
	Session Session
	// There is the version that the other service has of it, if any.
	There string
	// Failed says that the other service never got it: a change of it is a copy.
	Failed bool
}

// ReplicationSource finds the version that a task copies; nil if it is gone, and with
// it the reason to copy it, or if its account may not use the target any more.
func (s *Service) ReplicationSource(ctx context.Context, target string, t ReplicationTask) (*ReplicaSource, error) {
	var found *ReplicaSource
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, t.Bucket)
		if errors.Is(err, meta.ErrNotFound) || err == nil && b.ID != t.bucketID {
			return nil
		}
		if err != nil {
			return err
		}
		if s.replicationTarget(target, b.Account) == nil {
			return nil
		}
		o, err := findVersion(r, b, t.Key, coffer.VersionName(t.Version))
		if err != nil || o == nil {
			return err
		}
		found = &ReplicaSource{Object: o.Object, Session: s.asItself(b)}
		for _, c := range o.Replication.Replicas {
			if c.Destination == target+":"+string(t.To) {
				found.There, found.Failed = c.VersionID, c.Status == coffer.ReplicationFailed
			}
		}
		return nil
	})
	return found, err
}

// ReplicationDone ends a task: the other service has it as a version, or there is
// nothing to copy any more.
func (s *Service) ReplicationDone(ctx context.Context, target string, t ReplicationTask, version string) error {
	return s.endReplication(ctx, target, t, func(tx meta.Tx) error {
		return errors.Join(
			tx.Add(replicationCountKey(t.bucketID, replicationsCompleted), 1),
			replicated(tx, t, target, coffer.ReplicationCompleted, version))
	})
}

// ReplicationDropped ends a task whose version is gone.
func (s *Service) ReplicationDropped(ctx context.Context, target string, t ReplicationTask) error {
	return s.endReplication(ctx, target, t, func(meta.Tx) error { return nil })
}

// ReplicationGivenUp ends a task that the other service refuses, and tells of it with
// the reason, one of S3's or "".
func (s *Service) ReplicationGivenUp(ctx context.Context, target string, t ReplicationTask, why string) error {
	return s.endReplication(ctx, target, t, func(tx meta.Tx) error {
		b, err := readBucket(tx, t.Bucket)
		if errors.Is(err, meta.ErrNotFound) || err == nil && b.ID != t.bucketID {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(
			tx.Add(replicationCountKey(t.bucketID, replicationsFailed), 1),
			replicated(tx, t, target, coffer.ReplicationFailed, ""),
			s.notReplicated(tx, b, target, t, t.Time(), why))
	})
}

// endReplication takes a task out of the queue, and does what follows from that.
func (s *Service) endReplication(ctx context.Context, target string, t ReplicationTask, then func(meta.Tx) error) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		key := taskKey(target, t.ID[:])
		if _, err := tx.Get(key); errors.Is(err, meta.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		return errors.Join(tx.Delete(key), tx.Add(replicationCountKey(t.bucketID, replicationsWaiting), -1), then(tx))
	})
}

// ReplicationLater writes down that a task failed, and when it is tried again.
func (s *Service) ReplicationLater(ctx context.Context, target string, t ReplicationTask, due time.Time, why string) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		key := taskKey(target, t.ID[:])
		if _, err := tx.Get(key); errors.Is(err, meta.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		t.Tries++
		t.Due, t.Why = due, why
		if len(t.Why) > deliveryErrorMax {
			t.Why = t.Why[:deliveryErrorMax]
		}
		return tx.Set(key, encodeTask(t))
	})
}

// ReplicationCounts are the numbers of one bucket's replication. Waiting is how many
// copies there are to be made; the others only grow.
type ReplicationCounts struct {
	Waiting   int64 `json:"waiting"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
}

// ReplicationCounts reads the numbers of a bucket.
func (s *Service) ReplicationCounts(ctx context.Context, bucket coffer.BucketName) (c ReplicationCounts, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, bucket)
		if errors.Is(err, meta.ErrNotFound) {
			return (&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", string(bucket))
		}
		if err != nil {
			return err
		}
		for which, value := range map[byte]*int64{replicationsWaiting: &c.Waiting, replicationsCompleted: &c.Completed, replicationsFailed: &c.Failed} {
			if *value, err = meta.ReadCounter(r, replicationCountKey(b.ID, which)); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

// ReplicationBacklog is how many copies are to be made in all.
func (s *Service) ReplicationBacklog(ctx context.Context) (sum int64, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		low := []byte{meta.PrefixReplicationCount}
		it := r.Iter(low, meta.PrefixEnd(low))
		defer it.Close()
		for it.Next() {
			if key := it.Key(); key[len(key)-1] != replicationsWaiting {
				continue
			}
			value, err := it.Value()
			if err != nil {
				return err
			}
			n, err := meta.Counter(value)
			if err != nil {
				return err
			}
			sum += n
		}
		return it.Err()
	})
	return sum, err
}
