package coffer

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNothingPrintsASecret(t *testing.T) {
	const plain = "hunter2hunter2"
	s := NewSecretFrom(plain)
	type hidden struct{ s Secret }
	var out bytes.Buffer
	for _, v := range []any{
		s, &s, []Secret{s}, map[string]Secret{"k": s}, struct{ S Secret }{s}, struct{ S *Secret }{&s},
		// fmt calls no methods on these: only what stands in a Secret protects it.
		hidden{s}, &hidden{s}, struct{ P *hidden }{&hidden{s}}, []*hidden{{s}}, map[string]*hidden{"k": {s}},
		fmt.Errorf("with %v", s),
	} {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %t %c %U %e %b %o %T % x %#x %p") {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}
	for form, needle := range map[string]string{
		"plain": plain, "hex": fmt.Sprintf("%x", plain), "HEX": fmt.Sprintf("%X", plain), "spaced hex": fmt.Sprintf("% x", plain),
		"numbers": strings.Trim(fmt.Sprint([]byte(plain)), "[]"),
	} {
		if strings.Contains(out.String(), needle) {
			t.Errorf("the secret is printed in %s", form)
		}
	}
	if got := fmt.Sprintf("%v %s", s, struct{ S Secret }{s}); got != "[secret] {[secret]}" {
		t.Errorf("a Secret prints as %q, want [secret] {[secret]}", got)
	}
}

func TestSecretsCompareByWhatTheyAre(t *testing.T) {
	for _, tt := range []struct {
		a, b Secret
		want bool
	}{
		{NewSecretFrom("a"), NewSecretFrom("a"), true},
		{NewSecretFrom("a"), NewSecretFrom("b"), false},
		{NewSecretFrom("a"), NewSecretFrom("aa"), false},
		{Secret{}, NewSecretFrom(""), true},
		{Secret{}, NewSecretFrom("a"), false},
	} {
		if got := tt.a.Equal(tt.b); got != tt.want {
			t.Errorf("%q.Equal(%q) = %t, want %t", tt.a.Reveal(), tt.b.Reveal(), got, tt.want)
		}
	}
	if s := NewSecretFrom("x"); s.Reveal() != "x" || s.Empty() || !(Secret{}).Empty() {
		t.Errorf("Reveal = %q, Empty = %t", s.Reveal(), s.Empty())
	}
}
