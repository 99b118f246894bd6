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
