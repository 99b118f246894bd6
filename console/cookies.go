package console

import (
	"net"
	"net/http"
	"time"

	"coffer"
	"coffer/accounts"
)

// The names of the cookies. Over https they bear the prefix __Host-, which makes
// browsers hold them to this host, this path and TLS. Over plain http, which is
// for localhost and private networks, a Secure cookie is not kept by every
// browser: chromium 156 keeps one of http://localhost and http://127.0.0.1, Safari
// and many programs do not, and nobody does for other hosts. So it is left out.
const (
	hostPrefix    = "__Host-"
	sessionCookie = "coffer_session"
	deviceCookie  = "coffer_device"
	themeCookie   = "coffer_theme"

	deviceCookieAge = 180 * 24 * time.Hour
	themeCookieAge  = 365 * 24 * time.Hour
)

func (c *Console) cookieName(name string) string {
	if c.origin.Scheme == "https" {
		return hostPrefix + name
	}
	return name
}

// setCookie sets one that no script can read; age 0 ends with the browser, a
// negative one removes it.
func (q *request) setCookie(name, value string, age time.Duration) {
	http.SetCookie(q.w, &http.Cookie{
		Name: q.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: q.origin.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (q *request) cookie(name string) string {
	c, err := q.r.Cookie(q.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func (q *request) sessionToken() coffer.Secret {
	return coffer.NewSecretFrom(q.cookie(sessionCookie))
}

// client is what is known of the browser.
func (q *request) client() accounts.Client {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		host = q.r.RemoteAddr
	}
	c := accounts.Client{Source: host, UserAgent: q.r.UserAgent()}
	if device := q.cookie(deviceCookie); device != "" {
		c.Device = coffer.NewSecretFrom(device)
	}
	return c
}

// start makes the session of a sign-in the browser's.
func (q *request) start(s accounts.Started) {
	q.setCookie(sessionCookie, s.Token.Reveal(), 0)
	if !s.Device.Empty() {
		q.setCookie(deviceCookie, s.Device.Reveal(), deviceCookieAge)
	}
}
