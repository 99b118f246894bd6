package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a text with the wildcards * and ?, and with variables, cut into
// pieces once, so that comparing allocates nothing.
type pattern struct {
	text   string // as written
	pieces []piece
	// variables tells that some pieces are known only with the request.
	variables bool
	// fold compares without regard to case.
	fold bool
}

type pieceKind uint8

const (
	literal  pieceKind = iota
	anyText            // *
	anyChar            // ?
	variable           // ${name} or ${name, 'fallback'}
)

type piece struct {
	kind        pieceKind
	text        string // of a variable its name in lower case
	fallback    string
	hasFallback bool
}

// syntax is what has a meaning in a pattern.
type syntax struct {
	wild      bool // * and ?
	variables bool // ${...}: documents of 2012-10-17
	fold      bool
}

// MatchAction tells whether an action, as s3:GetObject, is one that a pattern of
// an Action element names. Case does not count.
func MatchAction(pattern, action string) bool {
	p, err := compile(pattern, syntax{wild: true, fold: true})
	return err == nil && glob(p.pieces, action, true, nil)
}

// compile cuts text into pieces. The error is about a variable that is not
// written as one.
func compile(text string, x syntax) (pattern, error) {
	p := pattern{text: text, fold: x.fold}
	rest := text
	add := func(n int) { // what comes before the next special piece
		if n > 0 {
			p.pieces = append(p.pieces, piece{kind: literal, text: rest[:n]})
		}
		rest = rest[n:]
	}
	at := 0
	for at < len(rest) {
		switch c := rest[at]; {
		case x.wild && c == '*':
			add(at)
			if n := len(p.pieces); n == 0 || p.pieces[n-1].kind != anyText {
				p.pieces = append(p.pieces, piece{kind: anyText})
			}
			rest, at = rest[1:], 0
		case x.wild && c == '?':
			add(at)
			p.pieces = append(p.pieces, piece{kind: anyChar})
			rest, at = rest[1:], 0
		case x.variables && c == '$' && strings.HasPrefix(rest[at:], "${"):
			add(at)
			v, n, err := parseVariable(rest)
			if err != nil {
				return pattern{}, err
			}
			p.pieces = append(p.pieces, v)
			p.variables = p.variables || v.kind == variable
			rest, at = rest[n:], 0
		default:
			at++
		}
	}
	add(at)
	return p, nil
}

// parseVariable reads what text begins with: ${name}, ${name, 'fallback'}, or
// one of ${*}, ${?} and ${$}, which stand for the character itself (IAM User
// Guide, "IAM policy elements: Variables and tags"). It returns its length too.
func parseVariable(text string) (piece, int, error) {
	body := text[len("${"):]
	end := strings.IndexAny(body, "},")
	if end < 0 {
		return piece{}, 0, fmt.Errorf("the variable %.60q has no closing brace: write ${$} for a plain $", text)
	}
	name := body[:end]
	n := len("${") + end + 1
	if body[end] == '}' && (name == "*" || name == "?" || name == "$") {
		return piece{kind: literal, text: name}, n, nil
	}
	if err := checkVariableName(name); err != nil {
		return piece{}, 0, err
	}
	v := piece{kind: variable, text: contextKey(name)}
	if body[end] == '}' {
		return v, n, nil
	}
	rest := strings.TrimLeft(body[end+1:], " ")
	if !strings.HasPrefix(rest, "'") {
		return piece{}, 0, fmt.Errorf("the default value of ${%.60s} is not in single quotes: write ${%.60s, 'value'}", name, name)
	}
	fallback, after, ok := strings.Cut(rest[1:], "'")
	after = strings.TrimLeft(after, " ")
	if !ok || !strings.HasPrefix(after, "}") {
		return piece{}, 0, fmt.Errorf("the default value of ${%.60s} does not end: write ${%.60s, 'value'}", name, name)
	}
	v.fallback, v.hasFallback = fallback, true
	return v, len(text) - len(after) + 1, nil
}

func checkVariableName(name string) error {
	vendor, key, _ := strings.Cut(name, ":")
	if vendor == "" || key == "" || strings.ContainsAny(name, "${*?'\"") {
		return fmt.Errorf("${%.60s} is not a variable: write the name of a condition key, as ${aws:username}", name)
	}
	return nil
}

var errUnresolved = errors.New("a variable has no value")

// match compares s. A pattern with a variable that has no value in this request
// matches nothing; resolved then is false.
func (p *pattern) match(s string, q *Request) (ok, resolved bool) {
	if !p.variables {
		return glob(p.pieces, s, p.fold, q), true
	}
	var buf [12]piece
	pieces, err := p.resolve(buf[:0], q)
	if err != nil {
		return false, false
	}
	return glob(pieces, s, p.fold, q), true
}

// resolve appends the pieces with the request's values in place of the
// variables. Wildcards in a value mean nothing. A key with several values
// cannot be a variable.
func (p *pattern) resolve(pieces []piece, q *Request) ([]piece, error) {
	for _, e := range p.pieces {
		if e.kind == variable {
			values := q.values(e.text)
			switch {
			case len(values) == 1:
				e.text = values[0]
			case len(values) == 0 && e.hasFallback:
				e.text = e.fallback
			default:
				return nil, errUnresolved
			}
			e.kind = literal
		}
		pieces = append(pieces, e)
	}
	return pieces, nil
}

// values asks the request for a key, as contextKey has it.
func (q *Request) values(key string) []string {
	if q.Context == nil {
		return nil
	}
	return q.Context(key)
}

// fixed tells whether the pattern stands for one text only.
func (p *pattern) fixed() bool {
	for i := range p.pieces {
		if p.pieces[i].kind != literal {
			return false
		}
	}
	return true
}

// glob compares s with pieces. What stands behind the last * is looked for at the end
// of s, and what stands between two of them at the earliest place, which is enough: so
// it takes as long as s is, but for pieces with ?, which are tried at each place.
func glob(pieces []piece, s string, fold bool, q *Request) bool {
	segment, rest, starred := untilStar(pieces)
	s, ok := takeAll(segment, s, fold, q)
	if !ok || !starred {
		return ok && s == ""
	}
	for {
		if segment, rest, starred = untilStar(rest); !starred {
			return endsIn(segment, s, fold, q)
		}
		if s, ok = find(segment, s, fold, q); !ok {
			return false
		}
	}
}

// untilStar cuts pieces at the first *, and tells whether there is one.
func untilStar(pieces []piece) (before, behind []piece, starred bool) {
	for i := range pieces {
		if pieces[i].kind == anyText {
			return pieces[:i], pieces[i+1:], true
		}
	}
	return pieces, nil, false
}

// takeAll removes pieces from the beginning of s; none of them is a *.
func takeAll(pieces []piece, s string, fold bool, q *Request) (rest string, ok bool) {
	for i := range pieces {
		if s, ok = pieces[i].take(s, fold, q); !ok {
			return "", false
		}
	}
	return s, true
}

// find removes from s the earliest place that pieces match, with all before it.
func find(pieces []piece, s string, fold bool, q *Request) (rest string, ok bool) {
	for {
		if len(pieces) > 0 && pieces[0].kind == literal && !fold {
			skip := strings.Index(s, pieces[0].text)
			if skip < 0 {
				q.spend(len(s))
				return "", false
			}
			q.spend(skip)
			s = s[skip:]
		}
		if rest, ok := takeAll(pieces, s, fold, q); ok {
			return rest, true
		}
		if s == "" || q.exhausted() {
			return "", false
		}
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
}

// endsIn tells whether s ends in what pieces match, which are as many characters
// always.
func endsIn(pieces []piece, s string, fold bool, q *Request) bool {
	characters := 0
	for i := range pieces {
		if pieces[i].kind == anyChar {
			characters++
			continue
		}
		characters += utf8.RuneCountInString(pieces[i].text)
	}
	at := len(s)
	for ; characters > 0; characters-- {
		_, size := utf8.DecodeLastRuneInString(s[:at])
		if size == 0 {
			return false
		}
		at -= size
	}
	rest, ok := takeAll(pieces, s[at:], fold, q)
	return ok && rest == ""
}

// take removes the piece from the beginning of s.
func (e *piece) take(s string, fold bool, q *Request) (string, bool) {
	q.spend(perPiece)
	switch {
	case e.kind == anyChar:
		_, size := utf8.DecodeRuneInString(s)
		return s[size:], size > 0
	case !fold:
		return strings.CutPrefix(s, e.text)
	}
	q.spend(perFolded * min(len(e.text), len(s)))
	for _, want := range e.text {
		have, size := utf8.DecodeRuneInString(s)
		// Bytes that are no character are not the character that stands for them.
		if have != want && foldRune(have) != foldRune(want) || have == utf8.RuneError && size < len("\uFFFD") {
			return "", false
		}
		s = s[size:]
	}
	return s, true
}

// foldRune is one rune for all that differ by case only: the least of them.
func foldRune(c rune) rune {
	if c < utf8.RuneSelf {
		if 'a' <= c && c <= 'z' {
			return c - ('a' - 'A')
		}
		return c
	}
	for next := unicode.SimpleFold(c); ; next = unicode.SimpleFold(next) {
		if next <= c {
			return next
		}
	}
}
