// Package policy reads IAM policy documents and tells what they allow: parse,
// evaluate, explain, compare. It knows nothing of buckets, of HTTP or of where a
// document is stored: all that it compares is in a Request. The language is that
// of the IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON
// policy elements reference".
package policy

import (
	"iter"
	"slices"
)

// Effect is what a statement, or a document as a whole, says to a request.
type Effect uint8

// The effects. A request that no statement matches is neither allowed nor denied.
const (
	NoMatch Effect = iota
	Allow
	Deny
)

// String is the effect as a document spells it.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	}
	return "no match"
}

// Request is what is asked of a document.
type Request struct {
	// Action is the permission that is needed, as s3:GetObject.
	Action string
	// Resource is an ARN, as arn:aws:s3:::bucket/key. Empty or * is for an action
	// on no resource: only a statement about * matches it.
	Resource  string
	Principal Principal
	// Context gives the values of a condition key, whose name is in lower case, but
	// for that of a tag (aws:sourceip, s3:existingobjecttag/Team); none if the request
	// has no such key. It may be nil.
	Context func(key string) []string
	// Effort is what comparing may still take, in bytes that are looked at or about a
	// nanosecond each, counted down; nil is no bound. Who may write a document could
	// else keep a processor busy with one long value of a request.
	Effort *int64
}

// What comparing takes, in the measure of Effort.
const (
	perPiece  = 8
	perFolded = 8 // for each byte, where case does not count
	perValue  = 16
	perParsed = 4 // for each byte of what is read as a number, a date or an address
)

// spend counts down the effort.
func (q *Request) spend(n int) {
	if q != nil && q.Effort != nil {
		*q.Effort -= int64(n)
	}
}

// exhausted tells whether no more may be compared.
func (q *Request) exhausted() bool { return q != nil && q.Effort != nil && *q.Effort < 0 }

// Principal is who asks.
type Principal struct {
	// Anonymous is a request without a signature. The other fields then do not count.
	Anonymous bool
	// Account is the 12 digits of the account. Its root ARN is implied.
	Account string
	// Canonical is the account's canonical user ID.
	Canonical string
	// ARNs are the names of the principal within its account, as
	// arn:aws:iam::111122223333:user/alice, and of a service its host name. Who has
	// none is the account's root.
	ARNs []string
}

// Result is what a document says to a request, and which statement says so.
type Result struct {
	Effect Effect
	// Statement is the place of the statement in the document, from 0; -1 if none
	// matched.
	Statement int
	Sid       string
	// Exhausted says that Request.Effort was not enough to find out, which denies.
	Exhausted bool
}

// Document is a policy that has been read. It is never changed, and may be shared.
type Document struct {
	text       string
	statements []statement
	public     bool
}

// String is the document as it was given, byte for byte.
func (d *Document) String() string { return d.text }

// Evaluate tells what the document says to q. A Deny that matches wins over every
// Allow (IAM User Guide, "Policy evaluation logic").
func (d *Document) Evaluate(q *Request) Result {
	out := Result{Statement: -1}
	arn, _ := splitARN(q.Resource)
	for i := range d.statements {
		s := &d.statements[i]
		if s.effect == Allow && out.Effect == Allow {
			continue
		}
		failed, _ := s.check(q, &arn)
		if q.exhausted() {
			return Result{Effect: Deny, Statement: -1, Exhausted: true}
		}
		if failed != elementNone {
			continue
		}
		out = Result{Effect: s.effect, Statement: i, Sid: s.sid}
		if s.effect == Deny {
			break
		}
	}
	return out
}

// Actions are the patterns of all Action and NotAction elements, as written.
func (d *Document) Actions() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range d.statements {
			for _, p := range d.statements[i].actions {
				if !yield(p.text) {
					return
				}
			}
		}
	}
}

// Resources are the patterns of all Resource and NotResource elements, as
// written, so that a bucket can refuse those outside of it.
func (d *Document) Resources() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range d.statements {
			for _, p := range d.statements[i].resources {
				if !yield(p.text) {
					return
				}
			}
		}
	}
}

// ConditionKeys are the keys of all conditions, as written.
func (d *Document) ConditionKeys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range d.statements {
			for j := range d.statements[i].conditions {
				if !yield(d.statements[i].conditions[j].key) {
					return
				}
			}
		}
	}
}

// Statement is what a statement of a document names, as written.
type Statement struct {
	Sid    string
	Effect Effect
	// Actions are what it is about, or if NotActions is set all that it is not about.
	Actions    []string
	NotActions bool
	// Resources are what it is about, or if NotResources is set all that it is not
	// about.
	Resources    []string
	NotResources bool
	// Principals are whom it is about, or if NotPrincipals is set all whom it is
	// not about. An identity policy has none.
	Principals    []Name
	NotPrincipals bool
	// Conditions must all hold.
	Conditions []Condition
}

// Condition is one operator on one key, with its values.
type Condition struct {
	Operator, Key string
	Values        []string
}

// Name is one principal of a statement, as AWS and 111122223333. Everybody has
// the kind AWS and the text *.
type Name struct {
	Kind string
	Text string
}

// Statements are what each statement names, with its place, so that who keeps
// the document can check the names that only they know.
func (d *Document) Statements() iter.Seq2[int, Statement] {
	return func(yield func(int, Statement) bool) {
		for i := range d.statements {
			s := &d.statements[i]
			out := Statement{
				Sid: s.sid, Effect: s.effect, NotActions: s.notActions, NotResources: s.notResources,
				Principals: slices.Clone(s.who.names), NotPrincipals: s.notWho,
			}
			for _, p := range s.actions {
				out.Actions = append(out.Actions, p.text)
			}
			for _, p := range s.resources {
				out.Resources = append(out.Resources, p.text)
			}
			for _, c := range s.conditions {
				names := Condition{Operator: c.name, Key: c.key}
				for _, v := range c.values {
					names.Values = append(names.Values, v.text)
				}
				out.Conditions = append(out.Conditions, names)
			}
			if !yield(i, out) {
				return
			}
		}
	}
}
