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

// versionLedger is which versions must be there after a crash: those whose PUT was
// acknowledged and whose removal was not asked for.
type versionLedger struct {
	mu   sync.Mutex // guards kept
	kept map[string]bool
}

func (l *versionLedger) set(key, version string, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name := key + " " + version; kept {
		l.kept[name] = true
	} else {
		delete(l.kept, name)
	}
}

// acknowledged is a copy of what must be there by now.
func (l *versionLedger) acknowledged() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.kept)
}

// TestCrashWithVersions cuts the power under writes, deletes and removals of
// versions. Each is done or not: what was acknowledged is there, and where the
// versions of a key are agrees with which of them is current, and with the counters.
func TestCrashWithVersions(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	fs := vfs.NewCrashableMem()
	w := openWorld(t, fs, fs, &clock{now: time.Now()})
	w.Meta = w.store.Store // transactions run once here, and many at a time
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	l := &versionLedger{kept: map[string]bool{}}
	steps, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for i := range crashWriters {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(i)+2))
			mine := map[string][]string{}
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d/%d", i, rng.IntN(2))
				if err := w.versionStep(t, l, rng, key, mine); err != nil {
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
	for range 5 {
		for range 20 + rng.IntN(60) {
			<-steps
		}
		before := l.acknowledged()
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		after := l.acknowledged()
		afterVersionCrash(t, openWorld(t, clone, clone, &clock{now: w.clock.Now().Add(time.Hour)}), before, after)
	}
	close(stop)
	wg.Wait()
}

// versionStep does one operation on a key that nobody else writes.
func (w *world) versionStep(t *testing.T, l *versionLedger, rng *rand.Rand, key string, mine map[string][]string) error {
	switch n := len(mine[key]); {
	case rng.IntN(4) == 0:
		done, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key})
		if err != nil {
			return err
		}
		mine[key] = append(mine[key], done.VersionID)
		l.set(key, done.VersionID, true)
	case n > 3 || n > 0 && rng.IntN(3) == 0:
		i := rng.IntN(n)
		l.set(key, mine[key][i], false)
		if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key, Version: mine[key][i]}); err != nil {
			return err
		}
		mine[key] = slices.Delete(mine[key], i, i+1)
	default:
		b := content(rng.Uint64(), []int{0, 300, testInline + 1}[rng.IntN(3)])
		o, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b))})
		if err != nil {
			return err
		}
		mine[key] = append(mine[key], o.VersionID)
		l.set(key, o.VersionID, true)
	}
	return nil
}

// afterVersionCrash looks for the versions that were there both before and after
// the power was cut, and then at every record.
func afterVersionCrash(t *testing.T, w *world, before, after map[string]bool) {
	t.Helper()
	if _, err := w.SweepEarlier(t.Context()); err != nil {
		t.Fatalf("SweepEarlier() = %v", err)
	}
	page, err := w.alice.ListVersions(t.Context(), ListVersionsInput{Bucket: "bucket", Max: ListMax})
	if err != nil || len(page.Versions) == 0 {
		t.Fatalf("ListVersions() after the crash = %d versions, %v", len(page.Versions), err)
	}
	there := map[string]bool{}
	for _, v := range page.Versions {
		there[v.Key+" "+v.VersionID] = true
		if v.DeleteMarker {
			continue
		}
		if b, c, err := w.get(t, GetInput{Key: v.Key, Version: v.VersionID}); err != nil || etagOf(b) != c.ETag {
			t.Errorf("Get(%s, %s) after the crash = %d bytes, %v", v.Key, v.VersionID, len(b), err)
		}
	}
	for name := range before {
		if after[name] && !there[name] {
			t.Errorf("version %s is gone after the crash", name)
		}
	}
	w.reclaim(t)
	w.audit(t, true)
	_ = w.store.Close()
}
