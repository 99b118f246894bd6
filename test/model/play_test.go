package model_test

import (
	"fmt"
	"slices"
	"testing"
)

// fault is how a run ends that differs from the model.
type fault string

// faults ends a run by a panic, so that it can be run again with less.
type faults struct{}

func (faults) Fatalf(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

// play runs operations on a new server and a new model, then cuts the power and
// reads all that should be there. It returns what differs, "" if nothing does.
func play(t testing.TB, ops []op) (differs fault) {
	t.Helper()
	return playWith(t, usual, ops)
}

// playWith is play on a server with other settings.
func playWith(t testing.TB, with settings, ops []op) (differs fault) {
	t.Helper()
	x := newMachine(t, faults{}, with)
	defer func() {
		x.close()
		if p := recover(); p != nil {
			f, is := p.(fault)
			if !is {
				panic(p)
			}
			differs = f
		}
	}()
	for _, o := range slices.Concat(start, ops) {
		x.do(o)
	}
	x.everything()
	x.do(op{Do: "Crash"})
	x.do(op{Do: "Reclaim"})
	x.everything()
	return ""
}

// shorten leaves out operations for as long as the rest still differs. Operations
// name what they are about by its place, so that any of them can be left out; the
// difference need not stay the same one.
func shorten(t testing.TB, ops []op, last fault) fault {
	t.Helper()
	for size := len(ops) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(ops); {
			less := slices.Concat(ops[:i], ops[i+size:])
			if f := play(t, less); f != "" {
				ops, last = less, f
				continue
			}
			i += size
		}
	}
	return last
}
