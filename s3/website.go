package s3

import (
	"errors"
	"net/http"
	"strconv"

	"coffer"
)

// getBucketWebsite answers GetBucketWebsite.
func (q *request) getBucketWebsite() error {
	w, err := q.session.BucketWebsite(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("WebsiteConfiguration", namespace)
	if to := w.RedirectAll; to != nil {
		d.begin("RedirectAllRequestsTo")
		d.text("HostName", to.Name)
		d.optional("Protocol", to.Protocol)
		d.end()
		return q.send(http.StatusOK, d)
	}
	d.begin("IndexDocument")
	d.text("Suffix", w.Index)
	d.end()
	if w.Error != "" {
		d.begin("ErrorDocument")
		d.text("Key", w.Error)
		d.end()
	}
	if len(w.Rules) > 0 {
		d.begin("RoutingRules")
		for _, r := range w.Rules {
			writeWebsiteRule(d, r)
		}
		d.end()
	}
	return q.send(http.StatusOK, d)
}

func writeWebsiteRule(d *doc, r coffer.WebsiteRule) {
	d.begin("RoutingRule")
	if r.Prefix != nil || r.ErrorCode != 0 {
		d.begin("Condition")
		if r.ErrorCode != 0 {
			d.number("HttpErrorCodeReturnedEquals", int64(r.ErrorCode))
		}
		if r.Prefix != nil {
			d.text("KeyPrefixEquals", *r.Prefix)
		}
		d.end()
	}
	d.begin("Redirect")
	d.optional("HostName", r.Host.Name)
	if r.Code != 0 {
		d.number("HttpRedirectCode", int64(r.Code))
	}
	d.optional("Protocol", r.Host.Protocol)
	if r.ReplacePrefix != nil {
		d.text("ReplaceKeyPrefixWith", *r.ReplacePrefix)
	}
	if r.ReplaceKey != nil {
		d.text("ReplaceKeyWith", *r.ReplaceKey)
	}
	d.end()
	d.end()
}

// websiteBodyMax is the most bytes that a website's document may have (AWS,
// "PutBucketWebsite").
const websiteBodyMax = 128 << 10

// putBucketWebsite answers PutBucketWebsite.
func (q *request) putBucketWebsite() error {
	n, err := q.readXMLUpTo(websiteBodyMax, "WebsiteConfiguration")
	if err != nil {
		return err
	}
	w, err := parseWebsite(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketWebsite(q.ctx, q.bucket, w); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// deleteBucketWebsite answers DeleteBucketWebsite.
func (q *request) deleteBucketWebsite() error {
	if err := q.session.DeleteBucketWebsite(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

func parseWebsite(n *node) (coffer.Website, error) {
	var w coffer.Website
	if err := n.only("RedirectAllRequestsTo", "IndexDocument", "ErrorDocument", "RoutingRules"); err != nil {
		return w, err
	}
	for _, c := range n.children {
		var err error
		switch c.name {
		case "RedirectAllRequestsTo":
			err = errors.Join(c.only("HostName", "Protocol"), c.leaves())
			w.RedirectAll = &coffer.WebsiteHost{}
			w.RedirectAll.Name, _ = c.get("HostName")
			w.RedirectAll.Protocol, _ = c.get("Protocol")
		case "IndexDocument":
			err = errors.Join(c.only("Suffix"), c.leaves())
			if w.Index, _ = c.get("Suffix"); w.Index == "" && err == nil {
				err = coffer.Errorf(coffer.InvalidArgument, "The IndexDocument Suffix is not well formed").
					With("ArgumentName", "IndexDocument").With("ArgumentValue", "")
			}
		case "ErrorDocument":
			err = errors.Join(c.only("Key"), c.leaves())
			if w.Error, _ = c.get("Key"); w.Error == "" && err == nil {
				err = malformed("an ErrorDocument has a Key")
			}
		case "RoutingRules":
			w.Rules, err = parseWebsiteRules(c)
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

func parseWebsiteRules(n *node) ([]coffer.WebsiteRule, error) {
	if err := n.only("RoutingRule*"); err != nil {
		return nil, err
	}
	if len(n.children) == 0 {
		return nil, malformed("RoutingRules has no RoutingRule")
	}
	var rules []coffer.WebsiteRule
	for _, c := range n.children {
		if err := c.only("Condition", "Redirect"); err != nil {
			return nil, err
		}
		var r coffer.WebsiteRule
		redirects := false
		for _, part := range c.children {
			if err := part.leaves(); err != nil {
				return nil, err
			}
			var err error
			if part.name == "Condition" {
				err = parseWebsiteCondition(part, &r)
			} else {
				redirects, err = true, parseWebsiteRedirect(part, &r)
			}
			if err != nil {
				return nil, err
			}
		}
		if !redirects {
			return nil, malformed("a RoutingRule has a Redirect")
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseWebsiteCondition(n *node, r *coffer.WebsiteRule) (err error) {
	if err := n.only("KeyPrefixEquals", "HttpErrorCodeReturnedEquals"); err != nil {
		return err
	}
	if len(n.children) == 0 {
		return coffer.Errorf(coffer.InvalidRequest, "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.")
	}
	r.Prefix = n.pointer("KeyPrefixEquals")
	r.ErrorCode, err = n.status("HttpErrorCodeReturnedEquals")
	return err
}

func parseWebsiteRedirect(n *node, r *coffer.WebsiteRule) (err error) {
	if err := n.only("HostName", "HttpRedirectCode", "Protocol", "ReplaceKeyPrefixWith", "ReplaceKeyWith"); err != nil {
		return err
	}
	if len(n.children) == 0 {
		return malformed("a Redirect is empty")
	}
	r.Host.Name, _ = n.get("HostName")
	r.Host.Protocol, _ = n.get("Protocol")
	r.ReplacePrefix, r.ReplaceKey = n.pointer("ReplaceKeyPrefixWith"), n.pointer("ReplaceKeyWith")
	r.Code, err = n.status("HttpRedirectCode")
	return err
}

// pointer is get with nil for a child that is not there.
func (n *node) pointer(name string) *string {
	if value, ok := n.get(name); ok {
		return &value
	}
	return nil
}

// status reads a child that is an HTTP status; 0 if it is not there. One out of
// range is for the noun to refuse.
func (n *node) status(name string) (int, error) {
	value, ok := n.get(name)
	if !ok {
		return 0, nil
	}
	code, err := strconv.Atoi(value)
	if err != nil || code <= 0 || code > 999 {
		return 0, malformed("%s is no status of HTTP", name)
	}
	return code, nil
}
