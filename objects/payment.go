package objects

import (
	"context"
	"strings"

	"coffer"
)

// RequestPayment reads who pays for the requests to a bucket: its owner, where
// nobody said otherwise.
func (s Session) RequestPayment(ctx context.Context, bucket coffer.BucketName) (coffer.Payer, error) {
	p, err := getConfig[coffer.Payer](ctx, s, bucket, configPayment, coffer.GetBucketRequestPayment, coffer.NoSuchConfiguration)
	switch {
	case coffer.CodeOf(err) == coffer.NoSuchConfiguration:
		return coffer.BucketOwnerPays, nil
	case err != nil:
		return "", err
	}
	return *p, nil
}

// PutRequestPayment says who pays for the requests to a bucket.
func (s Session) PutRequestPayment(ctx context.Context, bucket coffer.BucketName, p coffer.Payer) error {
	if err := coffer.CheckPayer(p); err != nil {
		return err
	}
	return s.putConfig(ctx, bucket, configPayment, coffer.PutBucketRequestPayment, p)
}

// Acceleration reads whether a bucket's transfers were suspended from being
// accelerated; "" where nobody said so.
func (s Session) Acceleration(ctx context.Context, bucket coffer.BucketName) (coffer.Acceleration, error) {
	a, err := getConfig[coffer.Acceleration](ctx, s, bucket, configAcceleration, coffer.GetAccelerateConfiguration, coffer.NoSuchConfiguration)
	switch {
	case coffer.CodeOf(err) == coffer.NoSuchConfiguration:
		return "", nil
	case err != nil:
		return "", err
	}
	return *a, nil
}

// PutAcceleration suspends what is not there: nothing changes but what
// Acceleration tells.
func (s Session) PutAcceleration(ctx context.Context, bucket coffer.BucketName, a coffer.Acceleration) error {
	if _, err := s.HeadBucket(ctx, bucket, coffer.PutAccelerateConfiguration); err != nil {
		return err
	}
	if strings.Contains(string(bucket), ".") {
		return coffer.Errorf(coffer.InvalidRequest, "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
	}
	if err := coffer.CheckAcceleration(a); err != nil {
		return err
	}
	return s.putConfig(ctx, bucket, configAcceleration, coffer.PutAccelerateConfiguration, a)
}
