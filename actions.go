package coffer

import (
	"encoding/json"
	"strings"
)

// Actions is a set of actions. As JSON it is the list of their names.
type Actions struct{ set actionSet }

// NewActions is the set of the actions that are given. What is none is not in it: it has
// no name to be kept by.
func NewActions(actions ...Action) Actions {
	var s Actions
	for _, a := range actions {
		if a != NoAction && a < ActionCount {
			s.set = s.set.with(a)
		}
	}
	return s
}

// ParseAction finds an action by its name, whose case does not count, as in a policy.
func ParseAction(name string) (Action, error) {
	for a := NoAction + 1; a < ActionCount; a++ {
		if strings.EqualFold(actionNames[a], name) {
			return a, nil
		}
	}
	if near := nearestAction(name); near != "" {
		return NoAction, Errorf(InvalidArgument, "there is no action %.80q: did you mean %s?", name, near)
	}
	return NoAction, Errorf(InvalidArgument, "there is no action %.80q: write it as s3:GetObject", name)
}

// nearestAction is the name that differs least from one that is none, "" if none is
// near.
func nearestAction(name string) string {
	const most = 3
	best, near := most+1, ""
	if len(name) > 80 {
		return ""
	}
	for a := NoAction + 1; a < ActionCount; a++ {
		if d := EditDistance(strings.ToLower(name), strings.ToLower(actionNames[a])); d < best {
			best, near = d, actionNames[a]
		}
	}
	return near
}

// EditDistance counts the bytes to add, remove or change to make one text of another
// (Levenshtein).
func EditDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// All are the actions of the set, in the order of the constants.
func (s Actions) All() []Action {
	var all []Action
	for a := NoAction + 1; a < ActionCount; a++ {
		if s.set.has(a) {
			all = append(all, a)
		}
	}
	return all
}

// Names are the actions as a policy has them.
func (s Actions) Names() []string {
	names := []string{}
	for _, a := range s.All() {
		names = append(names, a.String())
	}
	return names
}

// With has the actions of both sets.
func (s Actions) With(t Actions) Actions { return Actions{s.set.union(t.set)} }

// IsZero tells whether the set is empty.
func (s Actions) IsZero() bool { return s.set == actionSet{} }

// MarshalJSON writes the names.
func (s Actions) MarshalJSON() ([]byte, error) { return json.Marshal(s.Names()) }

// UnmarshalJSON reads names, and refuses one that is no action's: what was meant by it
// nobody knows.
func (s *Actions) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	var out Actions
	for _, name := range names {
		a, err := ParseAction(name)
		if err != nil {
			return err
		}
		out.set = out.set.with(a)
	}
	*s = out
	return nil
}
