package coffer

import (
	"net/netip"
	"strings"
	"time"
)

// BucketName is a valid bucket name; ParseBucketName makes one.
type BucketName string

// BucketID names a bucket from its making to its end. A bucket that is deleted
// and made again has another ID, so that nothing of the old one carries over.
type BucketID uint64

// Bucket is a container of objects, owned by one account.
type Bucket struct {
	Name    BucketName
	ID      BucketID
	Account AccountID
	// Owner is the account's canonical ID.
	Owner   CanonicalID
	Region  string
	Created time.Time
	// Configs has a bit for each configuration that the bucket has, and Revision
	// counts their changes; package objects gives both.
	Configs  uint32
	Revision int64
	// Versioning and ObjectLock are here since every write needs them; with
	// ObjectLock versioning is enabled, for good.
	Versioning Versioning
	ObjectLock bool
}

// ParseBucketName checks s by the rules of AWS's "General purpose bucket naming
// rules": 3 to 63 characters of lower-case letters, digits, dots and hyphens,
// labels that begin and end with a letter or digit, not an IP address, and none
// of the reserved prefixes and suffixes.
func ParseBucketName(s string) (BucketName, error) {
	invalid := func(why string) (BucketName, error) {
		return "", Errorf(InvalidBucketName, "The specified bucket is not valid: %s.", why).With("BucketName", s)
	}
	if len(s) < 3 || len(s) > 63 {
		return invalid("a name has 3 to 63 characters")
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return invalid("only lower-case letters, digits, hyphens and dots are allowed")
		}
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return invalid("each part between dots begins and ends with a letter or a digit")
		}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return invalid("a name is not formatted as an IP address")
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(s, p) {
			return invalid("the prefix " + p + " is reserved")
		}
	}
	for _, p := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(s, p) {
			return invalid("the suffix " + p + " is reserved")
		}
	}
	return BucketName(s), nil
}
