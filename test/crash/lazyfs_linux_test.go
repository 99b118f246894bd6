package crash_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coffer/test/harness"
)

// TestPagesThatWereNotSyncedAreNotMissed kills the server under load on LazyFS, which
// keeps what is written to itself until it is told to sync, and then forgets it: what a
// power cut does to pages of files, and to nothing else. COFFER_TEST_LAZYFS names the
// program, built from github.com/dsrhaslab/lazyfs.
func TestPagesThatWereNotSyncedAreNotMissed(t *testing.T) {
	seed := newSeed(t)
	lazy := newLazyFS(t)
	s := harness.Start(t, harness.Options{Data: filepath.Join(lazy.dir, "data")})
	c := newClient(s, "lazy")
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	draw := rand.New(rand.NewPCG(seed, 4))
	var acked, unknown int64
	for cycle := range rounds(t, 10, 300) {
		load := newLoad(l, c, cycle, 1+draw.Int64N(150))
		endUnder(t, load, time.Duration(draw.Int64N(int64(25*time.Millisecond))), s.Kill)
		c.close()
		acked, unknown = acked+load.acked.Load(), unknown+load.unknown.Load()
		lazy.forget()
		s.Restart()
		c = newClient(s, "lazy")
		l.check(c)
		l.checkUploads(c, draw)
		reclaimNowAndThen(t, s, cycle)
		if report(t, l, cycleName(cycle)); t.Failed() {
			return
		}
	}
	t.Logf("%d acknowledged writes, %d without an answer", acked, unknown)
	if acked == 0 || unknown == 0 {
		t.Errorf("%d writes were acknowledged and %d cut off: the load tests nothing", acked, unknown)
	}
	checkNothingLeft(t, s, l, c)
}

// TestPagesThatWereNeverSyncedAreMissed proves that the test above can fail.
func TestPagesThatWereNeverSyncedAreMissed(t *testing.T) {
	seed := newSeed(t)
	lazy := newLazyFS(t)
	s := harness.Start(t, harness.Options{Data: filepath.Join(lazy.dir, "data"), Args: []string{"--unsafe-no-sync"}})
	c := newClient(s, "lazy")
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	load := newLoad(l, c, 0, 100)
	endUnder(t, load, 0, s.Kill)
	lazy.forget()
	if err := s.TryRestart(); err != nil {
		t.Logf("the unsafe server does not start any more: %v", err)
		return
	}
	l.check(newClient(s, "lazy"))
	if lost := l.takeProblems(); len(lost) == 0 {
		t.Errorf("of %d writes that were acknowledged without a sync all are there: nothing was forgotten", load.acked.Load())
	}
}

// lazyFS is a mounted LazyFS, and the pipes that it is told by and answers in.
type lazyFS struct {
	t       *testing.T
	dir     string
	orders  string
	answers *os.File
}

// newLazyFS mounts one that is empty, or skips the test where that is not possible.
func newLazyFS(t *testing.T) *lazyFS {
	t.Helper()
	program := os.Getenv("COFFER_TEST_LAZYFS")
	if program == "" {
		t.Skip("SKIPPED, NOT TESTED: COFFER_TEST_LAZYFS does not name the program of LazyFS")
	}
	tmp := t.TempDir()
	z := &lazyFS{t: t, dir: filepath.Join(tmp, "mnt"), orders: filepath.Join(tmp, "orders")}
	answers, below, config := filepath.Join(tmp, "answers"), filepath.Join(tmp, "below"), filepath.Join(tmp, "config.toml")
	for _, dir := range []string{z.dir, below} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	err := unix.Mkfifo(answers, 0o600)
	if err == nil {
		// For both, so that neither side waits for the other.
		z.answers, err = os.OpenFile(answers, os.O_RDWR|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("[faults]\nfifo_path=%q\nfifo_path_completed=%q\n[cache]\napply_eviction=false\n[cache.simple]\ncustom_size=\"1GB\"\nblocks_per_page=1\n[filesystem]\nlog_all_operations=false\nlogfile=%q\n",
		z.orders, answers, filepath.Join(tmp, "log"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(program, z.dir, "--config-path", config, "-o", "allow_other", "-o", "modules=subdir", "-o", "subdir="+below, "-f")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Unmount(z.dir, unix.MNT_DETACH)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = z.answers.Close()
	})
	eventually(t, hangLimit, "mounted", func() bool {
		mounts, err := os.ReadFile("/proc/self/mounts")
		return err == nil && strings.Contains(string(mounts), " "+z.dir+" ")
	})
	return z
}

// forget has the file system lose what was not synced.
func (z *lazyFS) forget() {
	z.t.Helper()
	if err := os.WriteFile(z.orders, []byte("lazyfs::clear-cache\n"), 0); err != nil {
		z.t.Fatalf("tell LazyFS: %v", err)
	}
	err := z.answers.SetReadDeadline(time.Now().Add(hangLimit))
	if err == nil {
		_, err = z.answers.Read(make([]byte, 100))
	}
	if err != nil {
		z.t.Fatalf("hear from LazyFS: %v", err)
	}
}
