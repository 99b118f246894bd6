package coffer

import (
	"strings"
	"testing"
)

func TestCheckObjectKey(t *testing.T) {
	for _, tt := range []struct {
		key  string
		ok   bool
		code Code
	}{
		{"a", true, 0}, {"a//b", true, 0}, {"../x", true, 0}, {"/lead", true, 0}, {"trail/", true, 0}, {"%2F", true, 0},
		{"+ \t\n\x01\x7f", true, 0}, {strings.Repeat("😀", 256), true, 0}, {"\ufffd", true, 0},
		{"", false, InvalidArgument}, {strings.Repeat("😀", 256) + "x", false, KeyTooLong}, {"a\xff", false, InvalidArgument},
		{"a\x00b", false, InvalidArgument}, {"\xed\xa0\x80", false, InvalidArgument},
	} {
		err := CheckObjectKey(tt.key)
		if (err == nil) != tt.ok || err != nil && CodeOf(err) != tt.code {
			t.Errorf("CheckObjectKey(%.20q) = %v, want ok %t, code %d", tt.key, err, tt.ok, tt.code)
		}
	}
}

func TestParseStorageClass(t *testing.T) {
	for in, want := range map[string]string{"": "", "STANDARD": "", "STANDARD_IA": "STANDARD_IA", "GLACIER_IR": "GLACIER_IR"} {
		if got, err := ParseStorageClass(in); err != nil || got != want {
			t.Errorf("ParseStorageClass(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"standard", "COLD", " STANDARD"} {
		if _, err := ParseStorageClass(in); CodeOf(err) != InvalidStorageClass {
			t.Errorf("ParseStorageClass(%q) = %v, want InvalidStorageClass", in, err)
		}
	}
}
