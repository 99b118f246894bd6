package s3

import (
	"strings"
	"testing"
)

// TestMetadataIsEncodedAsByAWS has values that AWS was recorded to answer.
func TestMetadataIsEncodedAsByAWS(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"Plain", "a b_c=?\t", "a b_c=?\t"},
		{"Dash", "test_—_file%E2%80%94_é_2?.pdf", "=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=3F.pdf?="},
		{"Space", "ÄMÄZÕÑ S3", "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?="},
		{"Control", "\x00\x01\x02\x03", "=?UTF-8?B?AAECAw==?="},
		{"Replaced", "\uFFFD\uFFFD", "=?UTF-8?B?77+977+9?="},
		{"Crown", "👑", "=?UTF-8?Q?=F0=9F=91=91?="},
		{"Long", strings.Repeat("é", 100), "=?UTF-8?Q?" + strings.Repeat("=C3=A9", 100) + "?="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := encodeMetadata(tt.value)
			if got != tt.want {
				t.Errorf("encodeMetadata(%q) = %q, want %q", tt.value, got, tt.want)
			}
			if again := decodeMetadata(got); again != tt.value {
				t.Errorf("decodeMetadata(%q) = %q, want %q", got, again, tt.value)
			}
		})
	}
}
