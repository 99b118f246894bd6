package objects

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"coffer"
	"coffer/meta"
)

// ScrubStatus is how far a scrub is, and what it found.
type ScrubStatus struct {
	Running  bool           `json:"running"`
	Began    time.Time      `json:"began,omitzero" doc:"When the round began that runs, or the last one."`
	Finished time.Time      `json:"finished,omitzero" doc:"When the last whole round ended; absent before the first."`
	Objects  int64          `json:"objects" doc:"Objects and parts read in the round."`
	Bytes    int64          `json:"bytes" doc:"Bytes read in the round."`
	Findings []ScrubFinding `json:"findings" doc:"What is damaged and was neither overwritten nor deleted since; at most 1,000."`
}

// ScrubStatus reads how far a scrub is. Operators do.
func (s Session) ScrubStatus(ctx context.Context) (ScrubStatus, error) {
	var out ScrubStatus
	if !s.actor.Caller.Operator {
		return out, coffer.Errorf(coffer.AccessDenied, "only operators of this instance see scrubs")
	}
	p, err := s.readScrub(ctx)
	if err != nil {
		return out, err
	}
	out = ScrubStatus{Running: p.running, Began: p.began, Finished: p.finished, Objects: p.objects, Bytes: p.bytes}
	out.Findings, err = s.scrubFindings(ctx, false)
	return out, err
}

// scrubFindings reads the findings that still hold. With forget the others are
// removed.
func (s *Service) scrubFindings(ctx context.Context, forget bool) ([]ScrubFinding, error) {
	all := []ScrubFinding{}
	var over [][]byte
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		return meta.Each(ctx, r, scrubFound, func(key, value []byte) error {
			x, err := decodeScrubFinding(key[len(scrubFound):], value)
			still := false
			if err == nil {
				still, err = names(r, x.use)
			}
			if err != nil {
				return fmt.Errorf("finding %q: %w", key, err)
			}
			if !still {
				over = append(over, bytes.Clone(key))
				return nil
			}
			all = append(all, s.placed(r, x))
			return nil
		})
	})
	if err != nil || !forget || len(over) == 0 {
		return all, err
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		for _, key := range over {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// placed says in which bucket a finding is: they are few, and buckets can be many.
func (s *Service) placed(r meta.Reader, x ScrubFinding) ScrubFinding {
	if x.use.by != namedByBody || x.Bucket != "" || len(x.use.key) < 9 {
		return x
	}
	id := bucketIDOf(x.use.key)
	it := r.Iter([]byte{meta.PrefixBucket}, []byte{meta.PrefixBucket + 1})
	defer it.Close()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return x
		}
		if b, err := decodeBucket(value); err == nil && b.ID == id {
			x.Bucket, x.Account = b.Name, b.Account
			return x
		}
	}
	return x
}
