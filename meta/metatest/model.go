package metatest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coffer/meta"
)

// testModel runs random transactions against a map, reading back within each
// transaction and after it.
func testModel(t *testing.T, s meta.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.DeleteRange(nil, nil) }); err != nil {
			rt.Fatal(err)
		}
		state := map[string]string{}
		rt.Repeat(map[string]func(*rapid.T){
			"update": func(rt *rapid.T) { state = modelUpdate(t, rt, s, state) },
			"view": func(rt *rapid.T) {
				if err := s.View(t.Context(), func(r meta.Reader) error { return modelRead(rt, r, state) }); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

// Few short keys, so that operations meet.
func modelKey(rt *rapid.T, label string) string {
	return string(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\x00\xff")), 1, 3).Draw(rt, label))
}

// modelUpdate draws one transaction, runs it on both and returns the new state.
func modelUpdate(t *testing.T, rt *rapid.T, s meta.Store, state map[string]string) map[string]string {
	type op struct {
		kind     int
		key, end string
		delta    int64
	}
	ops := make([]op, rapid.IntRange(1, 8).Draw(rt, "ops"))
	for i := range ops {
		ops[i] = op{
			rapid.IntRange(0, 4).Draw(rt, "kind"), modelKey(rt, "key"), modelKey(rt, "end"),
			rapid.Int64().Draw(rt, "delta"),
		}
	}
	fail := rapid.Bool().Draw(rt, "fail")
	var next map[string]string
	err := s.Update(t.Context(), func(tx meta.Tx) error {
		next = maps.Clone(state)
		for _, o := range ops {
			var err error
			switch o.kind {
			case 0, 1:
				next[o.key] = fmt.Sprint(o.delta)
				err = tx.Set([]byte(o.key), []byte(next[o.key]))
			case 2:
				delete(next, o.key)
				err = tx.Delete([]byte(o.key))
			case 3:
				maps.DeleteFunc(next, func(k, _ string) bool { return k >= o.key && k < o.end })
				err = tx.DeleteRange([]byte(o.key), []byte(o.end))
			case 4:
				key := "n" + o.key // Counters have keys of their own.
				n := int64(0)
				if old, ok := next[key]; ok {
					n, _ = meta.Counter([]byte(old))
				}
				next[key] = string(meta.CounterValue(n + o.delta))
				err = tx.Add([]byte(key), o.delta)
			}
			if err != nil {
				return err
			}
		}
		if err := modelRead(rt, tx, next); err != nil || !fail {
			return err
		}
		return errFn
	})
	if fail && errors.Is(err, errFn) {
		return state
	}
	if err != nil {
		rt.Fatalf("Update() = %v", err)
	}
	return next
}

// modelRead compares everything, one Get, and a random walk.
func modelRead(rt *rapid.T, r meta.Reader, state map[string]string) error {
	keys := slices.Sorted(maps.Keys(state))
	var all []string
	for _, k := range keys {
		all = append(all, k+"="+state[k])
	}
	got, err := scan(r, "", "")
	if err != nil {
		return err
	}
	if !slices.Equal(got, all) {
		rt.Fatalf("scan = %q, want %q", got, all)
	}
	key := modelKey(rt, "get")
	wantValue, ok := state[key]
	if !ok {
		wantValue = "<none>"
	}
	if value, err := get(r, key); err != nil || value != wantValue {
		rt.Fatalf("Get(%q) = %q, %v, want %q", key, value, err, wantValue)
	}

	start, end := modelKey(rt, "start"), modelKey(rt, "end of range")
	inRange := slices.DeleteFunc(keys, func(k string) bool { return k < start || k >= end })
	script := make([]string, rapid.IntRange(0, 8).Draw(rt, "moves"))
	for i := range script {
		script[i] = rapid.SampledFrom([]string{"n", "p", "g", "l"}).Draw(rt, "move")
		if script[i] == "g" || script[i] == "l" {
			script[i] += modelKey(rt, "seek")
		}
	}
	it := r.Iter([]byte(start), []byte(end))
	model := &modelIter{keys: inRange, at: -1}
	for i, step := range script {
		if got, want := play(it, step), play(model, step); got != want {
			rt.Fatalf("Iter(%q, %q) over %q: %q gave %q at the last step, want %q", start, end, inRange, strings.Join(script[:i+1], " "), got, want)
		}
	}
	return it.Close()
}

// modelIter is meta.Iter over sorted keys.
type modelIter struct {
	keys []string
	at   int // -1 before the first, len(keys) behind the last
}

func (m *modelIter) to(at int) bool {
	m.at = min(max(at, -1), len(m.keys))
	return m.at >= 0 && m.at < len(m.keys)
}
func (m *modelIter) Next() bool { return m.to(m.at + 1) }
func (m *modelIter) Prev() bool { return m.to(m.at - 1) }
func (m *modelIter) SeekGE(key []byte) bool {
	at, _ := slices.BinarySearch(m.keys, string(key))
	return m.to(at)
}
func (m *modelIter) SeekLT(key []byte) bool {
	at, _ := slices.BinarySearch(m.keys, string(key))
	return m.to(at - 1)
}
func (m *modelIter) Key() []byte            { return []byte(m.keys[m.at]) }
func (m *modelIter) Value() ([]byte, error) { return nil, nil }
func (m *modelIter) Err() error             { return nil }
func (m *modelIter) Close() error           { return nil }
