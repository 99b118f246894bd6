package policy

import (
	"slices"
	"strings"
)

// The broadest networks that are not yet everybody.
const (
	publicBits4 = 8
	publicBits6 = 32
)

// Public tells whether the document lets in people nobody has named: whether some
// Allow has neither fixed principals nor a condition that is one of publicKeys
// with fixed values (Amazon S3 User Guide, "Blocking public access to your Amazon
// S3 storage", The meaning of "public"). A policy of an identity is never public.
func (d *Document) Public() bool { return d.public }

// isPublic finds out what Public tells: once, since every request may ask.
func (d *Document) isPublic() bool {
	return slices.ContainsFunc(d.statements, func(s statement) bool {
		if s.effect != Allow || s.identity {
			return false
		}
		// Whoever has an account with an identity provider is not somebody who was named.
		named := !s.who.everybody && !s.who.federated
		return !named && !slices.ContainsFunc(s.conditions, func(c condition) bool { return c.narrows() })
	})
}

// publicKeys are those that a request cannot choose for itself. A role's session
// name it can, so that aws:userid counts only for users.
func publicKeys() []string {
	return []string{
		"aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:userid",
		"aws:principalorgid", "aws:principalarn", "aws:principalaccount", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
	}
}

// narrows tells whether the condition lets in only what it names. One that a
// missing key meets does not.
func (c *condition) narrows() bool {
	if c.operator.negated || c.ifExists || c.quantifier == forAllValues || !slices.Contains(publicKeys(), c.lowerKey) {
		return false
	}
	return !slices.ContainsFunc(c.values, func(v value) bool { return !c.names(&v) })
}

// nobodysID is the aws:userid of a request without a signature (IAM User Guide, "IAM
// policy elements: Variables and tags", Principal key values).
const nobodysID = "anonymous"

// names tells whether one value is fixed.
func (c *condition) names(v *value) bool {
	switch c.lowerKey {
	case "aws:sourceip":
		if c.operator.family != byNetwork {
			return false
		}
		least := publicBits6
		if v.network.Addr().Is4() {
			least = publicBits4
		}
		return v.network.Bits() >= least
	case "aws:userid":
		return v.fixed(&c.operator) && !strings.Contains(v.text, ":") && !strings.EqualFold(v.text, nobodysID)
	case "s3:dataaccesspointarn":
		// The name may have a wildcard if the account has none.
		return c.operator.family == byARN && !v.arn.all && v.arn.parts[4].fixed() && isAccount(v.arn.parts[4].text) || v.fixed(&c.operator)
	}
	return v.fixed(&c.operator)
}
