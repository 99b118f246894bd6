package api

import (
	"cmp"
	"errors"
	"net/http"

	"coffer"
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
	coffer.InvalidSecurity:                           {"InvalidSecurity", http.StatusForbidden},
	coffer.CORSNotAllowed:                            {"CORSNotAllowed", http.StatusForbidden},
	coffer.NoSuchAccount:                             {"NoSuchAccount", http.StatusNotFound},
	coffer.AccountExists:                             {"AccountExists", http.StatusConflict},
	coffer.NoSuchKeyRecord:                           {"NoSuchKey", http.StatusNotFound},
	coffer.KeyExists:                                 {"KeyExists", http.StatusConflict},
	coffer.LastKey:                                   {"LastKey", http.StatusConflict},
	coffer.BucketAlreadyExists:                       {"BucketAlreadyExists", http.StatusConflict},
	coffer.BucketAlreadyOwnedByYou:                   {"BucketAlreadyOwnedByYou", http.StatusConflict},
	coffer.BucketNotEmpty:                            {"BucketNotEmpty", http.StatusConflict},
	coffer.InvalidBucketName:                         {"InvalidBucketName", http.StatusBadRequest},
	coffer.InvalidBucketState:                        {"InvalidBucketState", http.StatusConflict},
	coffer.InvalidLocationConstraint:                 {"InvalidLocationConstraint", http.StatusBadRequest},
	coffer.IllegalLocationConstraint:                 {"IllegalLocationConstraint", http.StatusBadRequest},
	coffer.NoSuchBucket:                              {"NoSuchBucket", http.StatusNotFound},
	coffer.TooManyBuckets:                            {"TooManyBuckets", http.StatusBadRequest},
	coffer.ACLNotSupported:                           {"AccessControlListNotSupported", http.StatusBadRequest},
	coffer.NoSuchObject:                              {"NoSuchObject", http.StatusNotFound},
	coffer.NoSuchVersion:                             {"NoSuchVersion", http.StatusNotFound},
	coffer.KeyTooLong:                                {"KeyTooLong", http.StatusBadRequest},
	coffer.MetadataTooLarge:                          {"MetadataTooLarge", http.StatusBadRequest},
	coffer.InvalidStorageClass:                       {"InvalidStorageClass", http.StatusBadRequest},
	coffer.InvalidObjectState:                        {"InvalidObjectState", http.StatusForbidden},
	coffer.EntityTooLarge:                            {"EntityTooLarge", http.StatusRequestEntityTooLarge},
	coffer.EntityTooSmall:                            {"EntityTooSmall", http.StatusBadRequest},
	coffer.ObjectDamaged:                             {"ObjectDamaged", http.StatusInternalServerError},
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
	coffer.MalformedTrailer:                          {"MalformedTrailer", http.StatusBadRequest},
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
}

// refusal turns err into an answer. What nobody classified is for the log only:
// the caller gets the ID to find it by.
func (h *handler) refusal(r *http.Request, err error) (int, errorAnswer) {
	id := coffer.RequestID(r.Context())
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.status, errorAnswer{errorBody{e.name, e.message, id}}
	}
	code := coffer.CodeOf(err)
	line := wire[code]
	message := "internal error: the server's log has more about request " + id
	if e, ok := errors.AsType[*coffer.Error](err); ok {
		message = cmp.Or(e.Message, line.name)
	}
	if line.status >= http.StatusInternalServerError {
		h.Logger.ErrorContext(r.Context(), "api request failed", "request_id", id, "error", err)
	}
	return line.status, errorAnswer{errorBody{line.name, message, id}}
}
