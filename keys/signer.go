package keys

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
	"coffer/sigv4"
)

// Signer is who may have signed a request.
type Signer struct {
	Actor coffer.Actor
	// Keys are the signing keys of which any one may have been used. The slice
	// is shared: do not change it.
	Keys []sigv4.Key
}

// Signer returns who signs as id for a day (yyyymmdd), region and service. An
// ID that is unknown or whose key was deleted is InvalidAccessKeyID. A lookup
// that begins after Delete has returned never finds the deleted key.
func (s *Service) Signer(ctx context.Context, id coffer.AccessKeyID, date, region, service string) (Signer, error) {
	e, generation := s.cache.get(id)
	if e == nil {
		var err error
		if e, err = s.load(ctx, id); err != nil {
			return Signer{}, err
		}
		s.cache.put(e, generation)
	}
	return Signer{Actor: e.actor, Keys: e.signingKeys(scope{date, region, service})}, nil
}

// load reads a credential from the store.
func (s *Service) load(ctx context.Context, id coffer.AccessKeyID) (*entry, error) {
	if id == "" || len(id) > accessKeyIDMax {
		return nil, unknownID(id)
	}
	var c credential
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var err error
		c, err = readCredential(r, id)
		return err
	})
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return nil, unknownID(id)
	case err != nil:
		return nil, fmt.Errorf("look up access key %q: %w", id, err)
	case c.status != coffer.KeyActive:
		return nil, unknownID(id)
	}
	secret, err := s.openSecret(id, c)
	if err != nil {
		return nil, err
	}
	return &entry{
		actor: coffer.Actor{
			Account:     c.account,
			Canonical:   c.canonical,
			DisplayName: c.displayName,
			Key:         c.key,
			// The caller's id is often a piece of a request's header, all of
			// which it would keep alive.
			AccessKeyID: coffer.AccessKeyID(strings.Clone(string(id))),
		},
		secret: secret,
	}, nil
}

// unknownID is AWS's answer (S3 API Reference, "Error responses").
func unknownID(id coffer.AccessKeyID) error {
	return coffer.Errorf(coffer.InvalidAccessKeyID,
		"The AWS Access Key Id you provided does not exist in our records.").With("AWSAccessKeyId", string(id))
}

// watchRetry is how long to wait before watching again after a failure.
const watchRetry = time.Second

// watch forgets what other nodes change. While it cannot watch, nothing is
// cached: slow, and never wrong.
func (s *Service) watch(ctx context.Context, events iter.Seq2[meta.Event, error]) {
	defer close(s.done)
	for {
		for event, err := range events {
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, meta.ErrClosed) {
					s.log.Error("cannot watch access keys, looking each one up meanwhile", "error", err)
				}
				if errors.Is(err, meta.ErrClosed) {
					s.cache.turn(false)
					return
				}
				break
			}
			if len(event.Key) < 1 {
				s.cache.turn(true) // forgets everything
				continue
			}
			s.cache.forget(coffer.AccessKeyID(event.Key[1:]))
		}
		s.cache.turn(false)
		retry := time.NewTimer(watchRetry)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-retry.C:
		}
		events = s.meta.Watch(ctx, meta.Key(meta.PrefixCredential))
		s.cache.turn(true)
	}
}
