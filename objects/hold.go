package objects

import "sync"

// hold keeps the bytes of what is deleted while somebody copies everything that a
// snapshot names: a body at a time could not be pinned, since the snapshot names
// more of them than fit in memory.
type hold struct {
	mu sync.Mutex // held while a batch of garbage is collected; guards n
	n  int
}

// Hold keeps every blob that metadata names, now or later, until release is called;
// what is deleted meanwhile takes its room until then. It waits for the batch of
// garbage that is being collected, so a snapshot that is taken after it names no
// blob that is about to go.
func (s *Service) Hold() (release func()) {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	s.holds.n++
	return sync.OnceFunc(func() {
		s.holds.mu.Lock()
		defer s.holds.mu.Unlock()
		s.holds.n--
	})
}
