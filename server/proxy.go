package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the addresses of those in front that are believed.
type proxies []netip.Prefix

func (p proxies) have(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(addr.Unmap()) })
}

// sent tells whether a request comes from one of them.
func (p proxies) sent(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && p.have(peer.Addr())
}

// forwarded gives next the address and the host name that the client used when
// the request comes from a trusted proxy; from anyone else those headers mean
// nothing. The client is the last address that is not itself a trusted proxy:
// what stands before it, the client could have written.
func forwarded(trusted proxies, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trusted.sent(r) {
			next.ServeHTTP(w, r)
			return
		}
		r2 := *r
		chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(chain) - 1; i >= 0; i-- {
			addr, ok := forwardedAddr(strings.TrimSpace(chain[i]))
			if !ok {
				break
			}
			r2.RemoteAddr = net.JoinHostPort(addr.Unmap().String(), "0")
			if !trusted.have(addr) {
				break
			}
		}
		if hosts := r.Header.Values("X-Forwarded-Host"); len(hosts) == 1 && isHost(hosts[0]) {
			r2.Host = hosts[0]
		}
		next.ServeHTTP(w, &r2)
	})
}

// forwardedAddr reads one entry of X-Forwarded-For. Some proxies write the port too;
// who were not understood would all pass for the proxy.
func forwardedAddr(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return addr, true
	}
	addr, err := netip.ParseAddrPort(s)
	return addr.Addr(), err == nil
}

// isHost tells whether s can be a host and a port. net/http has looked at the Host
// header, and nobody at this one, which some proxies pass on as their clients wrote it.
func isHost(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-._~%:[]") == ""
}
