package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"coffer/test/harness"
)

// replayDiskBytes holds a server and what the load below writes.
const replayDiskBytes = 192 << 20

// past is what a key held, and when: positions in the log of blocks.
type past struct {
	version
	began int // of the request
	acked int // of the answer
}

// replayTest is a server on a disk whose writes are noted.
type replayTest struct {
	t      *testing.T
	log    *blockLog
	base   string // the disk before the first write that was noted
	id     string // of the access key
	secret string
	keys   map[string][]past
	draw   *rand.Rand
}

// TestEachStateOfTheDiskIsAStart notes every write and flush of the disk under a
// server, and cuts the power at any of them: all that was flushed is there, and of
// the writes since then any part, cut at any sector. Each such disk mounts, the
// server starts on it, and what was acknowledged before the cut is there.
func TestEachStateOfTheDiskIsAStart(t *testing.T) {
	seed := newSeed(t)
	r := newReplayTest(t, seed)
	r.load()
	writes := r.log.all()
	var flushes []int
	for i, w := range writes {
		if w.flush {
			flushes = append(flushes, i)
		}
	}
	if len(flushes) < 10 {
		t.Fatalf("the load made %d flushes in %d writes, want more", len(flushes), len(writes))
	}
	states := cycles(12, 400)
	t.Logf("%d writes with %d flushes; %d states", len(writes), len(flushes), states)
	for n := range states {
		i := n * (len(flushes) - 1) / states
		if states > len(flushes) {
			i = r.draw.IntN(len(flushes) - 1)
		}
		from, to := flushes[i], flushes[i+1]
		// How much of what was not flushed has come to the disk: nothing, all, all
		// but one, or any.
		var kept func() bool
		switch left := to - from - 1; n % 4 {
		case 0:
			kept = func() bool { return false }
		case 1:
			kept = func() bool { return true }
		case 2:
			kept = func() bool { left--; return left > 0 }
		default:
			kept = func() bool { return r.draw.IntN(2) == 0 }
		}
		name := fmt.Sprintf("state %d, flush %d of %d, form %d", n, i, len(flushes), n%4)
		r.check(name, r.state(writes, from, to, kept), from, to)
		if t.Failed() {
			return
		}
	}
}

func newReplayTest(t *testing.T, seed uint64) *replayTest {
	t.Helper()
	need(t, "mkfs.ext4", "losetup", "mount")
	dir := t.TempDir()
	r := &replayTest{t: t, base: filepath.Join(dir, "base"), draw: rand.New(rand.NewPCG(seed, 5)), keys: map[string][]past{}}
	image := filepath.Join(dir, "image")
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(replayDiskBytes), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	r.log = newBlockLog(t, image)
	return r
}

// mount mounts a disk image; it is unmounted when the test ends, if not before.
func (r *replayTest) mount(image string) *diskImage {
	r.t.Helper()
	d := &diskImage{t: r.t, kind: "ext4", image: image, dir: filepath.Join(r.t.TempDir(), "mnt")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if d.mounted {
			d.unmount()
		}
	})
	if err := d.tryMount(); err != nil {
		if image == r.log.file() {
			r.t.Skipf("SKIPPED, NOT TESTED: loop devices cannot be mounted here: %v", err)
		}
		r.t.Fatal(err)
	}
	return d
}

func sparseCopy(to string) func(from string) error {
	return func(from string) error {
		out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput()
		if err != nil {
			return fmt.Errorf("copy the disk: %w: %s", err, out)
		}
		return nil
	}
}

// load writes a few objects over and over, one request after the other.
func (r *replayTest) load() {
	r.t.Helper()
	disk := r.mount(r.log.file())
	s := harness.Start(r.t, harness.Options{Data: disk.data()})
	r.id, r.secret = s.AccessKeyID, s.Secret
	c := newClient(s, "replay")
	makeBucket(r.t, c)
	disk.sync()
	if err := r.log.note(sparseCopy(r.base)); err != nil {
		r.t.Fatal(err)
	}
	for i := range 24 {
		key := fmt.Sprintf("key-%d", i%5)
		began := r.log.position()
		v := version{}
		switch {
		case i%7 == 6:
			res, err := c.do(request{method: http.MethodDelete, key: key})
			if err != nil || res.status != http.StatusNoContent {
				r.t.Fatalf("DELETE %s = %v, %v", key, res, err)
			}
		case i%7 == 5:
			u := &upload{op: fmt.Sprintf("upload-%d", i), ctype: "application/x-parts"}
			res, err := c.do(request{method: http.MethodPost, key: key, query: map[string][]string{"uploads": {""}}, header: version{op: u.op, ctype: u.ctype}.headers()})
			if err != nil || res.status != http.StatusOK {
				r.t.Fatalf("begin upload = %v, %v", res, err)
			}
			u.id = between(string(res.body), "<UploadId>", "</UploadId>")
			body := content(partName(u.op, 1), 150<<10)
			u.parts = []part{newPart(u.op, 1, body)}
			if res, err := c.do(request{method: http.MethodPut, key: key, body: body, query: partQuery(u.id, 1)}); err != nil || res.status != http.StatusOK {
				r.t.Fatalf("part = %v, %v", res, err)
			}
			if res, err := c.complete(key, u.id, u.parts); err != nil || res.status != http.StatusOK {
				r.t.Fatalf("complete = %v, %v", res, err)
			}
			v = u.version()
		default:
			name := fmt.Sprintf("object-%d", i)
			body := content(name, []int64{100, 20_000, 200 << 10}[i%3])
			v = newVersion(name, "text/x-replay", body)
			res, err := c.do(request{method: http.MethodPut, key: key, header: v.headers(), body: body})
			if err != nil || res.status != http.StatusOK {
				r.t.Fatalf("PUT %s = %v, %v", key, res, err)
			}
		}
		r.keys[key] = append(r.keys[key], past{v, began, r.log.position()})
	}
	s.Kill()
	disk.unmount()
}

// state makes the disk that has all writes up to the flush at from, and of those
// until the one at to what kept says, sector by sector.
func (r *replayTest) state(writes []blockWrite, from, to int, kept func() bool) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "state")
	if err := sparseCopy(path)(r.base); err != nil {
		r.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	const sector, superblockEnd = 512, 2048
	for i, w := range writes[:to] {
		if w.flush || i > from && !kept() {
			continue
		}
		data := w.data
		// One write of eight is cut in the middle, but not that of the superblock: ext4 has
		// a checksum over its two sectors, and no other one that mount would take.
		if i > from && w.offset >= superblockEnd && len(data) > sector && r.draw.IntN(8) == 0 {
			data = data[:sector*(1+r.draw.IntN(len(data)/sector))]
		}
		if _, err := f.WriteAt(data, w.offset); err != nil {
			r.t.Fatal(err)
		}
	}
	return path
}

// check starts a server on a disk that was cut between two flushes.
func (r *replayTest) check(name, image string, from, to int) {
	r.t.Helper()
	disk := r.mount(image)
	s := harness.Start(r.t, harness.Options{Data: disk.data(), AccessKeyID: r.id, Secret: r.secret})
	c := newClient(s, "replay")
	for key, history := range r.keys {
		res, err := c.do(request{method: http.MethodGet, key: key})
		if err != nil {
			r.t.Errorf("%s: GET %s: %v", name, key, err)
			continue
		}
		got, err := seen(res)
		// The latest that was acknowledged, or any that was begun after it.
		may := []past{{}}
		for _, p := range history {
			switch {
			case p.acked <= from+1:
				may = []past{p}
			case p.began <= to:
				may = append(may, p)
			}
		}
		ok := false
		for _, p := range may {
			ok = ok || err == nil && got.same(p.version)
		}
		if !ok {
			r.t.Errorf("%s: GET %s = %v, %v, want one of %v", name, key, got, err, may)
		}
	}
	mustPut(r.t, c, "after", content("after", 100<<10))
	c.close()
	s.Kill()
	disk.unmount()
	if err := os.Remove(image); err != nil {
		r.t.Error(err)
	}
}
