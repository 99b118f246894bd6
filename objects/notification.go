package objects

import (
	"context"
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

// BucketNotification reads the notification rules of a bucket; none if none were
// set.
func (s Session) BucketNotification(ctx context.Context, bucket coffer.BucketName) ([]coffer.NotificationRule, error) {
	rules, err := getConfig[[]coffer.NotificationRule](ctx, s, bucket, configNotification, coffer.GetBucketNotification, coffer.NoSuchConfiguration)
	if coffer.CodeOf(err) == coffer.NoSuchConfiguration {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return *rules, nil
}

// PutBucketNotification puts rules in the place of those that a bucket has; none
// turns notifications off. Rules without an ID get one. Unless unchecked, every
// webhook must be there, and each is sent an s3:TestEvent, as AWS does.
func (s Session) PutBucketNotification(ctx context.Context, bucket coffer.BucketName, rules []coffer.NotificationRule, unchecked bool) error {
	for i := range rules {
		r := &rules[i]
		if r.ID == "" {
			id, err := s.id(8)
			if err != nil {
				return err
			}
			r.ID = fmt.Sprintf("%x", id)
		}
		name, err := coffer.ParseWebhookARN(r.Kind, r.ARN, s.actor.Account)
		if err != nil {
			return err
		}
		r.Webhook = name
	}
	if err := coffer.CheckNotificationRules(rules); err != nil {
		return err
	}
	if len(rules) == 0 {
		return s.deleteConfig(ctx, bucket, configNotification, coffer.PutBucketNotification)
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutBucketNotification, "")
		if err != nil {
			return err
		}
		if !unchecked {
			if err := errors.Join(s.knownWebhooks(b, rules), s.testEvents(tx, b, rules)); err != nil {
				return err
			}
		}
		return s.setConfig(ctx, tx, b, configNotification, rules)
	})
}

// webhook finds a webhook that buckets of an account may send to; nil if there is
// none.
func (s *Service) webhook(name string, account coffer.AccountID) *coffer.Webhook {
	for i := range s.Webhooks {
		w := &s.Webhooks[i]
		if w.Name == name && (w.Account == "" || w.Account == account) {
			return w
		}
	}
	return nil
}

// knownWebhooks refuses rules that send to nowhere. A webhook of another account
// looks the same as none.
func (s *Service) knownWebhooks(b coffer.Bucket, rules []coffer.NotificationRule) error {
	for _, r := range rules {
		if s.webhook(r.Webhook, b.Account) == nil {
			kind := map[coffer.NotificationKind]string{coffer.NotifyTopic: "topic", coffer.NotifyQueue: "queue", coffer.NotifyFunction: "function"}[r.Kind]
			return coffer.Errorf(coffer.InvalidArgument, "Unable to validate the following destination configurations: the server has no webhook %s for this account.", r.Webhook).
				With("ArgumentName1", r.ARN).With("ArgumentValue1", "The destination "+kind+" does not exist")
		}
	}
	return nil
}
