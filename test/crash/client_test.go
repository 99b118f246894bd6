package crash_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coffer/sigv4"
	"coffer/test/harness"
)

// requestTimeout tells a hang from a slow machine.
const requestTimeout = 60 * time.Second

// client sends each request exactly once: a ledger must know what a request did,
// and a client that tries again hides it.
type client struct {
	endpoint, id, secret string
	bucket               string
	http                 *http.Client
}

// newClient talks to the server as it runs now; a restart needs a new one.
func newClient(s *harness.Server, bucket string) *client {
	return &client{
		endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret, bucket: bucket,
		http: &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 32, ExpectContinueTimeout: requestTimeout}},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// code is the error code of an S3 answer, or "".
func (r *reply) code() string {
	var doc struct{ Code string }
	if xml.Unmarshal(r.body, &doc) != nil {
		return ""
	}
	return doc.Code
}

func (r *reply) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, r.code()))
}

func (r *reply) etag() string { return strings.Trim(r.header.Get("ETag"), `"`) }

// cutError is an answer that began and did not end.
type cutError struct {
	got *reply
	err error
}

func (e *cutError) Error() string {
	return fmt.Sprintf("answer %d was cut after %d bytes: %v", e.got.status, len(e.got.body), e.err)
}
func (e *cutError) Unwrap() error { return e.err }

// request is one signed request; key is "" for one on the bucket.
type request struct {
	method, key string
	query       url.Values
	header      map[string]string
	body        []byte
	// cut ends the connection in the middle of the body.
	cut bool
	// sha256 is sent in the place of the body's.
	sha256 string
	// change is done to the request when it has been signed.
	change func(*http.Request)
}

var errCut = errors.New("the test cut the request")

func (c *client) do(q request) (*reply, error) {
	u, err := url.Parse(c.endpoint)
	if err != nil {
		return nil, err
	}
	u.Path, u.RawPath = "/"+c.bucket, "/"+c.bucket
	if q.key != "" {
		u.Path, u.RawPath = u.Path+"/"+q.key, u.RawPath+"/"+escapeKey(q.key)
	}
	u.RawQuery = strings.ReplaceAll(q.query.Encode(), "+", "%20")
	var body io.Reader = bytes.NewReader(q.body)
	if q.cut {
		body = io.MultiReader(bytes.NewReader(q.body[:len(q.body)/2]), failing{})
	}
	r, err := http.NewRequest(q.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.URL = u
	r.ContentLength = int64(len(q.body))
	if len(q.body) == 0 {
		r.Body = http.NoBody
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	hash := q.sha256
	if hash == "" {
		sum := sha256.Sum256(q.body)
		hash = hex.EncodeToString(sum[:])
	}
	sigv4.Sign(r, c.id, c.secret, "us-east-1", "s3", hash, time.Now())
	if q.change != nil {
		q.change(r)
	}
	httpClient := c.http
	if q.cut {
		// The transport can give a connection to the next request before it has seen
		// that the body of this one broke off, and fails that one for it, also if the
		// request says Close (seen once in 300 cycles of a load, on a busy machine): so
		// that this one has a transport that no other uses.
		alone := c.http.Transport.(*http.Transport).Clone()
		alone.DisableKeepAlives = true
		defer alone.CloseIdleConnections()
		httpClient = &http.Client{Timeout: requestTimeout, Transport: alone}
	}
	resp, err := httpClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got := &reply{status: resp.StatusCode, header: resp.Header}
	if got.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, &cutError{got, err}
	}
	return got, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }

// escapeKey encodes a key as it stands in a path.
func escapeKey(key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func contentMD5(body []byte) string {
	sum := md5.Sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// listed is what a listing says of an object.
type listed struct {
	size int64
	etag string
}

// list reads the whole bucket in pages of a size that divides nothing evenly.
func (c *client) list() (map[string]listed, error) {
	all := map[string]listed{}
	token, last := "", ""
	for {
		query := url.Values{"list-type": {"2"}, "max-keys": {"17"}, "encoding-type": {"url"}}
		if token != "" {
			query.Set("continuation-token", token)
		}
		r, err := c.do(request{method: http.MethodGet, query: query})
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		if r.status != http.StatusOK {
			return nil, fmt.Errorf("list: %s", r)
		}
		var page struct {
			IsTruncated           bool
			NextContinuationToken string
			Contents              []struct {
				Key, ETag string
				Size      int64
			}
		}
		if err := xml.Unmarshal(r.body, &page); err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		for _, o := range page.Contents {
			key, err := url.QueryUnescape(o.Key)
			if err != nil {
				return nil, fmt.Errorf("list: key %q: %w", o.Key, err)
			}
			if key <= last {
				return nil, fmt.Errorf("list: %q comes after %q", key, last)
			}
			last = key
			all[key] = listed{o.Size, strings.Trim(o.ETag, `"`)}
		}
		if !page.IsTruncated {
			return all, nil
		}
		token = page.NextContinuationToken
	}
}

// listedUpload names an open upload.
type listedUpload struct{ Key, UploadID string }

func (c *client) listUploads() ([]listedUpload, error) {
	r, err := c.do(request{method: http.MethodGet, query: url.Values{"uploads": {""}, "encoding-type": {"url"}}})
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("list uploads: %s", r)
	}
	var doc struct {
		IsTruncated bool
		Upload      []struct{ Key, UploadId string }
	}
	if err := xml.Unmarshal(r.body, &doc); err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	if doc.IsTruncated {
		return nil, errors.New("list uploads: more than a page, which no load here leaves")
	}
	var all []listedUpload
	for _, u := range doc.Upload {
		key, err := url.QueryUnescape(u.Key)
		if err != nil {
			return nil, fmt.Errorf("list uploads: key %q: %w", u.Key, err)
		}
		all = append(all, listedUpload{key, u.UploadId})
	}
	return all, nil
}

// listParts maps the number of each part of an upload to what is known of it.
func (c *client) listParts(key, id string) (map[int]listed, error) {
	r, err := c.do(request{method: http.MethodGet, key: key, query: url.Values{"uploadId": {id}}})
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("list parts: %s", r)
	}
	var doc struct {
		Part []struct {
			PartNumber int
			ETag       string
			Size       int64
		}
	}
	if err := xml.Unmarshal(r.body, &doc); err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	parts := map[int]listed{}
	for _, p := range doc.Part {
		parts[p.PartNumber] = listed{p.Size, strings.Trim(p.ETag, `"`)}
	}
	return parts, nil
}

func partQuery(id string, number int) url.Values {
	return url.Values{"uploadId": {id}, "partNumber": {strconv.Itoa(number)}}
}

func (c *client) complete(key, id string, parts []part) (*reply, error) {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for _, p := range parts {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", p.number, p.etag)
	}
	b.WriteString("</CompleteMultipartUpload>")
	return c.do(request{method: http.MethodPost, key: key, query: url.Values{"uploadId": {id}}, body: []byte(b.String())})
}

func (c *client) abort(key, id string) (*reply, error) {
	return c.do(request{method: http.MethodDelete, key: key, query: url.Values{"uploadId": {id}}})
}
