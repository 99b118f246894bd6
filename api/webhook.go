package api

import (
	"encoding/json"
	"time"

	"coffer"
)

// Webhook is a webhook that the operator defined, and what became of its events.
type Webhook struct {
	Name      string             `json:"name"`
	Kind      coffer.WebhookKind `json:"kind" doc:"http, or the broker's protocol: nats, kafka or amqp."`
	Account   coffer.AccountID   `json:"account,omitempty" doc:"The only account whose buckets may send there; absent if all may."`
	Waiting   int64              `json:"waiting" doc:"Events that wait to be sent."`
	Dead      int64              `json:"dead" doc:"Events that were given up and can be replayed."`
	Delivered int64              `json:"delivered"`
	Failed    int64              `json:"failed" doc:"Deliveries that were not taken."`
	Dropped   int64              `json:"dropped" doc:"Events that were given up and not kept, because there were too many."`
}

// webhookList is the answer of GET /v1/webhooks.
type webhookList struct {
	Webhooks []Webhook `json:"webhooks"`
}

// Delivery is one attempt to send events to a webhook.
type Delivery struct {
	ID     string    `json:"id" doc:"The same for each attempt to send the same events."`
	Time   time.Time `json:"time"`
	Took   int64     `json:"took_milliseconds"`
	Status int       `json:"status" doc:"The HTTP status; 0 if no answer came, and always of brokers."`
	Events int       `json:"events"`
	Error  string    `json:"error,omitempty" doc:"Why the events were not taken."`
}

// DeadEvent is an event that was given up.
type DeadEvent struct {
	Time  time.Time       `json:"time"`
	Why   string          `json:"why"`
	Event json.RawMessage `json:"event"`
}

// WebhookDetail is the answer of GET /v1/webhooks/{webhook}.
type WebhookDetail struct {
	Deliveries []Delivery  `json:"deliveries" doc:"The last ones, the newest first."`
	Dead       []DeadEvent `json:"dead" doc:"The oldest events that were given up."`
}

// Replayed is the answer of POST /v1/webhooks/{webhook}:replay.
type Replayed struct {
	Events int `json:"events" doc:"How many events wait again."`
}

// ReplicationStatus is the answer of GET /v1/buckets/{bucket}/replication.
type ReplicationStatus struct {
	Waiting   int64 `json:"waiting" doc:"Copies that are still to be made."`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed" doc:"Copies that were given up."`
}

// shownMax is how many deliveries and dead events an answer has.
const shownMax = 100

// noObjects is the refusal of a server that has none of it.
func (q *request) noObjects() error {
	if q.Objects == nil {
		return coffer.Errorf(coffer.NotImplemented, "this server has no webhooks and no replication")
	}
	return nil
}

func (q *request) listWebhooks(none, none) (webhookList, error) {
	list := webhookList{Webhooks: []Webhook{}}
	if err := q.noObjects(); err != nil {
		return list, err
	}
	all, err := q.Objects.WebhookCounts(q.ctx())
	for _, c := range all {
		list.Webhooks = append(list.Webhooks, Webhook{Name: c.Webhook.Name, Kind: c.Webhook.Kind(), Account: c.Webhook.Account,
			Waiting: c.Waiting, Dead: c.Dead, Delivered: c.Delivered, Failed: c.Failed, Dropped: c.Dropped})
	}
	return list, err
}

// webhook is the name in the path, of a webhook that there is.
func (q *request) webhook() (string, error) {
	if err := q.noObjects(); err != nil {
		return "", err
	}
	name := q.r.PathValue("webhook")
	for _, w := range q.Objects.Webhooks {
		if w.Name == name {
			return name, nil
		}
	}
	return "", coffer.Errorf(coffer.NoSuchConfiguration, "there is no webhook %q: the operator defines them in the settings", name)
}

func (q *request) getWebhook(none, none) (WebhookDetail, error) {
	d := WebhookDetail{Deliveries: []Delivery{}, Dead: []DeadEvent{}}
	name, err := q.webhook()
	if err != nil {
		return d, err
	}
	deliveries, err := q.Objects.Deliveries(q.ctx(), name, shownMax)
	if err != nil {
		return d, err
	}
	for _, one := range deliveries {
		d.Deliveries = append(d.Deliveries, Delivery{one.ID, one.Time, one.Took.Milliseconds(), one.Status, one.Events, one.Error})
	}
	dead, err := q.Objects.DeadEvents(q.ctx(), name, shownMax)
	for _, e := range dead {
		d.Dead = append(d.Dead, DeadEvent{e.Time, e.Why, e.Text})
	}
	return d, err
}

func (q *request) testWebhook(none, none) (Done, error) {
	name, err := q.webhook()
	if err != nil {
		return Done{}, err
	}
	return Done{}, q.Objects.TestWebhook(q.ctx(), name)
}

func (q *request) replayWebhook(none, none) (Replayed, error) {
	name, err := q.webhook()
	if err != nil {
		return Replayed{}, err
	}
	n, err := q.Objects.ReplayEvents(q.ctx(), name)
	return Replayed{n}, err
}

func (q *request) getReplication(none, none) (ReplicationStatus, error) {
	if err := q.noObjects(); err != nil {
		return ReplicationStatus{}, err
	}
	c, err := q.Objects.ReplicationCounts(q.ctx(), coffer.BucketName(q.r.PathValue("bucket")))
	return ReplicationStatus{c.Waiting, c.Completed, c.Failed}, err
}
