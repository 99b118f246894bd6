package model_test

import (
	"slices"
	"strings"

	"coffer"
)

// actor is who asks. Those of one account differ in the scope of their keys.
type actor struct {
	name, account, canonical string
	scope                    *coffer.Scope
}

var actors = []actor{
	{name: "owner", account: "111111111111", canonical: strings.Repeat("1a", 32)},
	{name: "scoped", account: "111111111111", canonical: strings.Repeat("1a", 32), scope: &coffer.Scope{Grants: []coffer.Grant{
		{Preset: coffer.PresetReadWrite, Buckets: []string{"plain", "locked"}, Prefixes: []string{"a/"}}}}},
	{name: "other", account: "222222222222", canonical: strings.Repeat("2b", 32)},
	{name: "anonymous"},
}

// who is the actor of a name.
func who(name string) actor {
	return actors[slices.IndexFunc(actors, func(a actor) bool { return a.name == name })]
}

// keyOf is the actor with all rights of an account.
func keyOf(account string) string {
	return actors[slices.IndexFunc(actors, func(a actor) bool { return a.account == account })].name
}

// scopeLets tells whether the key of an actor may do an action at all: the scoped
// one lists, reads, writes, overwrites and deletes what begins with a/.
func (a actor) scopeLets(action, bucket, key string) bool {
	if a.scope == nil {
		return true
	}
	if bucket != "plain" && bucket != "locked" {
		return false
	}
	switch action {
	case "GetBucketLocation":
		return true
	case "ListBucket", "ListBucketVersions", "ListBucketMultipartUploads":
		return strings.HasPrefix(key, "a/")
	case "PutObjectRetention", "PutObjectLegalHold", "BypassGovernanceRetention", "PutObjectAcl", "PutObjectVersionAcl":
		return false // for who has all rights
	}
	return strings.Contains(action, "Object") && !strings.Contains(action, "Bucket") && strings.HasPrefix(key, "a/") ||
		(action == "AbortMultipartUpload" || action == "ListMultipartUploadParts") && strings.HasPrefix(key, "a/")
}

// enter is what all operations in a bucket begin with: the bucket, and why not.
func (x *machine) enter(o op, action, key string, v *version) (*bucket, refusals) {
	b := x.buckets[o.Bucket]
	switch {
	case b == nil && who(o.As).account == "":
		return nil, refusals{"NoSuchBucket", "AccessDenied"} // some operations are nobody's in any bucket
	case b == nil:
		return nil, refusals{"NoSuchBucket"}
	case !x.may(o.As, action, o.Bucket, key, v):
		return b, refusals{"AccessDenied"}
	}
	return b, nil
}

// ofVersion is the action of a request that names a version.
func ofVersion(action string, n int) string {
	if n == 0 {
		return action
	}
	return strings.Replace(action, "Object", "ObjectVersion", 1)
}

// hidden adds to the refusal of what is missing that of who may not know: who may
// not list is told AccessDenied (AWS, "GetObject", Permissions). Of versions, and
// of keys whose scope is part of a bucket, it does not say.
func (x *machine) hidden(o op, name, key string, why refusals) refusals {
	missing := slices.Contains(why, "NoSuchKey") || slices.Contains(why, "NoSuchVersion")
	switch mayList := x.may(o.As, "ListBucket", name, key, nil); {
	case !missing || mayList && who(o.As).scope == nil:
	case slices.Contains(why, "NoSuchVersion"), who(o.As).scope != nil:
		return append(why, "AccessDenied")
	default:
		return refusals{"AccessDenied"}
	}
	return why
}
