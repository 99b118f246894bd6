package pebble_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
	"coffer/meta/pebble"
)

// TestCrash cuts the power at random moments, keeping a random part of what
// was not synced, and checks what comes back: every acknowledged Update, and no
// Update in half. Each goroutine writes its number of the moment to several keys,
// some large enough to be separated, and adds one to a counter.
func TestCrash(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) { testCrash(t, uint64(round)) })
	}
}

const crashWriters = 4

func testCrash(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	s := open(t, fs, "db", pebble.Options{})
	var acked [crashWriters]atomic.Int64
	stop := make(chan struct{})
	enough := make(chan struct{}) // told after every commit
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			for n := int64(1); ; n++ {
				if err := s.Update(t.Context(), func(tx meta.Tx) error { return crashWrite(tx, w, n) }); err != nil {
					t.Errorf("Update() = %v", err)
					return
				}
				acked[w].Store(n)
				select {
				case enough <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	for range 3 {
		for range 5 + rng.IntN(60) {
			<-enough
		}
		// What is acknowledged before the cut must be there after it.
		var atLeast [crashWriters]int64
		for w := range acked {
			atLeast[w] = acked[w].Load()
		}
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		checkCrash(t, clone, atLeast)
	}
	close(stop)
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func crashWrite(tx meta.Tx, w int, n int64) error {
	value := fmt.Sprint(n)
	var errs []error
	for k := range 4 {
		key := fmt.Appendf(nil, "w%d/%d", w, k)
		errs = append(errs, tx.Set(key, []byte(value+strings.Repeat(" ", 1000*k))))
	}
	// A key that lives for one Update, and a range that is deleted each time.
	errs = append(errs, tx.DeleteRange(fmt.Appendf(nil, "t%d/", w), fmt.Appendf(nil, "t%d0", w)),
		tx.Set(fmt.Appendf(nil, "t%d/%d", w, n), nil), tx.Add(fmt.Appendf(nil, "n%d", w), 1))
	return errors.Join(errs...)
}

func checkCrash(t *testing.T, fs vfs.FS, atLeast [crashWriters]int64) {
	t.Helper()
	s := open(t, fs, "db", pebble.Options{})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() after recovery = %v", err)
		}
	}()
	err := s.View(t.Context(), func(r meta.Reader) error {
		for w := range crashWriters {
			value, err := r.Get(fmt.Appendf(nil, "n%d", w))
			if errors.Is(err, meta.ErrNotFound) && atLeast[w] == 0 {
				continue
			}
			if err != nil {
				return err
			}
			n, err := meta.Counter(value)
			if err != nil {
				return err
			}
			if n < atLeast[w] {
				t.Errorf("writer %d: %d updates after the crash, %d were acknowledged", w, n, atLeast[w])
			}
			for k := range 4 {
				value, err := r.Get(fmt.Appendf(nil, "w%d/%d", w, k))
				if got := strings.TrimRight(string(value), " "); err != nil || got != fmt.Sprint(n) {
					t.Errorf("writer %d: key %d = %q, %v, want that of update %d", w, k, got, err, n)
				}
			}
			it := r.Iter(fmt.Appendf(nil, "t%d/", w), fmt.Appendf(nil, "t%d0", w))
			if !it.Next() || string(it.Key()) != fmt.Sprintf("t%d/%d", w, n) || it.Next() {
				t.Errorf("writer %d: the deleted range is not what update %d left", w, n)
			}
			if err := it.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("View() after recovery = %v", err)
	}
}
