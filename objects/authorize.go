package objects

import (
	"context"
	"fmt"

	"coffer"
	"coffer/meta"
	"coffer/policy"
)

// authorize tells whether the actor may do a in a bucket: to key, or to the bucket
// as a whole if the key is "", or for a list with the prefix key. It is the one
// place that decides. The rules are AWS's ("How Amazon S3 authorizes a request"):
// the scope of the actor's key must allow it, as must the policy of a temporary
// credential, and then
//
//   - in a bucket of the actor's own account nothing may deny it;
//   - in another's, the bucket's policy or an access control list must allow it
//     as well, and nothing may deny it;
//   - a request without a key has no scope, and needs the same.
func (s Session) authorize(r meta.Reader, b coffer.Bucket, a coffer.Action, key string) error {
	if a == coffer.NoAction || a >= coffer.ActionCount {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	own := s.owns(b)
	if s.itself && own {
		return nil
	}
	switch {
	case s.actor.Anonymous():
		// What a bucket is set up to be is never changed by nobody.
		if a.SetsUp() {
			return &coffer.Error{Code: coffer.AccessDenied}
		}
	case s.actor.Scope.Allows(a, b.Name, key):
	case own:
		return coffer.Errorf(coffer.AccessDenied, "Access Denied: the scope of this access key does not allow %s here.", a)
	default:
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	if err := s.sessionAllows(r, b, a, key); err != nil {
		return err
	}
	if own && b.Configs&(configPolicy.bit()|configOwnership.bit()) == 0 {
		return nil
	}
	q := &question{Session: s, reader: r, bucket: b, action: a, key: key}
	if own {
		return q.own()
	}
	return q.foreign()
}

// owns tells whether the bucket is one of the actor's account.
func (s Session) owns(b coffer.Bucket) bool {
	return !s.actor.Anonymous() && b.Account == s.actor.Account
}

// forbidden is authorize without the need of a grant: whether the scope, or a
// statement of the policy, stands against a. It is asked of what the owner of an
// object may do to it in any bucket, as giving it grants.
func (s Session) forbidden(r meta.Reader, b coffer.Bucket, a coffer.Action, key string) error {
	if s.owns(b) {
		return s.authorize(r, b, a, key)
	}
	if !s.actor.Anonymous() && !s.actor.Scope.Allows(a, b.Name, key) {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	if err := s.sessionAllows(r, b, a, key); err != nil {
		return err
	}
	q := &question{Session: s, reader: r, bucket: b, action: a, key: key}
	_, err := q.policy()
	return err
}

// Knock tells whether a bucket can let anybody in who has no key of its account:
// AccessDenied for one that has no policy and in which access control lists do not
// count. It keeps the bodies of strangers from being read.
func (s Session) Knock(ctx context.Context, bucket coffer.BucketName) error {
	return s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.enter(r, bucket)
		if err == nil && b.Configs&(configPolicy.bit()|configOwnership.bit()) == 0 {
			err = &coffer.Error{Code: coffer.AccessDenied}
		}
		return err
	})
}

// hide returns the error of looking for a key. Who may not list the bucket is not
// told that there is none (AWS, "GetObject", Permissions).
func (s Session) hide(r meta.Reader, b coffer.Bucket, key string, err error) error {
	if coffer.CodeOf(err) != coffer.NoSuchObject && coffer.CodeOf(err) != coffer.NoSuchVersion {
		return err
	}
	if denied := s.authorize(r, b, coffer.ListBucket, key); denied != nil {
		return denied
	}
	return err
}

// question is one thing that is asked of authorize, and what was read for it.
type question struct {
	Session
	reader meta.Reader
	bucket coffer.Bucket
	action coffer.Action
	key    string

	looked bool
	row    *row
	err    error // of a read that a condition of the policy needed
}

// own answers for a key of the account that the bucket belongs to.
func (q *question) own() error {
	if _, err := q.policy(); err != nil {
		return err
	}
	p := ownerPermission(q.action)
	if p == "" || q.making {
		return nil
	}
	// Where access control lists count, an object may be somebody else's.
	if enforced, err := q.enforced(q.reader, q.bucket); err != nil || enforced {
		return err
	}
	o, err := q.object()
	if err != nil || o == nil || o.ACL == nil || o.ACL.Owner.Account == q.bucket.Account || o.ACL.Allows(q.actor, p, false) {
		return err
	}
	return coffer.Errorf(coffer.AccessDenied, "Access Denied: the object belongs to another account, and its access control list does not allow %s.", q.action)
}

// foreign answers for another account's key, and for none.
func (q *question) foreign() error {
	denied := &coffer.Error{Code: coffer.AccessDenied}
	allowed, err := q.policy()
	if err != nil {
		return err
	}
	if policyActions(q.action) {
		// Not even a policy that says so lets another account at itself (AWS,
		// "PutBucketPolicy").
		if allowed {
			denied.Code = coffer.MethodNotAllowed
		}
		return denied
	}
	enforced, err := q.enforced(q.reader, q.bucket)
	if err != nil || enforced {
		if err == nil && !allowed {
			err = denied
		}
		return err
	}
	block, err := q.publicAccess(q.reader, q.bucket)
	if err != nil {
		return err
	}
	if p := bucketPermission(q.action); p != "" && !allowed {
		list, err := readConfig[coffer.ACL](q.Service, q.reader, q.bucket, configACL)
		if err == nil && !list.Allows(q.actor, p, block.IgnorePublicACLs) {
			err = denied
		}
		return err
	}
	if ownerPermission(q.action) == "" || q.making {
		if !allowed {
			return denied
		}
		return nil
	}
	return q.foreignObject(allowed, block)
}

// foreignObject answers for what is done to an object that is there. A policy
// speaks for what the bucket's owner owns, and no more.
func (q *question) foreignObject(allowed bool, block coffer.PublicAccessBlock) error {
	denied := &coffer.Error{Code: coffer.AccessDenied}
	o, err := q.object()
	switch {
	case err != nil:
		return err
	case o == nil && allowed:
		return nil // the caller finds out, and says what may be said
	case o == nil:
		if q.version != "" || q.authorize(q.reader, q.bucket, coffer.ListBucket, q.key) != nil {
			return denied
		}
		return noSuchObject(q.key)
	case o.ACL == nil || o.ACL.Owner.Account == q.bucket.Account:
		if allowed {
			return nil
		}
	}
	p := objectPermission(q.action)
	if p == "" || o.ACL == nil {
		return denied
	}
	acp := p == coffer.PermissionReadACP || p == coffer.PermissionWriteACP
	if o.ACL.Allows(q.actor, p, block.IgnorePublicACLs) || acp && !q.actor.Anonymous() && o.ACL.Owner.Account == q.actor.Account {
		return nil
	}
	return denied
}

// object reads the object that is asked about, nil if there is none.
func (q *question) object() (*row, error) {
	if !q.looked {
		q.looked = true
		v, err := findVersion(q.reader, q.bucket, q.key, q.version)
		if q.err = err; v != nil {
			q.row = &v.row
		}
	}
	return q.row, q.err
}

// policy asks the policy of the bucket: whether it allows what is asked, and an
// error if it denies it.
func (q *question) policy() (allowed bool, err error) {
	doc, err := readConfig[bucketPolicy](q.Service, q.reader, q.bucket, configPolicy)
	if err != nil || doc == nil {
		return false, err
	}
	result := doc.Evaluate(q.request())
	if q.err != nil {
		return false, q.err
	}
	own := q.owns(q.bucket)
	switch {
	case result.Effect == policy.Allow:
		if own || !doc.public {
			return true, nil
		}
		block, err := q.publicAccess(q.reader, q.bucket)
		return err == nil && !block.RestrictPublicBuckets, err
	case result.Effect != policy.Deny, own && policyActions(q.action):
		return false, nil
	case !own:
		return false, &coffer.Error{Code: coffer.AccessDenied}
	}
	if result.Exhausted {
		return false, coffer.Errorf(coffer.AccessDenied, "Access Denied: what this request says is too long to compare with the bucket policy, which has many patterns: send fewer keys, or shorter headers.")
	}
	statement := fmt.Sprintf("statement %d", result.Statement+1)
	if result.Sid != "" {
		statement = fmt.Sprintf("statement %q", result.Sid)
	}
	return false, coffer.Errorf(coffer.AccessDenied, "Access Denied: the bucket policy denies %s here, in its %s.", q.action, statement)
}

// request is the question as policies take it.
func (q *question) request() *policy.Request {
	resource := ""
	if q.bucket.Name != "" {
		resource = "arn:aws:s3:::" + string(q.bucket.Name)
	}
	if q.action.OnObject() {
		resource += "/" + q.key
	}
	return &policy.Request{Action: q.action.String(), Resource: resource, Principal: q.principal(), Context: q.condition, Effort: q.effort}
}

// policyActions are those that the account of a bucket can never be denied by its
// policy, so that no policy locks its maker out (AWS, "PutBucketPolicy").
func policyActions(a coffer.Action) bool {
	return a == coffer.GetBucketPolicy || a == coffer.PutBucketPolicy || a == coffer.DeleteBucketPolicy
}

// bucketPermission is the permission in a bucket's access control list that
// stands for an action; "" if none does (AWS, "Mapping of ACL permissions and
// access policy permissions").
func bucketPermission(a coffer.Action) coffer.Permission {
	switch a {
	case coffer.ListBucket, coffer.ListBucketVersions, coffer.ListBucketMultipartUploads:
		return coffer.PermissionRead
	case coffer.PutObject, coffer.DeleteObject, coffer.AbortMultipartUpload, coffer.ListMultipartUploadParts:
		return coffer.PermissionWrite
	case coffer.GetBucketACL:
		return coffer.PermissionReadACP
	case coffer.PutBucketACL:
		return coffer.PermissionWriteACP
	}
	return ""
}

// objectPermission is the same in an object's list.
func objectPermission(a coffer.Action) coffer.Permission {
	switch a {
	case coffer.GetObject, coffer.GetObjectVersion:
		return coffer.PermissionRead
	case coffer.GetObjectACL, coffer.GetObjectVersionACL:
		return coffer.PermissionReadACP
	case coffer.PutObjectACL, coffer.PutObjectVersionACL:
		return coffer.PermissionWriteACP
	}
	return ""
}

// ownerPermission is the permission that even the owner of the bucket needs for an
// action on somebody else's object in it; "" for actions that need none.
func ownerPermission(a coffer.Action) coffer.Permission {
	if p := objectPermission(a); p != "" {
		return p
	}
	switch a {
	case coffer.GetObjectAttributes, coffer.GetObjectVersionAttributes, coffer.GetObjectTagging,
		coffer.GetObjectVersionTagging, coffer.GetObjectTorrent:
		return coffer.PermissionRead
	case coffer.PutObjectTagging, coffer.PutObjectVersionTagging, coffer.DeleteObjectTagging,
		coffer.DeleteObjectVersionTagging, coffer.RestoreObject:
		return coffer.PermissionFull
	}
	return ""
}
