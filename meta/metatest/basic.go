package metatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"coffer/meta"
)

func testReadWrite(t *testing.T, s meta.Store) {
	keys := []string{"a", "a\x00", "a\x00b", "\x00", "\xff", "\xff\xff", "ä"}
	for _, key := range keys {
		want(t, s, key, "<none>")
	}
	for i, key := range keys {
		set(t, s, key, fmt.Sprint("value ", i))
	}
	for i, key := range keys {
		want(t, s, key, fmt.Sprint("value ", i))
	}
	set(t, s, "a", "", "\x00", "new")
	want(t, s, "a", "")
	want(t, s, "\x00", "new")
	update(t, s, func(tx meta.Tx) error {
		return errors.Join(tx.Delete([]byte("a")), tx.Delete([]byte("never there")))
	})
	want(t, s, "a", "<none>")
	want(t, s, "a\x00", "value 1")
}

func testLimits(t *testing.T, s meta.Store) {
	key := bytes.Repeat([]byte{0xff}, meta.KeyBytesMax)
	value := bytes.Repeat([]byte("v"), meta.ValueBytesMax)
	update(t, s, func(tx meta.Tx) error { return tx.Set(key, value) })
	view(t, s, func(r meta.Reader) error {
		got, err := r.Get(key)
		if err == nil && !bytes.Equal(got, value) {
			t.Errorf("Get(longest key) gives other bytes than were set")
		}
		return err
	})
	long := append(key, 0xff)
	for _, tt := range []struct {
		name string
		want error
		fn   func(tx meta.Tx) error
	}{
		{"Set(long key)", meta.ErrTooLarge, func(tx meta.Tx) error { return tx.Set(long, nil) }},
		{"Set(long value)", meta.ErrTooLarge, func(tx meta.Tx) error { return tx.Set(key, append(value, 0)) }},
		{"Delete(long key)", meta.ErrTooLarge, func(tx meta.Tx) error { return tx.Delete(long) }},
		{"Add(long key)", meta.ErrTooLarge, func(tx meta.Tx) error { return tx.Add(long, 1) }},
		{"Get(long key)", meta.ErrTooLarge, func(tx meta.Tx) error { _, err := tx.Get(long); return err }},
		{"Set(no key)", meta.ErrEmptyKey, func(tx meta.Tx) error { return tx.Set(nil, nil) }},
		{"Delete(no key)", meta.ErrEmptyKey, func(tx meta.Tx) error { return tx.Delete(nil) }},
		{"Add(no key)", meta.ErrEmptyKey, func(tx meta.Tx) error { return tx.Add(nil, 1) }},
		{"Get(no key)", meta.ErrEmptyKey, func(tx meta.Tx) error { _, err := tx.Get(nil); return err }},
	} {
		if err := s.Update(t.Context(), tt.fn); !errors.Is(err, tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, err, tt.want)
		}
	}
	// The longest key of 0xff is the last key there can be: no end finds it.
	update(t, s, func(tx meta.Tx) error { return tx.DeleteRange([]byte{0xff}, nil) })
	want(t, s, string(key), "<none>")
}

func testTxLimit(t *testing.T, s meta.Store) {
	value := make([]byte, 1<<20)
	err := s.Update(t.Context(), func(tx meta.Tx) error {
		for i := range meta.TxBytesMax>>20 + 1 {
			if err := tx.Set(fmt.Appendf(nil, "k%d", i), value); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, meta.ErrTooLarge) {
		t.Errorf("Update(more than TxBytesMax) = %v, want %v", err, meta.ErrTooLarge)
	}
	want(t, s, "k0", "<none>")
}

var errFn = errors.New("fn says no")

func testErrorWritesNothing(t *testing.T, s meta.Store) {
	set(t, s, "a", "old")
	err := s.Update(t.Context(), func(tx meta.Tx) error {
		return errors.Join(tx.Set([]byte("a"), []byte("new")), tx.Add([]byte("n"), 1),
			tx.DeleteRange(nil, nil), errFn)
	})
	if !errors.Is(err, errFn) {
		t.Errorf("Update(fn returns errFn) = %v", err)
	}
	want(t, s, "a", "old")
	want(t, s, "n", "<none>")
	if err := s.View(t.Context(), func(meta.Reader) error { return errFn }); !errors.Is(err, errFn) {
		t.Errorf("View(fn returns errFn) = %v", err)
	}
}

func testIgnoredError(t *testing.T, s meta.Store) {
	err := s.Update(t.Context(), func(tx meta.Tx) error {
		_ = tx.Set(make([]byte, meta.KeyBytesMax+1), nil)
		return tx.Set([]byte("a"), nil)
	})
	if !errors.Is(err, meta.ErrTooLarge) {
		t.Errorf("Update(fn ignores an error) = %v, want %v", err, meta.ErrTooLarge)
	}
	want(t, s, "a", "<none>")
}

func testPanic(t *testing.T, s meta.Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Errorf("a panic of fn did not come through")
			}
		}()
		_ = s.Update(t.Context(), func(tx meta.Tx) error {
			_ = tx.Set([]byte("a"), nil)
			_ = tx.Iter(nil, nil).Next()
			panic("fn")
		})
	}()
	want(t, s, "a", "<none>")
	set(t, s, "a", "after")
	want(t, s, "a", "after")
}

func testContext(t *testing.T, s meta.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx meta.Tx) error {
		cancel()
		return tx.Set([]byte("a"), nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update(context is cancelled by fn) = %v, want %v", err, context.Canceled)
	}
	ran := false
	if err := s.Update(ctx, func(meta.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) || ran {
		t.Errorf("Update(cancelled) = %v and fn ran = %v, want %v and false", err, ran, context.Canceled)
	}
	if err := s.View(ctx, func(meta.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) || ran {
		t.Errorf("View(cancelled) = %v and fn ran = %v, want %v and false", err, ran, context.Canceled)
	}
	want(t, s, "a", "<none>")
}

// testLeftOpen leaves iterators open; that the store can be closed afterwards
// is checked by Run.
func testLeftOpen(t *testing.T, s meta.Store) {
	set(t, s, "a", "1")
	view(t, s, func(r meta.Reader) error { r.Iter(nil, nil).Next(); return nil })
	update(t, s, func(tx meta.Tx) error { tx.Iter(nil, nil).Next(); return tx.Set([]byte("b"), nil) })
}

func testClosed(t *testing.T, s meta.Store) {
	set(t, s, "a", "1")
	inside, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(tx meta.Tx) error {
			close(inside)
			<-finish
			return tx.Set([]byte("b"), nil)
		})
	}()
	<-inside
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	close(finish)
	// It began before Close, so Close waits for it, or came before it had begun.
	if err := <-done; err != nil {
		t.Errorf("Update() while the store is being closed = %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close() = %v", err)
	}
	for name, err := range map[string]error{
		"View":   s.View(t.Context(), func(meta.Reader) error { return nil }),
		"Update": s.Update(t.Context(), func(meta.Tx) error { return nil }),
	} {
		if !errors.Is(err, meta.ErrClosed) {
			t.Errorf("%s() after Close = %v, want %v", name, err, meta.ErrClosed)
		}
	}
	for _, err := range s.Watch(t.Context(), nil) {
		if !errors.Is(err, meta.ErrClosed) {
			t.Errorf("Watch() after Close gave %v, want %v", err, meta.ErrClosed)
		}
	}
}
