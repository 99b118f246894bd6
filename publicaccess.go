package coffer

// PublicAccessBlock keeps a bucket from being public, whatever its policy and
// access control lists say (AWS, "Blocking public access to your Amazon S3
// storage").
type PublicAccessBlock struct {
	// BlockPublicACLs refuses to write lists with public grants, and objects with
	// such a list.
	BlockPublicACLs bool `json:"block_public_acls"`
	// IgnorePublicACLs takes public grants for not written.
	IgnorePublicACLs bool `json:"ignore_public_acls"`
	// BlockPublicPolicy refuses to write a policy that is public.
	BlockPublicPolicy bool `json:"block_public_policy"`
	// RestrictPublicBuckets takes a policy that is public to let in nobody but the
	// account of the bucket.
	RestrictPublicBuckets bool `json:"restrict_public_buckets"`
}

// AllPublicAccessBlocked is the setting of new buckets.
func AllPublicAccessBlocked() PublicAccessBlock { return PublicAccessBlock{true, true, true, true} }
