// Package iam is the front for AWS's query APIs beside S3: of STS the calls that give
// an access key's temporary credentials and tell whose key signs. It turns forms into
// calls on keys and their results into STS's answers. What a temporary credential is
// and who may make one, it does not know.
package iam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"time"

	"coffer"
	"coffer/keys"
	"coffer/sigv4"
)

// Options are what the front is made of.
type Options struct {
	Keys *keys.Service
	// Regions are those that a signature may be for.
	Regions []string
	Now     func() time.Time
	Rand    io.Reader
	Logger  *slog.Logger
}

// Handler serves STS.
type Handler struct{ Options }

const (
	// bodyMax is the most bytes of a form: a policy, and what goes with it.
	bodyMax    = 64 << 10
	valuesMax  = 100
	stsVersion = "2011-06-15"
	formType   = "application/x-www-form-urlencoded"
)

// Serves tells whether a request to the S3 address is one for this front: a form, as
// no operation of S3 takes it.
func Serves(r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.EscapedPath() != "/" || r.URL.RawQuery != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == formType
}

// request is one request on its way through the front.
type request struct {
	*Handler
	r       *http.Request
	start   time.Time
	id      string
	values  url.Values
	action  string
	actor   coffer.Actor
	claimed coffer.AccessKeyID
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Handler: h, r: r, start: h.Now(), id: h.newRequestID()}
	status, body := http.StatusOK, any(nil)
	result, err := q.serve(w)
	if body = result; err != nil {
		status, body = q.refusal(err)
	}
	text, encodeErr := xml.Marshal(body)
	if encodeErr != nil { // no answer of this package can fail to encode
		status, text = http.StatusInternalServerError, nil
	}
	head := w.Header()
	head.Set("Server", "coffer")
	head.Set("x-amzn-RequestId", q.id)
	head.Set("Content-Type", "text/xml")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away needs no answer
	q.log(status, err)
}

func (q *request) log(status int, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("request_id", q.id), slog.String("api", q.operation()), slog.String("method", q.r.Method),
		slog.String("path", q.r.URL.EscapedPath()), slog.Int("status", status), slog.Duration("took", q.Now().Sub(q.start)),
		slog.String("remote", q.r.RemoteAddr), slog.String("user_agent", q.r.UserAgent())}
	if q.claimed != "" {
		attrs = append(attrs, slog.String("access_key_id", string(q.claimed)))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	q.Logger.LogAttrs(q.r.Context(), level, coffer.RequestLine, attrs...)
}

// operation is the call as evidence and logs name it. One that does not exist has no
// name: it is text of the client.
func (q *request) operation() string {
	if _, ok := actions[q.action]; ok {
		return "sts:" + q.action
	}
	return "sts:Unknown"
}

// serve proves who asks, and runs what is asked for. A panic is an answer too.
func (q *request) serve(w http.ResponseWriter) (answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			q.Logger.Error("panic", "request_id", q.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answer, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	body, err := io.ReadAll(http.MaxBytesReader(w, q.r.Body, bodyMax))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, coffer.Errorf(coffer.InvalidArgument, "the form has more than %d bytes", bodyMax)
		}
		return nil, coffer.Errorf(coffer.IncompleteBody, "the form is not whole")
	}
	if bytes.Count(body, []byte("&")) >= valuesMax {
		return nil, coffer.Errorf(coffer.InvalidArgument, "the form has more than %d parameters", valuesMax)
	}
	if q.values, err = url.ParseQuery(string(body)); err != nil {
		return nil, coffer.Errorf(coffer.InvalidArgument, "the body is no form: %.200s", err)
	}
	q.action = q.values.Get("Action")
	if err := q.authenticate(body); err != nil {
		return nil, err
	}
	run, ok := actions[q.action]
	if !ok {
		return nil, invalidAction(q.action, q.values.Get("Version"))
	}
	if err := q.check(run.parameters); err != nil {
		return nil, err
	}
	return run.do(q)
}

// check refuses what the action does not take, since it may be a restriction that
// somebody counts on, what is there twice, and what is there and empty: AWS's
// parameters have a length, and a role or a policy that got lost on its way is none.
func (q *request) check(parameters []string) error {
	known := map[string]bool{"Action": true, "Version": true}
	for _, name := range parameters {
		known[name] = true
	}
	for name, values := range q.values {
		switch {
		case len(values) > 1:
			return coffer.Errorf(coffer.InvalidArgument, "the parameter %.100q was sent more than once", name)
		case known[name] && values[0] == "":
			return coffer.Errorf(coffer.InvalidArgument, "the parameter %s is empty: leave it out, or give it a value", name)
		case !known[name]:
			return coffer.Errorf(coffer.InvalidArgument, "%s does not take the parameter %.100q here", q.action, name)
		}
	}
	if v := q.values.Get("Version"); v != stsVersion {
		return invalidAction(q.action, v)
	}
	return nil
}

// authenticate proves who asks by the Authorization header. No action runs before.
func (q *request) authenticate(body []byte) error {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	auth, err := sigv4.Parse(q.r, sigv4.Options{Now: q.start, Regions: q.Regions, Service: "sts", PayloadSHA256: hash})
	if err != nil {
		return err
	}
	switch {
	case auth.Kind == sigv4.Anonymous:
		return &coffer.Error{Code: coffer.SignInNeeded}
	case auth.Kind != sigv4.Header:
		return coffer.Errorf(coffer.AccessDenied, "sign the Authorization header: a signed URL is good for objects only")
	case auth.Payload != sigv4.PayloadHash:
		return coffer.Errorf(coffer.InvalidArgument, "x-amz-content-sha256 must be the SHA-256 of the body")
	}
	proof, err := q.Keys.Authenticate(q.r.Context(), auth, q.source())
	q.claimed = proof.Known
	switch {
	case err != nil:
		return err
	case auth.ContentSHA256 != hash:
		return coffer.Errorf(coffer.ContentSHA256Mismatch, "the body is not the one that was signed")
	case proof.Actor.Key == "":
		// The credential of a pre-signed URL is no key.
		return coffer.Errorf(coffer.AccessDenied, "this credential is for objects only")
	}
	err = proof.Admit(q.start, false, auth.Time)
	q.Keys.Used(proof.SigningKey, keys.Use{Time: q.start, Source: q.source(), UserAgent: q.r.UserAgent(), Operation: q.operation(),
		Region: auth.Credential.Region, Refused: err != nil})
	q.actor = proof.Actor
	q.actor.Caller = coffer.Caller{Account: q.actor.Account, Key: q.actor.Key, Name: string(q.actor.AccessKeyID),
		Source: q.source().String(), UserAgent: q.r.UserAgent(), RequestID: q.id}
	return err
}

// source is the address that the request came from; it is not valid for a socket
// that has none.
func (q *request) source() netip.Addr { return coffer.SourceOf(q.r.RemoteAddr) }

func (h *Handler) newRequestID() string {
	var b [10]byte
	if _, err := io.ReadFull(h.Rand, b[:]); err != nil {
		h.Logger.Error("no randomness for a request ID", "error", err)
	}
	return base32.StdEncoding.EncodeToString(b[:])
}

// ctx is that of the request, with its ID for the audit log.
func (q *request) ctx() context.Context { return coffer.WithRequestID(q.r.Context(), q.id) }
