package sigv4

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Error is a refusal in AWS's words. Its text (Error) holds code and message
// only; Fields may hold what only the caller of the request may see, such as
// the canonical request, so they belong in the answer and never in a log.
type Error struct {
	Code    string  // AWS's code, "SignatureDoesNotMatch"
	Message string  // for people
	Fields  []Field // further elements of AWS's error XML, in order

	cause error
}

// Field is one further element of an error's XML.
type Field struct{ Name, Value string }

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the error of the reader below, when that is what ended a body.
func (e *Error) Unwrap() error { return e.cause }

// Field returns the value of the field of that name, or "".
func (e *Error) Field(name string) string {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// The codes this package answers with, as in "Error responses" of the Amazon
// S3 API reference.
const (
	codeAccessDenied    = "AccessDenied"
	codeBadChunkSize    = "InvalidChunkSizeError"
	codeBadSHA256       = "XAmzContentSHA256Mismatch"
	codeBadTrailer      = "MalformedTrailerError"
	codeHeaderMalformed = "AuthorizationHeaderMalformed"
	codeIncompleteBody  = "IncompleteBody"
	codeInvalidArgument = "InvalidArgument"
	codeInvalidRequest  = "InvalidRequest"
	codeMissingLength   = "MissingContentLength"
	codeNotMatch        = "SignatureDoesNotMatch"
	codeQueryParameters = "AuthorizationQueryParametersError"
	codeSkewed          = "RequestTimeTooSkewed"
)

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) with(name, value string) *Error {
	e.Fields = append(e.Fields, Field{name, value})
	return e
}

// malformed is a credential that cannot be read, in the code that AWS has for
// the place it stood in.
func (k Kind) malformed(format string, args ...any) *Error {
	reason := fmt.Sprintf(format, args...)
	switch k {
	case Query:
		return refuse(codeQueryParameters, "Error parsing the X-Amz-Credential parameter; %s", reason)
	case Form:
		return refuse(codeInvalidArgument, "Error parsing the x-amz-credential field; %s", reason)
	}
	return refuse(codeHeaderMalformed, "The authorization header is malformed; %s", reason)
}

// mismatch is built only when a signature is wrong: the texts in it are what a
// client's author compares with his own. canonical is nil where there is none.
func mismatch(accessKeyID, signature string, text, canonical []byte) *Error {
	e := refuse(codeNotMatch, "%s", messageNotMatch).
		with("AWSAccessKeyId", accessKeyID).
		with("StringToSign", string(text)).
		with("SignatureProvided", clip(signature, 128)).
		with("StringToSignBytes", spaced(text))
	if canonical != nil {
		e.with("CanonicalRequest", string(canonical)).with("CanonicalRequestBytes", spaced(canonical))
	}
	return e
}

// spaced writes bytes as AWS does: two hex digits each, spaces between.
func spaced(text []byte) string {
	var b strings.Builder
	b.Grow(3 * len(text))
	for i := range text {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(hex.EncodeToString(text[i : i+1]))
	}
	return b.String()
}

// clip bounds what of a request is repeated in an answer.
func clip(s string, size int) string {
	if len(s) <= size {
		return s
	}
	return s[:size] + "..."
}
