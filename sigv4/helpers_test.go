package sigv4_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// The credentials of AWS's documentation.
const (
	exampleID     = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleRegion = "us-east-1"
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	signedChunks        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedChunksTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer     = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func options(now time.Time) sigv4.Options {
	return sigv4.Options{Now: now, Regions: []string{"auto", exampleRegion}, Service: "s3"}
}

func exampleKey() sigv4.Key {
	return sigv4.DeriveKey(exampleSecret, "20130524", exampleRegion, "s3")
}

// request makes a request as a server sees it; headers are "name: value".
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if strings.EqualFold(name, "host") {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return r
}

// signed is request, signed with the example credentials at exampleTime.
func signed(method, target, body, payload string, headers ...string) *http.Request {
	r := request(method, target, body, headers...)
	sigv4.Sign(r, exampleID, exampleSecret, exampleRegion, "s3", payload, exampleTime)
	return r
}

// check does with r what a server does, and returns what it read.
func check(r *http.Request, opt sigv4.Options, secret string) ([]byte, *sigv4.Auth, error) {
	a, err := sigv4.Parse(r, opt)
	if err != nil {
		return nil, nil, err
	}
	key := sigv4.DeriveKey(secret, a.Credential.Date, a.Credential.Region, a.Credential.Service)
	if a.Kind != sigv4.Anonymous {
		if err := a.Verify(key); err != nil {
			return nil, a, err
		}
	}
	b := a.Body(r.Body, r.ContentLength, key)
	got, err := io.ReadAll(b)
	if err == nil && b.Size() >= 0 && int64(len(got)) != b.Size() {
		err = fmt.Errorf("Size() = %d, but %d bytes came before io.EOF", b.Size(), len(got))
	}
	return got, a, err
}

// code returns the code of a refusal, "" for nil, and the text of another error.
func code(err error) string {
	var e *sigv4.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return err.Error()
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sign(key sigv4.Key, text string) string {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// framer writes aws-chunked bodies, knowing nothing of the reader's code.
type framer struct {
	bytes.Buffer
	key      sigv4.Key
	previous string // signature; empty: chunks are not signed
}

// newFramer takes the seed from a request that Sign has signed.
func newFramer(r *http.Request, key sigv4.Key, signChunks bool) *framer {
	f := &framer{key: key}
	if signChunks {
		_, f.previous, _ = strings.Cut(r.Header.Get("Authorization"), "Signature=")
	}
	return f
}

const exampleScope = "20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"

func (f *framer) header(payload string) string {
	if f.previous == "" {
		return fmt.Sprintf("%x\r\n", len(payload))
	}
	f.previous = sign(f.key, "AWS4-HMAC-SHA256-PAYLOAD\n"+exampleScope+f.previous+"\n"+emptyHash+"\n"+hexSHA256(payload))
	return fmt.Sprintf("%x;chunk-signature=%s\r\n", len(payload), f.previous)
}

func (f *framer) chunk(payload string) {
	f.WriteString(f.header(payload) + payload + "\r\n")
}

func (f *framer) end(trailers ...string) {
	f.WriteString(f.header(""))
	text := ""
	for _, line := range trailers {
		f.WriteString(line + "\r\n")
		text += line + "\n"
	}
	if len(trailers) > 0 && f.previous != "" {
		f.WriteString("x-amz-trailer-signature:" + f.trailerSignature(text) + "\r\n")
	}
	f.WriteString("\r\n")
}

func (f *framer) trailerSignature(text string) string {
	return sign(f.key, "AWS4-HMAC-SHA256-TRAILER\n"+exampleScope+f.previous+"\n"+hexSHA256(text))
}

// wantCode fails the test unless err has the code, and the text in its message.
func wantCode(t *testing.T, call string, err error, want, text string) {
	t.Helper()
	if got := code(err); got != want {
		t.Fatalf("%s = %v, want code %q", call, err, want)
	}
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%s = %v, want a message with %q", call, err, text)
	}
}

func readAll(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	return string(b), err
}
