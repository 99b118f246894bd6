package pebble

import (
	"fmt"
	"testing"
)

func TestRowsAreOfOneState(t *testing.T) {
	var r rows
	r.init(rowsBytesDefault)
	of := newStripes()
	key := []byte("key")
	hash := of.hash(key)
	find := func(state uint64) string {
		row, ok := r.find(hash, key, state)
		switch {
		case !ok:
			return "unknown"
		case row.value == nil:
			return "none"
		}
		return string(row.value)
	}
	of.of(hash).Store(5)
	r.keep(hash, key, []byte("old"), 4, &of)
	if got := find(9); got != "unknown" {
		t.Errorf("what was read before commit 5 changed the key is kept: %s", got)
	}
	r.keep(hash, key, []byte("new"), 7, &of)
	for state, want := range map[uint64]string{4: "unknown", 5: "new", 6: "new", 7: "new", 8: "new"} {
		if got := find(state); got != want {
			t.Errorf("find in state %d = %s, want %s", state, got, want)
		}
	}
	r.drop(hash, key)
	if got := find(9); got != "unknown" {
		t.Errorf("find of a dropped row = %s", got)
	}
	of.rangeDeleted.Store(9)
	r.keep(hash, key, nil, 8, &of)
	if got := find(9); got != "unknown" {
		t.Errorf("what was read before commit 9 deleted a range is kept: %s", got)
	}
	r.keep(hash, key, nil, 9, &of)
	if got := find(9); got != "none" {
		t.Errorf("find of a key without a value = %s, want none", got)
	}
	if got := find(8); got != "unknown" {
		t.Errorf("find before commit 9 = %s, want unknown", got)
	}
	r.clear()
	if got := find(9); got != "unknown" {
		t.Errorf("find after clear = %s", got)
	}
}

func TestLargeRowsAreKeptOnceTheyAreReadAgain(t *testing.T) {
	var r rows
	for _, tt := range []struct {
		name  string
		bytes int
		want  [3]bool // at the first, second and third read
	}{
		{"ASmallOneAtOnce", copiedBytesMax, [3]bool{true, true, true}},
		{"ALargeOneAtTheSecond", copiedBytesMax + 1, [3]bool{false, true, true}},
		{"ATooLargeOneNever", rowBytesMax + 1, [3]bool{}},
	} {
		for i, want := range tt.want {
			if got := r.wants(1<<40|7, tt.bytes); got != want {
				t.Errorf("%s: at read %d of %d bytes wants = %t, want %t", tt.name, i+1, tt.bytes, got, want)
			}
		}
	}
}

// TestLargeValuesPushOutNoRows keeps rows of objects, and then reads the bytes of many.
func TestLargeValuesPushOutNoRows(t *testing.T) {
	var r rows
	r.init(8 << 20)
	of := newStripes()
	const small = 5000
	key := func(kind string, i int) []byte { return fmt.Appendf(nil, "%s/%d", kind, i) }
	for i := range small {
		r.keep(of.hash(key("row", i)), key("row", i), make([]byte, 200), 0, &of)
	}
	for i := range small {
		r.keep(of.hash(key("bytes", i)), key("bytes", i), make([]byte, 4<<10), 0, &of)
	}
	for i := range small {
		if _, ok := r.find(of.hash(key("row", i)), key("row", i), 0); !ok {
			t.Fatalf("row %d is gone", i)
		}
	}
	// A value that became small, and large again, is there once.
	changing := key("row", 1)
	for _, bytes := range []int{4 << 10, 10, 4 << 10} {
		r.keep(of.hash(changing), changing, make([]byte, bytes), 0, &of)
		if row, ok := r.find(of.hash(changing), changing, 0); !ok || len(row.value) != bytes {
			t.Errorf("after a value of %d bytes was kept, one of %d is found", bytes, len(row.value))
		}
	}
}

// TestRowsAreBounded also sees that what is used stays while others come and go.
func TestRowsAreBounded(t *testing.T) {
	const bytes = 1 << 20
	var r rows
	r.init(bytes)
	of := newStripes()
	used := []byte("used")
	r.keep(of.hash(used), used, []byte("value"), 0, &of)
	for i := range 50_000 {
		key := fmt.Appendf(nil, "key/%d", i)
		r.keep(of.hash(key), key, make([]byte, 100), 0, &of)
		if _, ok := r.find(of.hash(used), used, 0); !ok {
			t.Fatalf("after %d other rows the one that is used all the time is gone", i)
		}
	}
	total := 0
	for i := range r.shards {
		for _, g := range []*generations{&r.shards[i].small, &r.shards[i].large} {
			for _, generation := range []map[string]keptRow{g.young, g.old} {
				for key, row := range generation {
					total += rowBytes(key, row)
				}
			}
		}
	}
	if total > bytes || total < bytes/4 {
		t.Errorf("50,000 rows take %d bytes, want at most %d and most of it", total, bytes)
	}
}
