package keys

import (
	"context"
	"net/netip"

	"coffer"
	"coffer/sigv4"
)

const (
	// Wrong signatures that one source may send for one access key, and for all
	// unknown ones together. A secret that coffer made cannot be guessed at all; one
	// that was imported may be short.
	wrongBurst     = 3000
	wrongPerSecond = 100
)

// attempt is whose wrong signatures are counted together, over all fronts.
type attempt struct {
	source string
	id     coffer.AccessKeyID // "" is all that are unknown
}

func attemptOf(source netip.Addr, id coffer.AccessKeyID) attempt {
	return attempt{coffer.SourceNetwork(source), id}
}

// tooMany is the answer to who was wrong too often.
func tooMany() error {
	return coffer.Errorf(coffer.SlowDown, "Please reduce your request rate: too many requests from this address had a wrong signature.")
}

// Proof is who signed a request, by a signature that was checked.
type Proof struct {
	// Known is the Access Key ID that the request names, once it is sure that there
	// is one: an ID that nobody has may be a secret in the wrong place, and belongs
	// in no log. It is set where the signature is wrong, too.
	Known coffer.AccessKeyID
	Actor coffer.Actor
	SigningKey
}

// Authenticate proves the claim of a request, which came from source: it finds the
// signing keys that may have been used and checks the signature with each. Whether
// the one that fits may still sign, Admit says: only who has the right secret is
// told why not. The errors are those of Signer, SignatureDoesNotMatch of package
// sigv4, and SlowDown for a source that was wrong too often.
func (s *Service) Authenticate(ctx context.Context, auth *sigv4.Auth, source netip.Addr) (Proof, error) {
	c := auth.Credential
	id, now := coffer.AccessKeyID(c.AccessKeyID), s.now()
	signer, err := s.claimed(ctx, id, auth)
	if err != nil {
		if coffer.CodeOf(err) != coffer.Internal && !s.attempts.take(now, attemptOf(source, "")) {
			err = tooMany()
		}
		return Proof{}, err
	}
	p := Proof{Known: id, Actor: signer.Actor}
	if !s.attempts.may(now, attemptOf(source, id)) {
		return p, tooMany()
	}
	if len(signer.Keys) == 0 {
		err = unknownID(id)
	}
	for _, k := range signer.Keys {
		if err = auth.Verify(k.Key); err != nil {
			continue
		}
		p.SigningKey, p.Actor.Generation = k, k.Credential.Generation
		if auth.HasSessionToken && signer.Actor.Session == nil {
			err = &coffer.Error{Code: coffer.InvalidToken} // a long-lived key has none
		}
		return p, err
	}
	s.attempts.take(now, attemptOf(source, id))
	return p, err
}

// claimed returns who may have signed a request: a session if it bears a token and
// the ID of one, or else a key.
func (s *Service) claimed(ctx context.Context, id coffer.AccessKeyID, auth *sigv4.Auth) (Signer, error) {
	c := auth.Credential
	if auth.HasSessionToken && id.Temporary() {
		return s.SessionSigner(ctx, id, auth.SessionToken, c.Date, c.Region, c.Service)
	}
	return s.Signer(ctx, id, c.Date, c.Region, c.Service)
}
