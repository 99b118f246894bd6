package objects

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
)

const (
	crashWriters = 4
	crashKeys    = 6
)

// TestCrash cuts the power at random moments under mixed operations, keeping a
// random part of what was not synced. What was acknowledged must be there whole, and
// nothing else may be: each writer has its own keys, and for each key notes what it
// is doing and what was last acknowledged.
func TestCrash(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) { testCrash(t, uint64(round)) })
	}
}

// ledger is what the clients of a server that may die know: for each key all that
// was asked for in turn, as ETags ("" for a delete), and how much was acknowledged.
type ledger struct {
	mu    sync.Mutex // guards all
	asked map[string][]string
	acked map[string]int
}

func (l *ledger) begin(key, etag string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked[key] == nil {
		l.asked[key] = []string{""}
	}
	l.asked[key] = append(l.asked[key], etag)
}

func (l *ledger) end(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[key] = len(l.asked[key]) - 1
}

// acknowledged is a copy of how much was acknowledged by now.
func (l *ledger) acknowledged() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked)
}

// possible is what key can be, if that much was acknowledged before the crash:
// the last of it, or anything that was asked for since.
func (l *ledger) possible(key string, acked map[string]int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked[key] == nil {
		return []string{""}
	}
	return slices.Clone(l.asked[key][acked[key]:])
}

func testCrash(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	w := openWorld(t, fs, fs, &clock{now: time.Now()})
	w.Meta = w.store.Store // transactions run once here, and many at a time
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	l := &ledger{asked: map[string][]string{}, acked: map[string]int{}}
	steps, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for i := range crashWriters {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)+2))
			for n := 0; ; n++ {
				if err := w.crashStep(t, l, rng, i, n); err != nil {
					t.Errorf("step %d of writer %d: %v", n, i, err)
				}
				select {
				case steps <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	for range 3 {
		for range 20 + rng.IntN(60) {
			<-steps
		}
		acked := l.acknowledged()
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		afterCrash(t, openWorld(t, clone, clone, &clock{now: w.clock.Now().Add(time.Hour)}), l, acked)
	}
	close(stop)
	wg.Wait()
}

// crashStep does one operation and notes it.
func (w *world) crashStep(t *testing.T, l *ledger, rng *rand.Rand, writer, n int) error {
	key := fmt.Sprintf("%d/%d", writer, rng.IntN(crashKeys))
	b := content(uint64(writer*10_000+n), []int{0, 300, testInline + 1, 5000}[rng.IntN(4)])
	switch rng.IntN(8) {
	case 7:
		w.clock.step(2 * garbageGrace)
		_, err := w.CollectGarbage(t.Context())
		return err
	case 0:
		l.begin(key, "")
		if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
			return err
		}
	case 1:
		source, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: fmt.Sprintf("%d/%d", writer, rng.IntN(crashKeys))})
		if err != nil {
			return nil // there is none
		}
		whole, _, err := w.get(t, GetInput{Key: source.Key})
		if err != nil {
			return err
		}
		l.begin(key, etagOf(whole))
		if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: key, SourceBucket: "bucket", SourceKey: source.Key, Replace: true}); err != nil {
			return err
		}
	case 6:
		source, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: fmt.Sprintf("%d/%d", writer, rng.IntN(crashKeys))})
		if err != nil || source.Key == key {
			return nil
		}
		l.begin(key, source.ETag)
		l.begin(source.Key, "")
		if err := w.alice.Rename(t.Context(), RenameInput{Bucket: "bucket", Key: key, SourceKey: source.Key}); err != nil {
			return err
		}
		l.end(source.Key)
	case 2:
		u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: key})
		if err != nil {
			return err
		}
		in := CompleteInput{Bucket: "bucket", Key: key, Upload: u.ID, Size: -1}
		for n := 1; n <= 2; n++ {
			p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: key, Upload: u.ID, Number: n, Body: bytes.NewReader(append(b, "0123456789"...)), Size: -1})
			if err != nil {
				return err
			}
			in.Parts = append(in.Parts, p)
		}
		a, err := newAssembly(coffer.Checksum{}, coffer.Checksum{})
		if err != nil {
			return err
		}
		for _, p := range in.Parts {
			if err := a.add(partRow{Part: p}); err != nil {
				return err
			}
		}
		l.begin(key, a.etag())
		if _, err := w.alice.Complete(t.Context(), in); err != nil {
			return err
		}
	default:
		l.begin(key, etagOf(b))
		if _, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b))}); err != nil {
			return err
		}
	}
	l.end(key)
	return nil
}

// afterCrash checks the service that opens after a power cut.
func afterCrash(t *testing.T, w *world, l *ledger, acked map[string]int) {
	t.Helper()
	if _, err := w.SweepEarlier(t.Context()); err != nil {
		t.Fatalf("SweepEarlier() = %v", err)
	}
	page, err := w.alice.List(t.Context(), ListInput{Bucket: "bucket", Max: ListMax})
	if err != nil {
		t.Fatalf("List() after the crash = %v", err)
	}
	listed := map[string]string{}
	for _, o := range page.Objects {
		listed[o.Key] = o.ETag
	}
	seen := 0
	for i := range crashWriters {
		for n := range crashKeys {
			key := fmt.Sprintf("%d/%d", i, n)
			if possible := l.possible(key, acked); !slices.Contains(possible, listed[key]) {
				t.Errorf("%s is %q after the crash, want one of %q", key, listed[key], possible)
			}
			b, c, err := w.get(t, GetInput{Key: key})
			if listed[key] == "" {
				wantCode(t, "Get of what is not listed", err, coffer.NoSuchObject)
				continue
			}
			seen++
			if err != nil || c.ETag != listed[key] {
				t.Errorf("Get(%s) after the crash = %v, want the ETag %s", key, err, listed[key])
				continue
			}
			if c.PartsCount == 0 && etagOf(b) != c.ETag || c.Checksum.Value != base64Of(coffer.CRC64NVME, b) {
				t.Errorf("Get(%s) after the crash: the bytes are not those of its ETag %s", key, c.ETag)
			}
		}
	}
	if seen != len(listed) || seen == 0 {
		t.Errorf("List() after the crash shows %d objects, %d of which were put", len(listed), seen)
	}
	w.reclaim(t)
	w.audit(t, true)
	_ = w.store.Close()
}
