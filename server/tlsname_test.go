package server

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsPrintedFitsTheCertificate holds that the addresses that a person pastes,
// and that the console's links and snippets have, are those that the certificate is for.
func TestWhatIsPrintedFitsTheCertificate(t *testing.T) {
	for _, tt := range []struct {
		name, public, s3, console string
		names                     []string
		want, not                 string
	}{
		{name: "ForAName", names: []string{"*.s3.example.com", "s3.example.com"}, s3: "https://s3.example.com:", console: "https://s3.example.com:", want: "must lead to this machine", not: "127.0.0.1:9"},
		{name: "ForLocalhost", names: []string{"localhost"}, s3: "https://localhost:", console: "https://localhost:", not: "must lead"},
		{name: "ForTheAddress", names: []string{"127.0.0.1", "localhost"}, s3: "https://127.0.0.1:", console: "https://localhost:", not: "must lead"},
		{name: "ForAnotherAddress", names: []string{"192.0.2.1"}, s3: "https://192.0.2.1:", console: "https://192.0.2.1:", want: "must lead to this machine"},
		{name: "ForNothing", s3: "https://127.0.0.1:", console: "https://localhost:", want: "is not for 127.0.0.1"},
		{name: "PublicURL", public: "https://files.example.com", names: []string{"files.example.com"}, s3: "https://files.example.com", console: "https://files.example.com:"},
		{name: "PublicURLOfAnotherName", public: "https://files.example.com", names: []string{"localhost"}, s3: "https://files.example.com", console: "https://localhost:", want: "is not for files.example.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeCertFor(t, dir, 1, tt.names...)
			cfg := testConfig(t)
			cfg.TLSCert, cfg.TLSKey, cfg.PublicS3URL = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), tt.public
			var out strings.Builder
			cfg.Stdout = &out
			s := open(t, cfg)
			if err := s.announce(); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(s.Endpoint(), tt.s3) || !strings.HasPrefix(s.ConsoleURL(), tt.console) {
				t.Errorf("the addresses are %s and %s, want %s and %s", s.Endpoint(), s.ConsoleURL(), tt.s3, tt.console)
			}
			text := out.String()
			line := " --endpoint-url " + s.Endpoint() + " --ca-bundle " + cfg.TLSCert + " "
			if !strings.Contains(text, line) || !strings.Contains(text, "does not trust the certificate by itself") || !strings.Contains(text, tt.want) ||
				tt.not != "" && strings.Contains(strings.Replace(text, s.admin.url, "", 1), tt.not) {
				t.Errorf("printed is, want %q, %q, and not %q:\n%s", line, tt.want, tt.not, text)
			}
		})
	}
}
