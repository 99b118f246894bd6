package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"coffer"
)

// testSpace is a space whose disks and clock the test moves.
func testSpace(t *testing.T, minFree int64, disks map[string]*usage) (*space, *time.Time) {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	cfg := &Config{Data: t.TempDir(), MinFree: minFree, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	for dir := range disks {
		if dir != "data" {
			cfg.DataDisks = append(cfg.DataDisks, dir)
		}
	}
	s := newSpace(cfg)
	s.measure = func(dir string) (usage, error) {
		if dir == cfg.Data {
			dir = "data"
		}
		if disks[dir] == nil {
			return usage{}, unix.EIO
		}
		return *disks[dir], nil
	}
	return s, &now
}

func TestWritesAreRefusedBelowTheFloor(t *testing.T) {
	const mib, gib = int64(1 << 20), int64(1 << 30)
	tests := []struct {
		name    string
		minFree int64
		disks   map[string]*usage
		want    bool
	}{
		{"AutoIsFivePercent", MinFreeAuto, map[string]*usage{"data": {free: 51 * mib, total: 1024 * mib}}, false},
		{"AboveFivePercent", MinFreeAuto, map[string]*usage{"data": {free: 52 * mib, total: 1024 * mib}}, true},
		{"AutoIsAtLeast16MiB", MinFreeAuto, map[string]*usage{"data": {free: 15 * mib, total: 64 * mib}}, false},
		{"AutoIsAtMost1GiB", MinFreeAuto, map[string]*usage{"data": {free: gib, total: 1000 * gib}}, true},
		{"ConfiguredFloor", 100 * mib, map[string]*usage{"data": {free: 100*mib - 1, total: 1000 * gib}}, false},
		{"NoFloor", 0, map[string]*usage{"data": {free: 0, total: gib}}, true},
		{"NoInodes", 0, map[string]*usage{"data": {free: gib, total: gib, inodes: 100_000, freeInodes: 999}}, false},
		{"FewInodesInAll", 0, map[string]*usage{"data": {free: gib, total: gib, inodes: 100, freeInodes: 10}}, true},
		{"InodesNotCounted", 0, map[string]*usage{"data": {free: gib, total: gib}}, true},
		{"OneOfTwoDisksIsFull", 1, map[string]*usage{"data": {free: gib, total: gib}, "more": {free: 0, total: gib}}, false},
		{"ADiskThatCannotBeMeasured", 0, map[string]*usage{"data": {free: gib, total: gib}, "more": nil}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := testSpace(t, tt.minFree, tt.disks)
			err := s.Writable()
			if (err == nil) != tt.want {
				t.Errorf("Writable() = %v, want writable %t", err, tt.want)
			}
			if err != nil && coffer.CodeOf(err) != coffer.StorageFull {
				t.Errorf("Writable() has the code %d, want StorageFull", coffer.CodeOf(err))
			}
		})
	}
}

func TestSpaceIsMeasuredMoreOftenNearTheFloor(t *testing.T) {
	disk := &usage{free: 100 << 30, total: 100 << 30}
	s, now := testSpace(t, 1<<30, map[string]*usage{"data": disk})
	step := func(d time.Duration, free int64, want bool) {
		t.Helper()
		*now = now.Add(d)
		disk.free = free
		if err := s.Writable(); (err == nil) != want {
			t.Errorf("Writable() after %v with %d bytes free = %v, want writable %t", d, free, err, want)
		}
	}
	step(0, 100<<30, true)
	step(900*time.Millisecond, 0, true) // far away: the old measurement stands
	step(100*time.Millisecond, 2<<30, true)
	step(10*time.Millisecond, 0, true) // near: for 20 ms
	step(10*time.Millisecond, 0, false)
	step(20*time.Millisecond, 2<<30, true)
}

func TestBallastIsRealAndGivenUpOnce(t *testing.T) {
	disk := &usage{free: 10 << 30, total: 10 << 30}
	s, _ := testSpace(t, MinFreeAuto, map[string]*usage{"data": disk})
	path := filepath.Join(s.dirs[0], "ballast")
	blocks := func() int64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return -1
		}
		return st.Blocks * 512
	}
	s.upkeep()
	if got := blocks(); got < ballastMost {
		t.Fatalf("the ballast takes %d bytes of disk, want %d", got, ballastMost)
	}
	if err := s.Writable(); err != nil {
		t.Fatal(err)
	}
	disk.free = 0
	s.release()
	if got := blocks(); got != -1 {
		t.Errorf("after release the ballast takes %d bytes, want none", got)
	}
	if err := s.Writable(); err == nil {
		t.Error("Writable() right after release = nil, want a new measurement that refuses")
	}
	disk.free = s.floor(*disk) + ballastMost - 1
	s.upkeep()
	if got := blocks(); got != -1 {
		t.Error("the ballast was made again without room for it above the floor")
	}
	disk.free++
	s.upkeep()
	if got := blocks(); got < ballastMost {
		t.Errorf("with space again the ballast takes %d bytes, want %d", got, ballastMost)
	}
}

func TestFullDiskOfMetadataReleasesTheBallast(t *testing.T) {
	s, _ := testSpace(t, MinFreeAuto, map[string]*usage{"data": {free: 10 << 30, total: 10 << 30}})
	s.upkeep()
	full := &fullFS{FS: vfs.NewMem(), until: func() bool {
		_, err := os.Stat(s.ballast.path)
		return err == nil
	}}
	fs := vfs.OnDiskFull(full, s.release)
	f, err := fs.Create("wal", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("delete")); err != nil {
		t.Errorf("Write on a full disk with a ballast = %v, want nil", err)
	}
	if full.refused == 0 {
		t.Error("the disk was never full: the test shows nothing")
	}
}

// fullFS has no space as long as until says so.
type fullFS struct {
	vfs.FS
	until   func() bool
	refused int
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return fullFile{file, f}, err
}

func (f fullFile) Write(p []byte) (int, error) {
	if f.fs.until() {
		f.fs.refused++
		return 0, unix.ENOSPC
	}
	return f.File.Write(p)
}

func TestAFullDiskWithoutBallastIsNotTriedAllTheTime(t *testing.T) {
	s, _ := testSpace(t, MinFreeAuto, map[string]*usage{"data": {total: 10 << 30}})
	var paused time.Duration
	s.pause = func(d time.Duration) { paused += d }
	f, err := vfs.OnDiskFull(&fullFS{FS: vfs.NewMem(), until: func() bool { return true }}, s.release).
		Create("table", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := f.Write([]byte("x")); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("Write on a full disk = %v, want ENOSPC", err)
		}
	}
	if paused != 3*fullPause {
		t.Errorf("three writes waited %v, want %v", paused, 3*fullPause)
	}
}

func TestRoomToStart(t *testing.T) {
	tests := []struct {
		name          string
		free, ballast int64
		want, kept    bool
	}{
		{"Enough", startRoom + 1000, 1 << 20, true, true},
		{"EnoughWithTheBallast", startRoom + 999, 1, true, false},
		{"NotEnoughWithTheBallast", startRoom, 999, false, true},
		{"NoBallast", startRoom + 999, 0, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := testSpace(t, 0, nil)
			s.measure = func(string) (usage, error) {
				free := tt.free
				if _, err := os.Stat(s.ballast.path); err != nil {
					free += tt.ballast
				}
				return usage{free: free, total: 1 << 30}, nil
			}
			if tt.ballast > 0 {
				if _, err := s.ballast.make(tt.ballast); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(s.dirs[0], "000004.log"), make([]byte, 1000), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.roomToStart(s.dirs[0]); (err == nil) != tt.want {
				t.Errorf("roomToStart = %v, want %t", err, tt.want)
			}
			if _, err := os.Stat(s.ballast.path); (err == nil) != tt.kept {
				t.Errorf("the ballast: %v, want kept %t", err, tt.kept)
			}
		})
	}
}

func TestBodiesUnderWayStopAtTheFloor(t *testing.T) {
	s, now := testSpace(t, 1<<30, map[string]*usage{"data": {free: 2 << 30, total: 10 << 30}})
	f, err := floorFS{vfs.NewMem(), s.Writable}.Create("blob", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	s.minFree = 3 << 30
	*now = now.Add(time.Second)
	_, err = f.Write([]byte("x"))
	if !errors.Is(err, unix.ENOSPC) || coffer.CodeOf(err) != coffer.StorageFull {
		t.Errorf("Write below the floor = %v, want StorageFull and ENOSPC", err)
	}
}

func TestAFileSystemThatSaysNothingIsNotFull(t *testing.T) {
	s := newSpace(&Config{Data: t.TempDir(), MinFree: MinFreeAuto, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	s.measure = func(string) (usage, error) { return usageOf(&unix.Statfs_t{Bsize: 4096}), nil }
	if err := s.Writable(); err != nil {
		t.Errorf("Writable() = %v, want nil", err)
	}
	if err := s.roomToStart(t.TempDir()); err != nil {
		t.Errorf("roomToStart() = %v, want nil", err)
	}
	// One that has blocks and none free is.
	s.measure = func(string) (usage, error) { return usageOf(&unix.Statfs_t{Bsize: 4096, Blocks: 1000}), nil }
	if err := s.roomToStart(t.TempDir()); err == nil {
		t.Error("roomToStart() of a full disk = nil, want a refusal")
	}
}
