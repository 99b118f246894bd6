package s3

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"coffer"
	"coffer/objects"
)

// The headers of encryption.
const (
	sseHeader       = "X-Amz-Server-Side-Encryption"
	sseKMSKey       = sseHeader + "-Aws-Kms-Key-Id"
	sseContext      = sseHeader + "-Context"
	sseBucketKey    = sseHeader + "-Bucket-Key-Enabled"
	customerPrefix  = sseHeader + "-Customer-"
	sourceKeyPrefix = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
)

// keyHeaders are the three headers by which a client sends a key: for the object
// of a request, or for the source of a copy. They are whole names, so that no
// request puts them together.
type keyHeaders struct{ algorithm, key, digest string }

var (
	objectKey = keyHeaders{customerPrefix + "Algorithm", customerPrefix + "Key", customerPrefix + "Key-Md5"}
	sourceKey = keyHeaders{sourceKeyPrefix + "Algorithm", sourceKeyPrefix + "Key", sourceKeyPrefix + "Key-Md5"}
)

// invalidSSE is the error of a header that says something wrong of encryption. It
// never has the value: that can be a key.
func invalidSSE(name, message string) error {
	return coffer.Errorf(coffer.InvalidArgument, "%s", message).With("ArgumentName", strings.ToLower(name))
}

// readEncrypting reads what headers, or the fields of a form, ask of encryption
// (AWS, "PutObject" and "Specifying server-side encryption").
func readEncrypting(h http.Header) (ask objects.Encrypting, err error) {
	kind, asked := h[sseHeader]
	// That both were asked for is told before what is wrong with either, as by AWS.
	if asked && len(h[objectKey.algorithm])+len(h[objectKey.key]) > 0 {
		return ask, coffer.Errorf(coffer.InvalidArgument, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified").
			With("ArgumentName", strings.ToLower(sseHeader)).With("ArgumentValue", kind[0])
	}
	if ask.CustomerKey, err = readCustomerKey(h, objectKey); err != nil {
		return ask, err
	}
	switch {
	case !asked:
	case kind[0] == coffer.SSES3.Algorithm():
		ask.Kind = coffer.SSES3
	case kind[0] == coffer.SSEKMS.Algorithm():
		ask.Kind = coffer.SSEKMS
	case kind[0] == "aws:kms:dsse":
		return ask, coffer.Errorf(coffer.NotImplemented, "Dual-layer encryption (aws:kms:dsse) is not implemented by this version of coffer: use aws:kms.").
			With("Header", strings.ToLower(sseHeader))
	default:
		return ask, invalidSSE(sseHeader, "The encryption method specified is not supported")
	}
	ask.KMSKey = h.Get(sseKMSKey)
	_, named := h[sseKMSKey]
	_, bound := h[sseContext]
	switch {
	case (named || bound) && !ask.CustomerKey.Empty():
		return ask, invalidSSE(sseKMSKey, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	case (named || bound) && ask.Kind != coffer.SSEKMS:
		return ask, invalidSSE(sseHeader, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
	case named && (ask.KMSKey == "" || len(ask.KMSKey) > coffer.KMSKeyIDMax):
		return ask, invalidSSE(sseKMSKey, "Invalid KMS key ID.")
	}
	if bound {
		if ask.Context, err = coffer.ParseEncryptionContext(h.Get(sseContext)); err != nil {
			return ask, err
		}
	}
	switch value := h.Get(sseBucketKey); {
	case value == "":
	case strings.EqualFold(value, "true"):
		ask.HasBucketKey, ask.BucketKey = true, true
	case strings.EqualFold(value, "false"):
		ask.HasBucketKey = true
	default:
		return ask, invalidSSE(sseBucketKey, "The value of x-amz-server-side-encryption-bucket-key-enabled is neither true nor false.")
	}
	if !ask.CustomerKey.Empty() {
		ask.Kind = coffer.SSEC
	}
	return ask, nil
}

// readCustomerKey reads the key of a client; none if there is none of its headers.
func readCustomerKey(h http.Header, names keyHeaders) (none coffer.Secret, err error) {
	const requests = "Requests specifying Server Side Encryption with Customer provided keys must "
	algorithm, key, digest := names.algorithm, names.key, names.digest
	if len(h[algorithm])+len(h[key])+len(h[digest]) == 0 {
		return none, nil
	}
	switch {
	case h.Get(algorithm) == "":
		return none, invalidSSE(sseHeader, requests+"provide a valid encryption algorithm.")
	case h.Get(algorithm) != "AES256":
		return none, (&coffer.Error{Code: coffer.InvalidEncryptionAlgorithm}).
			With("ArgumentName", strings.ToLower(sseHeader)).With("ArgumentValue", h.Get(algorithm))
	case h.Get(key) == "":
		return none, invalidSSE(sseHeader, requests+"provide an appropriate secret key.")
	case h.Get(digest) == "":
		return none, invalidSSE(sseHeader, requests+"provide the client calculated MD5 of the secret key.")
	}
	b, err := base64.StdEncoding.DecodeString(h.Get(key))
	if err != nil || len(b) != coffer.CustomerKeyBytes {
		return none, invalidSSE(sseHeader, "The secret key was invalid for the specified algorithm.")
	}
	sum := md5.Sum(b)
	said, err := base64.StdEncoding.DecodeString(h.Get(digest))
	if err != nil || subtle.ConstantTimeCompare(said, sum[:]) != 1 {
		return none, invalidSSE(sseHeader, "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return coffer.NewSecretFrom(string(b)), nil
}

// encrypting is readEncrypting for this request. Who may not write here is told that,
// and not what is wrong with the request: policies deny other encryption than they want.
func (q *request) encrypting() (objects.Encrypting, error) {
	ask, err := readEncrypting(q.r.Header)
	if err == nil {
		err = q.checkWire(ask.CustomerKey)
	}
	if err != nil {
		if denied := q.session.MayPut(q.ctx, q.bucket, q.key); denied != nil {
			return ask, denied
		}
	}
	return ask, err
}

// customerKey is readCustomerKey for this request.
func (q *request) customerKey(names keyHeaders) (coffer.Secret, error) {
	key, err := readCustomerKey(q.r.Header, names)
	if err == nil {
		err = q.checkWire(key)
	}
	return key, err
}

// checkWire refuses a key that came where others could read it. What comes from
// this machine did not.
func (q *request) checkWire(key coffer.Secret) error {
	if key.Empty() || q.r.TLS != nil || q.CustomerKeysOverHTTP || isLoopback(q.r.RemoteAddr) {
		return nil
	}
	return coffer.Errorf(coffer.InvalidRequest,
		"Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// readingKey is the key of a client with a request that reads. It has no other
// header of encryption: what is asked for there was settled when the object was
// written.
func (q *request) readingKey() (coffer.Secret, error) {
	if _, asked := q.r.Header[sseHeader]; asked {
		return coffer.Secret{}, invalidSSE(sseHeader, "x-amz-server-side-encryption header is not supported for this operation.")
	}
	return q.customerKey(objectKey)
}

// writeEncryption sets the headers that tell how an object is encrypted.
func (q *request) writeEncryption(e *coffer.Encryption) {
	if e == nil {
		return
	}
	h := q.w.Header()
	if algorithm := e.Kind.Algorithm(); algorithm != "" {
		h.Set("x-amz-server-side-encryption", algorithm)
	}
	switch {
	case e.Kind == coffer.SSEKMS:
		h.Set("x-amz-server-side-encryption-aws-kms-key-id", e.KMSKey)
		if e.BucketKey {
			h.Set("x-amz-server-side-encryption-bucket-key-enabled", "true")
		}
	case e.Kind == coffer.SSEC && len(q.r.Header[objectKey.digest]) > 0:
		h.Set("x-amz-server-side-encryption-customer-algorithm", "AES256")
		// As it came: it was found to be that of the key.
		h.Set("x-amz-server-side-encryption-customer-key-MD5", q.r.Header.Get(objectKey.digest))
	}
}

// writeEncryptionMade is writeEncryption for an answer that says what was made.
func (q *request) writeEncryptionMade(e *coffer.Encryption) {
	q.writeEncryption(e)
	if e.Is(coffer.SSEKMS) && e.Context != "" {
		q.w.Header().Set("x-amz-server-side-encryption-context", base64.StdEncoding.EncodeToString([]byte(e.Context)))
	}
}
