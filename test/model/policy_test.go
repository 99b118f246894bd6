package model_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// leftOpen ends an operation before it is asked for: the documentation does not
// say how it ends.
type leftOpen struct{}

// statement is one of a policy: the keys are those with a prefix, and without
// actions on keys the bucket is meant.
type statement struct {
	effect  string
	foreign bool // the one account that the bucket does not belong to, and not everybody
	prefix  string
	actions []string
}

var (
	dataActions = []string{"GetObject", "GetObjectVersion", "PutObject", "DeleteObject", "DeleteObjectVersion", "GetObjectTagging", "PutObjectTagging",
		"AbortMultipartUpload", "ListMultipartUploadParts"}
	listActions = []string{"ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"}
)

// policies are those that buckets get.
var policies = map[string][]statement{
	"read":    {{effect: "Allow", actions: []string{"GetObject"}}},
	"folder":  {{effect: "Allow", prefix: "a/", actions: []string{"GetObject", "GetObjectVersion", "PutObject", "DeleteObject"}}, {effect: "Allow", actions: []string{"ListBucket"}}},
	"account": {{effect: "Allow", foreign: true, actions: dataActions}, {effect: "Allow", foreign: true, actions: listActions}},
	"keep":    {{effect: "Deny", actions: []string{"DeleteObject", "DeleteObjectVersion"}}},
	"not b":   {{effect: "Allow", foreign: true, actions: dataActions}, {effect: "Deny", prefix: "b", actions: dataActions}},
}

// public tells whether a policy is (AWS, "The meaning of public").
func public(policy string) bool {
	return slices.ContainsFunc(policies[policy], func(s statement) bool { return s.effect == "Allow" && !s.foreign })
}

// stranger is the account that a bucket does not belong to.
func stranger(owner string) string {
	for _, a := range actors {
		if a.account != "" && a.account != owner {
			return a.account
		}
	}
	return ""
}

// document is a policy as it is put.
func document(policy, name, owner string) []byte {
	var all []map[string]any
	for _, s := range policies[policy] {
		var principal any = "*"
		if s.foreign {
			principal = map[string]string{"AWS": stranger(owner)}
		}
		var actions []string
		for _, a := range s.actions {
			actions = append(actions, "s3:"+a)
		}
		resource := "arn:aws:s3:::" + name
		if !strings.HasPrefix(s.actions[0], "ListBucket") {
			resource += "/" + s.prefix + "*"
		}
		all = append(all, map[string]any{"Effect": s.effect, "Principal": principal, "Action": actions, "Resource": resource})
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		panic(err)
	}
	return b
}

// says is what the policy of a bucket says of an action.
func (b *bucket) says(a actor, action, key string) (allowed, denied bool) {
	for _, s := range policies[b.policy] {
		if s.foreign && (a.account == "" || a.account == b.owner) || !slices.Contains(s.actions, action) {
			continue
		}
		if onKey := !slices.Contains(listActions, action); onKey && !strings.HasPrefix(key, s.prefix) {
			continue
		}
		allowed, denied = allowed || s.effect == "Allow", denied || s.effect == "Deny"
	}
	if public(b.policy) && !b.open && a.account != b.owner {
		allowed = false // RestrictPublicBuckets
	}
	return allowed, denied
}

// enforced tells whether access control lists do not count.
func (b *bucket) enforced() bool { return b.ownership == "" || b.ownership == "BucketOwnerEnforced" }

// gives tells whether a canned list of what owner has gives an actor a permission
// (AWS, "Canned ACL").
func (b *bucket) gives(acl, owner string, a actor, permission string) bool {
	switch {
	case a.account != "" && a.account == owner:
		return true
	case acl == "bucket-owner-full-control":
		return a.account != "" && a.account == b.owner
	case !b.open:
		return false // IgnorePublicAcls
	case acl == "authenticated-read":
		return permission == "READ" && a.account != ""
	case acl == "public-read":
		return permission == "READ"
	}
	return acl == "public-read-write" && (permission == "READ" || permission == "WRITE")
}

// may tells whether an actor may do an action on a bucket, and on a version of a
// key of it where there is one (AWS, "How Amazon S3 authorizes a request").
func (x *machine) may(as, action, name, key string, v *version) bool {
	a, b := who(as), x.buckets[name]
	if b == nil || a.account != "" && !a.scopeLets(action, name, key) {
		return false
	}
	own := a.account != "" && a.account == b.owner
	allowed, denied := b.says(a, action, key)
	if denied {
		return false
	}
	others := v != nil && !v.marker && !b.enforced() && v.owner != b.owner
	reads := action == "GetObject" || action == "GetObjectVersion"
	deletes := action == "DeleteObject" || action == "DeleteObjectVersion"
	switch {
	case own && others && !reads && !deletes:
		panic(leftOpen{})
	case own && others && reads:
		return b.gives(v.acl, v.owner, a, "READ")
	case own:
		return true
	case allowed && others && !deletes:
		// A policy does not speak for what the bucket's owner does not own.
		if !reads {
			panic(leftOpen{})
		}
		return b.gives(v.acl, v.owner, a, "READ")
	}
	return allowed || !b.enforced() && x.byList(a, b, action, v)
}

// byList is may by the access control lists alone (AWS, "Mapping of ACL
// permissions and access policy permissions").
func (x *machine) byList(a actor, b *bucket, action string, v *version) bool {
	byPolicy, _ := b.says(a, "ListBucket", "")
	mayList := byPolicy || b.gives(b.acl, b.owner, a, "READ")
	switch action {
	case "ListBucket", "ListBucketVersions", "ListBucketMultipartUploads":
		return b.gives(b.acl, b.owner, a, "READ")
	case "PutObject", "DeleteObject":
		return b.gives(b.acl, b.owner, a, "WRITE")
	case "AbortMultipartUpload", "ListMultipartUploadParts", "GetBucketLocation":
		panic(leftOpen{})
	case "GetObject", "GetObjectVersion":
		if v == nil || v.marker {
			if mayList {
				panic(leftOpen{})
			}
			return false
		}
		return b.gives(v.acl, v.owner, a, "READ")
	case "PutObjectAcl", "PutObjectVersionAcl":
		if (v == nil || v.marker) && mayList {
			panic(leftOpen{})
		}
		return v != nil && a.account != "" && v.owner == a.account
	}
	if v != nil && v.owner == a.account || (v == nil || v.marker) && strings.Contains(action, "Object") && mayList {
		panic(leftOpen{}) // what its owner may, and whether who may list is told that it is not there
	}
	return false
}

// ownerOf is whom a new object belongs to (AWS, "Controlling ownership of objects").
func (x *machine) ownerOf(o op, b *bucket) string {
	if b.enforced() || b.ownership == "BucketOwnerPreferred" && o.ACL == "bucket-owner-full-control" {
		return b.owner
	}
	return who(o.As).account
}

// newACL is why a new object cannot have the list that is asked for.
func (x *machine) newACL(o op, b *bucket) refusals {
	switch {
	case b.enforced() && o.ACL == "bucket-owner-full-control":
		return nil
	case b.enforced():
		return refusals{"AccessControlListNotSupported"}
	case who(o.As).account != b.owner || who(o.As).scope != nil:
		panic(leftOpen{}) // whether it takes PutObjectAcl as well
	case !b.open && o.ACL != "bucket-owner-full-control":
		return refusals{"AccessDenied"} // BlockPublicAcls
	}
	return nil
}

// disabled is why a list is not taken where lists do not count. AWS refuses every
// list; coffer takes one that says what holds anyway, for clients that always send
// it.
func disabled(acl string) refusals {
	if acl == "private" || acl == "bucket-owner-full-control" {
		return refusals{"AccessControlListNotSupported", ok}
	}
	return refusals{"AccessControlListNotSupported"}
}

func (x *machine) setPolicy(o op) {
	action, method := "PutBucketPolicy", http.MethodPut
	if o.Value == "" {
		action, method = "DeleteBucketPolicy", http.MethodDelete
	}
	b, want := x.enter(o, action, "", nil)
	q := x.request(o, method, "policy", "")
	if b != nil && o.Value != "" {
		q.body = document(o.Value, o.Bucket, b.owner)
	} else if o.Value != "" {
		q.body = document(o.Value, o.Bucket, "")
	}
	if want == nil && public(o.Value) && !b.open {
		want = refusals{"AccessDenied"} // BlockPublicPolicy
	}
	if x.agree(q, x.send(q), want) {
		b.policy = o.Value
	}
}

func (x *machine) setPublicAccess(o op) {
	b, want := x.enter(o, "PutBucketPublicAccessBlock", "", nil)
	q := x.request(o, http.MethodPut, "publicAccessBlock", "")
	block := o.Value == "block"
	q.body = fmt.Appendf(nil, "<PublicAccessBlockConfiguration><BlockPublicAcls>%v</BlockPublicAcls><IgnorePublicAcls>%v</IgnorePublicAcls>"+
		"<BlockPublicPolicy>%v</BlockPublicPolicy><RestrictPublicBuckets>%v</RestrictPublicBuckets></PublicAccessBlockConfiguration>", block, block, block, block)
	if x.agree(q, x.send(q), want) {
		b.open = !block
	}
}

func (x *machine) setOwnership(o op) {
	b, want := x.enter(o, "PutBucketOwnershipControls", "", nil)
	q := x.request(o, http.MethodPut, "ownershipControls", "")
	q.body = []byte("<OwnershipControls><Rule><ObjectOwnership>" + o.Value + "</ObjectOwnership></Rule></OwnershipControls>")
	if want == nil && o.Value == "BucketOwnerEnforced" && b.acl != "" && b.acl != "private" {
		want = refusals{"InvalidBucketAclWithObjectOwnership"}
	}
	if x.agree(q, x.send(q), want) {
		b.ownership = o.Value
	}
}

func (x *machine) setBucketACL(o op) {
	b, want := x.enter(o, "PutBucketAcl", "", nil)
	q := x.request(o, http.MethodPut, "acl", "")
	q.header.Set("x-amz-acl", o.Value)
	switch {
	case want != nil:
	case b.enforced():
		want = disabled(o.Value)
	case !b.open && o.Value != "private":
		want = refusals{"AccessDenied"}
	}
	if x.agree(q, x.send(q), want) {
		b.acl = o.Value
	}
}

func (x *machine) setObjectACL(o op) {
	b, v, q, want := x.about(o, http.MethodPut, "acl", ofVersion("PutObjectAcl", o.Version))
	q.header.Set("x-amz-acl", o.Value)
	switch {
	case want.final():
	case b.enforced():
		want = append(want, disabled(o.Value)...)
	case !b.open && o.Value != "private" && o.Value != "bucket-owner-full-control":
		want = append(want, "AccessDenied")
	}
	if x.agree(q, x.send(q), want) && !b.enforced() {
		v.acl = o.Value
	}
}
