package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coffer"
)

// accessPage is who may reach a bucket beside its account: its policy, what keeps
// it from being public, and which web pages browsers let use it.
type accessPage struct {
	bucketShell
	Public publicView
	Block  coffer.PublicAccessBlock
	// Policy is the text that is stored, or that was typed; HasPolicy tells whether
	// one is stored.
	Policy    string
	HasPolicy bool
	CORS      []coffer.CORSRule
	NewCORS   corsForm
}

// publicView says in which ways a bucket is public, or would be.
type publicView struct {
	// Policy and ACL tell that they let anybody in; PolicyHeld and ACLHeld that they
	// would if the public access block did not hold them back.
	Policy, PolicyHeld, ACL, ACLHeld bool
	// Objects tells that single objects may be public by their own lists.
	Objects bool
	// Unknown tells that not all of it may be seen.
	Unknown bool
}

// Open tells whether anybody may reach something in the bucket.
func (p publicView) Open() bool { return p.Policy || p.ACL }

// Held tells whether the public access block is all that keeps it closed.
func (p publicView) Held() bool { return p.PolicyHeld || p.ACLHeld }

// corsForm is a new CORS rule as it was typed; lists have a line for each.
type corsForm struct {
	Origins, Headers, Expose, MaxAge, Origin string
	Methods                                  []string
}

// Has tells whether a method is chosen.
func (f corsForm) Has(method string) bool { return slices.Contains(f.Methods, method) }

// AllMethods are those that a rule can allow.
func (corsForm) AllMethods() []string { return []string{"GET", "HEAD", "PUT", "POST", "DELETE"} }

func (q *request) showAccess() error { return q.accessAnswer(http.StatusOK, problems{}) }

func (q *request) accessAnswer(status int, wrong problems) error {
	head, err := q.bucketShell(wrong)
	if err != nil {
		return err
	}
	page := accessPage{bucketShell: head}
	b := &page.bucketShell
	s, name := q.objects(), head.Bucket.Name
	if page.Block, err = seen[coffer.PublicAccessBlock](b, "block", coffer.NoSuchPublicAccessBlockConfiguration)(s.PublicAccess(q.ctx(), name)); err != nil {
		return err
	}
	if page.Policy, err = seen[string](b, "policy", coffer.NoSuchBucketPolicy)(s.BucketPolicy(q.ctx(), name)); err != nil {
		return err
	}
	page.HasPolicy = page.Policy != ""
	if page.CORS, err = seen[[]coffer.CORSRule](b, "cors", coffer.NoSuchCORSConfiguration)(s.BucketCORS(q.ctx(), name)); err != nil {
		return err
	}
	if page.Public, err = q.public(b, page.Block); err != nil {
		return err
	}
	form := q.r.PostForm
	if form.Has("policy") {
		page.Policy = form.Get("policy")
	}
	page.NewCORS = corsForm{form.Get("origins"), form.Get("headers"), form.Get("expose"), q.value("max_age"), q.value("origin"), form["method"]}
	return q.render(status, "access", page)
}

// public finds out in which ways a bucket is public, with the block that it has.
func (q *request) public(b *bucketShell, block coffer.PublicAccessBlock) (publicView, error) {
	var p publicView
	s, name := q.objects(), b.Bucket.Name
	open, err := seen[bool](b, "status", coffer.NoSuchBucketPolicy)(s.BucketPolicyPublic(q.ctx(), name))
	if err != nil {
		return p, err
	}
	p.Policy, p.PolicyHeld = open && !block.RestrictPublicBuckets, open && block.RestrictPublicBuckets
	owner, err := seen[coffer.ObjectOwnership](b, "ownership", coffer.OwnershipControlsNotFound)(s.BucketOwnership(q.ctx(), name))
	if err != nil {
		return p, err
	}
	if owner != coffer.BucketOwnerEnforced {
		list, err := seen[coffer.ACL](b, "acl", coffer.Internal)(s.BucketACL(q.ctx(), name))
		if err != nil {
			return p, err
		}
		p.ACL, p.ACLHeld = list.Public() && !block.IgnorePublicACLs, list.Public() && block.IgnorePublicACLs
		p.Objects = !block.IgnorePublicACLs
	}
	p.Unknown = b.Hidden.Of("block") || b.Hidden.Of("status") || b.Hidden.Of("ownership") || b.Hidden.Of("acl")
	return p, nil
}

func (q *request) setPublicAccess() error {
	return q.changeBucket("/access", "block", "saved", q.accessAnswer, func(b coffer.Bucket) error {
		if err := q.checkShown(b); err != nil {
			return err
		}
		on := func(name string) bool { return q.value(name) != "" }
		return q.objects().PutPublicAccess(q.ctx(), b.Name, coffer.PublicAccessBlock{BlockPublicACLs: on("block_acls"),
			IgnorePublicACLs: on("ignore_acls"), BlockPublicPolicy: on("block_policy"), RestrictPublicBuckets: on("restrict")})
	})
}

func (q *request) setBucketPolicy() error {
	return q.changeBucket("/access", "policy", "saved", q.accessAnswer, func(b coffer.Bucket) error {
		if err := q.checkRevision(b); err != nil {
			return err
		}
		// A browser sends the ends of lines as CR LF.
		text := strings.ReplaceAll(q.r.PostForm.Get("policy"), "\r\n", "\n")
		if strings.TrimSpace(text) == "" {
			return coffer.Errorf(coffer.MalformedPolicy, "there is no policy in the field: write one, or delete the policy with its own button")
		}
		return q.objects().PutBucketPolicy(q.ctx(), b.Name, text)
	})
}

func (q *request) deleteBucketPolicy() error {
	return q.changeBucket("/access", "policy", "policy-gone", q.accessAnswer, func(b coffer.Bucket) error {
		return q.objects().DeleteBucketPolicy(q.ctx(), b.Name)
	})
}

// corsMaxAgeSeconds is how long browsers may keep the answer for a preset.
const corsMaxAgeSeconds = 3600

// addCORS adds a rule: one of the two presets, or what was typed.
func (q *request) addCORS() error {
	return q.changeBucket("/access", "cors", "saved", q.accessAnswer, func(b coffer.Bucket) error {
		rule, err := q.typedCORS()
		if err != nil {
			return err
		}
		return q.editCORS(b, func(rules []coffer.CORSRule) []coffer.CORSRule { return append(rules, rule) })
	})
}

func (q *request) typedCORS() (coffer.CORSRule, error) {
	switch q.value("preset") {
	case "uploads":
		origin := strings.TrimSuffix(q.value("origin"), "/")
		if origin == "" || !strings.Contains(origin, "://") || strings.Count(origin, "/") != 2 {
			return coffer.CORSRule{}, coffer.Errorf(coffer.InvalidArgument, "write the origin as the browser shows it, without a path: https://app.example.com")
		}
		return coffer.CORSRule{Origins: []string{origin}, Methods: []string{"GET", "HEAD", "PUT", "POST"}, Headers: []string{"*"},
			Expose: []string{"ETag"}, MaxAgeSeconds: corsMaxAgeSeconds}, nil
	case "reads":
		return coffer.CORSRule{Origins: []string{"*"}, Methods: []string{"GET", "HEAD"}, MaxAgeSeconds: corsMaxAgeSeconds}, nil
	}
	form := q.r.PostForm
	rule := coffer.CORSRule{Origins: strings.Fields(form.Get("origins")), Methods: form["method"], Headers: strings.Fields(form.Get("headers")),
		Expose: strings.Fields(form.Get("expose")), MaxAgeSeconds: -1}
	switch {
	case len(rule.Origins) == 0:
		return rule, coffer.Errorf(coffer.InvalidArgument, "the rule is for no origin: write one in a line, or * for all")
	case len(rule.Methods) == 0:
		return rule, coffer.Errorf(coffer.InvalidArgument, "the rule allows no method: choose at least one")
	}
	if q.value("max_age") != "" {
		n, err := q.number("max_age", "how long browsers remember the answer is a whole number of seconds")
		if err != nil {
			return rule, err
		}
		rule.MaxAgeSeconds = n
	}
	return rule, nil
}

func (q *request) removeCORS() error {
	return q.changeBucket("/access", "cors", "rule-gone", q.accessAnswer, func(b coffer.Bucket) error {
		at, err := strconv.Atoi(q.value("rule"))
		if err != nil {
			return coffer.Errorf(coffer.InvalidArgument, "there is no such rule")
		}
		return q.editCORS(b, func(rules []coffer.CORSRule) []coffer.CORSRule {
			if at < 0 || at >= len(rules) {
				return rules
			}
			return slices.Delete(rules, at, at+1)
		})
	})
}

// editCORS writes the rules that change makes of those of the bucket.
func (q *request) editCORS(b coffer.Bucket, change func([]coffer.CORSRule) []coffer.CORSRule) error {
	if err := q.checkRevision(b); err != nil {
		return err
	}
	old, err := q.objects().BucketCORS(q.ctx(), b.Name)
	if err != nil && coffer.CodeOf(err) != coffer.NoSuchCORSConfiguration {
		return err
	}
	rules := change(slices.Clone(old))
	if len(rules) == 0 {
		return q.objects().DeleteBucketCORS(q.ctx(), b.Name)
	}
	return q.objects().PutBucketCORS(q.ctx(), b.Name, rules)
}

// Example is a policy to begin with, for this bucket.
func (p accessPage) Example(what string) string {
	arn := "arn:aws:s3:::" + string(p.Bucket.Name)
	switch what {
	case "public":
		return `{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "AnybodyReads",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "` + arn + `/public/*"
  }]
}`
	case "partner":
		return `{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "PartnerReads",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": ["` + arn + `", "` + arn + `/*"]
  }]
}`
	}
	return ""
}
