package s3

import "coffer"

// VisitAs makes all visitors of websites an actor, for tests of what is shown to
// who may read it.
func (h *Handler) VisitAs(a coffer.Actor) { h.visitor = a }
