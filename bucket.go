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

// BucketNamespace is where the name of a new bucket is from.
type BucketNamespace string

// The namespaces. Names of an account in a region are PREFIX-ACCOUNT-REGION-an, and
// no other account can have them.
const (
	GlobalNamespace   BucketNamespace = "global"
	RegionalNamespace BucketNamespace = "account-regional"
)

// ParseBucketNamespace reads a name of a namespace; "" is the global one.
func ParseBucketNamespace(s string) (BucketNamespace, error) {
	switch n := BucketNamespace(s); n {
	case "":
		return GlobalNamespace, nil
	case GlobalNamespace, RegionalNamespace:
		return n, nil
	}
	return "", Errorf(InvalidArgument, "The namespace of a bucket is %s or %s.", RegionalNamespace, GlobalNamespace).
		With("ArgumentName", "x-amz-bucket-namespace").With("ArgumentValue", s)
}

// Reserved gives the account and the region that the name is reserved for; both are
// "" for a name that anybody can have.
func (n BucketName) Reserved() (AccountID, string) {
	rest, ok := strings.CutSuffix(string(n), "-an")
	if !ok {
		return "", ""
	}
	// No region begins with 12 digits, so the last label that is an account is it.
	for i := len(rest) - 1; i > 0; i-- {
		const digits = 12
		if rest[i] != '-' || i+1+digits >= len(rest) || rest[i+1+digits] != '-' || i+digits+2 == len(rest) {
			continue
		}
		if account := rest[i+1 : i+1+digits]; strings.Trim(account, "0123456789") == "" {
			return AccountID(account), rest[i+digits+2:]
		}
	}
	return "", ""
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
