package model_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// settings are those of a server that nobody who asks may notice.
type settings struct {
	name            string
	inline          int64 // bodies up to this many bytes are inline
	memtable, cache int64 // bytes; 0 is the usual
	encrypt         bool
	disks           int    // more folders of blobs
	dir             string // on a real disk; "" is a file system in memory
	// heard gets each answer.
	heard func(q ask, head *http.Response, body []byte)
}

var usual = settings{name: "usual", inline: inlineMax}

func (s settings) blobDirs() []string {
	dirs := []string{filepath.Join(s.dir, "blobs")}
	for i := range s.disks {
		dirs = append(dirs, filepath.Join(s.dir, fmt.Sprintf("disk%d", i)))
	}
	return dirs
}

// others are settings under which all must be answered as under the usual ones.
var others = []settings{
	{name: "all that fits is inline", inline: 1 << 20},
	{name: "nothing is inline", inline: 1},
	{name: "small tables and no cache", inline: inlineMax, memtable: 1, cache: 1},
	{name: "encrypted", inline: inlineMax, encrypt: true},
	{name: "encrypted and not inline", inline: 1, encrypt: true},
	{name: "three disks", inline: 1, disks: 2},
}

// The IDs that the server makes are random, and longer than anything else that is.
var (
	madeID   = regexp.MustCompile(`\b[0-9a-zA-Z_-]{24,}={0,2}`)
	hexMD5   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	ofMaking = regexp.MustCompile(`<(RequestId|HostId)>[^<]*</`)
)

// unheard are the headers that may differ.
var unheard = []string{"X-Amz-Request-Id", "X-Amz-Id-2", "X-Amz-Server-Side-Encryption", "Date"}

// transcript is what a server answered, with the IDs that it made named in the order
// in which they came.
type transcript struct {
	lines []string
	names map[string]string
}

func (tr *transcript) hear(q ask, head *http.Response, body []byte) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s /%s/%s?%s = %d", q.as, q.method, q.bucket, q.key, tr.named(q.query.Encode()), head.StatusCode)
	var names []string
	for name := range head.Header {
		if !slices.Contains(unheard, http.CanonicalHeaderKey(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "\n%s: %s", name, tr.named(strings.Join(head.Header[name], ", ")))
	}
	fmt.Fprintf(&b, "\n%s", tr.named(ofMaking.ReplaceAllString(string(body), "<$1></")))
	tr.lines = append(tr.lines, b.String())
}

func (tr *transcript) named(text string) string {
	return madeID.ReplaceAllStringFunc(text, func(id string) string {
		if hexMD5.MatchString(id) || strings.HasSuffix(id, "Result") {
			return id // an entity tag, or the name of an element
		}
		if tr.names[id] == "" {
			tr.names[id] = fmt.Sprintf("ID-%d", len(tr.names))
		}
		return tr.names[id]
	})
}

// heardWith is what is answered to operations under some settings.
func heardWith(t testing.TB, with settings, ops []op) ([]string, fault) {
	tr := &transcript{names: map[string]string{}}
	with.heard = tr.hear
	differs := playWith(t, with, ops)
	return tr.lines, differs
}

// differs compares what is answered under settings with what is under the usual ones.
func differsWith(t testing.TB, with settings, ops []op) fault {
	want, f := heardWith(t, usual, ops)
	if f != "" {
		return f
	}
	got, f := heardWith(t, with, ops)
	if f != "" {
		return fault(with.name+": ") + f
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fault(fmt.Sprintf("%s: answer %d is\n%s\nand usually\n%s", with.name, i, got[i], want[i]))
		}
	}
	if len(got) != len(want) {
		return fault(fmt.Sprintf("%s: %d answers, and usually %d", with.name, len(got), len(want)))
	}
	return ""
}

// TestSettingsChangeNoAnswer plays the same random operations under different settings:
// all answers are the same but for the IDs that the server makes.
func TestSettingsChangeNoAnswer(t *testing.T) {
	for _, with := range others {
		t.Run(strings.ReplaceAll(with.name, " ", "_"), func(t *testing.T) {
			compare(t, with, 10)
		})
	}
}

// TestFileSystemsChangeNoAnswer does so on those of disks.
func TestFileSystemsChangeNoAnswer(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			dir := mounted(t, kind)
			n := 0
			with := settings{name: kind, inline: 1}
			rapid.Check(t, func(rt *rapid.T) {
				if n++; n > few(3) {
					return
				}
				with.dir = filepath.Join(dir, fmt.Sprint(n))
				if err := os.Mkdir(with.dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if f := differsWith(t, with, drawn(rt)); f != "" {
					rt.Fatalf("%s", f)
				}
			})
		})
	}
}

// few is n, or many more in the long form.
func few(n int) int {
	if os.Getenv("COFFER_TEST_LONG") != "" {
		return 100 * n
	}
	return n
}

func drawn(rt *rapid.T) []op {
	var ops []op
	rt.Repeat(actions(func(o op) { ops = append(ops, o) }))
	return ops
}

func compare(t *testing.T, with settings, runs int) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > few(runs) {
			return
		}
		ops := drawn(rt)
		f := differsWith(t, with, ops)
		if f == "" {
			return
		}
		var all strings.Builder
		for _, o := range ops {
			all.WriteString("\n\t" + o.String() + ",")
		}
		rt.Fatalf("%s\nafter:%s", f, all.String())
	})
}

// mounted is a folder on a new file system, or the test is skipped.
func mounted(t *testing.T, kind string) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "mnt")
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(512<<20), f.Close(), os.Mkdir(dir, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	force := map[string]string{"ext4": "-F", "xfs": "-f"}[kind]
	for _, command := range [][]string{{"mkfs." + kind, "-q", force, image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED, NOT TESTED: %s: %v %s", command[0], err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}
