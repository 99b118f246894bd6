package coffer

import (
	"bytes"
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

func TestAccountIDs(t *testing.T) {
	form := regexp.MustCompile(`^[1-9][0-9]{11}$`)
	for _, b := range [][]byte{make([]byte, 8), bytes.Repeat([]byte{0xff}, 8), {0, 0, 0, 0xd1, 0x8c, 0x2e, 0x27, 0xff}} {
		if id, err := NewAccountID(bytes.NewReader(b)); err != nil || !form.MatchString(string(id)) {
			t.Errorf("NewAccountID(%x) = %q, %v, want %v", b, id, err, form)
		}
	}
	if id, err := NewCanonicalID(rand.Reader); err != nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(string(id)) {
		t.Errorf("NewCanonicalID = %q, %v, want 64 hexadecimal digits", id, err)
	}
	none := bytes.NewReader(nil)
	if id, err := NewAccountID(none); err == nil || id != "" {
		t.Errorf("NewAccountID without randomness = %q, %v", id, err)
	}
	if id, err := NewCanonicalID(none); err == nil || id != "" {
		t.Errorf("NewCanonicalID without randomness = %q, %v", id, err)
	}
}

func TestParseEmail(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"ann@example.com", "ann@example.com"},
		{"Ann+Tag@Example.COM", "ann+tag@example.com"},
		{"root@localhost", "root@localhost"},
		{"", ""}, {"ann", ""}, {"@example.com", ""}, {"ann@", ""}, {"a@b, c@d", ""}, {" ann@example.com", ""},
		{"Ann <ann@example.com>", ""}, {"ann@example.com\r\nX: y", ""}, {"\"a b\"@example.com", ""},
		{strings.Repeat("a", 251) + "@b.c", ""}, {"a\x00@b.c", ""},
	} {
		got, err := ParseEmail(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && CodeOf(err) != InvalidArgument {
			t.Errorf("ParseEmail(%.30q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParseName(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{"", "", true}, {"  CI runner ", "CI runner", true}, {"Zoë 日本", "Zoë 日本", true},
		{strings.Repeat("é", 128), strings.Repeat("é", 128), true}, {strings.Repeat("é", 129), "", false},
		{"two\nlines", "", false}, {"\x1b[31mred", "", false}, {"bad\xff", "", false}, {"a\u202eb", "", false},
	} {
		if got, err := ParseName(tt.in); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseName(%.30q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestDisplayNameAndAnonymous(t *testing.T) {
	if got := (Account{Email: "a@b", Name: "Ann"}).DisplayName(); got != "Ann" {
		t.Errorf("DisplayName = %q, want Ann", got)
	}
	if got := (Account{Email: "a@b"}).DisplayName(); got != "a@b" {
		t.Errorf("DisplayName without a name = %q, want a@b", got)
	}
	if !(Actor{}).Anonymous() || (Actor{Account: "1"}).Anonymous() {
		t.Error("only an actor without an account is anonymous")
	}
}
