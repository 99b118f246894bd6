package api

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketIsForItsUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "another server answers there") {
		t.Errorf("a second ListenUnix = %v, want that another server answers", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(names) != 0 {
		t.Errorf("Close left %q", names)
	}
}

func TestAStaleSocketIsReplacedAndAFileIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as kill -9 leaves it
	dead.Close()
	opt, _ := newOptions(t)
	if _, err := Dial(path).Instance(t.Context()); !isNoServer(err, filepath.Dir(path)) {
		t.Errorf("a call on a stale socket = %v, want that no server is running", err)
	}
	if _, err := newClient(t, path, opt).Instance(t.Context()); err != nil {
		t.Errorf("a call after the stale socket was replaced: %v", err)
	}

	file := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(file); err == nil {
		t.Error("ListenUnix took the place of a file")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file now has %q, %v", b, err)
	}
}

// TestASocketElsewhereIsFoundByItsLink is what ListenUnix does on a file system without
// sockets.
func TestASocketElsewhereIsFoundByItsLink(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "admin.sock")
	for range 2 { // the second time in the place of a link that a killed server left
		l, err := listenElsewhere(path)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dial(t.Context(), path)
		if err != nil {
			t.Fatalf("dial by the link: %v", err)
		}
		conn.Close()
		if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "another server answers there") {
			t.Errorf("a second ListenUnix = %v, want that another server answers", err)
		}
		target, err := os.Readlink(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Dir(target)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder of the socket has mode %v, %v, want 0700", info.Mode(), err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, dir := range []string{filepath.Dir(path), os.TempDir()} {
			if names, _ := filepath.Glob(dir + "/*"); len(names) != 0 {
				t.Errorf("Close left %q", names)
			}
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatalf("ListenUnix in the place of a link to nothing: %v", err)
	}
	l.Close()
}

func TestALongPathWorks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120), strings.Repeat("e", 120))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	if _, err := Dial(path).Instance(t.Context()); !isNoServer(err, dir) {
		t.Errorf("a call without a server = %v, want that none is running", err)
	}
	opt, _ := newOptions(t)
	c := newClient(t, path, opt)
	if _, err := c.Instance(t.Context()); err != nil {
		t.Errorf("Instance: %v", err)
	}
	if _, err := ListenUnix(path); err == nil {
		t.Error("a second ListenUnix took the socket")
	}
	name := filepath.Join(dir, strings.Repeat("s", 120))
	if _, err := ListenUnix(name); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("ListenUnix of a long name = %v, want that it is too long", err)
	}
}

func TestNoServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	_, err := Dial(filepath.Join(dir, "admin.sock")).ListAccounts(t.Context())
	if !isNoServer(err, dir) {
		t.Errorf("ListAccounts = %v, want that no server is running", err)
	}
}

func isNoServer(err error, dir string) bool {
	_, ok := errors.AsType[*NoServerError](err)
	return ok && err.Error() == "no server is running on "+dir+": start it with coffer serve --data "+dir
}
