package s3_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// try is one hostile request: how it is made and what must come of it.
type try struct {
	name   string
	method string // GET if empty
	target string
	body   string
	hash   string // x-amz-content-sha256; that of body if empty
	// signed are headers that are there when the request is signed, added those that
	// are put on afterwards.
	signed, added [][2]string
	presign       bool
	anonymous     bool
	key           string // alice if empty
	status        int
	code          string
}

// TestHostileRequests sends what spec-minded attackers send. Whatever the answer
// is, nothing may have changed.
func TestHostileRequests(t *testing.T) {
	w := newWorld(t)
	for _, setup := range []string{"PUT /a-priv", "PUT /a-priv/other\n\nsecret of alice", "PUT /a-priv/x\n\nold"} {
		w.play(t, setup, nil)
	}
	for _, setup := range []string{"@key bob\nPUT /b-priv", "@key bob\nPUT /b-priv/secret\n\nsecret of bob"} {
		w.play(t, setup, nil)
	}
	before := w.state(t)
	tries := []try{
		{name: "CopySourceAddedToASignedPut", method: "PUT", target: "/a-priv/x", added: [][2]string{{"x-amz-copy-source", "/a-priv/other"}}, status: 403, code: "AccessDenied"},
		{name: "MetadataAddedToASignedPut", method: "PUT", target: "/a-priv/x", added: [][2]string{{"x-amz-meta-a", "1"}}, status: 403, code: "AccessDenied"},
		{name: "StorageClassAddedToASignedPut", method: "PUT", target: "/a-priv/x", added: [][2]string{{"x-amz-storage-class", "GLACIER"}}, status: 403, code: "AccessDenied"},
		{name: "CopySourceAddedToAPresignedPut", method: "PUT", target: "/a-priv/x", presign: true, added: [][2]string{{"x-amz-copy-source", "/a-priv/other"}}, status: 403, code: "AccessDenied"},
		{name: "StreamSentinelAddedToAPresignedPut", method: "PUT", target: "/a-priv/x", presign: true, added: [][2]string{{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, status: 403},
		{name: "QueryAddedToAPresignedGet", target: "/a-priv/x", presign: true, added: [][2]string{{"?", "&response-content-type=text/html"}}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "SubResourceAddedToAPresignedPut", method: "PUT", target: "/a-priv/x", presign: true, added: [][2]string{{"?", "&acl"}}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "CredentialWithoutSignature", method: "PUT", target: "/a-priv/x?X-Amz-Credential=AKIA/20260101/auto/s3/aws4_request", anonymous: true, added: [][2]string{{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, status: 400},
		{name: "BodyOfAnotherHash", method: "PUT", target: "/a-priv/x", body: "new", hash: strings.Repeat("0", 64), status: 400, code: "XAmzContentSHA256Mismatch"},
		{name: "JunkHash", method: "PUT", target: "/a-priv/x", hash: "invalid", status: 400, code: "InvalidArgument"},
		{name: "StreamOnDeleteObjects", method: "POST", target: "/a-priv?delete", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", signed: [][2]string{{"x-amz-decoded-content-length", "0"}, {"x-amz-trailer", "x-amz-checksum-crc32"}}, status: 400, code: "InvalidRequest"},
		{name: "StreamOnCreateBucket", method: "PUT", target: "/a-new", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", signed: [][2]string{{"x-amz-decoded-content-length", "0"}, {"x-amz-trailer", "x-amz-checksum-crc32"}}, status: 400, code: "InvalidRequest"},
		{name: "SessionTokenOfNobody", target: "/a-priv/x", signed: [][2]string{{"x-amz-security-token", "token"}}, status: 403, code: "InvalidToken"},
		{name: "AnonymousPut", method: "PUT", target: "/a-priv/x", anonymous: true, body: "new", status: 403, code: "AccessDenied"},
		{name: "AnonymousGetWithGuessedTag", target: "/a-priv/x", anonymous: true, added: [][2]string{{"If-None-Match", `"149603e6c03516362a8da23f624db945"`}}, status: 403, code: "AccessDenied"},
		{name: "OtherTenantsObject", target: "/b-priv/secret", status: 403, code: "AccessDenied"},
		{name: "OtherTenantsListing", target: "/b-priv?list-type=2", status: 403, code: "AccessDenied"},
		{name: "OtherTenantsUploads", target: "/b-priv?uploads", status: 403, code: "AccessDenied"},
		{name: "OtherTenantAsCopySource", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", "/b-priv/secret"}}, status: 403, code: "AccessDenied"},
		{name: "CopySourceThatClimbs", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", "a-priv/../b-priv/secret"}}, status: 404, code: "NoSuchKey"},
		{name: "CopySourceThatClimbsEncoded", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", "a-priv/%2e%2e/b-priv/secret"}}, status: 404, code: "NoSuchKey"},
		{name: "EmptyCopySource", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", ""}}, status: 400, code: "InvalidArgument"},
		{name: "CopySourceWithoutKey", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", "b-priv"}}, status: 400, code: "InvalidArgument"},
		{name: "CopySourceAsURL", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-copy-source", "http://b-priv/secret"}}, status: 400, code: "InvalidArgument"},
		{name: "PathThatClimbs", target: "/a-priv/../b-priv/secret", status: 404, code: "NoSuchKey"},
		{name: "PathThatClimbsEncoded", target: "/a-priv%2F..%2Fb-priv/secret", status: 400, code: "InvalidBucketName"},
		{name: "ExpectedOwnerIsAnother", method: "PUT", target: "/a-priv/x", signed: [][2]string{{"x-amz-expected-bucket-owner", "222222222222"}}, body: "new", status: 403, code: "AccessDenied"},
		{name: "OverlongUTF8", method: "PUT", target: "/a-priv/%c0%af", status: 400, code: "InvalidArgument"},
		{name: "LoneSurrogate", method: "PUT", target: "/a-priv/%ed%a0%80", status: 400, code: "InvalidArgument"},
		{name: "DeepXML", method: "POST", target: "/a-priv?delete", body: strings.Repeat("<a>", 100_000), signed: [][2]string{{"Content-MD5", ""}}, status: 400},
		{name: "UnknownMethod", method: "PROPFIND", target: "/a-priv", status: 405, code: "MethodNotAllowed"},
		{name: "ControlCharacterInOverride", target: "/a-priv/x?response-content-disposition=a%0d%0aSet-Cookie:x=1", status: 400, code: "InvalidArgument"},
		{name: "ManyParameters", target: "/a-priv?" + strings.Repeat("a&", 2000), status: 400, code: "InvalidArgument"},
		{name: "UnknownKeyID", target: "/a-priv/x", key: "nobody", status: 403, code: "InvalidAccessKeyId"},
		{name: "Script", target: "/<script>alert(1)</script>", status: 400, code: "InvalidBucketName"},
	}
	for _, tt := range tries {
		t.Run(tt.name, func(t *testing.T) {
			status, body := w.try(t, tt)
			if status != tt.status || !strings.Contains(body, "<Code>"+tt.code) {
				t.Errorf("status %d, want %d; body %s, want code %s", status, tt.status, body, tt.code)
			}
			if strings.Contains(body, "secret of") {
				t.Errorf("the answer has another's bytes: %s", body)
			}
			if after := w.state(t); after != before {
				t.Errorf("the state changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// state is everything that both accounts can see.
func (w *world) state(t *testing.T) string {
	var all strings.Builder
	for _, request := range []string{"GET /", "GET /a-priv", "GET /a-priv/x", "GET /a-priv?uploads", "@key bob\nGET /", "@key bob\nGET /b-priv",
		"@key bob\nGET /b-priv/secret"} {
		all.WriteString(w.play(t, request, nil))
	}
	return all.String()
}

func (w *world) try(t *testing.T, tt try) (int, string) {
	t.Helper()
	method := tt.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL, strings.NewReader(tt.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.URL, err = r.URL.Parse(w.URL); err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(tt.target, "?")
	r.URL.Opaque = ""
	r.URL.RawQuery = query
	r.URL.RawPath = path
	r.URL.Path = unescape(path)
	for _, h := range tt.signed {
		r.Header.Set(h[0], h[1])
	}
	p := w.pairs["alice"]
	if tt.key == "nobody" {
		p.id = "CFAK0000000000000000"
	}
	hash := tt.hash
	if hash == "" {
		sum := sha256.Sum256([]byte(tt.body))
		hash = hex.EncodeToString(sum[:])
	}
	switch {
	case tt.presign:
		sigv4.Presign(r, p.id, p.secret, "auto", "s3", time.Hour, w.clock.Now())
	case !tt.anonymous:
		sigv4.Sign(r, p.id, p.secret, "auto", "s3", hash, w.clock.Now())
	}
	for _, h := range tt.added {
		if h[0] == "?" {
			r.URL.RawQuery += h[1]
		} else {
			r.Header.Set(h[0], h[1])
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func unescape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		var c byte
		if n, _ := fmt.Sscanf(path[i:], "%%%02x", &c); n == 1 {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// TestRawFraming writes bytes that no well-behaved client sends.
func TestRawFraming(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /abc", nil)
	tests := []struct{ name, request, want string }{
		{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		{"NoLength", "PUT /abc/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "403"},
		{"TwoLengths", "PUT /abc/b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
		{"SignedLength", "PUT /abc/b HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", "400"},
		{"BadEscape", "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
		{"TwoCopySources", "PUT /abc/b HTTP/1.1\r\nHost: a\r\nX-Amz-Copy-Source: a/b\r\nX-Amz-Copy-Source: c/d\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "400"},
		{"Asterisk", "GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "400"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", w.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			answer := bufio.NewReader(conn)
			line, err := answer.ReadString('\n')
			if err != nil || !strings.Contains(line, " "+tt.want+" ") {
				t.Errorf("answer %q, %v, want status %s", line, err, tt.want)
			}
			rest, err := io.ReadAll(answer)
			if err != nil || strings.Contains(string(rest), "HTTP/1.1") {
				t.Errorf("after the answer came %q, %v, want the end of the connection", rest, err)
			}
		})
	}
}

// TestAnEmptyBodyIsWaitedForToo: whoever expects 100 Continue gets it before the
// answer, also where there is nothing to send.
func TestAnEmptyBodyIsWaitedForToo(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /abc", nil)
	conn, err := net.Dial("tcp", w.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const request = "PUT /abc/b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n") {
		t.Errorf("answer %q, %v, want 100 and then 403", answer, err)
	}
}
