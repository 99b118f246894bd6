package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Parse reads what r claims: who signed it, when, and how its body is
// protected. It refuses, with an *Error, whatever can be refused without a key.
// The answer keeps r, for Verify.
//
// Every x-amz-* header that arrived must be signed, whatever it means, because
// an unsigned one is an instruction that the signer never gave. Headers that
// net/http puts in r.Trailer are not looked at: they are never to be used.
func Parse(r *http.Request, opt Options) (*Auth, error) {
	if err := checkSingle(r.Header); err != nil {
		return nil, err
	}
	a := &Auth{req: r, query: parseQuery(r.URL.RawQuery)}
	authorization, hasHeader := r.Header["Authorization"]
	claim := claimInQuery(a.query)
	switch {
	case hasHeader && claim != claimNone:
		return nil, refuse(codeInvalidArgument, messageOneMechanism).with("ArgumentName", "Authorization")
	case claim == claimV2:
		return nil, refuse(codeInvalidRequest, messageSigV2)
	case hasHeader:
		a.Kind = Header
		if err := a.parseHeader(authorization[0], opt); err != nil {
			return nil, err
		}
	case claim == claimV4:
		a.Kind = Query
		if err := a.parseQuery(opt); err != nil {
			return nil, err
		}
	default:
		if err := a.parseAnonymous(); err != nil {
			return nil, err
		}
	}
	if err := a.parseStream(r.Header); err != nil {
		return nil, err
	}
	return a, nil
}

// checkSingle refuses a second value where two readers could each choose
// another one.
func checkSingle(h http.Header) error {
	for _, name := range [...]string{
		"Authorization", headerDate, headerContentSHA256, headerSecurityToken, headerDecodedContentLength,
	} {
		if len(h[name]) > 1 {
			return refuse(codeInvalidRequest, "The header %s must appear once.", name)
		}
	}
	return nil
}

// parseHeader reads the Authorization header and what goes with it.
func (a *Auth) parseHeader(authorization string, opt Options) error {
	parts, err := splitAuthorization(authorization)
	if err != nil {
		return err
	}
	if err := a.parseDate(); err != nil {
		return err
	}
	if err := a.setCredential(parts.credential, opt); err != nil {
		return err
	}
	if reason := a.setSignedHeaders(parts.signedHeaders); reason != "" {
		return a.Kind.malformed("%s", reason)
	}
	a.signature = parts.signature
	if tokens, ok := a.req.Header[headerSecurityToken]; ok {
		a.SessionToken, a.HasSessionToken = tokens[0], true
	}
	if a.ContentSHA256 = a.req.Header.Get(headerContentSHA256); a.ContentSHA256 == "" {
		if a.ContentSHA256 = opt.PayloadSHA256; a.ContentSHA256 == "" {
			return refuse(codeInvalidRequest, "Missing required header for this request: x-amz-content-sha256. It is the SHA-256 of the body in hexadecimal, or UNSIGNED-PAYLOAD.")
		}
	}
	a.payloadText = a.ContentSHA256
	if a.Payload, err = payloadOf(a.ContentSHA256); err != nil {
		return err
	}
	if err := a.checkAllSigned(); err != nil {
		return err
	}
	if a.Time.Sub(opt.Now).Abs() > skewMax {
		return refuse(codeSkewed, "The difference between the request time and the current time is too large.").
			with("RequestTime", a.date).
			with("ServerTime", opt.Now.UTC().Format(xmlTimeFormat)).
			with("MaxAllowedSkewMilliseconds", "900000")
	}
	return nil
}

// authorization holds the three parts of an Authorization header.
type authorization struct{ credential, signedHeaders, signature string }

// splitAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…", the parts in any order, with or without spaces between them.
// Its refusals do not repeat the value: it may be another scheme's secret.
func splitAuthorization(value string) (authorization, error) {
	var parts authorization
	if len(value) > authHeaderMax {
		return parts, Header.malformed("it is longer than %d bytes.", authHeaderMax)
	}
	scheme, rest, spaced := strings.Cut(strings.TrimSpace(value), " ")
	switch scheme {
	case algorithm:
	case "AWS":
		return parts, refuse(codeInvalidRequest, messageSigV2)
	case algorithmV4A:
		return parts, refuse(codeInvalidRequest, messageSigV4A)
	default:
		message := "Unsupported Authorization Type: requests are signed with " + algorithm
		if !spaced {
			message = "Authorization header is invalid -- one and only one ' ' (space) required"
		}
		return parts, refuse(codeInvalidArgument, "%s", message).with("ArgumentName", "Authorization")
	}
	components := strings.Split(strings.TrimSuffix(rest, ","), ",")
	if len(components) != 3 {
		return parts, Header.malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	for _, component := range components {
		name, text, ok := strings.Cut(strings.TrimSpace(component), "=")
		if !ok {
			return parts, Header.malformed(`the authorization component "%s" is malformed.`, clip(name, 32))
		}
		// One of another name, or there twice, leaves one of the three out.
		switch name {
		case "Credential":
			parts.credential = text
		case "SignedHeaders":
			parts.signedHeaders = text
		case "Signature":
			parts.signature = text
		}
	}
	switch {
	case parts.credential == "":
		return parts, Header.malformed("missing Credential.")
	case parts.signedHeaders == "":
		return parts, Header.malformed("missing SignedHeaders.")
	case parts.signature == "":
		return parts, Header.malformed("missing Signature.")
	}
	return parts, nil
}

// parseDate takes the time of signing from x-amz-date, or from Date where that
// is not sent. The time is signed either way: it stands in the string to sign.
func (a *Auth) parseDate() error {
	if values, ok := a.req.Header[headerDate]; ok {
		if a.setTime(values[0]) {
			return nil
		}
		return refuse(codeAccessDenied, messageDateNeeded)
	}
	values := a.req.Header["Date"]
	if len(values) != 1 {
		return refuse(codeAccessDenied, messageDateNeeded)
	}
	if a.setTime(values[0]) {
		return nil
	}
	t, err := http.ParseTime(values[0])
	if err != nil {
		if t, err = time.Parse(time.RFC1123Z, values[0]); err != nil {
			return refuse(codeAccessDenied, messageDateNeeded)
		}
	}
	text := t.UTC().Format(isoFormat)
	if !a.setTime(text) { // a year of five digits
		return refuse(codeAccessDenied, messageDateNeeded)
	}
	return nil
}

// checkAllSigned refuses a request whose host or any of whose x-amz-* headers
// the signature does not cover. The payload hash may be left out: it is the
// last line of the canonical request anyway, or is checked by itself.
func (a *Auth) checkAllSigned() error {
	var missing []string
	if !slices.Contains(a.SignedHeaders, "host") {
		missing = append(missing, "host")
	}
	for name := range a.req.Header {
		if len(name) < len(amzPrefix) || !strings.EqualFold(name[:len(amzPrefix)], amzPrefix) {
			continue
		}
		if name == headerContentSHA256 {
			continue
		}
		if !a.signs(name) {
			missing = append(missing, strings.ToLower(name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return refuse(codeAccessDenied, messageHeadersNotSigned).with("HeadersNotSigned", strings.Join(missing, ", "))
}

func (a *Auth) signs(name string) bool {
	for _, signed := range a.SignedHeaders {
		if len(signed) == len(name) && strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

// parseAnonymous reads what a request without a signature may still say about
// its body.
func (a *Auth) parseAnonymous() (err error) {
	if a.ContentSHA256 = a.req.Header.Get(headerContentSHA256); a.ContentSHA256 == "" {
		return nil
	}
	if a.Payload, err = payloadOf(a.ContentSHA256); err != nil {
		return err
	}
	if a.Payload.signed() {
		return refuse(codeInvalidRequest, "x-amz-content-sha256 announces signed chunks, but the request is not signed.")
	}
	return nil
}
