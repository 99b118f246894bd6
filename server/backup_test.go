package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
	"coffer/backup"
	"coffer/keys"
	"coffer/sigv4"
)

// signed makes a request with a key, and returns the status and the body.
func signed(t *testing.T, s *Server, id, secret, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.s3.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, id, secret, "auto", "s3", "UNSIGNED-PAYLOAD", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String()
}

func makeBackup(t *testing.T, cfg Config, dest string) (*backup.Repository, backup.Manifest) {
	t.Helper()
	key, err := BackupKey(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store, err := backup.At(dest, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	c := api.Dial(SocketPath(cfg.Data))
	m, err := backup.Create(t.Context(), &backup.Client{HTTP: c.HTTP, Base: c.Base}, store, key, rand.Reader, backup.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := backup.Open(t.Context(), store, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return repo, m
}

// TestABackupWhileClientsWriteIsRestored overwrites pairs of objects, the second
// of a pair after the first, while a backup is made. What is restored has every
// object whole, and no second that is newer than its first.
func TestABackupWhileClientsWriteIsRestored(t *testing.T) {
	cfg := testConfig(t)
	const id, secret = "CFAKADMINADMINADMIN0", "a-secret-of-more-than-forty-characters-0123456789"
	cfg.RootAccessKeyID, cfg.RootSecretAccessKey = id, coffer.NewSecretFrom(secret)
	s := open(t, cfg)
	stop := start(t, s)
	const plain = "the text of an object that nobody may read "
	long := strings.Repeat(plain, 4000) // a blob
	put := func(name string, round int, text string) {
		t.Helper()
		if status, answer := signed(t, s, id, secret, "PUT", "/bucket/"+name, fmt.Sprintf("%06d", round)+text); status != http.StatusOK {
			t.Errorf("PUT %s = %d %s", name, status, answer)
		}
	}
	if status, answer := signed(t, s, id, secret, "PUT", "/bucket", ""); status != http.StatusOK {
		t.Fatalf("PUT /bucket = %d %s", status, answer)
	}
	revoked, revokedSecret, err := s.stores.keys.As(starter()).Create(t.Context(), s.root.account, keys.CreateInput{Name: "revoked"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.stores.keys.As(starter()).Delete(t.Context(), string(revoked.ID)); err != nil {
		t.Fatal(err)
	}
	const pairs = 4
	round := func(n int) {
		for i := range pairs {
			put(fmt.Sprintf("first-%d", i), n, long)
			put(fmt.Sprintf("second-%d", i), n, []string{"small", long}[i%2])
		}
	}
	round(0)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	began := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ctx.Err() == nil; n++ {
			round(n)
			if n == 2 {
				close(began)
			}
		}
	}()
	<-began
	dest := filepath.Join(t.TempDir(), "backup")
	repo, m := makeBackup(t, cfg, dest)
	end()
	<-done
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	checkUnreadable(t, dest, plain, "first-", "bucket", secret, revokedSecret.Reveal())
	if len(m.Damaged) != 0 {
		t.Errorf("the backup lacks %d blobs: the server deleted them while it was made", len(m.Damaged))
	}

	to := testConfig(t)
	to.MasterKeyFile = filepath.Join(cfg.Data, masterKeyName)
	if r, err := Restore(t.Context(), to, repo, m, backup.RestoreOptions{}); err != nil || r.Damaged != 0 {
		t.Fatalf("Restore = %+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(to.Data, masterKeyName)); err == nil {
		t.Error("the restore wrote a master key")
	}
	s = open(t, to)
	start(t, s)
	for i := range pairs {
		var rounds [2]string
		for j, name := range []string{"first", "second"} {
			status, body := signed(t, s, id, secret, "GET", fmt.Sprintf("/bucket/%s-%d", name, i), "")
			want := []string{"small", long}[i%2]
			if j == 0 {
				want = long
			}
			if status != http.StatusOK || len(body) < 6 || body[6:] != want {
				t.Fatalf("GET %s-%d after the restore = %d with %d bytes, want 200 with %d", name, i, status, len(body), len(want)+6)
			}
			rounds[j] = body[:6]
		}
		if rounds[1] > rounds[0] {
			t.Errorf("pair %d is of the rounds %s and %s: the backup is not one moment", i, rounds[0], rounds[1])
		}
	}
	if status, _ := signed(t, s, string(revoked.Current.AccessKeyID), revokedSecret.Reveal(), "GET", "/bucket", ""); status != http.StatusForbidden {
		t.Errorf("GET with a key that was revoked before the backup = %d, want 403", status)
	}
	if status, body := signed(t, s, id, secret, "PUT", "/bucket/new", long); status != http.StatusOK {
		t.Errorf("PUT after the restore = %d %s", status, body)
	}
	if done, err := s.stores.objects.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || done.Orphans != 0 {
		t.Errorf("Sweep after the restore = %+v, %v, want nothing that nobody names", done, err)
	}
}

// checkUnreadable looks for texts in every file below a folder, and in their names.
func checkUnreadable(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) || strings.Contains(strings.TrimPrefix(path, dir), text) {
				t.Errorf("%s has %q in it", path, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataDisks = []string{t.TempDir()}
	s := open(t, cfg)
	stop := start(t, s)
	repo, m := makeBackup(t, cfg, filepath.Join(t.TempDir(), "backup"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(cfg.Data, masterKeyName)
	newer := m
	newer.DataFormat = formatVersion + 1
	for _, tt := range []struct {
		name   string
		change func(*Config) backup.Manifest
		want   string
	}{
		{"AFolderWithFiles", func(c *Config) backup.Manifest {
			c.Data = t.TempDir()
			if err := os.WriteFile(filepath.Join(c.Data, "x"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return m
		}, "not empty"},
		{"NoMasterKey", func(c *Config) backup.Manifest { c.MasterKeyFile = ""; return m }, "no master key"},
		{"DataOfANewerVersion", func(*Config) backup.Manifest { return newer }, "format"},
		{"OneDiskTooMany", func(c *Config) backup.Manifest {
			c.DataDisks = []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
			return m
		}, "data-disks names 2"},
	} {
		to := testConfig(t)
		to.MasterKeyFile = key
		manifest := tt.change(&to)
		if _, err := Restore(t.Context(), to, repo, manifest, backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Restore = %v, want a refusal with %q", tt.name, err, tt.want)
		}
	}
	// A folder with nothing but the master key is as good as an empty one, and a disk
	// that is not told of comes into the data folder.
	to := testConfig(t)
	if err := os.MkdirAll(to.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to.Data, masterKeyName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	// However it is named.
	t.Chdir(to.Data)
	to.MasterKeyFile = masterKeyName
	r, err := Restore(t.Context(), to, repo, m, backup.RestoreOptions{})
	if err != nil || len(r.DataDisks) != 1 || !strings.HasPrefix(r.DataDisks[0], to.Data) {
		t.Fatalf("Restore = %+v, %v, want one more disk in the data folder", r, err)
	}
	to.DataDisks = r.DataDisks
	open(t, to)
}

// TestAServerDoesNotStartOnHalfARestore ends a restore in its middle.
func TestAServerDoesNotStartOnHalfARestore(t *testing.T) {
	cfg := testConfig(t)
	stop := start(t, open(t, cfg))
	repo, m := makeBackup(t, cfg, filepath.Join(t.TempDir(), "backup"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	m.SHA256 = "of other records" // which is found after the last of them
	to := testConfig(t)
	to.MasterKeyFile = filepath.Join(cfg.Data, masterKeyName)
	if _, err := Restore(t.Context(), to, repo, m, backup.RestoreOptions{}); err == nil {
		t.Fatal("Restore = nil, want the damage")
	}
	if text := refusal(t, to); !strings.Contains(text, "half a restore") {
		t.Errorf("New on half a restore = %q, want a refusal", text)
	}
	// The records refuse by themselves, too.
	if err := os.Remove(filepath.Join(to.Data, restoringName)); err != nil {
		t.Fatal(err)
	}
	if text := refusal(t, to); !strings.Contains(text, "format record") {
		t.Errorf("New on half of the records = %q, want a refusal", text)
	}
}

func TestStoppingEndsABackup(t *testing.T) {
	cfg := testConfig(t)
	s := open(t, cfg)
	stop := start(t, s)
	c := api.Dial(SocketPath(cfg.Data))
	resp, err := c.HTTP.Post("http://coffer/backup/snapshot", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	began := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > cfg.DrainTimeout/2 {
		t.Errorf("stopping took %s with a snapshot out, want no wait for it", took)
	}
}

// TestAStopWaitsForNoBackupThatIsSuspended, in the middle of reading the snapshot.
func TestAStopWaitsForNoBackupThatIsSuspended(t *testing.T) {
	cfg := testConfig(t)
	cfg.DrainTimeout = time.Hour
	cfg.RootAccessKeyID, cfg.RootSecretAccessKey = rootID, coffer.NewSecretFrom(rootSecret)
	s := open(t, cfg)
	stop := start(t, s)
	for i := range 50 { // more than the connection takes
		path := "/bucket"
		if i > 0 {
			path = fmt.Sprintf("/bucket/%d", i)
		}
		body := ""
		if i > 0 {
			body = strings.Repeat("x", 60<<10)
		}
		if status, answer := signed(t, s, rootID, rootSecret, "PUT", path, body); status != http.StatusOK {
			t.Fatalf("PUT %s = %d %s", path, status, answer)
		}
	}
	c := api.Dial(SocketPath(cfg.Data))
	resp, err := c.HTTP.Post(c.Base+"/backup/snapshot", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := resp.Body.Read(make([]byte, 1)); n != 1 || resp.StatusCode != http.StatusOK {
		t.Fatalf("the snapshot begins with %d bytes, status %d, %v", n, resp.StatusCode, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s.abandoned {
		t.Error("the server ended with a request under way")
	}
}
