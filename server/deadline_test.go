package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// pacedConn is a connection whose client delivers by the test's clock.
type pacedConn struct {
	httptest.ResponseRecorder
	now           time.Time
	read, write   time.Time // the deadlines in force
	readSet       int
	took          time.Duration // how long the client takes over each Read or Write
	size          int           // what each Read gives
	left          int           // of the body
	largest, sent int           // of the writes
}

func (c *pacedConn) clock() time.Time                   { return c.now }
func (c *pacedConn) SetReadDeadline(t time.Time) error  { c.read = t; c.readSet++; return nil }
func (c *pacedConn) SetWriteDeadline(t time.Time) error { c.write = t; return nil }
func (c *pacedConn) Close() error                       { return nil }
func (c *pacedConn) past(d time.Time) bool              { return !d.IsZero() && c.now.After(d) }
func (c *pacedConn) handler(h http.HandlerFunc) deadlines {
	return deadlines{h, c.clock, new(sync.WaitGroup)}
}

func (c *pacedConn) Read(p []byte) (int, error) {
	c.now = c.now.Add(c.took)
	if c.past(c.read) {
		return 0, os.ErrDeadlineExceeded
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.size, c.left)
	c.left -= n
	return n, nil
}

func (c *pacedConn) Write(p []byte) (int, error) {
	c.now = c.now.Add(c.took)
	if c.past(c.write) {
		return 0, os.ErrDeadlineExceeded
	}
	c.largest = max(c.largest, len(p))
	c.sent += len(p)
	return len(p), nil
}

func newPacedConn() *pacedConn {
	return &pacedConn{now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
}

func TestBodiesThatMakeProgressAreRead(t *testing.T) {
	tests := []struct {
		name string
		size int
		took time.Duration
		body int
		busy time.Duration // the handler's own time between reads
		want error
	}{
		{"FastClient", 32 << 10, time.Millisecond, 10 << 20, 0, nil},
		{"SlowButSteadyClientForHours", 4 << 10, 50 * time.Second, 4 << 20, 0, nil},
		{"SmallReadsAddUp", 1 << 10, 14 * time.Second, 1 << 20, 0, nil},
		{"OneByteASecondIsCut", 1, time.Second, 1 << 20, 0, os.ErrDeadlineExceeded},
		{"SilenceIsCut", 1 << 20, 2 * time.Minute, 1 << 20, 0, os.ErrDeadlineExceeded},
		{"TheHandlersOwnTimeIsNotTheClients", 1 << 10, time.Second, 64 << 10, 10 * time.Minute, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newPacedConn()
			c.size, c.took, c.left = tt.size, tt.took, tt.body
			var n int64
			var err error
			h := c.handler(func(_ http.ResponseWriter, r *http.Request) {
				p := make([]byte, 64<<10)
				for {
					var m int
					m, err = r.Body.Read(p)
					n += int64(m)
					if err != nil {
						return
					}
					c.now = c.now.Add(tt.busy)
				}
			})
			h.ServeHTTP(c, httptest.NewRequest("PUT", "/", c))
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if !errors.Is(err, tt.want) || err == nil && n != int64(tt.body) {
				t.Errorf("reading the body = %d bytes, %v, want %d bytes, %v", n, err, tt.body, tt.want)
			}
			if err == nil && !c.read.IsZero() {
				t.Errorf("after the body's end the read deadline is %v, want none: net/http reads on to see the client go", c.read)
			}
		})
	}
}

func TestUnreadBodyIsDiscardedForAShortTimeOnly(t *testing.T) {
	c := newPacedConn()
	c.left = 1 << 20
	// net/http reads some of it; a client that waits for 100 Continue has sent none.
	r := httptest.NewRequest("PUT", "/", c)
	r.Header.Set("Expect", "100-continue")
	c.handler(func(http.ResponseWriter, *http.Request) {}).ServeHTTP(c, r)
	if want := c.now.Add(discardPatience); !c.read.Equal(want) {
		t.Errorf("after a handler that did not read, the read deadline is %v, want %v", c.read, want)
	}
}

func TestRequestsWithoutBodyHaveNoReadDeadline(t *testing.T) {
	c := newPacedConn()
	c.handler(func(http.ResponseWriter, *http.Request) {}).ServeHTTP(c, httptest.NewRequest("GET", "/", nil))
	if c.readSet != 0 {
		t.Errorf("SetReadDeadline was called %d times, want 0", c.readSet)
	}
	if want := c.now.Add(patience); !c.write.Equal(want) {
		t.Errorf("the write deadline is %v, want %v", c.write, want)
	}
}

func TestAnswersGoOutInPiecesWithADeadlineEach(t *testing.T) {
	for _, tt := range []struct {
		name string
		took time.Duration
		want error
	}{
		{"SlowReaderGetsAll", 50 * time.Second, nil},
		{"StalledReaderIsCut", 61 * time.Second, os.ErrDeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newPacedConn()
			c.took = tt.took
			const size = 3<<20 + 1
			var n int
			var err error
			c.handler(func(w http.ResponseWriter, _ *http.Request) { n, err = w.Write(make([]byte, size)) }).
				ServeHTTP(c, httptest.NewRequest("GET", "/", nil))
			if !errors.Is(err, tt.want) || n != c.sent || err == nil && n != size {
				t.Errorf("Write(%d bytes) = %d, %v with %d sent, want error %v", size, n, err, c.sent, tt.want)
			}
			if c.largest > writeChunk {
				t.Errorf("the largest write is %d bytes, want at most %d", c.largest, writeChunk)
			}
		})
	}
}

// The clock of this server is behind by almost all of the patience, so that a
// real connection runs out of it within moments.
func TestRealConnectionOfSilentClientIsCut(t *testing.T) {
	inFlight := new(sync.WaitGroup)
	result := make(chan error, 1)
	behind := func() time.Time { return time.Now().Add(100*time.Millisecond - patience) }
	srv := httptest.NewServer(deadlines{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		result <- err
	}), behind, inFlight})
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading the body of a silent client = %v, want %v", err, os.ErrDeadlineExceeded)
	}
	inFlight.Wait()
}

// A connection is used again after a request with a body: no deadline of the
// first may cut the second.
func TestConnectionsAreKeptAfterABody(t *testing.T) {
	srv := httptest.NewServer(deadlines{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Context().Err() != nil {
			t.Errorf("body = %v, context = %v", err, r.Context().Err())
		}
		_, _ = w.Write(b)
	}), time.Now, new(sync.WaitGroup)})
	defer srv.Close()
	for range 3 {
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || string(b) != "hello" {
			t.Errorf("answer = %q, %v, want \"hello\"", b, err)
		}
		resp.Body.Close()
	}
}

// A client that sends all before it reads still learns why it was refused,
// although the body was not wanted.
func TestARefusalReachesAClientThatIsStillSending(t *testing.T) {
	srv := httptest.NewServer(deadlines{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1<<20))
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusInsufficientStorage)
		_, _ = io.WriteString(w, "no")
	}), time.Now, new(sync.WaitGroup)})
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 48 << 20
	if _, err := fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Write(make([]byte, size)); err != nil {
		t.Fatalf("sending %d bytes = %d, %v, want all taken", size, n, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusInsufficientStorage {
		t.Errorf("the answer is %v, %v, want 507", resp, err)
	}
}
