package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"coffer"
	"coffer/sigv4"
)

// linkTTL is how long a URL for one upload or download may be begun; what has
// begun goes on.
const linkTTL = time.Minute

// presign makes a URL of the S3 address for one object and one method. It is
// signed by a credential that exists for it alone: of the member's account, with
// a scope of this object and this verb, held in memory for a minute. So a URL
// that leaks is worth little, no key of the account shows up as in use, no
// secret of one is opened, and the S3 address checks it like any other request.
func (q *request) presign(method string, bucket coffer.BucketName, key string, query url.Values, contentType string) (string, error) {
	preset := coffer.PresetReadOnly
	if method == http.MethodPut {
		preset = coffer.PresetWriteOnly
	}
	actor := q.actor()
	actor.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: preset, Buckets: []string{string(bucket)}, Prefixes: []string{key}}}}
	now := q.Now()
	id, secret, err := q.Keys.Link(actor, now.Add(linkTTL))
	if err != nil {
		return "", err
	}
	u, err := url.Parse(q.S3URL())
	if err != nil {
		return "", err
	}
	u.Path = "/" + string(bucket) + "/" + key
	u.RawPath = "/" + string(bucket) + "/" + escapeKey(key)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	sigv4.Presign(r, string(id), secret.Reveal(), q.Region, "s3", linkTTL, now)
	return u.String(), nil
}

// escapeKey writes a key as a path in the one way that SigV4 knows: all but
// unreserved characters and slashes are percent-encoded.
func escapeKey(key string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(key) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
