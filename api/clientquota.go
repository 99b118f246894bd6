package api

import (
	"context"
	"net/url"
)

// AccountQuota returns the quota of an account, named by ID or e-mail address.
func (c *Client) AccountQuota(ctx context.Context, account string) (AccountQuota, error) {
	return do[AccountQuota](ctx, c, "GET", "/v1/accounts/"+url.PathEscape(account)+"/quota", nil)
}

// ChangeAccountQuota changes the quota of an account, or of one of its keys.
func (c *Client) ChangeAccountQuota(ctx context.Context, account string, in ChangeQuotaInput) (AccountQuota, error) {
	return do[AccountQuota](ctx, c, "PATCH", "/v1/accounts/"+url.PathEscape(account)+"/quota", in)
}

// BucketQuota returns the quota of a bucket.
func (c *Client) BucketQuota(ctx context.Context, bucket string) (BucketQuota, error) {
	return do[BucketQuota](ctx, c, "GET", "/v1/buckets/"+url.PathEscape(bucket)+"/quota", nil)
}

// ChangeBucketQuota changes the quota of a bucket.
func (c *Client) ChangeBucketQuota(ctx context.Context, bucket string, in ChangeQuotaInput) (BucketQuota, error) {
	return do[BucketQuota](ctx, c, "PATCH", "/v1/buckets/"+url.PathEscape(bucket)+"/quota", in)
}
