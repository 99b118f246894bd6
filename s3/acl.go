package s3

import (
	"errors"
	"net/http"

	"coffer"
	"coffer/objects"
)

// getBucketACL answers GetBucketAcl.
func (q *request) getBucketACL() error {
	list, err := q.session.BucketACL(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	return q.sendACL(list)
}

// putBucketACL answers PutBucketAcl.
func (q *request) putBucketACL() error {
	in, owner, err := q.changedACL()
	if err != nil {
		return err
	}
	if err := q.session.PutBucketACL(q.ctx, q.bucket, in, owner); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// getObjectACL answers GetObjectAcl.
func (q *request) getObjectACL() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	list, c, err := q.session.ObjectACL(q.ctx, objects.GetInput{Bucket: q.bucket, Key: q.key, Version: version})
	if err != nil {
		return q.refused(c, err)
	}
	q.writeVersion(versionOf(c))
	return q.sendACL(list)
}

// putObjectACL answers PutObjectAcl.
func (q *request) putObjectACL() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	in, owner, err := q.changedACL()
	if err != nil {
		return err
	}
	if version, err = q.session.PutObjectACL(q.ctx, q.bucket, q.key, version, in, owner); err != nil {
		return err
	}
	q.writeVersion(version)
	return q.ok(http.StatusOK)
}

// changedACL reads the list that a Put is for, from the headers or the body, and
// the owner that the body names.
func (q *request) changedACL() (in coffer.NewACL, owner coffer.CanonicalID, err error) {
	if q.hasACL() {
		if q.body.size > 0 {
			return in, "", &coffer.Error{Code: coffer.UnexpectedContent}
		}
		in, err = q.newACL()
		return in, "", err
	}
	n, err := q.readXML("AccessControlPolicy")
	if coffer.CodeOf(err) == coffer.MissingRequestBody {
		return in, "", (&coffer.Error{Code: coffer.MissingSecurityHeader}).With("MissingHeaderName", "x-amz-acl")
	}
	if err == nil {
		in.Grants, owner, err = parseACL(n)
	}
	if e, ok := errors.AsType[*coffer.Error](err); ok && e.Code == coffer.MalformedXML {
		err = coffer.Errorf(coffer.MalformedACL, "%s", e.Message)
	}
	return in, owner, err
}

// parseACL reads an AccessControlPolicy.
func parseACL(n *node) (grants []coffer.ACLGrant, owner coffer.CanonicalID, err error) {
	if err := n.only("Owner", "AccessControlList"); err != nil {
		return nil, "", err
	}
	grants = []coffer.ACLGrant{}
	found := 0
	for _, c := range n.children {
		found++
		if c.name == "Owner" {
			if err := c.only("ID", "DisplayName"); err != nil {
				return nil, "", err
			}
			id, _ := c.get("ID")
			owner = coffer.CanonicalID(id)
			continue
		}
		if err := c.only("Grant*"); err != nil {
			return nil, "", err
		}
		for _, g := range c.children {
			grant, err := parseGrant(g)
			if err != nil {
				return nil, "", err
			}
			if len(grants) >= coffer.ACLGrantsMax {
				return nil, "", malformed("there are more than %d grants", coffer.ACLGrantsMax)
			}
			grants = append(grants, grant)
		}
	}
	if found != 2 || owner == "" {
		return nil, "", malformed("an Owner with its ID and an AccessControlList are needed")
	}
	return grants, owner, nil
}

// The types of a grantee in XML.
const (
	typeCanonical = "CanonicalUser"
	typeGroup     = "Group"
	typeEmail     = "AmazonCustomerByEmail"
)

func parseGrant(n *node) (coffer.ACLGrant, error) {
	var g coffer.ACLGrant
	if err := n.only("Grantee", "Permission"); err != nil {
		return g, err
	}
	p, ok := n.get("Permission")
	if !ok || len(n.children) != 2 {
		return g, malformed("a Grant has a Grantee and a Permission")
	}
	g.Permission = coffer.Permission(p)
	for _, c := range n.children {
		if c.name != "Grantee" {
			continue
		}
		id, _ := c.get("ID")
		uri, _ := c.get("URI")
		email, _ := c.get("EmailAddress")
		var err error
		switch c.kind {
		case typeCanonical:
			err = c.only("ID", "DisplayName")
			g.Grantee.Canonical = coffer.CanonicalID(id)
		case typeGroup:
			err = c.only("URI")
			g.Grantee.Group = coffer.Group(uri)
		case typeEmail:
			err = c.only("EmailAddress")
			g.Grantee.Email = email
		default:
			err = malformed("the xsi:type of a Grantee is %s, %s or %s", typeCanonical, typeGroup, typeEmail)
		}
		if err != nil {
			return g, err
		}
	}
	return g, nil
}

// sendACL answers with an access control list.
func (q *request) sendACL(list coffer.ACL) error {
	d := newDoc("AccessControlPolicy", namespace)
	q.writeOwnerOf(d, "Owner", list.Owner.Canonical)
	d.begin("AccessControlList")
	for _, g := range list.Grants {
		d.begin("Grant")
		kind := typeCanonical
		if g.Grantee.Group != "" {
			kind = typeGroup
		}
		d.b = append(d.b, `<Grantee xmlns:xsi="`+xsi+`" xsi:type="`+kind+`">`...)
		if g.Grantee.Group != "" {
			d.text("URI", string(g.Grantee.Group))
		} else {
			d.text("ID", string(g.Grantee.Canonical))
			d.optional("DisplayName", q.displayName(g.Grantee.Canonical))
		}
		d.b = append(d.b, "</Grantee>"...)
		d.text("Permission", string(g.Permission))
		d.end()
	}
	return q.send(http.StatusOK, d)
}

// writeOwnerOf writes the owner of something by its canonical ID.
func (q *request) writeOwnerOf(d *doc, element string, id coffer.CanonicalID) {
	d.begin(element)
	d.text("ID", string(id))
	d.optional("DisplayName", q.displayName(id))
	d.end()
}

// writeObjectOwner writes the owner of an object in a bucket.
func (q *request) writeObjectOwner(d *doc, b coffer.Bucket, l *coffer.ACL) {
	if l == nil {
		q.writeOwnerOf(d, "Owner", b.Owner)
		return
	}
	q.writeOwnerOf(d, "Owner", l.Owner.Canonical)
}

// displayName is what the owner with a canonical ID is called; a list has few of
// them and many objects, so each is looked up once.
func (q *request) displayName(id coffer.CanonicalID) string {
	if id == q.actor.Canonical {
		return q.actor.DisplayName
	}
	name, ok := q.names[id]
	if !ok {
		name = q.session.DisplayName(q.ctx, id)
		if q.names == nil {
			q.names = map[coffer.CanonicalID]string{}
		}
		q.names[id] = name
	}
	return name
}
