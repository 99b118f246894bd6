package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/sigv4"
)

// TestAnInstanceThatEncrypts writes through a whole server, looks for the text in
// the data folder, and reads it again after a start without the setting.
func TestAnInstanceThatEncrypts(t *testing.T) {
	cfg := testConfig(t)
	cfg.Encryption = true
	cfg.KMSKeys = coffer.NewSecretFrom("main=base64key://" + strings.Repeat("A", 43) + "=")
	cfg.RootAccessKeyID, cfg.RootSecretAccessKey = "AKIAIOSFODNN7EXAMPLE", coffer.NewSecretFrom("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	needle := "this must not be found anywhere"
	bodies := map[string]string{"small": needle, "large": strings.Repeat(needle, 10_000), "kms": strings.Repeat(needle, 3)}
	send := func(s *Server, method, target, body, ask string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint()+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if ask != "" {
			r.Header.Set("X-Amz-Server-Side-Encryption", ask)
		}
		sigv4.Sign(r, cfg.RootAccessKeyID, cfg.RootSecretAccessKey.Reveal(), "auto", "s3", "UNSIGNED-PAYLOAD", time.Now())
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		return answer
	}
	s := open(t, cfg)
	stop := start(t, s)
	send(s, "PUT", "/bucket", "", "")
	for key, body := range bodies {
		ask, want := "", "AES256"
		if key == "kms" {
			ask, want = "aws:kms", "aws:kms"
		}
		answer := send(s, "PUT", "/bucket/"+key, body, ask)
		if got := answer.Header.Get("X-Amz-Server-Side-Encryption"); answer.StatusCode != http.StatusOK || got != want {
			t.Errorf("PUT %s = %d, encryption %q, want %q", key, answer.StatusCode, got, want)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(needle[:16])) {
			t.Errorf("the text is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	cfg.Encryption = false
	s = open(t, cfg)
	start(t, s)
	for key, body := range bodies {
		answer := send(s, "GET", "/bucket/"+key, "", "")
		var got bytes.Buffer
		if _, err := got.ReadFrom(answer.Body); err != nil || got.String() != body {
			t.Errorf("GET %s after another start = %d, %d bytes, %v, want the %d that were put", key, answer.StatusCode, got.Len(), err, len(body))
		}
	}
}
