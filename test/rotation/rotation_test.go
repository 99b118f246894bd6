// Package rotation rotates access keys of the real coffer binary while SDKs
// work with them, and runs what the console's Connect page shows. It asserts
// what a person is promised: nothing fails before Confirm, nothing passes after
// it. It knows nothing of coffer's insides.
//
// A client that is not installed is skipped, or with COFFER_TEST_REQUIRE=1 a
// failure. COFFER_TEST_LONG=1 also waits for deadlines that come by the minute.
package rotation

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
	"coffer/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	region = "auto"
	bucket = "photos"
	// patience only tells something that never comes from a slow machine.
	patience = 30 * time.Second
	// emptyHash is the SHA-256 of no bytes.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// exitInUse is the exit code of a confirm or cancel of what is in use.
	exitInUse = 4
)

// missing says that something is not installed, or fails the test where the
// machine promises to have it.
func missing(t *testing.T, what, install string) {
	t.Helper()
	text := fmt.Sprintf("SKIPPED, NOT TESTED: %s is not installed: %s", what, install)
	if os.Getenv("COFFER_TEST_REQUIRE") == "1" {
		t.Fatal(text)
	}
	t.Log(text)
}

// pair is one credential.
type pair struct{ id, secret string }

// key is a key as the command line prints it.
type key struct {
	ID       string
	Status   string
	Current  credential
	Outgoing *credential
	Rotation *struct{ Overdue bool }
}

type credential struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// usage is who uses a key.
type usage struct {
	Key               key
	Current, Outgoing []user
	InUse             bool `json:"in_use"`
}

type user struct {
	Source, Operation, Bucket string
	UserAgent                 string `json:"user_agent"`
	Count, Refused            int64
	First                     time.Time
	Last                      *time.Time
}

// world is a server with a bucket and a key for the test to rotate.
type world struct {
	*harness.Server
	t   *testing.T
	id  string
	old pair
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{Server: harness.Start(t, harness.Options{}), t: t}
	if got := w.send(w.request(http.MethodPut, "/"+bucket, w.root())); got.Status != http.StatusOK {
		t.Fatalf("make a bucket = %s, want 200", got)
	}
	k := w.newKey("app")
	w.id, w.old = k.ID, pair{k.Current.AccessKeyID, k.Current.SecretAccessKey}
	return w
}

func (w *world) root() pair { return pair{w.AccessKeyID, w.Secret} }

func (w *world) newKey(name string, args ...string) key {
	w.t.Helper()
	return w.key(append([]string{"create", "--name", name}, args...)...)
}

// key runs `coffer key …`, which must go well, and reads the key that it prints.
func (w *world) key(args ...string) key {
	w.t.Helper()
	r := w.Command(append([]string{"key"}, append(args, "--json")...)...)
	if r.Code != 0 {
		w.t.Fatalf("coffer key %s = exit code %d, want 0\n%s", strings.Join(args, " "), r.Code, r.Stderr)
	}
	return w.read(r.Stdout)[0]
}

// read reads one key after the other.
func (w *world) read(text string) []key {
	w.t.Helper()
	var all []key
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var k key
		err := d.Decode(&k)
		if err == io.EOF && len(all) > 0 {
			return all
		}
		if err != nil {
			w.t.Fatalf("read what coffer printed: %v\n%s", err, text)
		}
		w.Hide(k.Current.SecretAccessKey)
		all = append(all, k)
	}
}

// rotate begins a rotation and returns the new pair.
func (w *world) rotate(args ...string) pair {
	w.t.Helper()
	k := w.key(append([]string{"rotate", w.id}, args...)...)
	fresh := pair{k.Current.AccessKeyID, k.Current.SecretAccessKey}
	if k.Outgoing == nil || k.Outgoing.AccessKeyID != w.old.id || fresh.secret == "" || fresh.secret == w.old.secret {
		w.t.Fatalf("coffer key rotate: outgoing is %+v and current %s, want %s outgoing and another secret", k.Outgoing, fresh.id, w.old.id)
	}
	return fresh
}

func (w *world) usage() usage {
	w.t.Helper()
	r := w.Command("key", "usage", w.id, "--json")
	var u usage
	if err := json.Unmarshal([]byte(r.Stdout), &u); err != nil || r.Code != 0 {
		w.t.Fatalf("coffer key usage = exit code %d, %v\n%s", r.Code, err, r.Stderr)
	}
	return u
}

// refusedInUse runs a confirm or cancel that must be refused because who is in
// use, and must say so.
func (w *world) refusedInUse(who []string, args ...string) {
	w.t.Helper()
	r := w.Command(append([]string{"key"}, args...)...)
	if r.Code != exitInUse {
		w.t.Fatalf("coffer key %s = exit code %d, want %d: it is in use\n%s%s", strings.Join(args, " "), r.Code, exitInUse, r.Stdout, r.Stderr)
	}
	for _, agent := range who {
		if !strings.Contains(r.Stderr, agent) {
			w.t.Errorf("coffer key %s does not name %s, want all who use it:\n%s", strings.Join(args, " "), agent, r.Stderr)
		}
	}
}

// answer is what came back for one request.
type answer struct {
	Status        int
	Code, Message string
	Body          string
	Reused        bool // the connection had carried a request before
}

func (a answer) String() string { return fmt.Sprintf("%d %s: %s", a.Status, a.Code, a.Message) }

// request is a signed one; it may be changed before it is sent only in what is
// not signed.
func (w *world) request(method, path string, p pair) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.Endpoint+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	sigv4.Sign(req, p.id, p.secret, region, "s3", emptyHash, time.Now())
	return req
}

// link is a pre-signed URL.
func (w *world) link(method, path string, p pair, expires time.Duration, at time.Time) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.Endpoint+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	sigv4.Presign(req, p.id, p.secret, region, "s3", expires, at)
	return req
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	return w.sendBy(http.DefaultClient, req)
}

func (w *world) sendBy(c *http.Client, req *http.Request) answer {
	w.t.Helper()
	var a answer
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { a.Reused = i.Reused }}
	resp, err := c.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		w.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: read the answer: %v", req.Method, req.URL.Path, err)
	}
	a.Status, a.Body = resp.StatusCode, string(body)
	if a.Status >= 300 {
		var e struct{ Code, Message string }
		if err := xml.Unmarshal(body, &e); err != nil {
			w.t.Errorf("%s %s = %d with %q, want an error of S3", req.Method, req.URL.Path, a.Status, body)
		}
		a.Code, a.Message = e.Code, e.Message
	}
	return a
}

// poll asks until done, and returns how long that took.
func poll(t *testing.T, what string, done func() bool) time.Duration {
	t.Helper()
	begin, tick := time.Now(), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Since(begin) > patience {
			t.Fatalf("%s: not after %s", what, patience)
		}
		<-tick.C
	}
	return time.Since(begin)
}
