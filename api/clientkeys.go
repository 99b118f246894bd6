package api

import (
	"context"
	"net/url"
	"time"

	"coffer"
)

// CreateKey makes or imports a key; the answer has its secret.
func (c *Client) CreateKey(ctx context.Context, in CreateKeyInput) (Key, error) {
	return do[Key](ctx, c, "POST", "/v1/keys", in)
}

// ListKeys returns the keys of an account, named by ID or e-mail address, or of
// all accounts that the caller may see for "", with the deleted ones if asked
// for.
func (c *Client) ListKeys(ctx context.Context, account string, deleted bool) ([]Key, error) {
	q := accountQuery(account)
	if deleted {
		q.Set("deleted", "true")
	}
	return pages(q, func(q url.Values) ([]Key, string, error) {
		list, err := do[keyList](ctx, c, "GET", withQuery("/v1/keys", q), nil)
		return list.Keys, list.Next, err
	})
}

// GetKey returns the key that handle names, without its secret: its ID, an
// Access Key ID of it, or self for the key that signs.
func (c *Client) GetKey(ctx context.Context, handle string) (Key, error) {
	return do[Key](ctx, c, "GET", keyPath(handle), nil)
}

// RevealKey returns the key that handle names, with its secret.
func (c *Client) RevealKey(ctx context.Context, handle string) (Key, error) {
	return c.keyVerb(ctx, handle, "reveal", nil)
}

// RenameKey changes what people call a key.
func (c *Client) RenameKey(ctx context.Context, handle, name string) (Key, error) {
	return do[Key](ctx, c, "PATCH", keyPath(handle), ChangeKeyInput{Name: &name})
}

// ExtendKey sets when a key expires; zero is never.
func (c *Client) ExtendKey(ctx context.Context, handle string, expires time.Time) (Key, error) {
	return do[Key](ctx, c, "PATCH", keyPath(handle), ChangeKeyInput{Expires: Some(orNull(expires))})
}

// PauseKey refuses a key until ResumeKey.
func (c *Client) PauseKey(ctx context.Context, handle string) (Key, error) {
	return c.keyVerb(ctx, handle, "pause", nil)
}

// ResumeKey ends a pause.
func (c *Client) ResumeKey(ctx context.Context, handle string) (Key, error) {
	return c.keyVerb(ctx, handle, "resume", nil)
}

// DeleteKey ends the key that handle names.
func (c *Client) DeleteKey(ctx context.Context, handle string) (Key, error) {
	return do[Key](ctx, c, "DELETE", keyPath(handle), nil)
}

// UndeleteKey restores a deleted key.
func (c *Client) UndeleteKey(ctx context.Context, handle string) (Key, error) {
	return c.keyVerb(ctx, handle, "undelete", nil)
}

// SetKeyScope changes what a key may do; nil is everything in the account.
func (c *Client) SetKeyScope(ctx context.Context, handle string, scope *coffer.Scope) (Key, error) {
	return do[Key](ctx, c, "PUT", keyPath(handle)+"/scope", ScopeInput{Scope: Some(scope)})
}

// RotateKey makes a new credential, whose secret is in the answer.
func (c *Client) RotateKey(ctx context.Context, handle string, in RotateInput) (Key, error) {
	return c.keyVerb(ctx, handle, "rotate", in)
}

// ConfirmKey ends the outgoing credential.
func (c *Client) ConfirmKey(ctx context.Context, handle string, in ConfirmInput) (Key, error) {
	return c.keyVerb(ctx, handle, "confirm", in)
}

// CancelKey ends the new credential instead.
func (c *Client) CancelKey(ctx context.Context, handle string, in CancelInput) (Key, error) {
	return c.keyVerb(ctx, handle, "cancel", in)
}

// ScreamTestKey refuses the outgoing credential for some minutes; 0 ends that.
func (c *Client) ScreamTestKey(ctx context.Context, handle string, minutes int) (Key, error) {
	return c.keyVerb(ctx, handle, "scream-test", ScreamTestInput{Minutes: minutes})
}

// KeyUsage returns who uses a key.
func (c *Client) KeyUsage(ctx context.Context, handle string) (Usage, error) {
	return do[Usage](ctx, c, "GET", keyPath(handle)+"/usage", nil)
}

// RevokeSelf ends the key that signs.
func (c *Client) RevokeSelf(ctx context.Context) (Key, error) {
	return do[Key](ctx, c, "POST", "/v1/keys/self:revoke", nil)
}

func (c *Client) keyVerb(ctx context.Context, handle, verb string, in any) (Key, error) {
	return do[Key](ctx, c, "POST", keyPath(handle)+":"+verb, in)
}

func keyPath(handle string) string { return "/v1/keys/" + url.PathEscape(handle) }
