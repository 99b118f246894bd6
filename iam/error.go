package iam

import (
	"encoding/xml"
	"errors"
	"net/http"

	"coffer"
	"coffer/sigv4"
)

// wire is how STS says a code (AWS STS API Reference, "Common Errors", and those of
// each action). What is not here is an InternalFailure.
var wire = map[coffer.Code]refused{
	coffer.AccessDenied:          {http.StatusForbidden, "AccessDenied", "Access denied"},
	coffer.SignInNeeded:          {http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"},
	coffer.InvalidAccessKeyID:    {http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."},
	coffer.InvalidToken:          {http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."},
	coffer.ExpiredToken:          {http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"},
	coffer.InvalidArgument:       {http.StatusBadRequest, "ValidationError", "A parameter is not valid"},
	coffer.InvalidRequest:        {http.StatusBadRequest, "InvalidAction", "The action is not valid"},
	coffer.MalformedPolicy:       {http.StatusBadRequest, "MalformedPolicyDocument", "The policy is malformed"},
	coffer.IncompleteBody:        {http.StatusBadRequest, "IncompleteBody", "The body is not whole"},
	coffer.ContentSHA256Mismatch: {http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The body is not the one that was signed"},
	coffer.SlowDown:              {http.StatusServiceUnavailable, "Throttling", "Rate exceeded"},
	coffer.StorageFull:           {http.StatusServiceUnavailable, "ServiceUnavailable", "There is no room to note the call in the audit log"},
}

// refused is a line of wire; its text stands where an error has none of its own.
type refused struct {
	status      int
	name, usual string
}

// forbidden are those of package sigv4's codes that are a 403; the others are a 400.
var forbidden = map[string]bool{"AccessDenied": true, "RequestTimeTooSkewed": true, "SignatureDoesNotMatch": true}

// errorResponse is the body of every answer that is not a success.
type errorResponse struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// refusal turns err into an answer. What nobody classified is for the log only: the
// caller gets the ID to find it by.
func (q *request) refusal(err error) (int, errorResponse) {
	out := errorResponse{Type: "Sender", RequestID: q.id}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		out.Code, out.Message = e.Code, e.Message
		if forbidden[e.Code] {
			return http.StatusForbidden, out
		}
		return http.StatusBadRequest, out
	}
	line, ok := wire[coffer.CodeOf(err)]
	if !ok {
		out.Type, out.Code = "Receiver", "InternalFailure"
		out.Message = "internal error: the server's log has more about request " + q.id
		return http.StatusInternalServerError, out
	}
	out.Code, out.Message = line.name, line.usual
	if e, ok := errors.AsType[*coffer.Error](err); ok && e.Message != "" {
		out.Message = e.Message
	}
	return line.status, out
}

// invalidAction is AWS's answer to what STS does not have.
func invalidAction(action, version string) error {
	return coffer.Errorf(coffer.InvalidRequest, "Could not find operation %.100s for version %.40s: there are AssumeRole, GetCallerIdentity, GetFederationToken and GetSessionToken, of version %s", action, version, stsVersion)
}
