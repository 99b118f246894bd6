package compat

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

//go:embed botosign.py
var botosignScript string

// TestBotocoreSignatures verifies random requests that botocore signed, after they
// went through net/http's parser as on the wire.
func TestBotocoreSignatures(t *testing.T) {
	t.Parallel()
	pythons := tools(t, "python3", "apt-get install python3-boto3", "-c", "import botocore; print(botocore.__version__)")
	for version, python := range pythons {
		t.Run(version, func(t *testing.T) {
			seed := time.Now().UnixNano() % 1_000_000
			cmd := exec.CommandContext(t.Context(), python, text(t, botosignScript), fmt.Sprint(seed), "400")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("botosign.py %d: %v\n%s", seed, err, stderr.Bytes())
			}
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			if len(lines) != 400 {
				t.Fatalf("botosign.py %d signed %d requests, want 400", seed, len(lines))
			}
			for _, line := range lines {
				if err := verifySigned(line, "cfs_secretsecretsecretsecretsecretsecret"); err != nil {
					t.Errorf("seed %d: %s: %v", seed, line, err)
				}
				if err := verifySigned(line, "another"); err == nil {
					t.Errorf("seed %d: %s: a wrong secret verifies", seed, line)
				}
			}
		})
	}
}

func verifySigned(line []byte, secret string) error {
	var signed struct {
		Method, URL string
		Headers     map[string]string
	}
	if err := json.Unmarshal(line, &signed); err != nil {
		return err
	}
	u, err := url.Parse(signed.URL)
	if err != nil {
		return err
	}
	var wire strings.Builder
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: %s\r\n", signed.Method, strings.TrimPrefix(signed.URL, "http://"+u.Host), u.Host)
	for name, value := range signed.Headers {
		fmt.Fprintf(&wire, "%s: %s\r\n", name, value)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire.String() + "\r\n")))
	if err != nil {
		return err
	}
	auth, err := sigv4.Parse(r, sigv4.Options{Now: time.Now(), Regions: []string{"auto"}, Service: "s3"})
	if err != nil {
		return err
	}
	c := auth.Credential
	return auth.Verify(sigv4.DeriveKey(secret, c.Date, c.Region, c.Service))
}
