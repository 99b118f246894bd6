package attack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coffer"
	"coffer/api"
	"coffer/test/harness"
)

// pair is a credential of the attacks.
type pair struct{ id, secret string }

// nobody signs nothing.
var nobody = pair{}

// world is one server with two accounts and what they have.
type world struct {
	server  *harness.Server
	console string // URL
	socket  *api.Client
	http    *http.Client
	tls     *tls.Config // nil without TLS
	errors  *errorList
	pid     int
	looked  int   // how often the state was compared
	rest    int64 // bytes of memory of the server before it had much to do; 0 if nobody looked
	dialed  atomic.Uint32

	a, b api.Account
	// The keys of A, and one of B; none allows nothing.
	full, ro, up, rw, none, paused, bFull pair
	ids                                   map[pair]coffer.KeyID
	large                                 pair   // of TestMemory
	bUpload                               string // B's open upload, of b-priv/mp
	root                                  string // password of the first member

	ann, bob, reader, member *person // of TestConsole: the owner of A, that of B, and two more of A
}

const (
	rootEmail = "ann@a.example"
	password  = "quiet harbour lantern 27"
	bSecret   = "the bytes of B that A never sees"
)

// newWorld starts a server and fills it.
func newWorld(t *testing.T, args ...string) *world {
	t.Helper()
	return makeWorld(t, true, nil, args...)
}

// newPlainWorld is newWorld without TLS, for requests that are written byte by
// byte. The console's cookies need TLS, so nobody signs in there.
func newPlainWorld(t *testing.T, args ...string) *world {
	t.Helper()
	return makeWorld(t, false, nil, args...)
}

// makeWorld is both, with variables of the environment.
func makeWorld(t *testing.T, tls bool, env []string, args ...string) *world {
	t.Helper()
	return startWorld(t, harness.Options{TLS: tls, Args: args, Env: env})
}

func startWorld(t *testing.T, options harness.Options) *world {
	t.Helper()
	w := &world{errors: &errorList{}, ids: map[pair]coffer.KeyID{}, root: password}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	options.Env = append([]string{"COFFER_ROOT_EMAIL=" + rootEmail, "COFFER_ROOT_PASSWORD_FILE=" + file}, options.Env...)
	w.server = harness.Start(t, options)
	w.server.Hide(password)
	w.connect(t)
	w.fill(t)
	return w
}

// connect makes the clients of a server that has started.
func (w *world) connect(t *testing.T) {
	t.Helper()
	w.pid = w.server.PID()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(w.server.Log()), "ready"))
	if err != nil {
		t.Fatalf("read the ready file: %v", err)
	}
	var ready struct{ Console string }
	if err := json.Unmarshal(b, &ready); err != nil || ready.Console == "" {
		t.Fatalf("the ready file is %s, want the console's URL in it", b)
	}
	w.console = ready.Console
	if w.server.CAFile != "" {
		pool := x509.NewCertPool()
		if pem, err := os.ReadFile(w.server.CAFile); err != nil || !pool.AppendCertsFromPEM(pem) {
			t.Fatalf("read the authority %s: %v", w.server.CAFile, err)
		}
		w.tls = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	}
	transport := &http.Transport{TLSClientConfig: w.tls, MaxIdleConnsPerHost: 64,
		// Whatever host a test names, this server is asked.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}}
	t.Cleanup(transport.CloseIdleConnections)
	w.http = &http.Client{Transport: &watcher{transport, w.errors}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.socket = api.Dial(filepath.Join(w.server.Data, "admin.sock"))
}

// errorList gathers the server errors that were answered.
type errorList struct {
	mu   sync.Mutex
	list []string
}

func (e *errorList) add(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, text)
}

// take returns what was gathered, and forgets it.
func (e *errorList) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return list
}

// watcher notes each answer that is a server error. That something is not there
// yet, 501, is none.
type watcher struct {
	next   http.RoundTripper
	errors *errorList
}

func (t *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
		t.errors.add(fmt.Sprintf("%s %.200s: %v", r.Method, r.URL.Redacted(), err))
	case resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		t.errors.add(fmt.Sprintf("%s %.200s: %s", r.Method, r.URL.Redacted(), resp.Status))
	}
	return resp, err
}

// fill makes the accounts, keys, buckets and objects of the table's setting.
func (w *world) fill(t *testing.T) {
	t.Helper()
	w.full = pair{w.server.AccessKeyID, w.server.Secret}
	key, err := w.socket.GetKey(t.Context(), w.full.id)
	if err != nil {
		t.Fatal(err)
	}
	w.ids[w.full] = key.ID
	made, err := w.socket.CreateAccount(t.Context(), api.CreateAccountInput{Email: "b@b.example", Name: "Bravo"})
	if err != nil {
		t.Fatal(err)
	}
	w.b = made.Account
	w.bFull = w.remember(made.Key)
	all, err := w.socket.ListAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.ID == key.Account {
			w.a = a
		}
	}
	w.ro = w.key(t, "ro", coffer.PresetReadOnly, "pfx/")
	w.up = w.key(t, "up", coffer.PresetWriteOnly, "up/")
	w.rw = w.key(t, "rw", coffer.PresetReadWrite, "rw/")
	w.none = w.newKey(t, api.CreateKeyInput{Name: "none", Scope: &coffer.Scope{Grants: []coffer.Grant{}}})
	w.paused = w.newKey(t, api.CreateKeyInput{Name: "paused"})
	if _, err := w.socket.PauseKey(t.Context(), w.paused.id); err != nil {
		t.Fatal(err)
	}
	for _, put := range []struct {
		who        pair
		path, body string
	}{
		{w.full, "/a-priv", ""}, {w.full, "/a-priv/other", "other"}, {w.full, "/a-priv/pfx/x", "x"},
		{w.bFull, "/b-priv", ""}, {w.bFull, "/b-priv/secret", bSecret},
	} {
		w.s3(t, put.who, "PUT", put.path, put.body).oneOf(t, "PUT "+put.path, 200)
	}
	w.bUpload = w.upload(t, w.bFull, "/b-priv/mp")
}

// key makes a key of A for keys of a-priv below prefix.
func (w *world) key(t *testing.T, name string, preset coffer.Preset, prefix string) pair {
	t.Helper()
	return w.newKey(t, api.CreateKeyInput{Name: name, Scope: &coffer.Scope{Grants: []coffer.Grant{
		{Preset: preset, Buckets: []string{"a-priv"}, Prefixes: []string{prefix}}}}})
}

// newKey makes a key of A, unless in says otherwise.
func (w *world) newKey(t *testing.T, in api.CreateKeyInput) pair {
	t.Helper()
	if in.Account == "" {
		in.Account = string(w.a.ID)
	}
	k, err := w.socket.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatalf("make the key %s: %v", in.Name, err)
	}
	return w.remember(k)
}

func (w *world) remember(k api.Key) pair {
	p := pair{string(k.Current.AccessKeyID), k.Current.SecretAccessKey.Reveal()}
	w.ids[p] = k.ID
	w.server.Hide(p.secret)
	return p
}

// drop ends a key that a row has made. It stays in the list of deleted ones,
// which no state has.
func (w *world) drop(t *testing.T, p pair) {
	t.Helper()
	if _, err := w.socket.DeleteKey(t.Context(), string(w.ids[p])); err != nil {
		t.Errorf("delete the key: %v", err)
	}
}

// upload begins a multipart upload.
func (w *world) upload(t *testing.T, who pair, path string) string {
	t.Helper()
	a := w.s3(t, who, "POST", path+"?uploads", "")
	var out struct{ UploadId string }
	if err := xml.Unmarshal([]byte(a.body), &out); err != nil || out.UploadId == "" {
		t.Fatalf("POST %s?uploads = %d %s, want an upload ID", path, a.status, a.body)
	}
	return out.UploadId
}

// state is all that an attack could have changed, a line for each thing.
func (w *world) state(t *testing.T) map[string]bool {
	t.Helper()
	ctx, lines := t.Context(), map[string]bool{}
	add := func(v any, err error) {
		t.Helper()
		b, err2 := json.Marshal(v)
		if err != nil || err2 != nil {
			t.Fatalf("read the state: %v %v", err, err2)
		}
		lines[string(b)] = true
	}
	all, err := w.socket.ListAccounts(ctx)
	add(all, err)
	keys, err := w.socket.ListKeys(ctx, "", false)
	for _, k := range keys {
		k.Current.LastUsed = nil
		if k.Outgoing != nil {
			k.Outgoing.LastUsed = nil
		}
		add(k, err)
	}
	members, err := w.socket.ListMembers(ctx, "")
	for _, m := range members {
		m.LastSignIn, m.Sessions = nil, 0
		add(m, err)
	}
	links, err := w.socket.ListInvitations(ctx, "")
	add(links, err)
	for _, who := range []pair{w.full, w.bFull} {
		w.stored(t, who, lines)
	}
	return lines
}

// stored adds the buckets, objects and uploads of an account, with all bytes.
func (w *world) stored(t *testing.T, who pair, lines map[string]bool) {
	t.Helper()
	get := func(path string, into any) string {
		t.Helper()
		a := w.s3(t, who, "GET", path, "")
		if a.status != 200 {
			t.Fatalf("read the state: GET %s = %d %s", path, a.status, a.body)
		}
		if into != nil {
			if err := xml.Unmarshal([]byte(a.body), into); err != nil {
				t.Fatalf("read the state: GET %s: %v", path, err)
			}
		}
		return a.body
	}
	var buckets struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	lines[get("/", &buckets)] = true
	for _, bucket := range buckets.Names {
		var list struct {
			Contents []struct{ Key, ETag, LastModified string }
		}
		get("/"+bucket+"?list-type=2&encoding-type=url", &list)
		for _, o := range list.Contents {
			key := strings.ReplaceAll(o.Key, "+", "%20")
			lines[fmt.Sprintf("%s/%s %s %s %.100q", bucket, key, o.ETag, o.LastModified, get("/"+bucket+"/"+key, nil))] = true
		}
		var uploads struct {
			Upload []struct{ Key, UploadId string }
		}
		get("/"+bucket+"?uploads", &uploads)
		for _, u := range uploads.Upload {
			var parts struct {
				Part []struct{ PartNumber, ETag string }
			}
			get("/"+bucket+"/"+u.Key+"?uploadId="+url.QueryEscape(u.UploadId), &parts)
			lines[fmt.Sprint("upload ", bucket, u.Key, u.UploadId, parts)] = true
		}
	}
}
