// Package api is the JSON interface, and its Go client, which the command line
// uses. It is served on a Unix socket that only the server's user can open, where
// whoever calls is the operator, and on the console's address to requests that an
// access key signed and to members who are signed in. What a caller may do the
// services decide; this package only finds out who calls. It knows nothing of
// S3, of storage, of pages or of how secrets are kept.
//
// The table of routes in routes.go is all there is. Its request and answer types
// are what docs/openapi.json is made of.
package api

import (
	"encoding/json"
	"time"

	"coffer"
)

// PlainSecret is a secret on its way to or from its owner: it prints as a
// Secret does, and only its JSON has what it is.
type PlainSecret struct{ coffer.Secret }

// MarshalJSON writes the secret itself.
func (s PlainSecret) MarshalJSON() ([]byte, error) { return json.Marshal(s.Reveal()) }

// UnmarshalJSON reads the secret itself.
func (s *PlainSecret) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	s.Secret = coffer.NewSecretFrom(text)
	return nil
}

// IsZero tells encoding/json to leave out a secret that is not there.
func (s PlainSecret) IsZero() bool { return s.Empty() }

// Optional is a field of a request that means something when it is null, too:
// Set tells that it was there.
type Optional[T any] struct {
	Set   bool
	Value T
}

// Some is an Optional that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: v} }

// IsZero tells encoding/json to leave out what was not set.
func (o Optional[T]) IsZero() bool { return !o.Set }

// MarshalJSON writes the value.
func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value) }

// UnmarshalJSON reads the value, and nothing that it has no field for.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return decodeStrict(b, &o.Value)
}

// Instance is the answer of GET /v1/instance.
type Instance struct {
	Version string `json:"version"`
	// Endpoint is the URL of the S3 interface.
	Endpoint string `json:"endpoint" doc:"The URL of the S3 interface."`
	// Region is the region that clients best use.
	Region string `json:"region" doc:"The region that clients best sign for."`
}

// ReclaimReport says what a reclaim removed.
type ReclaimReport struct {
	// Blobs is how many blobs that no metadata names were deleted.
	Blobs int `json:"blobs"`
	// Bytes is how many bytes they had.
	Bytes int64 `json:"bytes"`
}

// Done is the answer of a call that has nothing to tell.
type Done struct{}

// none is the query or the body of a call that takes none.
type none struct{}

// orNull is how a time that may be missing stands in an answer.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
