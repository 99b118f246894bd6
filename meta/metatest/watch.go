package metatest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"coffer/meta"
)

// next pulls events until all keys of want came, in this form: "key", or
// "-key" for a deletion, or "*" for an event without a key.
func next(t *testing.T, pull func() (meta.Event, error, bool), want string) {
	t.Helper()
	var got []string
	for range strings.Fields(want) {
		e, err, ok := pull()
		switch {
		case err != nil || !ok:
			t.Fatalf("watch after %q gave %v, want %q", got, err, want)
		case e.Key == nil:
			got = append(got, "*")
		case e.Deleted:
			got = append(got, "-"+string(e.Key))
		default:
			got = append(got, string(e.Key))
		}
	}
	if g := strings.Join(got, " "); g != want {
		t.Fatalf("watch gave %q, want %q", g, want)
	}
}

func testWatch(t *testing.T, s meta.Store) {
	pull, stop := iter.Pull2(s.Watch(t.Context(), []byte("p/")))
	defer stop()
	set(t, s, "p/a", "1", "o", "1")
	set(t, s, "p0", "1")
	update(t, s, func(tx meta.Tx) error { return tx.Delete([]byte("p/a")) })
	update(t, s, func(tx meta.Tx) error { return tx.Add([]byte("p/n"), 1) })
	_ = s.Update(t.Context(), func(tx meta.Tx) error { return errors.Join(tx.Set([]byte("p/no"), nil), errFn) })
	next(t, pull, "p/a -p/a p/n")
	update(t, s, func(tx meta.Tx) error { return tx.DeleteRange([]byte("q"), []byte("r")) })
	update(t, s, func(tx meta.Tx) error { return tx.DeleteRange([]byte("p/m"), nil) })
	next(t, pull, "*")
	set(t, s, "p/b", "2")
	next(t, pull, "p/b")
}

func testWatchOverflow(t *testing.T, s meta.Store) {
	pull, stop := iter.Pull2(s.Watch(t.Context(), []byte("p")))
	defer stop()
	const keys = 20_000
	for i := range 20 {
		update(t, s, func(tx meta.Tx) error {
			for j := range keys / 20 {
				if err := tx.Set(fmt.Appendf(nil, "p%d/%d", i, j), nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	seen := 0
	for e, err, ok := pull(); e.Key != nil; e, err, ok = pull() {
		if seen++; err != nil || !ok || seen == keys {
			break // A driver that keeps so many loses none.
		}
	}
	if seen > keys {
		t.Errorf("watch gave %d events for %d changes", seen, keys)
	}
	set(t, s, "p.last", "")
	next(t, pull, "p.last")
}

func testWatchEnds(t *testing.T, s meta.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	pull, stop := iter.Pull2(s.Watch(ctx, nil))
	defer stop()
	cancel()
	if _, err, ok := pull(); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("watch of a cancelled context gave %v, want %v", err, context.Canceled)
	}
	if _, _, ok := pull(); ok {
		t.Errorf("watch goes on after its error")
	}
	// A watch that is left, or never looked at, must not hold up the writers.
	left := s.Watch(t.Context(), nil)
	s.Watch(t.Context(), nil)
	set(t, s, "a", "1")
	for range left {
		break
	}
	set(t, s, "a", "2")
	want(t, s, "a", "2")
	// Closing the store ends the rest.
	pull, stop = iter.Pull2(s.Watch(t.Context(), nil))
	defer stop()
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if _, err, ok := pull(); !ok || !errors.Is(err, meta.ErrClosed) {
		t.Errorf("watch of a closed store gave %v, want %v", err, meta.ErrClosed)
	}
}

// testWatchMissesNothing begins to watch in the middle of writes: what a read
// after that does not see, an event must tell.
func testWatchMissesNothing(t *testing.T, s meta.Store) {
	for round := range 30 {
		key := fmt.Sprint("k", round)
		done := make(chan error, 1)
		go func() {
			done <- s.Update(context.Background(), func(tx meta.Tx) error { return tx.Set([]byte(key), nil) })
		}()
		pull, stop := iter.Pull2(s.Watch(t.Context(), []byte(key)))
		seen := false
		view(t, s, func(r meta.Reader) error {
			got, err := get(r, key)
			seen = got != "<none>"
			return err
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !seen {
			next(t, pull, key)
		}
		stop()
	}
}
