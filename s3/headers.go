package s3

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/objects"
	"coffer/sigv4"
)

const metaPrefix = "X-Amz-Meta-"

// The headers that are kept beside user metadata count in no quota, and come back with
// each read: all of a PUT have 8 KB with AWS ("Working with object metadata").
const (
	systemHeadersMax = 8 << 10
	redirectMax      = 2 << 10
)

// attributes reads the headers that are stored with an object.
func (q *request) attributes() (coffer.Attributes, error) {
	h := q.r.Header
	class, err := coffer.ParseStorageClass(h.Get("X-Amz-Storage-Class"))
	if err != nil {
		return coffer.Attributes{}, err
	}
	a := coffer.Attributes{
		ContentType:        h.Get("Content-Type"),
		ContentEncoding:    contentEncoding(h),
		ContentDisposition: h.Get("Content-Disposition"),
		ContentLanguage:    h.Get("Content-Language"),
		CacheControl:       h.Get("Cache-Control"),
		Expires:            h.Get("Expires"),
		WebsiteRedirect:    h.Get("X-Amz-Website-Redirect-Location"),
		StorageClass:       class,
	}
	if r := a.WebsiteRedirect; r != "" && !strings.HasPrefix(r, "/") && !strings.HasPrefix(r, "http://") && !strings.HasPrefix(r, "https://") {
		return a, coffer.Errorf(coffer.InvalidRedirectLocation, "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	if len(a.WebsiteRedirect) > redirectMax {
		return a, coffer.Errorf(coffer.InvalidRedirectLocation, "The length of website redirect location cannot exceed 2,048 characters.")
	}
	if n := len(a.ContentType) + len(a.ContentEncoding) + len(a.ContentDisposition) + len(a.ContentLanguage) + len(a.CacheControl) + len(a.Expires); n > systemHeadersMax {
		return a, (&coffer.Error{Code: coffer.MetadataTooLarge}).
			With("Size", strconv.Itoa(n)).With("MaxSizeAllowed", strconv.Itoa(systemHeadersMax))
	}
	size := 0
	for name, values := range h {
		if !strings.HasPrefix(name, metaPrefix) {
			continue
		}
		if a.Metadata == nil {
			a.Metadata = map[string]string{}
		}
		key, value := strings.ToLower(name[len(metaPrefix):]), decodeMetadata(strings.Join(values, ","))
		a.Metadata[key] = value
		size += len(key) + len(value)
	}
	if size > coffer.UserMetadataMax {
		return a, (&coffer.Error{Code: coffer.MetadataTooLarge}).
			With("Size", strconv.Itoa(size)).With("MaxSizeAllowed", strconv.Itoa(coffer.UserMetadataMax))
	}
	return a, nil
}

// contentEncoding is the Content-Encoding without aws-chunked, which is how the
// body came and not what the object is.
func contentEncoding(h http.Header) string {
	var kept []string
	for _, value := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "aws-chunked") {
				kept = append(kept, coding)
			}
		}
	}
	return strings.Join(kept, ", ")
}

// unsupported refuses the headers that ask for what coffer does not do yet:
// leaving one out silently would be worse.
func (q *request) unsupported() error {
	h := q.r.Header
	for _, name := range []string{"X-Amz-Write-Offset-Bytes", "X-Amz-Rename-Source"} {
		if h.Get(name) != "" {
			return coffer.Errorf(coffer.NotImplemented, "A header you provided implies functionality that is not implemented: "+
				"this version of coffer does not take %s.", strings.ToLower(name)).With("Header", name)
		}
	}
	return nil
}

// conditions reads the preconditions of a request, from the headers with a prefix
// before their names. AWS ignores an If-Modified-Since of the future.
func (q *request) conditions(prefix string) objects.Conditions {
	h := q.r.Header
	c := objects.Conditions{
		IfMatch:           h.Get(prefix + "If-Match"),
		IfNoneMatch:       h.Get(prefix + "If-None-Match"),
		IfModifiedSince:   httpTime(h.Get(prefix + "If-Modified-Since")),
		IfUnmodifiedSince: httpTime(h.Get(prefix + "If-Unmodified-Since")),
	}
	if c.IfModifiedSince.After(q.start) {
		c.IfModifiedSince = time.Time{}
	}
	return c
}

// writeConditions are those that count on a write. AWS takes If-Match with an entity
// tag or If-None-Match with *, and 501 is its answer to anything else ("Add
// preconditions to S3 operations with conditional requests"); the other values mean
// the same here as on a read (RFC 9110, section 13.1), which many servers offer.
func (q *request) writeConditions() (objects.Conditions, error) {
	c := objects.Conditions{IfMatch: q.precondition("If-Match"), IfNoneMatch: q.precondition("If-None-Match")}
	if c.IfMatch != "" && c.IfNoneMatch != "" {
		return c, (&coffer.Error{Code: coffer.NotImplemented}).With("Header", "If-Match,If-None-Match").
			With("additionalMessage", "Multiple conditional request headers present in the request")
	}
	return c, nil
}

// precondition is the value of a header that says when to write. A pre-signed URL may
// have it as a parameter: AWS was recorded to heed it there, and who signed it meant it.
func (q *request) precondition(name string) string {
	if value := q.r.Header.Get(name); value != "" || q.signature.kind != sigv4.Query {
		return value
	}
	for parameter := range q.query {
		if strings.EqualFold(parameter, name) {
			return q.query.get(parameter)
		}
	}
	return ""
}

// timeHeader reads a header that has a time which must be met; zero if there is none.
func (q *request) timeHeader(name string) (time.Time, error) {
	s := q.r.Header.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	t := httpTime(s)
	if t.IsZero() {
		return t, coffer.Errorf(coffer.InvalidArgument, "Value for %s header is invalid.", strings.ToLower(name))
	}
	return t, nil
}

// httpTime reads a date of HTTP; one that is none does not count (RFC 9110,
// section 13.1.3).
func httpTime(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := http.ParseTime(s)
	if err != nil {
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return time.Time{}
		}
	}
	return t
}

// parseRange reads a Range header. nil means the whole object: RFC 9110 has a
// server ignore a range that it does not understand, and S3 ignores more than one.
func parseRange(header string) *objects.Range {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return nil
	}
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return nil
	}
	if first == "" {
		n, ok := parsePosition(last)
		if !ok {
			return nil
		}
		return &objects.Range{FromEnd: true, Suffix: n}
	}
	r := &objects.Range{Last: -1}
	if r.First, ok = parsePosition(first); !ok {
		return nil
	}
	if last == "" {
		return r
	}
	if r.Last, ok = parsePosition(last); !ok || r.Last < r.First {
		return nil
	}
	return r
}

// parsePosition reads digits; a number that is too large is the largest.
func parsePosition(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// writeAttributes sets the headers that were stored with an object.
func (q *request) writeAttributes(a coffer.Attributes) {
	h := q.w.Header()
	contentType := a.ContentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	h.Set("Content-Type", contentType)
	for _, f := range [...]struct{ name, value string }{
		{"Content-Encoding", a.ContentEncoding},
		{"Content-Disposition", a.ContentDisposition},
		{"Content-Language", a.ContentLanguage},
		{"Cache-Control", a.CacheControl},
		{"Expires", a.Expires},
		{"x-amz-website-redirect-location", a.WebsiteRedirect},
		{"x-amz-storage-class", a.StorageClass},
	} {
		if f.value != "" {
			h.Set(f.name, f.value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Metadata)) {
		// The name is put in as S3 writes it, in lower case.
		h["x-amz-meta-"+name] = []string{encodeMetadata(a.Metadata[name])}
	}
}

func quoted(etag string) string { return `"` + etag + `"` }

// contentMD5 reads the Content-MD5 header; nil if there is none.
func (q *request) contentMD5() ([]byte, error) {
	s := q.r.Header.Get("Content-Md5")
	if s == "" {
		if _, sent := q.r.Header["Content-Md5"]; !sent {
			return nil, nil
		}
	}
	sum, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(sum) != 16 {
		return nil, (&coffer.Error{Code: coffer.InvalidDigest}).With("Content-MD5", s)
	}
	return sum, nil
}
