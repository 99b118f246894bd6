package crash_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"coffer/test/harness"
)

// startsMax is more calls than a start makes.
const startsMax = 3000

// killStart starts a server that is killed before the n-th call that changes a
// file, and tells whether it made so many before it was ready.
func killStart(t *testing.T, data string, n int, env []string) (killed bool) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	return killCommand(t, n, env, func() bool {
		_, err := os.Stat(ready)
		return err == nil
	}, append(serveArguments(data), "--ready-file", ready)...)
}

// killCommand runs the program with args and kills it before the n-th call that changes
// a file, or when it is ready, if that is not nil. It tells whether it made so many calls.
func killCommand(t *testing.T, n int, env []string, ready func() bool, args ...string) (killed bool) {
	t.Helper()
	// The shell stops until the tracer holds it, and then becomes the program.
	cmd := exec.Command("sh", append([]string{"-c", `kill -STOP $$; exec "$0" "$@"`, harness.Binary(t)}, args...)...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start coffer %s: %v", args[0], err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	eventually(t, hangLimit, "waiting for the tracer", func() bool { return stateOf(cmd.Process.Pid) == "T" })
	tr := tracePID(t, cmd.Process.Pid, traceOrder{Calls: changes, When: n, Action: traceKill})
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatalf("let coffer %s go on: %v", args[0], err)
	}
	eventually(t, hangLimit, "killed or at its end", func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		return ready != nil && ready()
	})
	return len(tr.end()) > 0
}

// stateOf is the letter that the kernel has for the state of a process.
func stateOf(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	return between(string(b), ") ", " ")
}

// TestStartKilledAtEachSystemCallIsFinishedByTheNext kills the start of a server:
// the first one, which makes everything, and one after a kill, which repairs. The
// next start finishes what it began, with the pair that was given.
func TestStartKilledAtEachSystemCallIsFinishedByTheNext(t *testing.T) {
	seed := newSeed(t)
	needTracer(t)
	// A first start makes hundreds of calls, most of them for folders that are alike.
	strideFirst, stride := 41, 4
	if long() {
		strideFirst, stride = 1, 1
	}
	id, secret := "TESTSTARTTESTSTART00", "a-secret-that-nobody-else-has"
	env := []string{"COFFER_ROOT_ACCESS_KEY_ID=" + id, "COFFER_ROOT_SECRET_ACCESS_KEY=" + secret}
	t.Run("First", func(t *testing.T) {
		n := 1 + int(seed%uint64(strideFirst))
		for ; n < startsMax; n += strideFirst {
			data := filepath.Join(t.TempDir(), "data")
			killed := killStart(t, data, n, env)
			s := harness.Start(t, harness.Options{Data: data, AccessKeyID: id, Secret: secret})
			c := newClient(s, "first")
			makeBucket(t, c)
			mustPut(t, c, "object", content("object", 100<<10))
			s.Stop()
			if t.Failed() {
				t.Fatalf("the start was killed before call %d", n)
			}
			if err := os.RemoveAll(data); err != nil { // with the ballast it is large
				t.Fatal(err)
			}
			if !killed {
				break
			}
		}
		t.Logf("a first start makes about %d calls", n)
		if n < 10 {
			t.Errorf("a first start makes %d calls, want more: nothing was killed", n)
		}
	})
	t.Run("Recovery", func(t *testing.T) {
		s := harness.Start(t, harness.Options{AccessKeyID: id, Secret: secret})
		c := newClient(s, "recovery")
		makeBucket(t, c)
		want := map[string]version{}
		n := 1 + int(seed%uint64(stride))
		for ; n < startsMax; n += stride {
			key := "object-" + strconv.Itoa(n)
			want[key] = mustPut(t, c, key, content(key, 2000))
			s.Kill()
			killed := killStart(t, s.Data, n, nil)
			s.Restart()
			c = newClient(s, "recovery")
			for _, wrong := range expect(c, want) {
				t.Fatalf("the start was killed before call %d: %s", n, wrong)
			}
			if !killed {
				break
			}
		}
		t.Logf("a start makes about %d calls", n)
		if n < 5 {
			t.Errorf("a start makes %d calls, want more: nothing was killed", n)
		}
	})
}
