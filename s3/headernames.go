package s3

import (
	"net/http"
	"strings"
)

// nameAsAWS writes the names of S3's own headers as AWS does, in lower case. HTTP has
// no case in names, but scripts that look for x-amz-version-id in the output of curl do.
func nameAsAWS(h http.Header) {
	for name, values := range h {
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		lower, ok := lowerNames[name]
		if !ok {
			lower = strings.ToLower(name)
		}
		delete(h, name)
		h[lower] = values
	}
}

// answered is the value of one of S3's own headers, named in lower case, in the head
// of an answer that may have gone out.
func answered(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return h.Get(name)
}

// lowerNames has the headers that answers have often, so that none is made anew.
var lowerNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"x-amz-request-id", "x-amz-id-2", "x-amz-version-id", "x-amz-delete-marker", "x-amz-checksum-type", "x-amz-checksum-crc32",
		"x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1", "x-amz-checksum-sha256", "x-amz-server-side-encryption",
		"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm",
		"x-amz-server-side-encryption-customer-key-MD5", "x-amz-expiration",
		"x-amz-storage-class", "x-amz-tagging-count", "x-amz-mp-parts-count", "x-amz-replication-status", "x-amz-restore",
	} {
		names[http.CanonicalHeaderKey(name)] = name
	}
	return names
}()
