package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign signs r with an Authorization header, as a client does. payloadHash is
// the hex SHA-256 of the body or a value such as UNSIGNED-PAYLOAD; for the
// service s3 it is sent as x-amz-content-sha256. A session token must stand in
// X-Amz-Security-Token already. Signed are the host, content-type, content-md5
// and every x-amz-* and x-coffer-* header; others may change on the way.
func Sign(r *http.Request, accessKeyID, secret, region, service, payloadHash string, t time.Time) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	s := newSigner(secret, region, service, t)
	r.Header.Set(headerDate, s.date)
	if service == "s3" {
		r.Header.Set(headerContentSHA256, payloadHash)
	}
	signed := signable(r.Header)
	signature := s.sign(r, signed, payloadHash)
	r.Header.Set("Authorization", algorithm+" Credential="+accessKeyID+"/"+s.scope+
		", SignedHeaders="+strings.Join(signed, ";")+", Signature="+signature)
}

// Presign signs r's URL, adding the signature to its query: whoever has the URL
// may send the request until t+expires (whole seconds, 1 s to 7 days). Headers
// that Sign would sign are signed if r has them, and must then be sent with the
// URL; a session token in X-Amz-Security-Token moves into the query.
func Presign(r *http.Request, accessKeyID, secret, region, service string, expires time.Duration, t time.Time) {
	s := newSigner(secret, region, service, t)
	token := r.Header.Get(headerSecurityToken)
	r.Header.Del(headerSecurityToken)
	payload := r.Header.Get(headerContentSHA256)
	if payload == "" {
		if payload = unsignedPayload; service != "s3" {
			payload = emptySHA256 // what the other services take a URL's body to be
		}
	}
	signed := signable(r.Header)
	query := r.URL.RawQuery
	add := func(name, value string) {
		if query != "" {
			query += "&"
		}
		query += name + "=" + escape(value)
	}
	add(queryAlgorithm, algorithm)
	add(queryCredential, accessKeyID+"/"+s.scope)
	add(headerDate, s.date)
	add(queryExpires, strconv.FormatInt(int64(expires/time.Second), 10))
	if token != "" {
		add(headerSecurityToken, token)
	}
	add(querySignedHeaders, strings.Join(signed, ";"))
	r.URL.RawQuery = query
	add(querySignature, s.sign(r, signed, payload))
	r.URL.RawQuery = query
}

type signer struct {
	key         Key
	date, scope string
}

func newSigner(secret, region, service string, t time.Time) signer {
	date := t.UTC().Format(isoFormat)
	return signer{
		key:  DeriveKey(secret, date[:8], region, service),
		date: date, scope: date[:8] + "/" + region + "/" + service + "/" + terminal,
	}
}

func (s *signer) sign(r *http.Request, signed []string, payload string) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	method := r
	if r.Method == "" { // net/http's way to say GET
		clone := *r
		clone.Method = http.MethodGet
		method = &clone
	}
	canonical := appendCanonical(nil, canonicalRequest{
		req: method, host: host, query: parseQuery(r.URL.RawQuery),
		signed: signed, signedList: strings.Join(signed, ";"), payload: payload,
	})
	return string(s.key.mac().appendHex(nil, appendStringToSign(nil, s.date, s.scope, canonical)))
}

// cofferPrefix is that of the headers which coffer alone knows.
const cofferPrefix = "x-coffer-"

func signable(h http.Header) []string {
	names := []string{"host"}
	for key := range h {
		name := strings.ToLower(key)
		if name == "content-type" || name == "content-md5" || strings.HasPrefix(name, amzPrefix) || strings.HasPrefix(name, cofferPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
