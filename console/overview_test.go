package console

import (
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/objects"
)

func TestTheOverviewTellsOfQuotas(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	if a := p.get("/"); a.status != 200 || strings.Contains(a.body, "of 3") {
		t.Errorf("GET / without a quota = %d %s, want nothing of one", a.status, a.body)
	}
	bytes, buckets := int64(5<<30), int64(3)
	operator := w.objects.As(coffer.Actor{Caller: coffer.Caller{Operator: true}})
	if _, err := operator.ChangeAccountQuota(t.Context(), p.account.ID, coffer.QuotaChange{Bytes: &bytes, Buckets: &buckets}); err != nil {
		t.Fatal(err)
	}
	a := p.get("/")
	for _, want := range []string{"of 3</span>", "of " + formatSize(bytes) + "</span>"} {
		if a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("GET / = %d, want %q in it:\n%s", a.status, want, a.body)
		}
	}
}

// TestTheOverviewTellsOfScrubs shows the operator when all bytes were read last, and
// nothing to who is none.
func TestTheOverviewTellsOfScrubs(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	const line = "nothing is damaged"
	if a := p.get("/"); a.status != 200 || strings.Contains(a.body, line) {
		t.Errorf("GET / before a scrub = %d, want nothing of one", a.status)
	}
	if err := w.objects.Scrub(t.Context(), objects.ScrubInput{BytesPerSecond: 1 << 30, Every: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if a := p.get("/"); a.status != 200 || !strings.Contains(a.body, line) {
		t.Errorf("GET / of an operator after a scrub = %d, want %q in it:\n%s", a.status, line, a.body)
	}
	if a := w.owner("bob@example.com").get("/"); a.status != 200 || strings.Contains(a.body, line) {
		t.Errorf("GET / of somebody else after a scrub = %d, want nothing of it:\n%s", a.status, a.body)
	}
}

func TestTheOverviewShowsTheRequestsOfTheAccount(t *testing.T) {
	w := newWorld(t)
	p, other := w.owner("ann@example.com"), w.owner("bob@example.com")
	if a := p.get("/"); a.status != 200 || !strings.Contains(a.body, "None yet.") || strings.Contains(a.body, "<svg role") {
		t.Errorf("GET / before a request = %d, want no chart", a.status)
	}
	w.traffic.Count(other.account.ID, 1<<40)
	w.traffic.Count(p.account.ID, 1<<20)
	if err := w.traffic.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(26 * time.Hour)
	p = w.again(p, "ann@example.com")
	w.traffic.Count(p.account.ID, 1<<20)
	w.traffic.Count(p.account.ID, 0)
	a := p.sees("/", "3 requests, 2 MiB (2.1 MB) sent", "the highest bar is 2", "2 March: 2", "1 March: 1 MiB", "not counted", `height="100"`, `height="50"`, "from before this server counted")
	if strings.Contains(a.body, "TiB") {
		t.Error("the overview shows what another account was sent")
	}
	if got := strings.Count(a.body, "not counted"); got != 2*(trafficDays-2) {
		t.Errorf("%d numbers are not counted, want those of the days before the first", got)
	}
}
