package sigv4

import (
	"strconv"
	"strings"
	"time"
)

// claim is what a query says about signatures before any of it is read.
type claim int

const (
	claimNone claim = iota
	claimV2
	claimV4
)

// claimInQuery finds any trace of query authentication. One parameter of it is
// enough: a half-signed URL must fail, not fall back to anonymous access.
func claimInQuery(query []pair) claim {
	var v2Key, v2Signature, v2Expires bool
	for _, p := range query {
		switch {
		case p.is(queryAlgorithm), p.is(queryCredential), p.is(querySignature), p.is(headerDate),
			p.is(querySignedHeaders), p.is(queryExpires), p.is(headerSecurityToken):
			return claimV4
		case p.is("AWSAccessKeyId"):
			v2Key = true
		case p.is("Signature"):
			v2Signature = true
		case p.is("Expires"):
			v2Expires = true
		}
	}
	if v2Key || v2Signature && v2Expires {
		return claimV2
	}
	return claimNone
}

// parseQuery reads the X-Amz-* parameters of a pre-signed URL, as in
// "Authenticating Requests: Using Query Parameters".
func (a *Auth) parseQuery(opt Options) error {
	values := map[string]string{}
	for _, p := range a.query {
		if len(p.name) < len(amzPrefix) || !strings.EqualFold(p.name[:len(amzPrefix)], amzPrefix) {
			continue
		}
		name := strings.ToLower(p.name)
		if _, again := values[name]; again {
			return refuse(codeQueryParameters, "The query parameter %s must appear once.", clip(p.name, 64))
		}
		values[name] = decode(p.value)
	}
	a.inQuery = values
	get := func(name string) string { return values[strings.ToLower(name)] }
	for _, name := range [...]string{
		queryAlgorithm, queryCredential, querySignature, headerDate, querySignedHeaders, queryExpires,
	} {
		if get(name) == "" {
			return refuse(codeQueryParameters, messageQueryParametersNeeded)
		}
	}
	switch get(queryAlgorithm) {
	case algorithm:
	case algorithmV4A:
		return refuse(codeInvalidRequest, messageSigV4A)
	default:
		return refuse(codeQueryParameters, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	if !a.setTime(get(headerDate)) {
		return refuse(codeQueryParameters, `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if err := a.setCredential(get(queryCredential), opt); err != nil {
		return err
	}
	if reason := a.setSignedHeaders(get(querySignedHeaders)); reason != "" {
		return refuse(codeQueryParameters, "X-Amz-SignedHeaders is malformed; %s", reason)
	}
	a.signature = get(querySignature)
	if err := a.setExpires(get(queryExpires), opt.Now); err != nil {
		return err
	}
	token, inQuery := values[strings.ToLower(headerSecurityToken)]
	if err := a.setQueryToken(token, inQuery); err != nil {
		return err
	}
	hash, inQuery := values[contentSHA256Name]
	return a.setQueryPayload(hash, inQuery, opt)
}

// setExpires checks how long the URL is good for, and whether it is now.
func (a *Auth) setExpires(text string, now time.Time) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	switch {
	case strings.HasPrefix(text, "-") && isDigits(text[1:]):
		return refuse(codeQueryParameters, "X-Amz-Expires must be non-negative")
	case !isDigits(text):
		return refuse(codeQueryParameters, "X-Amz-Expires should be a number")
	case err != nil || seconds > expiresMax:
		return refuse(codeQueryParameters, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", expiresMax)
	case seconds == 0:
		return refuse(codeQueryParameters, "X-Amz-Expires must be at least 1 second")
	}
	a.Expires = time.Duration(seconds) * time.Second
	if a.Time.Sub(now) > skewMax {
		return refuse(codeAccessDenied, "Request is not valid yet").
			with("X-Amz-Date", a.date).
			with("ServerTime", now.UTC().Format(xmlTimeFormat))
	}
	if end := a.Time.Add(a.Expires); !now.Before(end) {
		return refuse(codeAccessDenied, "Request has expired").
			with("X-Amz-Expires", text).
			with("Expires", end.UTC().Format(xmlTimeFormat)).
			with("ServerTime", now.UTC().Format(xmlTimeFormat))
	}
	return nil
}

// setQueryToken takes the session token from the URL, or from a header, which
// must then be signed as every other.
func (a *Auth) setQueryToken(token string, inQuery bool) error {
	values, inHeader := a.req.Header[headerSecurityToken]
	if inQuery && inHeader {
		return refuse(codeQueryParameters, "X-Amz-Security-Token must be in the query or in a header, not in both.")
	}
	if inHeader {
		token = values[0]
	}
	a.SessionToken, a.HasSessionToken = token, inQuery || inHeader
	return nil
}

// setQueryPayload finds out what was signed about the body. That is
// UNSIGNED-PAYLOAD, unless the URL or a signed header says otherwise. A hash in
// an unsigned header binds the body all the same, as nobody is served by
// storing other bytes; an unsigned streaming value would choose another reader
// for the body, so it is refused.
func (a *Auth) setQueryPayload(hash string, inQuery bool, opt Options) (err error) {
	values, inHeader := a.req.Header[headerContentSHA256]
	if a.payloadText = unsignedPayload; opt.PayloadSHA256 != "" {
		a.payloadText, a.ContentSHA256 = opt.PayloadSHA256, opt.PayloadSHA256
	}
	if inQuery {
		a.payloadText, a.ContentSHA256 = hash, hash
	}
	if inHeader {
		a.ContentSHA256 = values[0]
		if a.signs(headerContentSHA256) {
			if inQuery && hash != values[0] {
				return refuse(codeQueryParameters, "X-Amz-Content-Sha256 in the query is not the value of the header.")
			}
			a.payloadText = values[0]
		}
	}
	if a.Payload, err = payloadOf(a.payloadText); err != nil {
		return err
	}
	if !inHeader || values[0] == a.payloadText {
		return a.checkAllSigned()
	}
	also, err := payloadOf(values[0])
	switch {
	case err != nil:
		return err
	case also.Streaming():
		// AWS names the others first: what this one says is part of the signature there.
		if err := a.checkAllSigned(); err != nil {
			return err
		}
		return refuse(codeAccessDenied, messageHeadersNotSigned).with("HeadersNotSigned", contentSHA256Name)
	case a.Payload == PayloadUnsigned:
		a.Payload = also
	case also == PayloadHash:
		return refuse(codeInvalidRequest, "The header x-amz-content-sha256 is not the value that the URL was signed for.")
	default:
		a.ContentSHA256 = a.payloadText // UNSIGNED-PAYLOAD takes nothing away from what was signed
	}
	return a.checkAllSigned()
}
