package crash_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// forgery is a PUT by somebody without the right to it.
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
		q.header["Content-Encoding"], q.header["X-Amz-Decoded-Content-Length"] = "aws-chunked", strconv.Itoa(len(q.body))
		q.body = fmt.Appendf(nil, "%x\r\n%s", len(q.body), q.body)
		q.header["X-Amz-Trailer"] = "x-amz-checksum-crc32"
		q.sha256 = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
		return c.do(q)
	}, []int{http.StatusBadRequest}},
	{"UnknownUpload", func(c *client, q request) (*reply, error) {
		q.query = url.Values{"uploadId": {"0123456789abcdef"}, "partNumber": {"1"}}
		return c.do(q)
	}, []int{http.StatusNotFound, http.StatusBadRequest}},
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
			w.ledger.problem("PUT %q, %s = %s, want a refusal", e.key, f.name, r)
		case !slices.Contains(f.want, r.status):
			w.surprise("PUT %q, %s = %s, want one of %v", e.key, f.name, r, f.want)
		}
		return true
	})
}
