package objects

import (
	"strings"
	"time"

	"coffer"
)

// Conditions are the preconditions of a request (RFC 9110, section 13), as the
// client wrote them; an empty one asks for nothing.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

func failed(condition string) error {
	return (&coffer.Error{Code: coffer.PreconditionFailed}).With("Condition", condition)
}

// checkRead applies the conditions of a GET or HEAD in the order of RFC 9110,
// section 13.2.2.
func (c Conditions) checkRead(o coffer.Object) error {
	switch {
	case c.IfMatch != "":
		if !matches(c.IfMatch, o.ETag) {
			return failed("If-Match")
		}
	case !c.IfUnmodifiedSince.IsZero():
		if o.Modified.Truncate(time.Second).After(c.IfUnmodifiedSince) {
			return failed("If-Unmodified-Since")
		}
	}
	switch {
	case c.IfNoneMatch != "":
		if matches(c.IfNoneMatch, o.ETag) {
			return &coffer.Error{Code: coffer.NotModified}
		}
	case !c.IfModifiedSince.IsZero():
		if !o.Modified.Truncate(time.Second).After(c.IfModifiedSince) {
			return &coffer.Error{Code: coffer.NotModified}
		}
	}
	return nil
}

// checkSource applies the conditions that a copy puts on its source: as a read,
// but a condition that does not hold is always a failure.
func (c Conditions) checkSource(o coffer.Object) error { return c.checkOther(o, "x-amz-copy-source-") }

// checkOther is checkSource for headers with any prefix before their names.
func (c Conditions) checkOther(o coffer.Object, prefix string) error {
	switch err := c.checkRead(o); coffer.CodeOf(err) {
	case coffer.NotModified:
		if c.IfNoneMatch != "" {
			return failed(prefix + "If-None-Match")
		}
		return failed(prefix + "If-Modified-Since")
	case coffer.PreconditionFailed:
		if c.IfMatch != "" {
			return failed(prefix + "If-Match")
		}
		return failed(prefix + "If-Unmodified-Since")
	default:
		return err
	}
}

// checkWrite applies the conditions of a write or delete to the object that it
// would replace: nil if there is none.
func (c Conditions) checkWrite(old *row, key string) error {
	if c.IfMatch != "" {
		switch {
		case old == nil:
			return noSuchObject(key)
		case !matches(c.IfMatch, old.ETag):
			return failed("If-Match")
		}
	}
	if c.IfNoneMatch != "" && old != nil && matches(c.IfNoneMatch, old.ETag) {
		return failed("If-None-Match")
	}
	return nil
}

// matches tells whether a list of entity tags has etag in it, or is *. Tags may
// come without their quotes, as S3 clients send them.
func matches(list, etag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) == etag {
			return true
		}
	}
	return false
}

func noSuchObject(key string) error {
	return (&coffer.Error{Code: coffer.NoSuchObject}).With("Key", key)
}
