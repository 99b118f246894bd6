package coffer

import "net/netip"

// SourceNetwork names what one person can have many addresses of: the /64 of an IPv6
// address, an IPv4 address itself. Whoever counts by address counts by this.
func SourceNetwork(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
