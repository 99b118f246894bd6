package crash_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"coffer/test/harness"
)

// hangLimit only tells a hang from a slow machine.
const hangLimit = 30 * time.Second

// TestKilledServerLosesNothing kills the server again and again under load, and
// compares what is there after each restart with what was acknowledged.
func TestKilledServerLosesNothing(t *testing.T) {
	seed := newSeed(t)
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "crash")
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	draw := rand.New(rand.NewPCG(seed, 0))
	var starts []time.Duration
	var acked, unknown int64
	for cycle := range rounds(t, 50, 1000) {
		load := newLoad(l, c, cycle, 1+draw.Int64N(250))
		crash(t, s, load, draw)
		c.close()
		acked, unknown = acked+load.acked.Load(), unknown+load.unknown.Load()
		// The moment of a start is as good as any other for a crash.
		if draw.IntN(5) == 0 {
			killedStart(t, s, time.Duration(draw.Int64N(int64(60*time.Millisecond))))
		}
		s.Restart()
		starts = append(starts, s.Took)
		c = newClient(s, "crash")
		l.check(c)
		l.checkUploads(c, draw)
		reclaimNowAndThen(t, s, cycle)
		if report(t, l, cycleName(cycle)); t.Failed() {
			return
		}
	}
	slices.Sort(starts)
	t.Logf("%d crashes, %d acknowledged writes, %d without an answer; start took %s in the median, %s at most",
		len(starts), acked, unknown, starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond))
	if acked < int64(len(starts)) || unknown == 0 {
		t.Errorf("%d writes were acknowledged and %d cut off in %d crashes: the load tests nothing", acked, unknown, len(starts))
	}
	checkNothingLeft(t, s, l, c)
}

// crash runs the load, and ends the server soon after the load's target: nine
// times out of ten by SIGKILL, else by SIGTERM, under which requests may finish.
func crash(t *testing.T, s *harness.Server, load *load, draw *rand.Rand) {
	t.Helper()
	after, gently := time.Duration(draw.Int64N(int64(25*time.Millisecond))), draw.IntN(10) == 0
	end := s.Kill
	if gently {
		end = s.Stop
	}
	endUnder(t, load, after, end)
}

// endUnder ends what serves the load, a while after its target-th request was sent.
func endUnder(t *testing.T, load *load, after time.Duration, end func()) {
	t.Helper()
	done := load.start()
	awaitTarget(t, load, done, after)
	load.down.Store(true)
	end()
	awaitEnd(t, load, done)
}

// awaitTarget returns a while after the load has sent its target-th request.
func awaitTarget(t *testing.T, load *load, done <-chan struct{}, after time.Duration) {
	t.Helper()
	limit := time.NewTimer(hangLimit)
	defer limit.Stop()
	select {
	case <-load.reached:
	case <-done: // all workers met errors, which are problems of the ledger
	case <-limit.C:
		t.Fatalf("seed %d, %s: %d of %d requests after %s", load.ledger.seed, cycleName(load.cycle), load.started.Load(), load.target, hangLimit)
	}
	pause := time.NewTimer(after)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-done:
	}
}

func awaitEnd(t *testing.T, load *load, done <-chan struct{}) {
	t.Helper()
	limit := time.NewTimer(requestTimeout + hangLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		t.Fatalf("seed %d, %s: requests to a server that is gone do not end", load.ledger.seed, cycleName(load.cycle))
	}
}

// killedStart starts the server and kills it before it has done much.
func killedStart(t *testing.T, s *harness.Server, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	cmd := exec.CommandContext(ctx, harness.Binary(t), "serve", "--data", s.Data, "--s3-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
	cmd.Env = []string{"HOME=" + filepath.Dir(s.Data)}
	out, err := cmd.CombinedOutput()
	if ctx.Err() == nil {
		t.Fatalf("the start to be killed ended by itself: %v\n%s", err, out)
	}
}

func cycleName(cycle int) string { return "cycle " + strconv.Itoa(cycle) }

// reclaimNowAndThen reclaims in the middle of a test, so that what it removed
// is missed by the next checks if it should not have been, and disks stay small.
func reclaimNowAndThen(t *testing.T, s *harness.Server, cycle int) {
	t.Helper()
	if cycle%10 != 9 {
		return
	}
	if r := s.Command("reclaim"); r.Code != 0 {
		t.Errorf("%s: coffer reclaim = %d, %s", cycleName(cycle), r.Code, r.Stderr)
	}
}

// ignoreGone takes what vanished while a folder was read for what never was.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
