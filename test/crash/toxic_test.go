package crash_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"coffer/test/harness"
)

// toxic is one thing that a network does, in the words of toxiproxy; upstream is
// what the client sends, downstream what the server does.
type toxic struct {
	name       string
	attributes func(draw *rand.Rand) string
}

func bytesUpTo(n int) func(*rand.Rand) string {
	return func(draw *rand.Rand) string { return fmt.Sprintf(`{"bytes": %d}`, draw.IntN(n)) }
}

func always(text string) func(*rand.Rand) string { return func(*rand.Rand) string { return text } }

// toxics are tried in both directions.
var toxics = []toxic{
	{"limit_data", bytesUpTo(3000)}, // in a head, or in an answer
	{"limit_data", bytesUpTo(200 << 10)},
	{"reset_peer", func(draw *rand.Rand) string { return fmt.Sprintf(`{"timeout": %d}`, draw.IntN(60)) }},
	{"timeout", func(draw *rand.Rand) string { return fmt.Sprintf(`{"timeout": %d}`, 1+draw.IntN(60)) }},
	{"slow_close", always(`{"delay": 30}`)},
	{"latency", always(`{"latency": 10, "jitter": 9}`)},
	{"slicer", always(`{"average_size": 700, "size_variation": 690, "delay": 10}`)},
	{"bandwidth", always(`{"rate": 4000}`)},
}

// TestNetworkThatIsToxicLosesNothing sends the load through a proxy that delays,
// slices, throttles, cuts and resets, in each direction, and takes the proxy away in
// the middle: what was acknowledged is there, and what was not is old or new.
func TestNetworkThatIsToxicLosesNothing(t *testing.T) {
	seed := newSeed(t)
	s := harness.Start(t, harness.Options{})
	direct := newClient(s, "toxic")
	makeBucket(t, direct)
	l := newLedger(seed, loadKeys())
	draw := rand.New(rand.NewPCG(seed, 2))
	cycle, acked, unknown := 0, int64(0), int64(0)
	for range rounds(t, 1, 25) {
		for _, x := range toxics {
			for _, stream := range []string{"upstream", "downstream"} {
				load := newLoad(l, direct, cycle, 10+draw.Int64N(120))
				l.through(t, s, load, draw, fmt.Sprintf(`{"type": %q, "stream": %q, "toxicity": 0.7, "attributes": %s}`, x.name, stream, x.attributes(draw)))
				acked, unknown = acked+load.acked.Load(), unknown+load.unknown.Load()
				l.check(direct)
				l.checkUploads(direct, draw)
				if report(t, l, fmt.Sprintf("%s, %s %s", cycleName(cycle), x.name, stream)); t.Failed() {
					return
				}
				cycle++
			}
		}
		reclaimNowAndThen(t, s, 9)
	}
	t.Logf("%d networks, %d acknowledged writes, %d without a clear answer", cycle, acked, unknown)
	if acked < int64(cycle) || unknown == 0 {
		t.Errorf("%d writes were acknowledged and %d cut off: the load tests nothing", acked, unknown)
	}
	checkNothingLeft(t, s, l, direct)
}

// through runs the load through a proxy with a toxic, which ends soon after the
// load's target.
func (l *ledger) through(t *testing.T, s *harness.Server, load *load, draw *rand.Rand, text string) {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard))
	proxy := toxiproxy.NewProxy(api, "line", "127.0.0.1:0", strings.TrimPrefix(s.Endpoint, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatalf("start the proxy: %v", err)
	}
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		t.Fatalf("add %s: %v", text, err)
	}
	c := newClient(s, load.client.bucket)
	c.endpoint = "http://" + proxy.Listen
	defer c.close()
	load.client = c
	load.down.Store(true) // any request may fail from the start
	after := time.Duration(draw.Int64N(int64(25 * time.Millisecond)))
	done := load.start()
	awaitTarget(t, load, done, after)
	proxy.Stop()
	awaitEnd(t, load, done)
	// What was sent whole before the line was cut may still be carried out: what it
	// does must have been done before anybody compares.
	idle := 0
	eventually(t, hangLimit, "idle", func() bool {
		if idle++; requestsInFlight(t, s) > 0 {
			idle = 0
		}
		return idle == 3
	})
}

// requestsInFlight is what the server says of itself.
func requestsInFlight(t *testing.T, s *harness.Server) int {
	t.Helper()
	resp, err := http.Get(s.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\ncoffer_s3_requests_in_flight ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	if !ok || err != nil {
		t.Fatalf("the metrics have no coffer_s3_requests_in_flight: %v", err)
	}
	return n
}
