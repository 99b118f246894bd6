package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestConn speaks to net/http's server: bodies of every framing, and what stays
// readable on the same connection after each.
func TestConn(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 20*kib) // over what is discarded in the kernel
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("ETag", `"e"`)
			_, _ = w.Write(b)
		case "/chunked":
			for range 3 {
				_, _ = w.Write([]byte("part"))
				w.(http.Flusher).Flush()
			}
		case "/large":
			_, _ = w.Write(large)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/close":
			w.Header().Set("Connection", "close")
		default:
			http.Error(w, "<Code>NoSuchKey</Code>", http.StatusNotFound)
		}
	}))
	defer s.Close()
	c := conn{addr: strings.TrimPrefix(s.URL, "http://")}
	defer c.close()
	tests := []struct {
		name   string
		r      request
		status int
		size   int64
		body   string
	}{
		{"SmallBodyComesBack", request{method: "PUT", target: "/echo", body: []byte("hello"), keep: true}, 200, 5, "hello"},
		{"LargeBodyIsCounted", request{method: "PUT", target: "/echo", body: large}, 200, int64(len(large)), ""},
		{"LargeAnswerIsCounted", request{method: "GET", target: "/large"}, 200, int64(len(large)), ""},
		{"ChunksAreJoined", request{method: "GET", target: "/chunked", keep: true}, 200, 12, "partpartpart"},
		{"ChunksAreCounted", request{method: "GET", target: "/chunked"}, 200, 12, ""},
		{"HeadHasNoBody", request{method: "HEAD", target: "/large"}, 200, 0, ""},
		{"NoContent", request{method: "GET", target: "/none"}, 204, 0, ""},
		{"ConnectionThatTheServerCloses", request{method: "GET", target: "/close"}, 200, 0, ""},
		{"ErrorsAreKeptUnasked", request{method: "GET", target: "/missing"}, 404, 23, "<Code>NoSuchKey</Code>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := c.do(tt.r)
			if err != nil || a.status != tt.status || a.size != tt.size || string(a.body) != tt.body {
				t.Errorf("do(%s %s) = %d, %d bytes, %q, %v; want %d, %d bytes, %q", tt.r.method, tt.r.target, a.status, a.size, a.body, err, tt.status, tt.size, tt.body)
			}
		})
	}
	s.CloseClientConnections()
	if a, err := c.do(request{method: "GET", target: "/none"}); err != nil || a.status != 204 {
		t.Errorf("do on a connection that the server closed = %d, %v; want it made again", a.status, err)
	}
}

func TestConnRefusesWhatIsNoHTTP(t *testing.T) {
	tests := []struct{ name, text string }{
		{"NoStatusLine", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
		{"StatusThatIsNoNumber", "HTTP/1.1 abc\r\n\r\n"},
		{"LengthThatIsNoNumber", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
		{"NoLength", "HTTP/1.1 200 OK\r\n\r\n"},
		{"BodyCutShort", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"},
		{"HeadWithoutEnd", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", headLinesMax+1)},
		{"Nothing", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				peer, err := l.Accept()
				if err != nil {
					return
				}
				defer peer.Close()
				_, _ = peer.Read(make([]byte, kib))
				_, _ = io.WriteString(peer, tt.text)
			}()
			c := conn{addr: l.Addr().String()}
			defer c.close()
			if a, err := c.do(request{method: "GET", target: "/"}); err == nil {
				t.Errorf("do with the answer %q = %+v, want an error", tt.text, a)
			}
		})
	}
}

func TestGroupCommitWritesForEveryWriter(t *testing.T) {
	got, err := groupCommit(t.Context(), t.TempDir()+"/log", 4, 20*time.Millisecond)
	if err != nil || got.Ops < 4 {
		t.Errorf("groupCommit(4 writers) = %d commits, %v; want at least one of each", got.Ops, err)
	}
}
