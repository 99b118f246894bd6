package coffer

import (
	"net/netip"
	"testing"
)

func TestSourceOf(t *testing.T) {
	for remote, want := range map[string]string{"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "[::ffff:192.0.2.1]:80": "192.0.2.1",
		"": "invalid IP", "@": "invalid IP", "192.0.2.1": "invalid IP", "example.com:80": "invalid IP"} {
		if got := SourceOf(remote).String(); got != want {
			t.Errorf("SourceOf(%q) = %s, want %s", remote, got, want)
		}
	}
}

func TestSourceNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":          "192.0.2.7",
		"::ffff:192.0.2.7":   "192.0.2.7",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1:2%eth0":     "fe80::/64",
		"2001:db8:1:2:ff::9": "2001:db8:1:2::/64",
	} {
		if got := SourceNetwork(netip.MustParseAddr(address)); got != want {
			t.Errorf("SourceNetwork(%s) = %q, want %q", address, got, want)
		}
	}
}
