package sigv4_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

func authorization(signedHeaders, signature string) string {
	return "Authorization: AWS4-HMAC-SHA256 Credential=" + exampleID +
		"/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + signedHeaders + ",Signature=" + signature
}

// TestPublishedSignatures holds the package against the requests and signatures
// that AWS publishes in "Signature Calculations for the Authorization Header:
// Transferring Payload in a Single Chunk" and "Authenticating Requests: Using
// Query Parameters".
func TestPublishedSignatures(t *testing.T) {
	const host, date = "Host: examplebucket.s3.amazonaws.com", "x-amz-date: 20130524T000000Z"
	const welcome = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
	tests := []struct {
		name string
		req  *http.Request
	}{
		{"GetObject", request("GET", "/test.txt", "", host, date, "Range: bytes=0-9",
			"x-amz-content-sha256: "+emptyHash,
			authorization("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"))},
		{"PutObject", request("PUT", "/test$file.text", "Welcome to Amazon S3.", host, date,
			"Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY",
			"x-amz-content-sha256: "+welcome,
			authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))},
		{"GetBucketLifecycle", request("GET", "/?lifecycle", "", host, date, "x-amz-content-sha256: "+emptyHash,
			authorization("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"))},
		{"ListObjects", request("GET", "/?max-keys=2&prefix=J", "", host, date, "x-amz-content-sha256: "+emptyHash,
			authorization("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))},
		{"PresignedGetObject", request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"+
			"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"+
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"+
			"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "", host)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := check(tt.req, options(exampleTime), exampleSecret); err != nil {
				t.Errorf("check(%s %s) = %v, want nil", tt.req.Method, tt.req.URL, err)
			}
		})
	}
}

// TestPublishedPresign makes AWS's pre-signed URL with our own signer.
func TestPublishedPresign(t *testing.T) {
	r := request("GET", "https://examplebucket.s3.amazonaws.com/test.txt", "")
	sigv4.Presign(r, exampleID, exampleSecret, exampleRegion, "s3", 24*time.Hour, exampleTime)
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := r.URL.Query().Get("X-Amz-Signature"); got != want {
		t.Errorf("Presign signature = %q, want %q", got, want)
	}
}

// TestPublishedChunks reads the bodies of "Transferring Payload in Multiple
// Chunks" and "Signature calculations for trailing headers".
func TestPublishedChunks(t *testing.T) {
	const names = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
	common := []string{
		"Host: s3.amazonaws.com", "x-amz-date: 20130524T000000Z", "x-amz-storage-class: REDUCED_REDUNDANCY",
		"Content-Encoding: aws-chunked", "x-amz-decoded-content-length: 66560",
	}
	body := func(signatures [3]string, end string) string {
		const mark = ";chunk-signature="
		return "10000" + mark + signatures[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n" +
			"400" + mark + signatures[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n" +
			"0" + mark + signatures[2] + "\r\n" + end
	}
	plain := request("PUT", "/examplebucket/chunkObject.txt", body([3]string{
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
	}, "\r\n"), append(common, "x-amz-content-sha256: "+signedChunks, "Content-Length: 66824",
		authorization("content-encoding;content-length;"+names[len("content-encoding;"):], "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"))...)
	trailing := request("PUT", "/examplebucket/chunkObject.txt", body([3]string{
		"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
		"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
	}, "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"),
		append(common, "x-amz-content-sha256: "+signedChunksTrailer, "x-amz-trailer: x-amz-checksum-crc32c",
			authorization(names+";x-amz-trailer", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"))...)
	for _, r := range []*http.Request{plain, trailing} {
		kind := r.Header.Get("x-amz-content-sha256")
		a, err := sigv4.Parse(r, options(exampleTime))
		if err != nil {
			t.Fatalf("Parse(%s) = %v, want nil", kind, err)
		}
		if err := a.Verify(exampleKey()); err != nil {
			t.Fatalf("Verify(%s) = %v, want nil", kind, err)
		}
		b := a.Body(r.Body, r.ContentLength, exampleKey())
		got, err := readAll(b)
		if err != nil || got != strings.Repeat("a", 66560) || b.Size() != 66560 {
			t.Errorf("Body(%s) gave %d bytes, %v, Size %d, want 66560 times a, nil, 66560", kind, len(got), err, b.Size())
		}
		if r == trailing && b.Trailer().Get("x-amz-checksum-crc32c") != "sOO8/Q==" {
			t.Errorf("Trailer() = %v, want the checksum sOO8/Q==", b.Trailer())
		}
	}
}

// TestPublishedForm verifies the form of "Example: Browser-Based Upload using
// HTTP POST". The page's policy has CRLF line ends.
func TestPublishedForm(t *testing.T) {
	policy := strings.ReplaceAll(`{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}`, "\n", "\r\n")
	form := map[string]string{
		"policy":           base64.StdEncoding.EncodeToString([]byte(policy)),
		"x-amz-algorithm":  "AWS4-HMAC-SHA256",
		"x-amz-credential": exampleID + "/20151229/us-east-1/s3/aws4_request",
		"x-amz-date":       "20151229T000000Z",
		"x-amz-signature":  "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
	}
	field := func(name string) (string, bool) { v, ok := form[name]; return v, ok }
	opt := options(time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC))
	key := sigv4.DeriveKey(exampleSecret, "20151229", exampleRegion, "s3")
	a, err := sigv4.ParseForm(field, opt)
	if err != nil {
		t.Fatalf("ParseForm = %v, want nil", err)
	}
	if err := a.Verify(key); err != nil || a.Kind != sigv4.Form {
		t.Errorf("Verify = %v, Kind %v, want nil, form", err, a.Kind)
	}
	form["policy"] += "IA=="
	if a, err = sigv4.ParseForm(field, opt); err != nil {
		t.Fatalf("ParseForm = %v, want nil", err)
	}
	wantCode(t, "Verify of another policy", a.Verify(key), "SignatureDoesNotMatch", "")
}
