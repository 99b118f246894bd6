package crash_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/test/harness"
)

// lineTest is a server behind lines that break where the test says.
type lineTest struct {
	server *harness.Server
	client *client // over a good line
}

func newLineTest(t *testing.T) *lineTest {
	t.Helper()
	newSeed(t)
	s := harness.Start(t, harness.Options{})
	l := &lineTest{server: s, client: newClient(s, "lines")}
	makeBucket(t, l.client)
	return l
}

// breaking is a client whose line breaks after n bytes, both ways together.
func (l *lineTest) breaking(n int64, reset bool) *client {
	return over(l.server, "lines", func(conn net.Conn) *line { return &line{Conn: conn, left: n, reset: reset} })
}

// places are where a line of n bytes is broken: around both ends, and between.
func places(n int64) []int64 {
	all := []int64{0, 1, n - 1, n - 2}
	step := n / int64(cycles(9, 150))
	for at := step; at < n; at += step {
		all = append(all, at)
	}
	return all
}

// TestPutOverABrokenLineIsWholeOrNot cuts a PUT everywhere: in its head, in its
// body, and in the answer. Unless the whole body has gone, nothing has happened.
func TestPutOverABrokenLineIsWholeOrNot(t *testing.T) {
	l := newLineTest(t)
	const head = 1200 // bytes, at most, of the request beside its body
	for _, size := range []int64{2000, 200 << 10} {
		// What was sent whole may also come late.
		may := []version{mustPut(t, l.client, "key", content("old", size))}
		written := 0
		for i, at := range places(size + head) {
			name := fmt.Sprintf("new-%d-%d", size, at)
			body := content(name, size)
			v := newVersion(name, "application/x-test", body)
			c := l.breaking(at, i%2 == 0)
			r, err := c.do(request{method: http.MethodPut, key: "key", header: v.headers(), body: body})
			c.close()
			if at >= size {
				may = append(may, v)
			}
			got := l.holds(t, "key", append(may, v)...)
			acked := err == nil && r.status == http.StatusOK
			switch {
			case acked && !got.same(v):
				t.Errorf("PUT of %d bytes cut after %d = %s, but the key holds %v", size, at, r, got)
			case at < size && got.same(v):
				t.Errorf("PUT of %d bytes cut after %d: the key holds it, though not all of it was sent", size, at)
			case got.same(v):
				written++
			}
		}
		if total := len(places(size + head)); written == 0 || written == total {
			t.Errorf("%d bytes: %d of %d cut requests were seen to be whole, want some", size, written, total)
		}
	}
}

// holds returns what a key holds, which must be one of the versions.
func (l *lineTest) holds(t *testing.T, key string, versions ...version) version {
	t.Helper()
	r, err := l.client.do(request{method: http.MethodGet, key: key})
	if err != nil {
		t.Fatalf("GET %s: %v", key, err)
	}
	got, err := seen(r)
	if err != nil {
		t.Fatalf("GET %s: %v", key, err)
	}
	for _, v := range versions {
		if got.same(v) {
			return got
		}
	}
	t.Fatalf("%s holds %v, want one of %v", key, got, versions)
	return got
}

// TestGetOverABrokenLineIsSeenToBeCut: a client knows of every answer that it did
// not get whole.
func TestGetOverABrokenLineIsSeenToBeCut(t *testing.T) {
	l := newLineTest(t)
	for _, size := range []int64{2000, 1 << 20} {
		v := mustPut(t, l.client, "key", content("key", size))
		for i, at := range places(size + 1200) {
			c := l.breaking(at, i%2 == 0)
			r, err := c.do(request{method: http.MethodGet, key: "key"})
			c.close()
			if err != nil {
				continue
			}
			if got, err := seen(r); err != nil || !got.same(v) {
				t.Errorf("GET of %d bytes cut after %d = %s with %d bytes and no error", size, at, r, len(r.body))
			}
			if at < size {
				t.Errorf("GET of %d bytes cut after %d = %s, want an error", size, at, r)
			}
		}
	}
}

// TestWhatMayHaveHappenedCanBeAskedAgain repeats requests whose answer was cut:
// complete answers the same, and a PUT that must create tells that it did.
func TestWhatMayHaveHappenedCanBeAskedAgain(t *testing.T) {
	l := newLineTest(t)
	for i, at := range places(2500) {
		t.Run(fmt.Sprintf("CutAfter%d", at), func(t *testing.T) {
			ledger := newLedger(0, []string{fmt.Sprintf("key-%d", i)})
			w := &worker{load: newLoad(ledger, l.client, 0, -1)}
			u := ledger.begin(l.client, ledger.entries[0], fmt.Sprintf("upload-%d", i))
			for n, size := range []int64{partBytes, 1000} {
				w.part(u, n+1, size)
			}
			c := l.breaking(at, i%2 == 0)
			r, err := c.complete(u.entry.key, u.id, u.parts)
			c.close()
			again, againErr := l.client.complete(u.entry.key, u.id, u.parts)
			if againErr != nil || again.status != http.StatusOK || !strings.Contains(string(again.body), u.version().etag) {
				t.Errorf("complete again after the first was cut (%v, %v) = %v, %v, want 200 with the ETag", r, err, again, againErr)
			}
			l.holds(t, u.entry.key, u.version())

			created := fmt.Sprintf("created-%d", i)
			body := content(created, 500)
			v := newVersion("op-"+created, "application/x-test", body)
			header := v.headers()
			header["If-None-Match"] = "*"
			c = l.breaking(at, i%2 == 1)
			_, err = c.do(request{method: http.MethodPut, key: created, header: header, body: body})
			c.close()
			again, againErr = l.client.do(request{method: http.MethodPut, key: created, header: header, body: body})
			if againErr != nil || again.status != http.StatusOK && again.status != http.StatusPreconditionFailed && again.status != http.StatusConflict {
				t.Errorf("create again after the first was cut (%v) = %v, %v, want 200, 412 or 409", err, again, againErr)
			}
			eventually(t, hangLimit, "created by one of the two", func() bool {
				return len(expect(l.client, map[string]version{created: v})) == 0
			})
			for _, p := range ledger.takeProblems() {
				t.Error(p)
			}
		})
	}
}

// TestSlowLinesHoldNobodyElseUp has many clients that send and read a byte in a
// while, beside one that does not notice them.
func TestSlowLinesHoldNobodyElseUp(t *testing.T) {
	l := newLineTest(t)
	want := map[string]version{"large": mustPut(t, l.client, "large", content("large", 1<<20)), "small": mustPut(t, l.client, "small", content("small", 100))}
	const slow = 40
	done := make(chan error, slow)
	conns := make(chan net.Conn, slow)
	for i := range slow {
		q := request{method: http.MethodGet, key: "large"}
		if i%2 == 0 {
			q = request{method: http.MethodPut, key: "never", body: content("never", 100<<10)}
		}
		c := over(l.server, "lines", func(conn net.Conn) *line {
			conns <- conn
			return &line{Conn: conn, left: forever, pause: time.Second, quick: 2000}
		})
		go func() {
			_, err := c.do(q)
			done <- err
		}()
	}
	lines := make([]net.Conn, slow)
	for i := range lines {
		lines[i] = <-conns
	}
	for range 20 {
		for _, wrong := range expect(l.client, want) {
			t.Errorf("beside slow lines: %s", wrong)
		}
		mustPut(t, l.client, "beside", content("beside", 100<<10))
	}
	for _, conn := range lines {
		_ = conn.Close()
	}
	for range slow {
		if err := <-done; err == nil {
			t.Errorf("a request over a line of a byte a second that was cut = %v, want an error", err)
		}
	}
	l.holds(t, "never", version{})
}
