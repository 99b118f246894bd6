package policy

import "strings"

// condition is one operator on one key. The conditions of a statement must all
// hold; of the values of one, any.
type condition struct {
	operator   operator
	quantifier quantifier
	ifExists   bool
	name       string // the operator as written
	key        string // as written
	lowerKey   string
	askedKey   string // see contextKey
	values     []value
}

// conditions reads a Condition element.
func (p *parser) conditions(n *node) ([]condition, error) {
	if n.kind != isObject {
		return nil, n.errorf(`Invalid policy syntax: write Condition as {"StringEquals": {"aws:username": "alice"}}`)
	}
	var out []condition
	for i, name := range n.names {
		keys := &n.items[i]
		op, quantifier, ifExists, ok := parseOperator(name)
		if !ok {
			return nil, keys.errorf("Invalid Condition type : %s", shown(name))
		}
		if keys.kind != isObject {
			return nil, keys.errorf("Invalid policy syntax: write a condition key and its value in braces")
		}
		seen := map[string]bool{}
		for j, key := range keys.names {
			list := &keys.items[j]
			vendor, rest, _ := strings.Cut(key, ":")
			c := condition{operator: op, quantifier: quantifier, ifExists: ifExists, name: name, key: key,
				lowerKey: strings.ToLower(key), askedKey: contextKey(key)}
			if vendor == "" || rest == "" {
				return nil, list.errorf("Policy has an invalid condition key: %.100q: write a service and a key, as aws:SourceIp", key)
			}
			if seen[c.lowerKey] {
				return nil, list.errorf("Invalid policy syntax: the condition key %.100q is there twice, and case does not count: keep one, with a list of values", key)
			}
			seen[c.lowerKey] = true
			if err := p.conditionValues(list, &c); err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// contextKey is a condition key as a request is asked for it: its name in lower case,
// and behind a slash the name of a tag as it was written. Tags differ by case: who may
// set two of them is not to have the one stand in for the other.
func contextKey(key string) string {
	name, tag, ok := strings.Cut(key, "/")
	if !ok {
		return strings.ToLower(key)
	}
	return strings.ToLower(name) + "/" + tag
}

// conditionValues reads the value or values of a key. Numbers and true may
// stand without quotes.
func (p *parser) conditionValues(list *node, c *condition) error {
	if list.kind == isList && len(list.items) == 0 {
		return list.errorf("Invalid policy syntax: the condition key %.100q has no value", c.key)
	}
	return list.each(func(n *node) error {
		if n.kind != isText && n.kind != isNumber && n.kind != isBool {
			return n.errorf("Invalid policy syntax: the value of a condition key is a text, a number, true or false")
		}
		v, err := compileValue(c.operator, n.text, p.variables)
		if err != nil {
			return n.errorf("Invalid value of %s for %s: %s", shown(c.key), c.name, err)
		}
		c.values = append(c.values, v)
		return nil
	})
}

// holds tells whether the request meets the condition, in a statement of the
// given effect (IAM User Guide, "IAM JSON policy elements: Condition operators"
// and "Set operators for multivalued context keys"): a key that is missing meets
// what is negated, IfExists and ForAllValues, and nothing else.
func (c *condition) holds(q *Request, effect Effect) bool {
	given := q.values(c.askedKey)
	if c.quantifier != plain && len(given) == 1 && given[0] == "" {
		given = nil // An empty set, as the second page puts it.
	}
	if c.operator.family == byPresence {
		for i := range c.values {
			if c.values[i].truth == (len(given) == 0) {
				return true
			}
		}
		return false
	}
	if len(given) == 0 {
		return c.ifExists || c.quantifier == forAllValues || c.operator.negated && c.quantifier == plain
	}
	// Of a plain operator one value must match, and none if it is negated.
	all := c.quantifier == forAllValues || c.quantifier == plain && c.operator.negated
	for _, g := range given {
		if c.meets(g, q, effect) != all {
			return !all
		}
	}
	return all
}

// meets compares one value of the request. A variable without a value matches
// nothing; where that would make an Allow wider, the condition is not met.
func (c *condition) meets(given string, q *Request, effect Effect) bool {
	resolved := true
	for i := range c.values {
		ok, known := c.values[i].match(&c.operator, given, q)
		if ok {
			return !c.operator.negated
		}
		resolved = resolved && known
	}
	return c.operator.negated && (resolved || effect == Deny)
}
