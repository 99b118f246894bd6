package s3

import (
	"net/http"
	"slices"
	"strings"

	"coffer"
)

// notHoisted are the parameters of a pre-signed URL that mean nothing as headers: they
// are about its signature or its body, or would take away a protection, which who sends
// the request must say and sign as a header.
var notHoisted = []string{"x-amz-bypass-governance-retention", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
	"x-amz-security-token", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm"}

// hoisted is the request with the headers that a pre-signed URL has in its query,
// where the SDKs for JavaScript, Go and Ruby put all of x-amz- that they can: who
// sends the URL has then nothing to add. Until its signature is proved it is as
// good as any header. What arrived as a header as well is that header.
func hoisted(r *http.Request, q query) (*http.Request, error) {
	var h http.Header
	if !q.presigned() || len(r.Header["Authorization"]) > 0 {
		return r, nil
	}
	for parameter, values := range q {
		switch parameter {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature":
			continue // as all who sign write them: most URLs have nothing else
		}
		name := strings.ToLower(parameter)
		if !strings.HasPrefix(name, "x-amz-") || slices.Contains(notHoisted, name) {
			continue
		}
		// A checksum there is of a body that nobody knew yet.
		if alg, ok := strings.CutPrefix(name, "x-amz-checksum-"); ok && alg != "algorithm" && alg != "type" && alg != "mode" {
			continue
		}
		name = http.CanonicalHeaderKey(name)
		if !strings.HasPrefix(name, "X-Amz-") || len(r.Header[name]) > 0 {
			continue // no name of a header at all, or sent and signed as one
		}
		if strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, coffer.Errorf(coffer.InvalidArgument, "The value of %s in the query cannot be that of a header.", parameter).
				With("ArgumentName", parameter)
		}
		if h == nil {
			h = r.Header.Clone()
		}
		h[name] = []string{strings.Trim(values[0], " \t")}
	}
	if h == nil {
		return r, nil
	}
	with := *r
	with.Header = h
	return &with, nil
}

// presigned tells whether a query has a signature, whatever it is worth.
func (q query) presigned() bool {
	for name := range q {
		if strings.EqualFold(name, "X-Amz-Signature") {
			return true
		}
	}
	return false
}
