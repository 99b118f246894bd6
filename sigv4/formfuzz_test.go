package sigv4

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseForm holds that a form which has anything of a signature is never taken
// for one of nobody, and that no field trips the reader.
func FuzzParseForm(f *testing.F) {
	f.Add("policy=e30=\nx-amz-algorithm=AWS4-HMAC-SHA256\nx-amz-credential=AK/20260102/auto/s3/aws4_request\nx-amz-date=20260102T030405Z\nx-amz-signature=" + strings.Repeat("a", 64))
	f.Add("key=k\nfile=x")
	f.Add("awsaccesskeyid=x\nsignature=y\npolicy=z")
	f.Add("x-amz-security-token=")
	f.Fuzz(func(t *testing.T, lines string) {
		fields, signed := map[string]string{}, false
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, _ := strings.Cut(line, "=")
			fields[name] = value
			switch name {
			case "policy", "signature", "awsaccesskeyid", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token":
				signed = true
			}
		}
		a, err := ParseForm(func(name string) (string, bool) { v, ok := fields[name]; return v, ok },
			Options{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Regions: []string{"auto"}, Service: "s3"})
		if err == nil && signed != (a.Kind == Form) {
			t.Errorf("ParseForm(%q) is of the kind %v", lines, a.Kind)
		}
		if err == nil && a.Kind == Form && a.Verify(DeriveKey("secret", "20260102", "auto", "s3")) == nil {
			t.Errorf("ParseForm(%q) verifies with a key that nobody signed with", lines)
		}
	})
}
