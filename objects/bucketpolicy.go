package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"coffer"
	"coffer/meta"
	"coffer/policy"
)

// bucketPolicy is a bucket's policy. Its record has the text as it was given; what
// is kept in memory was parsed once.
type bucketPolicy struct {
	*policy.Document
	text   string
	public bool
}

// MarshalJSON writes the text.
func (p bucketPolicy) MarshalJSON() ([]byte, error) { return json.Marshal(p.text) }

// UnmarshalJSON reads and parses the text. One that cannot be parsed is an error,
// so that a record which was damaged lets nobody in.
func (p *bucketPolicy) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.text); err != nil {
		return err
	}
	doc, err := policy.ParseResource([]byte(p.text))
	if err != nil {
		return err
	}
	p.Document, p.public = doc, doc.Public()
	return nil
}

// PolicyBytesMax is the most bytes that a bucket's policy may have (AWS, "Bucket
// policies for Amazon S3").
const PolicyBytesMax = 20 << 10

// BucketPolicy reads the policy of a bucket, byte for byte as it was put; the
// error is NoSuchBucketPolicy if it has none.
func (s Session) BucketPolicy(ctx context.Context, bucket coffer.BucketName) (string, error) {
	p, err := getConfig[bucketPolicy](ctx, s, bucket, configPolicy, coffer.GetBucketPolicy, coffer.NoSuchBucketPolicy)
	if err != nil {
		return "", err
	}
	return p.text, nil
}

// BucketPolicyPublic tells whether the policy of a bucket makes it public; the
// error is NoSuchBucketPolicy if it has none.
func (s Session) BucketPolicyPublic(ctx context.Context, bucket coffer.BucketName) (bool, error) {
	p, err := getConfig[bucketPolicy](ctx, s, bucket, configPolicy, coffer.GetBucketPolicyStatus, coffer.NoSuchBucketPolicy)
	if err != nil {
		return false, err
	}
	return p.public, nil
}

// PutBucketPolicy puts a policy in the place of the one that there is. The error
// is MalformedPolicy if it is none, or is about another bucket, and AccessDenied if
// it is public and the bucket blocks that.
func (s Session) PutBucketPolicy(ctx context.Context, bucket coffer.BucketName, text string) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutBucketPolicy, "")
		if err != nil {
			return err
		}
		p, err := parseBucketPolicy(bucket, text)
		if err != nil {
			return err
		}
		block, err := s.publicAccess(tx, b)
		if err != nil {
			return err
		}
		if p.public && block.BlockPublicPolicy {
			return coffer.Errorf(coffer.AccessDenied, "Access Denied: the policy is public, and the BlockPublicPolicy setting of the bucket's public access block prevents that. DeletePublicAccessBlock takes it away.")
		}
		return s.setConfig(ctx, tx, b, configPolicy, p)
	})
}

// DeleteBucketPolicy removes the policy of a bucket; that there is none is no
// error.
func (s Session) DeleteBucketPolicy(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configPolicy, coffer.DeleteBucketPolicy)
}

func parseBucketPolicy(bucket coffer.BucketName, text string) (bucketPolicy, error) {
	if len(text) > PolicyBytesMax {
		return bucketPolicy{}, coffer.Errorf(coffer.MalformedPolicy, "The policy has %d bytes: it may have up to %d.", len(text), PolicyBytesMax)
	}
	doc, err := policy.ParseResource([]byte(text))
	if err != nil {
		if e, ok := errors.AsType[*policy.Error](err); ok {
			return bucketPolicy{}, coffer.Errorf(coffer.MalformedPolicy, "%s", e.Error())
		}
		return bucketPolicy{}, fmt.Errorf("parse bucket policy: %w", err)
	}
	if err := checkPolicyScope(bucket, doc); err != nil {
		return bucketPolicy{}, err
	}
	return bucketPolicy{Document: doc, text: text, public: doc.Public()}, nil
}

// checkPolicyScope refuses what cannot be about the bucket: a policy that names
// another one is a mistake, and would do nothing.
func checkPolicyScope(bucket coffer.BucketName, doc *policy.Document) error {
	const arn = "arn:aws:s3:::"
	for r := range doc.Resources() {
		name, ok := strings.CutPrefix(r, arn)
		name, _, _ = strings.Cut(name, "/")
		// A policy's wildcards are * and ? alone; path has more.
		here, err := path.Match(name, string(bucket))
		if r != "*" && (!ok || err != nil || !here || strings.ContainsAny(name, `[\`)) {
			return coffer.Errorf(coffer.MalformedPolicy, "Policy has invalid resource: %.200q is not %s%s, nor %s%s/ and the beginning of a key.",
				r, arn, bucket, arn, bucket)
		}
	}
	for a := range doc.Actions() {
		if !isPolicyAction(a) {
			return coffer.Errorf(coffer.MalformedPolicy, "Policy has invalid action: %.200q is no action of s3.", a)
		}
	}
	for key := range doc.ConditionKeys() {
		if !isPolicyKey(key) {
			return coffer.Errorf(coffer.MalformedPolicy, "Policy has an invalid condition key: %.200q is none that requests to s3 have.", key)
		}
	}
	return nil
}
