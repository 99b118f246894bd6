package console

import (
	"errors"
	"net/http"
	"strconv"

	"coffer"
)

// errorPage is what a person sees when something was refused or went wrong.
type errorPage struct {
	shell
	Status  int
	Heading string
	Message string
	Back    string
}

// statuses is how codes stand in an answer; those that are not here are the
// request's fault, or the server's for Internal.
var statuses = map[coffer.Code]int{
	coffer.Internal:                http.StatusInternalServerError,
	coffer.AccessDenied:            http.StatusForbidden,
	coffer.SignInNeeded:            http.StatusUnauthorized,
	coffer.SignInRefused:           http.StatusUnauthorized,
	coffer.FreshSignInNeeded:       http.StatusForbidden,
	coffer.NoSuchAccount:           http.StatusNotFound,
	coffer.NoSuchMember:            http.StatusNotFound,
	coffer.NoSuchLink:              http.StatusNotFound,
	coffer.NoSuchSession:           http.StatusNotFound,
	coffer.NoSuchFactor:            http.StatusNotFound,
	coffer.NoSuchKeyRecord:         http.StatusNotFound,
	coffer.NoSuchBucket:            http.StatusNotFound,
	coffer.NoSuchObject:            http.StatusNotFound,
	coffer.MemberExists:            http.StatusConflict,
	coffer.LastOwner:               http.StatusConflict,
	coffer.LastKey:                 http.StatusConflict,
	coffer.KeyExists:               http.StatusConflict,
	coffer.KeyInUse:                http.StatusConflict,
	coffer.RotationInProgress:      http.StatusConflict,
	coffer.NoRotation:              http.StatusConflict,
	coffer.RevealOff:               http.StatusForbidden,
	coffer.BucketAlreadyExists:     http.StatusConflict,
	coffer.BucketAlreadyOwnedByYou: http.StatusConflict,
	coffer.BucketNotEmpty:          http.StatusConflict,
	coffer.SlowDown:                http.StatusTooManyRequests,
	coffer.ServiceUnavailable:      http.StatusServiceUnavailable,
	coffer.StorageFull:             http.StatusInsufficientStorage,
	coffer.MethodNotAllowed:        http.StatusMethodNotAllowed,
	coffer.EntityTooLarge:          http.StatusRequestEntityTooLarge,
	coffer.InvalidBucketState:      http.StatusConflict,
	coffer.NoSuchVersion:           http.StatusNotFound,

	coffer.ConditionalRequestConflict: http.StatusConflict,
}

func statusOf(err error) int {
	code := coffer.CodeOf(err)
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusBadRequest
}

var headings = map[int]string{
	http.StatusForbidden:           "That is not allowed",
	http.StatusNotFound:            "There is nothing here",
	http.StatusConflict:            "That is not possible now",
	http.StatusTooManyRequests:     "Please wait a moment",
	http.StatusInternalServerError: "Something went wrong",
	http.StatusServiceUnavailable:  "The server is busy",
	http.StatusInsufficientStorage: "The disk is full",
	http.StatusUnauthorized:        "Sign in first",
}

// usual has texts for codes whose errors mostly come without one.
var usual = map[coffer.Code]string{
	coffer.AccessDenied:            "Your role in this account does not allow that. An owner or admin can change your role on the Members page.",
	coffer.NoSuchBucket:            "There is no such bucket in this account. It may have been deleted.",
	coffer.NoSuchObject:            "There is no such object. It may have been deleted or renamed.",
	coffer.NoSuchVersion:           "There is no such version. It may have been deleted.",
	coffer.BucketNotEmpty:          "The bucket still has objects in it. Delete them first.",
	coffer.BucketAlreadyExists:     "The name is taken by another account: bucket names are shared by all accounts of this server. Choose another.",
	coffer.BucketAlreadyOwnedByYou: "This account has a bucket of that name already.",
	coffer.TooManyBuckets:          "The account has as many buckets as it may have.",
	coffer.RevealOff:               "This server shows a secret only when it is made (keys_reveal is off). Rotate the key to get a new one.",
	coffer.StorageFull:             "The disk is full: nothing can be written before some space is freed.",
	coffer.ServiceUnavailable:      "Many people are signing in at this moment. Try again in a few seconds.",
}

// messageOf is what a person may read of err: the message of a refusal, and
// nothing of a failure.
func messageOf(err error) string {
	code := coffer.CodeOf(err)
	e, ok := errors.AsType[*coffer.Error](err)
	switch {
	case code == coffer.Internal:
		return "The server could not do this. The request ID below leads its operator to the reason in the log."
	case ok && e.Message != "":
		return sentence(e.Message)
	case usual[code] != "":
		return usual[code]
	}
	return "This was refused."
}

// fail answers with an error page, unless the answer has begun.
func (q *request) fail(err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		q.Logger.ErrorContext(q.ctx(), "console request failed", "request_id", q.id(), "error", err.Error())
	}
	if q.began {
		return
	}
	if wait, ok := retryAfter(err); ok {
		q.w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	}
	heading := headings[status]
	if heading == "" {
		heading = "That did not work"
	}
	page := errorPage{shell: q.shell(heading), Status: status, Heading: heading, Message: messageOf(err)}
	if err := q.render(status, "error", page); err != nil {
		q.Logger.ErrorContext(q.ctx(), "write error page", "request_id", q.id(), "error", err.Error())
	}
}

func (q *request) notFound() error {
	// Who is not signed in learns nothing of which paths exist; who is keeps the
	// menu to go on with.
	_ = q.authenticate()
	page := errorPage{shell: q.shell("There is nothing here"), Status: http.StatusNotFound, Heading: "There is nothing here",
		Message: "The address leads nowhere. It may be mistyped, or what it named was removed."}
	return q.render(http.StatusNotFound, "error", page)
}
