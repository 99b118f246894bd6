package s3

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/sigv4"
)

// headerConditions are the condition keys that give a header's value as the
// client sent it, without s3: (AWS, "Actions, resources, and condition keys for
// Amazon S3").
var headerConditions = [...]string{"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp",
	"x-amz-grant-write", "x-amz-grant-write-acp", "x-amz-metadata-directive", "x-amz-object-ownership",
	"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm",
	"x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-bucket-namespace", "x-amz-content-sha256", "if-match", "if-none-match"}

// The condition keys of tags in the request.
const (
	requestTag     = "requestobjecttag/"
	requestTagKeys = "requestobjecttagkeys"
)

// condition gives the values of a condition key of policies that the request has;
// its name is in lower case, but for that of a tag. It is asked only where a policy has a condition.
func (q *request) condition(key string) []string {
	h := q.r.Header
	switch key {
	case "aws:sourceip":
		if from := q.source(); from.IsValid() {
			return []string{from.String()}
		}
		return nil
	case "aws:securetransport":
		return []string{strconv.FormatBool(q.r.TLS != nil)}
	case "aws:useragent":
		return given(h.Values("User-Agent"))
	case "aws:referer":
		return given(h.Values("Referer"))
	}
	name, ok := strings.CutPrefix(key, "s3:")
	if !ok {
		return nil
	}
	if name == "x-amz-acl" {
		return given([]string{q.cannedACL()})
	}
	if name == "x-amz-copy-source" {
		// As it was read, since one source can be written in many ways.
		return given([]string{q.copied})
	}
	if slices.Contains(headerConditions[:], name) {
		return given(h.Values(name))
	}
	if strings.HasPrefix(name, "object-lock-") {
		return q.lockCondition(name)
	}
	if name == requestTagKeys {
		return q.tagCondition("")
	}
	if tag, ok := strings.CutPrefix(name, requestTag); ok && tag != "" {
		return q.tagCondition(tag)
	}
	switch name {
	case "prefix", "delimiter", "max-keys":
		return q.query[name][:min(1, len(q.query[name]))]
	case "versionid":
		return given(q.query["versionId"])
	case "objectcreationoperation":
		return q.creationCondition()
	case "tlsversion":
		if q.r.TLS != nil {
			return given([]string{tlsVersions[q.r.TLS.Version]})
		}
		return nil
	}
	return q.signatureCondition(name)
}

// lockCondition gives the condition keys of the lock that the request sets, be it in
// headers or, for who locks what is there, in the body. A day that has begun remains.
func (q *request) lockCondition(name string) []string {
	lock := q.lock
	if lock == nil {
		if name != "object-lock-remaining-retention-days" {
			return given(q.r.Header.Values("X-Amz-" + name))
		}
		asked, _ := q.lockHeaders() // a header that cannot be is refused by the operation
		lock = &asked
	}
	kept := lock.Retention
	switch {
	case name == "object-lock-legal-hold" && lock.Hold != coffer.HoldUnset:
		return []string{lock.Hold.String()}
	case kept.Mode == "":
		return nil
	case name == "object-lock-mode":
		return []string{string(kept.Mode)}
	case name == "object-lock-retain-until-date":
		return []string{kept.Until.UTC().Format(time.RFC3339Nano)}
	case name == "object-lock-remaining-retention-days":
		const day = 24 * time.Hour
		return []string{strconv.FormatInt(int64((kept.Until.Sub(q.start)+day-1)/day), 10)}
	}
	return nil
}

// creationCondition tells of the operations that need PutObject which of them make an
// object, so that a policy can want If-None-Match of these alone (AWS, "Enforce
// conditional writes on Amazon S3 buckets").
func (q *request) creationCondition() []string {
	switch q.op.name {
	case "PutObject", "PostObject", "CopyObject", "RenameObject", "CompleteMultipartUpload":
		return []string{"true"}
	case "CreateMultipartUpload", "UploadPart", "UploadPartCopy":
		return []string{"false"}
	}
	return nil
}

// given is what a header or parameter says, nothing if it is empty or not there.
func given(values []string) []string {
	if len(values) == 0 || values[0] == "" {
		return nil
	}
	return values[:1]
}

// tlsVersions is how policies write versions of TLS.
var tlsVersions = map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}

// signatureCondition gives the condition keys that tell how the request was
// signed; one that was not has none of them.
func (q *request) signatureCondition(name string) []string {
	if q.actor.Anonymous() {
		return nil
	}
	switch name {
	case "authtype":
		switch q.signature.kind {
		case sigv4.Header:
			return []string{"REST-HEADER"}
		case sigv4.Query:
			return []string{"REST-QUERY-STRING"}
		}
		return []string{"POST"}
	case "signatureversion":
		return []string{"AWS4-HMAC-SHA256"}
	case "signatureage":
		if q.signature.time.IsZero() {
			return nil
		}
		return []string{strconv.FormatInt(max(0, q.start.Sub(q.signature.time).Milliseconds()), 10)}
	}
	return nil
}

// tagCondition gives the value of one tag of what the request writes, or for ""
// the names of all.
func (q *request) tagCondition(name string) []string {
	tags := q.tags
	if tags == nil {
		if header := q.r.Header.Get("X-Amz-Tagging"); q.tagHeader.text != header {
			q.tagHeader.text = header
			q.tagHeader.tags, _ = parseTagQuery(header)
		}
		tags = q.tagHeader.tags
	}
	if name != "" {
		if t := coffer.FindTag(tags, name); t != nil {
			return []string{t.Value}
		}
		return nil
	}
	var names []string
	for _, t := range tags {
		names = append(names, t.Key)
	}
	return names
}

// expectOwner has the session refuse a bucket that is not of the account which a
// header names.
func (q *request) expectOwner(header string, bucket coffer.BucketName) error {
	account := q.r.Header.Get(header)
	if account == "" || bucket == "" {
		return nil
	}
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return coffer.Errorf(coffer.InvalidBucketOwner, "The value of the expected bucket owner parameter must be an AWS Account ID... [%.100s]", account)
	}
	q.session = q.session.Expect(bucket, coffer.AccountID(account))
	return nil
}

// nobody is the refusal of a request without a signature.
func nobody(r *http.Request, auth *sigv4.Auth, op operation) error {
	if auth.Kind == sigv4.Anonymous && (!op.anonymous && !op.public || r.Header.Get("Authorization") != "") {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	return nil
}
