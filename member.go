package coffer

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// MemberID names a member for as long as it lives.
type MemberID string

// Role says what a member may do in the account. The operator's right over the
// whole instance is apart from roles.
type Role string

// The roles, from the widest to the narrowest.
const (
	// RoleOwner may do everything in the account, and alone makes, changes and
	// removes owners.
	RoleOwner Role = "owner"
	// RoleAdmin manages keys, buckets and the members who are not owners.
	RoleAdmin Role = "admin"
	// RoleMember uses buckets and objects and sees keys; it makes and rotates
	// none and is shown no secret.
	RoleMember Role = "member"
	// RoleReadOnly sees.
	RoleReadOnly Role = "read-only"
)

// Roles lists all roles, from the widest to the narrowest.
func Roles() []Role { return []Role{RoleOwner, RoleAdmin, RoleMember, RoleReadOnly} }

// ParseRole returns the role that s names, or InvalidArgument.
func ParseRole(s string) (Role, error) {
	for _, r := range Roles() {
		if string(r) == s {
			return r, nil
		}
	}
	return "", Errorf(InvalidArgument, "there is no role %.40q: choose owner, admin, member or read-only", s)
}

// rank orders the roles; what is no role ranks below all of them.
func (r Role) rank() int {
	switch r {
	case RoleOwner:
		return 4
	case RoleAdmin:
		return 3
	case RoleMember:
		return 2
	case RoleReadOnly:
		return 1
	}
	return 0
}

// AtLeast tells whether r may do all that other may. What is no role may do
// nothing, and nothing suffices for it.
func (r Role) AtLeast(other Role) bool { return other.rank() > 0 && r.rank() >= other.rank() }

// MayManageMembers tells whether r may invite, change and remove members who
// are not owners.
func (r Role) MayManageMembers() bool { return r.AtLeast(RoleAdmin) }

// Member is a person who signs in to one account.
type Member struct {
	ID      MemberID
	Account AccountID
	// Email is in lower case and belongs to one member of the whole instance.
	Email string
	Name  string
	Role  Role
	// Operator is the right over the instance, apart from the role.
	Operator bool
	Created  time.Time
	// LastSignIn is zero before the first one.
	LastSignIn time.Time
}

// DisplayName is what people see of the member: the name, or the e-mail address.
func (m Member) DisplayName() string {
	if m.Name != "" {
		return m.Name
	}
	return m.Email
}

const (
	memberIDPrefix = "mem_"
	memberIDRandom = 20
)

// NewMemberID makes a random member ID from rand.
func NewMemberID(rand io.Reader) (MemberID, error) {
	s, err := randomText(rand, crockford, memberIDRandom)
	if err != nil {
		return "", fmt.Errorf("make member ID: %w", err)
	}
	return MemberID(memberIDPrefix + strings.ToLower(s)), nil
}
