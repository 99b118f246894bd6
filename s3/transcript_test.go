package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	_ "gocloud.dev/secrets/localsecrets"

	"coffer"
	"coffer/blob/disk"
	"coffer/crypt"
	"coffer/keys"
	"coffer/meta/pebble"
	"coffer/objects"
	"coffer/s3"
	"coffer/sigv4"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what is answered now")

// clock is a time that moves by a second with each request.
type clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a whole S3 service in memory, its two accounts, and a clock.
type world struct {
	*httptest.Server
	clock    *clock
	keys     *keys.Service
	objects  *objects.Service
	pairs    map[string]pair
	accounts []coffer.Account
}

// account finds one of the accounts, as package accounts does.
func (w *world) account(_ context.Context, handle string) (coffer.Account, error) {
	for _, a := range w.accounts {
		if handle == string(a.ID) || handle == string(a.Canonical) || handle == a.Email {
			return a, nil
		}
	}
	return coffer.Account{}, &coffer.Error{Code: coffer.NoSuchAccount}
}

type pair struct{ id, secret string }

// newWorld makes a service with the accounts alice and bob, each with one key.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{clock: &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, pairs: map[string]pair{}}
	random := rand.NewChaCha8([32]byte{1})
	fs := vfs.NewMem()
	store, err := pebble.Open("meta", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	blobs, err := disk.Open(disk.Options{FS: fs, Dirs: []string{"blobs"}, Rand: random})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	master, err := keys.ParseMaster(coffer.NewSecretFrom(strings.Repeat("01", 32)))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := keys.Open(t.Context(), keys.Options{Meta: store, Master: master, Now: w.clock.Now, Rand: random, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyring.Close() })
	w.keys = keyring
	kms, err := crypt.OpenKMS(t.Context(), "main=base64key://"+strings.Repeat("A", 43)+"=,other=base64key://"+strings.Repeat("B", 42)+"A=")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kms.Close() })
	w.objects, err = objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: w.clock.Now, Rand: random, Logger: log,
		Seal: keyring.Seal, Unseal: keyring.Unseal, KMS: kms,
		Account:            w.account,
		Webhooks:           []coffer.Webhook{{Name: "orders", URL: coffer.NewSecretFrom("https://orders.example/hook")}, {Name: "bobs", URL: coffer.NewSecretFrom("https://bob.example/hook"), Account: "222222222222"}},
		ReplicationTargets: []coffer.ReplicationTarget{{Name: "offsite", Account: "111111111111"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"alice", "bob"} {
		account := coffer.Account{ID: coffer.AccountID(strings.Repeat(fmt.Sprint(i+1), 12)),
			Canonical: coffer.CanonicalID(strings.Repeat(fmt.Sprintf("%02x", i+1), 32)), Name: name, Email: name + "@example.com"}
		w.accounts = append(w.accounts, account)
		key, secret, err := keyring.As(coffer.Caller{Operator: true}).Create(context.Background(), account, keys.CreateInput{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		w.pairs[name] = pair{string(key.Current.AccessKeyID), secret.Reveal()}
	}
	w.Server = httptest.NewServer(s3.New(s3.Options{Objects: w.objects, Keys: keyring, Regions: []string{"auto", "us-east-1"},
		Domains: []string{"localhost"}, WebsiteDomains: []string{"website.localhost"}, Now: w.clock.Now, Rand: random, Logger: log}))
	t.Cleanup(w.Close)
	return w
}

// TestTranscripts plays testdata/*.txt: requests, a line of dashes, and what S3
// answers. A request is a request line, headers, an empty line and a body. Lines
// that begin with @ are for the test: @key NAME signs with that account's key
// (alice's, if nothing is said; "none" does not sign), @let NAME ELEMENT keeps the text of an
// element or header of the answer for later requests, @etag NAME its entity tag, @encrypt turns the
// instance's encryption on, @md5 adds Content-MD5, @size N makes a
// body of N bytes.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w, vars := newWorld(t), map[string]string{}
			var out strings.Builder
			for block := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n====\n") {
				request, _, _ := strings.Cut(block, "\n----\n")
				if out.Len() > 0 {
					out.WriteString("====\n")
				}
				fmt.Fprintf(&out, "%s\n----\n%s", request, w.play(t, request, vars))
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := out.String(); got != string(text) {
				t.Errorf("%s: the answers differ (rerun with -update to see how):\n%s", file, difference(string(text), got))
			}
		})
	}
}

func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range g {
		if i >= len(w) || w[i] != g[i] {
			return fmt.Sprintf("line %d: want %q\ngot:\n%s", i+1, strings.Join(w[i:min(i+1, len(w))], ""),
				strings.Join(g[max(0, i-12):min(len(g), i+12)], "\n"))
		}
	}
	return "the end is missing"
}

// play sends one request and returns what came back.
func (w *world) play(t *testing.T, text string, vars map[string]string) string {
	t.Helper()
	w.clock.tick(time.Second)
	kept := map[string]string{}
	signer, region, etag := "alice", "auto", ""
	for name, value := range vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	head, body, _ := strings.Cut(text, "\n\n")
	var first string
	header := http.Header{}
	for line := range strings.SplitSeq(head, "\n") {
		switch fields := strings.Fields(line); {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "@key "):
			signer = fields[1]
		case strings.HasPrefix(line, "@region "):
			region = fields[1]
		case strings.HasPrefix(line, "@let "):
			kept[fields[1]] = fields[2]
		case line == "@encrypt":
			w.objects.Encrypt = true
		case strings.HasPrefix(line, "@etag "):
			etag = fields[1]
		case strings.HasPrefix(line, "@size "):
			var n int
			fmt.Sscan(fields[1], &n)
			body = strings.Repeat("x", n)
		case line == "@md5":
			sum := md5.Sum([]byte(body))
			header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
		case first == "":
			first = line
		default:
			name, value, _ := strings.Cut(line, ": ")
			header.Add(name, value)
		}
	}
	method, target, _ := strings.Cut(first, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	r.Header = header
	if host := header.Get("Host"); host != "" {
		r.Host = host
		header.Del("Host")
	}
	if signer != "none" {
		sum := sha256.Sum256([]byte(body))
		p := w.pairs[signer]
		sigv4.Sign(r, p.id, p.secret, region, "s3", hex.EncodeToString(sum[:]), w.clock.Now())
	}
	answer, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	for name, element := range kept {
		if _, rest, ok := strings.Cut(string(b), "<"+element+">"); ok {
			vars[name], _, _ = strings.Cut(rest, "<")
		} else if value := answer.Header.Get(element); value != "" {
			vars[name] = value
		}
	}
	if etag != "" {
		vars[etag] = strings.Trim(answer.Header.Get("ETag"), `"`)
	}
	return w.render(answer, b, vars)
}

var requestID = regexp.MustCompile(`(<RequestId>|<li>RequestId: )[A-Z2-7]{16}`)

// render writes an answer without what differs each time.
func (w *world) render(answer *http.Response, body []byte, vars map[string]string) string {
	var out strings.Builder
	fmt.Fprintln(&out, answer.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		switch name {
		case "Date", "Server", "X-Amz-Request-Id", "X-Amz-Id-2":
		default:
			fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(answer.Header[name], " | "))
		}
	}
	if len(body) > 0 {
		if answer.Header.Get("Content-Type") == "application/xml" {
			body = bytes.ReplaceAll(body, []byte("><"), []byte(">\n<"))
		}
		body = requestID.ReplaceAll(body, []byte("${1}…"))
		if len(body) > 5000 {
			body = fmt.Appendf(nil, "(%d bytes, MD5 %x)", len(body), md5.Sum(body))
		}
		fmt.Fprintf(&out, "\n%s\n", bytes.TrimRight(body, "\n"))
	}
	text := out.String()
	for _, name := range slices.Sorted(maps.Keys(vars)) { // the first of two with one value
		text = strings.ReplaceAll(text, vars[name], "{"+name+"}")
	}
	for name, p := range w.pairs {
		text = strings.ReplaceAll(text, p.id, "{"+name+"'s key}")
	}
	return strings.ReplaceAll(text, strings.TrimPrefix(w.URL, "http://"), "{host}")
}
