package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a document, in words for who wrote it.
type Error struct {
	// Message begins with AWS's own words where they are known, and says what to do.
	Message string
	// Path is where, as Statement[0].Effect; empty for the document as a whole.
	Path string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Message + " (at " + e.Path + ")"
}

// kind is what a node is.
type kind uint8

const (
	isText kind = iota
	isNumber
	isBool
	isNull
	isList
	isObject
)

// node is a JSON value with its place. encoding/json would take the last of two
// members with one name, and any case of a name; here both are refused.
type node struct {
	kind  kind
	path  string
	text  string   // of a text, number or bool
	names []string // of an object's members
	items []node   // of a list or object
}

// depthMax is more than a policy needs: Statement, its place in a list,
// Condition, operator, key and value.
const depthMax = 8

// readJSON reads text as one JSON object and nothing after it.
func readJSON(text []byte) (*node, error) {
	switch {
	case len(text) > BytesMax:
		return nil, &Error{Message: fmt.Sprintf("Policy exceeds the maximum allowed document size: it has %d bytes and may have up to %d", len(text), BytesMax)}
	case !bytes.HasPrefix(text, []byte("{")) || !json.Valid(text):
		return nil, &Error{Message: "Policies must be valid JSON and the first byte must be '{'"}
	case !utf8.Valid(text):
		return nil, &Error{Message: "Policies must be valid JSON in UTF-8"}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	n, err := readNode(dec, "", 1)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func readNode(dec *json.Decoder, path string, depth int) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, &Error{Message: "Policies must be valid JSON: " + err.Error(), Path: path}
	}
	n := node{path: path}
	switch t := token.(type) {
	case string:
		n.text = t
	case json.Number:
		n.kind, n.text = isNumber, t.String()
	case bool:
		n.kind, n.text = isBool, fmt.Sprint(t)
	case nil:
		n.kind = isNull
	case json.Delim:
		n.kind = isList
		if t == '{' {
			n.kind = isObject
		}
		err = n.readItems(dec, depth)
	}
	return n, err
}

// readItems reads what is within a list or an object, and its end.
func (n *node) readItems(dec *json.Decoder, depth int) error {
	if depth == depthMax {
		return &Error{Message: fmt.Sprintf("Invalid policy syntax: lists and objects are more than %d deep", depthMax), Path: n.path}
	}
	seen := map[string]bool{}
	for dec.More() {
		path := fmt.Sprintf("%s[%d]", n.path, len(n.items))
		if n.kind == isObject {
			token, err := dec.Token()
			name, ok := token.(string)
			if err != nil || !ok {
				return &Error{Message: "Policies must be valid JSON", Path: n.path}
			}
			path = join(n.path, name)
			if seen[name] {
				return &Error{Message: fmt.Sprintf("Invalid policy syntax: %.100q is there twice: keep one, with a list of values", name), Path: path}
			}
			seen[name] = true
			n.names = append(n.names, name)
		}
		item, err := readNode(dec, path, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := dec.Token()
	return err
}

// join adds a member's name to a path, in brackets if it is more than a word.
func join(path, name string) string {
	switch {
	case name == "" || strings.ContainsAny(name, ".[] ") || shown(name) != name:
		return fmt.Sprintf("%s[%.100q]", path, name)
	case path == "":
		return name
	}
	return path + "." + name
}

// shown is a text as it may stand in a message: in quotes if it has what a reader
// could not see, and cut if it is long.
func shown(s string) string {
	quoted := fmt.Sprintf("%.100q", s)
	if quoted[1:len(quoted)-1] == s {
		return s
	}
	return quoted
}

// errorf is an error at the node.
func (n *node) errorf(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Path: n.path}
}

// member finds a member of an object; nil if there is none.
func (n *node) member(name string) *node {
	for i, have := range n.names {
		if have == name {
			return &n.items[i]
		}
	}
	return nil
}

// each goes through the items of a list, or n alone if it is not one.
func (n *node) each(visit func(*node) error) error {
	if n.kind != isList {
		return visit(n)
	}
	for i := range n.items {
		if err := visit(&n.items[i]); err != nil {
			return err
		}
	}
	return nil
}
