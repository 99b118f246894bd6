package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// remoteConn is a connection that says where it is from.
type remoteConn struct {
	net.Conn
	from   string
	closed bool
}

func (c *remoteConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}
func (c *remoteConn) Close() error { c.closed = true; return nil }

func newTestConnections(most, each int64) (*connections, *bytes.Buffer) {
	log := &bytes.Buffer{}
	cfg := NewConfig()
	cfg.MaxConnections, cfg.MaxConnectionsPerAddress = most, each
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cfg.Logger, cfg.Now = slog.New(slog.NewTextHandler(log, nil)), time.Now
	return newConnections(&cfg, 0), log
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name, from, next string
		want             bool // that next is let in after two of from
	}{
		{"SameAddress", "192.0.2.1:1000", "192.0.2.1:2000", false},
		{"AnotherAddress", "192.0.2.1:1000", "192.0.2.2:1000", true},
		{"SameNetworkOfIPv6", "[2001:db8::1]:1000", "[2001:db8::2]:1000", false},
		{"AnotherNetworkOfIPv6", "[2001:db8::1]:1000", "[2001:db8:0:1::1]:1000", true},
		{"MappedAddress", "192.0.2.1:1000", "[::ffff:192.0.2.1]:1000", false},
		{"ThisMachine", "127.0.0.1:1000", "127.0.0.1:2000", true},
		{"TrustedProxy", "10.1.2.3:1000", "10.1.2.3:2000", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, log := newTestConnections(100, 2)
			first := c.admit(&remoteConn{from: tt.from})
			if first == nil || c.admit(&remoteConn{from: tt.from}) == nil {
				t.Fatal("one of the first two connections was refused")
			}
			if got := c.admit(&remoteConn{from: tt.next}) != nil; got != tt.want {
				t.Errorf("a third connection let in = %t, want %t", got, tt.want)
			}
			if said := strings.Contains(log.String(), "limit=address"); said == tt.want {
				t.Errorf("the log is %q, want a refusal in it: %t", log, !tt.want)
			}
			_ = first.Close()
			_ = first.Close()
			if c.admit(&remoteConn{from: tt.next}) == nil {
				t.Error("a connection after one was closed was refused")
			}
		})
	}
}

func TestWhoWaitsLongestMakesRoom(t *testing.T) {
	c, _ := newTestConnections(3, 0)
	conns := make([]*remoteConn, 5)
	admitted := make([]*connection, 5)
	for i := range conns {
		conns[i] = &remoteConn{from: fmt.Sprintf("192.0.2.%d:1000", i)}
	}
	for i := range 3 {
		admitted[i] = c.admit(conns[i])
	}
	if !c.begin(admitted[0]) {
		t.Fatal("a request was refused")
	}
	admitted[3] = c.admit(conns[3])
	if conns[0].closed || !conns[1].closed || conns[2].closed || admitted[3] == nil {
		t.Errorf("closed are %t %t %t, want that of the three the second was, which waits longest", conns[0].closed, conns[1].closed, conns[2].closed)
	}
	c.end(admitted[0])
	_ = c.begin(admitted[2])
	_ = c.begin(admitted[3])
	if admitted[4] = c.admit(conns[4]); admitted[4] == nil || !conns[0].closed {
		t.Error("the connection whose request has ended did not make room")
	}
	_ = c.begin(admitted[4])
	if c.admit(&remoteConn{from: "192.0.2.9:1"}) != nil {
		t.Error("a connection was let in where all have requests, want it refused")
	}
	if open, refused := c.count(); open != 3 || refused != 1 {
		t.Errorf("count = %d, %d, want 3 open and 1 refused", open, refused)
	}
	for _, n := range admitted[2:] {
		c.end(n)
		_ = n.Close()
	}
	if open, _ := c.count(); open != 0 || c.idle.Len() != 0 || len(c.by) != 0 {
		t.Errorf("%d open, %d idle and %d addresses after all were closed, want none", open, c.idle.Len(), len(c.by))
	}
}

// TestRequestsAreBoundedAsConnectionsAre: over HTTP/2 one connection has many.
func TestRequestsAreBoundedAsConnectionsAre(t *testing.T) {
	c, _ := newTestConnections(2, 0)
	n := c.admit(&remoteConn{from: "192.0.2.1:1000"})
	var inner func()
	handler := c.handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner() }))
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(c.context(t.Context(), n)))
		return w
	}
	depth, last := 0, 0
	inner = func() {
		if depth++; depth < 5 {
			last = ask().Code
		}
	}
	if code := ask().Code; code != 200 || depth != 2 {
		t.Errorf("requests inside of each other: %d, %d deep, want 200 and 2, as many as there may be", code, depth)
	}
	if last != 200 {
		t.Errorf("the second request = %d, want 200", last)
	}
	if c.requests != 0 {
		t.Errorf("%d requests after all have ended, want none", c.requests)
	}
}

// TestConnectionsAreCountedOverTheWire opens more connections than there may be, which
// do nothing, and asks on new ones.
func TestConnectionsAreCountedOverTheWire(t *testing.T) {
	c, _ := newTestConnections(4, 0)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ConnContext: c.context, ReadHeaderTimeout: time.Minute,
		Handler: c.handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))}
	go func() { _ = srv.Serve(c.listener(coalescing{l})) }()
	defer srv.Close()
	for range 20 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	for range 10 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("GET beside connections that do nothing: %v", err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "here" {
			t.Errorf("GET = %s %q, want what is there", resp.Status, b)
		}
		if open, _ := c.count(); open > 4 {
			t.Errorf("%d connections are open, want at most 4", open)
		}
	}
}

func TestConnectionsFor(t *testing.T) {
	for _, tt := range []struct {
		memory int64
		files  uint64
		want   int64
	}{{0, 1 << 20, 16_384}, {64 << 20, 1 << 20, 512}, {2 << 30, 1 << 20, 2048}, {64 << 30, 1 << 20, 16_384}, {64 << 30, 1024, 512}, {0, 8, 16}} {
		if got := connectionsFor(tt.memory, tt.files); got != tt.want {
			t.Errorf("connectionsFor(%d, %d) = %d, want %d", tt.memory, tt.files, got, tt.want)
		}
	}
}

func TestTheMetadataIsKeptInAShareOfTheMemory(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct{ wanted, memory, want int64 }{
		{MetadataCacheAuto, 0, 64 * mib}, {MetadataCacheAuto, 24 << 30, 64 * mib}, {MetadataCacheAuto, 256 * mib, 32 * mib},
		{MetadataCacheAuto, 16 * mib, 8 * mib}, {100 * mib, 400 * mib, 100 * mib}, {1 << 40, 0, 1 << 40}, {100*mib + 4, 400 * mib, 0},
	} {
		got, err := metadataCache(tt.wanted, tt.memory)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("metadataCache(%d, %d) = %d, %v, want %d", tt.wanted, tt.memory, got, err, tt.want)
		}
	}
}

func TestMemoryOfTheControlGroup(t *testing.T) {
	const v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
	for _, tt := range []struct {
		name   string
		groups string
		files  map[string]string
		want   int64
	}{
		{"NoGroups", "", nil, 0},
		{"NoLimit", "0::/a\n", map[string]string{v2 + "/a/memory.max": "max\n"}, 0},
		{"Own", "0::/a\n", map[string]string{v2 + "/a/memory.max": "1000\n"}, 1000},
		{"OfTheGroupAbove", "0::/a/b\n", map[string]string{v2 + "/a/b/memory.max": "max\n", v2 + "/a/memory.max": "500\n"}, 500},
		{"TheLeast", "0::/a/b\n", map[string]string{v2 + "/a/b/memory.max": "300\n", v2 + "/a/memory.max": "500\n"}, 300},
		{"InAContainer", "0::/\n", map[string]string{v2 + "/memory.max": "700\n"}, 700},
		{"ContainerThatNamesThePathOutside", "0::/docker/x\n", map[string]string{v2 + "/memory.max": "700\n"}, 700},
		{"Version1", "4:memory:/a\n0::/\n", map[string]string{v1 + "/a/memory.limit_in_bytes": "900\n"}, 900},
		{"Version1WithOthers", "4:cpu,memory:/a\n", map[string]string{v1 + "/a/memory.limit_in_bytes": "900\n"}, 900},
		{"Version1WithoutLimit", "4:memory:/\n", map[string]string{v1 + "/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{"OtherController", "4:pids:/a\n", map[string]string{v2 + "/a/memory.max": "1000\n"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := groupMemory(func(name string) string {
				if name == "/proc/self/cgroup" {
					return tt.groups
				}
				return tt.files[name]
			})
			if got != tt.want {
				t.Errorf("groupMemory = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestMemoryOfTheMachine(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "MemFree: 7 kB\nMemTotal:       2048 kB\n": 2 << 20, "MemTotal: many kB\n": 0} {
		if got := machineMemory(func(string) string { return text }); got != want {
			t.Errorf("machineMemory of %q = %d, want %d", text, got, want)
		}
	}
}
