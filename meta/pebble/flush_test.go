package pebble

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
	"coffer/meta/metatest"
)

// TestStoreWhileFlushing states the contract while memtables become tables and
// tables are compacted all the time.
func TestStoreWhileFlushing(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store {
		s, err := Open("db", Options{FS: vfs.NewMem(), NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				// A store that its test closed is the end as well.
				if s.enter() != nil {
					return
				}
				_ = s.db.Flush()
				s.runs.leave()
			}
		}()
		t.Cleanup(func() {
			close(stop)
			<-stopped
		})
		return s
	})
}
