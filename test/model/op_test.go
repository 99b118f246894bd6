package model_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// op is one operation, said without what the server made up: a version is named
// by its place in the list of its key, an upload by its place among those of the
// bucket. A list of them is a test by itself.
type op struct {
	Do          string // which of runs
	As          string // which of actors
	Bucket, Key string
	// Version is 0 for none, n for the n-th of the key with the newest first, and
	// nullVersion or noVersion.
	Version int
	// FromBucket, FromKey and FromVersion are what is copied, FromMatch the condition on it.
	FromBucket, FromKey string
	FromVersion         int
	FromMatch           string
	// Size and Fill say what the body is.
	Size, Fill int
	Match      string // one of conditions
	Range      string // of a read, or of a part that is copied
	Tags       string // as x-amz-tagging has them
	Replace    bool   // of a copy: what is said here instead of what the source has
	// Upload is the n-th of the bucket, the one that was begun last first, and 0 one
	// that never was; Part is the number of a part, and Parts
	// are those that Complete lists.
	Upload, Part int
	Parts        []int
	// Prefix, Delimiter and Max are of lists.
	Prefix, Delimiter string
	Max               int
	Value             string // a state, a mode, a policy, a canned ACL
	Hours             int    // until a retention ends; that the clock moves
	Hold              string
	Bypass            bool
	ACL               string // canned, of a new object
}

const (
	nullVersion = -1
	noVersion   = -2
)

// String is the operation as a test would write it.
func (o op) String() string {
	var fields []string
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			fields = append(fields, fmt.Sprintf("%s: %#v", v.Type().Field(i).Name, v.Field(i).Interface()))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// The spaces are small, so that operations meet.
var (
	bucketNames = []string{"plain", "plain", "plain", "locked", "locked", "locked", "theirs", "new"}
	flatNames   = []string{"plain", "plain", "plain", "plain", "plain", "theirs", "locked"} // where versions are not often kept
	newNames    = []string{"new", "new", "new", "new", "plain", "locked", "theirs"}         // to make and to remove
	keyNames    = []string{"a", "a/b", "a/c", "b", "b/"}
	sizes       = []int{0, 1, partMin - 1, partMin, inlineMax, inlineMax + 1, 3 * inlineMax}
	conditions  = []string{"", "", "", "", "", "", "", "", "", "", "if-none-match *", "if-match *", "if-match current", "if-match other"}
	ranges      = []string{"", "", "bytes=0-0", "bytes=5-", "bytes=-7", "bytes=10-19", "bytes=1000-", "bytes=0-5000"}
	tagSets     = []string{"", "", "t=1", "t=2&u=x"}
	modes       = []string{"GOVERNANCE", "COMPLIANCE"}
)

// draw makes an operation of a kind: every field is drawn, the kind takes what it
// has a use for.
func draw(rt *rapid.T, kind string) op {
	use := uses[kind]
	o := op{Do: kind}
	if !strings.Contains(use, "!") {
		// The owner does most, or little would be done.
		o.As = pick(rt, "as", []string{"owner", "owner", "owner", "owner", "owner", "owner", "owner", "scoped", "other", "other", "anonymous"})
	}
	for _, letter := range use {
		switch letter {
		case 'b':
			o.Bucket = pick(rt, "bucket", bucketNames)
		case 'n':
			o.Bucket = pick(rt, "bucket", newNames)
		case 'p':
			o.Bucket = pick(rt, "bucket", flatNames)
		case 'k':
			o.Key = pick(rt, "key", keyNames)
		case 'v':
			o.Version = pick(rt, "version", []int{0, 0, 1, 1, 2, 3, nullVersion, noVersion})
		case 'f':
			o.FromBucket, o.FromKey = pick(rt, "from bucket", bucketNames), pick(rt, "from key", keyNames)
			o.FromVersion = pick(rt, "from version", []int{0, 0, 1, 2, nullVersion, noVersion})
			o.FromMatch = pick(rt, "from match", conditions)
		case 'F':
			o.FromKey, o.FromMatch = pick(rt, "from key", keyNames), pick(rt, "from match", conditions)
		case 's':
			o.Size, o.Fill = pick(rt, "size", sizes), rapid.IntRange(0, 2).Draw(rt, "fill")
		case 'm':
			o.Match = pick(rt, "match", conditions)
		case 'r':
			o.Range = pick(rt, "range", ranges)
		case 't':
			o.Tags = pick(rt, "tags", tagSets)
		case 'R':
			o.Replace = rapid.Bool().Draw(rt, "replace")
		case 'u':
			o.Upload, o.Part = pick(rt, "upload", []int{1, 1, 1, 2, 2, 3, 4, 0}), rapid.IntRange(1, 3).Draw(rt, "part")
		case 'P':
			o.Parts = pick(rt, "parts", [][]int{{1}, {1, 2}, {1, 3}, {2}, {2, 3}, {1, 2, 3}, {2, 1}})
		case 'l':
			o.Prefix, o.Delimiter = pick(rt, "prefix", []string{"", "a", "a/", "b/", "c"}), pick(rt, "delimiter", []string{"", "/", "b"})
			o.Max = rapid.IntRange(1, 4).Draw(rt, "max")
		case 'L':
			if o.Value = pick(rt, "mode", append([]string{"", "", "", "", "", "", ""}, modes...)); o.Value != "" {
				o.Hours = rapid.IntRange(1, 48).Draw(rt, "hours")
			}
			o.Hold = pick(rt, "hold", []string{"", "", "", "", "", "", "", "ON", "OFF"})
		case 'h':
			o.Hours = pick(rt, "hours", []int{-1, 1, 12, 30, 60})
		case 'A':
			o.ACL = pick(rt, "acl", []string{"", "", "", "", "", "", "", "", "public-read", "authenticated-read", "bucket-owner-full-control"})
		case 'B':
			o.Bypass = rapid.Bool().Draw(rt, "bypass")
		}
	}
	if values := values[kind]; values != nil {
		o.Value = pick(rt, "value", values)
	}
	return o
}

func pick[T any](rt *rapid.T, label string, from []T) T {
	return rapid.SampledFrom(from).Draw(rt, label)
}

// uses says for each kind which fields it has: see draw. ! is for what nobody
// asks for in a request.
var uses = map[string]string{
	"CreateBucket": "n", "DeleteBucket": "n", "HeadBucket": "b", "ListBuckets": "", "SetVersioning": "b",
	"Put": "bksmtLA", "Get": "bkvmr", "Head": "bkvm", "Delete": "bkvmB", "DeleteMany": "bkvB", "Copy": "bkfmtRL", "Rename": "pkFm",
	"GetTags": "bkv", "PutTags": "bkvt", "DeleteTags": "bkv",
	"SetLock": "bh", "SetRetention": "bkvhB", "GetRetention": "bkv", "SetHold": "bkv", "GetHold": "bkv",
	"CreateUpload": "bktL", "UploadPart": "busr", "CopyPart": "bufr", "Complete": "bumP", "Abort": "bu", "ListParts": "bu", "ListUploads": "bl",
	"List": "bl", "ListVersions": "bl",
	"SetPolicy": "b", "SetPublicAccess": "b", "SetOwnership": "b", "SetBucketACL": "b", "SetObjectACL": "bkv",
	"Restart": "!", "Crash": "!", "Reclaim": "!", "Wait": "!h", "Lifecycle": "!bh",
}

// often says which kinds come more than once in the table.
var often = map[string]int{"Put": 8, "UploadPart": 5, "Complete": 3, "CopyPart": 2, "Copy": 3, "Rename": 3, "Delete": 2, "CreateUpload": 1, "SetVersioning": 1, "SetRetention": 1}

// values are what the field Value is drawn from.
var values = map[string][]string{
	"CreateBucket": {"", "lock"}, "SetVersioning": {"Enabled", "Enabled", "Suspended"}, "List": {"1", "2"},
	"SetLock": {"", "GOVERNANCE", "COMPLIANCE"}, "SetRetention": {"", "GOVERNANCE", "COMPLIANCE"}, "SetHold": {"ON", "OFF"},
	"SetPolicy":       {"", "read", "folder", "account", "keep", "not b"},
	"SetPublicAccess": {"open", "open", "open", "block"}, "SetOwnership": {"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter", "ObjectWriter"},
	"SetBucketACL": {"private", "public-read", "public-read-write", "authenticated-read"},
	"SetObjectACL": {"private", "public-read", "authenticated-read", "bucket-owner-full-control"},
	"Crash":        {"0", "50", "100"},
}

// body is what an operation sends.
func (o op) body() []byte {
	b := make([]byte, o.Size)
	for i := range b {
		b[i] = byte('a' + (i*7+i/26+o.Fill*5)%26)
	}
	return b
}

// actions makes rapid's table of what may happen next: what is drawn is given to do.
func actions(do func(op)) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){}
	for _, kind := range slices.Sorted(maps.Keys(uses)) {
		all[kind] = func(rt *rapid.T) { do(draw(rt, kind)) }
		// What makes and removes objects comes more often than what asks.
		for n := range often[kind] {
			all[fmt.Sprint(kind, " ", n)] = all[kind]
		}
	}
	return all
}
