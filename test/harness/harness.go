// Package harness runs the real coffer binary for tests that look at it from
// outside: it builds the binary once, starts it on free ports, ends it, and
// reads its log for what must never be there. It knows nothing of S3, nor of
// what a test asks the server.
//
// A package that uses it says so in its TestMain:
//
//	func TestMain(m *testing.M) { harness.Main(m) }
package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// Main runs the tests of a package and removes the binary that they used.
func Main(m *testing.M) {
	code := m.Run()
	binary.remove()
	os.Exit(code)
}

// binary is the program under test, shared by the tests of one process.
var binary built

// built is made by the first test that needs it.
type built struct {
	mu   sync.Mutex // held while building, so that everyone else waits for it
	path string
	err  error
}

// Binary returns the path of the coffer program, built from this tree, with the
// race detector when the test itself has it. COFFER_TEST_BINARY names another
// one to be tested, such as a released one.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("COFFER_TEST_BINARY"); path != "" {
		return path
	}
	path, err := binary.get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *built) get() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path != "" || b.err != nil {
		return b.path, b.err
	}
	dir, err := os.MkdirTemp("", "coffer-binary-")
	if err != nil {
		b.err = fmt.Errorf("make a folder for the binary: %w", err)
		return "", b.err
	}
	path := filepath.Join(dir, "coffer")
	args := []string{"build", "-o", path}
	if RaceDetector() {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "coffer/cmd/coffer")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.err = errors.Join(fmt.Errorf("build the binary: %w\n%s", err, out), os.RemoveAll(dir))
		return "", b.err
	}
	b.path = path
	return b.path, nil
}

func (b *built) remove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path != "" {
		_ = os.RemoveAll(filepath.Dir(b.path))
	}
}

// RaceDetector tells whether this test was built with -race, and the binary with it.
func RaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// commandTimeout is how long a command may take that does not serve. It is
// generous, because it only tells a hang from a slow machine.
const commandTimeout = 2 * time.Minute

// Result is how a run of the program ended.
type Result struct {
	Code           int // exit code, or -1 if a signal ended it
	Stdout, Stderr string
}

// Run runs the program with args to its end. Variables are added to an
// environment without any COFFER_ variable of the test's own. It is for operator
// commands, and for a serve that must be refused: one that serves is killed, and
// fails the test.
func Run(t testing.TB, env []string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t), args...)
	cmd.Env = append(environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("run coffer %s: %v", strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("coffer %s did not end within %s; it said:\n%s%s", strings.Join(args, " "), commandTimeout, &stdout, &stderr)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// environ is the environment without what configures coffer or its tests.
func environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "COFFER_") {
			env = append(env, kv)
		}
	}
	return env
}

// randomText draws n letters and digits: credentials that are no known default,
// so that a server which has one of those accepts nothing of ours.
func randomText(n int) string {
	return rand.Text()[:n]
}

// spawn starts cmd so that it ends with this process, also when that is killed
// or panics, and returns a channel that is closed when it has ended.
func spawn(cmd *exec.Cmd) (<-chan struct{}, error) {
	endWithParent(cmd)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The kernel ties the child to the thread that forked it, so this one
		// must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // who waits on ended reads cmd.ProcessState
		}
		close(ended)
	}()
	return ended, <-started
}
