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
	return err == nil && glob(p.pieces, action, true)
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
		return glob(p.pieces, s, p.fold), true
	}
	var buf [12]piece
	pieces, err := p.resolve(buf[:0], q)
	if err != nil {
		return false, false
	}
	return glob(pieces, s, p.fold), true
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

// glob compares s with pieces. It goes back to the last * only, which is enough:
// what an earlier * left was the earliest place. So it takes at most the product
// of both lengths, and in practice the sum.
func glob(pieces []piece, s string, fold bool) bool {
	at, star, mark := 0, -1, ""
	for {
		if at < len(pieces) && pieces[at].kind == anyText {
			at++
			if at == len(pieces) {
				return true
			}
			star, mark = at, s
			continue
		}
		if at == len(pieces) {
			if s == "" {
				return true
			}
		} else if rest, ok := pieces[at].take(s, fold); ok {
			s = rest
			at++
			continue
		}
		if star < 0 || mark == "" {
			return false
		}
		_, size := utf8.DecodeRuneInString(mark)
		mark = mark[size:]
		if next := &pieces[star]; next.kind == literal && !fold {
			skip := strings.Index(mark, next.text)
			if skip < 0 {
				return false
			}
			mark = mark[skip:]
		}
		s, at = mark, star
	}
}

// take removes the piece from the beginning of s.
func (e *piece) take(s string, fold bool) (string, bool) {
	switch {
	case e.kind == anyChar:
		_, size := utf8.DecodeRuneInString(s)
		return s[size:], size > 0
	case !fold:
		return strings.CutPrefix(s, e.text)
	}
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
