package objects

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coffer"
)

// racer has keys of its own, and knows what they hold.
type racer struct {
	w      *world
	t      *testing.T
	number int
	draw   *rand.Rand
	holds  map[string][]byte
	done   int // writes that were acknowledged
}

func (x *racer) key() string { return fmt.Sprintf("racer-%d/key-%d", x.number, x.draw.IntN(3)) }

// wrote notes a write that succeeded; one that failed has changed nothing.
func (x *racer) wrote(key string, b []byte, err error) {
	if err != nil {
		return
	}
	x.done++
	if x.holds[key] = b; b == nil {
		delete(x.holds, key)
	}
}

func (x *racer) step() {
	key := x.key()
	switch x.draw.IntN(6) {
	case 0, 1:
		b := content(x.draw.Uint64(), 1+x.draw.IntN(3*testInline))
		_, err := x.w.alice.Put(x.t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b))})
		x.wrote(key, b, err)
	case 2:
		from := x.key()
		if b, ok := x.holds[from]; ok {
			_, err := x.w.alice.Copy(x.t.Context(), CopyInput{Bucket: "bucket", Key: key, SourceBucket: "bucket", SourceKey: from,
				Replace: true})
			x.wrote(key, b, err)
		}
	case 3:
		_, err := x.w.alice.Delete(x.t.Context(), "bucket", Doomed{Key: key})
		x.wrote(key, nil, err)
	default:
		x.check(key)
	}
}

// check reads a key; what it holds may not be touched by anything else.
func (x *racer) check(key string) {
	c, err := x.w.alice.Get(x.t.Context(), GetInput{Bucket: "bucket", Key: key})
	want, exists := x.holds[key]
	if !exists {
		if coffer.CodeOf(err) != coffer.NoSuchObject {
			x.t.Errorf("Get(%q) = %v, want NoSuchObject", key, err)
		}
		return
	}
	if err != nil {
		x.t.Errorf("Get(%q) = %v, want %d bytes", key, err, len(want))
		return
	}
	defer c.Close()
	var b bytes.Buffer
	if _, err := c.WriteTo(x.t.Context(), &b); err != nil || !bytes.Equal(b.Bytes(), want) {
		x.t.Errorf("Get(%q) = %d bytes, %v, want the %d that it holds", key, b.Len(), err, len(want))
	}
}

// TestReclaimNeverTakesWhatIsAlive runs all that removes bytes without a pause, and
// with ages of nothing, beside writers and readers. A write may fail because its
// bytes were condemned while it was under way; one that succeeded stays.
func TestReclaimNeverTakesWhatIsAlive(t *testing.T) {
	w := newWorld(t)
	w.Meta = w.store.Store // which many can use at once
	const steps, racers = 150, 6
	stop := make(chan struct{})
	var jobs, writers sync.WaitGroup
	var removed Reclaimed
	var raced atomic.Int64
	jobs.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// More than the grace of garbage, and so little that no write lasts for the day
			// that a condemned blob stays marked.
			w.clock.step(2 * garbageGrace)
			garbage, err := w.CollectGarbage(t.Context())
			swept, err2 := w.Sweep(t.Context(), time.Now().Add(time.Hour))
			_, err3 := w.Lifecycle(t.Context())
			if err := errors.Join(err, err2, err3); err != nil {
				t.Errorf("reclaim beside writers: %v", err)
				return
			}
			removed.Garbage += garbage.Garbage
			raced.Store(int64(removed.Garbage))
			removed.Orphans += swept.Orphans
		}
	})
	all := make([]*racer, racers)
	for i := range all {
		x := &racer{w: w, t: t, number: i, draw: rand.New(rand.NewPCG(1, uint64(i))), holds: map[string][]byte{}}
		all[i] = x
		writers.Go(func() {
			for n := 0; n < steps || raced.Load() == 0 && n < 100*steps; n++ {
				x.step()
			}
		})
	}
	writers.Wait()
	close(stop)
	jobs.Wait()
	done := 0
	for _, x := range all {
		done += x.done
		for k := range 3 {
			x.check(fmt.Sprintf("racer-%d/key-%d", x.number, k))
		}
	}
	t.Logf("%d writes acknowledged, %d blobs of garbage and %d condemned ones removed beside them", done, removed.Garbage, removed.Orphans)
	if done == 0 || removed.Garbage == 0 {
		t.Errorf("%d writes and %d removals: nothing raced", done, removed.Garbage)
	}
	w.reclaim(t)
	w.reclaim(t)
	w.audit(t, true)
}
