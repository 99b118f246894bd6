package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coffer"
	"coffer/sigv4"
)

// answerBytesMax bounds an answer in memory: about 100,000 keys.
const answerBytesMax = 64 << 20

// callTimeout is how long a call to another machine may take.
const callTimeout = 2 * time.Minute

// Client calls the interface. Base is the URL before /v1, such as http://coffer.
type Client struct {
	HTTP *http.Client
	Base string
	// Pair signs the calls; nil signs none, for the socket.
	Pair *Pair
}

// Pair is an access key with which calls are signed.
type Pair struct {
	AccessKeyID string
	Secret      coffer.Secret
	// Region may be any; "" is auto.
	Region string
	Now    func() time.Time
}

// DialURL returns a client for the server whose console is at base, an origin
// such as https://console.example.com. It does not follow redirects, which would
// break the signature.
func DialURL(base string, pair Pair) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%.200q is not the URL of a console: write it as https://HOST or https://HOST:PORT", base)
	}
	return &Client{Base: u.Scheme + "://" + u.Host, Pair: &pair, HTTP: &http.Client{Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Error is what the server refused a call with.
type Error struct {
	Status    int
	Code      string
	Message   string
	RequestID string
	// InUse is who uses the credential that confirm or cancel would end; nil
	// unless the code is KeyInUse.
	InUse *InUse
}

func (e *Error) Error() string { return e.Message }

// KeyInUse is the code of a confirm or cancel that was refused because the
// credential is in use.
func KeyInUse() string { return wire[coffer.KeyInUse].name }

// Instance tells of the server.
func (c *Client) Instance(ctx context.Context) (Instance, error) {
	return do[Instance](ctx, c, "GET", "/v1/instance", nil)
}

// Reclaim deletes what no metadata names.
func (c *Client) Reclaim(ctx context.Context) (ReclaimReport, error) {
	return do[ReclaimReport](ctx, c, "POST", "/v1/instance:reclaim", nil)
}

// CreateAccount makes an account and its first key.
func (c *Client) CreateAccount(ctx context.Context, in CreateAccountInput) (NewAccount, error) {
	return do[NewAccount](ctx, c, "POST", "/v1/accounts", in)
}

// ListAccounts returns all accounts that the caller may see.
func (c *Client) ListAccounts(ctx context.Context) ([]Account, error) {
	return pages(url.Values{}, func(q url.Values) ([]Account, string, error) {
		list, err := do[accountList](ctx, c, "GET", withQuery("/v1/accounts", q), nil)
		return list.Accounts, list.Next, err
	})
}

// pages gathers a list that comes in pages.
func pages[T any](q url.Values, get func(url.Values) ([]T, string, error)) ([]T, error) {
	all := []T{}
	for {
		part, next, err := get(q)
		if err != nil {
			return nil, err
		}
		if all = append(all, part...); next == "" {
			return all, nil
		}
		q.Set("after", next)
	}
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// accountQuery names an account, unless it is "".
func accountQuery(account string) url.Values {
	q := url.Values{}
	if account != "" {
		q.Set("account", account)
	}
	return q
}

// do makes one call and decodes its answer. Fields that this client does not
// know are ignored, so that an older client can talk to a newer server.
func do[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	resp, err := c.send(ctx, method, path, in, "application/json")
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("read the server's answer: %w", err)
	case len(b) > answerBytesMax:
		return out, fmt.Errorf("the server's answer is longer than %d bytes", answerBytesMax)
	case resp.StatusCode != http.StatusOK:
		return out, readError(resp, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("the server's answer to %s %s is not understood: %w", method, path, err)
	}
	return out, nil
}

// send makes one call; who calls closes the body of the answer.
func (c *Client) send(ctx context.Context, method, path string, in any, accept string) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode %s %s: %w", method, path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("call %s %s: %w", method, path, err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "coffer/"+coffer.Version)
	if method != "GET" && method != "DELETE" {
		req.Header.Set("Content-Type", "application/json")
	}
	if p := c.Pair; p != nil {
		sum := sha256.Sum256(body)
		sigv4.Sign(req, p.AccessKeyID, p.Secret.Reveal(), cmp.Or(p.Region, "auto"), services[0], hex.EncodeToString(sum[:]), p.Now())
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*NoServerError](err); ok {
			return nil, e // without the URL, which means nothing on a socket
		}
		return nil, fmt.Errorf("call the server: %w", err)
	}
	return resp, nil
}

func readError(resp *http.Response, body []byte) error {
	status := resp.StatusCode
	var answer errorAnswer
	if to, err := resp.Location(); err == nil && status/100 == 3 {
		return &Error{Status: status, Code: wire[coffer.InvalidURI].name,
			Message: fmt.Sprintf("the server says that its console is at %s://%s: use that URL", to.Scheme, to.Host)}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Message == "" {
		return &Error{Status: status, Code: wire[coffer.Internal].name,
			Message: fmt.Sprintf("the server answered %d %s, and not as the console of coffer does: is the URL right?", status, http.StatusText(status))}
	}
	e := answer.Error
	return &Error{Status: status, Code: e.Code, Message: e.Message, RequestID: e.RequestID, InUse: e.InUse}
}
