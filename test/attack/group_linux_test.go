package attack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coffer/test/harness"
)

// memoryGroup makes a control group of that much memory, of either version, and
// returns its folder, or skips the test where that is not possible.
func memoryGroup(t *testing.T, bytes int64) string {
	t.Helper()
	why := errors.New("there are no control groups")
	for _, at := range []struct{ mount, limit string }{{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}} {
		if _, err := os.Stat(filepath.Join(at.mount, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(at.mount, fmt.Sprintf("coffer-test-%d", os.Getpid()))
		if why = os.Mkdir(dir, 0o700); why != nil {
			continue
		}
		t.Cleanup(func() {
			for end := time.Now().Add(10 * time.Second); os.Remove(dir) != nil; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Errorf("the group %s cannot be removed", dir)
					return
				}
			}
		})
		if why = os.WriteFile(filepath.Join(dir, at.limit), []byte(strconv.FormatInt(bytes, 10)), 0); why == nil {
			return dir
		}
	}
	t.Skipf("SKIPPED, NOT TESTED: no control group with a memory limit can be made: %v", why)
	return ""
}

var memoryLimit = regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (\S+)$`)

// TestServerInLittleMemoryIsNotEnded has a server in a control group of 256 MiB answer
// large lists, documents and objects, many at once. The kernel ends a process that needs
// more than its group may have.
func TestServerInLittleMemoryIsNotEnded(t *testing.T) {
	const room = 256 << 20
	if harness.RaceDetector() {
		t.Skip("SKIPPED, NOT TESTED: the race detector needs more memory")
	}
	dir := memoryGroup(t, room)
	w := startWorld(t, harness.Options{Prefix: []string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(dir, "cgroup.procs")}})
	w.makeLarge(t)
	found := memoryLimit.FindStringSubmatch(metricsOf(t, w))
	if found == nil {
		t.Fatal("no memory limit of the runtime is in the metrics")
	}
	if limit, err := strconv.ParseFloat(found[1], 64); err != nil || limit > room || limit < room/2 {
		t.Errorf("the runtime's memory limit is %s bytes in a group of %d, want some less", found[1], room)
	}
	each(1000, func(i int) { w.s3(t, w.large, "PUT", "/a-large/"+escape(longKey(i)), "").oneOf(t, "PUT", 200) })
	bytes := strings.Repeat("x", 16<<20)
	w.s3(t, w.large, "PUT", "/a-large/bytes", bytes).oneOf(t, "PUT 16 MiB", 200)
	elements := manyElements("Delete", "<Object/>")
	kinds := []forged{
		{path: "/a-large", query: "list-type=2"},
		{path: "/a-large", query: "versions="},
		{path: "/a-large/bytes"},
		{method: "POST", path: "/a-large", query: "delete=", body: elements, lines: []string{"x-amz-checksum-sha256: " + checksum(elements)}},
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 3 {
			each(8, func(c int) {
				w.s3(t, w.large, "PUT", fmt.Sprintf("/a-large/put%d-%d", i, c), bytes).oneOf(t, "PUT", 200)
			})
		}
	})
	for round := range 3 {
		statuses := w.atOnce(t, 120, func(i int) forged {
			f := kinds[i%len(kinds)]
			f.who = w.large
			return f
		})
		answered(t, fmt.Sprintf("round %d", round), statuses, 200, 400, 503)
	}
	all.Wait()
	select {
	case <-w.server.Exited():
		t.Fatal("the server has ended")
	default:
	}
	for _, name := range []string{"memory.oom_control", "memory.events"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && !strings.Contains(string(b)+"\n", "oom_kill 0\n") {
			t.Errorf("%s says %q, want that nothing was ended", name, b)
		}
	}
	t.Logf("%d MiB are resident at the end", resident(t, w.server.PID())>>20)
	w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET afterwards", 200)
	w.errors.take() // SlowDown is one
}

func metricsOf(t *testing.T, w *world) string {
	t.Helper()
	resp, err := http.Get(w.server.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
