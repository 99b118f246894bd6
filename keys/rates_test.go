package keys

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"coffer"
)

func TestWrongSignaturesAreSlowedDown(t *testing.T) {
	l := &rates[attempt]{burst: wrongBurst, perSecond: wrongPerSecond}
	from, near, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:1::1")
	for i := range wrongBurst {
		if a := attemptOf(from, "id"); !l.may(noon, a) || !l.take(noon, a) {
			t.Fatalf("wrong signature %d is refused, want %d taken", i+1, wrongBurst)
		}
	}
	for _, tt := range []struct {
		name   string
		source netip.Addr
		id     coffer.AccessKeyID
		at     time.Duration
		want   bool
	}{
		{"SameSource", from, "id", 0, false},
		{"SameNetwork", near, "id", 0, false},
		{"OtherNetwork", far, "id", 0, true},
		{"OtherKey", from, "other", 0, true},
		{"Later", from, "id", time.Second, true},
	} {
		if got := l.may(noon.Add(tt.at), attemptOf(tt.source, tt.id)); got != tt.want {
			t.Errorf("%s: may = %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestRatesAreBoundedInMemory(t *testing.T) {
	l := &rates[attempt]{burst: wrongBurst, perSecond: wrongPerSecond}
	for i := range ratesMax + 1000 {
		l.take(noon, attemptOf(somewhere, coffer.AccessKeyID(fmt.Sprint(i))))
	}
	if n := len(l.table); n > ratesMax {
		t.Errorf("%d attempts are kept, want at most %d", n, ratesMax)
	}
}
