package crash_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/sys/unix"

	"coffer/test/harness"
)

// limit gives a running server a limit of the kernel, and returns what lifts it.
func limit(t *testing.T, s *harness.Server, resource int, n uint64) (lift func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Prlimit(s.PID(), resource, nil, &was); err != nil {
		t.Fatalf("read the limit: %v", err)
	}
	if err := unix.Prlimit(s.PID(), resource, &unix.Rlimit{Cur: n, Max: was.Max}, nil); err != nil {
		t.Fatalf("set the limit: %v", err)
	}
	return func() {
		if err := unix.Prlimit(s.PID(), resource, &was, nil); err != nil {
			t.Errorf("lift the limit: %v", err)
		}
	}
}

// TestFileTooLargeIsARefusal: where no file may be larger, an object that needs a
// larger one is refused, and nothing else is.
func TestFileTooLargeIsARefusal(t *testing.T) {
	newSeed(t)
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "limits")
	makeBucket(t, c)
	want := map[string]version{"before": mustPut(t, c, "before", content("before", 1<<20)), "large": mustPut(t, c, "large", content("large", 100<<10))}
	pid := s.PID()
	lift := limit(t, s, unix.RLIMIT_FSIZE, 8<<20)
	r, err := c.do(request{method: http.MethodPut, key: "large", header: map[string]string{"Expect": "100-continue"}, body: content("too large", 20<<20)})
	if err == nil && r.status < 500 {
		t.Errorf("PUT of a larger file than may be = %s, want a 5xx", r)
	}
	want["after"] = mustPut(t, c, "after", content("after", 1<<20))
	for _, wrong := range expect(c, want) {
		t.Errorf("where no file may be larger: %s", wrong)
	}
	lift()
	want["large"] = mustPut(t, c, "large", content("large again", 20<<20))
	if s.PID() != pid {
		t.Errorf("the server has pid %d, and had %d: it ended meanwhile", s.PID(), pid)
	}
	s.Kill()
	s.Restart()
	for _, wrong := range expect(newClient(s, "limits"), want) {
		t.Errorf("after a start: %s", wrong)
	}
}

// TestNoMoreDescriptorsIsARefusal takes all descriptors of the server by idle
// connections while requests go on: they fail or they work, and what was
// acknowledged is there; when the connections are gone all is well.
func TestNoMoreDescriptorsIsARefusal(t *testing.T) {
	newSeed(t)
	s := harness.Start(t, harness.Options{})
	c := newClient(s, "limits")
	makeBucket(t, c)
	want := map[string]version{"before": mustPut(t, c, "before", content("before", 1<<20))}
	lift := limit(t, s, unix.RLIMIT_NOFILE, 64)
	endpoint, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var idle []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", endpoint.Host)
		if err != nil {
			break
		}
		idle = append(idle, conn)
	}
	failed := 0
	for i := range 30 {
		// On the connection that is there since before.
		key := fmt.Sprintf("during-%d", i)
		body := content(key, int64(100+i%3*100<<10))
		v := newVersion("op-"+key, "application/x-test", body)
		r, err := c.do(request{method: http.MethodPut, key: key, header: v.headers(), body: body})
		switch {
		case err == nil && r.status == http.StatusOK:
			want[key] = v
		case err == nil && r.status < 500:
			t.Errorf("PUT %s without descriptors = %s, want 200 or a 5xx", key, r)
		default:
			failed++
		}
		if _, bad := err.(net.Error); bad {
			break // the connection is gone, and there is no other
		}
		if r, err := c.do(request{method: http.MethodGet, key: "before"}); err == nil && r.status < 500 {
			if got, err := seen(r); err != nil || !got.same(want["before"]) {
				t.Errorf("GET without descriptors = %v, %v, want the object or a 5xx", r, err)
			}
		}
	}
	t.Logf("%d of %d writes were acknowledged, %d failed", len(want)-1, 30, failed)
	if failed == 0 {
		t.Error("every write worked: the descriptors were not used up")
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	select {
	case <-s.Exited():
		// The log may need a descriptor, and a server without its log ends.
		s.Restart()
	default:
		lift()
	}
	c = newClient(s, "limits")
	eventually(t, hangLimit, "well after the descriptors are back", func() bool { return len(expect(c, want)) == 0 })
	want["after"] = mustPut(t, c, "after", content("after", 1<<20))
	s.Kill()
	s.Restart()
	for _, wrong := range expect(newClient(s, "limits"), want) {
		t.Errorf("after a start: %s", wrong)
	}
}
