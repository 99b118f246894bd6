package scopes

import (
	"slices"

	"coffer"
)

// right is a place, and whether what is written there never overwrites.
type right struct {
	place
	createOnly bool
}

// rights are the actions that a policy allows in each place, in the order in which
// the places came.
type rights struct {
	order   []right
	allowed map[right]coffer.Actions
}

func (all *rights) add(at right, actions coffer.Actions) {
	if actions.IsZero() {
		return
	}
	if all.allowed == nil {
		all.allowed = map[right]coffer.Actions{}
	}
	if _, ok := all.allowed[at]; !ok {
		all.order = append(all.order, at)
	}
	all.allowed[at] = all.allowed[at].With(actions)
}

// grants are the same rights with as few grants as are needed, and by a preset where
// that is what they are.
func (all *rights) grants() []coffer.Grant {
	var out []coffer.Grant
	for _, at := range all.order {
		g := grantOf(all.allowed[at], at)
		if !slices.ContainsFunc(refs(out), func(o *coffer.Grant) bool { return join(o, g) }) {
			out = append(out, g)
		}
	}
	// What differs in its bucket alone is told together.
	var merged []coffer.Grant
	for _, g := range out {
		at := slices.IndexFunc(merged, func(o coffer.Grant) bool {
			return same(o, g) && len(o.Buckets) > 0 && len(g.Buckets) > 0 && slices.Equal(o.Prefixes, g.Prefixes)
		})
		if at < 0 {
			merged = append(merged, g)
			continue
		}
		merged[at].Buckets = append(merged[at].Buckets, g.Buckets...)
	}
	return merged
}

func refs(grants []coffer.Grant) []*coffer.Grant {
	var out []*coffer.Grant
	for i := range grants {
		out = append(out, &grants[i])
	}
	return out
}

// join adds the prefixes of g to o where the two are about one bucket.
func join(o *coffer.Grant, g coffer.Grant) bool {
	if !same(*o, g) || !slices.Equal(o.Buckets, g.Buckets) || len(o.Prefixes) == 0 || len(g.Prefixes) == 0 {
		return false
	}
	o.Prefixes = append(o.Prefixes, g.Prefixes...)
	return true
}

func same(a, b coffer.Grant) bool { return a.Preset == b.Preset && a.Actions == b.Actions }

func grantOf(actions coffer.Actions, at right) coffer.Grant {
	g := coffer.Grant{Actions: actions}
	if at.bucket != anything {
		g.Buckets = []string{at.bucket}
	}
	if at.prefix != "" {
		g.Prefixes = []string{at.prefix}
	}
	if at.createOnly {
		g.Preset, g.Actions = coffer.PresetCreateOnly, coffer.Actions{}
		return g
	}
	for _, p := range coffer.Presets() {
		if telling(p.Actions(), at) == telling(actions, at) && p != coffer.PresetCreateOnly {
			g.Preset, g.Actions = p, coffer.Actions{}
			break
		}
	}
	return g
}

// telling are the actions that make a difference in a place: every grant allows to
// find its buckets, and one on a prefix nothing that is about a bucket as a whole.
func telling(s coffer.Actions, at right) coffer.Actions {
	_, rest := split(s, func(a coffer.Action) bool {
		return a == coffer.ListAllMyBuckets || a == coffer.GetBucketLocation || at.prefix != "" && !a.OnObject() && !a.Lists()
	})
	return rest
}
