package policy

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// AtMost tells whether d allows nothing that other does not, and if not which
// statement is in the way. It is on the safe side: true is certain, and false may
// only mean that it cannot tell, since each statement of d must be covered by one
// of other's, not by several together.
func (d *Document) AtMost(other *Document) (ok bool, why string) {
	for i := range d.statements {
		s := &d.statements[i]
		if s.effect == Allow && !slices.ContainsFunc(other.statements, func(o statement) bool { return o.covers(s) }) {
			return false, fmt.Sprintf("%s allows more than any one statement does that it must stay within", label(i, s.sid))
		}
	}
	for i := range other.statements {
		s := &other.statements[i]
		if s.effect == Deny && !slices.ContainsFunc(d.statements, func(own statement) bool { return own.covers(s) }) {
			return false, fmt.Sprintf("%s that it must stay within denies what it does not deny itself", label(i, s.sid))
		}
	}
	return true, ""
}

// covers tells whether s matches every request that narrow matches, and has the
// same effect.
func (s *statement) covers(narrow *statement) bool {
	if s.effect != narrow.effect || s.identity != narrow.identity || !s.coversWho(narrow) {
		return false
	}
	actions := covered(s.actions, s.notActions, narrow.actions, narrow.notActions, pattern{pieces: []piece{{kind: anyText}}}, (*pattern).covers)
	resources := covered(s.resources, s.notResources, narrow.resources, narrow.notResources, arnPattern{all: true}, (*arnPattern).covers)
	if !actions || !resources {
		return false
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if !slices.ContainsFunc(narrow.conditions, func(n condition) bool { return n.implies(c) }) {
			return false
		}
	}
	return true
}

func (s *statement) coversWho(narrow *statement) bool {
	if s.identity || s.who.everybody && !s.notWho {
		return true
	}
	if s.notWho || narrow.notWho {
		return s.notWho == narrow.notWho && slices.Equal(s.who.names, narrow.who.names)
	}
	return !slices.ContainsFunc(narrow.who.names, func(n Name) bool { return !slices.Contains(s.who.names, n) })
}

// covered tells whether all that the narrow patterns, or if not all but them,
// stand for is among what the wide ones do.
func covered[P any](wide []P, notWide bool, narrow []P, notNarrow bool, all P, covers func(wide, narrow *P) bool) bool {
	each := func(narrow, wide []P) bool {
		for i := range narrow {
			if !slices.ContainsFunc(wide, func(w P) bool { return covers(&w, &narrow[i]) }) {
				return false
			}
		}
		return true
	}
	switch {
	case !notWide && !notNarrow:
		return each(narrow, wide)
	case notWide && notNarrow:
		return each(wide, narrow)
	}
	return !notWide && each([]P{all}, wide)
}

// implies tells whether a request that meets c meets wide.
func (c *condition) implies(wide *condition) bool {
	if c.name != wide.name || c.lowerKey != wide.lowerKey {
		return false
	}
	some, all := c.values, wide.values
	if c.operator.negated {
		some, all = all, some
	}
	return !slices.ContainsFunc(some, func(v value) bool {
		return !slices.ContainsFunc(all, func(w value) bool { return v.same(&w) })
	})
}

// same tells whether two values of one operator mean the same.
func (v *value) same(w *value) bool {
	if v.text != w.text || v.arn.all != w.arn.all || !slices.Equal(v.pattern.pieces, w.pattern.pieces) {
		return false
	}
	for i := range v.arn.parts {
		if !slices.Equal(v.arn.parts[i].pieces, w.arn.parts[i].pieces) {
			return false
		}
	}
	return true
}

func (a *arnPattern) covers(narrow *arnPattern) bool {
	if a.all || narrow.all {
		return a.all
	}
	for i := range a.parts {
		if !a.parts[i].covers(&narrow.parts[i]) {
			return false
		}
	}
	return true
}

// covers tells whether p matches all that narrow matches. A variable is covered
// by a * or by itself, and covers nothing else: what has no value matches nothing.
func (p *pattern) covers(narrow *pattern) bool {
	wide, s := p.symbols(), narrow.symbols()
	at, star, mark, pos := 0, -1, 0, 0
	for {
		switch {
		case at < len(wide) && wide[at].kind == anyText:
			at++
			star, mark = at, pos
		case at == len(wide) && pos == len(s):
			return true
		case at < len(wide) && pos < len(s) && wide[at].stands(s[pos]):
			at++
			pos++
		case star < 0 || mark == len(s):
			return false
		default:
			mark++
			at, pos = star, mark
		}
	}
}

// stands tells whether a symbol that is no * matches all that another one does.
func (e piece) stands(narrow piece) bool {
	if e.kind == anyChar {
		return narrow.kind == anyChar || narrow.kind == literal
	}
	return e == narrow
}

// symbols are the pieces with the literals cut into characters.
func (p *pattern) symbols() []piece {
	var out []piece
	for _, e := range p.pieces {
		if e.kind != literal {
			out = append(out, e)
			continue
		}
		for rest := e.text; rest != ""; {
			c, n := utf8.DecodeRuneInString(rest)
			text := rest[:n]
			if p.fold {
				text = string(foldRune(c))
			}
			out = append(out, piece{kind: literal, text: text})
			rest = rest[n:]
		}
	}
	return out
}
