package pebble

import (
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
)

func TestRecentNewest(t *testing.T) {
	var r recent
	many := make([]writtenKey, recentBytes/3)
	for i := range many {
		many[i].key = fmt.Appendf(nil, "m%03d", i%1000)
	}
	keys := func(names ...string) (w []writtenKey) {
		for _, name := range names {
			w = append(w, writtenKey{key: []byte(name)})
		}
		return w
	}
	for seq := range uint64(recentCount + 10) {
		r.add(written{seq: seq + 1, keys: keys("other")})
	}
	last := uint64(recentCount + 10)
	r.add(written{seq: last + 1, keys: keys("a", "c")})
	r.add(written{seq: last + 2, ranges: []span{newSpan([]byte("d"), []byte("f"))}})
	r.add(written{seq: last + 3, keys: many})
	r.add(written{seq: last + 4, ranges: []span{newSpan([]byte("x"), nil)}})
	end := last + 4
	for _, tt := range []struct {
		name        string
		start, end  string
		after, upto uint64
		want        uint64
	}{
		{"AKey", "c", "d", last, end, last + 1},
		{"NoKey", "b", "c", last, end, 0},
		{"EndIsExclusive", "b", "c", last, end, 0},
		{"ARange", "ee", "ef", last, end, last + 2},
		{"BehindARange", "f", "g", last, end, 0},
		{"ManyKeysAreARange", "m0005", "m0006", last, end, last + 3},
		{"ARangeWithoutEnd", "zzz", "zzzz", last, end, last + 4},
		{"TheNewestOfTwo", "a", "n", last, end, last + 3},
		{"NotAfter", "c", "d", last + 1, end, 0},
		{"NotBeyond", "x", "y", last, last + 3, 0},
		{"WhatIsForgottenMayBeAnything", "b", "c", 5, end, end},
		{"OtherKeysAreRemembered", "b", "c", last - 100, end, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSpan([]byte(tt.start), []byte(tt.end))
			if got := r.newest(&s, tt.after, tt.upto); got != tt.want {
				t.Errorf("newest([%s, %s), %d, %d) = %d, want %d", tt.start, tt.end, tt.after, tt.upto, got, tt.want)
			}
		})
	}
	if r.ring[(last+3)&recentMask].keys != nil {
		t.Errorf("a commit of %d keys keeps them all", len(many))
	}
}

// TestEveryUpdateEnds disturbs a transaction in each of its runs, until it runs
// where nobody can.
func TestEveryUpdateEnds(t *testing.T) {
	s, err := Open("db", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs := 0
	if err := s.Update(t.Context(), func(tx meta.Tx) error {
		runs++
		if _, err := tx.Get([]byte("k")); err != nil && runs == 1 != (err == meta.ErrNotFound) {
			return err
		}
		if s.commitMu.TryLock() {
			s.commitMu.Unlock()
			done := make(chan error)
			go func() {
				done <- s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set([]byte("k"), fmt.Append(nil, runs)) })
			}()
			if err := <-done; err != nil {
				return err
			}
		}
		return tx.Set([]byte("done"), nil)
	}); err != nil {
		t.Fatalf("Update() = %v", err)
	}
	if runs != optimisticRuns+1 {
		t.Errorf("fn ran %d times, want %d", runs, optimisticRuns+1)
	}
	if !s.commitMu.TryLock() {
		t.Errorf("the lock is still held after Update")
	}
}

// TestCounterMerger checks that the order in which Pebble merges does not
// matter, and that a value that is no counter is kept for meta.Counter to refuse.
func TestCounterMerger(t *testing.T) {
	n := meta.CounterValue
	for _, tt := range []struct {
		name     string
		operands [][]byte // oldest first
		want     []byte
	}{
		{"One", [][]byte{n(5)}, n(5)},
		{"Sum", [][]byte{n(5), n(-7), n(1)}, n(-1)},
		{"ABadBaseStays", [][]byte{[]byte("bad"), n(1), n(2)}, []byte("bad")},
		{"AnEmptyBaseStays", [][]byte{{}, n(1)}, []byte{}},
		{"TheNewestBadOneStays", [][]byte{[]byte("bad"), n(1), []byte("worse"), n(2)}, []byte("worse")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			last := len(tt.operands) - 1
			newer, _ := counterMerger().Merge(nil, tt.operands[0])
			older, _ := counterMerger().Merge(nil, tt.operands[last])
			for i := 1; i <= last; i++ {
				if err := newer.MergeNewer(tt.operands[i]); err != nil {
					t.Errorf("MergeNewer(%x) = %v", tt.operands[i], err)
				}
				if err := older.MergeOlder(tt.operands[last-i]); err != nil {
					t.Errorf("MergeOlder(%x) = %v", tt.operands[last-i], err)
				}
			}
			for how, m := range map[string]interface {
				Finish(bool) ([]byte, io.Closer, error)
			}{"newer": newer, "older": older} {
				if got, _, _ := m.Finish(true); string(got) != string(tt.want) || got == nil {
					t.Errorf("merged with %s: %x, want %x", how, got, tt.want)
				}
			}
		})
	}
}
