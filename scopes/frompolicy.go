package scopes

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"coffer"
	"coffer/policy"
)

// FromPolicy reads a policy as a scope. The error is MalformedPolicy, and says where
// in the policy it is and what to write instead.
func FromPolicy(text string) (*coffer.Scope, error) {
	doc, err := policy.ParseIdentity([]byte(text))
	if err != nil {
		return nil, malformed(err)
	}
	var head struct{ Version string }
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return nil, malformed(err)
	}
	var all rights
	for i, st := range doc.Statements() {
		r := reader{Statement: st, at: fmt.Sprintf("Statement[%d]", i), variables: head.Version == version}
		if err := r.read(&all); err != nil {
			return nil, malformed(err)
		}
	}
	scope, err := coffer.ParseScope(coffer.Scope{Grants: all.grants()})
	if err != nil {
		return nil, malformed(err)
	}
	return scope, nil
}

func malformed(err error) error {
	if e, ok := errors.AsType[*coffer.Error](err); ok {
		return coffer.Errorf(coffer.MalformedPolicy, "%s", e.Message)
	}
	return coffer.Errorf(coffer.MalformedPolicy, "%s", err)
}

// reader reads one statement.
type reader struct {
	policy.Statement
	at        string
	variables bool

	// What its actions are about, and those of them that were named one by one: they
	// are mistakes where the statement has no resource for them.
	lists, buckets, objects coffer.Actions
	account                 bool
	named                   coffer.Actions
	// onBuckets are the patterns of buckets that it names, onKeys those with a prefix.
	onBuckets []string
	onKeys    []place
	everybody bool // its resource is *
	// below are the prefixes that may be listed; createOnly is the other condition.
	below      []string
	createOnly bool
}

type place struct{ bucket, prefix string }

// wrong is an error at an element of the statement.
func (r *reader) wrong(element, format string, args ...any) error {
	return &policy.Error{Message: fmt.Sprintf(format, args...), Path: r.at + "." + element}
}

func (r *reader) read(all *rights) error {
	switch {
	case r.Effect == policy.Deny:
		return r.wrong("Effect", "A key's scope only allows, and what it does not allow is refused: leave this statement out, and allow less in the others")
	case r.NotActions:
		return r.wrong("NotAction", "A key's scope has no NotAction: list in Action what is allowed")
	case r.NotResources:
		return r.wrong("NotResource", "A key's scope has no NotResource: list in Resource what it is allowed on")
	}
	for _, step := range []func() error{r.readActions, r.readResources, r.readConditions, r.fit} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, b := range r.onBuckets {
		all.add(right{place{b, ""}, false}, r.buckets)
		for _, p := range orAll(r.below, "") {
			all.add(right{place{b, p}, false}, r.lists)
		}
	}
	for _, p := range r.onKeys {
		all.add(right{p, r.createOnly}, r.objects)
	}
	if r.account && r.everybody {
		all.add(right{place{anything, ""}, false}, coffer.NewActions(coffer.ListAllMyBuckets))
	}
	return nil
}

func (r *reader) readActions() error {
	every := coffer.PresetFull.Actions()
	for _, pattern := range r.Actions {
		vendor, _, _ := strings.Cut(pattern, ":")
		if pattern != anything && !strings.EqualFold(vendor, "s3") {
			return r.wrong("Action", "%.100q is of another service: a key's scope is about s3 alone, so leave it out", pattern)
		}
		matched, _ := split(every, func(a coffer.Action) bool { return pattern == anything || policy.MatchAction(pattern, a.String()) })
		switch {
		case strings.ContainsAny(pattern, "*?") && matched.IsZero():
			return r.wrong("Action", "%.100q stands for no action that coffer has: write one as s3:GetObject or s3:Get*, or leave it out", pattern)
		case strings.ContainsAny(pattern, "*?"):
		case matched.IsZero():
			_, err := coffer.ParseAction(pattern)
			return r.wrong("Action", "%s", err)
		default:
			r.named = r.named.With(matched)
		}
		lists, rest := split(matched, coffer.Action.Lists)
		objects, rest := split(rest, coffer.Action.OnObject)
		account, buckets := split(rest, func(a coffer.Action) bool { return a == coffer.ListAllMyBuckets })
		r.lists, r.objects, r.buckets = r.lists.With(lists), r.objects.With(objects), r.buckets.With(buckets)
		r.account = r.account || !account.IsZero()
	}
	return nil
}

func (r *reader) readResources() error {
	for _, resource := range r.Resources {
		if resource == anything {
			resource = arnPrefix + anything
		}
		rest, ok := strings.CutPrefix(resource, arnPrefix)
		if !ok {
			return r.wrong("Resource", "%.200q is not in s3: write %sBUCKET for a bucket, %sBUCKET/* for its objects, or *", resource, arnPrefix, arnPrefix)
		}
		bucket, key, deep := strings.Cut(rest, "/")
		if _, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetFull, Buckets: []string{bucket}}}}); err != nil {
			return r.wrong("Resource", "%.200q names no bucket: write its name, or the beginning of one and a * at the end", resource)
		}
		if deep {
			prefix, err := r.prefix("Resource", resource, key)
			if err != nil {
				return err
			}
			r.onKeys = append(r.onKeys, place{bucket, prefix})
			continue
		}
		// The * at the end of a bucket's name stands for what is in it as well.
		r.onBuckets = append(r.onBuckets, bucket)
		if strings.HasSuffix(bucket, anything) {
			r.onKeys = append(r.onKeys, place{bucket, ""})
		}
		r.everybody = r.everybody || bucket == anything
	}
	return nil
}

// prefix reads what stands for all keys below a prefix, as 2026/*; whole is the value
// that it is in.
func (r *reader) prefix(element, whole, key string) (string, error) {
	stem, wild := strings.CutSuffix(key, anything)
	if r.variables {
		stem = mask.Replace(stem)
	}
	switch {
	case strings.Contains(key, "\x00"):
		return "", r.wrong(element, "%.200q has a NUL, and no key has one", whole)
	case strings.Contains(stem, "${"):
		return "", r.wrong(element, "%.200q has a variable, and a key's scope has none: write what it stands for", whole)
	case strings.ContainsAny(stem, "*?"):
		return "", r.wrong(element, "%.200q has a wildcard within: in a key's scope * stands at the end only, as in 2026/*", whole)
	case !wild:
		return "", r.wrong(element, "%.200q is one key: a key's scope reaches all that is below a /, so write it as 2026/*", whole)
	case stem != "" && !strings.HasSuffix(stem, "/"):
		return "", r.wrong(element, "%.200q ends within a name: a key's scope reaches all that is below a /, so that a/* never covers ab: write %s/*", whole, strings.TrimSuffix(whole, anything))
	case stem == "/":
		return "", r.wrong(element, "%.200q has an empty name before the /: write the first name of the keys, as 2026/*", whole)
	}
	return unmask.Replace(stem), nil
}

// What stands for itself is put out of the way while wildcards are looked for.
var (
	mask   = strings.NewReplacer("${$}", "\x00d", "${*}", "\x00s", "${?}", "\x00q")
	unmask = strings.NewReplacer("\x00d", "$", "\x00s", "*", "\x00q", "?")
)

func (r *reader) readConditions() error {
	for _, c := range r.Conditions {
		element := "Condition." + c.Operator
		switch {
		case strings.EqualFold(c.Key, keyPrefix) && c.Operator == "StringLike":
			for _, v := range c.Values {
				p, err := r.prefix(element, v, v)
				if err != nil {
					return err
				}
				if p == "" {
					return r.wrong(element, "%.200q is every prefix: leave the condition out", v)
				}
				r.below = append(r.below, p)
			}
		case strings.EqualFold(c.Key, keyIfNoneMatch) && c.Operator == "Null" && slices.Equal(c.Values, []string{"false"}):
			r.createOnly = true
		default:
			return r.wrong(element, `A key's scope has no such condition on %.100s: leave it out. Of the conditions it has {"StringLike": {"s3:prefix": "2026/*"}} for lists, `+
				`and {"Null": {"s3:if-none-match": "false"}} for writes that never overwrite; a bucket's policy has all`, c.Key)
		}
	}
	return nil
}

// fit refuses what would have no effect, or not the one that was meant: an action that
// was named without a resource that it is about, and a condition on what does not
// know it.
func (r *reader) fit() error {
	misfit := func(of coffer.Actions) string {
		named, _ := split(of, func(a coffer.Action) bool { return slices.Contains(r.named.All(), a) })
		return strings.Join(named.Names(), ", ")
	}
	if list := misfit(r.lists.With(r.buckets)); list != "" && len(r.onBuckets) == 0 {
		return r.wrong("Resource", "%s is about a bucket, and no resource is one: add %s", list, arnPrefix+r.onKeys[0].bucket)
	}
	if list := misfit(r.objects); list != "" && len(r.onKeys) == 0 {
		return r.wrong("Resource", "%s is about objects, and no resource is one: add %s/*", list, arnPrefix+r.onBuckets[0])
	}
	if slices.Contains(r.named.All(), coffer.ListAllMyBuckets) && !r.everybody {
		return r.wrong("Resource", `s3:ListAllMyBuckets is about all buckets: give it a statement of its own with the resource *. Without one, a key lists the buckets that its scope reaches`)
	}
	others := r.buckets.With(r.objects)
	if r.account {
		others = others.With(coffer.NewActions(coffer.ListAllMyBuckets))
	}
	if len(r.below) > 0 && (r.lists.IsZero() || !others.IsZero()) {
		return r.wrong("Condition", "The condition s3:prefix is about lists alone: give s3:ListBucket a statement of its own with it, and allow the rest in another")
	}
	_, writes := split(coffer.PresetCreateOnly.Actions(), func(a coffer.Action) bool { return !a.OnObject() })
	if r.createOnly && (r.objects != writes || r.account || !r.lists.With(r.buckets).IsZero()) {
		return r.wrong("Condition", "The condition s3:if-none-match is about writes alone: give %s a statement of their own with it, and allow the rest in another", strings.Join(writes.Names(), ", "))
	}
	return nil
}
