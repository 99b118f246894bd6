package s3

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coffer"
	"coffer/sigv4"
)

// wireError is how S3 says a code.
type wireError struct {
	code    string
	status  int
	message string
}

// wire has S3's form of every code (AWS, "Error responses", List of error
// codes); a message of the error itself goes before the one here.
var wire = [coffer.CodeCount]wireError{
	coffer.Internal: {"InternalError", 500, "We encountered an internal error. Please try again."},

	coffer.AccessDenied:       {"AccessDenied", 403, "Access Denied"},
	coffer.AccountProblem:     {"AccountProblem", 403, "There is a problem with your account that prevents the operation from completing successfully."},
	coffer.InvalidAccessKeyID: {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
	coffer.InvalidToken:       {"InvalidToken", 403, "The provided token is malformed or otherwise not valid."},
	coffer.ExpiredToken:       {"ExpiredToken", 403, "The provided token has expired."},
	coffer.InvalidSecurity:    {"InvalidSecurity", 403, "The provided security credentials are not valid."},
	coffer.CORSNotAllowed:     {"AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket."},

	coffer.NoSuchAccount:   {"NoSuchAccount", 404, "The specified account does not exist."},
	coffer.AccountExists:   {"AccountAlreadyExists", 409, "The account exists already."},
	coffer.NoSuchKeyRecord: {"NoSuchAccessKey", 404, "The specified access key does not exist."},
	coffer.KeyExists:       {"AccessKeyAlreadyExists", 409, "The access key exists already."},
	coffer.LastKey:         {"LastAccessKey", 409, "The access key is the last one of its account."},

	// No operation of S3 ends in these.
	coffer.RotationInProgress: {"RotationInProgress", 409, "The access key is being rotated already."},
	coffer.NoRotation:         {"NoRotation", 409, "The access key is not being rotated."},
	coffer.KeyInUse:           {"AccessKeyInUse", 409, "The access key is still in use."},
	coffer.RevealOff:          {"RevealOff", 403, "Secrets are not shown here."},

	// No S3 request meets these.
	coffer.SignInNeeded:      {"SignInNeeded", 401, "Sign in first."},
	coffer.SignInRefused:     {"SignInRefused", 401, "The sign-in was refused."},
	coffer.FreshSignInNeeded: {"FreshSignInNeeded", 403, "Confirm that it is you, and try again."},
	coffer.NoSuchMember:      {"NoSuchMember", 404, "The specified member does not exist."},
	coffer.MemberExists:      {"MemberAlreadyExists", 409, "The member exists already."},
	coffer.LastOwner:         {"LastOwner", 409, "The member is the last owner of the account."},
	coffer.NoSuchLink:        {"NoSuchLink", 404, "The link does not exist, was used or has expired."},
	coffer.NoSuchSession:     {"NoSuchSession", 404, "The specified session does not exist."},
	coffer.NoSuchFactor:      {"NoSuchFactor", 404, "The specified second factor does not exist."},

	coffer.BucketAlreadyExists:                 {"BucketAlreadyExists", 409, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Select a different name and try again."},
	coffer.BucketAlreadyOwnedByYou:             {"BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it."},
	coffer.BucketNotEmpty:                      {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
	coffer.InvalidBucketName:                   {"InvalidBucketName", 400, "The specified bucket is not valid."},
	coffer.InvalidBucketNamespace:              {"InvalidBucketNamespace", 400, "The name is not one of that namespace."},
	coffer.InvalidBucketOwner:                  {"InvalidBucketOwnerAWSAccountID", 400, "The value of the expected bucket owner parameter must be an AWS Account ID."},
	coffer.IllegalVersioningConfiguration:      {"IllegalVersioningConfigurationException", 400, "The Versioning element must be specified"},
	coffer.InvalidBucketState:                  {"InvalidBucketState", 409, "The request is not valid for the current state of the bucket."},
	coffer.InvalidLocationConstraint:           {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"},
	coffer.IllegalLocationConstraint:           {"IllegalLocationConstraintException", 400, "The specified location constraint is incompatible with the region specific endpoint this request was sent to."},
	coffer.NoSuchBucket:                        {"NoSuchBucket", 404, "The specified bucket does not exist"},
	coffer.TooManyBuckets:                      {"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"},
	coffer.ACLNotSupported:                     {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs: let a bucket policy say who may, or turn them on with PutBucketOwnershipControls."},
	coffer.InvalidBucketACLWithObjectOwnership: {"InvalidBucketAclWithObjectOwnership", 400, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"},
	coffer.InvalidTargetBucketForLogging:       {"InvalidTargetBucketForLogging", 400, "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants for the log-delivery group."},

	coffer.NoSuchObject:               {"NoSuchKey", 404, "The specified key does not exist."},
	coffer.NoSuchVersion:              {"NoSuchVersion", 404, "The specified version does not exist."},
	coffer.KeyTooLong:                 {"KeyTooLongError", 400, "Your key is too long"},
	coffer.MetadataTooLarge:           {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
	coffer.InvalidRedirectLocation:    {"InvalidRedirectLocation", 400, "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."},
	coffer.InvalidStorageClass:        {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
	coffer.InvalidTag:                 {"InvalidTag", 400, "The tag you have provided is invalid"},
	coffer.InvalidObjectState:         {"InvalidObjectState", 403, "The operation is not valid for the current state of the object."},
	coffer.EntityTooLarge:             {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
	coffer.EntityTooSmall:             {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
	coffer.ObjectDamaged:              {"InternalError", 500, "The object is damaged in storage: its bytes do not match their checksum. Restore it from a copy."},
	coffer.InvalidRetentionPeriod:     {"InvalidRetentionPeriod", 400, "The retention period specified in the PutBucketObjectLockConfiguration request is not valid."},
	coffer.RestoreAlreadyInProgress:   {"RestoreAlreadyInProgress", 409, "Object restore is already in progress"},
	coffer.QuotaExceeded:              {"QuotaExceeded", 403, "The quota does not allow this write."},
	coffer.InvalidEncryptionAlgorithm: {"InvalidEncryptionAlgorithmError", 400, "The Encryption request you specified is not valid. Supported value: AES256."},
	coffer.KMSKeyNotFound:             {"KMS.NotFoundException", 400, "The request was rejected because the specified KMS key does not exist."},
	coffer.KMSDisabled:                {"KMS.DisabledException", 400, "The request was rejected because the specified KMS key is not enabled."},

	coffer.NoSuchUpload:      {"NoSuchUpload", 404, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."},
	coffer.InvalidPart:       {"InvalidPart", 400, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."},
	coffer.InvalidPartOrder:  {"InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number."},
	coffer.InvalidPartNumber: {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},

	coffer.PreconditionFailed:         {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"},
	coffer.NotModified:                {"NotModified", 304, "Not Modified"},
	coffer.ConditionalRequestConflict: {"ConditionalRequestConflict", 409, "A conflicting operation occurred during the request. Try the request again."},
	coffer.InvalidRange:               {"InvalidRange", 416, "The requested range is not satisfiable"},

	coffer.BadDigest:                {"BadDigest", 400, "The Content-MD5 you specified did not match what we received."},
	coffer.InvalidDigest:            {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
	coffer.IncompleteBody:           {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header"},
	coffer.MissingContentLength:     {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
	coffer.ContentSHA256Mismatch:    {"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
	coffer.MalformedXML:             {"MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema"},
	coffer.MissingRequestBody:       {"MissingRequestBodyError", 400, "Request Body is empty"},
	coffer.MaxMessageLengthExceeded: {"MaxMessageLengthExceeded", 400, "Your request was too large."},
	coffer.MissingSecurityHeader:    {"MissingSecurityHeader", 400, "Your request was missing a required header"},
	coffer.UnexpectedContent:        {"UnexpectedContent", 400, "This request does not support content"},
	coffer.MalformedTrailer:         {"MalformedTrailerError", 400, "The request contained trailing data that was not well-formed or did not conform to our published schema."},
	coffer.MalformedPolicy:          {"MalformedPolicy", 400, "This policy contains invalid Json"},
	coffer.MalformedACL:             {"MalformedACLError", 400, "The XML you provided was not well-formed or did not validate against our published schema"},
	coffer.MalformedPOST:            {"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."},
	coffer.InvalidPolicyDocument:    {"InvalidPolicyDocument", 400, "The content of the form does not meet the conditions specified in the policy document."},
	coffer.IncorrectNumberOfFiles:   {"IncorrectNumberOfFilesInPostRequest", 400, "POST requires exactly one file upload per request."},
	coffer.UserKeyMustBeSpecified:   {"UserKeyMustBeSpecified", 400, "The bucket POST must contain the specified field name. If it is specified, check the order of the fields."},
	coffer.PostPreDataTooLong:       {"MaxPostPreDataLengthExceeded", 400, "Your POST request fields preceding the upload file were too large."},
	coffer.UnresolvableGrant:        {"UnresolvableGrantByEmailAddress", 400, "The email address you provided does not match any account on record."},

	coffer.BadRequest:         {"BadRequest", 400, "Bad Request"},
	coffer.InvalidArgument:    {"InvalidArgument", 400, "Invalid Argument"},
	coffer.InvalidRequest:     {"InvalidRequest", 400, "Invalid Request"},
	coffer.InvalidURI:         {"InvalidURI", 400, "Couldn't parse the specified URI."},
	coffer.MethodNotAllowed:   {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
	coffer.NotImplemented:     {"NotImplemented", 501, "A header you provided implies functionality that is not implemented"},
	coffer.RequestTimeout:     {"RequestTimeout", 400, "Your socket connection to the server was not read from or written to within the timeout period."},
	coffer.SlowDown:           {"SlowDown", 503, "Please reduce your request rate."},
	coffer.ServiceUnavailable: {"ServiceUnavailable", 503, "Service is unable to handle request."},
	coffer.StorageFull:        {"InsufficientStorage", 507, "The server has no room for new bytes. Reads and deletes still work: delete objects, or ask the operator for more disk."},

	coffer.NoSuchBucketPolicy:                        {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
	coffer.NoSuchCORSConfiguration:                   {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
	coffer.NoSuchLifecycleConfiguration:              {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"},
	coffer.NoSuchTagSet:                              {"NoSuchTagSet", 404, "The TagSet does not exist"},
	coffer.NoSuchWebsiteConfiguration:                {"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"},
	coffer.NoSuchPublicAccessBlockConfiguration:      {"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"},
	coffer.NoSuchObjectLockConfiguration:             {"NoSuchObjectLockConfiguration", 404, "The specified object does not have a ObjectLock configuration"},
	coffer.ObjectLockConfigurationNotFound:           {"ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket"},
	coffer.OwnershipControlsNotFound:                 {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"},
	coffer.ReplicationConfigurationNotFound:          {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"},
	coffer.ServerSideEncryptionConfigurationNotFound: {"ServerSideEncryptionConfigurationNotFoundError", 404, "The server side encryption configuration was not found"},
	coffer.NoSuchConfiguration:                       {"NoSuchConfiguration", 404, "The specified configuration does not exist."},
}

// signatureStatus has the status of the codes that package sigv4 answers with;
// a code that is not here is a 400.
var signatureStatus = map[string]int{
	"AccessDenied":          http.StatusForbidden,
	"InvalidChunkSizeError": http.StatusForbidden,
	"MissingContentLength":  http.StatusLengthRequired,
	"RequestTimeTooSkewed":  http.StatusForbidden,
	"SignatureDoesNotMatch": http.StatusForbidden,
}

// answer is an error as it goes out.
type answer struct {
	wireError
	fields []coffer.Field
}

// translate turns any error into what the client is told of it. Of an error that
// nobody classified it is told nothing.
func translate(err error) answer {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		a := answer{wireError: wireError{e.Code, http.StatusBadRequest, e.Message}}
		if status, ok := signatureStatus[e.Code]; ok {
			a.status = status
		}
		for _, f := range e.Fields {
			a.fields = append(a.fields, coffer.Field{Name: f.Name, Value: f.Value})
		}
		return a
	}
	if e, ok := errors.AsType[*coffer.Error](err); ok && e.Code < coffer.CodeCount {
		a := answer{wireError: wire[e.Code], fields: e.Fields}
		switch {
		case e.Message == "":
		case e.Code == coffer.MalformedXML, e.Code == coffer.MalformedACL:
			a.message += ": " + e.Message // AWS has one text for whatever is wrong with a document
		default:
			a.message = e.Message
		}
		return a
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return answer{wireError: wire[coffer.RequestTimeout]}
	}
	return answer{wireError: wire[coffer.Internal]}
}

// fail answers with an error, or cuts the connection if the answer has begun: a
// client must never take half of an object for all of it.
func (q *request) fail(err error) {
	q.failure = err
	if q.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	a := translate(err)
	h := q.w.Header()
	if i := slices.Index(a.fields, deleteMarker); i >= 0 && a.status == http.StatusMethodNotAllowed && i == 0 {
		a.fields = slices.Insert(slices.Clone(a.fields), 0, coffer.Field{Name: "Method", Value: q.r.Method})
	}
	clearObject(h, a.status)
	if a.code == wire[coffer.SlowDown].code {
		h.Set("Retry-After", "1")
	}
	if a.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, PUT, POST, DELETE")
		if slices.Contains(a.fields, deleteMarker) {
			h.Set("Allow", "DELETE")
		}
	}
	if i := slices.IndexFunc(a.fields, func(f coffer.Field) bool { return f.Name == "ActualObjectSize" }); i >= 0 {
		// A client that asked past the end is told where that is, also by a HEAD.
		h.Set("Content-Range", "bytes */"+a.fields[i].Value)
	}
	if q.r.Method == head || a.status == http.StatusNotModified {
		q.w.WriteHeader(a.status)
		return
	}
	d := newDoc("Error", "")
	d.text("Code", a.code)
	d.message(asUTF8(a.message))
	for _, f := range a.fields {
		d.text(f.Name, asUTF8(f.Value))
	}
	d.text("Resource", q.r.URL.EscapedPath())
	d.text("RequestId", q.id)
	d.text("HostId", hostID)
	b := d.close()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(a.status)
	_, _ = q.w.Write(b)
}

// asUTF8 is what an error repeats of a request, whose headers may have any byte: a
// document of XML with one that is no character could not be read.
func asUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// clearObject takes from the head of an answer what was set for an object that it
// does not have.
func clearObject(h http.Header, status int) {
	// What may not be done to a delete marker is told with its time.
	kept := status == http.StatusNotModified || status == http.StatusMethodNotAllowed
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Range", "Content-Encoding",
		"Content-Disposition", "Content-Language", "Cache-Control", "Expires", "ETag", "Last-Modified", "Accept-Ranges"} {
		if !kept || name == "Content-Length" || name == "Content-Range" {
			delete(h, name)
		}
	}
}
