package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"coffer"
	"coffer/keys"
	"coffer/sigv4"
)

// The services of the credential scope that a request may be signed for. The
// first is what Client uses: a signature for it is good for nothing else. The
// second is what tools sign with that know S3 only.
var services = [...]string{"coffer", "s3"}

// authenticate finds out who sends a request to the console's address: an access
// key, by the signature in the Authorization header, or a member, by the session
// of the console.
func (h *handler) authenticate(q *request) (coffer.Caller, error) {
	sum := sha256.Sum256(q.body)
	hash := hex.EncodeToString(sum[:])
	auth, err := h.parse(q, hash)
	if err != nil {
		return coffer.Caller{}, err
	}
	switch auth.Kind {
	case sigv4.Anonymous:
		return h.session(q)
	case sigv4.Header:
	default:
		return coffer.Caller{}, coffer.Errorf(coffer.AccessDenied, "a URL that was signed is good for objects only: sign the Authorization header")
	}
	if auth.Payload != sigv4.PayloadHash {
		return coffer.Caller{}, coffer.Errorf(coffer.InvalidRequest, "x-amz-content-sha256 must be the SHA-256 of the body")
	}
	return h.verify(q, auth, hash)
}

// parse reads what a request claims, for the service that it says it was signed
// for: which of the two that is, the signature covers.
func (h *handler) parse(q *request, hash string) (*sigv4.Auth, error) {
	opt := sigv4.Options{Now: h.Now(), Service: services[0], PayloadSHA256: hash}
	if strings.Contains(q.r.Header.Get("Authorization"), "/"+services[1]+"/aws4_request") {
		opt.Service = services[1]
	}
	return sigv4.Parse(q.r, opt)
}

// verify proves who signed, and asks whether they may still do so.
func (h *handler) verify(q *request, auth *sigv4.Auth, hash string) (coffer.Caller, error) {
	proof, err := h.Keys.Authenticate(q.ctx(), auth, q.source())
	q.claimed = proof.Known
	switch {
	case err != nil:
		return coffer.Caller{}, err
	case auth.ContentSHA256 != hash:
		return coffer.Caller{}, coffer.Errorf(coffer.ContentSHA256Mismatch, "the body is not the one that was signed")
	case proof.Actor.Key == "":
		// The credential of a pre-signed URL is no key.
		return coffer.Caller{}, coffer.Errorf(coffer.AccessDenied, "this credential is for objects only")
	}
	now := h.Now()
	refused := proof.Admit(now, false, auth.Time)
	if refused == nil && proof.Actor.Session != nil {
		refused = coffer.Errorf(coffer.AccessDenied, "a temporary credential is for objects only: use the access key that it was made from")
	}
	h.Keys.Used(proof.SigningKey, keys.Use{Time: now, Source: q.source(), UserAgent: q.r.UserAgent(), Operation: "api:" + q.route.id,
		Region: auth.Credential.Region, Refused: refused != nil})
	if refused != nil {
		return coffer.Caller{}, refused
	}
	return h.keyCaller(q, proof.Actor)
}

// keyCaller is a key that signed a request. The audit log knows it by its name.
func (h *handler) keyCaller(q *request, actor coffer.Actor) (coffer.Caller, error) {
	caller := coffer.Caller{Account: actor.Account, Key: actor.Key, Name: string(actor.AccessKeyID), UserAgent: q.r.UserAgent()}
	if source := q.source(); source.IsValid() {
		caller.Source = source.String()
	}
	key, err := h.Keys.As(caller).Get(q.ctx(), string(actor.Key))
	if err != nil {
		return coffer.Caller{}, err
	}
	if key.Name != "" {
		caller.Name = key.Name
	}
	return caller, nil
}

// session is the member whose browser sends the request. Pages of other sites
// cannot use that session: browsers say where a request comes from.
func (h *handler) session(q *request) (coffer.Caller, error) {
	if h.Session != nil {
		caller, ok, err := h.Session(q.r)
		if err != nil {
			return coffer.Caller{}, err
		}
		if ok && caller.Role == "" {
			return coffer.Caller{}, coffer.Errorf(coffer.AccessDenied, "this session is not whole: add a second factor in the console first")
		}
		if ok {
			if err := h.guard.Check(q.r); err != nil {
				return coffer.Caller{}, coffer.Errorf(coffer.AccessDenied, "this call came from a page of another site, which is not allowed")
			}
			return caller, nil
		}
	}
	return coffer.Caller{}, coffer.Errorf(coffer.SignInNeeded,
		"sign the request with an access key (AWS Signature Version 4, service coffer), or sign in to the console")
}

// source is the address that the request came from; it is not valid for a socket
// that has none.
func (q *request) source() netip.Addr { return coffer.SourceOf(q.r.RemoteAddr) }
