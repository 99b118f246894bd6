// Package sigv4 signs and verifies AWS Signature Version 4 as S3 uses it: the
// Authorization header, pre-signed URLs, browser POST forms, and bodies framed
// as aws-chunked with or without signatures and trailers. It knows nothing of
// keys, accounts, buckets or statuses: the caller finds the signing key for the
// credential that Parse reports, and maps the codes of Error to its answers.
package sigv4

import (
	"net/http"
	"time"
)

// Kind says where a request carries its signature.
type Kind int

// The kinds. A request without any trace of a signature is Anonymous; one with
// only a part of a signature is an error, never Anonymous.
const (
	Anonymous Kind = iota
	Header         // the Authorization header
	Query          // a pre-signed URL
	Form           // the fields of a browser's POST
)

// String names the kind for logs.
func (k Kind) String() string {
	switch k {
	case Header:
		return "header"
	case Query:
		return "query"
	case Form:
		return "form"
	}
	return "anonymous"
}

// Payload says how the body is protected.
type Payload int

// The payload kinds, named for the values of x-amz-content-sha256.
const (
	PayloadUnsigned              Payload = iota // UNSIGNED-PAYLOAD, or nothing said
	PayloadHash                                 // the hex SHA-256 of the body
	PayloadSignedChunks                         // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	PayloadSignedChunksTrailer                  // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	PayloadUnsignedChunksTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

// Streaming reports whether the body is framed as aws-chunked.
func (p Payload) Streaming() bool { return p >= PayloadSignedChunks }

// Trailing reports whether trailers follow the last chunk.
func (p Payload) Trailing() bool {
	return p == PayloadSignedChunksTrailer || p == PayloadUnsignedChunksTrailer
}

// signed reports whether every chunk bears a signature.
func (p Payload) signed() bool {
	return p == PayloadSignedChunks || p == PayloadSignedChunksTrailer
}

// Credential is the credential scope: whose key signed, and what that signing
// key is bound to.
type Credential struct {
	AccessKeyID string
	Date        string // yyyymmdd, UTC
	Region      string
	Service     string
}

// Options are what Parse and ParseForm hold a request against.
type Options struct {
	Now     time.Time
	Regions []string // accepted in the scope, the first is named in refusals; empty accepts any
	Service string   // "s3"; the only service accepted in the scope

	// PayloadSHA256 is the hex SHA-256 of a body that the caller has read already.
	// It stands in for a missing x-amz-content-sha256, which clients of IAM and
	// STS do not send. Empty makes that header required, as S3 does.
	PayloadSHA256 string
}

// Auth is what a request claims about itself. Nothing in it is proved before
// Verify has returned nil.
type Auth struct {
	Kind          Kind
	Credential    Credential
	SignedHeaders []string      // lower case, as sent
	Time          time.Time     // of signing, to the second
	Expires       time.Duration // how long a pre-signed URL is valid after Time; zero for other kinds
	Payload       Payload
	ContentSHA256 string // x-amz-content-sha256 as sent, empty when absent

	SessionToken    string
	HasSessionToken bool // a token was sent, were it an empty one

	req           *http.Request // nil for Form
	query         []pair
	inQuery       map[string]string // Query: the x-amz-* parameters, by their names in lower case
	scope         string            // date/region/service/aws4_request
	date          string            // Time as it stands in the string to sign
	signature     string            // as sent
	signedList    string            // SignedHeaders as sent
	sortedHeaders []string          // SignedHeaders sorted, if they were sent in another order
	payloadText   string            // the last line of the canonical request
	policy        string            // Form: base64 as sent
	decodedLength int64             // Streaming: x-amz-decoded-content-length
	trailers      []string
}

// String describes the claim for logs, without signature or token.
func (a *Auth) String() string {
	if a.Kind == Anonymous {
		return "sigv4: anonymous"
	}
	return "sigv4: " + a.Kind.String() + " " + a.Credential.AccessKeyID + " " + a.scope
}

const (
	algorithm      = "AWS4-HMAC-SHA256"
	algorithmV4A   = "AWS4-ECDSA-P256-SHA256"
	terminal       = "aws4_request"
	isoFormat      = "20060102T150405Z"
	xmlTimeFormat  = "2006-01-02T15:04:05Z"
	skewMax        = 15 * time.Minute
	expiresMax     = 7 * 24 * 60 * 60 // seconds
	authHeaderMax  = 8 << 10
	emptySHA256    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signatureChars = 64

	unsignedPayload              = "UNSIGNED-PAYLOAD"
	streamingSigned              = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer       = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer     = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingSignedV4A           = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	streamingSignedV4ATrailer    = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
	chunkAlgorithm               = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm             = "AWS4-HMAC-SHA256-TRAILER"
	trailerSignatureName         = "x-amz-trailer-signature"
	contentSHA256Name            = "x-amz-content-sha256"
	headerContentSHA256          = "X-Amz-Content-Sha256"
	headerDate                   = "X-Amz-Date"
	headerSecurityToken          = "X-Amz-Security-Token"
	headerDecodedContentLength   = "X-Amz-Decoded-Content-Length"
	headerTrailer                = "X-Amz-Trailer"
	queryAlgorithm               = "X-Amz-Algorithm"
	queryCredential              = "X-Amz-Credential"
	queryExpires                 = "X-Amz-Expires"
	querySignedHeaders           = "X-Amz-SignedHeaders"
	querySignature               = "X-Amz-Signature"
	amzPrefix                    = "x-amz-"
	messageNotMatch              = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	messageHeadersNotSigned      = "There were headers present in the request which were not signed"
	messageSigV2                 = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. This request was signed with Signature Version 2: set the region to `auto` or the signature version to `s3v4` (in boto3: Config(signature_version='s3v4'))."
	messageSigV4A                = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. This request was signed with Signature Version 4A (AWS4-ECDSA-P256-SHA256), for multi-region access points, which do not exist here."
	messageOneMechanism          = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	messageQueryParametersNeeded = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	messageDateNeeded            = "AWS authentication requires a valid Date or x-amz-date header"
)
