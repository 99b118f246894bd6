package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// payloadOf reads a value of x-amz-content-sha256.
func payloadOf(value string) (Payload, error) {
	switch value {
	case unsignedPayload:
		return PayloadUnsigned, nil
	case streamingSigned:
		return PayloadSignedChunks, nil
	case streamingSignedTrailer:
		return PayloadSignedChunksTrailer, nil
	case streamingUnsignedTrailer:
		return PayloadUnsignedChunksTrailer, nil
	case streamingSignedV4A, streamingSignedV4ATrailer:
		return 0, refuse(codeInvalidRequest, messageSigV4A)
	}
	if isLowerHex64(value) {
		return PayloadHash, nil
	}
	return 0, refuse(codeInvalidArgument, "x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.",
		unsignedPayload, streamingUnsignedTrailer, streamingSigned, streamingSignedTrailer).
		with("ArgumentName", contentSHA256Name).with("ArgumentValue", clip(value, 128))
}

// isLowerHex64 reports whether s is a SHA-256 or a signature as AWS writes them.
func isLowerHex64(s string) bool {
	if len(s) != signatureChars {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) || 'A' <= s[i] && s[i] <= 'F' {
			return false
		}
	}
	return true
}

// parseStream reads the headers that describe an aws-chunked body. Announcing
// trailers that cannot come is refused: a checksum promised there would be
// dropped in silence.
func (a *Auth) parseStream(h http.Header) error {
	announced := h[headerTrailer]
	if !a.Payload.Trailing() && len(announced) > 0 {
		return refuse(codeInvalidRequest, "x-amz-trailer needs an x-amz-content-sha256 that ends in -TRAILER.")
	}
	if !a.Payload.Streaming() {
		return nil
	}
	length := h.Get(headerDecodedContentLength)
	if length == "" {
		return refuse(codeMissingLength, "You must provide the Content-Length HTTP header. An aws-chunked body needs x-amz-decoded-content-length.")
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || !isDigits(length) {
		return refuse(codeInvalidArgument, "x-amz-decoded-content-length must be a number of bytes.").
			with("ArgumentName", "x-amz-decoded-content-length").with("ArgumentValue", clip(length, 64))
	}
	a.decodedLength = n
	if !a.Payload.Trailing() {
		return nil
	}
	for _, line := range announced {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !isToken(name) || name == trailerSignatureName || slices.Contains(a.trailers, name) || len(a.trailers) == trailersMax {
				return malformedTrailer()
			}
			a.trailers = append(a.trailers, name)
		}
	}
	return nil // without the header no trailer may come, and none is missed
}

func malformedTrailer() *Error {
	return refuse(codeBadTrailer, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
