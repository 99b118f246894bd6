package s3

import (
	"errors"
	"net/http"
	"strings"

	"coffer"
)

// notificationKinds are the kinds of rules in the order of AWS's schema, with the
// element that has the ARN.
var notificationKinds = []struct {
	kind coffer.NotificationKind
	arn  string
}{
	{coffer.NotifyTopic, "Topic"},
	{coffer.NotifyQueue, "Queue"},
	{coffer.NotifyFunction, "CloudFunction"},
}

// getBucketNotification answers GetBucketNotificationConfiguration.
func (q *request) getBucketNotification() error {
	rules, err := q.session.BucketNotification(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("NotificationConfiguration", namespace)
	for _, k := range notificationKinds {
		for _, r := range rules {
			if r.Kind == k.kind {
				writeNotificationRule(d, r, k.arn)
			}
		}
	}
	return q.send(http.StatusOK, d)
}

func writeNotificationRule(d *doc, r coffer.NotificationRule, arn string) {
	d.begin(string(r.Kind) + "Configuration")
	d.text("Id", r.ID)
	d.text(arn, r.ARN)
	for _, e := range r.Events {
		d.text("Event", e)
	}
	if r.Prefix != "" || r.Suffix != "" {
		d.begin("Filter")
		d.begin("S3Key")
		for _, f := range [...]struct{ name, value string }{{"Prefix", r.Prefix}, {"Suffix", r.Suffix}} {
			if f.value != "" {
				d.begin("FilterRule")
				d.text("Name", f.name)
				d.text("Value", f.value)
				d.end()
			}
		}
		d.end()
		d.end()
	}
	d.end()
}

// putBucketNotification answers PutBucketNotificationConfiguration. An empty
// document turns notifications off.
func (q *request) putBucketNotification() error {
	n, err := q.readXML("NotificationConfiguration")
	if err != nil {
		return err
	}
	rules, err := parseNotification(n)
	if err != nil {
		return err
	}
	unchecked := q.r.Header.Get("X-Amz-Skip-Destination-Validation") == "true"
	if err := q.session.PutBucketNotification(q.ctx, q.bucket, rules, unchecked); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

func parseNotification(n *node) ([]coffer.NotificationRule, error) {
	if err := n.only("TopicConfiguration*", "QueueConfiguration*", "CloudFunctionConfiguration*", "EventBridgeConfiguration"); err != nil {
		return nil, err
	}
	var rules []coffer.NotificationRule
	for _, c := range n.children {
		if c.name == "EventBridgeConfiguration" {
			return nil, coffer.Errorf(coffer.NotImplemented, "coffer has no EventBridge: send events to a webhook by a "+
				"QueueConfiguration whose Queue is arn:aws:sqs:::NAME.")
		}
		for _, k := range notificationKinds {
			if c.name != string(k.kind)+"Configuration" {
				continue
			}
			r, err := parseNotificationRule(c, k.arn)
			if err != nil {
				return nil, err
			}
			r.Kind = k.kind
			rules = append(rules, r)
		}
	}
	return rules, nil
}

func parseNotificationRule(c *node, arn string) (r coffer.NotificationRule, err error) {
	if err := c.only("Id", arn, "Event*", "Filter"); err != nil {
		return r, err
	}
	for _, e := range c.children {
		if len(e.children) > 0 && e.name != "Filter" {
			return r, malformed("%s has elements in it", e.name)
		}
		switch e.name {
		case "Id":
			r.ID = e.value
		case arn:
			r.ARN = strings.TrimSpace(e.value)
		case "Event":
			r.Events = append(r.Events, strings.TrimSpace(e.value))
		case "Filter":
			if err := parseNotificationFilter(e, &r); err != nil {
				return r, err
			}
		}
	}
	if _, ok := c.get(arn); !ok {
		return r, malformed("there is no %s", arn)
	}
	return r, nil
}

func parseNotificationFilter(filter *node, r *coffer.NotificationRule) error {
	if err := filter.only("S3Key"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, key := range filter.children {
		if err := key.only("FilterRule*"); err != nil {
			return err
		}
		for _, f := range key.children {
			if err := errors.Join(f.only("Name", "Value"), f.leaves()); err != nil {
				return err
			}
			given, _ := f.get("Name")
			value, ok := f.get("Value")
			if !ok {
				return malformed("a FilterRule has a Name and a Value")
			}
			name := strings.ToLower(strings.TrimSpace(given))
			switch name {
			case "prefix":
				r.Prefix = value
			case "suffix":
				r.Suffix = value
			default:
				return coffer.Errorf(coffer.InvalidArgument, "filter rule name must be either prefix or suffix").
					With("ArgumentName", "FilterRule.Name").With("ArgumentValue", given)
			}
			if seen[name] {
				return coffer.Errorf(coffer.InvalidArgument, "Cannot specify more than one %s rule in a filter.", name).
					With("ArgumentName", "FilterRule.Name").With("ArgumentValue", given)
			}
			seen[name] = true
		}
	}
	return nil
}
