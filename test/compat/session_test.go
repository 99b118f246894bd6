package compat

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
	"coffer/test/harness"
)

// TestRecipesOfTemporaryCredentials runs each program of docs/temporary-credentials.md
// as it stands. What it prints must read the bucket that it is for, and no more.
func TestRecipesOfTemporaryCredentials(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	for _, bucket := range []string{"/photos", "/other"} {
		if code := ask(t, s, []string{s.AccessKeyID, s.Secret, ""}, "PUT", bucket); code != 200 {
			t.Fatalf("PUT %s = %d", bucket, code)
		}
	}
	text, err := os.ReadFile("../../docs/temporary-credentials.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]struct{ name, run string }{
		"python": {"derive.py", "python3 derive.py"}, "javascript": {"derive.js", "node derive.js"}, "go": {"main.go", "GO111MODULE=off go run main.go"}}
	blocks := regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != len(programs) {
		t.Fatalf("the document has %d programs, want %d", len(blocks), len(programs))
	}
	for _, block := range blocks {
		t.Run(block[1], func(t *testing.T) {
			p := programs[block[1]]
			tool(t, strings.Fields(strings.TrimPrefix(p.run, "GO111MODULE=off "))[0], "see docs/temporary-credentials.md")
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, p.name), []byte(block[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			env := environ("AWS_ACCESS_KEY_ID="+s.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.Secret)
			made := strings.Fields(must(t, env, "sh", "-c", "cd "+dir+" && "+p.run))
			if len(made) != 3 {
				t.Fatalf("it printed %d words, want an ID, a secret and a token", len(made))
			}
			for call, want := range map[[2]string]int{{"GET", "/photos"}: 200, {"PUT", "/photos/new"}: 403, {"GET", "/other"}: 403} {
				if code := ask(t, s, made, call[0], call[1]); code != want {
					t.Errorf("%s %s = %d, want %d", call[0], call[1], code, want)
				}
			}
		})
	}
}

// ask sends a request that is signed with an ID, a secret and a token if that is
// not "".
func ask(t *testing.T, s *harness.Server, with []string, method, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if with[2] != "" {
		r.Header.Set("X-Amz-Security-Token", with[2])
	}
	sigv4.Sign(r, with[0], with[1], region, "s3", "UNSIGNED-PAYLOAD", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestSTSWithTheAWSCLI asks for temporary credentials as scripts do, and works with
// what it gets.
func TestSTSWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	for version, path := range tools(t, "aws", "apt-get install awscli", "--version") {
		t.Run(strings.ReplaceAll(version, "/", " "), func(t *testing.T) {
			key := newAWSCLI(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret}, path)
			var who struct{ Account, Arn string }
			decode(t, key.must("sts", "get-caller-identity", "--output", "json"), &who)
			if !strings.HasPrefix(who.Arn, "arn:aws:iam::"+who.Account+":user/key_") {
				t.Errorf("get-caller-identity = %+v, want the key of the account", who)
			}
			for _, args := range [][]string{
				{"get-session-token"},
				{"assume-role", "--role-session-name", "script", "--role-arn", "arn:aws:iam::" + who.Account + ":role/full", "--duration-seconds", "900"},
				{"get-federation-token", "--name", "script", "--policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`},
			} {
				var made struct {
					Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
				}
				decode(t, key.must(append(append([]string{"sts"}, args...), "--output", "json")...), &made)
				c := made.Credentials
				temporary := newAWSCLI(t, target{endpoint: s.Endpoint, id: c.AccessKeyID, secret: c.SecretAccessKey}, path)
				temporary.env = append(temporary.env, "AWS_SESSION_TOKEN="+c.SessionToken)
				bucket := "made-by-" + args[0] + strings.NewReplacer("aws-cli/", "-", ".", "-").Replace(version)
				temporary.must("s3", "mb", "s3://"+bucket)
				temporary.must("s3", "cp", file(t, 9<<20), "s3://"+bucket+"/large.bin")
				if code := ask(t, s, []string{c.AccessKeyID, c.SecretAccessKey, ""}, "GET", "/"+bucket); code != 403 {
					t.Errorf("%s: without the token = %d, want 403", args[0], code)
				}
				resp, err := http.Get(strings.TrimSpace(temporary.must("s3", "presign", "s3://"+bucket+"/large.bin")))
				if err != nil {
					t.Fatal(err)
				}
				if resp.Body.Close(); resp.StatusCode != 200 {
					t.Errorf("%s: a pre-signed URL = %d, want 200", args[0], resp.StatusCode)
				}
			}
		})
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
