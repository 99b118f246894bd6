package metatest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"coffer/meta"
)

// testWalk drives iterators by scripts: n Next, p Prev, g<key> SeekGE, l<key>
// SeekLT; the answer to each is the key or "-".
func testWalk(t *testing.T, s meta.Store) {
	set(t, s, "b", "1", "d", "2", "f", "3", "h", "4")
	for _, tt := range []struct{ name, start, end, script, want string }{
		{"ForwardThroughAll", "", "", "n n n n n n", "b d f h - -"},
		{"BackFromBehindTheLast", "", "", "n n n n n p p p p p n", "b d f h - h f d b - b"},
		{"BeforeTheFirstThereIsNone", "", "", "p p n", "- - b"},
		{"EndIsExclusive", "b", "h", "n n n n p", "b d f - f"},
		{"StartIsInclusive", "d", "", "n p n", "d - d"},
		{"BoundsNeedNotExist", "c", "g", "n n n", "d f -"},
		{"TurnsAround", "", "", "n n p n n p p p", "b d b d f d b -"},
		{"SeekGEFindsEqualOrNext", "", "", "gd ge gi p", "d f - h"},
		{"SeekLTFindsTheOneBefore", "", "", "ld le lb n lz", "b d - b h"},
		{"SeekStaysInTheRange", "c", "g", "ga lz gg lc gf gz", "d f - - f -"},
		{"SeekLTEndIsTheLast", "c", "g", "lg p p n", "f d - d"},
		{"NextAfterSeek", "", "", "gc n lg n p", "d f f h f"},
		{"EmptyRange", "d", "d", "n p gd ld", "- - - -"},
		{"ReversedRange", "f", "b", "n p gd ld", "- - - -"},
		{"RangeWithoutKeys", "i", "", "n p", "- -"},
		{"SeekOutAndBack", "", "", "gz gb la gh n", "- b - h -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := func(where string) func(r meta.Reader) error {
				return func(r meta.Reader) error {
					it := r.Iter(bound(tt.start), bound(tt.end))
					if got := play(it, tt.script); got != tt.want {
						t.Errorf("%s: Iter(%q, %q) %q = %q, want %q", where, tt.start, tt.end, tt.script, got, tt.want)
					}
					return it.Close()
				}
			}
			view(t, s, check("View"))
			update(t, s, func(tx meta.Tx) error { return check("Update")(tx) })
		})
	}
}

func play(it meta.Iter, script string) string {
	var out []string
	for _, step := range strings.Fields(script) {
		var ok bool
		switch key := []byte(step[1:]); step[0] {
		case 'n':
			ok = it.Next()
		case 'p':
			ok = it.Prev()
		case 'g':
			ok = it.SeekGE(key)
		case 'l':
			ok = it.SeekLT(key)
		}
		if ok {
			out = append(out, string(it.Key()))
		} else {
			out = append(out, "-")
		}
	}
	return strings.Join(out, " ")
}

// testSkip lists common prefixes the way S3's delimiter does.
func testSkip(t *testing.T, s meta.Store) {
	update(t, s, func(tx meta.Tx) error {
		for i := range 5 {
			for j := range 100 {
				if err := tx.Set(fmt.Appendf(nil, "p/%d/%03d", i, j), nil); err != nil {
					return err
				}
			}
		}
		return tx.Set([]byte("p0"), nil)
	})
	var got []string
	view(t, s, func(r meta.Reader) error {
		prefix := []byte("p/")
		it := r.Iter(prefix, meta.PrefixEnd(prefix))
		for ok := it.Next(); ok; {
			dir := slices.Clone(it.Key()[:4])
			got = append(got, string(dir))
			ok = it.SeekGE(meta.PrefixEnd(dir))
		}
		return it.Close()
	})
	if want := []string{"p/0/", "p/1/", "p/2/", "p/3/", "p/4/"}; !slices.Equal(got, want) {
		t.Errorf("prefixes = %q, want %q", got, want)
	}
}

func testOwnWrites(t *testing.T, s meta.Store) {
	set(t, s, "a", "1", "b", "2", "c", "3")
	update(t, s, func(tx meta.Tx) error {
		if err := errors.Join(tx.Set([]byte("aa"), []byte("x")), tx.Delete([]byte("b"))); err != nil {
			return err
		}
		if err := wantScan(t, tx, "a=1 aa=x c=3"); err != nil {
			return err
		}
		if err := errors.Join(tx.DeleteRange([]byte("a"), []byte("b")), tx.Set([]byte("a"), []byte("again"))); err != nil {
			return err
		}
		if err := wantScan(t, tx, "a=again c=3"); err != nil {
			return err
		}
		if got, err := get(tx, "aa"); err != nil || got != "<none>" {
			t.Errorf("Get(a key in a range deleted before) = %q, %v", got, err)
		}
		return errors.Join(tx.Add([]byte("n"), 5), tx.Add([]byte("n"), -7), wantCounter(t, tx, "n", -2))
	})
	want(t, s, "a", "again")
	want(t, s, "b", "<none>")
	view(t, s, func(r meta.Reader) error { return wantCounter(t, r, "n", -2) })
	update(t, s, func(tx meta.Tx) error {
		if err := errors.Join(tx.Add([]byte("n"), 10), wantCounter(t, tx, "n", 8)); err != nil {
			return err
		}
		if err := errors.Join(tx.Delete([]byte("n")), tx.Add([]byte("n"), 1), wantCounter(t, tx, "n", 1)); err != nil {
			return err
		}
		return errors.Join(tx.Set([]byte("n"), meta.CounterValue(40)), tx.Add([]byte("n"), 2))
	})
	view(t, s, func(r meta.Reader) error { return wantCounter(t, r, "n", 42) })
}

func wantScan(t *testing.T, r meta.Reader, want string) error {
	t.Helper()
	pairs, err := scan(r, "", "")
	if got := strings.Join(pairs, " "); err == nil && got != want {
		t.Errorf("scan in the transaction = %q, want %q", got, want)
	}
	return err
}

func wantCounter(t *testing.T, r meta.Reader, key string, want int64) error {
	t.Helper()
	value, err := r.Get([]byte(key))
	if err != nil {
		return err
	}
	got, err := meta.Counter(value)
	if err == nil && got != want {
		t.Errorf("counter %q = %d, want %d", key, got, want)
	}
	return err
}

func testDeleteRange(t *testing.T, s meta.Store) {
	for _, tt := range []struct{ name, start, end, want string }{
		{"EndIsExclusive", "b", "d", "a=1 d=4 e=5"},
		{"NilStart", "", "c", "c=3 d=4 e=5"},
		{"NilEnd", "c", "", "a=1 b=2"},
		{"All", "", "", ""},
		{"Empty", "c", "c", "a=1 b=2 c=3 d=4 e=5"},
		{"Reversed", "d", "b", "a=1 b=2 c=3 d=4 e=5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set(t, s, "a", "1", "b", "2", "c", "3", "d", "4", "e", "5")
			update(t, s, func(tx meta.Tx) error { return tx.DeleteRange(bound(tt.start), bound(tt.end)) })
			view(t, s, func(r meta.Reader) error { return wantScan(t, r, tt.want) })
		})
	}
}
