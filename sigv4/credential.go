package sigv4

import (
	"slices"
	"strings"
	"time"
)

// setCredential reads "id/yyyymmdd/region/service/aws4_request" and checks it
// against the options and, once a.date is known, the day of signing.
func (a *Auth) setCredential(text string, opt Options) error {
	parts := strings.Split(text, "/")
	if len(parts) != 5 {
		return a.Kind.malformed(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	c := Credential{AccessKeyID: parts[0], Date: parts[1], Region: parts[2], Service: parts[3]}
	switch {
	case c.AccessKeyID == "":
		return a.Kind.malformed("a non-empty Access Key (AKID) must be provided in the credential.")
	case parts[4] != terminal:
		return a.Kind.malformed(`incorrect terminal "%s". This endpoint uses "%s".`, clip(parts[4], 32), terminal)
	case c.Service != opt.Service:
		return a.Kind.malformed(`incorrect service "%s". This endpoint belongs to "%s".`, clip(c.Service, 32), opt.Service)
	case !isDay(c.Date):
		return a.Kind.malformed(`incorrect date format "%s". This date in the credential must be in the format "yyyyMMdd".`, clip(c.Date, 32))
	case len(opt.Regions) > 0 && !slices.Contains(opt.Regions, c.Region):
		return a.Kind.malformed("the region '%s' is wrong; expecting '%s'", clip(c.Region, 64), opt.Regions[0]).
			with("Region", opt.Regions[0])
	case c.Date != a.date[:8]:
		return a.Kind.malformed(`Invalid credential date "%s". This date is not the same as X-Amz-Date: "%s".`, c.Date, a.date[:8])
	}
	a.Credential = c
	a.scope = text[len(c.AccessKeyID)+1:]
	return nil
}

func isDay(s string) bool {
	return len(s) == 8 && isDigits(s)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// setTime reads the basic ISO 8601 form, and no other spelling of it: what
// stands in the string to sign must be what was sent.
func (a *Auth) setTime(text string) bool {
	if len(text) != len(isoFormat) { // time.Parse would take fractions of a second
		return false
	}
	t, err := time.Parse(isoFormat, text)
	if err != nil {
		return false
	}
	a.Time, a.date = t, text
	return true
}

// setSignedHeaders reads the list of signed header names. It returns what is
// wrong with it, or "". Order is the client's affair, who may have signed in that or
// in the sorted one, as AWS has it; a name that is empty, doubled, in upper case or no
// header name at all is not.
func (a *Auth) setSignedHeaders(list string) string {
	names := strings.Split(list, ";")
	for _, name := range names {
		if name == "" {
			return "SignedHeaders has an empty element."
		}
		if !isToken(name) {
			return "SignedHeaders must be header names in lower case."
		}
	}
	sorted := names
	if !slices.IsSorted(names) {
		sorted = slices.Sorted(slices.Values(names))
	}
	for i := range sorted[1:] {
		if sorted[i] == sorted[i+1] {
			return "SignedHeaders names a header twice."
		}
	}
	a.SignedHeaders, a.signedList = names, list
	if !slices.IsSorted(names) {
		a.sortedHeaders = sorted
	}
	return ""
}

// isToken reports whether s is a header name (RFC 9110, token) in lower case.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}
