// Package remote is the client of another S3 service: what replication sends. It
// streams, so that no object is ever in memory, and knows nothing of queues, nor of
// why something is sent.
package remote

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/sigv4"
)

const (
	answerMax = 1 << 20 // bytes of an answer's body that are read
	headMax   = 64 << 10
	// A request may take requestMin, and for each so many bytes of its body a second
	// more: what is slower than that does not go on.
	requestMin     = time.Minute
	bytesPerSecond = 64 << 10

	unsigned = "UNSIGNED-PAYLOAD"
	// emptySHA256 is the payload hash of a request without a body.
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Client sends. Its methods may be called from many goroutines.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// New makes a Client. The endpoints are the operator's own, so they may be on any
// network; a redirect would lead somewhere else and is not followed.
func New(now func() time.Time) *Client {
	return &Client{now: now, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: headMax,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
		},
	}}
}

// Error is what the other service answered if it was not a 2xx.
type Error struct {
	Status  int
	Code    string
	Message string
}

func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("it answered %d %s %s", e.Status, e.Code, e.Message))
}

// Unavailable tells whether an error says that the service as a whole does not
// answer, or wants to be asked later, rather than that it refuses this object.
func Unavailable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return !ok || e.Status >= 500 && e.Status != http.StatusNotImplemented ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// call is one request.
type call struct {
	method  string
	bucket  coffer.BucketName
	key     string
	query   url.Values
	header  http.Header
	body    io.Reader
	size    int64
	payload string // its hash, if body is set; unsigned if ""
}

// do sends a request and reads the body of a 2xx.
func (c *Client) do(ctx context.Context, t *coffer.ReplicationTarget, q call) (http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestMin+time.Duration(q.size/bytesPerSecond)*time.Second)
	defer cancel()
	body := q.body
	if body != nil && q.size == 0 {
		body = http.NoBody
	}
	r, err := http.NewRequestWithContext(ctx, q.method, t.Endpoint, body)
	if err != nil {
		return nil, nil, fmt.Errorf("the endpoint of %s is not a URL", t.Name)
	}
	path := "/" + string(q.bucket) + "/" + escapeKey(q.key)
	if r.URL.Path, err = url.PathUnescape(path); err != nil {
		return nil, nil, err
	}
	r.URL.RawPath = path
	r.URL.RawQuery = strings.ReplaceAll(q.query.Encode(), "+", "%20")
	if q.header != nil {
		r.Header = q.header
	}
	r.ContentLength = q.size
	r.Header.Set("User-Agent", "coffer/"+coffer.Version)
	r.Header.Set(coffer.ReplicaHeader, "true")
	payload := q.payload
	switch {
	case q.body == nil:
		payload = emptySHA256
	case payload == "":
		payload = unsigned
		// A refusal comes before the bytes are sent.
		r.Header.Set("Expect", "100-continue")
	}
	sigv4.Sign(r, t.AccessKeyID, t.Secret.Reveal(), t.Region, "s3", payload, c.now())
	answer, err := c.http.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, nil, readError(answer.StatusCode, text)
	}
	return answer.Header, text, err
}

// escapeKey writes a key as the signature wants it: all but unreserved characters
// and / escaped.
func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// errorText bounds what is kept of a foreign message, in bytes.
const errorText = 200

func readError(status int, text []byte) error {
	var doc struct{ Code, Message string }
	_ = xml.Unmarshal(text, &doc) // a proxy's answer is no XML
	return &Error{Status: status, Code: cut(doc.Code), Message: cut(doc.Message)}
}

func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > errorText {
		s = strings.ToValidUTF8(s[:errorText], "")
	}
	return s
}

// Put copies an object in one request and returns the version that it has there.
func (c *Client) Put(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, o coffer.Object, body io.Reader) (version string, err error) {
	h := headers(o)
	setLock(h, o.Lock, c.now())
	// What is locked needs a checksum (AWS, "PutObject"), whoever chose it.
	if sum := o.Checksum; sum.Value != "" && sum.Type == coffer.FullObject && (chosen(sum) || o.Lock != coffer.Lock{}) {
		h.Set("X-Amz-Checksum-"+string(sum.Algorithm), sum.Value)
	}
	if e := o.Encryption; e.Is(coffer.NotEncrypted) || e.Is(coffer.SSES3) {
		setMD5(h, o.ETag) // others look like an MD5, and are none
	}
	head, _, err := c.do(ctx, t, call{method: http.MethodPut, bucket: bucket, key: o.Key, header: h, body: body, size: o.Size})
	return head.Get("X-Amz-Version-Id"), err
}

// Begin begins a copy of many parts.
func (c *Client) Begin(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, o coffer.Object) (upload string, err error) {
	h := headers(o)
	setLock(h, o.Lock, c.now())
	if sum := o.Checksum; chosen(sum) {
		h.Set("X-Amz-Checksum-Algorithm", string(sum.Algorithm))
		h.Set("X-Amz-Checksum-Type", string(sum.Type))
	}
	_, text, err := c.do(ctx, t, call{method: http.MethodPost, bucket: bucket, key: o.Key, header: h, query: url.Values{"uploads": {""}}})
	if err != nil {
		return "", err
	}
	var doc struct{ UploadId string }
	if err := xml.Unmarshal(text, &doc); err != nil || doc.UploadId == "" {
		return "", errors.New("it did not name the upload that it began")
	}
	return doc.UploadId, nil
}

// Part is a part of a copy as the other service has it.
type Part struct {
	Number int
	ETag   string
	Sum    coffer.Checksum
}

// PutPart copies one part.
func (c *Client) PutPart(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, upload string, p Part, body io.Reader, size int64) (Part, error) {
	h := http.Header{}
	if p.Sum.Value != "" {
		h.Set("X-Amz-Checksum-"+string(p.Sum.Algorithm), p.Sum.Value)
	}
	head, _, err := c.do(ctx, t, call{method: http.MethodPut, bucket: bucket, key: key, header: h, body: body, size: size,
		query: url.Values{"uploadId": {upload}, "partNumber": {strconv.Itoa(p.Number)}}})
	p.ETag = head.Get("ETag")
	if err == nil && p.ETag == "" {
		err = errors.New("it did not name the part that it took")
	}
	return p, err
}

// Complete ends a copy of many parts and returns the version that it has there.
func (c *Client) Complete(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, upload string, parts []Part) (version string, err error) {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for _, p := range parts {
		b.WriteString("<Part>")
		if p.Sum.Value != "" && chosen(p.Sum) {
			name := "Checksum" + string(p.Sum.Algorithm)
			b.WriteString("<" + name + ">" + escapeText(p.Sum.Value) + "</" + name + ">")
		}
		b.WriteString("<ETag>" + escapeText(p.ETag) + "</ETag><PartNumber>" + strconv.Itoa(p.Number) + "</PartNumber></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	head, text, err := c.do(ctx, t, call{method: http.MethodPost, bucket: bucket, key: key, query: url.Values{"uploadId": {upload}},
		body: strings.NewReader(b.String()), size: int64(b.Len()), payload: hash(b.String())})
	if err != nil {
		return "", err
	}
	// A 200 may have begun before it failed (AWS, "CompleteMultipartUpload").
	var doc struct{ XMLName xml.Name }
	if err := xml.Unmarshal(text, &doc); err == nil && doc.XMLName.Local == "Error" {
		return "", readError(http.StatusInternalServerError, text)
	}
	return head.Get("X-Amz-Version-Id"), nil
}

// Abort gives the parts of a copy up.
func (c *Client) Abort(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, upload string) error {
	_, _, err := c.do(ctx, t, call{method: http.MethodDelete, bucket: bucket, key: key, query: url.Values{"uploadId": {upload}}})
	return err
}

// Mark makes a delete marker and returns its version.
func (c *Client) Mark(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key string) (version string, err error) {
	head, _, err := c.do(ctx, t, call{method: http.MethodDelete, bucket: bucket, key: key})
	return head.Get("X-Amz-Version-Id"), err
}

// PutTags puts tags in the place of those that a version has there.
func (c *Client) PutTags(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, version string, tags []coffer.Tag) error {
	var b strings.Builder
	b.WriteString("<Tagging><TagSet>")
	for _, tag := range tags {
		b.WriteString("<Tag><Key>" + escapeText(tag.Key) + "</Key><Value>" + escapeText(tag.Value) + "</Value></Tag>")
	}
	b.WriteString("</TagSet></Tagging>")
	return c.change(ctx, t, call{bucket: bucket, key: key, query: url.Values{"tagging": {""}}, header: http.Header{}}, version, b.String())
}

// PutRetention puts a retention in the place of the one that a version has there, if
// the key may: what is shortened here is to be shortened there.
func (c *Client) PutRetention(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, version string, r coffer.Retention) error {
	body := "<Retention></Retention>"
	if r.Mode != "" {
		if !r.Holds(c.now()) {
			return nil // it ended while it waited
		}
		body = "<Retention><Mode>" + string(r.Mode) + "</Mode><RetainUntilDate>" + r.Until.UTC().Format(time.RFC3339Nano) + "</RetainUntilDate></Retention>"
	}
	h := http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}}
	return c.change(ctx, t, call{bucket: bucket, key: key, query: url.Values{"retention": {""}}, header: h}, version, body)
}

// PutLegalHold sets the legal hold of a version there.
func (c *Client) PutLegalHold(ctx context.Context, t *coffer.ReplicationTarget, bucket coffer.BucketName, key, version string, hold coffer.LegalHold) error {
	return c.change(ctx, t, call{bucket: bucket, key: key, query: url.Values{"legal-hold": {""}}, header: http.Header{}}, version,
		"<LegalHold><Status>"+hold.String()+"</Status></LegalHold>")
}

// change puts a document in the place of one that a version has there; "" is the
// current version.
func (c *Client) change(ctx context.Context, t *coffer.ReplicationTarget, q call, version, body string) error {
	if version != "" {
		q.query.Set("versionId", version)
	}
	setMD5(q.header, md5Of(body))
	q.method, q.body, q.size, q.payload = http.MethodPut, strings.NewReader(body), int64(len(body)), hash(body)
	_, _, err := c.do(ctx, t, q)
	return err
}
