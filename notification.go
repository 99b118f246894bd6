package coffer

import (
	"net/url"
	"slices"
	"strings"
)

// NotificationKind is which element of AWS's document a rule stands in. All three
// send to a webhook; the kind only says how the rule is shown.
type NotificationKind string

// The kinds.
const (
	NotifyTopic    NotificationKind = "Topic"
	NotifyQueue    NotificationKind = "Queue"
	NotifyFunction NotificationKind = "CloudFunction"
)

// NotificationRule says which events of a bucket go to which webhook (AWS,
// "Amazon S3 Event Notifications").
type NotificationRule struct {
	ID   string
	Kind NotificationKind
	// ARN names the webhook as the client wrote it; Webhook is the name in it.
	ARN     string
	Webhook string
	// Events are names such as s3:ObjectCreated:* and s3:ObjectRemoved:Delete.
	Events []string
	// Prefix and Suffix choose keys; "" is any.
	Prefix, Suffix string
}

// The limits of a notification configuration (AWS, "Amazon S3 Event
// Notifications"). The length of a filter's value is in bytes.
const (
	NotificationRulesMax  = 100
	notificationValueMax  = 1024
	notificationIDMax     = 255
	notificationEventsMax = 50
)

// eventTypes are the events that a rule can name, and that are sent (AWS, "Supported
// event types for SQS, SNS, and Lambda").
var eventTypes = []string{
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectRestore:*", "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete",
	"s3:Replication:*", "s3:Replication:OperationFailedReplication",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
	"s3:LifecycleTransition",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
	"s3:ObjectAcl:Put",
}

// neverSent are AWS's other events, and why there is none of them here: who waits for
// one is better told at once.
var neverSent = map[string]string{
	"s3:ReducedRedundancyLostObject":                   "no storage class is less safe than another",
	"s3:IntelligentTiering":                            "no object is archived by itself",
	"s3:Replication:OperationMissedThreshold":          "replication has no time control",
	"s3:Replication:OperationReplicatedAfterThreshold": "replication has no time control",
	"s3:Replication:OperationNotTracked":               "replication has no time control",
}

// CheckNotificationRules tells whether a bucket can have these rules: every name
// known, no two rules for one event of one key, as AWS has it.
func CheckNotificationRules(rules []NotificationRule) error {
	if len(rules) > NotificationRulesMax {
		return Errorf(InvalidArgument, "A bucket can have at most %d notification configurations.", NotificationRulesMax)
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if err := r.check(); err != nil {
			return err
		}
		if seen[r.ID] {
			return Errorf(InvalidArgument, "Same ID used for multiple configurations. IDs must be unique").
				With("ArgumentName", "Id").With("ArgumentValue", r.ID)
		}
		seen[r.ID] = true
		for j := range i {
			if err := r.overlaps(&rules[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *NotificationRule) check() error {
	if len(r.Events) == 0 || len(r.Events) > notificationEventsMax || r.ID == "" || len(r.ID) > notificationIDMax {
		return Errorf(MalformedXML, "a configuration has 1 to %d events, and an ID of at most %d bytes", notificationEventsMax, notificationIDMax)
	}
	for _, e := range r.Events {
		if why, ok := neverSent[e]; ok {
			return Errorf(NotImplemented, "coffer sends no event %s: %s.", e, why)
		}
		if !slices.Contains(eventTypes, e) {
			return Errorf(InvalidArgument, "The event is not supported for notifications").
				With("ArgumentName", "Event").With("ArgumentValue", e)
		}
	}
	for _, v := range []string{r.Prefix, r.Suffix} {
		if len(v) > notificationValueMax {
			return Errorf(InvalidArgument, "Size of filter rule value cannot exceed 1024 bytes in UTF-8 encoding").
				With("ArgumentName", "FilterRule.Value").With("ArgumentValue", v)
		}
	}
	return nil
}

// overlaps refuses two rules that one event could match.
func (r *NotificationRule) overlaps(other *NotificationRule) error {
	if !slices.ContainsFunc(r.Events, func(a string) bool {
		return slices.ContainsFunc(other.Events, func(b string) bool { return matchEvent(a, b) || matchEvent(b, a) })
	}) {
		return nil
	}
	either := func(has func(s, part string) bool, a, b string) bool { return has(a, b) || has(b, a) }
	if !either(strings.HasPrefix, r.Prefix, other.Prefix) || !either(strings.HasSuffix, r.Suffix, other.Suffix) {
		return nil
	}
	if r.Prefix == "" && r.Suffix == "" && other.Prefix == "" && other.Suffix == "" {
		return Errorf(InvalidArgument, "Configurations overlap. Configurations on the same bucket cannot share a common event type.")
	}
	return Errorf(InvalidArgument, "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "+
		"if the prefixes are overlapping for the same event type.")
}

// matchEvent tells whether a rule's event, which may end in *, is for a name.
func matchEvent(rule, name string) bool {
	group, all := strings.CutSuffix(rule, "*")
	return rule == name || all && strings.HasPrefix(name, group)
}

// Matches tells whether an event, such as ObjectCreated:Put, of a key is the
// rule's. AWS has filters written as keys are in its events, so a filter counts in
// either form.
func (r *NotificationRule) Matches(event, key string) bool {
	if !r.Wants(event) {
		return false
	}
	fits := func(key string) bool { return strings.HasPrefix(key, r.Prefix) && strings.HasSuffix(key, r.Suffix) }
	return fits(key) || fits(EventKey(key))
}

// Wants tells whether an event is the rule's for some key.
func (r *NotificationRule) Wants(event string) bool {
	return slices.ContainsFunc(r.Events, func(e string) bool { return matchEvent(e, "s3:"+event) })
}

// EventKey is a key as events have it: in URL encoding, a space as +, and / as it
// is (AWS, "Event message structure").
func EventKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// ParseWebhookARN reads the name of a webhook from the ARN by which a rule names
// it: arn:aws:sqs:::NAME, sns for a topic, and arn:aws:lambda:::function:NAME for a
// function. Partition and region may be any; the account is the bucket's, or none.
func ParseWebhookARN(kind NotificationKind, arn string, account AccountID) (string, error) {
	service := map[NotificationKind]string{NotifyTopic: "sns", NotifyQueue: "sqs", NotifyFunction: "lambda"}[kind]
	function := ""
	if kind == NotifyFunction {
		function = "function:"
	}
	bad := Errorf(InvalidArgument, "The ARN is not well formed: that of a webhook is arn:aws:%s:::%sNAME, and nothing else gets events here.", service, function).
		With("ArgumentName", string(kind)+"Arn").With("ArgumentValue", arn)
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] != service {
		return "", bad
	}
	name := strings.TrimPrefix(parts[5], function)
	if parts[4] != "" && AccountID(parts[4]) != account || !isTargetName(name) {
		return "", bad
	}
	return name, nil
}
