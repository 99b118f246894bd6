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

func TestWrongSignaturesAreSlowedDown(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &limits{}
	from, near, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:1::1")
	for i := range wrongBurst {
		if !l.mayTry(noon, from, "id") || !l.wrong(noon, from, "id") {
			t.Fatalf("wrong signature %d is refused, want %d taken", i+1, wrongBurst)
		}
	}
	for _, tt := range []struct {
		name   string
		source netip.Addr
		id     string
		at     time.Duration
		want   bool
	}{
		{"SameSource", from, "id", 0, false},
		{"SameNetwork", near, "id", 0, false},
		{"OtherNetwork", far, "id", 0, true},
		{"OtherKey", from, "other", 0, true},
		{"Later", from, "id", time.Second, true},
	} {
		if got := l.mayTry(noon.Add(tt.at), tt.source, tt.id); got != tt.want {
			t.Errorf("%s: mayTry = %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestLimitsAreBoundedInMemory(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &limits{}
	for i := range limitsMax + 1000 {
		l.wrong(noon, netip.MustParseAddr("192.0.2.1"), fmt.Sprint(i))
	}
	if n := len(l.table); n > limitsMax {
		t.Errorf("%d limits are kept, want at most %d", n, limitsMax)
	}
}
