// Package crash holds the tests that take the floor away under a real coffer
// binary: it is killed, its file system is shut down under it, its disk is full,
// its files are damaged. A ledger outside the server knows what was acknowledged
// and says what must be there afterwards. It knows nothing of how the server
// stores things, except where its files are and how large a file of bytes is.
//
// A failure prints the seed that repeats the same requests; COFFER_TEST_SEED sets
// it. COFFER_TEST_LONG=1 runs the long forms; COFFER_TEST_CYCLES says how many
// cycles a form makes instead of its own number, and COFFER_TEST_TIME after how long
// a test begins no more of them. COFFER_TEST_KERNEL and COFFER_TEST_LAZYFS say where
// the kernel of an emulated machine and the program of LazyFS are.
package crash_test

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"testing"
	"time"

	"coffer/test/harness"
)

func TestMain(m *testing.M) {
	if tracerMain() {
		return
	}
	harness.Main(m)
}

// long tells whether the long forms were asked for.
func long() bool { return os.Getenv("COFFER_TEST_LONG") != "" }

// cycles is how many crashes a test makes: few, or many in the long form, unless
// COFFER_TEST_CYCLES says it.
func cycles(few, many int) int {
	if n, err := strconv.Atoi(os.Getenv("COFFER_TEST_CYCLES")); err == nil && n > 0 {
		return n
	}
	if long() {
		return many
	}
	return few
}

// rounds counts the cycles of a test, until there are enough or COFFER_TEST_TIME has
// passed.
func rounds(t *testing.T, few, many int) iter.Seq[int] {
	t.Helper()
	n, end := cycles(few, many), time.Time{}
	if text := os.Getenv("COFFER_TEST_TIME"); text != "" {
		long, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("COFFER_TEST_TIME: %v", err)
		}
		end = time.Now().Add(long)
	}
	return func(yield func(int) bool) {
		for i := range n {
			if i > 0 && !end.IsZero() && time.Now().After(end) {
				t.Logf("the time is over after %d of %d cycles", i, n)
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

// newSeed is the seed of this run, and is told when the test fails. The moments
// at which things happen are the machine's, so a seed repeats the requests but
// not always the failure.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("COFFER_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("COFFER_TEST_SEED is %q, want a number", text)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: %s", reproducer(t, seed))
		} else if long() {
			t.Logf("seed %d", seed)
		}
	})
	return seed
}

func reproducer(t *testing.T, seed uint64) string {
	form := ""
	if long() {
		form = "COFFER_TEST_LONG=1 "
	}
	if n := os.Getenv("COFFER_TEST_CYCLES"); n != "" {
		form += "COFFER_TEST_CYCLES=" + n + " "
	}
	return fmt.Sprintf("%sCOFFER_TEST_SEED=%d go test ./test/crash -count=1 -run '^%s$'", form, seed, t.Name())
}

// eventually asks until ok says yes, and fails the test after the limit, which
// only tells a hang from a slow machine.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	if !within(limit, ok) {
		t.Fatalf("after %s: still not %s", limit, what)
	}
}

func within(limit time.Duration, ok func() bool) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-timeout.C:
			return false
		}
	}
	return true
}
