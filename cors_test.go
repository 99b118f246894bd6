package coffer_test

import (
	"slices"
	"strings"
	"testing"

	"coffer"
)

func TestMatchCORS(t *testing.T) {
	rules := []coffer.CORSRule{
		{ID: "suffix", Origins: []string{"*suffix"}, Methods: []string{"GET"}},
		{ID: "middle", Origins: []string{"start*end"}, Methods: []string{"GET"}},
		{ID: "prefix", Origins: []string{"http://other", "prefix*"}, Methods: []string{"GET", "HEAD"}},
		{ID: "overlap", Origins: []string{"ab*ba"}, Methods: []string{"POST"}},
		{ID: "headers", Origins: []string{"https://a.example"}, Methods: []string{"PUT"}, Headers: []string{"X-Amz-Meta-*", "content-type"}},
		{ID: "more", Origins: []string{"https://a.example"}, Methods: []string{"PUT"}, Headers: []string{"*"}},
	}
	tests := []struct {
		name, origin, method string
		headers              []string
		want                 string
	}{
		{"AnyTextBefore", "foo.suffix", "GET", nil, "suffix"},
		{"ThePatternEndsThere", "foo.suffix.get", "GET", nil, ""},
		{"NoTextAtAll", "startend", "GET", nil, "middle"},
		{"TextBetween", "start12end", "GET", nil, "middle"},
		{"ThePatternBeginsThere", "0start12end", "GET", nil, ""},
		{"BeginningAndEndMayNotOverlap", "aba", "POST", nil, ""},
		{"TheFirstRuleCounts", "prefix.suffix", "GET", nil, "suffix"},
		{"ALaterRuleForAnotherMethod", "prefix.suffix", "HEAD", nil, "prefix"},
		{"SecondOriginOfARule", "prefix", "HEAD", nil, "prefix"},
		{"MethodNotAllowed", "foo.suffix", "PUT", nil, ""},
		{"OriginsDifferByCase", "https://A.example", "PUT", nil, ""},
		{"TrailingSlash", "https://a.example/", "PUT", nil, ""},
		{"HeadersDoNot", "https://a.example", "PUT", []string{"x-amz-META-a", "Content-Type"}, "headers"},
		{"OneHeaderBeyond", "https://a.example", "PUT", []string{"content-type", "x-other"}, "more"},
		{"NoHeaderIsAllowedBySilence", "foo.suffix", "GET", []string{"x-a"}, ""},
		{"ManyHeaders", "https://a.example", "PUT", slices.Repeat([]string{"x-other"}, 200), "more"},
		{"MoreThanAnyPageSends", "https://a.example", "PUT", slices.Repeat([]string{"x-other"}, 201), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := coffer.CORSRequest{Origin: tt.origin, Method: tt.method, Headers: tt.headers}
			got := ""
			if r := coffer.MatchCORS(rules, q); r != nil {
				got = r.ID
			}
			if got != tt.want {
				t.Errorf("MatchCORS(%+v) = %q, want %q", q, got, tt.want)
			}
		})
	}
}

func TestCheckCORSRules(t *testing.T) {
	rule := func(change func(*coffer.CORSRule)) []coffer.CORSRule {
		r := coffer.CORSRule{Origins: []string{"*"}, Methods: []string{"GET", "PUT", "POST", "DELETE", "HEAD"}, Headers: []string{"x-*"}, Expose: []string{"ETag"}}
		change(&r)
		return []coffer.CORSRule{r}
	}
	same := rule(func(*coffer.CORSRule) {})
	const ok = coffer.Internal
	tests := []struct {
		name  string
		rules []coffer.CORSRule
		want  coffer.Code
	}{
		{"One", same, ok},
		{"Most", slices.Repeat(same, 100), ok},
		{"OneMore", slices.Repeat(same, 101), coffer.InvalidRequest},
		{"None", nil, coffer.MalformedXML},
		{"NoOrigin", rule(func(r *coffer.CORSRule) { r.Origins = nil }), coffer.MalformedXML},
		{"EmptyOrigin", rule(func(r *coffer.CORSRule) { r.Origins = []string{""} }), ok},
		{"NoMethod", rule(func(r *coffer.CORSRule) { r.Methods = nil }), coffer.MalformedXML},
		{"Options", rule(func(r *coffer.CORSRule) { r.Methods = []string{"OPTIONS"} }), coffer.InvalidRequest},
		{"LowerCaseMethod", rule(func(r *coffer.CORSRule) { r.Methods = []string{"get"} }), coffer.InvalidRequest},
		{"TwoWildcardsInAnOrigin", rule(func(r *coffer.CORSRule) { r.Origins = []string{"*a*"} }), coffer.InvalidRequest},
		{"TwoWildcardsInAHeader", rule(func(r *coffer.CORSRule) { r.Headers = []string{"**"} }), coffer.InvalidRequest},
		{"WildcardExposed", rule(func(r *coffer.CORSRule) { r.Expose = []string{"*"} }), coffer.InvalidRequest},
		{"LineBreakExposed", rule(func(r *coffer.CORSRule) { r.Expose = []string{"a\r\nb"} }), coffer.InvalidRequest},
		{"SpaceExposed", rule(func(r *coffer.CORSRule) { r.Expose = []string{"two words"} }), coffer.InvalidRequest},
		{"LongestID", rule(func(r *coffer.CORSRule) { r.ID = strings.Repeat("ä", 255) }), ok},
		{"LongerID", rule(func(r *coffer.CORSRule) { r.ID = strings.Repeat("a", 256) }), coffer.MalformedXML},
		{"NegativeAge", rule(func(r *coffer.CORSRule) { r.MaxAgeSeconds = -2 }), coffer.MalformedXML},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := coffer.CheckCORSRules(tt.rules)
			if (err == nil) != (tt.want == ok) || coffer.CodeOf(err) != tt.want {
				t.Errorf("CheckCORSRules = %v, want code %d", err, tt.want)
			}
		})
	}
}
