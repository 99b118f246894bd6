package objects

import (
	"coffer"
	"coffer/meta"
)

// The fields of an access control list in the records of objects and uploads,
// which have none of them without one: that there is a list, whose the thing is,
// and the grants, each the permission, a NUL, a letter for what the grantee is,
// and who.
const (
	fieldACL            = 50
	fieldOwnerAccount   = 51
	fieldOwnerCanonical = 52
	fieldGrant          = 53
)

// What a grantee is.
const (
	granteeCanonical = 'c'
	granteeGroup     = 'g'
)

func encodeACL(r *meta.Record, l *coffer.ACL) {
	if l == nil {
		return
	}
	r.Int(fieldACL, 1)
	r.Text(fieldOwnerAccount, string(l.Owner.Account))
	r.Text(fieldOwnerCanonical, string(l.Owner.Canonical))
	for _, g := range l.Grants {
		kind, who := string(granteeCanonical), string(g.Grantee.Canonical)
		if g.Grantee.Group != "" {
			kind, who = string(granteeGroup), string(g.Grantee.Group)
		}
		r.Text(fieldGrant, string(g.Permission)+"\x00"+kind+who)
	}
}

// decodeACL takes a field of an access control list, and none that is malformed.
func decodeACL(f meta.Field, l **coffer.ACL) bool {
	if f.Number < fieldACL || f.Number > fieldGrant {
		return false
	}
	if f.Number == fieldACL {
		*l = &coffer.ACL{Grants: []coffer.ACLGrant{}}
		return f.Int() == 1
	}
	if *l == nil {
		return false
	}
	switch f.Number {
	case fieldOwnerAccount:
		(*l).Owner.Account = coffer.AccountID(f.Text())
	case fieldOwnerCanonical:
		(*l).Owner.Canonical = coffer.CanonicalID(f.Text())
	case fieldGrant:
		permission, who, ok := cutNUL(f.Text())
		if !ok || len(who) < 2 {
			return false
		}
		g := coffer.ACLGrant{Permission: coffer.Permission(permission)}
		switch who[0] {
		case granteeCanonical:
			g.Grantee.Canonical = coffer.CanonicalID(who[1:])
		case granteeGroup:
			g.Grantee.Group = coffer.Group(who[1:])
		default:
			return false
		}
		(*l).Grants = append((*l).Grants, g)
	}
	return true
}

// decodeListedOwner reads of an access control list what a list of objects shows.
func decodeListedOwner(f meta.Field, l **coffer.ACL) bool {
	return f.Number == fieldGrant || decodeACL(f, l)
}
