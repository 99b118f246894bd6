package server

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAServerRestsOnceInEachTimeWithoutRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, underWay, rested atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go rests(ctx, func() (int64, int64) { return begun.Load(), underWay.Load() }, func() { rested.Add(1) })
		for _, step := range []struct {
			name            string
			begun, underWay int64
			after           time.Duration
			want            int64
		}{
			{"the start", 0, 0, restAfter, 1},
			{"nothing since", 0, 0, 5 * restEvery, 1},
			{"requests", 7, 0, restEvery, 1},
			{"none after them", 7, 0, restEvery, 2},
			{"nothing since", 7, 0, 5 * restEvery, 2},
			{"one that lasts", 8, 1, 5 * restEvery, 2},
			{"its end", 8, 0, restEvery, 3},
		} {
			begun.Store(step.begun)
			underWay.Store(step.underWay)
			time.Sleep(step.after)
			synctest.Wait()
			if n := rested.Load(); n != step.want {
				t.Errorf("after %s the server has rested %d times, want %d", step.name, n, step.want)
			}
		}
	})
}

// TestAStartIsFollowedByARest although who waited for the start has asked by then.
func TestAStartIsFollowedByARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rested atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go rests(ctx, func() (int64, int64) { return 1, 0 }, func() { rested.Add(1) })
		time.Sleep(restAfter)
		synctest.Wait()
		if n := rested.Load(); n != 1 {
			t.Errorf("the server has rested %d times, want 1", n)
		}
	})
}
