package crash_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"coffer/test/harness"
)

// spoiler breaks a data folder, and returns what makes it whole again.
type spoiler func(t *testing.T, data string) (repair func())

// nothing leaves the folder as it is: what is wrong is elsewhere.
func nothing(*testing.T, string) func() { return func() {} }

// hide moves away what the pattern finds.
func hide(pattern string) spoiler {
	return func(t *testing.T, data string) func() {
		t.Helper()
		away := t.TempDir()
		found := find(t, data, pattern)
		for _, path := range found {
			if err := os.Rename(path, filepath.Join(away, filepath.Base(path))); err != nil {
				t.Fatal(err)
			}
		}
		return func() {
			for _, path := range found {
				if err := os.Rename(filepath.Join(away, filepath.Base(path)), path); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// spoil changes the content of the files that the pattern finds.
func spoil(change func([]byte) []byte, pattern string) spoiler {
	return func(t *testing.T, data string) func() {
		t.Helper()
		was := map[string][]byte{}
		for _, path := range find(t, data, pattern) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			was[path] = b
			overwrite(t, path, change(bytes.Clone(b)))
		}
		return func() {
			for path, b := range was {
				overwrite(t, path, b)
			}
		}
	}
}

func find(t *testing.T, data, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("find %s in %s = %q, %v, want at least one", pattern, data, found, err)
	}
	return found
}

// overwrite keeps the file's mode.
func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte in the middle of each KiB.
func flip(b []byte) []byte {
	for i := min(512, len(b)/2); i < len(b); i += 1024 {
		b[i] ^= 0x40
	}
	return b
}

// flipQuarter changes one bit where a file has its content, not its index.
func flipQuarter(b []byte) []byte {
	b[len(b)/4] ^= 0x40
	return b
}

// half is a file that ends early.
func half(b []byte) []byte { return b[:len(b)/2] }

// otherDigits makes another key of a file of hexadecimal digits.
func otherDigits(b []byte) []byte {
	line := bytes.TrimRight(b, "\n")
	last := line[max(0, len(line)-64):]
	for i, c := range last {
		if c >= '1' && c <= '8' {
			last[i] = c + 1
		}
	}
	return b
}

// TestDamagedMetadataIsNeverBelieved flips bytes in the tables of the database.
// The server may refuse to start, or serve what it can read; but no object may
// seem to be another, or to be gone.
func TestDamagedMetadataIsNeverBelieved(t *testing.T) {
	d := newStopped(t)
	tests := []struct {
		name, pattern string
		change        func([]byte) []byte
	}{
		{"EverywhereInTheTables", "meta/*.sst", flip},
		{"OnceInEachTable", "meta/*.sst", flipQuarter},
		{"EverywhereInTheValues", "meta/*.blob", flip},
		{"OnceInEachFileOfValues", "meta/*.blob", flipQuarter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := harness.Start(t, harness.Options{Data: d.copy(t), AccessKeyID: d.server.AccessKeyID, Secret: d.server.Secret})
			s.Stop()
			spoil(tt.change, tt.pattern)(t, s.Data)
			if err := s.TryRestart(); err != nil {
				checkSentence(t, lastLine(err.Error()), "damaged")
				return
			}
			d.checkDamaged(t, s)
			// How it ends on a damaged database is not in question here.
			s.Kill()
		})
	}
}

func (d *stopped) checkDamaged(t *testing.T, s *harness.Server) {
	t.Helper()
	c := newClient(s, "start")
	unreadable := 0
	for _, key := range slices.Sorted(maps.Keys(d.want)) {
		r, err := c.do(request{method: http.MethodGet, key: key})
		if err != nil || r.status >= 500 {
			unreadable++
			continue
		}
		if got, err := seen(r); err != nil || !got.same(d.want[key]) {
			t.Errorf("GET %s of damaged metadata = %v, %v, want %v or a 5xx", key, got, err, d.want[key])
		}
	}
	names, err := c.list()
	if err == nil && len(names) != len(d.want) {
		t.Errorf("the listing of damaged metadata has %d keys of %d, want all of them or an error", len(names), len(d.want))
	}
	if unreadable == 0 && err == nil {
		t.Error("every object and the listing are readable: nothing was damaged")
	}
	t.Logf("%d of %d objects cannot be read, listing: %v", unreadable, len(d.want), err)
}
