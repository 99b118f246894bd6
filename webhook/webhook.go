// Package webhook sends batches of events to the URL of a webhook: signed, within
// a time, and never to an address that only this machine should reach. It knows
// nothing of buckets, nor of what is done with a failure.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coffer"
)

const (
	sendTimeout  = 10 * time.Second
	answerMax    = 64 << 10 // bytes of an answer's body that are read, so that the connection can be used again
	headMax      = 16 << 10
	idleConnsMax = 2
)

// Client sends. Its methods may be called from many goroutines.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// New makes a Client. With allowPrivate it also sends to addresses that are not on
// the Internet.
func New(allowPrivate bool, now func() time.Time) *Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !allowPrivate {
		dialer.Control = coffer.OnlyPublic
	}
	return &Client{now: now, http: &http.Client{
		Timeout: sendTimeout,
		// A sink answers for itself: where it points to was never agreed to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // one would resolve names after the check
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  sendTimeout,
			MaxResponseHeaderBytes: headMax,
			MaxIdleConnsPerHost:    idleConnsMax,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}}
}

// Refused is what a webhook answered if it was not a 2xx.
type Refused struct{ Status int }

func (e *Refused) Error() string {
	return fmt.Sprintf("it answered %d %s", e.Status, http.StatusText(e.Status))
}

// Lasting tells whether the same delivery would be refused again: a 4xx that says
// neither wait nor try again.
func (e *Refused) Lasting() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout &&
		e.Status != http.StatusTooEarly && e.Status != http.StatusTooManyRequests
}

// Send posts body, which is JSON, and returns nil once a 2xx came. The ID is the
// same each time a delivery is repeated, so that a sink can leave out what it has
// had. The status is 0 if there was no answer. Errors have no URL in them: some
// have a token there.
func (c *Client) Send(ctx context.Context, hook coffer.Webhook, id string, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL.Reveal(), strings.NewReader(string(body)))
	if err != nil {
		return 0, fmt.Errorf("the URL of the webhook %s is not one", hook.Name)
	}
	at := strconv.FormatInt(c.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "coffer/"+coffer.Version)
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	if !hook.Secret.Empty() {
		r.Header.Set("Webhook-Signature", Sign(hook.Secret, id, at, body))
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, answerMax)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return answer.StatusCode, &Refused{answer.StatusCode}
	}
	return answer.StatusCode, nil
}

// Sign is the signature of a delivery, by which a sink knows that it is ours and
// when it was sent: v1 and the HMAC-SHA256 of "ID.TIMESTAMP.BODY" in base64
// (Standard Webhooks, "Signature scheme"). A secret that begins with whsec_ is the
// key in base64; any other is the key itself.
func Sign(secret coffer.Secret, id, timestamp string, body []byte) string {
	key := []byte(secret.Reveal())
	if text, ok := strings.CutPrefix(secret.Reveal(), "whsec_"); ok {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			key = raw
		}
	}
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, id+"."+timestamp+".")
	_, _ = h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
