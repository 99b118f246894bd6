package crash_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coffer/test/harness"
)

// serveArguments starts a server on any free ports.
func serveArguments(data string) []string {
	return []string{"serve", "--data", data, "--s3-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-level", "error"}
}

// refused starts a server that must say one sentence with each of the words,
// end with an exit code that is not 0, and leave every file as it was; only those
// for which may is true can have changed.
func refused(t *testing.T, data string, env []string, may func(path string) bool, words ...string) {
	t.Helper()
	before := tree(t, data)
	r := harness.Run(t, env, serveArguments(data)...)
	if r.Code <= 0 {
		t.Errorf("coffer serve = exit code %d, want one above 0; it said %q", r.Code, r.Stderr)
	}
	if strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("coffer serve said, want one line:\n%s", r.Stderr)
	}
	checkSentence(t, lastLine(r.Stderr), words...)
	after := tree(t, data)
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if is, ok := after[path]; !ok || is != before[path] {
			if may == nil || !may(path) {
				t.Errorf("the refused start changed %s (there afterwards: %t)", path, ok)
			}
		}
		delete(after, path)
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if may == nil || !may(path) {
			t.Errorf("the refused start made %s", path)
		}
	}
}

// checkSentence wants what an operator can act on: one line that names the
// program, without Go's words for a failure of the program itself.
func checkSentence(t *testing.T, line string, words ...string) {
	t.Helper()
	if !strings.HasPrefix(line, "coffer: ") || len(line) > 1000 || strings.Contains(line, "goroutine") {
		t.Errorf("the last line is %q, want one sentence that begins with \"coffer: \"", line)
	}
	for _, w := range words {
		if !strings.Contains(line, w) {
			t.Errorf("the last line is %q, want %q in it", line, w)
		}
	}
}

func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// tree maps each file of a folder to a hash of its content and mode. Locks and
// sockets, which are made by every start, are left out.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.EqualFold(d.Name(), "lock") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel == "ballast" { // 64 MiB of nothing
			files[rel] = fmt.Sprint(info.Mode(), info.Size())
			return nil
		}
		b, err := os.ReadFile(path)
		files[rel] = fmt.Sprintf("%s %x", info.Mode(), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatalf("read %s: %v", dir, err)
	}
	return files
}

// stopped is a data folder with objects that no server has open.
type stopped struct {
	server *harness.Server
	want   map[string]version
}

// newStopped makes objects and restarts in between, so that the metadata is in
// its tables and not only in its log.
func newStopped(t *testing.T) *stopped {
	t.Helper()
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "start")
	makeBucket(t, c)
	d := &stopped{server: s, want: map[string]version{}}
	for i := range 150 {
		key := fmt.Sprintf("dir-%d/object-%03d", i%7, i)
		size := int64(i * 100)
		if i%30 == 0 {
			size = 300 << 10
		}
		d.want[key] = mustPut(t, c, key, content(key, size))
	}
	c.close()
	for range 2 {
		s.Stop()
		s.Restart()
	}
	s.Stop()
	return d
}

// copy copies the data folder with its modes.
func (d *stopped) copy(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if out, err := exec.Command("cp", "-a", d.server.Data, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the data folder: %v\n%s", err, out)
	}
	return dir
}

// checkStarts starts the copy as it should be, and reads everything back.
func (d *stopped) checkStarts(t *testing.T, data string) {
	t.Helper()
	s := harness.Start(t, harness.Options{Data: data, AccessKeyID: d.server.AccessKeyID, Secret: d.server.Secret})
	for _, wrong := range expect(newClient(s, "start"), d.want) {
		t.Errorf("after a refused start: %s", wrong)
	}
	s.Stop()
}

// metadata is what opening the database may write: what its log holds becomes
// tables, which may be joined with others. That no record was harmed is seen when
// everything is read back.
func metadata(path string) bool { return filepath.Dir(path) == "meta" }

func TestRefusedStartHarmsNothing(t *testing.T) {
	d := newStopped(t)
	tests := []struct {
		name  string
		env   []string
		spoil spoiler
		may   func(path string) bool
		words []string
	}{
		{"WrongMasterKeyInTheEnvironment", []string{"COFFER_MASTER_KEY=" + strings.Repeat("5a", 32)}, nothing, metadata, []string{"master key"}},
		{"WrongMasterKeyInItsFile", nil, spoil(otherDigits, "master.key"), metadata, []string{"master key"}},
		{"MasterKeyCutInHalf", nil, spoil(half, "master.key"), metadata, []string{"master key"}},
		{"MasterKeyEmpty", nil, spoil(func([]byte) []byte { return nil }, "master.key"), metadata, []string{"master key"}},
		{"MasterKeyGone", nil, hide("master.key"), metadata, []string{"master key", "master.key"}},
		{"OtherSecretOfTheRootKey", []string{"COFFER_ROOT_ACCESS_KEY_ID=" + d.server.AccessKeyID, "COFFER_ROOT_SECRET_ACCESS_KEY=" + strings.Repeat("x", 40)},
			nothing, metadata, []string{"COFFER_ROOT_SECRET_ACCESS_KEY", "nothing was changed"}},
		{"MetadataGone", nil, hide("meta"), nil, []string{"metadata", "gone"}},
		{"DamagedManifest", nil, spoil(flip, "meta/MANIFEST-*"), nil, []string{"damaged"}},
		{"TruncatedManifest", nil, spoil(half, "meta/MANIFEST-*"), nil, []string{"damaged"}},
		{"TableGone", nil, hide("meta/*.sst"), nil, []string{"damaged"}},
		{"IdentityOfTheBlobsGone", nil, hide("blobs/identity"), metadata, []string{"blobs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := d.copy(t)
			repair := tt.spoil(t, data)
			refused(t, data, tt.env, tt.may, tt.words...)
			repair()
			d.checkStarts(t, data)
		})
	}
	t.Run("SecondServerOnTheSameFolder", func(t *testing.T) {
		d.server.Restart()
		r := harness.Run(t, nil, serveArguments(d.server.Data)...)
		if r.Code <= 0 {
			t.Errorf("the second coffer serve = exit code %d, want one above 0", r.Code)
		}
		checkSentence(t, lastLine(r.Stderr), d.server.Data)
		for _, wrong := range expect(newClient(d.server, "start"), d.want) {
			t.Errorf("after a second server: %s", wrong)
		}
	})
}
