package crash_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"coffer/sigv4"
)

// forgery is a write by somebody without the right to it, or of what was not meant.
type forgery struct {
	name string
	send func(c *client, q request) (*reply, error)
	want []int
}

var forgeries = []forgery{
	{"WrongSecret", func(c *client, q request) (*reply, error) {
		thief := *c
		thief.secret = strings.Repeat("x", 40)
		return thief.do(q)
	}, []int{http.StatusForbidden}},
	{"UnknownKey", func(c *client, q request) (*reply, error) {
		thief := *c
		thief.id = "CFAKNOBODYHASTHISKEY"
		return thief.do(q)
	}, []int{http.StatusForbidden}},
	{"ForgedChunk", func(c *client, q request) (*reply, error) {
		q.header["Content-Encoding"], q.header["X-Amz-Decoded-Content-Length"] = "aws-chunked", strconv.Itoa(len(q.body))
		q.body = chunked(q.body)
		q.sha256 = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"TruncatedChunks", func(c *client, q request) (*reply, error) {
		return c.do(q.withTrailer(""))
	}, []int{http.StatusBadRequest}},
	{"UnknownUpload", func(c *client, q request) (*reply, error) {
		q.query = url.Values{"uploadId": {"0123456789abcdef"}, "partNumber": {"1"}}
		return c.do(q)
	}, []int{http.StatusNotFound, http.StatusBadRequest}},
	{"WrongTrailer", func(c *client, q request) (*reply, error) {
		return c.do(q.withTrailer("\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"))
	}, []int{http.StatusBadRequest}},
	{"OtherBody", func(c *client, q request) (*reply, error) {
		sum := sha256.Sum256([]byte("other"))
		q.sha256 = hex.EncodeToString(sum[:])
		return c.do(q)
	}, []int{http.StatusBadRequest}},
	{"OtherMD5", func(c *client, q request) (*reply, error) {
		q.header["Content-MD5"] = contentMD5([]byte("other"))
		return c.do(q)
	}, []int{http.StatusBadRequest}},
	{"UnsignedCopySource", func(c *client, q request) (*reply, error) {
		q.change = func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/"+c.bucket+"/"+escapeKey(q.key)) }
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"UnsignedMetadata", func(c *client, q request) (*reply, error) {
		q.change = func(r *http.Request) { r.Header.Set("X-Amz-Meta-Evil", "1") }
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"OtherKey", func(c *client, q request) (*reply, error) {
		signed := q.key
		q.key = "somewhere/else"
		q.change = func(r *http.Request) {
			r.URL.Path, r.URL.RawPath = "/"+c.bucket+"/"+signed, "/"+c.bucket+"/"+escapeKey(signed)
		}
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"OldDate", func(c *client, q request) (*reply, error) {
		q.change = func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
		}
		return c.do(q)
	}, []int{http.StatusForbidden, http.StatusBadRequest}},
	{"ExpiredLink", func(c *client, q request) (*reply, error) {
		q.change = func(r *http.Request) {
			r.Header = http.Header{}
			sigv4.Presign(r, c.id, c.secret, "us-east-1", "s3", time.Minute, time.Now().Add(-time.Hour))
		}
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"Nobody", func(c *client, q request) (*reply, error) {
		q.change = func(r *http.Request) { r.Header.Del("Authorization") }
		return c.do(q)
	}, []int{http.StatusForbidden}},
	{"DeleteByAThief", func(c *client, q request) (*reply, error) {
		thief := *c
		thief.secret = strings.Repeat("x", 40)
		return thief.do(request{method: http.MethodDelete, key: q.key})
	}, []int{http.StatusForbidden}},
	{"DeleteManyByNobody", func(c *client, q request) (*reply, error) {
		body := []byte("<Delete><Object><Key>" + html.EscapeString(q.key) + "</Key></Object></Delete>")
		return c.do(request{method: http.MethodPost, query: url.Values{"delete": {""}}, body: body, header: map[string]string{"Content-MD5": contentMD5(body)},
			change: func(r *http.Request) { r.Header.Del("Authorization") }})
	}, []int{http.StatusForbidden}},
}

// chunked frames a body in one chunk with a signature that is none.
func chunked(body []byte) []byte {
	none := strings.Repeat("0", 64)
	return fmt.Appendf(nil, "%x;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n\r\n", len(body), none, body, none)
}

// forged sends a PUT that must be refused, in good times and in bad: what the key
// holds stays as it was, which the next check sees.
func (w *worker) forged() bool {
	return w.one(func(e *entry) bool {
		f := forgeries[w.rand.IntN(len(forgeries))]
		v, body := w.draw(1 + w.rand.Int64N(2*inlineMax))
		r, err := w.judge(func() (*reply, error) {
			return f.send(w.client, request{method: http.MethodPut, key: e.key, header: v.headers(), body: body})
		})
		switch {
		case err != nil:
			// A refusal may come before the body has gone, and be lost with the
			// connection.
			return !w.down.Load()
		case r.status < 300:
			w.ledger.problem("forged write of %q, %s = %s, want a refusal", e.key, f.name, r)
		case !slices.Contains(f.want, r.status):
			w.surprise("forged write of %q, %s = %s, want one of %v", e.key, f.name, r, f.want)
		}
		return true
	})
}

// withTrailer is the request with its body as one chunk of an unsigned stream, and end
// behind the bytes of the chunk.
func (q request) withTrailer(end string) request {
	q.header["Content-Encoding"], q.header["X-Amz-Decoded-Content-Length"] = "aws-chunked", strconv.Itoa(len(q.body))
	q.header["X-Amz-Trailer"] = "x-amz-checksum-crc32"
	q.body = fmt.Appendf(nil, "%x\r\n%s%s", len(q.body), q.body, end)
	q.sha256 = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	return q
}
