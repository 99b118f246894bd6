package s3

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"coffer"
)

func TestLimits(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	alice := coffer.Actor{Account: "1", Key: "a"}
	second := coffer.Actor{Account: "1", Key: "b"}
	bob := coffer.Actor{Account: "2", Key: "c"}
	from := netip.MustParseAddr("192.0.2.1")
	reads := 0
	l := &limits{perSecond: 4, rates: func(_ context.Context, _ coffer.AccountID, key coffer.KeyID) (int64, int64, error) {
		reads++
		if key == "c" {
			return 100, 1, nil
		}
		return 0, 0, nil
	}}
	ask := func(who coffer.Actor, at time.Duration, n int, want ...string) {
		t.Helper()
		for i := range n {
			if got := l.take(t.Context(), noon.Add(at), who, from); got != want[min(i, len(want)-1)] {
				t.Errorf("take(%s, %v), request %d = %q, want %q", who.Key, at, i+1, got, want[min(i, len(want)-1)])
			}
		}
	}
	ask(alice, 0, 6, "", "", "", "", "key")
	ask(second, 0, 2, "account")
	ask(bob, 0, 3, "", "key")
	ask(alice, time.Second, 5, "", "", "", "", "key")
	ask(bob, time.Second, 2, "", "key")
	if reads != 3 {
		t.Errorf("the quotas were read %d times, want once for each key", reads)
	}
	ask(bob, 10*time.Second, 1, "")
	if reads != 4 {
		t.Errorf("the quotas were read %d times, want again after %v", reads, ratesKept)
	}
	ask(coffer.Actor{}, 0, 5, "", "", "", "", "source")
}

func TestLimitsAreBoundedInMemory(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &limits{}
	for i := range limitsMax + 1000 {
		l.allow(limitName{"key", "1", fmt.Sprint(i)}, noon, 4)
	}
	if n := len(l.table); n > limitsMax {
		t.Errorf("%d limits are kept, want at most %d", n, limitsMax)
	}
}
