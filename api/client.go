package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"coffer"
)

// answerBytesMax bounds an answer in memory: about 200,000 keys.
const answerBytesMax = 64 << 20

// Client calls the interface. Base is the URL before /v1, such as http://coffer.
type Client struct {
	HTTP *http.Client
	Base string
}

// Error is what the server refused a call with.
type Error struct {
	Status    int
	Code      string
	Message   string
	RequestID string
}

func (e *Error) Error() string { return e.Message }

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

// ListAccounts returns all accounts.
func (c *Client) ListAccounts(ctx context.Context) ([]Account, error) {
	list, err := do[accountList](ctx, c, "GET", "/v1/accounts", nil)
	return list.Accounts, err
}

// CreateKey makes or imports a key; the answer has its secret.
func (c *Client) CreateKey(ctx context.Context, in CreateKeyInput) (Key, error) {
	return do[Key](ctx, c, "POST", "/v1/keys", in)
}

// ListKeys returns the keys of an account, named by ID or e-mail address, or of
// all accounts for "", with the deleted ones if asked for.
func (c *Client) ListKeys(ctx context.Context, account string, deleted bool) ([]Key, error) {
	q := url.Values{}
	if account != "" {
		q.Set("account", account)
	}
	if deleted {
		q.Set("deleted", "true")
	}
	path := "/v1/keys"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	list, err := do[keyList](ctx, c, "GET", path, nil)
	return list.Keys, err
}

// GetKey returns the key that handle names, without its secret: its ID or an
// Access Key ID of it.
func (c *Client) GetKey(ctx context.Context, handle string) (Key, error) {
	return do[Key](ctx, c, "GET", keyPath(handle), nil)
}

// RevealKey returns the key that handle names, with its secret.
func (c *Client) RevealKey(ctx context.Context, handle string) (Key, error) {
	return do[Key](ctx, c, "POST", keyPath(handle)+":reveal", nil)
}

// DeleteKey ends the key that handle names.
func (c *Client) DeleteKey(ctx context.Context, handle string) (Key, error) {
	return do[Key](ctx, c, "DELETE", keyPath(handle), nil)
}

func keyPath(handle string) string { return "/v1/keys/" + url.PathEscape(handle) }

// do makes one call and decodes its answer. Fields that this client does not
// know are ignored, so that an older client can talk to a newer server.
func do[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	body := io.Reader(http.NoBody)
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return out, fmt.Errorf("encode %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return out, fmt.Errorf("call %s %s: %w", method, path, err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*NoServerError](err); ok {
			return out, e // without the URL, which means nothing on a socket
		}
		return out, fmt.Errorf("call the server: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("read the server's answer: %w", err)
	case len(b) > answerBytesMax:
		return out, fmt.Errorf("the server's answer is longer than %d bytes", answerBytesMax)
	case resp.StatusCode != http.StatusOK:
		return out, readError(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("the server's answer to %s %s is not understood: %w", method, path, err)
	}
	return out, nil
}

func readError(status int, body []byte) error {
	var answer errorAnswer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Message == "" {
		return &Error{Status: status, Code: wire[coffer.Internal].name,
			Message: fmt.Sprintf("the server answered %d %s, and not as coffer does", status, http.StatusText(status))}
	}
	e := answer.Error
	return &Error{Status: status, Code: e.Code, Message: e.Message, RequestID: e.RequestID}
}
