package metatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"coffer/meta"
)

func testViewIsOneMoment(t *testing.T, s meta.Store) {
	set(t, s, "a", "old", "b", "old", "c", "old")
	var once sync.Once
	change := func() error {
		return s.Update(context.Background(), func(tx meta.Tx) error {
			return errors.Join(tx.Set([]byte("b"), []byte("new")), tx.Set([]byte("d"), []byte("new")), tx.Delete([]byte("c")))
		})
	}
	// Either state will do, but not one of a key and the other of the next.
	view(t, s, func(r meta.Reader) error {
		first, err := get(r, "b")
		if err != nil {
			return err
		}
		if err := inside(&once, change); err != nil {
			return err
		}
		want := "c=old"
		switch got, err := get(r, "c"); {
		case err != nil:
			return err
		case got == "<none>":
			want = "d=new"
		}
		return wantScan(t, r, "a=old b="+first+" "+want)
	})
	view(t, s, func(r meta.Reader) error { return wantScan(t, r, "a=old b=new d=new") })
}

// testIterHoldsAMoment: what is read after an Iter was opened is of the same state
// as the Iter, whatever is committed meanwhile, and fn does not run again.
func testIterHoldsAMoment(t *testing.T, s meta.Store) {
	set(t, s, "a", "old", "b", "old", "c", "old")
	runs := 0
	view(t, s, func(r meta.Reader) error {
		runs++
		it := r.Iter([]byte("a"), []byte("b"))
		defer it.Close()
		set(t, s, "b", "new", "d", "new")
		update(t, s, func(tx meta.Tx) error { return tx.Delete([]byte("c")) })
		if got, err := get(r, "b"); err != nil || got != "old" {
			t.Errorf("Get(b) after a commit = %q, %v, want the state of the Iter", got, err)
		}
		return wantScan(t, r, "a=old b=old c=old")
	})
	if runs != 1 {
		t.Errorf("fn with an Iter ran %d times, want once", runs)
	}
}

// testNothingStaleIsRead writes keys again and again, with and without a reader at
// the same time, and reads each after its commit: what was read before must not be
// taken for what is there.
func testNothingStaleIsRead(t *testing.T, s meta.Store) {
	const keys, rounds = 8, 60
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_ = s.View(context.Background(), func(r meta.Reader) error {
					for k := range keys {
						if _, err := get(r, "k"+strconv.Itoa((k+i)%keys)); err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	}
	each(t, keys, func(k int) error {
		key := []byte("k" + strconv.Itoa(k))
		for round := range rounds {
			value := strconv.Itoa(round)
			err := s.Update(context.Background(), func(tx meta.Tx) error {
				switch round % 4 {
				case 0:
					return tx.Delete(key)
				case 2:
					return tx.DeleteRange(key, append(bytes.Clone(key), 0))
				}
				return tx.Set(key, []byte(value))
			})
			if err != nil {
				return err
			}
			want := value
			if round%2 == 0 {
				want = "<none>"
			}
			check := func(r meta.Reader) error {
				got, err := get(r, string(key))
				if err == nil && got != want {
					err = fmt.Errorf("round %d: Get(%s) after the commit = %q, want %q", round, key, got, want)
				}
				return err
			}
			if err := s.View(context.Background(), check); err != nil {
				return err
			}
			if err := s.Update(context.Background(), func(tx meta.Tx) error { return check(tx) }); err != nil {
				return err
			}
		}
		return nil
	})
	close(stop)
	readers.Wait()
}

// inside runs fn in the first run of a transaction, in another goroutine, and
// waits for it: what a concurrent transaction does at the worst moment.
func inside(once *sync.Once, fn func() error) (err error) {
	once.Do(func() {
		done := make(chan error)
		go func() { done <- fn() }()
		err = <-done
	})
	return err
}

func testRunsAgain(t *testing.T, s meta.Store) {
	set(t, s, "a", "1")
	var once sync.Once
	runs := 0
	update(t, s, func(tx meta.Tx) error {
		runs++
		got, err := get(tx, "a")
		if err != nil {
			return err
		}
		// Only the first run leaves this behind; it must not be there at the end.
		if runs == 1 {
			if err := tx.Set([]byte("first run"), nil); err != nil {
				return err
			}
		}
		if err := inside(&once, func() error {
			return s.Update(context.Background(), func(tx meta.Tx) error { return tx.Set([]byte("a"), []byte("2")) })
		}); err != nil {
			return err
		}
		return tx.Set([]byte("copy"), []byte(got))
	})
	if runs < 2 {
		t.Errorf("fn ran %d times, want 2: what it had read was overwritten", runs)
	}
	want(t, s, "copy", "2")
	want(t, s, "first run", "<none>")
}

// testRunIsOneMoment changes two keys between the two reads of a transaction.
// A driver shows it the old state or an error, never the new value.
func testRunIsOneMoment(t *testing.T, s meta.Store) {
	for _, tt := range []struct {
		name string
		read func(tx meta.Tx) (string, error)
	}{
		{"ByGet", func(tx meta.Tx) (string, error) { return get(tx, "y") }},
		{"ByIter", func(tx meta.Tx) (string, error) {
			pairs, err := scan(tx, "y", "z")
			return strings.TrimPrefix(strings.Join(pairs, " "), "y="), err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set(t, s, "x", "old", "y", "old")
			var once sync.Once
			update(t, s, func(tx meta.Tx) error {
				x, err := get(tx, "x")
				if err != nil {
					return err
				}
				if err := inside(&once, func() error {
					return s.Update(context.Background(), func(tx meta.Tx) error {
						return errors.Join(tx.Set([]byte("x"), []byte("new")), tx.Set([]byte("y"), []byte("new")))
					})
				}); err != nil {
					return err
				}
				y, err := tt.read(tx)
				if err == nil && x != y {
					t.Errorf("one run read x = %q and then y = %q", x, y)
				}
				return err
			})
		})
	}
}

func testDeleteRangeConflicts(t *testing.T, s meta.Store) {
	for _, tt := range []struct {
		name string
		read func(tx meta.Tx) (string, error)
	}{
		{"ByGet", func(tx meta.Tx) (string, error) { return get(tx, "y") }},
		{"ByIter", func(tx meta.Tx) (string, error) {
			pairs, err := scan(tx, "y", "")
			return strings.TrimPrefix(strings.Join(append(pairs, "<none>")[:1], ""), "y="), err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set(t, s, "y", "old")
			var once sync.Once
			update(t, s, func(tx meta.Tx) error {
				y, err := tt.read(tx)
				if err != nil {
					return err
				}
				if err := inside(&once, func() error {
					return s.Update(context.Background(), func(tx meta.Tx) error {
						return tx.DeleteRange([]byte("x"), []byte("z"))
					})
				}); err != nil {
					return err
				}
				return tx.Set([]byte("copy"), []byte(y))
			})
			want(t, s, "copy", "<none>")
		})
	}
}

// each runs fn in n goroutines and reports their errors.
func each(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func testLosesNoIncrement(t *testing.T, s meta.Store) {
	const goroutines, increments = 8, 25
	each(t, goroutines, func(int) error {
		for range increments {
			if err := s.Update(t.Context(), increment); err != nil {
				return err
			}
		}
		return nil
	})
	want(t, s, "n", strconv.Itoa(goroutines*increments))
}

func increment(tx meta.Tx) error {
	got, err := get(tx, "n")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(got) // "<none>" is 0.
	return tx.Set([]byte("n"), strconv.AppendInt(nil, int64(n+1), 10))
}

// testWriteSkew is the classic of the two doctors: each may go when the other
// stays, and both read before either writes.
func testWriteSkew(t *testing.T, s meta.Store) {
	for round := range 20 {
		set(t, s, "alice", "on call", "bob", "on call")
		leave := func(who, other string, meanwhile func() error) func(meta.Tx) error {
			return func(tx meta.Tx) error {
				got, err := get(tx, other)
				if err != nil {
					return err
				}
				if err := meanwhile(); err != nil || got != "on call" {
					return err
				}
				return tx.Set([]byte(who), []byte("away"))
			}
		}
		var once sync.Once
		nothing := func() error { return nil }
		update(t, s, leave("alice", "bob", func() error {
			return inside(&once, func() error { return s.Update(context.Background(), leave("bob", "alice", nothing)) })
		}))
		view(t, s, func(r meta.Reader) error {
			alice, err := get(r, "alice")
			bob, err2 := get(r, "bob")
			if alice == bob {
				t.Errorf("round %d: alice and bob are both %s", round, alice)
			}
			return errors.Join(err, err2)
		})
	}
}

// testPhantom scans an empty range while somebody puts a key into it.
func testPhantom(t *testing.T, s meta.Store) {
	for _, tt := range []struct {
		name string
		read func(it meta.Iter)
	}{
		{"Forward", func(it meta.Iter) {
			for it.Next() {
			}
		}},
		{"Backward", func(it meta.Iter) {
			for ok := it.SeekLT([]byte("dir0")); ok; ok = it.Prev() {
			}
		}},
		{"BySeek", func(it meta.Iter) { it.SeekGE([]byte("dir/m")) }},
		{"UpToAFoundKey", func(it meta.Iter) { it.SeekGE([]byte("dir/b")) }},
		{"DownToAFoundKey", func(it meta.Iter) { it.SeekLT([]byte("dir/y")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			update(t, s, func(tx meta.Tx) error { return tx.DeleteRange(nil, nil) })
			if tt.name == "UpToAFoundKey" || tt.name == "DownToAFoundKey" {
				set(t, s, "dir/a", "found", "dir/z", "found")
			}
			runs := 0
			var once sync.Once
			update(t, s, func(tx meta.Tx) error {
				runs++
				it := tx.Iter([]byte("dir/"), []byte("dir0"))
				tt.read(it)
				if err := it.Close(); err != nil {
					return err
				}
				if err := inside(&once, func() error {
					return s.Update(context.Background(), func(tx meta.Tx) error { return tx.Set([]byte("dir/x"), nil) })
				}); err != nil {
					return err
				}
				return tx.Set([]byte("result"), nil)
			})
			if runs < 2 {
				t.Errorf("fn ran %d times, want 2: a key appeared in what it had scanned", runs)
			}
		})
	}
}

// testEveryRunSeesOneState moves money between two accounts while others
// check the sum, in transactions that may be thrown away too.
func testEveryRunSeesOneState(t *testing.T, s meta.Store) {
	const sum = 100
	set(t, s, "x", "100", "y", "0")
	total := func(r meta.Reader) (x int, err error) {
		a, err := get(r, "x")
		if err != nil {
			return 0, err
		}
		b, err := get(r, "y")
		if err != nil {
			return 0, err
		}
		pairs, err := scan(r, "x", "z")
		if err != nil {
			return 0, err
		}
		x, _ = strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		if x+y != sum || len(pairs) != 2 || pairs[0] != "x="+a || pairs[1] != "y="+b {
			t.Errorf("one transaction read x=%s y=%s and scanned %q", a, b, pairs)
		}
		return x, nil
	}
	each(t, 6, func(i int) error {
		for range 40 {
			var err error
			switch i % 3 {
			case 0:
				err = s.View(t.Context(), func(r meta.Reader) error { _, err := total(r); return err })
			case 1:
				err = s.Update(t.Context(), func(tx meta.Tx) error { _, err := total(tx); return errors.Join(err, errFn) })
				if errors.Is(err, errFn) {
					err = nil
				}
			case 2:
				err = s.Update(t.Context(), func(tx meta.Tx) error {
					x, err := total(tx)
					if err != nil {
						return err
					}
					x = (x + 7*i) % (sum + 1)
					return errors.Join(tx.Set([]byte("x"), fmt.Append(nil, x)), tx.Set([]byte("y"), fmt.Append(nil, sum-x)))
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func testAdditions(t *testing.T, s meta.Store) {
	const goroutines, additions = 16, 25
	each(t, goroutines, func(i int) error {
		for range additions {
			if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Add([]byte("n"), int64(i)) }); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(r meta.Reader) error {
		return wantCounter(t, r, "n", additions*goroutines*(goroutines-1)/2)
	})
}

// testAdditionsConflictWithNobody adds to a counter while a transaction that
// also adds to it, and reads another key, is at work. Three tries, since a driver may
// see a conflict between two keys now and then where there is none.
func testAdditionsConflictWithNobody(t *testing.T, s meta.Store) {
	undisturbed := 0
	for _, other := range []string{"x", "y", "z"} {
		var once sync.Once
		runs := 0
		update(t, s, func(tx meta.Tx) error {
			runs++
			if _, err := get(tx, other); err != nil {
				return err
			}
			if err := inside(&once, func() error {
				return s.Update(context.Background(), func(tx meta.Tx) error { return tx.Add([]byte("n"), 1) })
			}); err != nil {
				return err
			}
			return errors.Join(tx.Add([]byte("n"), 10), tx.Set([]byte(other), nil))
		})
		if runs == 1 {
			undisturbed++
		}
	}
	if undisturbed == 0 {
		t.Errorf("an addition made every transaction run again that did not read the counter")
	}
	view(t, s, func(r meta.Reader) error { return wantCounter(t, r, "n", 33) })
}
