// Package scopes writes what a key may do as an IAM policy, and reads such a policy
// as a scope: the two say the same, action by action. It knows nothing of keys, of
// who may change them, or of how a request is decided; and a policy that says what no
// scope can is refused, never rounded.
package scopes

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"coffer"
)

// What a policy calls things.
const (
	version   = "2012-10-17"
	arnPrefix = "arn:aws:s3:::"
	anything  = "*"

	keyPrefix      = "s3:prefix"
	keyIfNoneMatch = "s3:if-none-match"
)

// statement is one statement as it is written.
type statement struct {
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore
	Condition map[string]map[string]oneOrMore `json:",omitempty"`
}

// oneOrMore is a list that is written as a text if it has one item.
type oneOrMore []string

func (l oneOrMore) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// Policy writes a scope as a policy that FromPolicy reads as the same scope. One
// without grants, which allows nothing, has no statements, and is no policy in AWS's
// language.
func Policy(s *coffer.Scope) string {
	if s == nil {
		s = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetFull}}}
	}
	doc := struct {
		Version   string
		Statement []statement
	}{version, []statement{}}
	for _, g := range s.Grants {
		doc.Statement = append(doc.Statement, statements(g)...)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(doc) // Texts and lists of them cannot fail.
	return b.String()
}

func actionsOf(g coffer.Grant) coffer.Actions {
	if g.Preset == "" {
		return g.Actions
	}
	return g.Preset.Actions()
}

func statements(g coffer.Grant) []statement {
	if len(g.Prefixes) > 0 {
		return belowPrefixes(g)
	}
	all := actionsOf(g)
	if len(g.Buckets) == 0 && g.Preset != coffer.PresetCreateOnly {
		return []statement{allow(names(all), anything)}
	}
	objects, rest := split(all, coffer.Action.OnObject)
	_, rest = split(rest, func(a coffer.Action) bool { return a == coffer.ListAllMyBuckets })
	switch {
	case !objects.IsZero() && !rest.IsZero() && g.Preset != coffer.PresetCreateOnly:
		return []statement{allow(names(all, coffer.ListAllMyBuckets), slices.Concat(bucketARNs(g.Buckets), objectARNs(g.Buckets, nil))...)}
	case !objects.IsZero():
		return []statement{onObjects(g, objects)}
	}
	// Every grant allows this, so a grant of less than that says it as well.
	rest = rest.With(coffer.NewActions(coffer.GetBucketLocation))
	return []statement{allow(names(rest), bucketARNs(g.Buckets)...)}
}

// onObjects writes what a grant allows on objects.
func onObjects(g coffer.Grant, actions coffer.Actions) statement {
	st := allow(names(actions), objectARNs(g.Buckets, g.Prefixes)...)
	if g.Preset == coffer.PresetCreateOnly {
		st.Condition = map[string]map[string]oneOrMore{"Null": {keyIfNoneMatch: {"false"}}}
	}
	return st
}

// belowPrefixes writes a grant on prefixes: what is about objects names them, and what
// lists has a condition.
func belowPrefixes(g coffer.Grant) []statement {
	objects, rest := split(actionsOf(g), coffer.Action.OnObject)
	lists, _ := split(rest, coffer.Action.Lists)
	var out []statement
	if !objects.IsZero() {
		out = append(out, onObjects(g, objects))
	}
	if !lists.IsZero() {
		st := allow(names(lists), bucketARNs(g.Buckets)...)
		var below oneOrMore
		for _, p := range g.Prefixes {
			below = append(below, escape(p)+"*")
		}
		st.Condition = map[string]map[string]oneOrMore{"StringLike": {keyPrefix: below}}
		out = append(out, st)
	}
	if len(out) == 0 {
		out = append(out, allow(names(coffer.NewActions(coffer.GetBucketLocation)), bucketARNs(g.Buckets)...))
	}
	return out
}

func allow(actions []string, resources ...string) statement {
	return statement{Effect: "Allow", Action: actions, Resource: resources}
}

// names are actions as a policy has them; all of them are s3:*.
func names(s coffer.Actions, but ...coffer.Action) []string {
	if everything := coffer.PresetFull.Actions(); s == everything {
		return []string{"s3:*"}
	}
	_, s = split(s, func(a coffer.Action) bool { return slices.Contains(but, a) })
	return s.Names()
}

// split tells the actions that are so from those that are not.
func split(s coffer.Actions, is func(coffer.Action) bool) (yes, no coffer.Actions) {
	var y, n []coffer.Action
	for _, a := range s.All() {
		if is(a) {
			y = append(y, a)
		} else {
			n = append(n, a)
		}
	}
	return coffer.NewActions(y...), coffer.NewActions(n...)
}

func bucketARNs(buckets []string) []string {
	var out []string
	for _, b := range orAll(buckets, anything) {
		out = append(out, arnPrefix+b)
	}
	return out
}

func objectARNs(buckets, prefixes []string) []string {
	var out []string
	for _, b := range orAll(buckets, anything) {
		for _, p := range orAll(prefixes, "") {
			out = append(out, arnPrefix+b+"/"+escape(p)+anything)
		}
	}
	return out
}

func orAll(list []string, all string) []string {
	if len(list) == 0 {
		return []string{all}
	}
	return list
}

// The characters that a policy does not mean as they stand, and how it does (IAM User
// Guide, "IAM policy elements: Variables and tags", Specifying default values).
var escaper = strings.NewReplacer("$", "${$}", "*", "${*}", "?", "${?}")

func escape(s string) string { return escaper.Replace(s) }
