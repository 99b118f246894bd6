package accounts

import (
	"context"
	"time"

	"coffer"
)

// deviceFor is how long a browser stays known.
const deviceFor = 180 * 24 * time.Hour

// device is what a known browser carries: proof that the member signed in from
// it. It lets nobody in, but strangers' failures do not slow it down.
type device struct {
	Member coffer.MemberID `json:"m"`
	Since  time.Time       `json:"t"`
}

func (s *Service) newDevice(ctx context.Context, m *member) (coffer.Secret, error) {
	return s.wrap(ctx, deviceContext, device{m.ID, s.time()})
}

// knownDevice tells whether a browser is known to be m's. What cannot be read is
// a stranger.
func (s *Service) knownDevice(ctx context.Context, m *member, token coffer.Secret) bool {
	if m == nil || token.Empty() {
		return false
	}
	var d device
	ok, err := s.unwrap(ctx, deviceContext, token, &d)
	if err != nil || !ok || d.Member != m.ID {
		return false
	}
	age := s.time().Sub(d.Since)
	return age >= 0 && age < deviceFor && !d.Since.Before(m.devicesSince)
}
