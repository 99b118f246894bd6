package coffer

import (
	"slices"
	"strings"
)

// Website is how a bucket is served to browsers (AWS, "Hosting a static website
// using Amazon S3").
type Website struct {
	// RedirectAll sends all requests to another host; nothing else is set then.
	RedirectAll *WebsiteHost
	// Index is what is added to a key that is empty or ends with a slash.
	Index string
	// Error is the key of the page that is shown in the place of an error; "" for
	// none.
	Error string
	Rules []WebsiteRule
}

// WebsiteHost is another host. Protocol is http, https, or "" for that of the
// request.
type WebsiteHost struct{ Name, Protocol string }

// WebsiteRule redirects requests. All of its conditions hold, or it is not
// applied; one with none is applied to all requests.
type WebsiteRule struct {
	// Prefix is what the key begins with; nil for any.
	Prefix *string
	// ErrorCode is the status that the request would end with; 0 for any.
	ErrorCode int

	// Host.Name is "" for the host of the request.
	Host WebsiteHost
	// Code is the status of the answer; 0 for 301.
	Code int
	// ReplaceKey is the key of the target, ReplacePrefix what stands there in the
	// place of Prefix; at most one of them is not nil.
	ReplaceKey, ReplacePrefix *string
}

// WebsiteRulesMax is how many rules a website can have.
const WebsiteRulesMax = 50

// CheckWebsite tells whether a bucket can have this website; the error is
// InvalidArgument, or InvalidRequest for what only a rule can have.
func CheckWebsite(w Website) error {
	if w.RedirectAll != nil {
		if w.Index != "" || w.Error != "" || len(w.Rules) > 0 {
			return websiteArgument("RedirectAllRequestsTo", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.", "not null")
		}
		if w.RedirectAll.Name == "" {
			return websiteArgument("HostName", "A host name must be provided to redirect all requests.", w.RedirectAll.Name)
		}
		return w.RedirectAll.check()
	}
	switch {
	case w.Index == "":
		return websiteArgument("IndexDocument", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty", "null")
	case strings.Contains(w.Index, "/") || CheckObjectKey(w.Index) != nil:
		return websiteArgument("IndexDocument", "The IndexDocument Suffix is not well formed: it is a name such as index.html, without a slash", w.Index)
	case w.Error != "" && CheckObjectKey(w.Error) != nil:
		return websiteArgument("ErrorDocument", "The ErrorDocument Key is not well formed", w.Error)
	case len(w.Rules) > WebsiteRulesMax:
		return Errorf(InvalidRequest, "%d routing rules provided, the number of routing rules in a website configuration is limited to %d.", len(w.Rules), WebsiteRulesMax)
	}
	for i := range w.Rules {
		if err := w.Rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func websiteArgument(name, message, value string) error {
	return Errorf(InvalidArgument, "%s", message).With("ArgumentName", name).With("ArgumentValue", value)
}

func (r *WebsiteRule) check() error {
	switch {
	case r.ErrorCode != 0 && (r.ErrorCode < 400 || r.ErrorCode > 599):
		return Errorf(InvalidRequest, "The provided HTTP error code (%d) is not valid. Valid codes are 4XX or 5XX.", r.ErrorCode)
	case r.Code != 0 && (r.Code < 301 || r.Code > 399):
		return Errorf(InvalidRequest, "The provided HTTP redirect code (%d) is not valid. Valid codes are 3XX except 300.", r.Code)
	case r.ReplaceKey != nil && r.ReplacePrefix != nil:
		return Errorf(InvalidRequest, "You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
	}
	return r.Host.check()
}

// check refuses what would not stay a host name in the address of an answer.
func (h WebsiteHost) check() error {
	if !slices.Contains([]string{"", "http", "https"}, h.Protocol) {
		return Errorf(InvalidRequest, "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
	}
	bad := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._:[]", c))
	}
	if strings.ContainsFunc(h.Name, bad) || len(h.Name) > 255 {
		return websiteArgument("HostName", "The host name is not well formed", h.Name)
	}
	return nil
}

// Rule returns the first rule that redirects a request for a key, given the status
// that it would end with: 0 before that is known, when only rules that do not ask
// for one apply.
func (w *Website) Rule(key string, status int) *WebsiteRule {
	for i := range w.Rules {
		r := &w.Rules[i]
		if r.ErrorCode == status && (r.Prefix == nil || strings.HasPrefix(key, *r.Prefix)) {
			return r
		}
	}
	return nil
}

// Target is the key that a rule sends a request for a key to.
func (r *WebsiteRule) Target(key string) string {
	switch {
	case r.ReplaceKey != nil:
		return *r.ReplaceKey
	case r.ReplacePrefix != nil && r.Prefix != nil:
		return *r.ReplacePrefix + strings.TrimPrefix(key, *r.Prefix)
	case r.ReplacePrefix != nil:
		return *r.ReplacePrefix + key
	}
	return key
}
