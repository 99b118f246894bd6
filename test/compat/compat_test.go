// Package compat has the clients that people use talk to the real coffer
// binary: aws-cli, boto3, s3cmd, rclone, restic, s3fs, and the SDKs for JavaScript
// and Go. All but restic and s3fs go through one suite (suite_test.go), each with
// an adapter that says how the client is called and what it cannot do. The package
// knows nothing of coffer's insides.
//
// A client that is not installed is skipped, or with COFFER_TEST_REQUIRE=1 a
// failure. COFFER_TEST_LONG=1 takes larger trees.
package compat

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// region is the one that coffer tells its users to set. With us-east-1 some
// clients fall back to signatures that AWS itself does not take any more.
const region = "auto"

// commandTimeout tells a client that hangs from a slow machine.
const commandTimeout = 5 * time.Minute

func long() bool { return os.Getenv("COFFER_TEST_LONG") == "1" }

// missing skips the test because something is not installed, or fails it where
// the machine promises to have it.
func missing(t *testing.T, what, install string) {
	t.Helper()
	text := fmt.Sprintf("%s is not installed: %s", what, install)
	if os.Getenv("COFFER_TEST_REQUIRE") == "1" {
		t.Fatal(text)
	}
	t.Skip("SKIPPED, NOT TESTED: " + text)
}

// tools finds every program of a name, in the PATH and in Debian's folder: a
// machine may have an old and a new one, which put different things on the wire.
// Only those that can say their version count, one for each version.
func tools(t *testing.T, name, install string, versionArgs ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin") {
		path := filepath.Join(dir, name)
		out, err := exec.CommandContext(t.Context(), path, versionArgs...).Output()
		version := strings.Fields(string(out))
		if err != nil || len(version) == 0 {
			continue
		}
		if _, known := found[version[0]]; !known {
			found[version[0]] = path
		}
	}
	if len(found) == 0 {
		missing(t, name, install)
	}
	return found
}

// tool finds a program of which one version is enough.
func tool(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, install)
	}
	return path
}

// environ is an environment in which no client finds credentials, settings or a
// proxy of the person who runs the test.
func environ(more ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name)
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "RCLONE_") || strings.HasPrefix(name, "RESTIC_") ||
			strings.HasSuffix(name, "_PROXY") {
			continue
		}
		env = append(env, kv)
	}
	return append(append(env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "LC_ALL=C.UTF-8"), more...)
}

// run runs a client to its end and returns what it printed; the error bears what
// it said.
func run(t *testing.T, env []string, path string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	cmd.Dir = t.TempDir() // some clients leave files where they run
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %q: %w\n%s%s", filepath.Base(path), args, err, &stderr, &stdout)
	}
	return stdout.String(), nil
}

// must is run for what has to succeed.
func must(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	out, err := run(t, env, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// file makes a file of size bytes that do not compress, the same in every run.
func file(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.bin", size))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)}), size)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatalf("write %d bytes: %v", size, err)
	}
	return path
}

// text makes a file with a text.
func text(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sum is the size and the hash of a file: two files with the same are the same.
func sum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, SHA-256 %s", n, hex.EncodeToString(h.Sum(nil)))
}

// goSource is a folder of Go's own source: real files of all sizes, some empty,
// that every machine which runs this test has. The long form takes all of it.
func goSource(t *testing.T) string {
	t.Helper()
	src := filepath.Join(strings.TrimSpace(must(t, os.Environ(), "go", "env", "GOROOT")), "src")
	if long() {
		return src
	}
	some := t.TempDir()
	for _, dir := range []string{"net", "os"} {
		if err := os.CopyFS(filepath.Join(some, dir), os.DirFS(filepath.Join(src, dir))); err != nil {
			t.Fatal(err)
		}
	}
	return some
}

// timed runs one step and logs how long it took and the most memory that the
// server has had until then.
func timed(t *testing.T, s *harness.Server, what string, step func()) {
	t.Helper()
	begin := time.Now()
	step()
	took := time.Since(begin).Round(10 * time.Millisecond)
	memory := "unknown"
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID())); err == nil { // on Linux
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			memory = strings.TrimSpace(line)
		}
	}
	t.Logf("%s: %s, the server's peak memory is %s", what, took, memory)
}

// sameTree fails the test if two folders do not hold the same files.
func sameTree(t *testing.T, got, want string) {
	t.Helper()
	g, w := tree(t, got), tree(t, want)
	if len(w) == 0 {
		t.Fatalf("%s has no files: nothing is compared", want)
	}
	for name, content := range w {
		if g[name] != content {
			t.Errorf("%s is %q, want %q", name, g[name], content)
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%s is there, want it not to be", name)
		}
	}
}

// tree is every file below a folder with its sum.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[name] = sum(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// noErrors fails the test if the server took anything for an error of its own: no
// client is a reason for that. What is not implemented is no such error.
func noErrors(t *testing.T, s *harness.Server) {
	t.Helper()
	f, err := os.Open(s.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"level":"ERROR"`) && !strings.Contains(lines.Text(), `"code":"NotImplemented"`) {
			t.Errorf("the server logged an error: %s", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read the server's log: %v", err)
	}
}

// sorted is a copy in the order of UTF-8 bytes, which is S3's.
func sorted(keys []string) []string {
	return slices.Sorted(slices.Values(keys))
}
