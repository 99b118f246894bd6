package coffer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// CORSRule lets the pages of some origins use a bucket from a browser (AWS,
// "Elements of a CORS configuration").
type CORSRule struct {
	ID string
	// Origins and Headers may have one * each, for any text.
	Origins []string
	Methods []string
	Headers []string
	Expose  []string
	// MaxAgeSeconds is how long a browser may keep the answer; -1 if the rule does
	// not say.
	MaxAgeSeconds int
}

// The limits of a CORS configuration. The ID is counted in characters.
const (
	CORSRulesMax = 100
	corsIDMax    = 255
)

// corsAskedMax is how many headers a request across origins may ask leave for: far more
// than a page sends. Each is compared with all that a rule allows, before anybody knows
// who asks, and there would be room for thousands of both.
const corsAskedMax = 200

// corsMethods are those that a rule can allow.
var corsMethods = []string{"GET", "PUT", "POST", "DELETE", "HEAD"}

// IsCORSMethod tells whether a rule can allow method.
func IsCORSMethod(method string) bool { return slices.Contains(corsMethods, method) }

// CheckCORSRules tells whether a bucket can have these rules. The error is
// MalformedXML where AWS's schema forbids them, and else InvalidRequest.
func CheckCORSRules(rules []CORSRule) error {
	if len(rules) == 0 {
		return Errorf(MalformedXML, "there is no CORSRule")
	}
	if len(rules) > CORSRulesMax {
		return Errorf(InvalidRequest, "The number of CORS rules should not exceed allowed limit of %d rules.", CORSRulesMax)
	}
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *CORSRule) check() error {
	if len(r.Origins) == 0 || len(r.Methods) == 0 || r.MaxAgeSeconds < -1 || utf8.RuneCountInString(r.ID) > corsIDMax {
		return Errorf(MalformedXML, "a CORSRule has an AllowedOrigin, an AllowedMethod, a MaxAgeSeconds that is not negative, and an ID of at most %d characters", corsIDMax)
	}
	for _, m := range r.Methods {
		if !IsCORSMethod(m) {
			return Errorf(InvalidRequest, "Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
		}
	}
	for _, o := range r.Origins {
		if strings.Count(o, "*") > 1 {
			return Errorf(InvalidRequest, "AllowedOrigin \"%s\" can not have more than one wildcard.", o)
		}
	}
	for _, h := range r.Headers {
		if strings.Count(h, "*") > 1 {
			return Errorf(InvalidRequest, "AllowedHeader \"%s\" can not have more than one wildcard.", h)
		}
	}
	for _, h := range r.Expose {
		if strings.Contains(h, "*") {
			return Errorf(InvalidRequest, "ExposeHeader \"%s\" contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
		}
		if strings.ContainsFunc(h, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ',' || c == ':' }) {
			// It is written into the head of answers, as one of a list of names.
			return Errorf(InvalidRequest, "ExposeHeader \"%s\" contains unsupported character.", h)
		}
	}
	return nil
}

// CORSRequest is what a browser tells of a request across origins.
type CORSRequest struct {
	Origin string
	Method string
	// Headers are those that it asks for leave to send.
	Headers []string
}

// MatchCORS returns the first rule that allows a request; nil if none does.
func MatchCORS(rules []CORSRule, q CORSRequest) *CORSRule {
	if len(q.Headers) > corsAskedMax {
		return nil
	}
	for i := range rules {
		if rules[i].allows(q) {
			return &rules[i]
		}
	}
	return nil
}

// allows compares origins by case, and names of headers without.
func (r *CORSRule) allows(q CORSRequest) bool {
	if !slices.Contains(r.Methods, q.Method) || !slices.ContainsFunc(r.Origins, func(p string) bool { return matchOne(p, q.Origin) }) {
		return false
	}
	for _, h := range q.Headers {
		h = strings.ToLower(h)
		if !slices.ContainsFunc(r.Headers, func(p string) bool { return matchOne(strings.ToLower(p), h) }) {
			return false
		}
	}
	return true
}

// AnyOrigin tells whether the rule is for all origins, so that answers need not
// differ by them and bear no credentials.
func (r *CORSRule) AnyOrigin() bool { return slices.Contains(r.Origins, "*") }

// matchOne matches a pattern of at most one *, which stands for any text, none
// too.
func matchOne(pattern, s string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}
