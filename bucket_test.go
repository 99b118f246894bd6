package coffer

import (
	"strings"
	"testing"
)

func TestParseBucketName(t *testing.T) {
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"abc", true}, {"a-b", true}, {"my.bucket.1", true}, {"123", true}, {"1.2.3", true}, {"1.2.3.4.5", true},
		{strings.Repeat("a", 63), true}, {"a--b", true}, {"xn-a", true},
		{"", false}, {"ab", false}, {strings.Repeat("a", 64), false}, {"Abc", false}, {"a_b", false}, {"a b", false},
		{"a/b", false}, {"-ab", false}, {"ab-", false}, {".ab", false}, {"ab.", false}, {"a..b", false}, {"a.-b", false},
		{"a-.b", false}, {"192.168.5.4", false}, {"xn--abc", false}, {"sthree-abc", false}, {"amzn-s3-demo-abc", false},
		{"abc-s3alias", false}, {"abc--ol-s3", false}, {"abc.mrap", false}, {"abc--x-s3", false}, {"abc--table-s3", false},
		{"bücket", false}, {"a\x00b", false}, {"../x", false},
	} {
		got, err := ParseBucketName(tt.name)
		if (err == nil) != tt.ok || err != nil && (got != "" || CodeOf(err) != InvalidBucketName) || err == nil && string(got) != tt.name {
			t.Errorf("ParseBucketName(%q) = %q, %v, want ok %t", tt.name, got, err, tt.ok)
		}
	}
}

func TestReserved(t *testing.T) {
	for _, tt := range []struct {
		name    BucketName
		account AccountID
		region  string
	}{
		{"logs-111122223333-us-west-2-an", "111122223333", "us-west-2"},
		{"a.b-111122223333-auto-an", "111122223333", "auto"},
		{"a-999999999999-111122223333-auto-an", "111122223333", "auto"},
		{"logs-111122223333-auto", "", ""},
		{"logs-11112222333-auto-an", "", ""},
		{"logs-1111222233334-auto-an", "", ""},
		{"111122223333-auto-an", "", ""},
		{"logs-111122223333-an", "", ""},
		{"logs-111122223333--an", "", ""},
		{"xyz-an", "", ""},
		{"-an", "", ""},
	} {
		if account, region := tt.name.Reserved(); account != tt.account || region != tt.region {
			t.Errorf("%q.Reserved() = %q, %q, want %q, %q", tt.name, account, region, tt.account, tt.region)
		}
	}
}

// FuzzParseBucketName holds that a name that passes can stand in a host name
// and in a path as it is.
func FuzzParseBucketName(f *testing.F) {
	f.Add("my.bucket-1")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseBucketName(s)
		if err == nil && (len(name) < 3 || len(name) > 63 || strings.Trim(string(name), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" ||
			strings.Contains(string(name), "..")) {
			t.Errorf("ParseBucketName(%q) passes", s)
		}
	})
}
