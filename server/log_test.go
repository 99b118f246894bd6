package server

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coffer"
)

// lockedBuffer is written by the timer of a logger and read by a test.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLinesOfRequestsWaitForOthersAndNotForLong uses a clock that moves when
// everybody waits.
func TestLinesOfRequestsWaitForOthersAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		logger, err := NewLogger(&out, "json", "info")
		if err != nil {
			t.Fatal(err)
		}
		written := func() int { return strings.Count(out.String(), "\n") }
		logger = logger.With("node", 1).WithGroup("g")
		request := func() { logger.Info(coffer.RequestLine, "status", 200) }
		request()
		request()
		if n := written(); n != 0 {
			t.Errorf("%d lines are written at once, want none", n)
		}
		time.Sleep(linesWait)
		synctest.Wait()
		if n := written(); n != 2 {
			t.Errorf("%d lines are written after %s, want 2", n, linesWait)
		}
		request()
		logger.Info("listening")
		if n := written(); n != 4 {
			t.Errorf("%d lines are written when another one came, want 4", n)
		}
		request()
		logger.Log(t.Context(), slog.LevelError, coffer.RequestLine, "status", 500)
		if n := written(); n != 6 {
			t.Errorf("%d lines are written when a request failed, want 6", n)
		}
		for len(out.String()) < linesBytes {
			request()
		}
		if n := written(); n < 100 {
			t.Errorf("%d lines are written without a wait, want a full buffer of them", n)
		}
		time.Sleep(linesWait)
	})
}

// TestALineIsBounded logs what a stranger may send in a header.
func TestALineIsBounded(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var out lockedBuffer
		logger, err := NewLogger(&out, format, "info")
		if err != nil {
			t.Fatal(err)
		}
		for _, sent := range []string{strings.Repeat("a", 30<<10), strings.Repeat("\xff", 30<<10), strings.Repeat("\xff", 4000), strings.Repeat("é", 15<<10), strings.Repeat("a\xff", 15<<10)} {
			before := len(out.String())
			logger.Warn("sign-in refused", "user_agent", sent)
			if n := len(out.String()) - before; n > 5*textMax {
				t.Errorf("%s: a line has %d bytes for %.4q of %d, want a bound", format, n, sent, len(sent))
			}
		}
		stack := strings.Repeat("s", 10<<10)
		if logger.Error("panic", "stack", stack); !strings.Contains(out.String(), stack) {
			t.Errorf("%s: the stack of a panic is cut", format)
		}
	}
}
