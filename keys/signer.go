package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
	"coffer/sigv4"
)

// skewMax is how far the clock of who makes a session may be ahead.
const skewMax = 15 * time.Minute

// Signer is who may have signed a request.
type Signer struct {
	Actor coffer.Actor
	// Keys are the signing keys of which any one may have been used. The slice
	// is shared: do not change it.
	Keys []SigningKey
}

// SigningKey is the signing key of one credential. That a signature was made
// with it proves who signed; Admit says whether they may still do so.
type SigningKey struct {
	Key        sigv4.Key
	Credential coffer.Credential
	state      *state
}

// state is what decides over a credential from moment to moment.
type state struct {
	tracker *tracker // nil: its uses are nobody's evidence
	id      coffer.AccessKeyID
	// refusal is why the key is refused, whatever the request; nil is not.
	refusal error
	expires time.Time
	// retired is when a rotation ended the credential; zero is not. Links that
	// were signed before linksBefore are still good; not while retired is still to
	// come, by a clock that was ahead: anything that is signed now would be.
	retired     time.Time
	linksBefore time.Time
	// screamUntil is when a scream test ends. One that would last for longer than any
	// does was begun by a clock that was ahead, and is none.
	screamUntil time.Time
	// session is the temporary credential that this is about; nil is none.
	session *coffer.Session
}

// Signer returns who signs as id for a day (yyyymmdd), region and service. An
// ID that is unknown is InvalidAccessKeyID. One that is known and must not sign
// any more is found too, and refused by Admit: why, is told only to who has the
// secret. A lookup that begins after a change has returned sees the change.
func (s *Service) Signer(ctx context.Context, id coffer.AccessKeyID, date, region, service string) (Signer, error) {
	e := s.links.get(id)
	if e == nil {
		var err error
		if e, err = s.entry(ctx, id); err != nil {
			return Signer{}, err
		}
	}
	return Signer{Actor: e.actor, Keys: e.signingKeys(binding{date, region, service})}, nil
}

// entry returns what is known of a key's Access Key ID.
func (s *Service) entry(ctx context.Context, id coffer.AccessKeyID) (*entry, error) {
	e, generation := s.cache.get(id)
	if e != nil {
		return e, nil
	}
	e, err := s.load(ctx, id)
	if err == nil {
		s.cache.put(e, generation)
	}
	return e, err
}

// Admit tells whether a request that k signed is let in: nil, or the refusal to
// answer with. Link says that it is a pre-signed URL, and signed when it was
// signed, as its X-Amz-Date says.
func (k SigningKey) Admit(now time.Time, link bool, signed time.Time) error {
	st := k.state
	switch {
	case st == nil:
		return &coffer.Error{Code: coffer.AccessDenied}
	case st.refusal != nil:
		return st.refusal
	case !st.expires.IsZero() && !now.Before(st.expires):
		return expired(st.id, st.expires)
	case !st.retired.IsZero() && !(link && signed.Before(st.linksBefore) && !now.Before(st.retired)):
		return refused(st.id, "This access key was rotated out at %s. Use the credential that replaced it.", st.retired.Format(time.RFC3339))
	case now.Before(st.screamUntil) && st.screamUntil.Sub(now) <= screamMinutesMax*time.Minute:
		return refused(st.id, "This access key is being rotated and is refused until %s, to find who still uses it. Use the new credential.",
			st.screamUntil.Format(time.RFC3339))
	case st.session != nil:
		return st.admitSession(now)
	}
	return nil
}

// admitSession tells whether a session has begun and not ended. One that is said to
// begin later was made to outlive SessionMax, or by a clock that is wrong.
func (st *state) admitSession(now time.Time) error {
	switch {
	case !now.Before(st.session.Expires):
		return &coffer.Error{Code: coffer.ExpiredToken}
	case st.session.Issued.Sub(now) > skewMax:
		return &coffer.Error{Code: coffer.InvalidToken}
	}
	return nil
}

func expired(id coffer.AccessKeyID, at time.Time) error {
	return refused(id, "This access key expired at %s.", at.Format(time.RFC3339))
}

// refused is an answer to who has the secret of a key that is refused. AWS says
// InvalidAccessKeyId of a key that is not active, whatever the reason.
func refused(id coffer.AccessKeyID, format string, args ...any) error {
	return coffer.Errorf(coffer.InvalidAccessKeyID, format, args...).With("AWSAccessKeyId", string(id))
}

// load reads what is known of an Access Key ID from the store.
func (s *Service) load(ctx context.Context, id coffer.AccessKeyID) (*entry, error) {
	if id == "" || len(id) > accessKeyIDMax {
		return nil, unknownID(id)
	}
	// The caller's id is often a piece of a request's header, all of which it
	// would keep alive.
	id = coffer.AccessKeyID(strings.Clone(string(id)))
	var c credential
	var k record
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var err error
		if c, err = readCredential(r, id); err != nil || len(c.secrets) == 0 {
			return err
		}
		if k, err = readKey(r, c.account, c.key); err != nil {
			// Not an unknown ID but a broken one: ErrNotFound ends here.
			err = fmt.Errorf("read key %s of account %s: %v", c.key, c.account, err)
		}
		return err
	})
	switch {
	case errors.Is(err, meta.ErrNotFound) || err == nil && len(c.secrets) == 0:
		return nil, unknownID(id)
	case err != nil:
		return nil, fmt.Errorf("look up access key %q: %w", id, err)
	}
	e := &entry{actor: coffer.Actor{Account: c.account, Canonical: c.canonical, DisplayName: c.displayName,
		Key: c.key, AccessKeyID: id, Scope: k.Scope}}
	for _, old := range k.credentials() {
		if old.AccessKeyID != id {
			continue
		}
		secret, err := s.openSecret(old.Credential, c)
		if err != nil {
			return nil, err
		}
		e.candidates = append(e.candidates, candidate{old.Credential, secret, s.stateOf(k, old)})
	}
	if len(e.candidates) == 0 {
		return nil, fmt.Errorf("look up access key %q: it is no credential of its key %s", id, k.ID)
	}
	return e, nil
}

// credentials are all credentials of a key whose secrets are kept, the current
// one first, then the outgoing one, then the latest retired.
func (r record) credentials() []retired {
	all := []retired{{Credential: r.Current}}
	if r.Rotation != nil {
		all = append(all, retired{Credential: r.Rotation.Outgoing})
	}
	for i := len(r.retired) - 1; i >= 0; i-- {
		all = append(all, r.retired[i])
	}
	return all
}

func (s *Service) stateOf(k record, c retired) *state {
	st := &state{
		tracker:     s.evidence.tracker(ref{k.ID, c.Generation}),
		id:          c.AccessKeyID,
		expires:     k.Expires,
		retired:     c.ended,
		linksBefore: c.linksBefore,
	}
	switch {
	case !k.Deleted.IsZero():
		st.refusal = refused(c.AccessKeyID, "This access key was deleted at %s.", k.Deleted.Format(time.RFC3339))
	case !k.Paused.IsZero():
		st.refusal = refused(c.AccessKeyID, "This access key is paused since %s.", k.Paused.Format(time.RFC3339))
	case k.Expired:
		st.refusal = expired(c.AccessKeyID, k.Expires)
	}
	if k.Rotation != nil && c.Generation == k.Rotation.Outgoing.Generation {
		st.screamUntil = k.Rotation.ScreamUntil
	}
	return st
}

// unknownID is AWS's answer (S3 API Reference, "Error responses").
func unknownID(id coffer.AccessKeyID) error {
	return coffer.Errorf(coffer.InvalidAccessKeyID,
		"The AWS Access Key Id you provided does not exist in our records.").With("AWSAccessKeyId", string(id))
}
