package objects

import (
	"context"

	"coffer"
)

// Destination is a webhook that buckets of the actor's account can send events to.
type Destination struct {
	Name string
	// Log tells whether the actor may read what became of the events.
	Log bool
}

// Destinations lists the webhooks that buckets of the actor's account can send
// events to, in the order of the settings.
func (s Session) Destinations() []Destination {
	var list []Destination
	for _, w := range s.Webhooks {
		if !s.actor.Anonymous() && (w.Account == "" || w.Account == s.actor.Account) {
			list = append(list, Destination{w.Name, s.mayReadLog(w)})
		}
	}
	return list
}

// mayReadLog lets operators read the log of each webhook, and an account that of one
// that is its own alone: another has the deliveries of other accounts in it.
func (s Session) mayReadLog(w coffer.Webhook) bool {
	return s.actor.Caller.Operator || !s.actor.Anonymous() && w.Account == s.actor.Account
}

// WebhookLog reads the numbers of a webhook and what its last deliveries came to, the
// newest first. To who may not, the webhook does not exist.
func (s Session) WebhookLog(ctx context.Context, name string, max int) (WebhookCounts, []Delivery, error) {
	for _, w := range s.Webhooks {
		if w.Name != name || !s.mayReadLog(w) {
			continue
		}
		counts, err := s.webhookCounts(ctx, name)
		if err != nil {
			return WebhookCounts{}, nil, err
		}
		list, err := s.Deliveries(ctx, name, max)
		return counts, list, err
	}
	return WebhookCounts{}, nil, coffer.Errorf(coffer.NoSuchConfiguration, "there is no webhook %q whose deliveries you may see", name)
}
