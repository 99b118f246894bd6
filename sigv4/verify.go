package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Verify proves the claim: it returns nil when the signature was made with key,
// and otherwise an *Error of code SignatureDoesNotMatch that tells what was
// signed here. The request given to Parse must not have changed since. An
// anonymous claim never verifies.
//
// A Host header that names a default port (:80, :443) is tried without it too:
// clients sign the bare name, and some proxies add the port. Neither the port
// nor its absence chooses anything, so that both are signed as one is harmless.
func (a *Auth) Verify(key Key) error {
	mac := key.mac()
	var scratch [signatureChars]byte
	matches := func(text []byte) bool {
		return hmac.Equal(mac.appendHex(scratch[:0], text), []byte(a.signature))
	}
	if a.Kind == Form {
		if text := []byte(a.policy); !matches(text) {
			return mismatch(a.Credential.AccessKeyID, a.signature, text, nil)
		}
		return nil
	}
	if a.Kind != Header && a.Kind != Query {
		return refuse(codeAccessDenied, "Access Denied: the request is not signed")
	}
	canonical := a.canonical(a.req.Host)
	text := a.stringToSign(canonical)
	if matches(text) {
		return nil
	}
	if a.sortedHeaders != nil {
		sorted := *a
		sorted.SignedHeaders, sorted.signedList = a.sortedHeaders, strings.Join(a.sortedHeaders, ";")
		if matches(sorted.stringToSign(sorted.canonical(a.req.Host))) {
			return nil
		}
	}
	if bare, ok := cutDefaultPort(a.req.Host); ok && matches(a.stringToSign(a.canonical(bare))) {
		return nil
	}
	return mismatch(a.Credential.AccessKeyID, a.signature, text, canonical)
}

func (a *Auth) canonical(host string) []byte {
	return appendCanonical(make([]byte, 0, 1024), canonicalRequest{
		req: a.req, host: host, query: a.query,
		signed: a.SignedHeaders, signedList: a.signedList, payload: a.payloadText, inQuery: a.inQuery,
	})
}

func (a *Auth) stringToSign(canonical []byte) []byte {
	return appendStringToSign(make([]byte, 0, 256), a.date, a.scope, canonical)
}

func appendStringToSign(b []byte, date, scope string, canonical []byte) []byte {
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, date...)
	b = append(b, '\n')
	b = append(b, scope...)
	b = append(b, '\n')
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(b, sum[:])
}

func cutDefaultPort(host string) (string, bool) {
	if bare, ok := strings.CutSuffix(host, ":443"); ok {
		return bare, true
	}
	return strings.CutSuffix(host, ":80")
}
