package s3

import (
	"strings"

	"coffer"
)

// VisitAs makes all visitors of websites an actor, for tests of what is shown to
// who may read it.
func (h *Handler) VisitAs(a coffer.Actor) { h.visitor = a }

// Routes are the requests that the route table takes, by operation: the method and
// the target in the bucket /abc with the object k, and a header.
func Routes() map[string]struct{ Line, Header string } {
	all := map[string]struct{ Line, Header string }{}
	for _, op := range operations {
		path := [...]string{"/", "/abc", "/abc/k"}[op.level]
		if op.sub != "" {
			path += "?" + op.sub
		}
		name := op.name
		for all[name].Line != "" {
			name += "+"
		}
		all[name] = struct{ Line, Header string }{op.method + " " + strings.ReplaceAll(path, "list-type", "list-type=2"), op.header}
	}
	return all
}
