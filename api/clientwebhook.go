package api

import (
	"context"
	"net/url"
)

// ListWebhooks returns the webhooks that the operator defined.
func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) {
	list, err := do[webhookList](ctx, c, "GET", "/v1/webhooks", nil)
	return list.Webhooks, err
}

// Webhook returns the last deliveries to a webhook, and the events that were given
// up.
func (c *Client) Webhook(ctx context.Context, name string) (WebhookDetail, error) {
	return do[WebhookDetail](ctx, c, "GET", "/v1/webhooks/"+url.PathEscape(name), nil)
}

// TestWebhook has an s3:TestEvent sent to a webhook.
func (c *Client) TestWebhook(ctx context.Context, name string) error {
	_, err := do[Done](ctx, c, "POST", "/v1/webhooks/"+url.PathEscape(name)+":test", nil)
	return err
}

// ReplayWebhook has the events sent again that were given up.
func (c *Client) ReplayWebhook(ctx context.Context, name string) (Replayed, error) {
	return do[Replayed](ctx, c, "POST", "/v1/webhooks/"+url.PathEscape(name)+":replay", nil)
}

// Replication returns how the replication of a bucket goes.
func (c *Client) Replication(ctx context.Context, bucket string) (ReplicationStatus, error) {
	return do[ReplicationStatus](ctx, c, "GET", "/v1/buckets/"+url.PathEscape(bucket)+"/replication", nil)
}
