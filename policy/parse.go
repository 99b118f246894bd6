package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// BytesMax is how long a document may be (Amazon S3 User Guide, "Bucket
// policies": 20 KB).
const BytesMax = 20 << 10

// The versions of the language. Only the later one has variables; it is not what
// a document without Version is in (IAM User Guide, "IAM JSON policy elements:
// Version").
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// singlesMax is how many wildcards ? a document may have. AWS has no such limit;
// here it bounds what comparing a long key takes, since a text with many of them
// cannot be looked for in one go as others are.
const singlesMax = 256

// sidMax is how many characters a Sid or Id may have.
const sidMax = 256

// ParseResource reads the policy of a resource, as of a bucket: each statement
// says whom it is about. The error is an *Error.
func ParseResource(text []byte) (*Document, error) { return parse(text, false) }

// ParseIdentity reads the policy of an identity, as of a key: no statement says
// whom it is about. The error is an *Error.
func ParseIdentity(text []byte) (*Document, error) { return parse(text, true) }

// parser is what the reading of one document knows.
type parser struct {
	identity  bool
	variables bool
	sids      map[string]bool
}

func parse(text []byte, identity bool) (*Document, error) {
	root, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	if err := root.only("Version", "Id", "Statement"); err != nil {
		return nil, err
	}
	p := parser{identity: identity, sids: map[string]bool{}}
	if v := root.member("Version"); v != nil {
		if v.kind != isText || v.text != version2008 && v.text != version2012 {
			return nil, v.errorf("The policy must contain a valid version string: write %q", version2012)
		}
		p.variables = v.text == version2012
	}
	if id := root.member("Id"); id != nil {
		if _, err := p.name(id); err != nil {
			return nil, err
		}
	}
	list := root.member("Statement")
	switch {
	case list == nil:
		return nil, root.errorf("Missing required field Statement")
	case list.kind == isList && len(list.items) == 0:
		return nil, list.errorf("Could not parse the policy: Statement is empty!")
	}
	d := &Document{text: string(text)}
	err = list.each(func(n *node) error {
		s, err := p.statement(n)
		d.statements = append(d.statements, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	if n := d.singles(); n > singlesMax {
		return nil, root.errorf("Invalid policy syntax: there are %d wildcards ? in the policy, and may be up to %d: use *", n, singlesMax)
	}
	d.public = d.isPublic()
	return d, nil
}

// singles counts the wildcards ?.
func (d *Document) singles() int {
	count := func(p *pattern) int {
		n := 0
		for i := range p.pieces {
			if p.pieces[i].kind == anyChar {
				n++
			}
		}
		return n
	}
	countARN := func(a *arnPattern) int {
		n := 0
		for i := range a.parts {
			n += count(&a.parts[i])
		}
		return n
	}
	n := 0
	for i := range d.statements {
		s := &d.statements[i]
		for j := range s.actions {
			n += count(&s.actions[j])
		}
		for j := range s.resources {
			n += countARN(&s.resources[j])
		}
		for j := range s.conditions {
			for k := range s.conditions[j].values {
				v := &s.conditions[j].values[k]
				n += count(&v.pattern) + countARN(&v.arn)
			}
		}
	}
	return n
}

// only refuses members that are not among known.
func (n *node) only(known ...string) error {
	for i, name := range n.names {
		if !slices.Contains(known, name) {
			for _, k := range known {
				if strings.EqualFold(k, name) {
					return n.items[i].errorf("Unknown field %s: write %s", shown(name), k)
				}
			}
			return n.items[i].errorf("Unknown field %s: there may be %s", shown(name), strings.Join(known, ", "))
		}
	}
	return nil
}

// name reads a Sid or an Id. In the policy of an identity it is letters and
// digits (IAM User Guide, "IAM JSON policy elements: Sid"); S3 takes any text.
func (p *parser) name(n *node) (string, error) {
	control := func(c rune) bool { return c < ' ' || c == 0x7f }
	if n.kind != isText || utf8.RuneCountInString(n.text) > sidMax || strings.ContainsFunc(n.text, control) {
		return "", n.errorf("Invalid policy syntax: write a text of up to %d characters", sidMax)
	}
	return n.text, nil
}

func (p *parser) sid(n *node) (string, error) {
	sid, err := p.name(n)
	if err != nil || sid == "" {
		return "", err
	}
	if p.identity && strings.ContainsFunc(sid, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9')
	}) {
		return "", n.errorf("Statement IDs (SID) must be alpha-numeric: %q has other characters", sid)
	}
	if p.sids[sid] {
		return "", n.errorf("Statement IDs (SID) in a single policy must be unique: %q is there twice", sid)
	}
	p.sids[sid] = true
	return sid, nil
}

func (p *parser) statement(n *node) (statement, error) {
	s := statement{identity: p.identity}
	if n.kind != isObject {
		return s, n.errorf("Invalid policy syntax: a statement is an object in braces")
	}
	known := []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	if err := n.only(known...); err != nil {
		return s, err
	}
	var err error
	if sid := n.member("Sid"); sid != nil {
		if s.sid, err = p.sid(sid); err != nil {
			return s, err
		}
	}
	effect := n.member("Effect")
	switch {
	case effect == nil:
		return s, n.errorf("Missing required field Effect")
	case effect.kind == isText && effect.text == "Allow":
		s.effect = Allow
	case effect.kind == isText && effect.text == "Deny":
		s.effect = Deny
	default:
		return s, effect.errorf("Invalid effect: %s: write Allow or Deny", shown(effect.text))
	}
	if err := p.principal(n, &s); err != nil {
		return s, err
	}
	if err := p.actions(n, &s); err != nil {
		return s, err
	}
	if err := p.resources(n, &s); err != nil {
		return s, err
	}
	if c := n.member("Condition"); c != nil {
		s.conditions, err = p.conditions(c)
	}
	return s, err
}

// either finds the one of two members that a statement must have.
func (n *node) either(name string) (found *node, not bool, err error) {
	plain, opposite := n.member(name), n.member("Not"+name)
	switch {
	case plain == nil && opposite == nil:
		return nil, false, n.errorf("Missing required field %s", name)
	case plain != nil && opposite != nil:
		return nil, false, n.errorf("Invalid policy syntax: a statement has %s or Not%s, not both", name, name)
	case plain != nil:
		return plain, false, nil
	}
	return opposite, true, nil
}

func (p *parser) actions(n *node, s *statement) error {
	list, not, err := n.either("Action")
	if err != nil {
		return err
	}
	s.notActions = not
	if list.kind == isList && len(list.items) == 0 {
		return list.errorf("Missing required field Action cannot be empty!")
	}
	return list.each(func(v *node) error {
		vendor, name, ok := strings.Cut(v.text, ":")
		if v.kind != isText || v.text != "*" && (!ok || vendor == "" || name == "" || strings.ContainsAny(name, ": ")) {
			return v.errorf("Policy has invalid action %.100q: write a service and an action, as s3:GetObject, or *", v.text)
		}
		action, err := compile(v.text, syntax{wild: true, fold: true})
		if err != nil {
			return v.errorf("Policy has invalid action %.100q: %s", v.text, err)
		}
		s.actions = append(s.actions, action)
		return nil
	})
}

func (p *parser) resources(n *node, s *statement) error {
	list, not, err := n.either("Resource")
	if err != nil {
		return err
	}
	s.notResources = not
	if list.kind == isList && len(list.items) == 0 {
		return list.errorf("Missing required field Resource cannot be empty!")
	}
	return list.each(func(v *node) error {
		if v.kind != isText {
			return v.errorf("Policy has invalid resource: write an ARN, as arn:aws:s3:::bucket/*")
		}
		resource, err := compileARN(v.text, syntax{wild: true, variables: p.variables})
		if err == nil {
			err = resource.checkResource()
		}
		if err != nil {
			return v.errorf("Policy has invalid resource: %s", err)
		}
		s.resources = append(s.resources, resource)
		return nil
	})
}

// principal reads whom a statement is about, which a resource's policy must say
// and an identity's must not. An Allow of all but some would be public by
// accident; AWS does not support it either (IAM User Guide, "IAM JSON policy
// elements: NotPrincipal").
func (p *parser) principal(n *node, s *statement) error {
	if p.identity {
		for _, name := range []string{"Principal", "NotPrincipal"} {
			if m := n.member(name); m != nil {
				return m.errorf("Policy document should not specify a principal: it is about the identity that it belongs to")
			}
		}
		return nil
	}
	who, not, err := n.either("Principal")
	if err != nil {
		return err
	}
	if not && s.effect == Allow {
		return who.errorf("Allow with NotPrincipal is not allowed: name whom to allow in Principal")
	}
	s.notWho = not
	s.who, err = parsePrincipals(who)
	return err
}
