package console

import (
	"net/http"
	"slices"
	"strings"

	"coffer"
	"coffer/objects"
)

// notificationsPage is which events of a bucket go where.
type notificationsPage struct {
	bucketShell
	Rules        []coffer.NotificationRule
	Destinations []objects.Destination
	Logs         []webhookLog
	New          notificationForm
}

// webhookLog is what became of the events for one webhook.
type webhookLog struct {
	Name       string
	Counts     objects.WebhookCounts
	Deliveries []objects.Delivery
}

// notificationForm is a new rule as it was typed.
type notificationForm struct {
	To, Prefix, Suffix string
	Events             []string
}

// Has tells whether an event is chosen.
func (f notificationForm) Has(event string) bool { return slices.Contains(f.Events, event) }

// eventChoice is a group of events that a person can choose.
type eventChoice struct{ Event, Words string }

// Choices are the events of the form, by groups: who needs a single one names it by
// S3.
func (notificationForm) Choices() []eventChoice {
	return []eventChoice{
		{"s3:ObjectCreated:*", "an object was written"},
		{"s3:ObjectRemoved:*", "an object or a version was deleted"},
		{"s3:LifecycleExpiration:*", "a lifecycle rule ended an object"},
		{"s3:LifecycleTransition", "a lifecycle rule changed a storage class"},
		{"s3:ObjectTagging:*", "the tags of an object changed"},
		{"s3:ObjectAcl:Put", "the access control list of an object changed"},
		{"s3:ObjectRestore:*", "an archived object was restored"},
		{"s3:Replication:*", "a replication failed"},
	}
}

// deliveriesShown is how many deliveries to each webhook the page has.
const deliveriesShown = 20

func (q *request) showNotifications() error {
	return q.notificationsAnswer(http.StatusOK, problems{})
}

func (q *request) notificationsAnswer(status int, wrong problems) error {
	head, err := q.bucketShell(wrong)
	if err != nil {
		return err
	}
	form := q.r.PostForm
	page := notificationsPage{bucketShell: head, Destinations: q.objects().Destinations(),
		New: notificationForm{q.value("to"), form.Get("prefix"), form.Get("suffix"), form["event"]}}
	rules := seen[[]coffer.NotificationRule](&page.bucketShell, "notifications", coffer.Internal)
	if page.Rules, err = rules(q.objects().BucketNotification(q.ctx(), head.Bucket.Name)); err != nil {
		return err
	}
	for _, d := range page.Destinations {
		used := slices.ContainsFunc(page.Rules, func(r coffer.NotificationRule) bool { return r.Webhook == d.Name })
		if !used || !d.Log {
			continue
		}
		log := webhookLog{Name: d.Name}
		if log.Counts, log.Deliveries, err = q.objects().WebhookLog(q.ctx(), d.Name, deliveriesShown); err != nil {
			return err
		}
		page.Logs = append(page.Logs, log)
	}
	return q.render(status, "notifications", page)
}

func (q *request) addNotification() error {
	return q.changeBucket("/notifications", "rule", "saved", q.notificationsAnswer, func(b coffer.Bucket) error {
		form := q.r.PostForm
		rule := coffer.NotificationRule{Kind: coffer.NotifyQueue, ARN: "arn:aws:sqs:::" + q.value("to"), Events: form["event"],
			Prefix: form.Get("prefix"), Suffix: form.Get("suffix")}
		switch {
		case q.value("to") == "":
			return coffer.Errorf(coffer.InvalidArgument, "choose where the events go")
		case len(rule.Events) == 0:
			return coffer.Errorf(coffer.InvalidArgument, "choose at least one kind of event")
		}
		return q.editNotifications(b, func(rules []coffer.NotificationRule) []coffer.NotificationRule { return append(rules, rule) })
	})
}

func (q *request) removeNotification() error {
	return q.changeBucket("/notifications", "rule", "rule-gone", q.notificationsAnswer, func(b coffer.Bucket) error {
		return q.editNotifications(b, func(rules []coffer.NotificationRule) []coffer.NotificationRule {
			return slices.DeleteFunc(rules, func(r coffer.NotificationRule) bool { return r.ID == q.r.PostForm.Get("rule") })
		})
	})
}

// editNotifications writes the rules that change makes of those of the bucket.
func (q *request) editNotifications(b coffer.Bucket, change func([]coffer.NotificationRule) []coffer.NotificationRule) error {
	if err := q.checkRevision(b); err != nil {
		return err
	}
	old, err := q.objects().BucketNotification(q.ctx(), b.Name)
	if err != nil {
		return err
	}
	return q.objects().PutBucketNotification(q.ctx(), b.Name, change(slices.Clone(old)), false)
}

// EventWords is for templates: an event as people read it.
func (notificationsPage) EventWords(event string) string {
	i := slices.IndexFunc(notificationForm{}.Choices(), func(c eventChoice) bool { return c.Event == event })
	if i < 0 {
		return strings.TrimPrefix(event, "s3:")
	}
	return notificationForm{}.Choices()[i].Words
}
