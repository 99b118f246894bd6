// Package console is the web console: pages of HTML over the same services that
// the other fronts use, for people who sign in. What a person may do is decided
// by those services; the console only asks. It knows nothing of S3's wire format,
// of how passwords or secrets are kept, nor of any store, and no object is ever
// shown on its origin: bytes travel between the browser and the S3 address by
// pre-signed URLs.
//
// Pages are written by html/template from one typed view model each. All of them
// work without scripts, apart from passkeys; nothing is inline, so that the
// content security policy can forbid it.
package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/keys"
	"coffer/objects"
	"coffer/snippets"
)

// Options is what a Console is made of.
type Options struct {
	Accounts *accounts.Service
	Keys     *keys.Service
	Objects  *objects.Service
	Audit    *audit.Log
	// Traffic has the requests of the last days; nil shows none.
	Traffic *audit.Traffic
	Now     func() time.Time
	// Rand is where request IDs come from.
	Rand   io.Reader
	Logger *slog.Logger

	// ConsoleURL is the origin by which people reach the console, such as
	// https://console.example.com. Links are made from it, never from a header;
	// its scheme decides how the cookie is protected.
	ConsoleURL string
	// S3URL is the origin by which clients reach the S3 address.
	S3URL func() string
	// Region is what clients best sign for.
	Region string
	// API makes the handler of /v1, given how to find out who sent a request with
	// the console's cookie: false if nobody is signed in. Nil has none.
	API func(func(*http.Request) (coffer.Caller, bool, error)) http.Handler
	// Scarce refuses a caller who changes much while there is little room; nil never
	// does.
	Scarce func(coffer.Caller) error
	// Ending ends when the server stops: live streams end with it, so that an open
	// page holds nothing up. Nil never ends.
	Ending context.Context
}

// Console is the handler of the console's address. The address of a request,
// behind trusted proxies, is expected in RemoteAddr.
type Console struct {
	Options
	origin   *url.URL
	pages    pages
	snippets *snippets.Set
	static   *static
	mux      *http.ServeMux
	guard    *http.CrossOriginProtection
	probe    *http.Client // asks the S3 address, for "Test this key"
	turns    turns
	streams  streams
	memory   *pageMemory
	usages   chan struct{} // see eachUsage
}

// New makes a Console. It fails if ConsoleURL is not an origin.
func New(opt Options) (*Console, error) {
	origin, err := url.Parse(opt.ConsoleURL)
	if err != nil || origin.Scheme != "http" && origin.Scheme != "https" || origin.Host == "" || strings.Trim(origin.Path, "/") != "" {
		return nil, fmt.Errorf("the console's URL is %q: write it as https://HOST or https://HOST:PORT", opt.ConsoleURL)
	}
	if opt.Ending == nil {
		opt.Ending = context.Background()
	}
	c := &Console{Options: opt, origin: origin, guard: http.NewCrossOriginProtection(), mux: http.NewServeMux(), probe: probeClient(), turns: newTurns(), memory: newPageMemory(), usages: make(chan struct{}, usagesMax)}
	// Behind a proxy that rewrites Host the browser's origin is still this one.
	if err := c.guard.AddTrustedOrigin(origin.Scheme + "://" + origin.Host); err != nil {
		return nil, fmt.Errorf("trust the console's own origin: %w", err)
	}
	if c.static, err = newStatic(); err != nil {
		return nil, err
	}
	if c.pages, err = parsePages(c.static.path); err != nil {
		return nil, err
	}
	if c.snippets, err = snippets.Parse(); err != nil {
		return nil, err
	}
	for _, r := range routes {
		c.mux.Handle(r.pattern, c.serve(r))
	}
	c.mux.Handle("GET "+c.static.prefix(), c.static)
	if opt.API != nil {
		c.mux.Handle("/v1/", opt.API(c.caller))
	}
	c.mux.Handle("/", c.serve(route{pattern: "/", access: accessPublic, handle: (*request).notFound}))
	return c, nil
}

// link is a URL of the console for people to follow, from wherever they read it.
func (c *Console) link(path string) string {
	return c.origin.Scheme + "://" + c.origin.Host + path
}

// access says who may reach a route. The zero value is a member who is signed
// in, so a row that forgets to say is closed.
type access int

const (
	accessMember access = iota
	accessPublic
)

// route is one method and path of the console.
type route struct {
	pattern string
	access  access
	handle  func(*request) error
}

// caller tells who is signed in in the browser that sent r.
func (c *Console) caller(r *http.Request) (coffer.Caller, bool, error) {
	q := &request{Console: c, r: r}
	err := q.authenticate()
	if coffer.CodeOf(err) == coffer.SignInNeeded {
		return coffer.Caller{}, false, nil
	}
	return q.current.Caller, err == nil, err
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.setHeaders(w.Header())
	r = r.WithContext(coffer.WithRequestID(r.Context(), c.newRequestID()))
	if isS3Client(r) {
		c.sendToS3(w, r)
		return
	}
	if to := c.canonical(r); to != "" {
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return
	}
	if c.crossSite(r) {
		q := &request{Console: c, w: w, r: r}
		q.fail(coffer.Errorf(coffer.AccessDenied, "this form was sent from a page of another site, which is not allowed: open it here and send it again"))
		return
	}
	c.mux.ServeHTTP(w, r)
}

// crossSite tells whether a page of another site sent a request that may change
// something. What the browser says of the site counts before what it says of
// the origin, which is compared for browsers that say nothing else.
func (c *Console) crossSite(r *http.Request) bool {
	if c.guard.Check(r) != nil {
		return true
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	site := r.Header.Get("Sec-Fetch-Site")
	return !safe && (site == "cross-site" || site == "same-site")
}

// canonical is where a request for the loopback by its number belongs: browsers
// give passkeys to names only, so the console's own URL has localhost there. The
// API is left alone: programs sign the host that they use.
func (c *Console) canonical(r *http.Request) string {
	if c.origin.Hostname() != "localhost" || r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/v1/") {
		return ""
	}
	// A target such as http:@host is no path, and would be read as a part of ours.
	if !strings.HasPrefix(r.URL.RequestURI(), "/") {
		return ""
	}
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		if strings.Replace(c.origin.Host, "localhost", host, 1) == r.Host {
			return c.link(r.URL.RequestURI())
		}
	}
	return ""
}

// setHeaders writes what every answer of the console bears, errors included.
func (c *Console) setHeaders(h http.Header) {
	connect := "'self'"
	if s3, err := url.Parse(c.S3URL()); err == nil && s3.Host != "" {
		connect += " " + s3.Scheme + "://" + s3.Host
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src "+connect+"; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", permissionsPolicy)
	h.Set("Cache-Control", "no-store")
	if c.origin.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// permissionsPolicy turns off what the console has no use for: all but passkeys
// and the clipboard.
const permissionsPolicy = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), " +
	"geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), usb=(), " +
	"screen-wake-lock=(), serial=(), xr-spatial-tracking=(), publickey-credentials-get=(self), " +
	"publickey-credentials-create=(self), clipboard-write=(self)"
