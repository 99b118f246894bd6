package s3

import (
	"net/http"

	"coffer"
)

// getOwnershipControls answers GetBucketOwnershipControls.
func (q *request) getOwnershipControls() error {
	o, err := q.session.BucketOwnership(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("OwnershipControls", namespace)
	d.begin("Rule")
	d.text("ObjectOwnership", string(o))
	d.end()
	return q.send(http.StatusOK, d)
}

// putOwnershipControls answers PutBucketOwnershipControls.
func (q *request) putOwnershipControls() error {
	n, err := q.readXML("OwnershipControls")
	if err != nil {
		return err
	}
	o, err := parseOwnership(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketOwnership(q.ctx, q.bucket, o); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// parseOwnership reads the one rule that there can be.
func parseOwnership(n *node) (coffer.ObjectOwnership, error) {
	if err := n.only("Rule"); err != nil {
		return "", err
	}
	if len(n.children) != 1 {
		return "", malformed("there is one Rule")
	}
	rule := n.children[0]
	if err := rule.only("ObjectOwnership"); err != nil {
		return "", err
	}
	text, ok := rule.get("ObjectOwnership")
	o, err := coffer.ParseObjectOwnership(text)
	if !ok || text == "" || err != nil {
		return "", malformed("the ObjectOwnership is BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter")
	}
	return o, nil
}

// deleteOwnershipControls answers DeleteBucketOwnershipControls.
func (q *request) deleteOwnershipControls() error {
	if err := q.session.DeleteBucketOwnership(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}
