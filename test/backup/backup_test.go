// Package backup makes backups of the real program with the real program, kills
// either, and restores them on what stands for another machine.
package backup

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
	"coffer/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// call makes a signed request and returns the status and the body.
func call(t *testing.T, s *harness.Server, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, s.AccessKeyID, s.Secret, "auto", "s3", "UNSIGNED-PAYLOAD", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func want(t *testing.T, s *harness.Server, method, path, body string, status int) string {
	t.Helper()
	got, answer := call(t, s, method, path, body)
	if got != status {
		t.Fatalf("%s %s = %d %.300s, want %d", method, path, got, answer, status)
	}
	return answer
}

// run runs a command that must end with a code, and returns what it printed.
func run(t *testing.T, code int, env []string, args ...string) string {
	t.Helper()
	r := harness.Run(t, env, args...)
	if r.Code != code {
		t.Fatalf("coffer %s = %d, want %d; it said:\n%s%s", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	return r.Stdout + r.Stderr
}

type manifest struct {
	ID           string
	Blobs, Added int
}

func create(t *testing.T, s *harness.Server, env []string, dest string) manifest {
	t.Helper()
	r := harness.Run(t, env, "backup", "create", dest, "--incremental", "--json", "--data", s.Data)
	var m manifest
	if err := json.Unmarshal([]byte(r.Stdout), &m); err != nil || r.Code != 0 {
		t.Fatalf("backup create = %d: %v; it said:\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return m
}

const plain = "what is in the object, which nobody may read "

// TestABackupGoesToAnotherCofferAndBack has its place in a bucket of a second
// server, and is restored with nothing of the first but its master key.
func TestABackupGoesToAnotherCofferAndBack(t *testing.T) {
	from, place := harness.Start(t, harness.Options{}), harness.Start(t, harness.Options{})
	want(t, place, "PUT", "/backups", "", http.StatusOK)
	want(t, from, "PUT", "/photos", "", http.StatusOK)
	want(t, from, "PUT", "/photos?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, http.StatusOK)
	long := strings.Repeat(plain, 5000)
	for i := range 3 {
		want(t, from, "PUT", "/photos/small", fmt.Sprintf("%d %s", i, plain), http.StatusOK)
		want(t, from, "PUT", "/photos/long", fmt.Sprintf("%d %s", i, long), http.StatusOK)
	}
	want(t, from, "DELETE", "/photos/small", "", http.StatusNoContent)
	listed := want(t, from, "GET", "/photos?versions", "", http.StatusOK)

	env := []string{"COFFER_BACKUP_ACCESS_KEY_ID=" + place.AccessKeyID, "COFFER_BACKUP_SECRET_ACCESS_KEY=" + place.Secret}
	dest := "s3://backups/of/photos?endpoint=" + place.Endpoint
	first := create(t, from, env, dest)
	want(t, from, "PUT", "/photos/later", long, http.StatusOK)
	second := create(t, from, env, dest)
	if first.Blobs != 3 || first.Added != 3 || second.Blobs != 4 || second.Added != 1 {
		t.Errorf("the backups are %+v and %+v, want 3 blobs, then 4 of which 1 is new", first, second)
	}
	run(t, 0, env, "backup", "verify", dest, first.ID, "--data", from.Data)
	wrong := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(wrong, []byte(strings.Repeat("0", 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := run(t, 1, env, "backup", "list", dest, "--master-key-file", wrong); !strings.Contains(text, "another master key") {
		t.Errorf("list with a wrong master key says %q, want that it is wrong", text)
	}
	key := filepath.Join(t.TempDir(), "kept.key")
	b, err := os.ReadFile(filepath.Join(from.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, b, 0o600); err != nil {
		t.Fatal(err)
	}
	from.Stop()

	data := filepath.Join(t.TempDir(), "restored")
	run(t, 0, env, "backup", "restore", dest, first.ID, "--data", data, "--master-key-file", key)
	run(t, 1, env, "backup", "restore", dest, first.ID, "--data", data, "--master-key-file", key)
	back := harness.Start(t, harness.Options{Data: data, AccessKeyID: from.AccessKeyID, Secret: from.Secret, Args: []string{"--master-key-file", key}})
	if got := want(t, back, "GET", "/photos?versions", "", http.StatusOK); got != listed {
		t.Errorf("the versions after the restore are\n%s\nwant\n%s", got, listed)
	}
	if got := want(t, back, "GET", "/photos/long", "", http.StatusOK); got != "2 "+long {
		t.Errorf("GET /photos/long has %d bytes, want %d", len(got), len(long)+2)
	}
	want(t, back, "GET", "/photos/small", "", http.StatusNotFound)
	want(t, back, "GET", "/photos/later", "", http.StatusNotFound)

	run(t, 0, env, "backup", "prune", dest, "--keep", "1", "--master-key-file", key)
	run(t, 0, env, "backup", "verify", dest, "--master-key-file", key)
	if text := run(t, 1, env, "backup", "verify", dest, first.ID, "--master-key-file", key); !strings.Contains(text, "has no backup") {
		t.Errorf("verify of a pruned backup says %q, want that there is none", text)
	}
}

// TestAKilledBackupIsNone kills backups while they copy. None of them counts, none
// keeps the server from making another, and what they copied is used.
func TestAKilledBackupIsNone(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	want(t, s, "PUT", "/bucket", "", http.StatusOK)
	const blobs = 60
	for i := range blobs {
		want(t, s, "PUT", fmt.Sprintf("/bucket/%d", i), fmt.Sprint(i)+strings.Repeat(plain, 20_000), http.StatusOK)
	}
	dest := filepath.Join(t.TempDir(), "backup")
	copied := 0
	for range 3 {
		cmd := exec.Command(harness.Binary(t), "backup", "create", dest, "--incremental", "--data", s.Data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := copied
		for deadline := time.Now().Add(time.Minute); copied < before+5 && time.Now().Before(deadline); {
			copied = count(t, filepath.Join(dest, "blobs"))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Skip("the machine was too fast: the backup was made before it was killed")
		}
		if n := count(t, filepath.Join(dest, "backups")); n != 0 {
			t.Fatalf("%d backups are there after a kill, want none", n)
		}
	}
	copied = count(t, filepath.Join(dest, "blobs"))
	// The server still has all blobs, and lets go of those of deleted objects.
	want(t, s, "DELETE", "/bucket/0", "", http.StatusNoContent)
	m := create(t, s, nil, dest)
	if m.Blobs != blobs-1 || m.Added > blobs-copied {
		t.Errorf("the backup after the kills is %+v, want %d blobs, at most %d new", m, blobs-1, blobs-copied)
	}
	run(t, 0, nil, "backup", "verify", dest, "--data", s.Data)

	// A restore that is killed leaves what no server takes for data.
	data := filepath.Join(t.TempDir(), "new")
	restore := []string{"backup", "restore", dest, "--data", data, "--master-key-file", filepath.Join(s.Data, "master.key")}
	cmd := exec.Command(harness.Binary(t), restore...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); count(t, filepath.Join(data, "blobs")) < 5 && time.Now().Before(deadline); {
	}
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err != nil {
		text := run(t, 1, nil, "serve", "--data", data, "--s3-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
			"--master-key-file", filepath.Join(s.Data, "master.key"))
		if !strings.Contains(text, "half a restore") {
			t.Errorf("serve on half a restore says %q, want a refusal", text)
		}
	}
}

// count counts the files below a folder.
func count(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
