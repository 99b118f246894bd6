package crash_test

import (
	"os"
	"path/filepath"
	"testing"

	"coffer/test/harness"
)

// TestRestoreKilledAtEachSystemCallIsNoServer kills a restore: what it leaves is no
// server, not even an empty one, and no place for another restore, unless nothing was
// done yet. A restore that came to its end has all that the backup has.
func TestRestoreKilledAtEachSystemCallIsNoServer(t *testing.T) {
	seed := newSeed(t)
	needTracer(t)
	// It makes hundreds of calls, most of them for folders that are alike.
	stride := 29
	if long() {
		stride = 1
	}
	dir := t.TempDir()
	key, dest := filepath.Join(dir, "master.key"), filepath.Join(dir, "backup")
	s := harness.Start(t, harness.Options{Args: []string{"--master-key-file", key}})
	c := newClient(s, "restored")
	makeBucket(t, c)
	want := map[string]version{}
	for name, size := range map[string]int64{"small": 1000, "large": 300 << 10} {
		want[name] = mustPut(t, c, name, content(name, size))
	}
	if r := s.Command("backup", "create", dest, "--master-key-file", key); r.Code != 0 {
		t.Fatalf("coffer backup create = %d, %s", r.Code, r.Stderr)
	}
	s.Stop()
	n, refused := 1+int(seed%uint64(stride)), 0
	for ; n < startsMax && !t.Failed(); n += stride {
		s.Data = filepath.Join(dir, "data")
		restore := []string{"backup", "restore", dest, "--data", s.Data, "--master-key-file", key}
		killed := killCommand(t, n, nil, nil, restore...)
		entries, _ := os.ReadDir(s.Data)
		if len(entries) == 0 {
			if r := harness.Run(t, nil, restore...); r.Code != 0 {
				t.Errorf("killed before call %d, with nothing done: another restore = %d, %s", n, r.Code, r.Stderr)
			}
		}
		err := s.TryRestart()
		switch {
		case err == nil:
			c = newClient(s, "restored")
			for _, wrong := range expect(c, want) {
				t.Errorf("killed before call %d: the server starts, but %s", n, wrong)
			}
			c.close()
			s.Kill()
		case !killed:
			t.Errorf("a restore that was not killed is no server: %v", err)
		default:
			refused++
			checkSentence(t, lastLine(err.Error()), "half a restore")
			checkSentence(t, lastLine(err.Error()), "half a restore")
			if r := harness.Run(t, nil, restore...); r.Code != 1 {
				t.Errorf("killed before call %d: another restore to the same place = %d, %s", n, r.Code, r.Stderr)
			}
		}
		if err := os.RemoveAll(s.Data); err != nil {
			t.Fatal(err)
		}
		if !killed {
			break
		}
	}
	t.Logf("a restore makes about %d calls; %d starts were refused", n, refused)
	if refused < 5 {
		t.Errorf("%d starts on half a restore were refused, want more: nothing was killed", refused)
	}
}
