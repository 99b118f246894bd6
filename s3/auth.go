package s3

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"coffer"
	"coffer/keys"
	"coffer/sigv4"
)

// body is what a request carries: its bytes as the client meant them, verified
// to the last by the time the reader says io.EOF.
type body struct {
	io.Reader
	size    int64 // -1 if it is not known
	trailer func() http.Header
}

// authenticate proves who asks. It is the only place that makes an actor, and no
// handler runs before it.
func (q *request) authenticate() error {
	auth, err := sigv4.Parse(q.sent, sigv4.Options{Now: q.Now(), Regions: q.Regions, Service: "s3"})
	if err != nil {
		return q.minioAdmin(err)
	}
	if auth.Payload.Streaming() && !q.op.data {
		return coffer.Errorf(coffer.InvalidRequest, "%s does not take a body with x-amz-content-sha256: %s.",
			q.op.name, auth.ContentSHA256)
	}
	if err := nobody(q.r, auth, q.op); err != nil {
		return err
	}
	if err := q.coversBody(auth); err != nil {
		return err
	}
	q.signature.kind, q.signature.time = auth.Kind, auth.Time
	var key sigv4.Key
	if auth.Kind != sigv4.Anonymous {
		if key, err = q.verify(auth); err != nil {
			return err
		}
	}
	if err := q.limit(); err != nil {
		return err
	}
	b := auth.Body(q.r.Body, q.r.ContentLength, key)
	q.body = body{Reader: b, size: b.Size(), trailer: b.Trailer}
	q.session = q.Objects.As(q.actor)
	// Only who signed may say so: with a link that was handed out, anybody could keep
	// what they write from being replicated.
	if q.r.Header.Get(coffer.ReplicaHeader) != "" && slices.Contains(auth.SignedHeaders, strings.ToLower(coffer.ReplicaHeader)) {
		q.session = q.session.AsReplica()
	}
	return nil
}

// minioAdmin tells a client of MinIO's admin API that there is none. Such a client
// signs for no region, and is refused for that, which says nothing of why.
func (q *request) minioAdmin(err error) error {
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok || q.named != "minio" || !strings.HasPrefix(q.key, "admin/") {
		return err
	}
	told := *e
	told.Message += ". This looks like MinIO's admin API, which is not here: coffer help tells the commands that are."
	return &told
}

// coversBody refuses a body that its signature says nothing about, where the operator
// wants that. A pre-signed URL was made by who trusts its bearer with the body.
func (q *request) coversBody(auth *sigv4.Auth) error {
	if !q.SignedPayloadsOverHTTP || q.r.TLS != nil || auth.Kind != sigv4.Header || q.r.ContentLength == 0 {
		return nil
	}
	if auth.Payload != sigv4.PayloadUnsigned && auth.Payload != sigv4.PayloadUnsignedChunksTrailer {
		return nil
	}
	return coffer.Errorf(coffer.InvalidRequest, "A body over plain HTTP must be signed here: x-amz-content-sha256 is %s. Use HTTPS, or sign the payload.", auth.ContentSHA256)
}

// verify proves who signed, and asks whether they may still do so. A form is handed
// out as a link is.
func (q *request) verify(auth *sigv4.Auth) (sigv4.Key, error) {
	proof, err := q.Keys.Authenticate(q.ctx, auth, q.source())
	q.claimed = proof.Known
	if err != nil {
		if coffer.CodeOf(err) == coffer.SlowDown && q.Metrics != nil {
			q.Metrics.Limited("signature")
		}
		return proof.Key, err
	}
	err = proof.Admit(q.start, auth.Kind != sigv4.Header, auth.Time)
	q.Keys.Used(proof.SigningKey, keys.Use{Time: q.start, Source: q.source(), UserAgent: q.r.UserAgent(), Operation: q.op.name,
		Bucket: q.named, Region: auth.Credential.Region, Refused: err != nil})
	if err != nil {
		return proof.Key, err
	}
	q.actor, q.region = proof.Actor, auth.Credential.Region
	q.actor.Caller = coffer.Caller{Account: q.actor.Account, Key: q.actor.Key, Name: string(q.actor.AccessKeyID),
		Source: q.source().String(), UserAgent: q.r.UserAgent(), RequestID: q.id}
	return proof.Key, nil
}

// source is the address that the request came from; it is not valid for a socket
// that has none.
func (q *request) source() netip.Addr { return coffer.SourceOf(q.r.RemoteAddr) }
