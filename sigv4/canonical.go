package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is what a canonical request is written from.
type canonicalRequest struct {
	req        *http.Request
	host       string
	query      []pair
	signed     []string          // header names, lower case
	inQuery    map[string]string // of a pre-signed URL: values that a signed header may have there
	signedList string            // the same, joined by semicolons
	payload    string            // the last line
}

// appendCanonical appends the canonical request, as "Create a signed AWS API
// request" defines it, with S3's exception: the path is encoded once and never
// normalised. No value can hold a newline (net/http refuses them in headers,
// everything else is encoded or checked), so the text is read one way only.
func appendCanonical(b []byte, c canonicalRequest) []byte {
	b = append(b, c.req.Method...)
	b = append(b, '\n')
	b = append(b, canonicalPath(c.req.URL)...)
	b = append(b, '\n')
	first := true
	for _, p := range c.query {
		if p.is(querySignature) {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	b = append(b, '\n')
	for _, name := range c.signed {
		b = append(b, name...)
		b = append(b, ':')
		b = c.appendHeader(b, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, c.signedList...)
	b = append(b, '\n')
	return append(b, c.payload...)
}

// canonicalPath is the path as sent, each byte written the way AWS writes it.
// It starts from EscapedPath because that is what the front routes by: a path
// that mixes raw non-ASCII bytes with %2F loses the difference there, so its
// signature fails here rather than being verified over another key.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	return encode(path, inPath)
}

// appendHeader appends the values of one header as AWS compares them: trimmed,
// runs of spaces as one, several joined by commas. It undoes what net/http
// moves out of the header map. A signed header that did not arrive is empty, unless
// a pre-signed URL has it in its query, which is signed as well: the SDK for
// JavaScript of before version 3 does so with x-amz-server-side-encryption.
func (c canonicalRequest) appendHeader(b []byte, name string) []byte {
	r := c.req
	var values []string
	switch name {
	case "host":
		return appendTrimmed(b, c.host)
	case "transfer-encoding":
		values = r.TransferEncoding
	default:
		values = headerValues(r.Header, name)
	}
	if name == "content-length" && len(values) == 0 && r.ContentLength > 0 {
		return strconv.AppendInt(b, r.ContentLength, 10)
	}
	if value, ok := c.inQuery[name]; ok && len(values) == 0 {
		values = []string{value}
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, v)
	}
	return b
}

// headerValues looks a lower-case name up without allocating its canonical form.
func headerValues(h http.Header, name string) []string {
	var scratch [64]byte
	key := append(scratch[:0], name...)
	upper := true
	for i, c := range key {
		if upper && 'a' <= c && c <= 'z' {
			key[i] = c - 'a' + 'A'
		}
		upper = c == '-'
	}
	return h[string(key)]
}

func appendTrimmed(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	for i := range len(v) {
		if v[i] == ' ' && v[i-1] == ' ' { // trimmed, so the first is no space
			continue
		}
		b = append(b, v[i])
	}
	return b
}

// pair is a query parameter, name and value in AWS's encoding.
type pair struct{ name, value string }

// is compares without case: a parameter that AWS might read as a part of a
// signature is never taken for something else.
func (p pair) is(name string) bool { return strings.EqualFold(p.name, name) }

// parseQuery reads a raw query. It splits on & only, where net/url drops what
// holds a semicolon. A + is a space, as AWS reads it; a parameter without = has
// an empty value. The result is sorted as the canonical request wants it: by
// encoded name, then encoded value.
func parseQuery(raw string) []pair {
	if raw == "" {
		return nil
	}
	pairs := make([]pair, 0, strings.Count(raw, "&")+1)
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{encode(name, inQuery), encode(value, inQuery)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	return pairs
}

// place says where an encoded text stands: in a path a raw slash is kept, in a
// query a + is a space.
type place int

const (
	inPath place = iota
	inQuery
)

// encode writes s, encoded in whatever way, in AWS's encoding: letters, digits
// and -._~ bare, all else as % and two upper-case digits. Clients disagree on
// what they escape on the wire and agree on this form when they sign.
func encode(s string, where place) string {
	clean := true
	for i := 0; clean && i < len(s); i++ {
		clean = unreserved(s[i]) || s[i] == '/' && where == inPath
	}
	if clean {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case c == '/' && where == inPath:
			b = append(b, c)
			continue
		case c == '+' && where == inQuery:
			c = ' '
		}
		if unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

// decode undoes encode.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' { // encode wrote it, so two digits follow
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escape encodes plain text as a query value.
func escape(s string) string {
	s = strings.ReplaceAll(s, "%", "%25")
	return encode(strings.ReplaceAll(s, "+", "%2B"), inQuery)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
