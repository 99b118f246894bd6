package crash_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coffer/test/harness"
)

// What a server may have more than when it had started, once a load has ended. It is
// generous: what leaks grows with every fault.
const (
	soakGoroutinesMore  = 60
	soakDescriptorsMore = 60
	soakResidentMax     = 768 << 20
)

// soakFaults are what happens to the server while it is under load. After each but the
// first it must go on by itself.
var soakFaults = []struct {
	name   string
	weight int
	strike func(t *testing.T, s *harness.Server, draw *rand.Rand)
}{
	{"killed", 3, func(_ *testing.T, s *harness.Server, _ *rand.Rand) { s.Kill() }},
	{"stopped", 1, func(_ *testing.T, s *harness.Server, _ *rand.Rand) { s.Stop() }},
	{"suspended", 3, suspended},
	{"strangers", 3, strangers},
	{"without descriptors", 2, withoutDescriptors},
	{"nothing", 2, func(*testing.T, *harness.Server, *rand.Rand) {}},
}

// TestSoak lets a load run for long, with forged requests in it, while something goes
// wrong every few seconds. After each fault all is there that was acknowledged, and a
// server that was not ended has no more goroutines, open files and memory than before.
// It takes a minute; COFFER_TEST_SOAK says how long, as in make soak.
func TestSoak(t *testing.T) {
	long := time.Minute
	if text := os.Getenv("COFFER_TEST_SOAK"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("COFFER_TEST_SOAK: %v", err)
		}
	}
	seed := newSeed(t)
	draw := rand.New(rand.NewPCG(seed, 25))
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "soak")
	makeBucket(t, c)
	l := newLedger(seed, loadKeys())
	struck := map[string]int{}
	var acked, unknown int64
	most, base := measure(t, s), measure(t, s)
	end, cycle := time.Now().Add(long), 0
	for ; time.Now().Before(end); cycle++ {
		f := soakFaults[drawFault(draw)]
		struck[f.name]++
		load := newLoad(l, c, cycle, 1+draw.Int64N(200))
		load.each = 50
		done := load.start()
		awaitTarget(t, load, done, time.Duration(draw.Int64N(int64(25*time.Millisecond))))
		load.down.Store(f.name != "nothing")
		f.strike(t, s, draw)
		awaitEnd(t, load, done)
		c.close()
		acked, unknown = acked+load.acked.Load(), unknown+load.unknown.Load()
		select {
		case <-s.Exited():
			s.Restart()
			base = measure(t, s)
		default:
		}
		c = newClient(s, "soak")
		l.check(c)
		l.checkUploads(c, draw)
		reclaimNowAndThen(t, s, cycle)
		most = most.max(flatAfter(t, s, base, fmt.Sprintf("%s, %s", cycleName(cycle), f.name)))
		if report(t, l, fmt.Sprintf("%s, %s", cycleName(cycle), f.name)); t.Failed() {
			return
		}
	}
	t.Logf("%d faults in %s (%v), %d acknowledged writes, %d without an answer; at most %d goroutines, %d open files, %d MiB",
		cycle, long, struck, acked, unknown, most.goroutines, most.descriptors, most.resident>>20)
	if acked == 0 {
		t.Error("no write was acknowledged: the load tests nothing")
	}
	checkNothingLeft(t, s, l, c)
}

func drawFault(draw *rand.Rand) int {
	total := 0
	for _, f := range soakFaults {
		total += f.weight
	}
	n := draw.IntN(total)
	for i, f := range soakFaults {
		if n -= f.weight; n < 0 {
			return i
		}
	}
	return 0
}

// suspended stops the process for a while, as a machine does that is moved.
func suspended(t *testing.T, s *harness.Server, draw *rand.Rand) {
	signal := func(what unix.Signal) {
		if err := unix.Kill(s.PID(), what); err != nil {
			t.Errorf("signal %v: %v", what, err)
		}
	}
	signal(unix.SIGSTOP)
	time.Sleep(time.Duration(200+draw.IntN(1500)) * time.Millisecond)
	signal(unix.SIGCONT)
}

// strangers open connections with the beginning of a request, and go away.
func strangers(t *testing.T, s *harness.Server, draw *rand.Rand) {
	endpoint, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	text := "PUT /soak/stranger HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x\r\n\r\nbody"
	for range 200 {
		conn, err := net.Dial("tcp", endpoint.Host)
		if err != nil {
			t.Errorf("connect as a stranger: %v", err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text[:draw.IntN(len(text))])
	}
}

func withoutDescriptors(t *testing.T, s *harness.Server, draw *rand.Rand) {
	lift := limit(t, s, unix.RLIMIT_NOFILE, 40)
	time.Sleep(time.Duration(200+draw.IntN(800)) * time.Millisecond)
	select {
	case <-s.Exited(): // the log may need a descriptor, and a server without its log ends
	default:
		lift()
	}
}

// usage is what a process has.
type usage struct{ goroutines, descriptors, resident int64 }

func (u usage) max(o usage) usage {
	return usage{max(u.goroutines, o.goroutines), max(u.descriptors, o.descriptors), max(u.resident, o.resident)}
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

func measure(t *testing.T, s *harness.Server) usage {
	t.Helper()
	resp, err := http.Get(s.Admin + "/metrics")
	if err != nil {
		t.Fatalf("GET /metrics: %v", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("GET /metrics: %v", err)
	}
	found := goroutines.FindSubmatch(text)
	if found == nil {
		t.Fatal("the metrics do not say how many goroutines there are")
	}
	var u usage
	u.goroutines, _ = strconv.ParseInt(string(found[1]), 10, 64)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	u.descriptors = int64(len(files))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	u.resident = pages * int64(os.Getpagesize())
	return u
}

// flatAfter waits until the server has about what it had when it had started, and
// returns what it has.
func flatAfter(t *testing.T, s *harness.Server, base usage, when string) usage {
	t.Helper()
	var u usage
	flat := within(hangLimit, func() bool {
		u = measure(t, s)
		return u.goroutines <= base.goroutines+soakGoroutinesMore && u.descriptors <= base.descriptors+soakDescriptorsMore && u.resident <= soakResidentMax
	})
	if !flat {
		t.Errorf("%s: %d goroutines, %d open files, %d MiB; there were %d, %d and %d, and none may grow without a bound", when,
			u.goroutines, u.descriptors, u.resident>>20, base.goroutines, base.descriptors, base.resident>>20)
	}
	return u
}
