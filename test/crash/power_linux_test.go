package crash_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"coffer/test/harness"
)

// powerDiskBytes is room for the objects of the load and for the garbage of
// several cycles; the image is sparse.
const powerDiskBytes = 4 << 30

// TestPowerCutLosesNothing shuts the file system down under a server that is
// under load, and compares what is there after the journal's replay with what
// was acknowledged.
func TestPowerCutLosesNothing(t *testing.T) {
	kinds := []string{"ext4"}
	if long() {
		kinds = append(kinds, "xfs")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			seed := newSeed(t)
			disk := newDisk(t, kind, powerDiskBytes)
			s := harness.Start(t, harness.Options{Data: disk.data()})
			c := newClient(s, "power")
			makeBucket(t, c)
			l := newLedger(seed, loadKeys())
			p := &powerTest{disk: disk, server: s, ledger: l, draw: rand.New(rand.NewPCG(seed, 1))}
			for cycle := range rounds(t, 10, 300) {
				c = p.cut(t, c, cycle)
				l.check(c)
				l.checkUploads(c, p.draw)
				reclaimNowAndThen(t, s, cycle)
				if report(t, l, cycleName(cycle)); t.Failed() {
					return
				}
			}
			p.summary(t)
			checkNothingLeft(t, s, l, c)
		})
	}
}

// TestPowerCutLosesWhatIsNotSynced proves that the test above can fail: a server
// that acknowledges before it syncs must lose something.
func TestPowerCutLosesWhatIsNotSynced(t *testing.T) {
	seed := newSeed(t)
	disk := newDisk(t, "ext4", powerDiskBytes)
	s := harness.Start(t, harness.Options{Data: disk.data(), Args: []string{"--unsafe-no-sync"}})
	c := newClient(s, "unsafe")
	makeBucket(t, c)
	disk.sync() // what is there before the load is not in question
	l := newLedger(seed, loadKeys())
	load := newLoad(l, c, 0, 100)
	done := load.start()
	awaitTarget(t, load, done, 0)
	load.down.Store(true)
	disk.cutPower()
	s.Kill()
	awaitEnd(t, load, done)
	if before := l.takeProblems(); len(before) > 0 {
		t.Fatalf("before the power was cut: %q", before)
	}
	disk.unmount()
	disk.mount()
	if err := s.TryRestart(); err != nil {
		t.Logf("the unsafe server does not start any more: %v", err)
		return
	}
	l.check(newClient(s, "unsafe"))
	lost := l.takeProblems()
	if len(lost) == 0 {
		t.Errorf("of %d writes that were acknowledged without a sync all are there after the power cut: it cuts nothing", load.acked.Load())
	}
	t.Logf("%d acknowledged writes without sync, %d keys wrong after the power cut", load.acked.Load(), len(lost))
}

// powerTest cuts the power of one server again and again.
type powerTest struct {
	disk   *diskImage
	server *harness.Server
	ledger *ledger
	draw   *rand.Rand

	starts         []time.Duration
	acked, unknown int64
	ended          int // how often the server ended by itself
}

// cut runs a load, cuts the power under it, and starts the server again on what
// the disk has kept.
func (p *powerTest) cut(t *testing.T, c *client, cycle int) *client {
	t.Helper()
	load := newLoad(p.ledger, c, cycle, 20+p.draw.Int64N(200))
	after := time.Duration(p.draw.Int64N(int64(25 * time.Millisecond)))
	done := load.start()
	awaitTarget(t, load, done, after)
	load.down.Store(true)
	load.power.Store(powerCutting)
	p.disk.cutPower()
	load.power.Store(powerOff)
	// The server goes on against the dead disk for a while: it may refuse or
	// end, but nothing that it acknowledges now can be true.
	if p.draw.IntN(3) > 0 {
		pause := time.NewTimer(time.Duration(p.draw.Int64N(int64(500 * time.Millisecond))))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-done:
		}
	}
	select {
	case <-p.server.Exited():
		p.ended++
	default:
	}
	p.server.Kill()
	awaitEnd(t, load, done)
	c.close()
	p.acked, p.unknown = p.acked+load.acked.Load(), p.unknown+load.unknown.Load()
	p.disk.unmount()
	p.disk.mount()
	p.server.Restart()
	p.starts = append(p.starts, p.server.Took)
	return newClient(p.server, c.bucket)
}

func (p *powerTest) summary(t *testing.T) {
	t.Helper()
	slices.Sort(p.starts)
	t.Logf("%d power cuts, %d acknowledged writes, %d without a clear answer; the server ended by itself %d times; start took %s in the median, %s at most",
		len(p.starts), p.acked, p.unknown, p.ended,
		p.starts[len(p.starts)/2].Round(time.Millisecond), p.starts[len(p.starts)-1].Round(time.Millisecond))
	if p.acked < int64(len(p.starts)) || p.unknown == 0 {
		t.Errorf("%d writes were acknowledged and %d cut off: the load tests nothing", p.acked, p.unknown)
	}
}
