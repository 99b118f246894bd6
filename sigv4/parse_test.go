package sigv4_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// edit returns a change of one request header; an empty value removes it.
func edit(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// add returns a change that adds a header line.
func add(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// swap returns a change within the Authorization header.
func swap(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		value := r.Header.Get("Authorization")
		if !strings.Contains(value, old) {
			panic("the test swaps what is not there: " + old)
		}
		r.Header.Set("Authorization", strings.Replace(value, old, new, 1))
	}
}

func TestHeaderRefusals(t *testing.T) {
	const malformed = "AuthorizationHeaderMalformed"
	tests := []struct {
		name   string
		change func(*http.Request)
		code   string
		text   string
	}{
		{"AsSigned", func(*http.Request) {}, "", ""},
		{"UnsignedOtherHeaderMayChange", edit("User-Agent", "x"), "", ""},
		{"UnsignedContentTypeMayCome", edit("Content-Type", "text/plain"), "", ""},
		{"SpacesBetweenPartsAreOptional", swap(", ", ","), "", ""},
		{"NoDefaultPortWasSigned", func(r *http.Request) { r.Host += ":443" }, "", ""},
		{"OtherPort", func(r *http.Request) { r.Host += ":8443" }, "SignatureDoesNotMatch", ""},
		{"OtherMethod", func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch", "Check your key"},
		{"OtherPath", func(r *http.Request) { r.URL.Path = "/b/l" }, "SignatureDoesNotMatch", ""},
		{"OtherQuery", func(r *http.Request) { r.URL.RawQuery += "&acl" }, "SignatureDoesNotMatch", ""},
		{"OtherHost", func(r *http.Request) { r.Host = "c.test" }, "SignatureDoesNotMatch", ""},
		{"SignedHeaderGone", edit("X-Amz-Meta-A", ""), "SignatureDoesNotMatch", ""},

		{"UnsignedCopySource", add("X-Amz-Copy-Source", "/a/b"), "AccessDenied", "not signed"},
		{"UnsignedMetadata", add("x-amz-meta-b", ""), "AccessDenied", "not signed"},
		{"UnsignedToken", add("X-Amz-Security-Token", "t"), "AccessDenied", "not signed"},
		{"HostNotSigned", swap("host;", ""), "AccessDenied", "not signed"},
		{"TwoDates", add("X-Amz-Date", "20130524T000000Z"), "InvalidRequest", "X-Amz-Date"},
		{"TwoAuthorizations", add("Authorization", "AWS x:y"), "InvalidRequest", "Authorization"},
		{"TwoHashes", add("X-Amz-Content-Sha256", emptyHash), "InvalidRequest", "X-Amz-Content-Sha256"},
		{"HeaderAndQuery", func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Signature=1" }, "InvalidArgument", "Only one auth mechanism"},
		{"HeaderAndOldQuery", func(r *http.Request) { r.URL.RawQuery += "&AWSAccessKeyId=1" }, "InvalidArgument", "Only one auth mechanism"},

		{"SigV2", edit("Authorization", "AWS AKIA:c2ln"), "InvalidRequest", "s3v4"},
		{"SigV4A", edit("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"), "InvalidRequest", "4A"},
		{"Bearer", edit("Authorization", "Bearer s3cr3t"), "InvalidArgument", "Unsupported Authorization Type: requests are signed with AWS4-HMAC-SHA256"},
		{"NoPayloadHash", edit("X-Amz-Content-Sha256", ""), "InvalidRequest", "or UNSIGNED-PAYLOAD"},
		{"EmptyAuthorization", func(r *http.Request) { r.Header["Authorization"] = []string{""} }, "InvalidArgument", "one and only one"},
		{"AlgorithmOnly", edit("Authorization", "AWS4-HMAC-SHA256"), malformed, "requires three components"},
		{"OneComponent", edit("Authorization", "AWS4-HMAC-SHA256 Credential=x"), malformed, "requires three components"},
		{"NoCredential", swap("Credential=", "Kredential="), malformed, "missing Credential"},
		{"NoSignedHeaders", swap("SignedHeaders=", "SignedHeaders-"), malformed, "the authorization component \"SignedHeaders-host"},
		{"EmptySignature", func(r *http.Request) {
			value := r.Header.Get("Authorization")
			r.Header.Set("Authorization", value[:len(value)-64])
		}, malformed, "missing Signature"},
		{"CredentialTwice", swap("Credential=", "Credential=x, Credential="), malformed, "requires three components"},
		{"CredentialTwiceOfThree", swap("SignedHeaders=", "Credential="), malformed, "missing SignedHeaders"},
		{"TooLong", swap("Credential=", "Credential="+strings.Repeat("A", 8<<10)), malformed, "longer"},
		{"LastNameEmpty", swap("x-amz-meta-a,", "x-amz-meta-a;,"), malformed, "empty element"},
		{"FirstNameEmpty", swap("=host", "=;host"), malformed, "empty element"},
		{"MiddleNameEmpty", swap("host;", "host;;"), malformed, "empty element"},
		{"UpperCaseName", swap("host", "Host"), malformed, "lower case"},
		{"NameTwice", swap("host;", "host;host;"), malformed, "twice"},
		{"FourParts", swap("/us-east-1", ""), malformed, "the Credential is mal-formed"},
		{"SixParts", swap(exampleID, exampleID+"/x"), malformed, "the Credential is mal-formed"},
		{"NoKeyID", swap(exampleID, ""), malformed, "AKID"},
		{"ShortDay", swap("/20130524/", "/2013524/"), malformed, "incorrect date format"},
		{"OtherDay", swap("/20130524/", "/20130523/"), malformed, "not the same as X-Amz-Date"},
		{"OtherRegion", swap("us-east-1", "eu-west-1"), malformed, "the region 'eu-west-1' is wrong; expecting 'auto'"},
		{"OtherService", swap("/s3/", "/ec2/"), malformed, `"ec2"`},
		{"OtherTerminal", swap("aws4_request", "aws5_request"), malformed, "aws5_request"},
		{"SignatureTooShort", func(r *http.Request) {
			value := r.Header.Get("Authorization")
			r.Header.Set("Authorization", value[:len(value)-1])
		}, "SignatureDoesNotMatch", ""},
		{"SignatureInUpperCase", func(r *http.Request) {
			head, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", head+"Signature="+strings.ToUpper(signature))
		}, "SignatureDoesNotMatch", ""},

		{"NoDate", edit("X-Amz-Date", ""), "AccessDenied", "valid Date"},
		{"DateUnreadable", edit("X-Amz-Date", "yesterday"), "AccessDenied", "valid Date"},
		{"DateWithFraction", edit("X-Amz-Date", "20130524T000000.0Z"), "AccessDenied", "valid Date"},
		{"NoHash", edit("X-Amz-Content-Sha256", ""), "InvalidRequest", "x-amz-content-sha256"},
		{"HashUnreadable", edit("X-Amz-Content-Sha256", "invalid_sha256"), "InvalidArgument", "UNSIGNED-PAYLOAD"},
		{"HashInUpperCase", edit("X-Amz-Content-Sha256", strings.ToUpper(emptyHash)), "InvalidArgument", ""},
		{"HashTooShort", edit("X-Amz-Content-Sha256", emptyHash[1:]), "InvalidArgument", ""},
		{"SigV4AChunks", edit("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), "InvalidRequest", "4A"},
		{"OtherHash", edit("X-Amz-Content-Sha256", hexSHA256("x")), "SignatureDoesNotMatch", ""},
		{"OtherBody", func(r *http.Request) { r.Body = request("PUT", "/", "x").Body; r.ContentLength = 1 }, "XAmzContentSHA256Mismatch", ""},
		{"TrailerWithoutStream", func(r *http.Request) {
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "s3", emptyHash, exampleTime)
		}, "InvalidRequest", "-TRAILER"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := signed("PUT", "http://b.test/b/k?x=1", "", emptyHash, "x-amz-meta-a: 1")
			tt.change(r)
			_, _, err := check(r, options(exampleTime), exampleSecret)
			wantCode(t, "check", err, tt.code, tt.text)
		})
	}
	_, _, err := check(signed("GET", "/", "", emptyHash), options(exampleTime), "another secret")
	wantCode(t, "check with another secret", err, "SignatureDoesNotMatch", "")
}

// TestSkew moves the server's clock.
func TestSkew(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		code  string
	}{
		{0, ""}, {15 * time.Minute, ""}, {-15 * time.Minute, ""},
		{15*time.Minute + time.Second, "RequestTimeTooSkewed"},
		{-15*time.Minute - time.Second, "RequestTimeTooSkewed"},
	} {
		_, err := sigv4.Parse(signed("GET", "/", "", emptyHash), options(exampleTime.Add(tt.ahead)))
		wantCode(t, fmt.Sprintf("Parse %v ahead", tt.ahead), err, tt.code, "")
	}
}

// TestDateHeader signs over the Date header, which old clients send alone.
func TestDateHeader(t *testing.T) {
	for _, date := range []string{"Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00:00 +0000", "20130524T000000Z"} {
		text := "GET\n/\n\ndate:" + date + "\nhost:b.test\n\ndate;host\n" + emptyHash
		signature := sign(exampleKey(), "AWS4-HMAC-SHA256\n"+exampleScope+hexSHA256(text))
		r := request("GET", "http://b.test/", "", "Date: "+date, "x-amz-content-sha256: "+emptyHash, authorization("date;host", signature))
		_, _, err := check(r, options(exampleTime), exampleSecret)
		wantCode(t, "check with Date: "+date, err, "", "")
	}
}

// TestHeadersThatGoMoves signs what net/http keeps outside of the header map.
func TestHeadersThatGoMoves(t *testing.T) {
	text := "PUT\n/\n\ncontent-length:3\nhost:b.test\ntransfer-encoding:chunked\nx-amz-date:20130524T000000Z\nx-none:\n\n" +
		"content-length;host;transfer-encoding;x-amz-date;x-none\nUNSIGNED-PAYLOAD"
	signature := sign(exampleKey(), "AWS4-HMAC-SHA256\n"+exampleScope+hexSHA256(text))
	r := request("PUT", "http://b.test/", "abc", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
		authorization("content-length;host;transfer-encoding;x-amz-date;x-none", signature))
	r.TransferEncoding = []string{"chunked"}
	_, _, err := check(r, options(exampleTime), exampleSecret)
	wantCode(t, "check", err, "", "")
}

// TestOrderOfSignedHeaders signs in the order of the list, and in the sorted one, which
// is what AWS brings each list into.
func TestOrderOfSignedHeaders(t *testing.T) {
	for _, text := range []string{
		"GET\n/\n\nx-amz-date:20130524T000000Z\nhost:b.test\n\nx-amz-date;host\n" + emptyHash,
		"GET\n/\n\nhost:b.test\nx-amz-date:20130524T000000Z\n\nhost;x-amz-date\n" + emptyHash,
	} {
		signature := sign(exampleKey(), "AWS4-HMAC-SHA256\n"+exampleScope+hexSHA256(text))
		r := request("GET", "http://b.test/", "", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+emptyHash, authorization("x-amz-date;host", signature))
		_, _, err := check(r, options(exampleTime), exampleSecret)
		wantCode(t, fmt.Sprintf("check of what was signed as %q", text), err, "", "")
	}
}

// TestContentMD5NeedNotBeSigned adds one to what is signed, as simple clients do. It says
// nothing but what the body is, and is compared with it.
func TestContentMD5NeedNotBeSigned(t *testing.T) {
	r := signed("PUT", "http://b.test/k", "", emptyHash)
	r.Header.Set("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
	_, _, err := check(r, options(exampleTime), exampleSecret)
	wantCode(t, "check", err, "", "")
}

func TestErrorFields(t *testing.T) {
	r := signed("GET", "http://b.test/k", "", emptyHash)
	r.Header.Set("X-Amz-Acl", "private")
	_, _, err := check(r, options(exampleTime), exampleSecret)
	wantFields(t, err, "HeadersNotSigned=x-amz-acl")

	_, _, err = check(signed("GET", "http://b.test/k", "", emptyHash), options(exampleTime.Add(time.Hour)), exampleSecret)
	wantFields(t, err, "RequestTime=20130524T000000Z", "ServerTime=2013-05-24T01:00:00Z", "MaxAllowedSkewMilliseconds=900000")

	opt := options(exampleTime)
	opt.Regions = []string{"auto"}
	_, _, err = check(signed("GET", "http://b.test/k", "", emptyHash), opt, exampleSecret)
	wantFields(t, err, "Region=auto")

	r = signed("GET", "http://b.test/k", "", emptyHash)
	_, _, err = check(r, options(exampleTime), "another secret")
	canonical := "GET\n/k\n\nhost:b.test\nx-amz-content-sha256:" + emptyHash + "\nx-amz-date:20130524T000000Z\n\n" +
		"host;x-amz-content-sha256;x-amz-date\n" + emptyHash
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	text := "AWS4-HMAC-SHA256\n" + exampleScope + hexSHA256(canonical)
	wantFields(t, err, "AWSAccessKeyId="+exampleID, "StringToSign="+text, "SignatureProvided="+signature,
		"StringToSignBytes="+fmt.Sprintf("% x", text), "CanonicalRequest="+canonical, "CanonicalRequestBytes="+fmt.Sprintf("% x", canonical))
	if strings.Contains(err.Error(), signature) {
		t.Errorf("Error() = %q holds the signature", err)
	}
}

// wantFields compares the fields of an error with "name=value", in order.
func wantFields(t *testing.T, err error, want ...string) {
	t.Helper()
	e, ok := err.(*sigv4.Error)
	if !ok {
		t.Fatalf("error %v is no *Error", err)
	}
	if len(e.Fields) != len(want) {
		t.Fatalf("%s has %d fields, want %d", e, len(e.Fields), len(want))
	}
	for i, f := range e.Fields {
		if got := f.Name + "=" + f.Value; got != want[i] {
			t.Errorf("%s: field %d is %q, want %q", e, i, got, want[i])
		}
	}
}

func TestAnonymous(t *testing.T) {
	const chunked = "x-amz-decoded-content-length: 1"
	tests := []struct {
		name string
		req  *http.Request
		code string
	}{
		{"Bare", request("GET", "/b/k?versions", "", "x-amz-acl: private"), ""},
		{"RightHash", request("PUT", "/b/k", "a", "x-amz-content-sha256: "+hexSHA256("a")), ""},
		{"WrongHash", request("PUT", "/b/k", "a", "x-amz-content-sha256: "+emptyHash), "XAmzContentSHA256Mismatch"},
		{"JunkHash", request("PUT", "/b/k", "a", "x-amz-content-sha256: x"), "InvalidArgument"},
		{"SignedChunks", request("PUT", "/b/k", "", chunked, "x-amz-content-sha256: "+signedChunks), "InvalidRequest"},
		{"UnsignedChunks", request("PUT", "/b/k", "1\r\na\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", chunked,
			"x-amz-content-sha256: "+unsignedTrailer, "x-amz-trailer: x-amz-checksum-crc32"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, a, err := check(tt.req, options(exampleTime), "")
			wantCode(t, "check", err, tt.code, "")
			if err == nil && a.Kind != sigv4.Anonymous {
				t.Errorf("Kind = %v, want anonymous", a.Kind)
			}
			if err == nil && a.Verify(sigv4.Key{}) == nil {
				t.Error("Verify of an anonymous claim = nil, want an error")
			}
		})
	}
}

// TestOtherServices signs as clients of IAM and STS do: no payload header.
func TestOtherServices(t *testing.T) {
	const body = "Action=GetUser&Version=2010-05-08"
	r := request("POST", "http://iam.test/", body, "Content-Type: application/x-www-form-urlencoded")
	sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "iam", hexSHA256(body), exampleTime)
	opt := sigv4.Options{Now: exampleTime, Service: "iam", PayloadSHA256: hexSHA256(body)}
	_, _, err := check(r, opt, exampleSecret)
	wantCode(t, "check with the body's hash", err, "", "")
	opt.PayloadSHA256 = hexSHA256(body + "&UserName=root")
	_, _, err = check(r, opt, exampleSecret)
	wantCode(t, "check with another body's hash", err, "SignatureDoesNotMatch", "")
}
