package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"coffer/meta"
	"coffer/meta/pebble"
)

// logSyncs is a file system whose syncs of the log wait for gate, when there is
// one, and fail with err, when there is one.
type logSyncs struct {
	gate atomic.Pointer[chan struct{}]
	err  atomic.Pointer[error]
}

func (l *logSyncs) over(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		default:
			return nil
		}
		if !strings.HasSuffix(op.Path, ".log") {
			return nil
		}
		if gate := l.gate.Load(); gate != nil {
			<-*gate
		}
		if err := l.err.Load(); err != nil {
			return *err
		}
		return nil
	}))
}

// TestNobodySeesWhatIsNotDurable holds the sync of one commit back and looks
// which transactions get out. A reader that told of the commit before would be
// wrong after a power cut.
func TestNobodySeesWhatIsNotDurable(t *testing.T) {
	get := func(key string) func(r meta.Reader) error {
		return func(r meta.Reader) error { _, err := r.Get([]byte(key)); return err }
	}
	scan := func(start, end string) func(r meta.Reader) error {
		return func(r meta.Reader) error {
			it := r.Iter([]byte(start), []byte(end))
			for it.Next() {
			}
			return it.Close()
		}
	}
	firstOf := func(start, end string) func(r meta.Reader) error {
		return func(r meta.Reader) error {
			it := r.Iter([]byte(start), []byte(end))
			it.Next()
			return it.Close()
		}
	}
	for _, tt := range []struct {
		name  string
		read  func(r meta.Reader) error
		waits bool
	}{
		{"TheKeyThatWasSet", get("m set"), true},
		{"TheKeyThatWasDeleted", get("m gone"), true},
		{"AKeyInTheRangeThatWasDeleted", get("r 1"), true},
		{"ARangeWithTheKey", scan("m", "n"), true},
		{"ARangeWithTheDeletedRange", scan("r", "s"), true},
		{"AnotherRange", scan("a", "b"), false},
		{"ARangeLeftBeforeTheKey", firstOf("a", "z"), false},
		{"Nothing", func(meta.Reader) error { return nil }, false},
	} {
		for kind, run := range map[string]func(s *pebble.Store) error{
			"View": func(s *pebble.Store) error { return s.View(context.Background(), tt.read) },
			"Update": func(s *pebble.Store) error {
				return s.Update(context.Background(), func(tx meta.Tx) error { return tt.read(tx) })
			},
		} {
			t.Run(kind+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testHeldSync(t, run, tt.waits) })
			})
		}
	}
}

func testHeldSync(t *testing.T, read func(*pebble.Store) error, waits bool) {
	var syncs logSyncs
	s := open(t, syncs.over(vfs.NewMem()), "db", pebble.Options{})
	defer s.Close()
	update := func(fn func(tx meta.Tx) error) {
		if err := s.Update(context.Background(), fn); err != nil {
			t.Errorf("Update() = %v", err)
		}
	}
	update(func(tx meta.Tx) error {
		return errors.Join(tx.Set([]byte("a"), nil), tx.Set([]byte("m gone"), nil), tx.Set([]byte("r 1"), nil))
	})
	gate := make(chan struct{})
	syncs.gate.Store(&gate)
	var written, readDone atomic.Bool
	go func() {
		update(func(tx meta.Tx) error {
			return errors.Join(tx.Set([]byte("m set"), nil), tx.Delete([]byte("m gone")), tx.DeleteRange([]byte("r"), []byte("s")))
		})
		written.Store(true)
	}()
	synctest.Wait()
	var result error
	go func() {
		result = read(s)
		readDone.Store(true)
	}()
	synctest.Wait()
	if written.Load() {
		t.Errorf("Update returned before its sync")
	}
	if readDone.Load() == waits {
		t.Errorf("the read returned before the sync: %v, want %v", readDone.Load(), !waits)
	}
	close(gate)
	synctest.Wait()
	if !written.Load() || !readDone.Load() {
		t.Errorf("after the sync: Update returned: %v, read returned: %v", written.Load(), readDone.Load())
	}
	if result != nil && !errors.Is(result, meta.ErrNotFound) {
		t.Errorf("read = %v", result)
	}
}

// TestAFailedSync checks that nobody is told that a write is there, or reads
// it, when the log could not be synced, and that nothing goes on after that.
func TestAFailedSync(t *testing.T) {
	var syncs logSyncs
	var fatal atomic.Int32
	s := open(t, syncs.over(vfs.NewMem()), "db", pebble.Options{Fatal: func(err error) {
		if !errors.Is(err, errDisk) {
			t.Errorf("Fatal(%v), want it to wrap %v", err, errDisk)
		}
		fatal.Add(1)
	}})
	watched := s.Watch(t.Context(), nil)
	syncs.err.Store(&errDisk)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				key := fmt.Appendf(nil, "%d/%d", i, j)
				if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, nil) }); !errors.Is(err, pebble.ErrFailed) {
					t.Errorf("Update() = %v, want %v", err, pebble.ErrFailed)
				}
				if err := s.View(t.Context(), func(r meta.Reader) error { _, err := r.Get(key); return err }); !errors.Is(err, pebble.ErrFailed) {
					t.Errorf("View() = %v, want %v", err, pebble.ErrFailed)
				}
			}
		})
	}
	wg.Wait()
	if n := fatal.Load(); n != 1 {
		t.Errorf("Fatal was called %d times, want once", n)
	}
	for e, err := range watched {
		if !errors.Is(err, pebble.ErrFailed) {
			t.Errorf("Watch gave %v, %v, want %v", e, err, pebble.ErrFailed)
		}
	}
	if err := s.Close(); !errors.Is(err, pebble.ErrFailed) {
		t.Errorf("Close() = %v, want %v", err, pebble.ErrFailed)
	}
}

var errDisk = errors.New("disk says no")
