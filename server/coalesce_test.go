package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestAnswersOfAllSizesArriveWhole has answers whose heads and bodies end before,
// at and after the end of net/http's buffer, one after another on one connection:
// one that was held back for ever would stop it.
func TestAnswersOfAllSizesArriveWhole(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	size := new(atomic.Int64)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Repeat([]byte("x"), int(size.Load()))
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		_, _ = w.Write(body[:len(body)/2])
		_, _ = w.Write(body[len(body)/2:])
	})}
	go func() { _ = srv.Serve(coalescing{l}) }()
	t.Cleanup(func() { _ = srv.Close() })
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		for n := int64(0); n < 3*responseBuffer; n += 1 + n/responseBuffer*211 {
			if n > 10 && n < responseBuffer-400 {
				n = responseBuffer - 400
			}
			size.Store(n)
			req, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String(), bytes.NewReader([]byte("body")))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%s of %d bytes: %v", method, n, err)
			}
			got, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || int64(len(got)) != n {
				t.Fatalf("%s of %d bytes = %d bytes, %v", method, n, len(got), err)
			}
		}
	}
}

func TestAFullBufferGoesOutWithWhatFollows(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := &coalescingConn{Conn: accepted}
	full, rest := bytes.Repeat([]byte("a"), responseBuffer), []byte("bc")
	read := func(n int) string {
		t.Helper()
		p := make([]byte, n)
		if _, err := io.ReadFull(client, p); err != nil {
			t.Fatal(err)
		}
		return string(p)
	}
	if n, err := c.Write(full); n != len(full) || err != nil || len(c.held) != len(full) {
		t.Errorf("Write of a full buffer = %d, %v with %d bytes held, want all", n, err, len(c.held))
	}
	if n, err := c.Write(rest); n != len(rest) || err != nil {
		t.Errorf("Write of the rest = %d, %v", n, err)
	}
	if got := read(responseBuffer + 2); got != string(full)+"bc" {
		t.Errorf("the client read %d bytes that end in %q", len(got), got[responseBuffer:])
	}
	if _, err := c.Write(full); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = client.Write([]byte("next")) }()
	if n, err := c.Read(make([]byte, 4)); n != 4 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	read(responseBuffer) // it went out before the Read waited
	if _, err := c.Write(full); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	read(responseBuffer)
	if _, err := c.Write(rest); err == nil {
		t.Error("Write after Close = nil")
	}
}

// TestAReaderDoesNotWaitForTheWriter has a client that sends before it reads: net/http
// reads while an answer is written.
func TestAReaderDoesNotWaitForTheWriter(t *testing.T) {
	client, accepted := net.Pipe() // a Write waits until it is read
	defer client.Close()
	c := &coalescingConn{Conn: accepted}
	defer c.Close()
	if _, err := c.Write(make([]byte, responseBuffer)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = c.Write([]byte("the rest")) }()
	for c.mu.TryLock() { // until the Write is under way
		c.mu.Unlock()
		runtime.Gosched()
	}
	go func() { _, _ = client.Write([]byte("x")) }()
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read beside a Write = %d, %v, want the byte that was sent", n, err)
	}
}

// TestCloseEndsAWriteThatIsUnderWay has a client that reads nothing: to stop must not
// wait for it.
func TestCloseEndsAWriteThatIsUnderWay(t *testing.T) {
	client, accepted := net.Pipe() // a Write waits until it is read
	defer client.Close()
	c := &coalescingConn{Conn: accepted}
	ended := make(chan error)
	go func() {
		_, err := c.Write([]byte("never read"))
		ended <- err
	}()
	for c.mu.TryLock() { // until the Write is under way
		c.mu.Unlock()
		runtime.Gosched()
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the Write that Close ended = nil")
	}
}
