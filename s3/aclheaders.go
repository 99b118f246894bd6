package s3

import (
	"errors"
	"slices"
	"strings"

	"coffer"
)

// grantHeaders are the headers that grant a permission.
var grantHeaders = [...]struct {
	name       string
	permission coffer.Permission
}{
	{"X-Amz-Grant-Full-Control", coffer.PermissionFull},
	{"X-Amz-Grant-Read", coffer.PermissionRead},
	{"X-Amz-Grant-Write", coffer.PermissionWrite},
	{"X-Amz-Grant-Read-Acp", coffer.PermissionReadACP},
	{"X-Amz-Grant-Write-Acp", coffer.PermissionWriteACP},
}

// newACL reads what the headers say of the access control list of what is
// written: a canned one, or grants, but not both.
func (q *request) newACL() (acl coffer.NewACL, err error) {
	if canned := q.cannedACL(); canned != "" {
		if acl.Canned, err = coffer.ParseCannedACL(canned); err != nil {
			return acl, err
		}
	}
	for _, g := range grantHeaders {
		for _, value := range q.r.Header[g.name] {
			if acl.Grants, err = appendGrants(acl.Grants, g.permission, value); err != nil {
				return acl, err
			}
		}
	}
	if acl.Canned != "" && acl.Grants != nil {
		return acl, coffer.Errorf(coffer.InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed")
	}
	return acl, nil
}

// cannedACL is the canned ACL of a request.
func (q *request) cannedACL() string { return q.r.Header.Get("X-Amz-Acl") }

// hasACL tells whether the headers say anything of an access control list.
func (q *request) hasACL() bool {
	if q.cannedACL() != "" {
		return true
	}
	for _, g := range grantHeaders {
		if len(q.r.Header[g.name]) > 0 {
			return true
		}
	}
	return false
}

// asInHeaders tells of a grantee that there is none by what a header calls it, as AWS
// does: the names of the elements are for documents.
func (q *request) asInHeaders(err error) error {
	e, ok := errors.AsType[*coffer.Error](err)
	if !ok || e.Code != coffer.InvalidArgument || len(e.Fields) == 0 || !q.hasACL() {
		return err
	}
	called, ok := map[string]string{"CanonicalUser/ID": "id", "Group/URI": "uri"}[e.Fields[0].Value]
	if !ok {
		return err
	}
	told := *e
	told.Fields = slices.Clone(e.Fields)
	told.Fields[0].Value = called
	return &told
}

// appendGrants reads a list of grantees: id="…", uri="…" or emailAddress="…",
// with commas between them. The quotes may be left out.
func appendGrants(grants []coffer.ACLGrant, p coffer.Permission, value string) ([]coffer.ACLGrant, error) {
	for item := range strings.SplitSeq(value, ",") {
		kind, who, _ := strings.Cut(strings.TrimSpace(item), "=")
		who = strings.TrimSpace(who)
		if n := len(who); n >= 2 && who[0] == '"' && who[n-1] == '"' {
			who = who[1 : n-1]
		}
		g := coffer.ACLGrant{Permission: p}
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "id":
			g.Grantee.Canonical = coffer.CanonicalID(who)
		case "uri":
			g.Grantee.Group = coffer.Group(who)
		case "emailaddress":
			g.Grantee.Email = who
		default:
			who = ""
		}
		if who == "" || strings.ContainsAny(who, `"`) || len(grants) >= coffer.ACLGrantsMax {
			return nil, coffer.Errorf(coffer.InvalidArgument, "Argument format not recognized").
				With("ArgumentName", "x-amz-grant-"+strings.ReplaceAll(strings.ToLower(string(p)), "_", "-")).With("ArgumentValue", value)
		}
		grants = append(grants, g)
	}
	return grants, nil
}
