package coffer

import "testing"

func TestWebsiteRulesAreLimited(t *testing.T) {
	for n, want := range map[int]Code{WebsiteRulesMax: Internal, WebsiteRulesMax + 1: InvalidRequest} {
		err := CheckWebsite(Website{Index: "index.html", Rules: make([]WebsiteRule, n)})
		if CodeOf(err) != want || (err == nil) != (want == Internal) {
			t.Errorf("CheckWebsite with %d rules = %v, want code %d", n, err, want)
		}
	}
}

func TestWebsiteRule(t *testing.T) {
	docs, documents, none, page := "docs/", "documents/", "", "page.html"
	w := Website{Rules: []WebsiteRule{
		{Prefix: &docs, ReplacePrefix: &documents},
		{Prefix: &docs, ErrorCode: 404, ReplaceKey: &page},
		{ErrorCode: 403, ReplacePrefix: &docs},
		{Prefix: &none, ErrorCode: 404},
	}}
	tests := []struct {
		name   string
		key    string
		status int
		rule   int // -1 for none
		target string
	}{
		{"PrefixBeforeAnythingIsRead", "docs/a", 0, 0, "documents/a"},
		{"PrefixAndError", "docs/a", 404, 1, "page.html"},
		{"ErrorOfAnyKey", "x", 403, 2, "docs/x"},
		{"EmptyPrefixIsThatOfAll", "x", 404, 3, "x"},
		{"NoneBeforeAnythingIsRead", "x", 0, -1, ""},
		{"NoneForAnotherError", "x", 500, -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.Rule(tt.key, tt.status)
			switch {
			case tt.rule < 0 && got != nil:
				t.Errorf("Rule(%q, %d) = %+v, want none", tt.key, tt.status, got)
			case tt.rule >= 0 && (got != &w.Rules[tt.rule] || got.Target(tt.key) != tt.target):
				t.Errorf("Rule(%q, %d) = %+v, want rule %d, to %q", tt.key, tt.status, got, tt.rule, tt.target)
			}
		})
	}
}
