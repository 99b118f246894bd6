package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

const (
	// ScrubFindingsMax is how many findings are kept.
	ScrubFindingsMax = 1000
	// scrubBatch is how many records are read at once, scrubSaves after how many bytes
	// it is noted how far a round is.
	scrubBatch = 100
	scrubSaves = 256 << 20
	// scrubLooks is how many records are looked at in a second: requests go first.
	scrubLooks = 5_000
)

// ScrubInput says how fast and how often all bytes are read.
type ScrubInput struct {
	BytesPerSecond int64 // 0 is never
	Every          time.Duration
}

// scrubbing is what the metrics show of scrubs.
type scrubbing struct {
	bytes, findings atomic.Int64
}

// ScrubSums is how many bytes were read since the start, and how many findings there
// are.
func (s *Service) ScrubSums() (bytes, findings int64) {
	return s.scrubbing.bytes.Load(), s.scrubbing.findings.Load()
}

// Scrub reads the bytes of all objects and parts, each file and each small value, if
// a round is due or was cut, and keeps a record of what is damaged. It goes on where
// it was when the server stopped, and deletes nothing.
func (s *Service) Scrub(ctx context.Context, in ScrubInput) error {
	if in.BytesPerSecond <= 0 || in.Every <= 0 {
		return nil
	}
	found, err := s.scrubFindings(ctx, true)
	if err != nil {
		return err
	}
	s.scrubbing.findings.Store(int64(len(found)))
	p, err := s.readScrub(ctx)
	if err != nil {
		return err
	}
	if !p.running {
		// A round that ended in a time to come was ended by a clock that was wrong.
		if now := s.Now(); now.Sub(p.finished) >= in.Every || p.finished.After(now) {
			p = scrubProgress{began: now, finished: p.finished, running: true}
		} else {
			return nil
		}
	}
	burst := int(max(in.BytesPerSecond, readBlobStep))
	run := &scrubRun{Service: s, p: p, bytes: rate.NewLimiter(rate.Limit(in.BytesPerSecond), burst), looks: rate.NewLimiter(scrubLooks, scrubBatch)}
	err = run.all(ctx)
	// Where it was is noted in any case, so that a server which is restarted often
	// comes to the end.
	return errors.Join(err, s.saveScrub(context.WithoutCancel(ctx), run.p))
}

// StartScrub begins a round, unless one is under way: the job takes it up.
func (s *Service) StartScrub(ctx context.Context) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		p, err := readScrubIn(tx)
		if err != nil || p.running {
			return err
		}
		return tx.Set(scrubKey, encodeScrub(scrubProgress{began: s.Now(), finished: p.finished, running: true}))
	})
}

func readScrubIn(r meta.Reader) (p scrubProgress, err error) {
	value, err := r.Get(scrubKey)
	if errors.Is(err, meta.ErrNotFound) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return decodeScrub(value)
}

func (s *Service) readScrub(ctx context.Context) (p scrubProgress, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		p, err = readScrubIn(r)
		return err
	})
	return p, err
}

func (s *Service) saveScrub(ctx context.Context, p scrubProgress) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error { return tx.Set(scrubKey, encodeScrub(p)) })
}

// scrubRun is a round on its way.
type scrubRun struct {
	*Service
	ctx          context.Context
	p            scrubProgress
	bytes, looks *rate.Limiter
	saved        int64 // bytes, when it was last noted how far the round is
}

// scrubbed are the prefixes of the records that have bytes, in the order of a round.
var scrubbed = []byte{meta.PrefixObject, meta.PrefixPart, meta.PrefixVersion}

func (run *scrubRun) all(ctx context.Context) error {
	run.ctx, run.saved = ctx, run.p.bytes
	for _, prefix := range scrubbed {
		if len(run.p.after) > 0 && run.p.after[0] > prefix {
			continue
		}
		for {
			batch, err := run.batch(prefix)
			if err != nil {
				return fmt.Errorf("scrub: %w", err)
			}
			if len(batch) == 0 {
				break
			}
			for _, key := range batch {
				if err := run.record(key); err != nil {
					return fmt.Errorf("scrub: %w", err)
				}
				run.p.after = key
				run.p.objects++
			}
			if run.p.bytes-run.saved < scrubSaves {
				continue
			}
			if err := run.saveScrub(ctx, run.p); err != nil {
				return err
			}
			run.saved = run.p.bytes
		}
	}
	run.p.finished, run.p.after, run.p.running = run.Now(), nil, false
	return nil
}

// batch reads the keys of the next records.
func (run *scrubRun) batch(prefix byte) (batch [][]byte, err error) {
	start := []byte{prefix}
	if len(run.p.after) > 0 && run.p.after[0] == prefix {
		start = append(bytes.Clone(run.p.after), 0)
	}
	err = run.Meta.View(run.ctx, func(r meta.Reader) error {
		it := r.Iter(start, []byte{prefix + 1})
		defer it.Close()
		for len(batch) < scrubBatch && it.Next() {
			batch = append(batch, bytes.Clone(it.Key()))
		}
		return it.Err()
	})
	return batch, err
}

// record reads the bytes of one object or part, if it still is there.
func (run *scrubRun) record(key []byte) error {
	if err := run.looks.Wait(run.ctx); err != nil {
		return err
	}
	x := ScrubFinding{use: blobUse{key: key, by: namedByBody}}
	pieces, why, err := run.pieces(&x)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if why != nil {
			break
		}
		var n int64
		n, why = run.readBlob(run.ctx, p.ref, p.size, true, paced{run})
		run.p.bytes += n
		run.scrubbing.bytes.Add(n)
		x.use.ref = p.ref
	}
	if err := run.ctx.Err(); err != nil {
		return err
	}
	return run.keep(x, why)
}

// paced waits so that bytes are not read faster than they may be.
type paced struct{ *scrubRun }

func (p paced) Write(b []byte) (int, error) { return len(b), p.bytes.WaitN(p.ctx, len(b)) }

// pieces finds the blobs of a record, with the sizes that are stored, and fills in
// what is known of it. Small values are read at once: why says what is wrong then.
func (run *scrubRun) pieces(x *ScrubFinding) (all []piece, why, err error) {
	err = run.Meta.View(run.ctx, func(r meta.Reader) error {
		all, why = nil, nil
		value, err := r.Get(x.use.key)
		if errors.Is(err, meta.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if x.use.key[0] == meta.PrefixPart {
			x.use.by = namedByPart
			upload, _, _ := bytes.Cut(x.use.key[1:], []byte{0})
			x.Upload = coffer.UploadID(upload)
			p, bad := decodePart(0, value)
			if why = bad; bad == nil {
				x.use.ref = p.ref
				all = []piece{{ref: p.ref, size: storedSize(p.Size, p.salt != crypt.Salt{})}}
			}
			return nil
		}
		o, bad := decodeRow(x.object(), value)
		if why = bad; bad != nil {
			return nil
		}
		x.use.id, x.Version = o.body.id, o.VersionID
		all, why, err = run.ofRow(r, o)
		return err
	})
	return all, why, err
}

// object is the key of the object that the finding is about; it is noted, too.
func (x *ScrubFinding) object() string {
	if len(x.use.key) > 9 {
		x.Key = string(x.use.key[9:])
		if x.use.key[0] == meta.PrefixVersion {
			x.Key, _, _ = splitVersionKey(x.Key)
		}
	}
	return x.Key
}

// ofRow finds the blobs of an object, or compares its bytes if they are a value.
func (run *scrubRun) ofRow(r meta.Reader, o row) (all []piece, why, err error) {
	switch o.body.kind {
	case bodyEmpty:
		return nil, nil, nil
	case bodyInline:
		value, err := r.Get(dataKey(o.body.id))
		if errors.Is(err, meta.ErrNotFound) {
			return nil, errors.New("the bytes are missing"), nil
		}
		if errors.Is(err, meta.ErrValueDamaged) {
			return nil, err, nil
		}
		if err != nil {
			return nil, nil, err
		}
		run.p.bytes += int64(len(value))
		run.scrubbing.bytes.Add(int64(len(value)))
		if bad := run.wrongInline(run.ctx, o, value); bad != "" {
			why = errors.New(bad)
		}
		return nil, why, nil
	}
	if all, why = o.body.pieces(r, o.Size); why != nil {
		return nil, why, nil
	}
	for i := range all {
		sealed := all[i].salt != crypt.Salt{} || o.body.kind == bodyBlob && o.Encryption != nil
		all[i].size = storedSize(all[i].size, sealed)
	}
	return all, nil, nil
}

// keep writes down that a record's bytes are damaged, or that they are not any more.
func (run *scrubRun) keep(x ScrubFinding, why error) error {
	at := append(bytes.Clone(scrubFound), x.use.key...)
	if why == nil {
		if run.scrubbing.findings.Load() == 0 {
			return nil
		}
		return run.Meta.Update(run.ctx, func(tx meta.Tx) error { return dropFinding(tx, at) })
	}
	kind := foundInlineDamaged
	if _, damaged := errors.AsType[*blob.DamagedError](why); damaged || x.use.ref != "" {
		kind = brokenKind(why)
	}
	x.Time, x.Code, x.Detail = run.Now(), kind.Code, why.Error()
	kept := false
	err := run.Meta.Update(run.ctx, func(tx meta.Tx) error {
		kept = false
		still, err := names(tx, x.use)
		if err != nil || !still {
			return err // it was overwritten or deleted meanwhile
		}
		if x.use.by == namedByBody {
			x.Version = coffer.VersionName(x.Version)
		}
		kept = true
		if run.scrubbing.findings.Load() >= ScrubFindingsMax {
			return nil
		}
		return tx.Set(at, encodeScrubFinding(x))
	})
	if err != nil || !kept {
		return err
	}
	run.scrubbing.findings.Add(1) // counted anew when the next round begins
	run.Logger.Error("the bytes of an object are damaged", "code", x.Code, "record", describe(x.use.key), "key", x.Key, "version", x.Version, "detail", x.Detail)
	return nil
}

// dropFinding removes a finding if there is one.
func dropFinding(tx meta.Tx, at []byte) error {
	if _, err := tx.Get(at); err != nil {
		if errors.Is(err, meta.ErrNotFound) {
			return nil
		}
		return err
	}
	return tx.Delete(at)
}
