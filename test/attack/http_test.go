package attack

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Of HTTP-05 a body of one byte a second is not tried: the patience with one is
// a minute, and the clock of the binary is the machine's. The tests of package
// server have a clock of their own for it.
var httpRows = []row{
	{"HTTP-01", "no request hides in the body of another", smuggling},
	{"HTTP-02", "a length is a number, once", badLengths},
	{"HTTP-04", "headers have one form", oddHeaders},
	{"HTTP-05", "slow clients are cut", slowClients},
	{"HTTP-06", "clients that go away leave nothing", disconnects},
	{"HTTP-08", "a body is asked for when it may be sent", expectContinue},
	{"HTTP-09", "methods are those of S3", oddMethods},
	{"HTTP-10", "a URI is bounded", oddTargets},
	{"HTTP-12", "a connection carries no credentials", connectionAuth},
	{"HTTP-13", "a target that is no path leads to nobody else", foreignTargets},
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t), httpRows)
}

// answers sends text and reads all that comes until the connection is closed,
// which the last request of the text asks for.
func (w *world) answers(t *testing.T, text string) string {
	t.Helper()
	conn := w.dial(t, w.server.Endpoint)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	b, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("read the answers to %.60q: %v", text, err)
	}
	return string(b)
}

func smuggling(t *testing.T, w *world) {
	hidden, _ := forged{who: w.bFull, path: "/b-priv/secret"}.text(w)
	w.unchanged(t, func() {
		for _, lines := range [][]string{
			{"Content-Length: 5", "Transfer-Encoding: chunked"}, {"Transfer-Encoding: chunked", "Content-Length: 5"}, {"Transfer-Encoding: chunked, identity", "Content-Length: 5"},
			{"Transfer-Encoding: identity", "Content-Length: 5"}, {"Transfer-Encoding : chunked", "Content-Length: 5"}, {"Transfer-Encoding: xchunked", "Content-Length: 5"},
			{"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, {"Transfer-Encoding:\tchunked", "Content-Length: 5"}, {"Transfer-Encoding: \"chunked\"", "Content-Length: 5"},
		} {
			for _, method := range []string{"PUT", "GET", "POST"} {
				f := forged{who: w.full, method: method, path: "/a-priv/smuggled", hash: unsigned, lines: lines, body: "0\r\n\r\n"}
				text, _ := f.text(w)
				text = strings.Replace(text, "Connection: close\r\n", "", 1)
				all := w.answers(t, text+hidden)
				if n := strings.Count(all, "HTTP/1.1 "); n > 1 || strings.Contains(all, bSecret) {
					t.Errorf("%s with %q has %d answers: %.300q, want one", method, lines, n, all)
				}
			}
		}
		w.s3(t, w.full, "DELETE", "/a-priv/smuggled", "").oneOf(t, "DELETE", 204)
		for _, line := range []string{"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded", "POST /a-priv HTTP/1.1", "OPTIONS /a-priv/k HTTP/1.1", "PUT /a-priv/k HTTP/1.0\r\nConnection: keep-alive"} {
			all := w.answers(t, line+"\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+hidden)
			if n := strings.Count(all, "HTTP/1."); n > 1 || strings.Contains(all, bSecret) {
				t.Errorf("%q has %d answers: %.300q, want one", line, n, all)
			}
		}
	})
}

func badLengths(t *testing.T, w *world) {
	const most = 32 << 20
	w.unchanged(t, func() {
		for _, lines := range [][]string{{"Content-Length: 4", "Content-Length: 5"}, {"Content-Length: +4"}, {"Content-Length: -1"}, {"Content-Length: 4, 4"}, {"Content-Length: 4x"}, {"Content-Length: 0x4"},
			{"Content-Length: "}, {"Content-Length: 4 4"}, {"Content-Length: 99999999999999999999"}, {"Content-Length: 9223372036854775808"}, {"Content-Length: 1_0"}, {"Content-Length: ٤"}} {
			f := put(w)
			f.lines = lines
			w.forge(t, f).oneOf(t, fmt.Sprintf("PUT with %q", lines), 400)
		}
		before := resident(t, w.server.PID())
		for _, length := range []string{"9223372036854775807", "9000000000000000000", "6000000000000"} {
			f := put(w)
			f.hash, f.lines = unsigned, []string{"Content-Length: " + length}
			w.forge(t, f).is(t, "PUT of "+length+" bytes", 400, "EntityTooLarge")
			f.lines = append(f.lines, "Expect: 100-continue")
			w.forge(t, f).is(t, "PUT of "+length+" bytes that waits", 400, "EntityTooLarge")
		}
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("lengths that are announced took %d MiB, want nothing", more>>20)
		}
	})
}

func oddHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := put(w)
		f.lines = []string{"x-amz-meta-a: 1"}
		text, _ := f.text(w)
		for name, change := range map[string][2]string{
			"a folded line":              {"x-amz-meta-a: 1", "x-amz-meta-a: 1\r\n 2"},
			"a space before the colon":   {"x-amz-meta-a: 1", "x-amz-meta-a : 1"},
			"a control character":        {"x-amz-meta-a: 1", "x-amz-meta-a: 1\x01"},
			"a NUL":                      {"x-amz-meta-a: 1", "x-amz-meta-a: 1\x00"},
			"a bare CR":                  {"x-amz-meta-a: 1", "x-amz-meta-a: 1\rX-Evil: 1"},
			"no colon":                   {"x-amz-meta-a: 1", "x-amz-meta-a 1"},
			"no name":                    {"x-amz-meta-a: 1", ": 1"},
			"a name that is none":        {"x-amz-meta-a: 1", "x-amz-meta(a): 1"},
			"no host":                    {"Host: ", "Nohost: "},
			"two hosts":                  {"Host: ", "Host: a\r\nHost: "},
			"a host with a space":        {"Host: ", "Host: a "},
			"a host with a slash":        {"Host: ", "Host: a/"},
			"an empty host":              {"Host: ", "Host: \r\nNohost: "},
			"a first line that is blank": {"PUT ", " PUT "},
			"no such version":            {" HTTP/1.1", " HTTP/1.x"},
			"no version":                 {" HTTP/1.1", ""},
		} {
			a := w.exchange(t, "PUT", strings.Replace(text, change[0], change[1], 1))
			a.oneOf(t, "PUT with "+name, 400, 403)
		}
	})
}

// slowClients opens connections that never end their headers. The server cuts
// them after ten seconds, during which it answers others.
func slowClients(t *testing.T, w *world) {
	if testing.Short() {
		w.unchanged(t, func() {})
		t.Skip("SKIPPED, NOT TESTED: the server's patience with headers is ten seconds")
	}
	const connections, most = 500, 64 << 20
	w.unchanged(t, func() {
		before, open := resident(t, w.server.PID()), descriptors(t, w.server.PID())
		var slow []net.Conn
		for i := range connections {
			conn := w.dial(t, w.server.Endpoint)
			defer conn.Close()
			if _, err := io.WriteString(conn, "PUT /a-priv/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: "[:10+i%40]); err != nil {
				t.Error(err)
			}
			slow = append(slow, conn)
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET while others are slow", 200)
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("%d slow connections took %d MiB, want little", connections, more>>20)
		}
		for i, conn := range slow {
			// The deadline of dial, a minute, tells a connection that is never cut.
			if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Fatalf("connection %d is still open: %v", i, err)
			}
		}
		w.settles(t, open)
	})
}

// descriptors is how many files and connections a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: the files of a process are not known here: %v", err)
	}
	return len(list)
}

// settles waits until the server has about as many files open as before.
func (w *world) settles(t *testing.T, before int) {
	t.Helper()
	now := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if now = descriptors(t, w.server.PID()); now <= before+20 {
			return
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET meanwhile", 200)
	}
	t.Errorf("the server has %d files open, had %d, want that connections that ended are closed", now, before)
}

func disconnects(t *testing.T, w *world) {
	const most = 64 << 20
	big := strings.Repeat("x", 1<<20)
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-priv/large", big+big+big+big).oneOf(t, "PUT", 200)
		before, open := resident(t, w.server.PID()), descriptors(t, w.server.PID())
		up := forged{who: w.full, method: "PUT", path: "/a-priv/aborted", body: big}
		full, _ := up.text(w)
		down, _ := forged{who: w.full, path: "/a-priv/large"}.text(w)
		kind := stream(w, signedStream, big, big)
		kind.path = "/a-priv/aborted"
		chunked := kind.text(w)
		for i := range 300 {
			texts := []string{full[:20], full[:strings.Index(full, "\r\n\r\n")+4], full[:len(full)/2], down, chunked[:len(chunked)/2]}
			conn := w.dial(t, w.server.Endpoint)
			if _, err := io.WriteString(conn, texts[i%len(texts)]); err != nil {
				t.Error(err)
			}
			if tcp, ok := conn.(*net.TCPConn); ok && i%2 == 0 {
				_ = tcp.SetLinger(0) // a reset
			}
			conn.Close()
		}
		w.settles(t, open)
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("300 clients that went away left %d MiB, want nothing", more>>20)
		}
		w.s3(t, w.full, "GET", "/a-priv/aborted", "").oneOf(t, "GET of what was never sent", 404)
		w.s3(t, w.full, "DELETE", "/a-priv/large", "").oneOf(t, "DELETE", 204)
	})
}

func expectContinue(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for name, f := range map[string]forged{
			"a wrong secret":      {who: pair{w.full.id, "wrong"}, path: "/a-priv/x"},
			"an unknown key":      {who: pair{"TEST0000000000000000", "x"}, path: "/a-priv/x"},
			"no credentials":      {path: "/a-priv/x"},
			"another's bucket":    {who: w.full, path: "/b-priv/x"},
			"no such bucket":      {who: w.full, path: "/no-such-bucket/x"},
			"a key of a prefix":   {who: w.up, path: "/a-priv/x"},
			"a failed condition":  {who: w.full, path: "/a-priv/other", lines: []string{"If-None-Match: *"}},
			"an unsigned header":  {who: w.full, path: "/a-priv/x", lines: []string{"x-amz-acl: private"}, signed: []string{"host", "x-amz-date"}},
			"a URL that is wrong": {who: w.full, path: "/a-priv/x", query: "X-Amz-Signature=x"},
		} {
			f.method, f.hash = "PUT", unsigned
			f.lines = append(f.lines, fmt.Sprintf("Content-Length: %d", 4<<30), "Expect: 100-continue")
			a := w.forge(t, f)
			a.oneOf(t, "PUT of 4 GiB with "+name, 400, 403, 404, 412)
		}
		// Who may send is told to.
		f := forged{who: w.full, method: "PUT", path: "/a-priv/x", hash: unsigned, lines: []string{"Content-Length: 4", "Expect: 100-continue"}}
		w.forge(t, f).oneOf(t, "PUT that may be sent", 100)
	})
}

func oddMethods(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, method := range []string{"TRACE", "PATCH", "PROPFIND", "LINK", "get", "Put", "SEARCH", "M-SEARCH", "PRI"} {
			for _, path := range []string{"/", "/a-priv", "/a-priv/other"} {
				a := w.forge(t, forged{who: w.full, method: method, path: path, lines: []string{"X-Echo: echoed"}})
				a.oneOf(t, method+" "+path, 400, 403, 405, 501)
				a.lacks(t, method+" "+path, "echoed")
			}
		}
		for _, target := range []string{"CONNECT 127.0.0.1:22 HTTP/1.1", "CONNECT /a-priv/other HTTP/1.1", "CONNECT b-priv HTTP/1.1"} {
			w.exchange(t, "GET", target+"\r\nHost: x\r\nConnection: close\r\n\r\n").oneOf(t, target, 400, 403, 405)
		}
		for _, line := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"} {
			for _, method := range []string{"GET", "HEAD"} {
				f := forged{who: w.full, method: method, path: "/a-priv/other", lines: []string{line}}
				w.forge(t, f).oneOf(t, method+" with "+line, 200)
			}
			w.forge(t, forged{who: w.full, method: "POST", path: "/a-priv/other", query: "_method=DELETE", lines: []string{line}}).oneOf(t, "POST with "+line, 400, 405)
		}
	})
}

func oddTargets(t *testing.T, w *world) {
	const most = 32 << 20
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		for name, target := range map[string]string{
			"1 MiB": "/a-priv/" + strings.Repeat("k", 1<<20), "40 KiB": "/a-priv/" + strings.Repeat("k", 40<<10), "a bad escape": "/a-priv/%zz", "a cut escape": "/a-priv/%2",
			"an asterisk": "*", "no slash": "a-priv/other", "100,000 parameters": "/a-priv?" + strings.Repeat("a=b&", 100_000), "2,000 parameters": "/a-priv?" + strings.Repeat("a=b&", 2_000),
			"a space": "/a-priv/a b", "a control character": "/a-priv/a\x01b", "a bad escape in the query": "/a-priv?prefix=%zz", "a scheme": "ftp://localhost/a-priv", "a fragment": "/a-priv/other#x",
			"a user": "http://user:password@localhost/a-priv",
		} {
			f := forged{who: w.full, path: target}
			a := w.forge(t, f)
			a.oneOf(t, "GET of "+name, 400, 403, 404, 414, 431)
		}
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("long URIs took %d MiB, want a bound", more>>20)
		}
	})
}

func connectionAuth(t *testing.T, w *world) {
	w.unchanged(t, func() {
		conn := w.dial(t, w.server.Endpoint)
		defer conn.Close()
		reader := bufio.NewReader(conn)
		send := func(f forged) int {
			text, _ := f.text(w)
			if _, err := io.WriteString(conn, strings.Replace(text, "Connection: close\r\n", "", 1)); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(reader, &http.Request{Method: f.method})
			if err != nil {
				t.Fatalf("read the answer to %s %s: %v", f.method, f.path, err)
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode
		}
		for range 3 {
			if got := send(forged{who: w.full, path: "/a-priv/other"}); got != 200 {
				t.Errorf("a signed GET = %d, want 200", got)
			}
			for _, f := range []forged{{path: "/a-priv/other"}, {method: "PUT", path: "/a-priv/other"}, {method: "DELETE", path: "/a-priv/other"}, {who: pair{w.full.id, "x"}, path: "/a-priv/other"}, {who: w.bFull, path: "/a-priv/other"}} {
				if got := send(f); got != 403 {
					t.Errorf("%s after a signed one on the same connection = %d, want 403", f.method, got)
				}
			}
		}
	})
}

// foreignTargets asks the console by the number of this machine, for which it answers
// with its own URL and what was asked for.
func foreignTargets(t *testing.T, w *world) {
	w.unchanged(t, func() {
		host := strings.TrimPrefix(strings.Replace(w.console, "localhost", "127.0.0.1", 1), "http://")
		for _, target := range []string{"http:@evil.example/", "http:.evil.example/", "http:1/", "HTTP:@evil.example/x", "//evil.example/", "http://" + host + "//evil.example/", "/\\evil.example", "http:\\evil.example"} {
			a := w.raw(t, w.console, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			to := a.header.Get("Location")
			// Of a path with two slashes a browser keeps the host, behind ours.
			if to != "" && !strings.HasPrefix(to, w.console+"/") && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
				t.Errorf("GET %s leads to %q, want the console", target, to)
			}
		}
	})
}
