package coffer

import (
	"errors"
	"fmt"
	"strconv"
)

// Code says what kind of refusal or failure an Error is. The names are S3's
// where S3 has one; each front turns codes into its own wire form in one table.
type Code uint8

// The codes. Internal is the zero value: an error that nobody classified.
const (
	Internal Code = iota

	// Who asks, and whether they may.
	AccessDenied
	AccountProblem
	InvalidAccessKeyID
	InvalidToken
	ExpiredToken
	InvalidSecurity
	CORSNotAllowed

	// Accounts and keys.
	NoSuchAccount
	AccountExists
	NoSuchKeyRecord
	KeyExists
	LastKey
	RotationInProgress
	NoRotation
	KeyInUse
	RevealOff

	// Members and their sessions.
	SignInNeeded
	SignInRefused
	FreshSignInNeeded
	NoSuchMember
	MemberExists
	LastOwner
	NoSuchLink
	NoSuchSession
	NoSuchFactor

	// Buckets.
	BucketAlreadyExists
	BucketAlreadyOwnedByYou
	BucketNotEmpty
	InvalidBucketName
	InvalidBucketNamespace
	InvalidBucketOwner
	InvalidBucketState
	IllegalVersioningConfiguration
	InvalidLocationConstraint
	IllegalLocationConstraint
	NoSuchBucket
	TooManyBuckets
	ACLNotSupported
	InvalidBucketACLWithObjectOwnership
	InvalidTargetBucketForLogging

	// Objects.
	NoSuchObject
	NoSuchVersion
	KeyTooLong
	MetadataTooLarge
	InvalidStorageClass
	InvalidRedirectLocation
	InvalidTag
	InvalidObjectState
	EntityTooLarge
	EntityTooSmall
	ObjectDamaged
	InvalidRetentionPeriod
	RestoreAlreadyInProgress
	QuotaExceeded
	InvalidEncryptionAlgorithm
	KMSKeyNotFound
	KMSDisabled

	// Uploads.
	NoSuchUpload
	InvalidPart
	InvalidPartOrder
	InvalidPartNumber

	// Conditions and ranges.
	PreconditionFailed
	NotModified
	ConditionalRequestConflict
	InvalidRange

	// Bodies and digests.
	BadDigest
	InvalidDigest
	IncompleteBody
	MissingContentLength
	ContentSHA256Mismatch
	MalformedXML
	MissingRequestBody
	MaxMessageLengthExceeded
	MissingSecurityHeader
	UnexpectedContent
	MalformedTrailer
	MalformedPolicy
	MalformedACL
	MalformedPOST
	InvalidPolicyDocument
	IncorrectNumberOfFiles
	UserKeyMustBeSpecified
	PostPreDataTooLong
	UnresolvableGrant

	// Requests.
	BadRequest
	InvalidArgument
	InvalidRequest
	InvalidURI
	MethodNotAllowed
	NotImplemented
	RequestTimeout
	SlowDown
	ServiceUnavailable
	StorageFull

	// What is asked for was never set.
	NoSuchBucketPolicy
	NoSuchCORSConfiguration
	NoSuchLifecycleConfiguration
	NoSuchTagSet
	NoSuchWebsiteConfiguration
	NoSuchPublicAccessBlockConfiguration
	NoSuchObjectLockConfiguration
	ObjectLockConfigurationNotFound
	OwnershipControlsNotFound
	ReplicationConfigurationNotFound
	ServerSideEncryptionConfigurationNotFound
	NoSuchConfiguration

	// CodeCount is how many there are.
	CodeCount
)

// Field is a further fact about an error, by the name that S3's error document
// gives it.
type Field struct{ Name, Value string }

// Error is a refusal or failure that a caller can understand. Message is for
// people and may be empty, which means the code's usual text; Err is the cause,
// for the operator only.
type Error struct {
	Code    Code
	Message string
	Fields  []Field
	Err     error
}

// Errorf makes an Error with a message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// With adds a field and returns e.
func (e *Error) With(name, value string) *Error {
	e.Fields = append(e.Fields, Field{name, value})
	return e
}

// Wrap sets the cause and returns e.
func (e *Error) Wrap(err error) *Error {
	e.Err = err
	return e
}

func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = "error code " + itoa(int(e.Code))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, &Error{Code: c}) true for an error of code c, whatever
// its message.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == "" && t.Err == nil
}

// CodeOf returns the code of the outermost Error in err's chain, or Internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

func itoa(n int) string { return strconv.Itoa(n) }
