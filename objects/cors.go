package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// BucketCORS reads the CORS rules of a bucket; the error is
// NoSuchCORSConfiguration if it has none.
func (s Session) BucketCORS(ctx context.Context, bucket coffer.BucketName) ([]coffer.CORSRule, error) {
	rules, err := getConfig[[]coffer.CORSRule](ctx, s, bucket, configCORS, coffer.GetBucketCORS, coffer.NoSuchCORSConfiguration)
	if err != nil {
		return nil, err
	}
	return *rules, nil
}

// PutBucketCORS puts rules in the place of those that a bucket has.
func (s Session) PutBucketCORS(ctx context.Context, bucket coffer.BucketName, rules []coffer.CORSRule) error {
	if err := coffer.CheckCORSRules(rules); err != nil {
		return err
	}
	return s.putConfig(ctx, bucket, configCORS, coffer.PutBucketCORS, rules)
}

// DeleteBucketCORS removes the rules of a bucket.
func (s Session) DeleteBucketCORS(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configCORS, coffer.PutBucketCORS)
}

// MatchCORS finds the rule of a bucket that allows a request across origins; nil
// if there are rules and none does. The error is NoSuchBucket, or
// NoSuchCORSConfiguration where there are no rules. Anybody may ask, as a browser
// does before it has a credential to show; only the rule that fits is told.
func (s Session) MatchCORS(ctx context.Context, bucket coffer.BucketName, q coffer.CORSRequest) (*coffer.CORSRule, error) {
	var rule *coffer.CORSRule
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, bucket)
		if errors.Is(err, meta.ErrNotFound) {
			return (&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", string(bucket))
		}
		if err != nil {
			return err
		}
		rules, err := readConfig[[]coffer.CORSRule](s.Service, r, b, configCORS)
		if err != nil {
			return err
		}
		if rules == nil {
			return (&coffer.Error{Code: coffer.NoSuchCORSConfiguration}).With("BucketName", string(bucket))
		}
		rule = coffer.MatchCORS(*rules, q)
		return nil
	})
	return rule, err
}
