package crash_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coffer/test/harness"
)

// bitTest is a data folder with something of each kind in it, of which one bit
// after the other is flipped.
type bitTest struct {
	server *harness.Server
	base   string // a copy of the whole folder
	want   map[string]version
	paused *client // whose key must never work again
	upload string  // that is open, of the key "open"
	part   string  // its ETag

	refused, seen, harmless int
}

// TestEachFlippedBitIsAnErrorOrHarmless flips single bits of every file of a data
// folder, once after a stop and once after a kill, when the newest writes are in the
// log only. The server refuses to start and says why, or it serves: then no object
// is another or gone, no refusal is lost, and what cannot be read is found by coffer
// check.
func TestEachFlippedBitIsAnErrorOrHarmless(t *testing.T) {
	for _, how := range []string{"Stopped", "Killed"} {
		t.Run(how, func(t *testing.T) {
			seed := newSeed(t)
			draw := rand.New(rand.NewPCG(seed, 7))
			b := newBitTest(t, how == "Killed")
			for _, path := range slices.Sorted(maps.Keys(tree(t, b.base))) {
				if path == "ballast" {
					continue // 64 MiB of nothing
				}
				for range flips(path) {
					at := draw.Int64()
					b.harm(t, path, fmt.Sprintf("one bit, drawn as %d, of", at), func(content []byte) []byte {
						if len(content) > 0 {
							content[at/8%int64(len(content))] ^= 1 << (at % 8)
						}
						return content
					})
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%s: of %d bits the start was refused for %d, %d were seen by requests or the check, %d changed nothing",
				how, b.refused+b.seen+b.harmless, b.refused, b.seen, b.harmless)
			if b.refused == 0 || b.seen == 0 {
				t.Error("no flipped bit was noticed: the test tests nothing")
			}
		})
	}
}

// TestEachLostFileIsAnErrorOrHarmless takes away each file of a data folder, or a part
// of it, as careless hands and file systems that were repaired do.
func TestEachLostFileIsAnErrorOrHarmless(t *testing.T) {
	for _, how := range []string{"Stopped", "Killed"} {
		t.Run(how, func(t *testing.T) {
			b := newBitTest(t, how == "Killed")
			for _, path := range slices.Sorted(maps.Keys(tree(t, b.base))) {
				if path == "ballast" {
					continue
				}
				b.harm(t, path, "without", func([]byte) []byte { return nil })
				if how == "Killed" && strings.HasSuffix(path, ".log") {
					// The log is all that tells of the commits in it: what is not there of it
					// any more may never have been.
					continue
				}
				b.harm(t, path, "nothing in", func([]byte) []byte { return []byte{} })
				b.harm(t, path, "half of", func(content []byte) []byte { return content[:len(content)/2] })
				b.harm(t, path, "zeros for the second half of", func(content []byte) []byte {
					clear(content[len(content)/2:])
					return content
				})
			}
			t.Logf("%s: of %d kinds of damage the start was refused for %d, %d were seen by requests or the check, %d changed nothing",
				how, b.refused+b.seen+b.harmless, b.refused, b.seen, b.harmless)
		})
	}
}

// TestLostLogCanBeAccepted takes away the newest log after a kill, or damages it: the
// server starts again without what was in it once the operator has said so, not before.
func TestLostLogCanBeAccepted(t *testing.T) {
	for name, spoil := range map[string]spoiler{"Gone": hide("meta/*.log"), "Damaged": spoil(flip, "meta/*.log")} {
		t.Run(name, func(t *testing.T) {
			b := newBitTest(t, true)
			spoil(t, b.server.Data)
			repair := []string{"repair", "--offline", "--accept-lost-log"}
			for range 2 {
				err := b.server.TryRestart()
				if err == nil {
					t.Fatal("the server starts without its newest records")
				}
				checkSentence(t, lastLine(err.Error()), "coffer repair --offline --accept-lost-log --yes")
				if r := b.server.Command(repair...); r.Code != 2 {
					t.Errorf("coffer repair without --yes = %d, want 2: %s%s", r.Code, r.Stdout, r.Stderr)
				}
			}
			r := b.server.Command(append(repair, "--yes")...)
			if r.Code != 0 || !strings.Contains(r.Stdout, "newest records") {
				t.Fatalf("coffer repair = %d, want 0 and what is lost: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			for range 2 {
				b.server.Restart()
				c := newClient(b.server, "bits")
				for i := range 40 { // these were in tables
					key := fmt.Sprintf("object-%02d", i)
					r, err := c.do(request{method: http.MethodGet, key: key})
					if err != nil {
						t.Fatal(err)
					}
					if got, err := seen(r); err != nil || !got.same(b.want[key]) {
						t.Errorf("GET %s = %v, %v, want %v", key, got, err, b.want[key])
					}
				}
				mustPut(t, c, "after", content("after", 5000))
				c.close()
				b.server.Stop()
			}
			if r := b.server.Command("check", "--offline", "--data-too"); r.Code != 0 {
				t.Errorf("coffer check = %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
		})
	}
}

// flips is how many bits of a file are tried: more where records are.
func flips(path string) int {
	switch {
	case strings.HasSuffix(path, ".log"), strings.Contains(path, "MANIFEST"):
		return cycles(4, 60)
	case strings.HasSuffix(path, ".sst"), strings.HasSuffix(path, ".blob"):
		return cycles(1, 25)
	case strings.HasPrefix(path, "blobs"):
		return cycles(1, 10)
	}
	return cycles(1, 15)
}

func newBitTest(t *testing.T, kill bool) *bitTest {
	t.Helper()
	s := harness.Start(t, harness.Options{})
	b := &bitTest{server: s, base: filepath.Join(t.TempDir(), "base"), want: map[string]version{}}
	c := newClient(s, "bits")
	makeBucket(t, c)
	put := func(from, to int) {
		for i := from; i < to; i++ {
			key := fmt.Sprintf("object-%02d", i)
			size := int64(i * 150)
			if i%25 == 0 {
				size = 200 << 10
			}
			b.want[key] = mustPut(t, c, key, content(key, size))
		}
	}
	ok := func(what string, q request) *reply {
		t.Helper()
		r, err := c.do(q)
		if err != nil || r.status/100 != 2 {
			t.Fatalf("%s = %v, %v", what, r, err)
		}
		return r
	}
	put(0, 40)
	sealed := newVersion("op-sealed", "application/x-test", content("sealed", 100<<10))
	header := sealed.headers()
	header["X-Amz-Server-Side-Encryption"] = "AES256"
	ok("PUT of an encrypted object", request{method: http.MethodPut, key: "sealed", header: header, body: content("sealed", 100<<10)})
	b.want["sealed"] = sealed
	s.Stop()
	s.Restart()
	c = newClient(s, "bits")
	put(40, 60)
	ok("PUT", request{method: http.MethodPut, key: "denied", body: []byte("denied")})
	ok("PutBucketPolicy", request{method: http.MethodPut, query: url.Values{"policy": {""}},
		body: []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bits/denied"}]}`)})
	ok("CreateMultipartUpload", request{method: http.MethodPost, key: "open", query: url.Values{"uploads": {""}}})
	all, err := c.listUploads()
	if err != nil || len(all) != 1 {
		t.Fatalf("list uploads = %v, %v, want one", all, err)
	}
	b.upload = all[0].UploadID
	b.part = ok("UploadPart", request{method: http.MethodPut, key: "open", query: partQuery(b.upload, 1), body: content("part", 70<<10)}).etag()
	b.pause(t, c)
	// A log does not tell a rotten last write from one that was cut: it is of something
	// that nobody asks for.
	if r := s.Command("key", "create", "--name", "last"); r.Code != 0 {
		t.Fatalf("key create = %d: %s", r.Code, r.Stderr)
	}
	if kill {
		s.Kill()
	} else {
		s.Stop()
	}
	copyFolder(t, s.Data, b.base)
	return b
}

// pause makes a key and ends it.
func (b *bitTest) pause(t *testing.T, c *client) {
	t.Helper()
	r := b.server.Command("key", "create", "--name", "paused", "--json")
	var key struct {
		Current struct {
			ID     string `json:"access_key_id"`
			Secret string `json:"secret_access_key"`
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &key); err != nil || key.Current.ID == "" {
		t.Fatalf("key create = %d %v: %s", r.Code, err, r.Stderr)
	}
	b.server.Hide(key.Current.Secret)
	if r := b.server.Command("key", "pause", key.Current.ID); r.Code != 0 {
		t.Fatalf("key pause = %d: %s", r.Code, r.Stderr)
	}
	paused := *c
	paused.id, paused.secret = key.Current.ID, key.Current.Secret
	b.paused = &paused
}

// copyFolder copies a data folder; the ballast is 64 MiB of nothing, and made anew.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular() || rel == "ballast":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
	if err != nil {
		t.Fatalf("copy %s: %v", from, err)
	}
}

// harm changes one file of a new copy of the folder, checks, starts, and asks for
// everything. change returns nil to take the file away.
func (b *bitTest) harm(t *testing.T, path, what string, change func(content []byte) []byte) {
	t.Helper()
	if err := os.RemoveAll(b.server.Data); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, b.base, b.server.Data)
	file := filepath.Join(b.server.Data, path)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	what += " " + path
	if content = change(content); content == nil {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	} else {
		overwrite(t, file, content)
	}
	check := b.server.Command("check", "--offline", "--data-too")
	if err := b.server.TryRestart(); err != nil {
		b.refused++
		checkSentence(t, lastLine(err.Error()))
		if check.Code == 0 && !strings.Contains(check.Stderr, "master key") {
			t.Errorf("%s: the server does not start (%s), but the check found nothing", what, lastLine(err.Error()))
		}
		return
	}
	lost := b.ask(t, what)
	b.server.Kill()
	switch {
	case len(lost) > 0 && check.Code == 0:
		t.Errorf("%s: %q, but the check found nothing", what, lost)
	case check.Code != 0:
		b.seen++
		if said := lastLine(check.Stdout + check.Stderr); said == "" || strings.Contains(check.Stderr, "goroutine") {
			t.Errorf("%s: the check ends with %d and says %q", what, check.Code, check.Stdout+check.Stderr)
		}
	case len(lost) == 0:
		b.harmless++
	}
}

// ask reads everything: what cannot be read is returned, what is wrong is an error.
func (b *bitTest) ask(t *testing.T, what string) (lost []string) {
	t.Helper()
	c := newClient(b.server, "bits")
	defer c.close()
	unreadable := func(name string, q request, c *client) (*reply, bool) {
		r, err := c.do(q)
		if _, cut := errors.AsType[*cutError](err); cut || err == nil && r.status >= 500 {
			lost = append(lost, name)
			return nil, true
		}
		if err != nil {
			t.Errorf("%s: %s: %v", what, name, err)
			return nil, true
		}
		return r, false
	}
	for _, key := range slices.Sorted(maps.Keys(b.want)) {
		r, bad := unreadable(key, request{method: http.MethodGet, key: key}, c)
		if bad {
			continue
		}
		if got, err := seen(r); err != nil || !got.same(b.want[key]) {
			t.Errorf("%s: GET %s = %v, %v, want %v or a 5xx", what, key, got, err, b.want[key])
		}
	}
	if r, bad := unreadable("denied", request{method: http.MethodGet, key: "denied"}, c); !bad && r.status != http.StatusForbidden {
		t.Errorf("%s: GET of what a policy denies = %s", what, r)
	}
	paused := *b.paused
	paused.endpoint = c.endpoint
	if r, bad := unreadable("the paused key", request{method: http.MethodGet, key: "object-01"}, &paused); !bad && r.status != http.StatusForbidden {
		t.Errorf("%s: GET by a key that was paused = %s", what, r)
	}
	if names, err := c.list(); err != nil {
		lost = append(lost, "the listing")
	} else if len(names) != len(b.want)+1 {
		t.Errorf("%s: the listing has %d keys of %d", what, len(names), len(b.want)+1)
	}
	if parts, err := c.listParts("open", b.upload); err != nil {
		if !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: %v", what, err)
		}
		lost = append(lost, "the upload")
	} else if len(parts) != 1 || parts[1].etag != b.part {
		t.Errorf("%s: the upload has the parts %v, want one with the ETag %s", what, parts, b.part)
	}
	return lost
}
