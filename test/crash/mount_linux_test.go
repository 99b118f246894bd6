package crash_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// diskImage is a file system in a file that can be mounted.
type diskImage struct {
	t       *testing.T
	kind    string // ext4 or xfs
	image   string
	dir     string // where it is mounted
	mounted bool
}

// newDisk makes a file system of a size in bytes and mounts it, or skips the
// test where that is not possible. It is gone when the test ends.
func newDisk(t *testing.T, kind string, size int64) *diskImage {
	t.Helper()
	need(t, "mkfs."+kind, "losetup", "mount")
	tmp := t.TempDir()
	d := &diskImage{t: t, kind: kind, image: filepath.Join(tmp, "image"), dir: filepath.Join(tmp, "mnt")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	makeFileSystem(t, kind, d.image, size)
	t.Cleanup(func() {
		if d.mounted {
			d.unmount()
		}
		if out, err := exec.Command("losetup", "-j", d.image).Output(); err == nil && len(out) > 0 {
			device, _, _ := strings.Cut(string(out), ":")
			if out, err := exec.Command("losetup", "-d", device).CombinedOutput(); err != nil {
				t.Errorf("give back %s: %v\n%s", device, err, out)
			}
		}
	})
	if err := d.tryMount(); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: loop devices cannot be mounted here: %v", err)
	}
	return d
}

// makeFileSystem makes an empty file system of a size in bytes in a new file. It has the
// defaults of the tools, so that what is tested is what people have.
func makeFileSystem(t *testing.T, kind, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-q", path}
	if kind == "ext4" {
		args = []string{"-q", "-F", path}
	}
	if out, err := exec.Command("mkfs."+kind, args...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v\n%s", kind, err, out)
	}
}

// need skips the test without root or without a tool.
func need(t *testing.T, tools ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOT TESTED: mounting needs root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOT TESTED: %v (Debian: e2fsprogs, xfsprogs, mount)", err)
		}
	}
}

// data is the folder for a server on the disk.
func (d *diskImage) data() string { return filepath.Join(d.dir, "data") }

func (d *diskImage) tryMount() error {
	if out, err := exec.Command("mount", "-t", d.kind, "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mount %s: %w: %s", d.kind, err, out)
	}
	d.mounted = true
	return nil
}

// mount mounts the disk, which replays its journal.
func (d *diskImage) mount() {
	d.t.Helper()
	if err := d.tryMount(); err != nil {
		d.t.Fatal(err)
	}
}

// unmount waits a little for files that a killed process had open.
func (d *diskImage) unmount() {
	d.t.Helper()
	var err error
	if !within(10*time.Second, func() bool {
		err = unix.Unmount(d.dir, 0)
		return !errors.Is(err, unix.EBUSY)
	}) || err != nil {
		d.t.Errorf("unmount %s: %v", d.dir, err)
		// Nothing of it may stay behind, whatever happened.
		_ = unix.Unmount(d.dir, unix.MNT_DETACH)
	}
	d.mounted = false
}

// remount mounts the disk again with an option such as "ro".
func (d *diskImage) remount(option string) {
	d.t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+option, d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("remount %s: %v\n%s", option, err, out)
	}
}

// sync writes out all that the disk has in memory.
func (d *diskImage) sync() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err == nil {
		err = errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
	}
	if err != nil {
		d.t.Fatalf("sync %s: %v", d.dir, err)
	}
}

// The ioctl that cuts a file system off its device, of ext4 and XFS alike:
// _IOR('X', 125, __u32), and the flag that leaves the journal unwritten, as a
// power cut would (linux/fs.h of ext4, FS_IOC_SHUTDOWN).
const (
	shutdownRequest    = 0x8004587d
	shutdownNoLogFlush = 2
)

// cutPower stops all writing to the disk at once: what was not synced is lost.
func (d *diskImage) cutPower() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatalf("cut the power: %v", err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdownRequest, shutdownNoLogFlush); err != nil {
		if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			d.t.Skipf("SKIPPED, NOT TESTED: %s has no shutdown ioctl here: %v", d.kind, err)
		}
		d.t.Fatalf("cut the power: %v", err)
	}
}
