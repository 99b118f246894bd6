package model_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// bucket is what there should be in a bucket: plain maps, and lists in the order
// that S3 documents.
type bucket struct {
	owner      string
	versioning string // "", Enabled or Suspended
	lock       bool
	mode       string // of the default retention
	days       int
	keys       map[string][]*version // newest first
	uploads    []*upload             // in the order in which they were begun, ended ones too

	policy    string // the name of one of policies
	open      bool   // that nothing blocks public access
	ownership string // "" is BucketOwnerEnforced
	acl       string // canned; "" is private
}

// version is an object, or a delete marker.
type version struct {
	id       string // "null" or what the server called it
	marker   bool
	body     []byte
	etag     string
	kind     string // its Content-Type
	tags     string
	mode     string // of its retention
	until    time.Time
	hold     string
	modified time.Time // zero if the documentation leaves it open
	made     time.Time // what a lifecycle counts from
	owner    string    // the account that wrote it, where that counts
	acl      string    // canned
}

// upload is a multipart upload.
type upload struct {
	id, key string
	as      string
	began   time.Time
	owner   string
	tags    string
	mode    string
	until   time.Time
	hold    string
	parts   map[int][]byte
	done    *version // what Complete made
	listed  []int    // the parts that it was made of
	ended   bool     // completed, aborted, or gone with its bucket
}

func etagOf(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// current is the object that a key names without a version: nil if there is none.
func (b *bucket) current(key string) *version {
	if all := b.keys[key]; len(all) > 0 && !all[0].marker {
		return all[0]
	}
	return nil
}

// find is what a key and a version name, and how a request says the version. The
// newest may be a delete marker.
func (b *bucket) find(key string, n int) (*version, string) {
	all := b.keys[key]
	switch {
	case n == 0 && len(all) > 0:
		return all[0], ""
	case n == 0:
		return nil, ""
	case n > 0 && len(all) > 0:
		v := all[(n-1)%len(all)]
		return v, v.id
	case n == nullVersion:
		for _, v := range all {
			if v.id == "null" {
				return v, v.id
			}
		}
		return nil, "null"
	}
	return nil, strings.Repeat("x", 32)
}

// add makes v the newest version of a key (AWS, "Adding objects to
// versioning-enabled buckets", "Adding objects to versioning-suspended buckets"),
// with the retention of the bucket unless it has its own.
func (b *bucket) add(key string, v *version, now time.Time) {
	if b.lock && v.mode == "" && b.mode != "" && !v.marker {
		v.mode, v.until = b.mode, now.AddDate(0, 0, b.days)
	}
	switch b.versioning {
	case "":
		v.id = "null"
		b.keys[key] = nil
	case "Suspended":
		v.id = "null"
		b.remove(key, "null")
	}
	v.made = now
	b.keys[key] = append([]*version{v}, b.keys[key]...)
}

// remove takes a version away for good.
func (b *bucket) remove(key, id string) {
	b.keys[key] = slices.DeleteFunc(b.keys[key], func(v *version) bool { return v.id == id })
	if len(b.keys[key]) == 0 {
		delete(b.keys, key)
	}
}

// missing is why a version cannot be read (AWS, "Working with delete markers").
func missing(v *version, id string) refusals {
	switch {
	case v == nil && id == "", v != nil && v.marker && id == "":
		return refusals{"NoSuchKey"}
	case v == nil:
		return refusals{"NoSuchVersion"}
	case v.marker:
		return refusals{"MethodNotAllowed"}
	}
	return nil
}

// held tells whether a retention still runs.
func (v *version) held(now time.Time) bool { return v.mode != "" && now.Before(v.until) }

// protected tells whether a version cannot be removed (AWS, "How S3 Object Lock
// works").
func (v *version) protected(now time.Time, bypass bool) bool {
	return v.hold == "ON" || v.held(now) && !(v.mode == "GOVERNANCE" && bypass)
}

// writeRefused is why a condition keeps a write from being done (AWS, "How to
// prevent object overwrites with conditional writes").
func (b *bucket) writeRefused(key, match string) refusals {
	v := b.current(key)
	switch {
	case match == "":
	case match == "if-none-match *":
		if v != nil {
			return refusals{"PreconditionFailed"}
		}
	case v == nil:
		return refusals{"NoSuchKey"}
	case match == "if-match other":
		return refusals{"PreconditionFailed"}
	}
	return nil
}

// conditionHeader is how a condition is asked for. What is current is read from
// the model, and nothing has the entity tag of other.
func conditionHeader(match, current string) (name, value string) {
	name, value, _ = strings.Cut(match, " ")
	switch value {
	case "current":
		if current == "" {
			current = etagOf([]byte("current of nothing"))
		}
		value = fmt.Sprintf("%q", current)
	case "other":
		value = fmt.Sprintf("%q", etagOf([]byte("another")))
	}
	return name, value
}

// refusals are the errors that an operation may end in: none if it must succeed.
// Where several apply, the documentation does not say which comes first. ok
// among them says that it may succeed as well.
type refusals []string

const ok = ""

// final tells whether nothing else is looked at: who may do nothing learns nothing.
func (r refusals) final() bool {
	return slices.Contains(r, "AccessDenied") || slices.Contains(r, "NoSuchBucket")
}

// statuses are those of AWS, "Error responses", List of error codes.
var statuses = map[string]int{
	"AccessDenied": 403, "ConditionalRequestConflict": 409, "BucketAlreadyExists": 409, "BucketAlreadyOwnedByYou": 409, "BucketNotEmpty": 409, "EntityTooSmall": 400,
	"InvalidArgument": 400, "InvalidBucketState": 409, "InvalidPart": 400, "InvalidPartOrder": 400, "InvalidRange": 416, "InvalidRequest": 400,
	"MethodNotAllowed": 405, "NoSuchBucket": 404, "NoSuchKey": 404, "NoSuchUpload": 404, "NoSuchVersion": 404,
	"NoSuchObjectLockConfiguration": 404, "PreconditionFailed": 412, "NotModified": 304, "ObjectLockConfigurationNotFoundError": 404,
	"AccessControlListNotSupported": 400, "InvalidBucketAclWithObjectOwnership": 400, "OwnershipControlsNotFoundError": 404,
}
