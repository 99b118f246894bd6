package api

import (
	"context"

	"coffer/objects"
)

// ScrubStatus is how far a scrub is, and what it found.
type ScrubStatus = objects.ScrubStatus

func (q *request) scrubStatus(none, none) (ScrubStatus, error) {
	s, err := q.objects()
	if err != nil {
		return ScrubStatus{}, err
	}
	return s.ScrubStatus(q.ctx())
}

func (q *request) startScrub(none, none) (ScrubStatus, error) {
	if _, err := q.objects(); err != nil {
		return ScrubStatus{}, err
	}
	if err := q.Objects.StartScrub(q.ctx()); err != nil {
		return ScrubStatus{}, err
	}
	return q.scrubStatus(none{}, none{})
}

// ScrubStatus returns how far a scrub is.
func (c *Client) ScrubStatus(ctx context.Context) (ScrubStatus, error) {
	return do[ScrubStatus](ctx, c, "GET", "/v1/instance/scrub", nil)
}

// StartScrub begins a round of the scrub, unless one is under way.
func (c *Client) StartScrub(ctx context.Context) (ScrubStatus, error) {
	return do[ScrubStatus](ctx, c, "POST", "/v1/instance/scrub:start", nil)
}
