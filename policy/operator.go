package policy

import (
	"slices"
	"strings"
)

// family is how an operator compares.
type family uint8

const (
	byText family = iota
	byNumber
	byDate
	byBool
	byBytes
	byNetwork
	byARN
	byPresence
)

// order is which outcomes of a comparison hold.
type order uint8

const (
	equal order = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// holds tells whether an outcome, as of cmp.Compare, is in the order.
func (o order) holds(c int) bool {
	switch o {
	case less:
		return c < 0
	case lessOrEqual:
		return c <= 0
	case greater:
		return c > 0
	case greaterOrEqual:
		return c >= 0
	}
	return c == 0
}

// operator is one way to compare (IAM User Guide, "IAM JSON policy elements:
// Condition operators").
type operator struct {
	name    string
	family  family
	order   order
	negated bool
	wild    bool
	fold    bool
}

// lookupOperator finds an operator by its name.
func lookupOperator(name string) (operator, bool) {
	operators := [...]operator{
		{name: "StringEquals", family: byText},
		{name: "StringNotEquals", family: byText, negated: true},
		{name: "StringEqualsIgnoreCase", family: byText, fold: true},
		{name: "StringNotEqualsIgnoreCase", family: byText, fold: true, negated: true},
		{name: "StringLike", family: byText, wild: true},
		{name: "StringNotLike", family: byText, wild: true, negated: true},
		{name: "NumericEquals", family: byNumber},
		{name: "NumericNotEquals", family: byNumber, negated: true},
		{name: "NumericLessThan", family: byNumber, order: less},
		{name: "NumericLessThanEquals", family: byNumber, order: lessOrEqual},
		{name: "NumericGreaterThan", family: byNumber, order: greater},
		{name: "NumericGreaterThanEquals", family: byNumber, order: greaterOrEqual},
		{name: "DateEquals", family: byDate},
		{name: "DateNotEquals", family: byDate, negated: true},
		{name: "DateLessThan", family: byDate, order: less},
		{name: "DateLessThanEquals", family: byDate, order: lessOrEqual},
		{name: "DateGreaterThan", family: byDate, order: greater},
		{name: "DateGreaterThanEquals", family: byDate, order: greaterOrEqual},
		{name: "Bool", family: byBool},
		{name: "BinaryEquals", family: byBytes},
		{name: "IpAddress", family: byNetwork},
		{name: "NotIpAddress", family: byNetwork, negated: true},
		{name: "ArnEquals", family: byARN, wild: true},
		{name: "ArnLike", family: byARN, wild: true},
		{name: "ArnNotEquals", family: byARN, wild: true, negated: true},
		{name: "ArnNotLike", family: byARN, wild: true, negated: true},
		{name: "Null", family: byPresence},
	}
	i := slices.IndexFunc(operators[:], func(o operator) bool { return o.name == name })
	if i < 0 {
		return operator{}, false
	}
	return operators[i], true
}

// quantifier is how an operator takes a key with several values.
type quantifier uint8

const (
	plain quantifier = iota
	forAllValues
	forAnyValue
)

// parseOperator reads an operator with what may stand before and after its name.
func parseOperator(text string) (op operator, q quantifier, ifExists, ok bool) {
	name := text
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, q = rest, forAllValues
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, q = rest, forAnyValue
	}
	name, ifExists = strings.CutSuffix(name, "IfExists")
	op, ok = lookupOperator(name)
	if op.family == byPresence && (q != plain || ifExists) {
		return operator{}, plain, false, false
	}
	return op, q, ifExists, ok
}
