package crash_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"coffer/test/harness"
)

const (
	// bootLimit only tells a hang from a slow machine that is emulated on a busy one.
	bootLimit = 5 * time.Minute
	// guestAddress is what QEMU's user network gives a machine.
	guestAddress = "10.0.2.15"
	guestMemory  = "1024"
)

// guestModules are what a kernel of Debian's cloud flavour needs for its disk and its
// network, each behind those that it needs itself.
var guestModules = []string{
	"drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev",
	"drivers/virtio/virtio_pci", "drivers/block/virtio_blk", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
}

// TestPowerCutOfAMachineLosesNothing ends a whole machine without a word under load:
// an emulated one, with a kernel, a file system and a server of its own. Its disk has
// what that kernel wrote; what it had in memory is gone.
func TestPowerCutOfAMachineLosesNothing(t *testing.T) {
	seed := newSeed(t)
	m := newMachine(t)
	c := m.start()
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	draw := rand.New(rand.NewPCG(seed, 6))
	var acked, unknown int64
	for cycle := range rounds(t, 10, 60) {
		load := newLoad(l, c, cycle, 5+draw.Int64N(50))
		endUnder(t, load, time.Duration(draw.Int64N(int64(200*time.Millisecond))), m.cut)
		acked, unknown = acked+load.acked.Load(), unknown+load.unknown.Load()
		c.close()
		c = m.start()
		l.check(c)
		l.checkUploads(c, draw)
		if report(t, l, cycleName(cycle)); t.Failed() {
			return
		}
	}
	t.Logf("%d power cuts, %d acknowledged writes, %d without an answer", m.starts-1, acked, unknown)
	if acked < int64(m.starts) || unknown == 0 {
		t.Errorf("%d writes were acknowledged and %d cut off: the load tests nothing", acked, unknown)
	}
}

// TestPowerCutOfAMachineLosesWhatIsNotSynced proves that the test above can fail.
func TestPowerCutOfAMachineLosesWhatIsNotSynced(t *testing.T) {
	seed := newSeed(t)
	m := newMachine(t, "--unsafe-no-sync")
	c := m.start()
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	load := newLoad(l, c, 0, 50)
	endUnder(t, load, 0, m.cut)
	if before := l.takeProblems(); len(before) > 0 {
		t.Fatalf("before the power was cut: %q", before)
	}
	if err := m.boot(); err != nil {
		t.Logf("the unsafe server does not start any more: %v", err)
		return
	}
	l.check(m.client())
	if lost := l.takeProblems(); len(lost) == 0 {
		t.Errorf("of %d writes that were acknowledged without a sync all are there after the power cut: it cuts nothing", load.acked.Load())
	}
}

// machine is an emulated machine, over any number of starts, that runs nothing but a
// server.
type machine struct {
	t       *testing.T
	qemu    []string
	console string // the file with all that it printed
	port    int
	server  *harness.Server // where it is and how to sign, no process of this machine
	starts  int
	cmd     *exec.Cmd
	ended   chan struct{}
}

// newMachine makes a machine with a disk that is empty, or skips the test where that is
// not possible. The arguments are added to those of the server.
func newMachine(t *testing.T, arguments ...string) *machine {
	t.Helper()
	if !long() {
		t.Skip("SKIPPED, NOT TESTED: in the long form only, since a machine that is emulated takes its time to start")
	}
	for _, tool := range []string{"qemu-system-x86_64", "busybox", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOT TESTED: %v (Debian: qemu-system-x86, busybox-static, e2fsprogs)", err)
		}
	}
	kernel, modules := guestKernel(t)
	dir := t.TempDir()
	m := &machine{t: t, console: filepath.Join(dir, "console"), port: freePort(t)}
	m.server = &harness.Server{Endpoint: fmt.Sprintf("http://127.0.0.1:%d", m.port), AccessKeyID: "TESTMACHINE000000000", Secret: strings.Repeat("secret00", 5)}
	disk, memory := filepath.Join(dir, "disk"), filepath.Join(dir, "initramfs")
	makeFileSystem(t, "ext4", disk, powerDiskBytes)
	if err := m.pack(memory, modules, arguments); err != nil {
		t.Fatalf("make the machine's first file system: %v", err)
	}
	m.qemu = []string{"-accel", "tcg,thread=multi", "-m", guestMemory, "-smp", "2", "-nodefaults", "-no-reboot", "-display", "none",
		"-kernel", kernel, "-initrd", memory, "-append", "console=ttyS0 quiet panic=-1",
		"-chardev", "file,id=console,append=on,path=" + m.console, "-serial", "chardev:console",
		"-drive", "file=" + disk + ",format=raw,if=virtio,cache=writeback",
		"-netdev", fmt.Sprintf("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-%s:9000", m.port, guestAddress), "-device", "virtio-net-pci,netdev=net"}
	t.Cleanup(m.cut)
	return m
}

// guestKernel finds a kernel and the folder of its modules: the machine's own, or those
// of a package that was unpacked where COFFER_TEST_KERNEL says.
func guestKernel(t *testing.T) (kernel, modules string) {
	t.Helper()
	root := cmp.Or(os.Getenv("COFFER_TEST_KERNEL"), "/")
	for _, path := range glob(t, root, "boot/vmlinuz-*-cloud-amd64") {
		modules := filepath.Join(root, "lib/modules", strings.TrimPrefix(filepath.Base(path), "vmlinuz-"), "kernel")
		if _, err := os.Stat(filepath.Join(modules, guestModules[0]+".ko")); err == nil {
			return path, modules
		}
	}
	t.Skipf("SKIPPED, NOT TESTED: there is no kernel for a machine below %s (Debian: linux-image-cloud-amd64, also unpacked in a folder that COFFER_TEST_KERNEL names)", root)
	return "", ""
}

func glob(t *testing.T, root, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// pack makes what the kernel starts from: the program, and a first process that mounts
// the disk and becomes the server. A server that ends takes the machine with it.
func (m *machine) pack(path, modules string, arguments []string) error {
	root := m.t.TempDir()
	var script strings.Builder
	script.WriteString("#!/busybox sh\n/busybox mount -t proc none /proc\n/busybox mount -t devtmpfs none /dev\n")
	for _, module := range guestModules {
		b, err := os.ReadFile(filepath.Join(modules, module+".ko"))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, filepath.Base(module)), b, 0o600)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(&script, "/busybox insmod /%s\n", filepath.Base(module))
	}
	fmt.Fprintf(&script, "/busybox ip addr add %s/24 dev eth0\n/busybox ip link set lo up\n/busybox ip link set eth0 up\n/busybox mount -t ext4 /dev/vda /srv\n", guestAddress)
	fmt.Fprintf(&script, "export HOME=/ COFFER_ROOT_ACCESS_KEY_ID=%s COFFER_ROOT_SECRET_ACCESS_KEY=%s\n", m.server.AccessKeyID, m.server.Secret)
	fmt.Fprintf(&script, "exec /coffer serve --data /srv/data --s3-addr %s:9000 --log-level error %s\n", guestAddress, strings.Join(arguments, " "))
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	errs := []error{os.WriteFile(filepath.Join(root, "init"), []byte(script.String()), 0o700), os.WriteFile(filepath.Join(root, "busybox"), program, 0o700)}
	for _, dir := range []string{"proc", "dev", "srv"} {
		errs = append(errs, os.Mkdir(filepath.Join(root, dir), 0o700))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// There are no libraries in the machine.
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(root, "coffer"), "coffer/cmd/coffer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	names, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		return err
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	archive, err := os.Create(path)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cpio := exec.Command(busybox, "cpio", "-o", "-H", "newc")
	cpio.Dir, cpio.Stdin, cpio.Stdout, cpio.Stderr = root, strings.NewReader(strings.Join(names, "\n")), archive, &said
	if err := cpio.Run(); err != nil {
		return fmt.Errorf("cpio: %w: %s", errors.Join(err, archive.Close()), said.String())
	}
	return archive.Close()
}

// start is boot for a machine that must come up.
func (m *machine) start() *client {
	m.t.Helper()
	if err := m.boot(); err != nil {
		m.t.Fatal(err)
	}
	return m.client()
}

func (m *machine) client() *client { return newClient(m.server, "machine") }

// boot switches the machine on and returns when its server answers.
func (m *machine) boot() error {
	m.t.Helper()
	m.starts++
	m.cmd, m.ended = exec.Command("qemu-system-x86_64", m.qemu...), make(chan struct{})
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return fmt.Errorf("start the machine: %w", err)
	}
	go func() {
		_ = m.cmd.Wait()
		close(m.ended)
	}()
	ended := func() bool {
		select {
		case <-m.ended:
			return true
		default:
			return false
		}
	}
	if !within(bootLimit, func() bool { return m.answers() || ended() }) || ended() {
		return fmt.Errorf("the machine does not come up; it said:\n%s", m.said())
	}
	return nil
}

func (m *machine) answers() bool {
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, m.server.Endpoint, nil)
	if err != nil {
		return false
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	return r.Body.Close() == nil
}

// said is the end of what the machine printed.
func (m *machine) said() string {
	b, err := os.ReadFile(m.console)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// cut takes the power away. Nothing of the machine is asked to do anything before.
func (m *machine) cut() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	<-m.ended
	http.DefaultClient.CloseIdleConnections()
	m.cmd = nil
}
