package coffer

import (
	"slices"
	"strings"
)

// Permission is what a grant of an access control list gives (AWS, "Access
// control list (ACL) overview").
type Permission string

// The permissions.
const (
	PermissionFull     Permission = "FULL_CONTROL"
	PermissionRead     Permission = "READ"
	PermissionWrite    Permission = "WRITE"
	PermissionReadACP  Permission = "READ_ACP"
	PermissionWriteACP Permission = "WRITE_ACP"
)

// Permissions lists all permissions.
func Permissions() []Permission {
	return []Permission{PermissionFull, PermissionRead, PermissionWrite, PermissionReadACP, PermissionWriteACP}
}

// Includes tells whether p gives what q gives.
func (p Permission) Includes(q Permission) bool { return p == q || p == PermissionFull }

// Group is a predefined group of grantees, by its URI.
type Group string

// The groups.
const (
	GroupAll           Group = "http://acs.amazonaws.com/groups/global/AllUsers"
	GroupAuthenticated Group = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	GroupLogDelivery   Group = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// Known tells whether g is one of the groups.
func (g Group) Known() bool {
	return g == GroupAll || g == GroupAuthenticated || g == GroupLogDelivery
}

// Grantee is who is let in: one of an account by its canonical ID, a group, or an
// account by its e-mail address, which is never stored.
type Grantee struct {
	Canonical CanonicalID `json:"canonical,omitempty"`
	Group     Group       `json:"group,omitempty"`
	Email     string      `json:"-"`
}

// Is tells whether the actor is the grantee, or in it.
func (g Grantee) Is(a Actor) bool {
	switch g.Group {
	case "":
		return g.Canonical != "" && !a.Anonymous() && g.Canonical == a.Canonical
	case GroupAll:
		return true
	case GroupAuthenticated:
		return !a.Anonymous()
	}
	return false
}

// Public tells whether the grantee is everybody, or everybody with an account
// anywhere (AWS, "The meaning of public").
func (g Grantee) Public() bool { return g.Group == GroupAll || g.Group == GroupAuthenticated }

// ACLGrant lets a grantee do something.
type ACLGrant struct {
	Grantee    Grantee    `json:"grantee"`
	Permission Permission `json:"permission"`
}

// ACLGrantsMax is how many grants an access control list can have (AWS, "Access
// control list (ACL) overview").
const ACLGrantsMax = 100

// Owner is who owns a bucket or an object. An anonymous writer has a canonical ID
// and no account.
type Owner struct {
	Account   AccountID   `json:"account,omitempty"`
	Canonical CanonicalID `json:"canonical,omitempty"`
}

// AnonymousCanonical is the canonical ID of who wrote without a credential, as
// AWS shows it.
const AnonymousCanonical CanonicalID = "65a011a29cdf8ec533ec3d1ccaae921c"

// Owner is the actor as the owner of what it writes.
func (a Actor) Owner() Owner {
	if a.Anonymous() {
		return Owner{Canonical: AnonymousCanonical}
	}
	return Owner{a.Account, a.Canonical}
}

// ACL is an access control list. No ACL, a nil one, says that the owner of the
// bucket owns the thing and has full control, and nobody else has a grant.
type ACL struct {
	Owner  Owner      `json:"owner"`
	Grants []ACLGrant `json:"grants"`
}

// Private tells whether the list gives its owner full control, and nobody else
// anything.
func (l *ACL) Private() bool {
	return len(l.Grants) == 1 && l.Grants[0] == ACLGrant{Grantee{Canonical: l.Owner.Canonical}, PermissionFull}
}

// Public tells whether any grant is to everybody, or to all with an account.
func (l *ACL) Public() bool {
	return l != nil && slices.ContainsFunc(l.Grants, func(g ACLGrant) bool { return g.Grantee.Public() })
}

// Allows tells whether the list gives the actor a permission; without the public
// grants, if these are to be ignored.
func (l *ACL) Allows(a Actor, p Permission, ignorePublic bool) bool {
	return l != nil && slices.ContainsFunc(l.Grants, func(g ACLGrant) bool {
		return g.Permission.Includes(p) && g.Grantee.Is(a) && !(ignorePublic && g.Grantee.Public())
	})
}

// CannedACL is a predefined list of grants (AWS, "Canned ACL").
type CannedACL string

// The canned ACLs.
const (
	CannedPrivate           CannedACL = "private"
	CannedPublicRead        CannedACL = "public-read"
	CannedPublicReadWrite   CannedACL = "public-read-write"
	CannedAuthenticatedRead CannedACL = "authenticated-read"
	CannedExecRead          CannedACL = "aws-exec-read"
	CannedOwnerRead         CannedACL = "bucket-owner-read"
	CannedOwnerFull         CannedACL = "bucket-owner-full-control"
	CannedLogDelivery       CannedACL = "log-delivery-write"
)

// ParseCannedACL checks the value of an x-amz-acl header.
func ParseCannedACL(s string) (CannedACL, error) {
	switch c := CannedACL(s); c {
	case CannedPrivate, CannedPublicRead, CannedPublicReadWrite, CannedAuthenticatedRead, CannedExecRead,
		CannedOwnerRead, CannedOwnerFull, CannedLogDelivery:
		return c, nil
	}
	return "", Errorf(InvalidArgument, "%q is not a canned ACL.", s).With("ArgumentName", "x-amz-acl").With("ArgumentValue", s)
}

// Grants are those of the canned ACL for what owner owns, in a bucket of
// bucketOwner. The ones for the owner of the bucket mean nothing on a bucket, and
// aws-exec-read nothing here: there is no EC2. Groups come before the owner, whom
// tests of other servers look for at the end.
func (c CannedACL) Grants(owner, bucketOwner CanonicalID) []ACLGrant {
	to := func(g Grantee, p Permission) ACLGrant { return ACLGrant{g, p} }
	var all []ACLGrant
	switch c {
	case CannedPublicRead:
		all = append(all, to(Grantee{Group: GroupAll}, PermissionRead))
	case CannedPublicReadWrite:
		all = append(all, to(Grantee{Group: GroupAll}, PermissionRead), to(Grantee{Group: GroupAll}, PermissionWrite))
	case CannedAuthenticatedRead:
		all = append(all, to(Grantee{Group: GroupAuthenticated}, PermissionRead))
	case CannedLogDelivery:
		all = append(all, to(Grantee{Group: GroupLogDelivery}, PermissionWrite), to(Grantee{Group: GroupLogDelivery}, PermissionReadACP))
	}
	all = append(all, to(Grantee{Canonical: owner}, PermissionFull))
	switch c {
	case CannedOwnerRead:
		if owner != bucketOwner {
			all = append(all, to(Grantee{Canonical: bucketOwner}, PermissionRead))
		}
	case CannedOwnerFull:
		if owner != bucketOwner {
			all = append(all, to(Grantee{Canonical: bucketOwner}, PermissionFull))
		}
	}
	return all
}

// NewACL is what a request says of the access control list of what it makes: a
// canned one, or grants, or nothing.
type NewACL struct {
	Canned CannedACL
	Grants []ACLGrant
}

// Plain tells whether nothing is asked for but what a bucket without ACLs does by
// itself: private, or full control for the bucket's owner.
func (n NewACL) Plain() bool {
	return len(n.Grants) == 0 && (n.Canned == "" || n.Canned == CannedPrivate || n.Canned == CannedOwnerFull)
}

// CheckGrants tells whether an access control list can have these grants. The
// error is MalformedACL, or InvalidArgument for a group that there is not.
func CheckGrants(grants []ACLGrant) error {
	if len(grants) > ACLGrantsMax {
		return Errorf(MalformedACL, "there are %d grants, and can be up to %d", len(grants), ACLGrantsMax)
	}
	for _, g := range grants {
		if !slices.Contains(Permissions(), g.Permission) {
			return Errorf(MalformedACL, "a Permission is one of %v", Permissions())
		}
		named := 0
		for _, s := range []string{string(g.Grantee.Canonical), string(g.Grantee.Group), g.Grantee.Email} {
			if s != "" {
				named++
			}
			if strings.IndexByte(s, 0) >= 0 {
				return Errorf(MalformedACL, "there is a NUL in a Grantee")
			}
		}
		if named != 1 {
			return Errorf(MalformedACL, "a Grantee has one of ID, URI and EmailAddress")
		}
		if u := g.Grantee.Group; u != "" && !u.Known() {
			return Errorf(InvalidArgument, "Invalid group uri").With("ArgumentName", "Group/URI").With("ArgumentValue", string(u))
		}
	}
	return nil
}

// For is the list that n makes for what owner owns, in a bucket of bucketOwner.
func (n NewACL) For(owner Owner, bucketOwner CanonicalID) *ACL {
	if n.Grants != nil {
		return &ACL{owner, n.Grants}
	}
	return &ACL{owner, n.Canned.Grants(owner.Canonical, bucketOwner)}
}
