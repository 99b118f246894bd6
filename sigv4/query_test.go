package sigv4_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// presigned is a URL good for an hour from exampleTime; change is applied to
// its query.
func presigned(change func(url.Values), headers ...string) *http.Request {
	r := request("PUT", "http://b.test/b/k?partNumber=1", "", headers...)
	sigv4.Presign(r, exampleID, exampleSecret, exampleRegion, "s3", time.Hour, exampleTime)
	if change != nil {
		query := r.URL.Query()
		change(query)
		r.URL.RawQuery = query.Encode()
	}
	return r
}

func set(name, value string) func(url.Values) {
	return func(q url.Values) { q.Set(name, value) }
}

func TestQueryRefusals(t *testing.T) {
	const parameters = "AuthorizationQueryParametersError"
	tests := []struct {
		name   string
		change func(url.Values)
		code   string
		text   string
	}{
		{"AsSigned", nil, "", ""},
		{"AddedParameter", set("acl", ""), "SignatureDoesNotMatch", ""},
		{"ChangedParameter", set("partNumber", "2"), "SignatureDoesNotMatch", ""},
		{"ChangedExpiry", set("X-Amz-Expires", "7200"), "SignatureDoesNotMatch", ""},
		{"AddedToken", set("X-Amz-Security-Token", "t"), "SignatureDoesNotMatch", ""},
		{"NoSignature", func(q url.Values) { q.Del("X-Amz-Signature") }, parameters, "requires the"},
		{"NoExpires", func(q url.Values) { q.Del("X-Amz-Expires") }, parameters, "requires the"},
		{"NoAlgorithm", func(q url.Values) { q.Del("X-Amz-Algorithm") }, parameters, "requires the"},
		{"NoDate", func(q url.Values) { q.Del("X-Amz-Date") }, parameters, "requires the"},
		{"NoSignedHeaders", func(q url.Values) { q.Del("X-Amz-SignedHeaders") }, parameters, "requires the"},
		{"NoCredential", func(q url.Values) { q.Del("X-Amz-Credential") }, parameters, "requires the"},
		{"CredentialOnly", func(q url.Values) {
			for name := range q {
				if name != "X-Amz-Credential" {
					q.Del(name)
				}
			}
		}, parameters, "requires the"},
		{"OtherAlgorithm", set("X-Amz-Algorithm", "AWS4-HMAC-SHA1"), parameters, "only supports"},
		{"SigV4A", set("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), "InvalidRequest", "4A"},
		{"BadDate", set("X-Amz-Date", "20130524"), parameters, "ISO8601"},
		{"OtherDay", set("X-Amz-Date", "20130523T235959Z"), parameters, "not the same as"},
		{"OtherRegion", set("X-Amz-Credential", exampleID+"/20130524/eu/s3/aws4_request"), parameters, "expecting 'auto'"},
		{"EmptySignedHeader", set("X-Amz-SignedHeaders", "host;"), parameters, "empty element"},
		{"NewlineInSignedHeaders", set("X-Amz-SignedHeaders", "host\nx"), parameters, "lower case"},
		{"HostNotSigned", set("X-Amz-SignedHeaders", "range"), "AccessDenied", "not signed"},
		{"ExpiresTooLong", set("X-Amz-Expires", "604801"), parameters, "604800"},
		{"ExpiresOverflows", set("X-Amz-Expires", "99999999999999999999"), parameters, "604800"},
		{"ExpiresNegative", set("X-Amz-Expires", "-1"), parameters, "non-negative"},
		{"ExpiresZero", set("X-Amz-Expires", "0"), parameters, "at least 1"},
		{"ExpiresWord", set("X-Amz-Expires", "abc"), parameters, "number"},
		{"ExpiresPlus", set("X-Amz-Expires", "+5"), parameters, "number"},
		{"TwoSignatures", func(q url.Values) { q.Add("X-Amz-Signature", "0") }, parameters, "once"},
		{"TwoExpiriesInOtherCase", func(q url.Values) { q.Add("x-amz-expires", "9") }, parameters, "once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := check(presigned(tt.change), options(exampleTime), exampleSecret)
			wantCode(t, "check", err, tt.code, tt.text)
		})
	}
	for _, query := range []string{"AWSAccessKeyId=A&Signature=s&Expires=1", "AWSAccessKeyId=A", "Signature=s&Expires=1"} {
		_, err := sigv4.Parse(request("GET", "/b/k?"+query, ""), options(exampleTime))
		wantCode(t, "Parse of "+query, err, "InvalidRequest", "s3v4")
	}
}

func TestQueryClock(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Duration // after signing
		text string
		want []string
	}{
		{"AtOnce", 0, "", nil},
		{"LastSecond", time.Hour - time.Second, "", nil},
		{"ExpiresAtTheInstant", time.Hour, "Request has expired",
			[]string{"X-Amz-Expires=3600", "Expires=2013-05-24T01:00:00Z", "ServerTime=2013-05-24T01:00:00Z"}},
		{"LittleBefore", -15 * time.Minute, "", nil},
		{"NotYet", -16 * time.Minute, "Request is not valid yet",
			[]string{"X-Amz-Date=20130524T000000Z", "ServerTime=2013-05-23T23:44:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := check(presigned(nil), options(exampleTime.Add(tt.at)), exampleSecret)
			if tt.text == "" {
				wantCode(t, "check", err, "", "")
				return
			}
			wantCode(t, "check", err, "AccessDenied", tt.text)
			wantFields(t, err, tt.want...)
		})
	}
}

// TestQueryHeaders sends headers along with a URL that did not sign them.
func TestQueryHeaders(t *testing.T) {
	const hashOfA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	for _, tt := range []struct{ name, header, body, code string }{
		{"ContentType", "Content-Type: text/html", "a", ""},
		{"CopySource", "x-amz-copy-source: /b/other", "a", "AccessDenied"},
		{"Token", "x-amz-security-token: t", "a", "AccessDenied"},
		{"Unsigned", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "a", ""},
		{"RightHash", "x-amz-content-sha256: " + hashOfA, "a", ""},
		{"WrongHash", "x-amz-content-sha256: " + hashOfA, "b", "XAmzContentSHA256Mismatch"},
		{"JunkHash", "x-amz-content-sha256: x", "a", "InvalidArgument"},
		{"SignedChunks", "x-amz-content-sha256: " + signedChunks, "a", "AccessDenied"},
		{"SignedChunksTrailer", "x-amz-content-sha256: " + signedChunksTrailer, "a", "AccessDenied"},
		{"UnsignedChunks", "x-amz-content-sha256: " + unsignedTrailer, "a", "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := presigned(nil)
			sent := request("PUT", r.URL.String(), tt.body, tt.header)
			_, _, err := check(sent, options(exampleTime), exampleSecret)
			wantCode(t, "check", err, tt.code, "")
		})
	}
	// Of all that was not signed, the others are named first, as AWS does.
	sent := request("PUT", presigned(nil).URL.String(), "a", "x-amz-content-sha256: "+signedChunks, "x-amz-date: 20211122T191045Z", "x-amz-decoded-content-length: 1")
	_, _, err := check(sent, options(exampleTime), exampleSecret)
	wantCode(t, "check with headers of chunks", err, "AccessDenied", "")
	wantFields(t, err, "HeadersNotSigned=x-amz-date, x-amz-decoded-content-length")
	// The same headers, signed, say what they say.
	r := presigned(nil, "x-amz-content-sha256: "+hashOfA, "x-amz-meta-a: 1", "x-amz-security-token: t")
	_, a, err := check(r, options(exampleTime), exampleSecret)
	wantCode(t, "check of an empty body against a signed hash", err, "XAmzContentSHA256Mismatch", "")
	if a.SessionToken != "t" || !a.HasSessionToken || a.Payload != sigv4.PayloadHash {
		t.Errorf("Parse gave token %q, %v, payload %v, want t, true, a hash", a.SessionToken, a.HasSessionToken, a.Payload)
	}
	r.URL.RawQuery += "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
	_, err = sigv4.Parse(r, options(exampleTime))
	wantCode(t, "Parse with another hash in the query", err, "AuthorizationQueryParametersError", "not the value of the header")
	r.Header.Set("x-amz-security-token", "u")
	_, _, err = check(r, options(exampleTime), exampleSecret)
	wantCode(t, "check with two tokens", err, "AuthorizationQueryParametersError", "not in both")
}

// TestQueryPayloadParameter covers a hash in the URL, as the JavaScript SDK has it.
func TestQueryPayloadParameter(t *testing.T) {
	const hashOfA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	// Presign knows no such parameter: the signature is made by hand.
	link := func(hash string) string {
		query := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=" + hash +
			"&X-Amz-Credential=" + exampleID + "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
		text := "PUT\n/k\n" + query + "\nhost:b.test\n\nhost\n" + hash
		return "http://b.test/k?" + query + "&X-Amz-Signature=" + sign(exampleKey(), "AWS4-HMAC-SHA256\n"+exampleScope+hexSHA256(text))
	}
	for _, tt := range []struct{ name, hash, body, header, code string }{
		{"Right", hashOfA, "a", "", ""},
		{"Wrong", hashOfA, "b", "", "XAmzContentSHA256Mismatch"},
		{"Unsigned", "UNSIGNED-PAYLOAD", "b", "", ""},
		{"HeaderTakesNothingAway", hashOfA, "b", "UNSIGNED-PAYLOAD", "XAmzContentSHA256Mismatch"},
		{"HeaderDisagrees", hashOfA, "b", hexSHA256("b"), "InvalidRequest"},
		{"HeaderBindsMore", "UNSIGNED-PAYLOAD", "b", hashOfA, "XAmzContentSHA256Mismatch"},
		{"Junk", "x", "b", "", "InvalidArgument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request("PUT", link(tt.hash), tt.body)
			if tt.header != "" {
				r.Header.Set("X-Amz-Content-Sha256", tt.header)
			}
			_, _, err := check(r, options(exampleTime), exampleSecret)
			wantCode(t, "check", err, tt.code, "")
		})
	}
}

// TestQuerySpelling sends one URL in the spellings that clients and proxies make of it.
func TestQuerySpelling(t *testing.T) {
	r := request("GET", "http://b.test/b/k?prefix=a%20b%2Fc&list-type=2&acl", "", "x-amz-meta-a: 1")
	sigv4.Presign(r, exampleID, exampleSecret, exampleRegion, "s3", time.Hour, exampleTime)
	for _, replace := range [][2]string{
		{"%3B", ";"}, {"%3B", "%3b"}, {"a%20b", "a+b"}, {"b%2Fc", "b/c"}, {"&acl", "&acl="}, {"prefix", "pref%69x"}, {"&acl", "&&acl"},
	} {
		if !strings.Contains(r.URL.RawQuery, replace[0]) {
			t.Fatalf("the query %q has no %q", r.URL.RawQuery, replace[0])
		}
		target := *r.URL
		target.RawQuery = strings.Replace(r.URL.RawQuery, replace[0], replace[1], 1)
		_, _, err := check(request("GET", target.String(), "", "x-amz-meta-a: 1"), options(exampleTime), exampleSecret)
		wantCode(t, "check with "+replace[1]+" for "+replace[0], err, "", "")
	}
}

func TestFormRefusals(t *testing.T) {
	whole := map[string]string{
		"policy": "e30=", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": "20130524T000000Z",
		"x-amz-credential": exampleID + "/20130524/us-east-1/s3/aws4_request", "x-amz-signature": "0",
	}
	parse := func(change map[string]string, drop string) (*sigv4.Auth, error) {
		return sigv4.ParseForm(func(name string) (string, bool) {
			if v, ok := change[name]; ok {
				return v, true
			}
			v, ok := whole[name]
			return v, ok && name != drop && drop != "all"
		}, options(exampleTime))
	}
	for name := range whole {
		_, err := parse(nil, name)
		text := name
		if name != "policy" {
			text = http.CanonicalHeaderKey(name)
		}
		wantCode(t, "ParseForm without "+name, err, "InvalidArgument", "'"+text+"'")
	}
	a, err := parse(nil, "all")
	if err != nil || a.Kind != sigv4.Anonymous {
		t.Errorf("ParseForm of no fields = %v, %v, want anonymous, nil", a, err)
	}
	_, err = parse(map[string]string{"policy": "e30="}, "all")
	wantCode(t, "ParseForm of a policy only", err, "AccessDenied", "nobody signed")
	for _, tt := range []struct{ field, value, code string }{
		{"x-amz-algorithm", "AWS4-ECDSA-P256-SHA256", "InvalidRequest"},
		{"x-amz-algorithm", "AWS", "InvalidArgument"},
		{"x-amz-date", "now", "InvalidArgument"},
		{"x-amz-date", "20130525T000000Z", "InvalidArgument"},
		{"x-amz-credential", exampleID, "InvalidArgument"},
		{"awsaccesskeyid", exampleID, "InvalidRequest"},
		{"x-amz-security-token", "t", ""},
	} {
		a, err := parse(map[string]string{tt.field: tt.value}, "")
		wantCode(t, "ParseForm with "+tt.field+" "+tt.value, err, tt.code, "")
		if err == nil {
			wantCode(t, "Verify", a.Verify(exampleKey()), "SignatureDoesNotMatch", "")
		}
	}
	_, err = parse(map[string]string{"x-amz-security-token": "t"}, "all")
	wantCode(t, "ParseForm of a token only", err, "InvalidArgument", "policy")
}

// TestSignedHeaderInTheQuery has a URL whose query has the value of a header that it
// signed, as the SDK for JavaScript of before version 3 makes them.
func TestSignedHeaderInTheQuery(t *testing.T) {
	const name, value = "x-amz-server-side-encryption", "AES256"
	for _, tt := range []struct{ name, header, code string }{
		{"WithoutTheHeader", "", ""},
		{"WithTheSame", value, ""},
		{"WithAnother", "aws:kms", "SignatureDoesNotMatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request("PUT", "http://b.test/b/k?"+name+"="+value, "", name+": "+value)
			sigv4.Presign(r, exampleID, exampleSecret, exampleRegion, "s3", time.Hour, exampleTime)
			if r.Header.Del(name); tt.header != "" {
				r.Header.Set(name, tt.header)
			}
			_, _, err := check(r, options(exampleTime), exampleSecret)
			wantCode(t, "check", err, tt.code, "")
		})
	}
	r := request("PUT", "http://b.test/b/k?"+name+"="+value, "", name+": "+value)
	sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "s3", "UNSIGNED-PAYLOAD", exampleTime)
	r.Header.Del(name)
	_, _, err := check(r, options(exampleTime), exampleSecret)
	wantCode(t, "check of a signature in the header", err, "SignatureDoesNotMatch", "")
}

// TestManySignedHeadersOfAURLAreFoundAtOnce verifies a URL with as many signed headers,
// and parameters beside them, as would take minutes if each of the one were compared with
// each of the other. With what a server takes of a URL it was a tenth of a second, of
// anybody who knows an Access Key ID.
func TestManySignedHeadersOfAURLAreFoundAtOnce(t *testing.T) {
	names := []string{"host"}
	for i := range 60_000 {
		names = append(names, fmt.Sprintf("x-amz-meta-%06d", i))
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &http.Request{Method: "GET", Host: "localhost", Header: http.Header{}, URL: &url.URL{Path: "/b/k", RawQuery: "X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIDAKIDAKIDAKID/20260301/auto/s3/aws4_request&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-Signature=0&X-Amz-Meta-000001=one" +
		"&X-Amz-SignedHeaders=" + strings.Join(names, ";") + strings.Repeat("&a", 300_000)}}
	a, err := sigv4.Parse(r, sigv4.Options{Now: now, Service: "s3"})
	if err != nil {
		t.Fatal(err)
	}
	var refused *sigv4.Error
	if err := a.Verify(sigv4.Key{}); !errors.As(err, &refused) || !strings.Contains(refused.Field("CanonicalRequest"), "\nx-amz-meta-000001:one\nx-amz-meta-000002:\n") {
		t.Errorf("Verify = %v, want a wrong signature over the value in the query", err)
	}
}
