package crash_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coffer/test/harness"
)

// checkers is how many keys are read at once.
const checkers = 4

// uploadsKept bounds the uploads that stay open from one cycle to the next.
const uploadsKept = 4

// check reads everything back, after a restart and with nobody else writing, and
// makes of each unknown outcome what it turned out to be: from then on it must
// stay so. What is wrong becomes a problem of the ledger.
func (l *ledger) check(c *client) {
	names, err := c.list()
	if err != nil {
		l.problem("%v", err)
		return
	}
	work := make(chan *entry)
	var wg sync.WaitGroup
	for range checkers {
		wg.Go(func() {
			for e := range work {
				l.checkKey(c, e, names)
			}
		})
	}
	ours := map[string]bool{}
	for _, e := range l.entries {
		ours[e.key] = true
		work <- e
	}
	close(work)
	wg.Wait()
	for key := range names {
		if !ours[key] {
			l.problem("the listing has %q, which nobody ever wrote", key)
		}
	}
}

// checkKey compares one key with the ledger and the listing. names is only read.
func (l *ledger) checkKey(c *client, e *entry, names map[string]listed) {
	r, err := c.do(request{method: http.MethodGet, key: e.key})
	if err != nil {
		l.problem("GET %q: %v", e.key, err)
		return
	}
	got, err := seen(r)
	if err != nil {
		l.problem("%q: %v, want %v", e.key, err, e.might)
		return
	}
	i := e.holds(got)
	if i < 0 {
		l.problem("%q holds %v, want %v", e.key, got, e.might)
		return
	}
	e.might = e.might[i : i+1]
	in, isListed := names[e.key]
	if isListed != got.exists || isListed && in != (listed{got.size, got.etag}) {
		l.problem("%q holds %v, but the listing says %t, %+v", e.key, got, isListed, in)
	}
}

// checkUploads compares the open uploads with the ledger, whose keys check has
// settled, and goes on with them: some are completed from parts that were sent
// before the crash, some aborted, some left for later.
func (l *ledger) checkUploads(c *client, draw *rand.Rand) {
	all, err := c.listUploads()
	if err != nil {
		l.problem("%v", err)
		return
	}
	found := map[listedUpload]bool{}
	for _, u := range all {
		found[u] = true
	}
	// First what the crash has left of each, and only then the writes, since one
	// upload may be to the key of another.
	for _, u := range slices.Clone(l.uploads) {
		name := listedUpload{u.entry.key, u.id}
		isListed := found[name]
		delete(found, name)
		if !l.checkEnding(u, isListed) || !l.checkParts(c, u) {
			l.remove(u)
		}
	}
	kept := 0
	for _, u := range slices.Clone(l.uploads) {
		switch n := draw.IntN(10); {
		case u.ending == completing:
			// It was done and the client was never told: it asks again, and must be
			// told the same.
			l.askAgain(c, u)
		case n < 5 && len(u.parts) > 0:
			l.finish(c, u)
		case n < 7 || kept == uploadsKept:
			l.abort(c, u)
		default:
			kept++
		}
	}
	// An upload whose begin nobody answered is open, or is not.
	if len(found) > l.begun {
		l.problem("%d uploads are open that nobody knows of, want at most %d", len(found), l.begun)
	}
	l.begun = 0
	for u := range found {
		l.abort(c, &upload{entry: &entry{key: u.Key}, id: u.UploadID})
	}
}

// checkEnding finds out how the last request to an upload ended, and tells
// whether there is more to do with it.
func (l *ledger) checkEnding(u *upload, isListed bool) bool {
	now := u.entry.might[0]
	ended := u.ending == completing && now.op == u.op && now.same(u.version())
	switch {
	case u.ending == aborting && !isListed:
		return false
	case ended && isListed:
		l.problem("the upload of %q was completed, and is open all the same", u.entry.key)
		return false
	case ended:
		return true
	case !isListed:
		l.problem("the upload of %q with %d parts is gone", u.entry.key, len(u.parts))
		return false
	}
	u.ending = open
	return true
}

// askAgain completes an upload once more, which changes nothing.
func (l *ledger) askAgain(c *client, u *upload) {
	r, err := c.complete(u.entry.key, u.id, u.parts)
	if err != nil || r.status != http.StatusOK || !strings.Contains(string(r.body), u.version().etag) {
		l.problem("complete %q again = %v, %v, want 200 with the same ETag", u.entry.key, r, err)
	}
	l.remove(u)
}

// checkParts compares the parts of an upload that is open.
func (l *ledger) checkParts(c *client, u *upload) bool {
	if u.ending == completing {
		return true
	}
	got, err := c.listParts(u.entry.key, u.id)
	if err != nil {
		l.problem("%q: %v", u.entry.key, err)
		return false
	}
	for _, p := range u.parts {
		if got[p.number] != (listed{p.size, p.etag}) {
			l.problem("part %d of %q is %+v, want %d bytes with ETag %s", p.number, u.entry.key, got[p.number], p.size, p.etag)
			return false
		}
		delete(got, p.number)
	}
	// From now on it is known of each other part whether it was stored.
	for _, p := range u.maybe {
		is, ok := got[p.number]
		if !ok {
			continue
		}
		if is != (listed{p.size, p.etag}) {
			l.problem("part %d of %q is %+v, want nothing or %d bytes with ETag %s", p.number, u.entry.key, is, p.size, p.etag)
			return false
		}
		u.parts = append(u.parts, p)
		delete(got, p.number)
	}
	if len(got) > 0 {
		l.problem("upload of %q has %d parts that nobody sent", u.entry.key, len(got))
	}
	u.maybe = nil
	return true
}

// finish completes an upload with its acknowledged parts.
func (l *ledger) finish(c *client, u *upload) {
	v := u.version()
	r, err := c.complete(u.entry.key, u.id, u.parts)
	if err != nil || r.status != http.StatusOK || r.code() != "" {
		l.problem("complete %q after the crash = %v, %v, want 200", u.entry.key, r, err)
		return
	}
	u.entry.might = []version{v}
	l.remove(u)
}

func (l *ledger) abort(c *client, u *upload) {
	r, err := c.abort(u.entry.key, u.id)
	if err != nil || r.status != http.StatusNoContent {
		l.problem("abort upload of %q = %v, %v, want 204", u.entry.key, r, err)
	}
	l.remove(u)
}

// drain deletes everything and aborts every upload.
func (l *ledger) drain(c *client) {
	for _, u := range slices.Clone(l.uploads) {
		l.abort(c, u)
	}
	for _, e := range l.entries {
		r, err := c.do(request{method: http.MethodDelete, key: e.key})
		if err != nil || r.status != http.StatusNoContent {
			l.problem("DELETE %q = %v, %v, want 204", e.key, r, err)
			continue
		}
		e.might = []version{{}}
	}
}

// reclaimLimit is the grace of a deleted object's bytes and what slow machines
// add to it; orphans go with the sweep after each start.
const reclaimLimit = 90 * time.Second

// checkNothingLeft has the server reclaim until every file of bytes is one that
// an object needs, and then, with everything deleted, until there is none.
func checkNothingLeft(t *testing.T, s *harness.Server, l *ledger, c *client) {
	t.Helper()
	for _, u := range slices.Clone(l.uploads) {
		l.abort(c, u)
	}
	reclaimTo := func(want int) {
		t.Helper()
		got := -1
		settled := within(reclaimLimit, func() bool {
			if r := s.Command("reclaim"); r.Code != 0 {
				t.Fatalf("coffer reclaim = %d, %s", r.Code, r.Stderr)
			}
			got = len(blobFiles(t, s.Data))
			return got <= want
		})
		if !settled || got != want {
			t.Errorf("after reclaim there are %d files of bytes, want the %d of the objects that exist", got, want)
		}
	}
	reclaimTo(l.blobs())
	l.check(c)
	l.drain(c)
	reclaimTo(0)
	l.check(c)
	report(t, l, "after reclaim")
}

// report fails the test for the problems since the last report.
func report(t *testing.T, l *ledger, when string) {
	t.Helper()
	for i, p := range l.takeProblems() {
		if i == 20 {
			t.Errorf("%s: and more", when)
			return
		}
		t.Errorf("seed %d, %s: %s", l.seed, when, p)
	}
}

var blobName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// blobFiles lists the files of objects' bytes in a data folder.
func blobFiles(t *testing.T, data string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(data, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && blobName.MatchString(d.Name()) {
			files = append(files, path)
		}
		return ignoreGone(err)
	})
	if err != nil {
		t.Fatalf("look for files of bytes: %v", err)
	}
	return files
}

// makeBucket makes the bucket that the client works in.
func makeBucket(t *testing.T, c *client) {
	t.Helper()
	r, err := c.do(request{method: http.MethodPut})
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("make bucket %s = %v, %v", c.bucket, r, err)
	}
}

// mustPut puts an object that the ledger of a small test keeps by hand.
func mustPut(t *testing.T, c *client, key string, body []byte) version {
	t.Helper()
	v := newVersion("op-"+key, "application/x-test", body)
	r, err := c.do(request{method: http.MethodPut, key: key, header: v.headers(), body: body})
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("PUT %q of %d bytes = %v, %v", key, len(body), r, err)
	}
	return v
}

// expect reads keys back and returns what is not as it should be.
func expect(c *client, want map[string]version) []string {
	var wrong []string
	for key, v := range want {
		r, err := c.do(request{method: http.MethodGet, key: key})
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("GET %q: %v", key, err))
			continue
		}
		if got, err := seen(r); err != nil || !got.same(v) {
			wrong = append(wrong, fmt.Sprintf("GET %q = %v, %v, want %v", key, got, err, v))
		}
	}
	slices.Sort(wrong)
	return wrong
}
