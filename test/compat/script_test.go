package compat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"
)

// script is a client in another language: a process that answers each line of
// JSON with one.
type script struct {
	t      *testing.T
	in     *json.Encoder
	out    *bufio.Reader
	stderr *bytes.Buffer
	kill   func()
	// inXML tells which keys it can name in a DeleteObjects document.
	inXML func(key string) bool
}

// call is a line to a script. Which fields count depends on Name.
type call struct {
	Name      string   `json:"name"`
	Bucket    string   `json:"bucket"`
	Key       string   `json:"key"`
	File      string   `json:"file"`
	Headers   headers  `json:"headers"`
	Prefix    string   `json:"prefix"`
	Delimiter string   `json:"delimiter"`
	Page      int      `json:"page"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Keys      []string `json:"keys"`
}

// answer is a line from a script.
type answer struct {
	OK     bool            `json:"ok"`
	Detail string          `json:"detail"`
	Result json.RawMessage `json:"result"`
}

// startScript starts a script that talks to a target, and ends it with the test.
func startScript(t *testing.T, to target, env []string, path string, args ...string) *script {
	t.Helper()
	style := "path"
	if to.virtualHost {
		style = "virtual"
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = environ(append(env, "ENDPOINT="+to.endpoint, "REGION="+region, "STYLE="+style, "CA_FILE="+to.caFile,
		"AWS_ACCESS_KEY_ID="+to.id, "AWS_SECRET_ACCESS_KEY="+to.secret)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, in: json.NewEncoder(stdin), out: bufio.NewReader(stdout), stderr: new(bytes.Buffer), inXML: xmlText}
	cmd.Stderr = s.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.kill = func() { _ = cmd.Process.Kill() }
	t.Cleanup(func() {
		_ = stdin.Close() // the end of its input ends the script
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the script ended with %v: %s", err, s.stderr)
		}
	})
	return s
}

// call has the script do one thing; result may be nil.
func (s *script) call(c call, result any) error {
	hang := time.AfterFunc(commandTimeout, s.kill)
	defer hang.Stop()
	if err := s.in.Encode(c); err != nil {
		return fmt.Errorf("%s: ask the script: %w: %s", c.Name, err, s.stderr)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s: the script does not answer: %w: %s", c.Name, err, s.stderr)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return fmt.Errorf("%s: the script answers %q: %w", c.Name, line, err)
	}
	if !a.OK {
		return fmt.Errorf("%s: %s", c.Name, a.Detail)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Result, result)
}

func (s *script) MakeBucket(bucket string) error {
	return s.call(call{Name: "make_bucket", Bucket: bucket}, nil)
}

func (s *script) Put(bucket, key, file string, h headers) error {
	return s.call(call{Name: "put", Bucket: bucket, Key: key, File: file, Headers: h}, nil)
}

func (s *script) Get(bucket, key, file string) error {
	return s.call(call{Name: "get", Bucket: bucket, Key: key, File: file}, nil)
}

func (s *script) Head(bucket, key string) (h headers, err error) {
	err = s.call(call{Name: "head", Bucket: bucket, Key: key}, &h)
	return h, err
}

func (s *script) List(bucket, prefix, delimiter string, page int) (l listing, err error) {
	err = s.call(call{Name: "list", Bucket: bucket, Prefix: prefix, Delimiter: delimiter, Page: page}, &l)
	return l, err
}

func (s *script) Copy(bucket, from, to string) error {
	return s.call(call{Name: "copy", Bucket: bucket, From: from, To: to}, nil)
}

func (s *script) Delete(bucket string, keys []string) error {
	many, single := split(keys, s.inXML)
	for _, key := range single {
		if err := s.call(call{Name: "delete_one", Bucket: bucket, Key: key}, nil); err != nil {
			return err
		}
	}
	return s.call(call{Name: "delete", Bucket: bucket, Keys: many}, nil)
}

func (s *script) PresignGet(bucket, key string) (url string, err error) {
	err = s.call(call{Name: "presign_get", Bucket: bucket, Key: key}, &url)
	return url, err
}

func (s *script) PresignPut(bucket, key string) (url string, err error) {
	err = s.call(call{Name: "presign_put", Bucket: bucket, Key: key}, &url)
	return url, err
}

// Cannot finds nothing: both SDKs send every key.
func (s *script) Cannot(string) string { return "" }
