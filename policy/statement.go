package policy

// statement is one statement, ready to be compared.
type statement struct {
	sid          string
	effect       Effect
	identity     bool // of an identity policy: it has no principals
	who          principals
	notWho       bool
	actions      []pattern
	notActions   bool
	resources    []arnPattern
	notResources bool
	conditions   []condition
}

// element is a part of a statement that a request can fail.
type element uint8

const (
	elementNone element = iota
	elementPrincipal
	elementAction
	elementResource
	elementCondition
)

// check finds the first part of the statement that q does not meet, and which
// condition if it is one.
func (s *statement) check(q *Request, arn *[arnParts]string) (element, int) {
	if s.matchesAction(q) == s.notActions {
		return elementAction, 0
	}
	if !s.identity && !s.isAbout(&q.Principal) {
		return elementPrincipal, 0
	}
	if !s.meetsResource(q, arn) {
		return elementResource, 0
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(q, s.effect) {
			return elementCondition, i
		}
	}
	return elementNone, 0
}

func (s *statement) isAbout(who *Principal) bool {
	if s.notWho {
		return !s.who.spares(who)
	}
	return s.who.match(who)
}

func (s *statement) matchesAction(q *Request) bool {
	for i := range s.actions {
		if ok, _ := s.actions[i].match(q.Action, q); ok {
			return true
		}
	}
	return false
}

// meetsResource compares the resource. A variable without a value matches
// nothing; where that would make an Allow wider, the statement does not hold.
func (s *statement) meetsResource(q *Request, arn *[arnParts]string) bool {
	resolved := true
	for i := range s.resources {
		ok, known := s.resources[i].match(arn, q)
		if ok {
			return !s.notResources
		}
		resolved = resolved && known
	}
	return s.notResources && (resolved || s.effect == Deny)
}
