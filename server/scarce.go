package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coffer"
)

// What an account may change while the disk is full: so many things at once, enough to
// put an end to keys and members, and then one in a while.
const (
	scarceBurst = 100
	scarceEvery = 10 * time.Second
)

// scarce bounds what accounts change on the console's address while there is no room.
// Keys are rotated and ended then all the same, and each change writes records: without
// a bound, one account could use up what is kept free for the metadata, and end the
// server for all.
type scarce struct {
	writable func() error
	now      func() time.Time

	mu     sync.Mutex // guards limits
	limits map[coffer.AccountID]*rate.Limiter
}

// admit tells whether a caller may change something now. Operators may.
func (s *scarce) admit(by coffer.Caller) error {
	if by.Operator && by.Key == "" || coffer.CodeOf(s.writable()) != coffer.StorageFull {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits[by.Account]
	if l == nil {
		if s.limits == nil {
			s.limits = map[coffer.AccountID]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Every(scarceEvery), scarceBurst)
		s.limits[by.Account] = l
	}
	if l.AllowN(s.now(), 1) {
		return nil
	}
	return coffer.Errorf(coffer.StorageFull, "The server's disk is full, and your account has changed much since: wait some seconds, or ask the operator for more space.")
}
