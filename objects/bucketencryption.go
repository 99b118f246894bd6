package objects

import (
	"context"

	"coffer"
)

// BucketEncryption reads how new objects of a bucket are encrypted. Where nobody
// set it, that is as the instance does; the error is
// ServerSideEncryptionConfigurationNotFound if that does not encrypt.
func (s Session) BucketEncryption(ctx context.Context, bucket coffer.BucketName) (coffer.BucketEncryption, error) {
	e, err := getConfig[coffer.BucketEncryption](ctx, s, bucket, configEncryption, coffer.GetEncryptionConfiguration,
		coffer.ServerSideEncryptionConfigurationNotFound)
	switch {
	case err == nil && s.Encrypt && e.Kind == coffer.NotEncrypted:
		return coffer.BucketEncryption{Kind: coffer.SSES3, BlockSSEC: e.BlockSSEC}, nil
	case err == nil:
		return *e, nil
	case s.Encrypt && coffer.CodeOf(err) == coffer.ServerSideEncryptionConfigurationNotFound:
		return coffer.BucketEncryption{Kind: coffer.SSES3}, nil
	}
	return coffer.BucketEncryption{}, err
}

// PutBucketEncryption sets how new objects of a bucket are encrypted. As in AWS, a
// KMS key need not exist before the first object needs it.
func (s Session) PutBucketEncryption(ctx context.Context, bucket coffer.BucketName, e coffer.BucketEncryption) error {
	return s.putConfig(ctx, bucket, configEncryption, coffer.PutEncryptionConfiguration, e)
}

// DeleteBucketEncryption leaves new objects of a bucket to the instance.
func (s Session) DeleteBucketEncryption(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configEncryption, coffer.PutEncryptionConfiguration)
}
