package policy

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMatchAction(t *testing.T) {
	tests := []struct {
		pattern, action string
		want            bool
	}{
		{"s3:*", "s3:GetObject", true},
		{"S3:get*", "s3:GetObject", true},
		{"s3:*Acl", "s3:GetObjectAcl", true},
		{"s3:*Acl", "s3:GetObjectAclx", false},
		{"*", "", true},
		{"", "s3:GetObject", false},
		{"s3:*Object*", "s3:GetObject", true},
		{"s3:G?tO*t", "s3:GetObject", true},
		{"s3:**", "s3:GetObject", true},
		{"s3:GetObject", "s3:GetObjectAcl", false},
	}
	for _, tt := range tests {
		if got := MatchAction(tt.pattern, tt.action); got != tt.want {
			t.Errorf("MatchAction(%q, %q) = %v, want %v", tt.pattern, tt.action, got, tt.want)
		}
	}
}

// FuzzGlob compares with regular expressions.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"a*a*a*b", "aaaaaaaaaaaaaaaaaaaa"}, {"*?", "€"}, {"*??", "€"}, {"home/*/?.txt", "home/a/b.txt"}, {"", ""}, {"**", "x"}, {"*ab?b", "aabababb"},
		{"x*\n", "x\n\n"}, {"*AbC*", "xaBcabc"}, {"\u212a?ſ", "kxS"}, {"İ*", "i"},
	} {
		f.Add(seed[0], seed[1], false)
		f.Add(seed[0], seed[1], true)
	}
	f.Fuzz(func(t *testing.T, text, s string, fold bool) {
		if !utf8.ValidString(text) || !utf8.ValidString(s) || len(text) > 200 || len(s) > 2000 {
			return
		}
		p, err := compile(text, syntax{wild: true, fold: fold})
		if err != nil {
			t.Fatalf("compile(%q) = %v", text, err)
		}
		other, flags := regexp.QuoteMeta(text), "(?s)"
		if fold {
			flags = "(?si)"
		}
		other = strings.ReplaceAll(strings.ReplaceAll(other, `\*`, `.*`), `\?`, `.`)
		want := regexp.MustCompile(flags + `\A` + other + `\z`).MatchString(s)
		if got, _ := p.match(s, nil); got != want {
			t.Errorf("match(%q, %q, fold %v) = %v, want %v", text, s, fold, got, want)
		}
	})
}

// BenchmarkGlobWorst is what an attacker would choose: each place of a key of
// 1 KB looks right until the end of the pattern.
func BenchmarkGlobWorst(b *testing.B) {
	p, err := compile("*"+strings.Repeat("a?", 250)+"b", syntax{wild: true})
	if err != nil {
		b.Fatal(err)
	}
	s := strings.Repeat("a", 1024)
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := p.match(s, nil); ok {
			b.Fatal("it matches")
		}
	}
}
