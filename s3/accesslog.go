package s3

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/objects"
)

// logAccess adds the request to the access log of its bucket, if one is kept.
func (q *request) logAccess(took time.Duration) {
	bucket, err := coffer.ParseBucketName(q.named)
	if err != nil {
		return
	}
	ctx := context.WithoutCancel(q.ctx) // the client may have gone, which is worth a record
	b, err := q.Objects.Logged(ctx, bucket)
	if err != nil {
		q.Logger.Error("access log", "request_id", q.id, "bucket", q.named, "error", err)
		return
	}
	if b == nil {
		return
	}
	q.Objects.LogAccess(b, q.start, q.accessRecord(b, took))
	for _, r := range q.batch {
		q.Objects.LogAccess(b, q.start, q.batchRecord(b, r, took))
	}
}

// accessed is one of the objects of a request that has many.
type accessed struct {
	key, version string
	status       int
	code         string
}

// batchDeleted keeps what DeleteObjects did to each object for the access log.
func (q *request) batchDeleted(doomed []objects.Doomed, results []objects.Deleted) {
	if b, err := q.Objects.Logged(q.ctx, q.bucket); b == nil || err != nil {
		return
	}
	for i, d := range doomed {
		r := accessed{key: d.Key, version: d.Version, status: http.StatusNoContent}
		if err := results[i].Err; err != nil {
			a := translate(err)
			r.status, r.code = a.status, a.code
		}
		q.batch = append(q.batch, r)
	}
}

// accessRecord is the request as a line of the access log, to the letter of AWS's
// "Amazon S3 server access log format".
func (q *request) accessRecord(b *objects.LoggedBucket, took time.Duration) string {
	code := ""
	if q.failure != nil {
		code = translate(q.failure).code
	}
	return q.record(b, q.accessOperation(), accessed{key: q.key, version: answered(q.w.Header(), "x-amz-version-id"), status: q.w.status, code: code},
		dashIfZero(q.w.sent), q.objectSize(), took)
}

func (q *request) batchRecord(b *objects.LoggedBucket, r accessed, took time.Duration) string {
	return q.record(b, "BATCH.DELETE.OBJECT", r, "-", "-", took)
}

func (q *request) record(b *objects.LoggedBucket, operation string, a accessed, sent, size string, took time.Duration) string {
	signature, auth := q.signatureFields()
	cipher, version := tlsFields(q.r.TLS)
	key := ""
	if a.key != "" {
		key = coffer.EventKey(a.key)
	}
	return strings.Join([]string{
		dash(string(b.To.Owner)),
		string(b.Name),
		q.start.UTC().Format("[02/Jan/2006:15:04:05 -0700]"),
		dash(remoteIP(q)),
		dash(string(q.actor.Canonical)),
		q.id,
		operation,
		dash(key),
		quotedField(q.r.Method + " " + redacted(q.r.RequestURI) + " " + q.r.Proto),
		strconv.Itoa(a.status),
		dash(a.code),
		sent,
		size,
		strconv.FormatInt(took.Milliseconds(), 10),
		"-", // the turn-around time, which nothing measures
		quotedField(dash(redacted(q.r.Referer()))),
		quotedField(dash(q.r.UserAgent())),
		dash(plainField(a.version)),
		hostID,
		signature,
		cipher,
		auth,
		dash(plainField(q.r.Host)),
		version,
		"-", // no access points
		"-", // no ACL was needed
		"-", // the region that the request came from
	}, " ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func dashIfZero(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func remoteIP(q *request) string {
	if a := q.source(); a.IsValid() {
		return a.String()
	}
	return ""
}

// plainField keeps a value that a client chose from looking like several fields or
// lines.
func plainField(s string) string {
	return escapeField(s, func(c byte) bool { return c <= ' ' || c == '"' || c == 0x7f })
}

// quotedField is such a value in quotes, in which spaces stay.
func quotedField(s string) string {
	return `"` + escapeField(s, func(c byte) bool { return c < ' ' || c == '"' || c == 0x7f }) + `"`
}

func escapeField(s string, escaped func(byte) bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; escaped(c) {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// secretParameters are those of a query that let who reads them do something.
var secretParameters = []string{"x-amz-signature", "x-amz-security-token", "signature",
	"x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key"}

// redacted is the target of a request, or the page that led to it, without what a
// signature is: the log may be read by who must not repeat the request.
func redacted(uri string) string {
	path, query, has := strings.Cut(uri, "?")
	if !has {
		return path
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		for _, secret := range secretParameters {
			if strings.EqualFold(plain, secret) {
				pairs[i] = name + "=REDACTED"
			}
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

// signatureFields are the version of the signature and how it was sent.
func (q *request) signatureFields() (version, kind string) {
	switch {
	case strings.HasPrefix(q.r.Header.Get("Authorization"), "AWS4-"):
		return "SigV4", "AuthHeader"
	case q.query.has("X-Amz-Signature"):
		return "SigV4", "QueryString"
	}
	return "-", "-"
}

// tlsFields are the cipher suite as OpenSSL calls it, nearly, and the version of TLS.
func tlsFields(c *tls.ConnectionState) (cipher, version string) {
	if c == nil {
		return "-", "-"
	}
	version = strings.ReplaceAll(strings.ReplaceAll(tls.VersionName(c.Version), " ", ""), "TLS", "TLSv")
	cipher = tls.CipherSuiteName(c.CipherSuite)
	if c.Version != tls.VersionTLS13 {
		cipher = strings.NewReplacer("TLS_", "", "_WITH_", "-", "_", "-", "AES-", "AES").Replace(cipher)
	}
	return cipher, version
}

// objectSize is the size of the object that the request is about, if the answer or
// the body tells it.
func (q *request) objectSize() string {
	h := q.w.Header()
	switch {
	case q.failure != nil || q.key == "":
	case q.op.name == "PutObject" && q.body.size >= 0:
		return strconv.FormatInt(q.body.size, 10)
	case q.op.name != "GetObject" && q.op.name != "HeadObject":
	case q.w.status == http.StatusPartialContent:
		if _, size, ok := strings.Cut(h.Get("Content-Range"), "/"); ok {
			return size
		}
	case q.w.status == http.StatusOK:
		return dash(h.Get("Content-Length"))
	}
	return "-"
}

// accessResources are what AWS's log calls that which a sub-resource names.
var accessResources = map[string]string{
	"location": "LOCATION", "uploads": "UPLOADS", "versions": "BUCKETVERSIONS", "acl": "ACL", "policy": "BUCKETPOLICY",
	"policyStatus": "BUCKETPOLICYSTATUS", "cors": "CORS", "versioning": "VERSIONING", "lifecycle": "LIFECYCLE", "encryption": "ENCRYPTION",
	"object-lock": "OBJECT_LOCK_CONFIGURATION", "ownershipControls": "OWNERSHIP_CONTROLS", "publicAccessBlock": "PUBLIC_ACCESS_BLOCK",
	"notification": "NOTIFICATION", "logging": "LOGGING_STATUS", "website": "WEBSITE", "requestPayment": "REQUEST_PAYMENT",
	"accelerate": "ACCELERATE", "replication": "REPLICATION", "inventory": "INVENTORY", "analytics": "ANALYTICS", "metrics": "METRICS",
	"intelligent-tiering": "INTELLIGENT_TIERING", "delete": "MULTI_OBJECT_DELETE", "attributes": "OBJECT_ATTRIBUTES",
	"retention": "OBJECT_LOCK_RETENTION", "legal-hold": "OBJECT_LOCK_LEGALHOLD", "torrent": "OBJECT_TORRENT", "restore": "RESTORE", "select": "SELECT",
	"renameObject": "RENAME",
}

// accessOperation is what AWS's log calls the operation: REST.METHOD.RESOURCE.
func (q *request) accessOperation() string {
	method, resource := q.r.Method, accessResources[q.op.sub]
	switch q.op.name {
	case "CopyObject":
		return "REST.COPY.OBJECT"
	case "UploadPartCopy":
		return "REST.COPY.PART"
	case "UploadPart":
		resource = "PART"
	case "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts":
		resource = "UPLOAD"
	case "Preflight":
		resource = "PREFLIGHT"
	case "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging":
		resource = "OBJECT_TAGGING"
	case "GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging":
		resource = "TAGGING"
	}
	if resource == "" {
		resource = "BUCKET"
		if q.op.level == levelObject {
			resource = "OBJECT"
		}
	}
	return "REST." + method + "." + resource
}
