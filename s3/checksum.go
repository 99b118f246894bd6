package s3

import (
	"encoding/base64"
	"strings"

	"coffer"
	"coffer/objects"
	"coffer/sigv4"
)

const checksumPrefix = "X-Amz-Checksum-"

// checksumBytes is how long the checksums are.
var checksumBytes = map[coffer.ChecksumAlgorithm]int{
	coffer.CRC32: 4, coffer.CRC32C: 4, coffer.CRC64NVME: 8, coffer.MD5: 16, coffer.SHA1: 20, coffer.SHA256: 32, coffer.SHA512: 64,
	coffer.XXHASH128: 16, coffer.XXHASH3: 8, coffer.XXHASH64: 8,
}

func checksumHeader(a coffer.ChecksumAlgorithm) string {
	return "x-amz-checksum-" + strings.ToLower(string(a))
}

// digests reads what the client says of the body, in headers and trailers. Of what a
// pre-signed URL says in its query only the algorithm counts: the values there are of
// bodies that nobody knew yet.
func (q *request) digests() (objects.Digests, error) {
	var d objects.Digests
	var err error
	if d.MD5, err = q.contentMD5(); err != nil {
		return d, err
	}
	if d.Checksum, err = q.headerChecksum(); err != nil {
		return d, err
	}
	alg, err := q.trailerAlgorithm()
	switch {
	case err != nil:
		return d, err
	case alg == "":
		if sdk := q.query.get("x-amz-sdk-checksum-algorithm"); sdk != "" && d.Checksum.Algorithm == "" && q.signature.kind == sigv4.Query {
			d.Checksum.Algorithm, err = coffer.ParseChecksumAlgorithm(strings.ToUpper(sdk))
		}
		return d, err
	case d.Checksum.Algorithm != "":
		return d, coffer.Errorf(coffer.InvalidRequest, "Expecting a single x-amz-checksum- header or trailer.")
	}
	d.Checksum.Algorithm = alg
	d.Trailer = func() string { return q.body.trailer().Get(checksumHeader(alg)) }
	return d, nil
}

// trailerAlgorithm is of the checksum that will come behind the body; "" if none will.
func (q *request) trailerAlgorithm() (coffer.ChecksumAlgorithm, error) {
	name := q.r.Header.Get("X-Amz-Trailer")
	trailer, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(name)), "x-amz-checksum-")
	if !ok {
		return "", nil
	}
	alg, err := coffer.ParseChecksumAlgorithm(strings.ToUpper(trailer))
	if err != nil {
		return "", coffer.Errorf(coffer.InvalidRequest, "The value specified in the x-amz-trailer header is not supported")
	}
	return alg, nil
}

// headerChecksum reads the one x-amz-checksum- header that a request may have.
func (q *request) headerChecksum() (coffer.Checksum, error) {
	var sum coffer.Checksum
	for name, values := range q.r.Header {
		s, ok := strings.CutPrefix(name, checksumPrefix)
		if !ok || s == "Mode" || s == "Type" || s == "Algorithm" {
			continue
		}
		alg, err := coffer.ParseChecksumAlgorithm(strings.ToUpper(s))
		if err != nil {
			return sum, coffer.Errorf(coffer.InvalidRequest, "The algorithm type you specified in %s header is invalid.", strings.ToLower(name))
		}
		if sum.Algorithm != "" || len(values) != 1 {
			return sum, coffer.Errorf(coffer.InvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		sum = coffer.Checksum{Algorithm: alg, Value: values[0]}
	}
	if sum.Algorithm != "" && !validChecksum(sum) {
		return sum, coffer.Errorf(coffer.InvalidRequest, "Value for %s header is invalid.", checksumHeader(sum.Algorithm))
	}
	return sum, q.checkSDKAlgorithm(sum.Algorithm)
}

// checkSDKAlgorithm refuses an x-amz-sdk-checksum-algorithm that no checksum of that
// algorithm comes with: the body would not be protected as its sender believes.
func (q *request) checkSDKAlgorithm(header coffer.ChecksumAlgorithm) error {
	sdk := q.r.Header.Get("X-Amz-Sdk-Checksum-Algorithm")
	if sdk == "" {
		return nil
	}
	alg, err := coffer.ParseChecksumAlgorithm(strings.ToUpper(sdk))
	if err != nil {
		return err
	}
	trailer, err := q.trailerAlgorithm()
	switch {
	case err != nil:
		return err
	case header == "" && trailer == "":
		return coffer.Errorf(coffer.InvalidRequest,
			"x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	case alg != header && alg != trailer:
		return coffer.Errorf(coffer.InvalidRequest, "Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// validChecksum tells whether a value can be one of its algorithm; that of a
// whole object may have -N behind it. Each has one way to be written in base64.
func validChecksum(c coffer.Checksum) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(c.Value)
	return err == nil && len(b) == checksumBytes[c.Algorithm]
}

// writeChecksum sets the headers that tell a checksum.
func (q *request) writeChecksum(c coffer.Checksum) {
	if c.Algorithm == "" || c.Value == "" {
		return
	}
	h := q.w.Header()
	h.Set(checksumHeader(c.Algorithm), c.Value)
	if c.Type != "" {
		h.Set("x-amz-checksum-type", string(c.Type))
	}
}

// writeXML adds the element that tells a checksum.
func writeChecksumXML(d *doc, c coffer.Checksum) {
	if c.Algorithm != "" && c.Value != "" {
		d.text("Checksum"+string(c.Algorithm), c.Value)
	}
}

// checkBodyDigests compares a body that was read whole with what the headers say
// of it.
func (q *request) checkBodyDigests(b []byte) error {
	d, err := q.digests()
	if err != nil {
		return err
	}
	return objects.CheckBytes(b, d)
}
