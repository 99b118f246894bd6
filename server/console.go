package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/console"
)

// openConsole makes the handler of the console's address.
func (s *Server) openConsole(base context.Context) error {
	ending, end := context.WithCancel(base)
	handler, err := console.New(console.Options{
		Accounts:   s.stores.accounts,
		Keys:       s.stores.keys,
		Objects:    s.stores.objects,
		Audit:      &audit.Log{Meta: s.stores.meta, Now: s.cfg.Now},
		Traffic:    s.stores.traffic,
		Now:        s.cfg.Now,
		Rand:       s.cfg.Rand,
		Logger:     s.cfg.Logger,
		ConsoleURL: s.ConsoleURL(),
		S3URL:      s.Endpoint,
		Region:     s.cfg.Regions[0],
		API:        s.publicAPI,
		Scarce:     s.scarce.admit,
		Ending:     ending,
	})
	if err != nil {
		end()
		return err
	}
	s.console.http = httpServer(base, s.front(handler), s.cfg.Logger)
	s.console.http.ConnContext = s.connections.context
	// A page that is open somewhere must not hold up the end.
	s.console.http.RegisterOnShutdown(end)
	return nil
}

// named is the URL of a listener as people best type it: browsers give passkeys
// to host names only, so the loopback is called localhost.
func named(listener string) string {
	u, err := url.Parse(listener)
	if err != nil {
		return listener
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
		u.Host = net.JoinHostPort("localhost", u.Port())
	}
	return u.String()
}

// relyingParty is what passkeys are bound to: the console's host name and its
// origin, or nothing where it has no name.
func relyingParty(consoleURL string) (host string, origins []string) {
	u, err := url.Parse(consoleURL)
	if err != nil {
		return "", nil
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return "", nil
	}
	return u.Hostname(), []string{consoleURL}
}

// firstMember makes the member that the settings name, or the link by which the
// first one joins. It returns that link's URL.
func firstMember(ctx context.Context, cfg *Config, acc *accounts.Service) (string, error) {
	if !cfg.RootPassword.Empty() {
		_, _, err := acc.EnsureFirstMember(ctx, cfg.RootEmail, cfg.RootPassword)
		if coffer.CodeOf(err) == coffer.InvalidArgument {
			return "", fmt.Errorf("COFFER_ROOT_PASSWORD cannot be used: %w", err)
		}
		return "", err
	}
	any, err := acc.HasMembers(ctx)
	if err != nil || any {
		return "", err
	}
	link, err := acc.SetupLink(ctx)
	if err != nil {
		return "", err
	}
	return console.LinkURL(cfg.PublicConsoleURL, link), nil
}

// consoleOrigin lets the console's own pages send files to the S3 address, which
// is another origin to a browser: for that one origin, for pre-signed URLs only,
// and never with cookies, which S3 has none of.
func consoleOrigin(origin string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != origin || !strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", http.MethodPut)
		h.Set("Access-Control-Allow-Headers", "content-type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}
