package crash_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"coffer/test/harness"
)

// TestBackupOnADiskThatFillsHarmsNoOther fills the disk of the backups in the middle of
// one: it is none, the one before it is whole, and can be pruned down to while no byte is
// free. With room again the next one is made.
func TestBackupOnADiskThatFillsHarmsNoOther(t *testing.T) {
	disk := newDisk(t, "ext4", 64<<20)
	dest := filepath.Join(disk.dir, "backups")
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "backup")
	makeBucket(t, c)
	const objects, size = 8, 4 << 20
	put := func(round int) {
		t.Helper()
		for i := range objects {
			key := fmt.Sprintf("%d-%d", round, i)
			mustPut(t, c, key, content(key, size))
		}
	}
	command := func(code int, args ...string) harness.Result {
		t.Helper()
		r := s.Command(append([]string{"backup"}, args...)...)
		if r.Code != code {
			t.Fatalf("coffer backup %s = %d, want %d; it said:\n%s%s", args[0], r.Code, code, r.Stdout, r.Stderr)
		}
		return r
	}
	whole := func(when string) {
		t.Helper()
		if all, err := os.ReadDir(filepath.Join(dest, "backups")); err != nil || len(all) != 1 {
			t.Errorf("%s: there are %d backups, %v, want one", when, len(all), err)
		}
		command(0, "verify", dest)
	}
	put(1)
	command(0, "create", dest)
	put(2)
	for range 2 { // what was cut is gone on with, and meets the end again
		checkSentence(t, lastLine(command(1, "create", dest).Stderr), "space")
		whole("with a disk that is full")
	}
	command(0, "prune", dest, "--keep", "1")
	whole("after a prune on a disk that was full")
	for i := range objects {
		if r, err := c.do(request{method: http.MethodDelete, key: fmt.Sprintf("2-%d", i)}); err != nil || r.status != http.StatusNoContent {
			t.Fatalf("DELETE = %v, %v", r, err)
		}
	}
	command(0, "create", dest)
	command(0, "prune", dest, "--keep", "1")
	whole("with room again")
}

// TestPowerCutAfterABackupAndARestoreLosesNothing cuts the power of the disk that has the
// backups, or the restored data, as soon as the command has ended.
func TestPowerCutAfterABackupAndARestoreLosesNothing(t *testing.T) {
	kinds := []string{"ext4"}
	if long() {
		kinds = append(kinds, "xfs")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			seed := newSeed(t)
			draw := rand.New(rand.NewPCG(seed, 21))
			disk := newDisk(t, kind, powerDiskBytes)
			key := filepath.Join(t.TempDir(), "master.key")
			s := harness.Start(t, harness.Options{Args: []string{"--master-key-file", key}})
			from, c := s.Data, newClient(s, "kept")
			makeBucket(t, c)
			want := map[string]version{}
			command := func(args ...string) {
				t.Helper()
				args = append(append([]string{"backup"}, args...), "--master-key-file", key)
				if r := s.Command(args...); r.Code != 0 {
					t.Errorf("coffer backup %s = %d; it said:\n%s%s", args[1], r.Code, r.Stdout, r.Stderr)
				}
			}
			cut := func() {
				t.Helper()
				disk.cutPower()
				disk.unmount()
				disk.mount()
			}
			dest := filepath.Join(disk.dir, "of", "coffer", "backups")
			for cycle := range rounds(t, 2, 20) {
				name := fmt.Sprintf("object-%d", cycle)
				want[name] = mustPut(t, c, name, content(name, draw.Int64N(400<<10)))
				command("create", dest, "--incremental")
				cut()
				command("verify", dest)
				if t.Failed() {
					t.Fatalf("seed %d, %s: the backup", seed, cycleName(cycle))
				}
				s.Stop()
				s.Data = filepath.Join(disk.dir, "srv", cycleName(cycle), "data")
				command("restore", dest)
				cut()
				s.Restart()
				back := newClient(s, "kept")
				for _, wrong := range expect(back, want) {
					t.Errorf("seed %d, %s: after a restore and a power cut %s", seed, cycleName(cycle), wrong)
				}
				back.close()
				s.Stop()
				if err := os.RemoveAll(s.Data); err != nil { // with the ballast it is large
					t.Fatal(err)
				}
				s.Data = from
				s.Restart()
				c = newClient(s, "kept")
			}
		})
	}
}
