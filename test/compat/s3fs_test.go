package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"coffer/test/harness"
)

// TestS3FS mounts a bucket, with a key that may do nothing outside of it, and works
// there as in any folder.
func TestS3FS(t *testing.T) {
	t.Parallel()
	const bucket = "mounted"
	path := tool(t, "s3fs", "apt-get install s3fs")
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		missing(t, "FUSE", err.Error())
	}
	_ = device.Close()
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	all := newGoSDK(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret})
	if err := all.MakeBucket(bucket); err != nil {
		t.Fatal(err)
	}
	root := mountS3FS(t, s, path, bucket)

	small, large := text(t, "small"), file(t, 25*mib)
	made, kept := filepath.Join(root, "made"), filepath.Join(root, "kept & renamed")
	if err := os.Mkdir(made, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"a b+c ü": small, "large": large} {
		must(t, environ(), "cp", from, filepath.Join(made, name))
	}
	if err := os.Rename(made, kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(kept, "large"), filepath.Join(root, "large")); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(kept, "a b+c ü"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(" and more"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatalf("close what was appended to: %v", err)
	}
	for key, from := range map[string]string{"kept & renamed/a b+c ü": text(t, "small and more"), "large": large} {
		want := sum(t, from)
		if got := sum(t, filepath.Join(root, key)); got != want {
			t.Errorf("%s in the folder is %s, want %s", key, got, want)
		}
		to := filepath.Join(t.TempDir(), "got")
		if err := all.Get(bucket, key, to); err != nil {
			t.Errorf("get %s: %v", key, err)
		} else if got := sum(t, to); got != want {
			t.Errorf("%s in the bucket is %s, want %s", key, got, want)
		}
	}
	if err := os.Remove(filepath.Join(root, "large")); err != nil {
		t.Fatal(err)
	}
	got, err := all.List(bucket, "", "", 0)
	if want := []string{"kept & renamed/", "kept & renamed/a b+c ü"}; err != nil || !slices.Equal(got.Keys, want) {
		t.Errorf("the bucket holds %q, %v, want %q", got.Keys, err, want)
	}
}

// mountS3FS mounts a bucket until the test ends, and returns where.
func mountS3FS(t *testing.T, s *harness.Server, path, bucket string) string {
	t.Helper()
	made := s.Command("key", "create", "--name", "mount", "--preset", "read-write", "--bucket", bucket, "--json")
	var key struct {
		Current struct {
			ID     string `json:"access_key_id"`
			Secret string `json:"secret_access_key"`
		} `json:"current"`
	}
	decode(t, made.Stdout, &key)
	s.Hide(key.Current.Secret)
	root := t.TempDir()
	must(t, environ(), path, bucket, root, "-o", "url="+s.Endpoint, "-o", "use_path_request_style", "-o", "endpoint="+region,
		"-o", "passwd_file="+text(t, key.Current.ID+":"+key.Current.Secret))
	t.Cleanup(func() {
		if out, err := exec.Command("fusermount", "-u", root).CombinedOutput(); err != nil { // the test's context has ended
			t.Errorf("unmount: %v %s", err, out)
		}
	})
	return root
}
