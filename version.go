package coffer

import "strings"

// Versioning says what a bucket does with the versions of its objects (AWS, "How
// S3 Versioning works").
type Versioning uint8

// The states. A bucket that once kept versions can only suspend it.
const (
	VersioningUnset     Versioning = iota // each write replaces what was there
	VersioningEnabled                     // each write makes a version with an ID of its own
	VersioningSuspended                   // each write replaces the version called null; the others stay
)

// String is the state as S3 writes it; "" if it was never set.
func (v Versioning) String() string {
	switch v {
	case VersioningEnabled:
		return "Enabled"
	case VersioningSuspended:
		return "Suspended"
	}
	return ""
}

// ParseVersioning reads a state that can be asked for.
func ParseVersioning(s string) (Versioning, bool) {
	switch s {
	case "Enabled":
		return VersioningEnabled, true
	case "Suspended":
		return VersioningSuspended, true
	}
	return VersioningUnset, false
}

const (
	// NullVersion is what requests and answers call a version that has no ID, since
	// it was made while the bucket kept none.
	NullVersion = "null"
	// VersionIDLen is the length of every other version ID.
	VersionIDLen = 32
	// VersionIDAlphabet has the characters of version IDs, in byte order, so that IDs
	// sort as the bytes do that they stand for.
	VersionIDAlphabet = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)

// VersionIDFirst is the least character that a version ID begins with: an ID has the
// complement of its time first, and no time is negative or beyond the year 2262.
const VersionIDFirst = 'V'

// CheckVersionID refuses what never was a version ID, with InvalidArgument.
func CheckVersionID(id string) error {
	if id == NullVersion || len(id) == VersionIDLen && id[0] >= VersionIDFirst && strings.Trim(id, VersionIDAlphabet) == "" {
		return nil
	}
	text := "Invalid version id specified"
	if id == "" {
		text = "Version id cannot be the empty string"
	}
	return Errorf(InvalidArgument, "%s", text).With("ArgumentName", "versionId").With("ArgumentValue", id)
}

// VersionName is an ID as S3 writes it: null for none.
func VersionName(id string) string {
	if id == "" {
		return NullVersion
	}
	return id
}
