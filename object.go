package coffer

import (
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of an object, in bytes.
const (
	ObjectKeyMax     = 1024
	ObjectSizeMax    = 50 << 40
	PutSizeMax       = 5 << 30
	UserMetadataMax  = 2 << 10
	SystemHeadersMax = 8 << 10
)

// Object is what is known of a stored object; its bytes are elsewhere.
type Object struct {
	Key string
	// VersionID is "" for the version that requests call null.
	VersionID string
	// DeleteMarker says that this version is the mark of a deletion: it has no bytes
	// and no ETag.
	DeleteMarker bool
	Size         int64
	// ETag is without its quotes.
	ETag        string
	Modified    time.Time
	Attributes  Attributes
	Checksum    Checksum
	Replication ReplicationState
	// Tags are in the order in which they were given.
	Tags []Tag
	Lock Lock
	// Encryption is nil for an object that is stored as it came.
	Encryption *Encryption
	// ACL is nil for an object of the bucket's owner that nobody else has a grant on.
	ACL *ACL
	// PartsCount is 0 for an object that was not made of parts.
	PartsCount int
	// Restored is until when an archived object is restored; zero if it never was.
	Restored time.Time
	// Expiry is when the object will end, if a lifecycle says so; it is not stored.
	Expiry *Expiry
}

// IsRestored tells whether an archived object is restored at a time.
func (o Object) IsRestored(now time.Time) bool { return now.Before(o.Restored) }

// Attributes are the headers that are stored with an object and given back as
// they were.
type Attributes struct {
	ContentType        string
	ContentEncoding    string
	ContentDisposition string
	ContentLanguage    string
	CacheControl       string
	Expires            string
	WebsiteRedirect    string
	// StorageClass is "" for STANDARD.
	StorageClass string
	// Metadata has user metadata by lower-case name, without x-amz-meta-.
	Metadata map[string]string
}

// CheckObjectKey tells whether key can name an object: 1 to 1,024 bytes of valid
// UTF-8 without NUL, which no XML answer could carry. Nothing in it is a path.
func CheckObjectKey(key string) error {
	switch {
	case key == "":
		return Errorf(InvalidArgument, "The object key is empty.")
	case len(key) > ObjectKeyMax:
		return &Error{Code: KeyTooLong, Fields: []Field{
			{"Size", itoa(len(key))}, {"MaxSizeAllowed", itoa(ObjectKeyMax)}}}
	case !utf8.ValidString(key):
		return Errorf(InvalidArgument, "The object key is not valid UTF-8.")
	case strings.IndexByte(key, 0) >= 0:
		return Errorf(InvalidArgument, "The object key has a NUL character, which is not supported.")
	}
	return nil
}

// storageClasses are those that AWS documents for PutObject.
var storageClasses = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",
	"INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE",
	"FSX_OPENZFS", "FSX_ONTAP"}

// ParseStorageClass checks a storage class; "" and STANDARD are both "".
func ParseStorageClass(s string) (string, error) {
	if s == "" || s == "STANDARD" {
		return "", nil
	}
	for _, c := range storageClasses {
		if s == c {
			return s, nil
		}
	}
	return "", Errorf(InvalidStorageClass, "").With("StorageClassRequested", s)
}
