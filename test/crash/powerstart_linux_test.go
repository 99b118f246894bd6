package crash_test

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"

	"coffer/test/harness"
)

// TestPowerCutAtAFirstStartLosesNothing makes a server in a folder that is not there,
// with folders above it that are not there, and cuts the power as soon as a write is
// acknowledged: what the first start made, and every folder on the way to it, must
// be on the disk by then.
func TestPowerCutAtAFirstStartLosesNothing(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			seed := newSeed(t)
			draw := rand.New(rand.NewPCG(seed, 3))
			for cycle := range rounds(t, 3, 60) {
				disk := newDisk(t, kind, powerDiskBytes)
				s := harness.Start(t, harness.Options{Data: filepath.Join(disk.dir, "srv", "coffer", "data")})
				c := newClient(s, "first")
				makeBucket(t, c)
				want := map[string]version{}
				for _, key := range []string{"inline", "blob"}[:1+draw.IntN(2)] {
					want[key] = mustPut(t, c, key, content(key, map[string]int64{"inline": 100, "blob": 200 << 10}[key]))
				}
				disk.cutPower()
				s.Kill()
				c.close()
				disk.unmount()
				disk.mount()
				if err := s.TryRestart(); err != nil {
					t.Errorf("seed %d, %s: the server does not start after a power cut: %v", seed, cycleName(cycle), err)
				} else {
					c = newClient(s, "first")
					for _, wrong := range expect(c, want) {
						t.Errorf("seed %d, %s: %s", seed, cycleName(cycle), wrong)
					}
					if r, err := c.do(request{method: http.MethodHead}); err != nil || r.status != http.StatusOK {
						t.Errorf("seed %d, %s: HeadBucket = %v, %v", seed, cycleName(cycle), r, err)
					}
					c.close()
					s.Kill()
				}
				disk.unmount()
				if t.Failed() {
					return
				}
			}
		})
	}
}
