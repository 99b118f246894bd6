package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"

	"coffer"
	"coffer/keys"
	"coffer/sigv4"
)

// wire is how a code stands in an answer. The names are this interface's own:
// the key that is not found here is an access key.
var wire = [coffer.CodeCount]struct {
	name   string
	status int
}{
	coffer.Internal:                                  {"InternalError", http.StatusInternalServerError},
	coffer.AccessDenied:                              {"AccessDenied", http.StatusForbidden},
	coffer.AccountProblem:                            {"AccountProblem", http.StatusForbidden},
	coffer.InvalidAccessKeyID:                        {"InvalidAccessKeyId", http.StatusForbidden},
	coffer.InvalidToken:                              {"InvalidToken", http.StatusBadRequest},
	coffer.ExpiredToken:                              {"ExpiredToken", http.StatusForbidden},
	coffer.InvalidSecurity:                           {"InvalidSecurity", http.StatusForbidden},
	coffer.CORSNotAllowed:                            {"CORSNotAllowed", http.StatusForbidden},
	coffer.NoSuchAccount:                             {"NoSuchAccount", http.StatusNotFound},
	coffer.AccountExists:                             {"AccountExists", http.StatusConflict},
	coffer.NoSuchKeyRecord:                           {"NoSuchKey", http.StatusNotFound},
	coffer.KeyExists:                                 {"KeyExists", http.StatusConflict},
	coffer.LastKey:                                   {"LastKey", http.StatusConflict},
	coffer.RotationInProgress:                        {"RotationInProgress", http.StatusConflict},
	coffer.NoRotation:                                {"NoRotation", http.StatusConflict},
	coffer.KeyInUse:                                  {"KeyInUse", http.StatusConflict},
	coffer.RevealOff:                                 {"RevealOff", http.StatusForbidden},
	coffer.FreshSignInNeeded:                         {"FreshSignInNeeded", http.StatusForbidden},
	coffer.SignInNeeded:                              {"SignInNeeded", http.StatusUnauthorized},
	coffer.SignInRefused:                             {"SignInRefused", http.StatusUnauthorized},
	coffer.NoSuchMember:                              {"NoSuchMember", http.StatusNotFound},
	coffer.MemberExists:                              {"MemberExists", http.StatusConflict},
	coffer.LastOwner:                                 {"LastOwner", http.StatusConflict},
	coffer.NoSuchLink:                                {"NoSuchLink", http.StatusNotFound},
	coffer.NoSuchSession:                             {"NoSuchSession", http.StatusNotFound},
	coffer.NoSuchFactor:                              {"NoSuchFactor", http.StatusNotFound},
	coffer.BucketAlreadyExists:                       {"BucketAlreadyExists", http.StatusConflict},
	coffer.BucketAlreadyOwnedByYou:                   {"BucketAlreadyOwnedByYou", http.StatusConflict},
	coffer.BucketNotEmpty:                            {"BucketNotEmpty", http.StatusConflict},
	coffer.InvalidBucketName:                         {"InvalidBucketName", http.StatusBadRequest},
	coffer.InvalidBucketNamespace:                    {"InvalidBucketNamespace", http.StatusBadRequest},
	coffer.IllegalVersioningConfiguration:            {"IllegalVersioningConfiguration", http.StatusBadRequest},
	coffer.InvalidBucketOwner:                        {"InvalidBucketOwner", http.StatusBadRequest},
	coffer.InvalidBucketState:                        {"InvalidBucketState", http.StatusConflict},
	coffer.InvalidLocationConstraint:                 {"InvalidLocationConstraint", http.StatusBadRequest},
	coffer.IllegalLocationConstraint:                 {"IllegalLocationConstraint", http.StatusBadRequest},
	coffer.NoSuchBucket:                              {"NoSuchBucket", http.StatusNotFound},
	coffer.TooManyBuckets:                            {"TooManyBuckets", http.StatusBadRequest},
	coffer.ACLNotSupported:                           {"AccessControlListNotSupported", http.StatusBadRequest},
	coffer.InvalidBucketACLWithObjectOwnership:       {"InvalidBucketACLWithObjectOwnership", http.StatusBadRequest},
	coffer.InvalidTargetBucketForLogging:             {"InvalidTargetBucketForLogging", http.StatusBadRequest},
	coffer.NoSuchObject:                              {"NoSuchObject", http.StatusNotFound},
	coffer.NoSuchVersion:                             {"NoSuchVersion", http.StatusNotFound},
	coffer.KeyTooLong:                                {"KeyTooLong", http.StatusBadRequest},
	coffer.MetadataTooLarge:                          {"MetadataTooLarge", http.StatusBadRequest},
	coffer.InvalidRedirectLocation:                   {"InvalidRedirectLocation", http.StatusBadRequest},
	coffer.InvalidStorageClass:                       {"InvalidStorageClass", http.StatusBadRequest},
	coffer.InvalidObjectState:                        {"InvalidObjectState", http.StatusForbidden},
	coffer.EntityTooLarge:                            {"EntityTooLarge", http.StatusRequestEntityTooLarge},
	coffer.EntityTooSmall:                            {"EntityTooSmall", http.StatusBadRequest},
	coffer.ObjectDamaged:                             {"ObjectDamaged", http.StatusInternalServerError},
	coffer.InvalidRetentionPeriod:                    {"InvalidRetentionPeriod", http.StatusBadRequest},
	coffer.RestoreAlreadyInProgress:                  {"RestoreAlreadyInProgress", http.StatusConflict},
	coffer.QuotaExceeded:                             {"QuotaExceeded", http.StatusForbidden},
	coffer.InvalidEncryptionAlgorithm:                {"InvalidEncryptionAlgorithm", http.StatusBadRequest},
	coffer.KMSKeyNotFound:                            {"KMSKeyNotFound", http.StatusBadRequest},
	coffer.KMSDisabled:                               {"KMSDisabled", http.StatusBadRequest},
	coffer.NoSuchUpload:                              {"NoSuchUpload", http.StatusNotFound},
	coffer.InvalidPart:                               {"InvalidPart", http.StatusBadRequest},
	coffer.InvalidPartOrder:                          {"InvalidPartOrder", http.StatusBadRequest},
	coffer.InvalidPartNumber:                         {"InvalidPartNumber", http.StatusBadRequest},
	coffer.PreconditionFailed:                        {"PreconditionFailed", http.StatusPreconditionFailed},
	coffer.NotModified:                               {"NotModified", http.StatusPreconditionFailed},
	coffer.ConditionalRequestConflict:                {"ConditionalRequestConflict", http.StatusConflict},
	coffer.InvalidRange:                              {"InvalidRange", http.StatusRequestedRangeNotSatisfiable},
	coffer.BadDigest:                                 {"BadDigest", http.StatusBadRequest},
	coffer.InvalidDigest:                             {"InvalidDigest", http.StatusBadRequest},
	coffer.IncompleteBody:                            {"IncompleteBody", http.StatusBadRequest},
	coffer.MissingContentLength:                      {"MissingContentLength", http.StatusLengthRequired},
	coffer.ContentSHA256Mismatch:                     {"ContentSHA256Mismatch", http.StatusBadRequest},
	coffer.MalformedXML:                              {"MalformedXML", http.StatusBadRequest},
	coffer.MissingRequestBody:                        {"MissingRequestBody", http.StatusBadRequest},
	coffer.MaxMessageLengthExceeded:                  {"MaxMessageLengthExceeded", http.StatusBadRequest},
	coffer.MissingSecurityHeader:                     {"MissingSecurityHeader", http.StatusBadRequest},
	coffer.UnexpectedContent:                         {"UnexpectedContent", http.StatusBadRequest},
	coffer.MalformedTrailer:                          {"MalformedTrailer", http.StatusBadRequest},
	coffer.MalformedPolicy:                           {"MalformedPolicy", http.StatusBadRequest},
	coffer.MalformedACL:                              {"MalformedACL", http.StatusBadRequest},
	coffer.MalformedPOST:                             {"MalformedPOST", http.StatusBadRequest},
	coffer.InvalidPolicyDocument:                     {"InvalidPolicyDocument", http.StatusBadRequest},
	coffer.IncorrectNumberOfFiles:                    {"IncorrectNumberOfFiles", http.StatusBadRequest},
	coffer.UserKeyMustBeSpecified:                    {"UserKeyMustBeSpecified", http.StatusBadRequest},
	coffer.PostPreDataTooLong:                        {"PostPreDataTooLong", http.StatusBadRequest},
	coffer.UnresolvableGrant:                         {"UnresolvableGrant", http.StatusBadRequest},
	coffer.BadRequest:                                {"BadRequest", http.StatusBadRequest},
	coffer.InvalidTag:                                {"InvalidTag", http.StatusBadRequest},
	coffer.InvalidArgument:                           {"InvalidArgument", http.StatusBadRequest},
	coffer.InvalidRequest:                            {"InvalidRequest", http.StatusBadRequest},
	coffer.InvalidURI:                                {"InvalidURI", http.StatusBadRequest},
	coffer.MethodNotAllowed:                          {"MethodNotAllowed", http.StatusMethodNotAllowed},
	coffer.NotImplemented:                            {"NotImplemented", http.StatusNotImplemented},
	coffer.RequestTimeout:                            {"RequestTimeout", http.StatusRequestTimeout},
	coffer.SlowDown:                                  {"SlowDown", http.StatusServiceUnavailable},
	coffer.ServiceUnavailable:                        {"ServiceUnavailable", http.StatusServiceUnavailable},
	coffer.StorageFull:                               {"StorageFull", http.StatusInsufficientStorage},
	coffer.NoSuchBucketPolicy:                        {"NoSuchBucketPolicy", http.StatusNotFound},
	coffer.NoSuchCORSConfiguration:                   {"NoSuchCORSConfiguration", http.StatusNotFound},
	coffer.NoSuchLifecycleConfiguration:              {"NoSuchLifecycleConfiguration", http.StatusNotFound},
	coffer.NoSuchTagSet:                              {"NoSuchTagSet", http.StatusNotFound},
	coffer.NoSuchWebsiteConfiguration:                {"NoSuchWebsiteConfiguration", http.StatusNotFound},
	coffer.NoSuchPublicAccessBlockConfiguration:      {"NoSuchPublicAccessBlockConfiguration", http.StatusNotFound},
	coffer.NoSuchObjectLockConfiguration:             {"NoSuchObjectLockConfiguration", http.StatusNotFound},
	coffer.ObjectLockConfigurationNotFound:           {"ObjectLockConfigurationNotFound", http.StatusNotFound},
	coffer.OwnershipControlsNotFound:                 {"OwnershipControlsNotFound", http.StatusNotFound},
	coffer.ReplicationConfigurationNotFound:          {"ReplicationConfigurationNotFound", http.StatusNotFound},
	coffer.ServerSideEncryptionConfigurationNotFound: {"ServerSideEncryptionConfigurationNotFound", http.StatusNotFound},
	coffer.NoSuchConfiguration:                       {"NoSuchConfiguration", http.StatusNotFound},
}

// refusal is an error of the interface itself, which no code of the domain
// fits.
type refusal struct {
	status        int
	name, message string
}

func (e *refusal) Error() string { return e.message }

// errorAnswer is the body of every answer that is not a success.
type errorAnswer struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	// InUse is the evidence of KeyInUse.
	InUse *InUse `json:"in_use,omitempty" doc:"With KeyInUse: who uses the credential."`
}

// signatureStatus has the status of the codes that package sigv4 answers with;
// a code that is not here is a 400.
var signatureStatus = map[string]int{
	"AccessDenied":          http.StatusForbidden,
	"RequestTimeTooSkewed":  http.StatusForbidden,
	"SignatureDoesNotMatch": http.StatusForbidden,
}

func errNoReclaim() error { return coffer.Errorf(coffer.NotImplemented, "this server cannot reclaim") }

// fail answers with an error, or cuts the connection if the answer has begun:
// half of a log must not look like all of it.
func (q *request) fail(err error) {
	if q.began {
		q.Logger.WarnContext(q.ctx(), "an answer was cut off", "request_id", coffer.RequestID(q.ctx()), "error", err)
		panic(http.ErrAbortHandler)
	}
	status, answer := q.refusal(err)
	q.code = answer.Error.Code
	body, err := json.Marshal(answer)
	if err != nil { // no answer of this package can fail to encode
		status, body = http.StatusInternalServerError, nil
	}
	q.send(status, body)
}

// refusal turns err into an answer. What nobody classified is for the log only:
// the caller gets the ID to find it by.
func (q *request) refusal(err error) (int, errorAnswer) {
	body := errorBody{RequestID: coffer.RequestID(q.ctx())}
	if e, ok := errors.AsType[*refusal](err); ok {
		body.Code, body.Message = e.name, e.message
		return e.status, errorAnswer{body}
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		body.Code, body.Message = e.Code, e.Message
		return cmp.Or(signatureStatus[e.Code], http.StatusBadRequest), errorAnswer{body}
	}
	if e, ok := errors.AsType[*keys.InUse](err); ok {
		body.InUse = &InUse{AccessKeyID: e.AccessKeyID, LastUsed: e.LastUsed, Clients: clientsOf(e.Clients)}
	}
	line := wire[coffer.CodeOf(err)]
	body.Code, body.Message = line.name, "internal error: the server's log has more about request "+body.RequestID
	if e, ok := errors.AsType[*coffer.Error](err); ok {
		body.Message = cmp.Or(e.Message, line.name)
		for _, f := range e.Fields {
			if f.Name == "RetryAfter" {
				q.w.Header().Set("Retry-After", f.Value)
			}
		}
	}
	if line.status >= http.StatusInternalServerError {
		q.Logger.ErrorContext(q.ctx(), "api request failed", "request_id", body.RequestID, "error", err)
	}
	return line.status, errorAnswer{body}
}
