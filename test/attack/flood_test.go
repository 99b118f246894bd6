package attack

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestConnectionsThatDoNothingKeepNobodyOut opens far more connections than there may
// be, some with the beginning of a request, and asks on new ones meanwhile.
func TestConnectionsThatDoNothingKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const most = 64
	w := newPlainWorld(t, "--max-connections", "64")
	open := descriptors(t, w.server.PID())
	w.unchanged(t, func() {
		for i := range 10 * most {
			conn := w.dial(t, []string{w.server.Endpoint, w.console}[i%2])
			defer conn.Close()
			if i%3 == 0 {
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: ") // it may be gone already
			}
			if i%most == 0 {
				// More than there may be at a time would come at once if one of the two
				// addresses were far behind: its answer says that it is not.
				w.exchangeWith(t, w.console, http.MethodGet, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").oneOf(t, "GET of the console", 303)
				w.forge(t, forged{who: w.full, path: "/a-priv/other"}).oneOf(t, "GET beside connections that do nothing", 200)
			}
		}
		if n := descriptors(t, w.server.PID()); n > open+most {
			t.Errorf("the server has %d files open, had %d, want at most %d more", n, open, most)
		}
	})
	if text := metricsOf(t, w); !strings.Contains(text, "coffer_connections_open ") || !strings.Contains(text, "coffer_connections_refused_total ") {
		t.Error("the metrics do not tell of connections")
	}
}

// flood is an HTTP/2 connection of which every frame is chosen.
type flood struct {
	net.Conn
	*http2.Framer
}

func (w *world) flood(t *testing.T) flood {
	t.Helper()
	u, err := url.Parse(w.server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	config := w.tls.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	f := flood{conn, http2.NewFramer(conn, conn)}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }() // or the server could not write on
	return f
}

// headers are those of a request for path, as they are on the wire.
func headers(path string, more ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	fields := append([]string{":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", path}, more...)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1], Sensitive: true}) // never from a table
	}
	return b.Bytes()
}

// TestFloodsOverHTTP2 sends what has cost servers of HTTP/2 memory or time without a
// bound (CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2023-45288).
func TestFloodsOverHTTP2(t *testing.T) {
	t.Parallel()
	const frames = 20_000
	w := newWorld(t)
	block := headers("/a-priv/other")
	long := headers("/a-priv/other", "x-long", strings.Repeat("x", 8<<10))
	for _, tt := range []struct {
		name string
		send func(f flood, i int) error
	}{
		{"requests that are taken back at once", func(f flood, i int) error {
			id := uint32(2*i + 1)
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true}); err != nil {
				return err
			}
			return f.WriteRSTStream(id, http2.ErrCodeCancel)
		}},
		{"requests without an end", func(f flood, i int) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block, EndHeaders: true})
		}},
		{"a header that goes on for ever", func(f flood, i int) error {
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: long})
			}
			return f.WriteContinuation(1, false, headers("/", "x-more", strings.Repeat("y", 1<<10)))
		}},
		{"pings", func(f flood, i int) error { return f.WritePing(false, [8]byte{byte(i)}) }},
		{"settings", func(f flood, i int) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
		}},
		{"empty data", func(f flood, i int) error {
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true})
			}
			return f.WriteData(1, false, nil)
		}},
		{"priorities", func(f flood, i int) error {
			return f.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: uint32(2*i + 3)})
		}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			w.unchanged(t, func() {
				w.flat(t, tt.name, memoryMax, func() {
					for range 4 {
						f := w.flood(t)
						defer f.Close()
						for i := range frames {
							if tt.send(f, i) != nil {
								break // the server has had enough
							}
						}
						w.s3(t, w.bFull, "GET", "/b-priv/secret", "").oneOf(t, "GET beside the flood", 200)
					}
				})
			})
		})
	}
	w.errors.take()
	if w.server.PID() != w.pid {
		t.Error("the server has restarted")
	}
}
