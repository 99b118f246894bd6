package crash_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coffer/test/harness"
)

// fullDiskBytes is small enough to be filled in a moment.
const fullDiskBytes = 128 << 20

// fullTest is a server on a small disk, and what its clients know of it.
type fullTest struct {
	disk   *diskImage
	server *harness.Server
	client *client
	want   map[string]version
	puts   int
}

func TestFullDiskRefusesWritesOnly(t *testing.T) {
	disk := newDisk(t, "ext4", fullDiskBytes)
	s := harness.Start(t, harness.Options{Data: disk.data()})
	f := &fullTest{disk: disk, server: s, client: newClient(s, "full"), want: map[string]version{}}
	makeBucket(t, f.client)
	pid := s.PID()

	f.fill(t)
	// The floor is a measurement, so only a large write is sure to meet it.
	f.checkRefusal(t, 32<<20)
	f.checkReady(t, http.StatusServiceUnavailable, "writes are refused")

	// Someone else takes what the server had kept free.
	filler := f.fillRest(t)
	f.checkReads(t, "with no byte free")
	f.checkRefusal(t, 0, 100, 16<<10, inlineMax, inlineMax+1, 1<<20, 8<<20)
	f.checkDeletes(t, 20)
	f.checkReads(t, "after deletes with no byte free")
	f.remove(t, filler)
	f.checkRecovery(t)
	if s.PID() != pid {
		t.Errorf("the server has pid %d, and had %d: it ended meanwhile", s.PID(), pid)
	}

	filler = f.fillRest(t)
	s.Kill()
	if err := s.TryRestart(); err != nil {
		checkSentence(t, lastLine(err.Error()), "space")
		f.remove(t, filler)
		s.Restart()
		f.client = newClient(s, "full")
		f.checkReads(t, "after a start that was refused for space")
	} else {
		f.client = newClient(s, "full")
		f.checkReads(t, "started with no byte free")
		f.checkDeletes(t, 5)
		f.remove(t, filler)
	}
	f.checkRecovery(t)
	f.checkReady(t, http.StatusOK, "")
}

// put puts an object of a new key and notes it when it was acknowledged.
func (f *fullTest) put(t *testing.T, size int64) *reply {
	t.Helper()
	f.puts++
	key := fmt.Sprintf("object-%04d", f.puts)
	body := content(key, size)
	v := newVersion(key, "application/x-full", body)
	header := v.headers()
	// So that a refusal comes before the body, and is not lost with a connection
	// that is cut while the body is on its way.
	header["Expect"] = "100-continue"
	r, err := f.client.do(request{method: http.MethodPut, key: key, header: header, body: body})
	if err != nil {
		t.Fatalf("PUT %s of %d bytes: %v", key, size, err)
	}
	if r.status == http.StatusOK {
		f.want[key] = v
	}
	return r
}

// fill puts small and large objects until not even a file of the smallest size is
// taken: a large one that is refused gives its space back.
func (f *fullTest) fill(t *testing.T) {
	t.Helper()
	const putsMax = 400
	for size := int64(1 << 20); size > inlineMax; {
		if f.puts == putsMax {
			t.Fatalf("a disk of %d bytes took %d objects without end", fullDiskBytes, len(f.want))
		}
		n := size
		if f.puts%3 == 0 {
			n = 16 << 10
		}
		r := f.put(t, n)
		switch {
		case r.status == http.StatusInsufficientStorage && r.code() == "InsufficientStorage":
			size /= 2
		case r.status != http.StatusOK:
			t.Fatalf("PUT %d on a disk of %d bytes = %s, want 200 or 507 InsufficientStorage", f.puts, fullDiskBytes, r)
		}
	}
	t.Logf("the disk of %d MiB took %d objects", fullDiskBytes>>20, len(f.want))
	if len(f.want) < 30 {
		t.Errorf("the disk is full after %d objects of at most 1 MiB", len(f.want))
	}
}

// checkRefusal tries all ways to write.
func (f *fullTest) checkRefusal(t *testing.T, sizes ...int64) {
	t.Helper()
	for _, size := range sizes {
		if r := f.put(t, size); r.status != http.StatusInsufficientStorage {
			t.Errorf("PUT of %d bytes on a full disk = %s, want 507", size, r)
		}
	}
	// An overwrite is no different, and leaves what was there.
	key := f.some(1)[0]
	r, err := f.client.do(request{method: http.MethodPut, key: key, body: content("other", slices.Max(sizes)),
		header: map[string]string{"Expect": "100-continue"}})
	if err != nil || r.status != http.StatusInsufficientStorage {
		t.Errorf("PUT over %s on a full disk = %v, %v, want 507", key, r, err)
	}
}

func (f *fullTest) checkReady(t *testing.T, status int, reason string) {
	t.Helper()
	var got int
	var body []byte
	eventually(t, hangLimit, fmt.Sprintf("/-/ready = %d with %q", status, reason), func() bool {
		resp, err := http.Get(f.server.Admin + "/-/ready")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		got = resp.StatusCode
		return got == status && strings.Contains(string(body), reason)
	})
}

// fillRest writes a file until there is no room for one more block.
func (f *fullTest) fillRest(t *testing.T) string {
	t.Helper()
	path := filepath.Join(f.disk.dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := content("filler", 1<<20); len(block) >= 512; {
		_, err := file.Write(block)
		if err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		if err != nil {
			block = block[:len(block)/2]
		}
	}
	if err := file.Sync(); err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return path
}

func (f *fullTest) remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func (f *fullTest) checkReads(t *testing.T, when string) {
	t.Helper()
	for _, wrong := range expect(f.client, f.want) {
		t.Errorf("%s: %s", when, wrong)
	}
	names, err := f.client.list()
	if err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if got, want := slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(f.want)); !slices.Equal(got, want) {
		t.Errorf("%s: the listing has %d keys, want %d:\n%q\n%q", when, len(got), len(want), got, want)
	}
}

func (f *fullTest) checkDeletes(t *testing.T, n int) {
	t.Helper()
	for _, key := range f.some(n) {
		r, err := f.client.do(request{method: http.MethodDelete, key: key})
		if err != nil || r.status != http.StatusNoContent {
			t.Errorf("DELETE %s on a full disk = %v, %v, want 204", key, r, err)
			continue
		}
		delete(f.want, key)
	}
}

// some returns n keys, the same ones each time.
func (f *fullTest) some(n int) []string { return slices.Sorted(maps.Keys(f.want))[:n] }

// checkRecovery waits for the space of what was deleted, and then writes.
func (f *fullTest) checkRecovery(t *testing.T) {
	t.Helper()
	var r *reply
	ok := within(reclaimLimit, func() bool {
		if out := f.server.Command("reclaim"); out.Code != 0 {
			t.Fatalf("coffer reclaim = %d, %s", out.Code, out.Stderr)
		}
		r = f.put(t, 1<<20)
		return r.status == http.StatusOK
	})
	if !ok {
		t.Errorf("%s after there is room again, PUT = %s, want 200 without a restart", reclaimLimit, r)
	}
	f.checkReads(t, "with room again")
}

// TestReadOnlyDiskRefusesToStart starts on a disk that is mounted read-only, as
// Linux leaves one after an error.
func TestReadOnlyDiskRefusesToStart(t *testing.T) {
	disk := newDisk(t, "ext4", fullDiskBytes)
	s := harness.Start(t, harness.Options{Data: disk.data()})
	c := newClient(s, "readonly")
	makeBucket(t, c)
	want := map[string]version{"small": mustPut(t, c, "small", content("small", 1000)), "large": mustPut(t, c, "large", content("large", 1<<20))}
	s.Stop()
	disk.remount("ro")
	refused(t, s.Data, nil, nil, "writable", "read-only")
	disk.remount("rw")
	s.Restart()
	for _, wrong := range expect(newClient(s, "readonly"), want) {
		t.Error(wrong)
	}
}

// TestServerOnDiskThatTurnsReadOnly shuts the file system down while nothing is
// under way: reads that are served are right, writes are not acknowledged.
func TestServerOnDiskThatTurnsReadOnly(t *testing.T) {
	disk := newDisk(t, "ext4", fullDiskBytes)
	s := harness.Start(t, harness.Options{Data: disk.data()})
	c := newClient(s, "gone")
	makeBucket(t, c)
	small, large := mustPut(t, c, "small", content("small", 1000)), mustPut(t, c, "large", content("large", 1<<20))
	disk.cutPower()
	for key, v := range map[string]version{"small": small, "large": large} {
		r, err := c.do(request{method: http.MethodGet, key: key})
		if err != nil || r.status >= 500 {
			continue // it cannot be read: that is said, and right
		}
		if got, err := seen(r); err != nil || !got.same(v) {
			t.Errorf("GET %s after the disk was gone = %v, %v, want %v or an error", key, got, err, v)
		}
	}
	for _, size := range []int64{1 << 20, 1000} {
		body := content("late", size)
		r, err := c.do(request{method: http.MethodPut, key: "late", body: body})
		if err == nil && r.status < 500 {
			t.Errorf("PUT of %d bytes after the disk was gone = %s, want a 5xx or no answer", size, r)
		}
	}
	// The metadata's log cannot be written any more: the server ends and says why.
	limit := time.NewTimer(hangLimit)
	defer limit.Stop()
	select {
	case <-s.Exited():
		log, err := os.ReadFile(s.Log())
		if err != nil {
			t.Fatal(err)
		}
		checkSentence(t, lastLine(string(log)), "disk")
	case <-limit.C:
		t.Errorf("%s after its disk was gone the server still runs", hangLimit)
	}
	s.Kill()
	disk.unmount()
	disk.mount()
	s.Restart()
	for _, wrong := range expect(newClient(s, "gone"), map[string]version{"small": small, "large": large}) {
		t.Error(wrong)
	}
}
