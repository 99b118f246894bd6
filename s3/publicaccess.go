package s3

import (
	"net/http"
	"strings"

	"coffer"
)

// blockFields are the elements of a PublicAccessBlockConfiguration, in the order
// in which they are written.
var blockFields = [...]struct {
	name string
	of   func(*coffer.PublicAccessBlock) *bool
}{
	{"BlockPublicAcls", func(b *coffer.PublicAccessBlock) *bool { return &b.BlockPublicACLs }},
	{"IgnorePublicAcls", func(b *coffer.PublicAccessBlock) *bool { return &b.IgnorePublicACLs }},
	{"BlockPublicPolicy", func(b *coffer.PublicAccessBlock) *bool { return &b.BlockPublicPolicy }},
	{"RestrictPublicBuckets", func(b *coffer.PublicAccessBlock) *bool { return &b.RestrictPublicBuckets }},
}

// getPublicAccessBlock answers GetPublicAccessBlock.
func (q *request) getPublicAccessBlock() error {
	block, err := q.session.PublicAccess(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("PublicAccessBlockConfiguration", namespace)
	for _, f := range blockFields {
		d.flag(f.name, *f.of(&block))
	}
	return q.send(http.StatusOK, d)
}

// putPublicAccessBlock answers PutPublicAccessBlock.
func (q *request) putPublicAccessBlock() error {
	n, err := q.readXML("PublicAccessBlockConfiguration")
	if err != nil {
		return err
	}
	block, err := parsePublicAccess(n)
	if err != nil {
		return err
	}
	if err := q.session.PutPublicAccess(q.ctx, q.bucket, block); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// parsePublicAccess reads the flags; one that is left out is off.
func parsePublicAccess(n *node) (coffer.PublicAccessBlock, error) {
	var block coffer.PublicAccessBlock
	var names []string
	for _, f := range blockFields {
		names = append(names, f.name)
	}
	if err := n.only(names...); err != nil {
		return block, err
	}
	for _, f := range blockFields {
		text, ok := n.get(f.name)
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true":
			*f.of(&block) = true
		case "false":
		default:
			if ok {
				return block, malformed("%s is true or false", f.name)
			}
		}
	}
	return block, nil
}

// deletePublicAccessBlock answers DeletePublicAccessBlock.
func (q *request) deletePublicAccessBlock() error {
	if err := q.session.DeletePublicAccess(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}
