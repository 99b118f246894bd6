package coffer

import "net/netip"

// SourceOf is the address in the RemoteAddr of a request; it is not valid for a
// socket that has none.
func SourceOf(remoteAddr string) netip.Addr {
	from, _ := netip.ParseAddrPort(remoteAddr)
	return from.Addr().Unmap()
}

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
