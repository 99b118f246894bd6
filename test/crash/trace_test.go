package crash_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"coffer/test/harness"
)

// tracerVariable bears the order to the tracer, which is this test program again.
const tracerVariable = "COFFER_TEST_TRACER"

// What is done to a system call of the server.
const (
	traceKill  = "kill"  // the server is killed before it
	traceError = "error" // it does nothing and returns Errno
	traceTorn  = "torn"  // half is written, then the server is killed
	traceShort = "short" // half is written, and the answer says so
	traceLie   = "lie"   // half is written, and the answer says all
	traceHang  = "hang"  // it does not go on before the tracer ends
)

// traceOrder says which call something is done to, and what.
type traceOrder struct {
	PID    int
	Calls  []string // names of system calls; see fileCalls
	Path   string   // only of files whose path holds it, as far as the call has a descriptor
	When   int      // the first one that is meant, from 1
	Last   int      // the last one, if there are several
	Action string
	Errno  int
}

// changes are the calls that change files.
var changes = []string{"write", "pwrite64", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate",
	"renameat", "renameat2", "rename", "unlink", "unlinkat", "linkat", "mkdirat"}

// syncs are the calls that make bytes durable.
var syncs = []string{"fsync", "fdatasync"}

// tracer is a tracer that holds a server.
type tracer struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	ended bool
	hits  []string
}

// trace attaches a tracer to the server, or skips the test where there can be none.
func trace(t *testing.T, s *harness.Server, order traceOrder) *tracer {
	t.Helper()
	return tracePID(t, s.PID(), order)
}

func tracePID(t *testing.T, pid int, order traceOrder) *tracer {
	t.Helper()
	needTracer(t)
	order.PID = pid
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), tracerVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start the tracer: %v", err)
	}
	tr := &tracer{t: t, cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() { tr.end() })
	if !tr.lines.Scan() || tr.lines.Text() != "ready" {
		said := tr.lines.Text()
		tr.end()
		if strings.Contains(said, "operation not permitted") {
			t.Skipf("SKIPPED, NOT TESTED: no process may be traced here: %s", said)
		}
		t.Fatalf("the tracer of %+v said %q, want ready", order, said)
	}
	return tr
}

func needTracer(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("SKIPPED, NOT TESTED: the tracer is for Linux on amd64")
	}
}

// end lets the server go on by itself, and returns what was done to it.
func (tr *tracer) end() []string {
	tr.t.Helper()
	if tr.ended {
		return tr.hits
	}
	tr.ended = true
	_ = tr.cmd.Process.Kill() // one that has ended with the server is as good
	for tr.lines.Scan() {
		what, rest, _ := strings.Cut(tr.lines.Text(), " ")
		if what != "hit" {
			tr.t.Errorf("the tracer said %q", tr.lines.Text())
			continue
		}
		tr.hits = append(tr.hits, rest)
	}
	_ = tr.cmd.Wait() // it was killed
	return tr.hits
}
