package policy

import (
	"fmt"
	"strings"
)

// Reason is what became of one statement.
type Reason struct {
	Statement int
	Sid       string
	Effect    Effect
	Matched   bool
	// Failed is the element that did not match first, as NotAction or Condition.
	Failed string
	// Detail is why, with the values that were compared.
	Detail string
}

// String is the reason as a sentence without its end.
func (r Reason) String() string {
	name := label(r.Statement, r.Sid)
	if r.Matched {
		return fmt.Sprintf("%s matches: %s", name, r.Effect)
	}
	return fmt.Sprintf("%s does not match: %s: %s", name, r.Failed, r.Detail)
}

// label names a statement in a message.
func label(i int, sid string) string {
	if sid == "" {
		return fmt.Sprintf("statement %d", i)
	}
	return fmt.Sprintf("statement %d (%s)", i, sid)
}

// Explain tells of each statement whether it matches q, and if not what failed
// first. It agrees with Evaluate, and is for people: it takes its time.
func (d *Document) Explain(q *Request) []Reason {
	arn, _ := splitARN(q.Resource)
	out := make([]Reason, 0, len(d.statements))
	for i := range d.statements {
		s := &d.statements[i]
		r := Reason{Statement: i, Sid: s.sid, Effect: s.effect}
		switch failed, at := s.check(q, &arn); failed {
		case elementNone:
			r.Matched = true
		case elementPrincipal:
			r.Failed, r.Detail = elementName("Principal", s.notWho), fmt.Sprintf("it %s %s", names(s.notWho), q.Principal)
		case elementAction:
			r.Failed, r.Detail = elementName("Action", s.notActions), fmt.Sprintf("it %s %s", names(s.notActions), q.Action)
		case elementResource:
			r.Failed, r.Detail = elementName("Resource", s.notResources), fmt.Sprintf("it %s %q", names(s.notResources), q.Resource)
		case elementCondition:
			r.Failed, r.Detail = "Condition", s.conditions[at].explain(q)
		}
		out = append(out, r)
	}
	return out
}

func elementName(name string, not bool) string {
	if not {
		return "Not" + name
	}
	return name
}

func names(not bool) string {
	if not {
		return "names"
	}
	return "does not name"
}

// String is the principal's most telling name.
func (p Principal) String() string {
	switch {
	case p.Anonymous:
		return "an anonymous request"
	case len(p.ARNs) > 0:
		return p.ARNs[0]
	}
	return "account " + p.Account
}

// explain says what a condition asks and what the request has.
func (c *condition) explain(q *Request) string {
	wanted := make([]string, len(c.values))
	for i := range c.values {
		wanted[i] = fmt.Sprintf("%q", c.values[i].text)
	}
	has := "the request has no such key"
	if given := q.values(c.askedKey); len(given) > 0 {
		has = fmt.Sprintf("the request has %q", given)
	}
	return fmt.Sprintf("%s of %s with %s: %s", c.name, c.key, strings.Join(wanted, ", "), has)
}
