package rotation

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed loop/loop.py
var pythonLoop string

//go:embed loop/loop.mjs
var jsLoop string

// sdk is an SDK that a loop is written for.
type sdk struct {
	name    string
	program string
	script  string // its path
}

// sdks finds boto3, in every version that is installed, and the SDK for
// JavaScript.
func sdks(t *testing.T) []sdk {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var found []sdk
	for version, python := range pythons(t) {
		found = append(found, sdk{"boto3-" + version, python, write("loop.py", pythonLoop)})
	}
	if modules := jsModules(t); modules != "" {
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		found = append(found, sdk{"js", "node", write("loop.mjs", jsLoop)})
	}
	if len(found) == 0 {
		t.Skip("SKIPPED, NOT TESTED: no SDK is installed")
	}
	return found
}

// pythons are those that have boto3, by its version.
func pythons(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin") {
		path := filepath.Join(dir, "python3")
		out, err := exec.CommandContext(t.Context(), path, "-c", "import boto3; print(boto3.__version__)").Output()
		version := strings.TrimSpace(string(out))
		if _, known := found[version]; err == nil && version != "" && !known {
			found[version] = path
		}
	}
	if len(found) == 0 {
		missing(t, "boto3", "apt-get install python3-boto3")
	}
	return found
}

// installing is held while npm runs, so that the tests of this process install once.
var installing sync.Mutex

// jsModules is the folder of what test/compat locks, installed once into the
// user's cache folder, or "".
func jsModules(t *testing.T) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	npm, err := exec.LookPath("npm")
	cache, err2 := os.UserCacheDir()
	if err != nil || err2 != nil {
		missing(t, "the JavaScript SDK", "apt-get install npm")
		return ""
	}
	files := map[string][]byte{"package.json": nil, "package-lock.json": nil}
	for name := range files {
		if files[name], err = os.ReadFile(filepath.Join("..", "compat", "js", name)); err != nil {
			t.Fatal(err)
		}
	}
	hash := sha256.Sum256(append(bytes.Clone(files["package.json"]), files["package-lock.json"]...))
	final := filepath.Join(cache, "coffer-test-compat", hex.EncodeToString(hash[:8]))
	modules := filepath.Join(final, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(final), "install-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, "the JavaScript SDK", "npm ci says "+err.Error()+"\n"+string(out))
		return ""
	}
	// Another test process may have put its own there meanwhile, which is as good.
	if err := os.Rename(dir, final); err != nil {
		if _, err2 := os.Stat(modules); err2 != nil {
			t.Fatal(err)
		}
	}
	return modules
}

// called is one call of a loop. The times are in nanoseconds since 1970.
type called struct {
	Op            string
	Begin, End    int64
	OK            bool
	Status        int
	Code, Message string
}

func (c called) String() string {
	if c.OK {
		return c.Op + " ok"
	}
	return fmt.Sprintf("%s %d %s: %s", c.Op, c.Status, c.Code, c.Message)
}

// loop is an SDK at work with one credential, in a process of its own.
type loop struct {
	t     *testing.T
	agent string // is in its user agent, and its object's name
	stdin io.Closer
	ended chan struct{}

	mu     sync.Mutex // guards all below
	calls  []called
	stderr bytes.Buffer
	err    error
}

// loop starts a loop; it ends with stop, or with the test.
func (w *world) loop(s sdk, role string, p pair) *loop {
	w.t.Helper()
	l := &loop{t: w.t, agent: role + "-" + s.name, ended: make(chan struct{})}
	cmd := exec.CommandContext(w.t.Context(), s.program, s.script)
	for _, kv := range os.Environ() {
		if name := strings.ToUpper(kv); !strings.HasPrefix(name, "AWS_") && !strings.Contains(name, "_PROXY=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "ENDPOINT="+w.Endpoint, "REGION="+region, "BUCKET="+bucket, "AGENT="+l.agent, "AWS_ACCESS_KEY_ID="+p.id,
		"AWS_SECRET_ACCESS_KEY="+p.secret, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	l.stdin, cmd.Stderr = stdin, &l.stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("start %s: %v", l.agent, err)
	}
	go func() {
		defer close(l.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var c called
			err := json.Unmarshal(lines.Bytes(), &c)
			l.mu.Lock()
			if l.calls = append(l.calls, c); err != nil {
				l.err = fmt.Errorf("read %q: %w", lines.Bytes(), err)
			}
			l.mu.Unlock()
		}
		err := cmd.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.err = err
		}
	}()
	w.t.Cleanup(func() { _ = stdin.Close(); <-l.ended })
	return l
}

// all returns the calls until now.
func (l *loop) all() []called {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]called(nil), l.calls...)
}

// rounds waits until each of the loop's calls was made n times, begun after now.
func (l *loop) rounds(n int) {
	l.t.Helper()
	from := time.Now().UnixNano()
	poll(l.t, fmt.Sprintf("%d rounds of %s", n, l.agent), func() bool {
		select {
		case <-l.ended:
			l.t.Fatalf("%s ended: %v\n%s", l.agent, l.err, &l.stderr)
		default:
		}
		ops := map[string]int{}
		for _, c := range l.all() {
			if c.Begin > from {
				ops[c.Op]++
			}
		}
		return min(ops["put"], ops["get"], ops["list"]) >= n
	})
}

// stop ends the loop after the round that it is in.
func (l *loop) stop() {
	l.t.Helper()
	_ = l.stdin.Close()
	<-l.ended
	if l.err != nil {
		l.t.Errorf("%s: %v\n%s", l.agent, l.err, &l.stderr)
	}
}

// change is a call that changes a key: what is asked before it began is the old
// way, what is asked after it answered the new one.
type change struct{ began, answered int64 }

func during(f func()) change {
	c := change{began: time.Now().UnixNano()}
	f()
	c.answered = time.Now().UnixNano()
	return c
}

// before, after and between are spans of time for a loop's calls.
func before(c change) [2]int64     { return [2]int64{0, c.began} }
func after(c change) [2]int64      { return [2]int64{c.answered, 1<<63 - 1} }
func between(a, b change) [2]int64 { return [2]int64{a.answered, b.began} }

var always = [2]int64{0, 1<<63 - 1}

// works fails the test for each call within a span that did not succeed.
func (l *loop) works(when string, span [2]int64) {
	l.t.Helper()
	l.judge(when, span, "no failure", func(c called) bool { return c.OK })
}

// refused fails the test for each call within a span that was not refused with
// the text.
func (l *loop) refused(when string, span [2]int64, text string) {
	l.t.Helper()
	l.judge(when, span, "403 InvalidAccessKeyId: "+text, func(c called) bool {
		return c.Status == http.StatusForbidden && c.Code == "InvalidAccessKeyId" && strings.Contains(c.Message, text)
	})
}

func (l *loop) judge(when string, span [2]int64, want string, right func(called) bool) {
	l.t.Helper()
	n, wrong := 0, 0
	for _, c := range l.all() {
		if c.Begin <= span[0] || c.End >= span[1] {
			continue
		}
		if n++; !right(c) {
			if wrong++; wrong <= 3 {
				l.t.Errorf("%s %s: %s, want %s", l.agent, when, c, want)
			}
		}
	}
	if n < 3 {
		l.t.Errorf("%s %s: %d calls, want some", l.agent, when, n)
	}
	l.t.Logf("%s %s: %d calls, %d wrong", l.agent, when, n, wrong)
}

// neverAgain fails the test if a call succeeded after one that was refused.
func (l *loop) neverAgain() {
	l.t.Helper()
	refused := false
	for _, c := range l.all() {
		if refused && c.OK {
			l.t.Errorf("%s: %s after it was refused, want it never to succeed again", l.agent, c)
		}
		refused = refused || !c.OK
	}
}
