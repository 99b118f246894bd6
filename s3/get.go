package s3

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"coffer"
	"coffer/objects"
)

// getObject answers GetObject.
func (q *request) getObject() error {
	in, err := q.getInput()
	if err != nil {
		return err
	}
	c, err := q.session.Get(q.ctx, in)
	if err != nil {
		return q.refused(c, err)
	}
	defer c.Close()
	status, err := q.describe(c, in)
	if err != nil {
		return err
	}
	if c.Length == 0 {
		q.w.WriteHeader(status)
		return nil
	}
	// The status goes out with the first block that was found whole.
	_, err = c.WriteTo(q.ctx, &begun{q.w, status})
	return err
}

// headObject answers HeadObject.
func (q *request) headObject() error {
	in, err := q.getInput()
	if err != nil {
		return err
	}
	c, err := q.session.Head(q.ctx, in)
	if err != nil {
		return q.refused(c, err)
	}
	status, err := q.describe(c, in)
	if err != nil {
		return err
	}
	q.w.WriteHeader(status)
	return nil
}

// begun writes the status before the first byte.
type begun struct {
	*response
	code int
}

func (b *begun) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.WriteHeader(b.code)
	}
	return b.response.Write(p)
}

func (q *request) getInput() (objects.GetInput, error) {
	in := objects.GetInput{Bucket: q.bucket, Key: q.key, If: q.conditions("")}
	var err error
	if in.Version, err = q.version(); err != nil {
		return in, err
	}
	if in.CustomerKey, err = q.readingKey(); err != nil {
		return in, err
	}
	if header := q.r.Header.Get("Range"); header != "" {
		in.Range = parseRange(header)
	}
	if q.query.has("partNumber") {
		if in.Range != nil {
			return in, coffer.Errorf(coffer.InvalidRequest, "Cannot specify both Range header and partNumber query parameter")
		}
		s := q.query.get("partNumber")
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > coffer.PartNumberMax {
			return in, coffer.Errorf(coffer.InvalidArgument, "Part number must be an integer between 1 and %d, inclusive", coffer.PartNumberMax).
				With("ArgumentName", "partNumber").With("ArgumentValue", s)
		}
		in.PartNumber = n
	}
	return in, nil
}

// validators sets what a 304 must tell of the object that did not change.
func (q *request) validators(c *objects.Content) {
	if c == nil {
		return
	}
	q.w.Header()["ETag"] = []string{quoted(c.ETag)}
	q.w.Header().Set("Last-Modified", c.Modified.UTC().Format(http.TimeFormat))
}

// describe sets the headers of an object and returns the status.
func (q *request) describe(c *objects.Content, in objects.GetInput) (int, error) {
	q.writeAttributes(c.Attributes)
	if err := q.override(); err != nil {
		return 0, err
	}
	q.validators(c)
	q.writeVersion(versionOf(c))
	q.writeRestore(c.Object)
	q.writeLock(c.Lock)
	q.writeReplication(c.Replication)
	h := q.w.Header()
	q.writeExpiry(c.Expiry)
	h.Set("Accept-Ranges", "bytes")
	q.writeEncryption(c.Encryption)
	if n := len(c.Tags); n > 0 {
		h.Set("x-amz-tagging-count", strconv.Itoa(n))
	}
	h.Set("Content-Length", strconv.FormatInt(c.Length, 10))
	if in.PartNumber > 0 && c.PartsCount > 0 {
		h.Set("x-amz-mp-parts-count", strconv.Itoa(c.PartsCount))
	}
	if strings.EqualFold(q.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		switch {
		case c.PartChecksum != "" && c.Checksum.Algorithm != "":
			q.writeChecksum(coffer.Checksum{Algorithm: c.Checksum.Algorithm, Type: c.Checksum.Type, Value: c.PartChecksum})
		case !c.Partial || c.Length == c.Size:
			q.writeChecksum(c.Checksum)
		}
	}
	if !c.Partial {
		return http.StatusOK, nil
	}
	if c.Length > 0 {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", c.Offset, c.Offset+c.Length-1, c.Size))
	}
	return http.StatusPartialContent, nil
}

// overrides are the query parameters that replace a header of the answer.
var overrides = [...]struct{ parameter, header string }{
	{"response-content-type", "Content-Type"},
	{"response-content-language", "Content-Language"},
	{"response-expires", "Expires"},
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
}

// override replaces headers as the request asks. Only a signed one may: else
// anyone could make a page of a public object.
func (q *request) override() error {
	for _, o := range overrides {
		if !q.query.has(o.parameter) {
			continue
		}
		if q.actor.Anonymous() {
			return coffer.Errorf(coffer.InvalidRequest, "Request specific response headers cannot be used for anonymous GET requests.")
		}
		value := q.query.get(o.parameter)
		for _, c := range []byte(value) {
			if c < ' ' || c == 0x7f {
				return coffer.Errorf(coffer.InvalidArgument, "The value of %s has a control character.", o.parameter).
					With("ArgumentName", o.parameter)
			}
		}
		q.w.Header().Set(o.header, value)
	}
	return nil
}
