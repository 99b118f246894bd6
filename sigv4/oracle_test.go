package sigv4_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssigner "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	miniosigner "github.com/minio/minio-go/v7/pkg/signer"

	"coffer/sigv4"
)

// serve answers 200 with the decoded body and its trailers in headers when a
// request verifies, and the refusal as text otherwise.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		opt := options(time.Now())
		a, err := sigv4.Parse(r, opt)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		key := sigv4.DeriveKey(exampleSecret, a.Credential.Date, a.Credential.Region, a.Credential.Service)
		if err := a.Verify(key); err != nil {
			http.Error(w, err.(*sigv4.Error).Field("CanonicalRequest"), http.StatusForbidden)
			return
		}
		b := a.Body(r.Body, r.ContentLength, key)
		body, err := io.ReadAll(b)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Payload", r.Header.Get("X-Amz-Content-Sha256"))
		for name := range b.Trailer() {
			w.Header().Set(name, b.Trailer().Get(name))
		}
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

// send wants the server to accept r and to have read body.
func send(t *testing.T, r *http.Request, body string) *http.Response {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	if resp.StatusCode != http.StatusOK || r.Method != http.MethodHead && string(got) != body {
		t.Fatalf("%s %s = %s with %.400q, want 200 with %d bytes", r.Method, r.URL, resp.Status, got, len(body))
	}
	return resp
}

// The keys whose spelling clients, servers and proxies disagree about.
var oddKeys = []string{
	"plain", "a//b", "/lead", "dir/", "a+b", "a b", "a%25b", "~tilde~", "é", "emoji 😀", "a%2Fb", "./x/../y", "..", "*!'()@:$,;=&",
	"\x01\x7f", "%", "<>\"`{}|\\^[]#?",
}

// awsPath is the path of an S3 key as the SDKs send it.
func awsPath(key string) string {
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; c == '/' || strings.IndexByte("-._~", c) >= 0 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// randomRequest draws method, key, query, headers and body. odd allows
// query parameters that minio-go does not sort as AWS does: several times, and
// with names that need encoding.
func randomRequest(t *testing.T, base string, rnd *rand.Rand, odd bool) (*http.Request, string) {
	t.Helper()
	method := []string{"GET", "PUT", "POST", "DELETE", "HEAD"}[rnd.IntN(5)]
	query := url.Values{}
	for range rnd.IntN(5) {
		names := []string{"prefix", "delimiter", "acl", "list-type", "x", "é", "a b", "a-b", "a;b"}
		value := oddKeys[rnd.IntN(len(oddKeys))]
		if odd {
			query.Add(names[rnd.IntN(len(names))], value)
		} else {
			query.Set(names[rnd.IntN(5)], value)
		}
	}
	body := ""
	if method == "PUT" || method == "POST" {
		body = strings.Repeat("payload ", rnd.IntN(3)*rnd.IntN(20000))
	}
	target := base + "/bucket/" + awsPath(oddKeys[rnd.IntN(len(oddKeys))])
	if len(query) > 0 {
		target += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"X-Amz-Meta-Spaces:  a   b  ", "X-Amz-Meta-List:1", "X-Amz-Meta-List:2", "Content-Type:text/plain; charset=utf-8",
		"Expect:100-continue", "Range:bytes=0-9", "X-Amz-Copy-Source:/a/b%20c", "User-Agent:oracle/1", "X-Amz-Meta-Empty:", "Cache-Control:no-cache", "Te:trailers",
	} {
		if name, value, _ := strings.Cut(line, ":"); rnd.IntN(2) == 0 {
			r.Header.Add(name, value)
		}
	}
	return r, body
}

// TestVerifiesAWS signs random requests with AWS's own signer.
func TestVerifiesAWS(t *testing.T) {
	s := serve(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	signer := awssigner.NewSigner(func(o *awssigner.SignerOptions) { o.DisableURIPathEscaping = true })
	for i := range 300 {
		who := aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}
		if i%3 == 0 {
			who.SessionToken = "token/with+odd=characters"
		}
		r, body := randomRequest(t, s.URL, rnd, true)
		payload := hexSHA256(body)
		if i%2 == 0 {
			payload = "UNSIGNED-PAYLOAD"
		}
		if i%5 == 0 {
			r.URL.RawQuery += "&X-Amz-Expires=60"
			r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery, "&")
			link, headers, err := signer.PresignHTTP(context.Background(), who, r, "UNSIGNED-PAYLOAD", "s3", exampleRegion, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			sent, err := http.NewRequestWithContext(t.Context(), r.Method, link, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			headers.Del("Content-Length")
			headers.Del("Host")
			sent.Header = headers
			send(t, sent, body)
			continue
		}
		r.Header.Set("X-Amz-Content-Sha256", payload)
		if err := signer.SignHTTP(t.Context(), who, r, payload, "s3", exampleRegion, time.Now()); err != nil {
			t.Fatal(err)
		}
		send(t, r, body)
	}
}

// TestVerifiesMinIO signs random requests with minio-go's signer.
func TestVerifiesMinIO(t *testing.T) {
	s := serve(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		token := []string{"", "token/with+odd=characters"}[i%2]
		r, body := randomRequest(t, s.URL, rnd, false)
		if i%5 == 0 {
			r.Header = http.Header{}
			send(t, miniosigner.PreSignV4(*r, exampleID, exampleSecret, token, exampleRegion, 60), body)
			continue
		}
		r.Header.Set("X-Amz-Content-Sha256", hexSHA256(body))
		send(t, miniosigner.SignV4(*r, exampleID, exampleSecret, token, exampleRegion), body)
	}
}

// TestVerifiesMinIOChunks uploads as minio-go does over plain HTTP: signed
// chunks, with and without trailers, of every size around a chunk's.
func TestVerifiesMinIOChunks(t *testing.T) {
	s := serve(t)
	host := strings.TrimPrefix(s.URL, "http://")
	for _, trailing := range []bool{false, true} {
		client, err := minio.New(host, &minio.Options{
			Creds:  credentials.NewStaticV4(exampleID, exampleSecret, ""),
			Region: exampleRegion, TrailingHeaders: trailing,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300_000} {
			body := bytes.Repeat([]byte("x"), size)
			opts := minio.PutObjectOptions{DisableMultipart: true}
			if trailing {
				opts.Checksum = minio.ChecksumCRC32C
			}
			if _, err := client.PutObject(t.Context(), "bucket", "a b/é", bytes.NewReader(body), int64(size), opts); err != nil {
				t.Errorf("PutObject of %d bytes, trailing %v = %v, want nil", size, trailing, err)
			}
		}
	}
	for _, size := range []int{1, 64 << 10, 300_000} {
		body := strings.Repeat("y", size)
		r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/bucket/key", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Trailer = http.Header{"X-Amz-Checksum-Crc32c": {"AAAAAA=="}}
		r = miniosigner.StreamingUnsignedV4(r, "", int64(size), time.Now().UTC())
		r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(size))
		r.Header.Set("X-Amz-Content-Sha256", unsignedTrailer)
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "s3", unsignedTrailer, time.Now())
		resp := send(t, r, body)
		if got := resp.Header.Get("X-Amz-Checksum-Crc32c"); got != "AAAAAA==" {
			t.Errorf("trailer = %q, want AAAAAA==", got)
		}
	}
}

// TestVerifiesItself signs with Sign and Presign over a real connection, with
// keys spelled in ways that the SDKs never send.
func TestVerifiesItself(t *testing.T) {
	s := serve(t)
	spellings := []string{"/b/%2F", "/b/a%2fb", "/b/%7e", "/b/~", "/b/a+b", "/b/a%2Bb", "//", "/b//k", "/b/./k", "/b/%41", "/", "/b/é", "/b/(x)"}
	for _, path := range spellings {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+path+"?x=%2f&y", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "s3", hexSHA256("body"), time.Now())
		send(t, r, "body")
		link, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+path+"?x=%2f&y", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		link.Header.Set("X-Amz-Meta-A", "1")
		sigv4.Presign(link, exampleID, exampleSecret, exampleRegion, "s3", time.Minute, time.Now())
		send(t, link, "body")
	}
}
