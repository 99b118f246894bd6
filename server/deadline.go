package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The patience with a body, in either direction. A whole-request deadline would
// cut large objects on slow lines, and none would let a client hold a connection
// with a byte a minute.
const (
	// patience is how long a client may take over progressBytes.
	patience = 60 * time.Second
	// progressBytes is how much of a request's body renews the patience.
	progressBytes = 4 << 10
	// writeChunk is how much of an answer goes out under one deadline.
	writeChunk = 256 << 10
	// discardPatience bounds the reading of what a handler left unread.
	discardPatience = 5 * time.Second
	// discardMax bounds it in bytes.
	discardMax = 64 << 20
	// deadlineSlack saves moving a deadline that is this close to right.
	deadlineSlack = time.Second
)

// deadlines cuts the connection of a client whose body, sent or received, makes
// no progress, and counts the requests under way in inFlight.
type deadlines struct {
	next     http.Handler
	now      func() time.Time
	inFlight *sync.WaitGroup
}

func (d deadlines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.inFlight.Add(1)
	defer d.inFlight.Done()
	rc := http.NewResponseController(w)
	writer := &pacedWriter{ResponseWriter: w, rc: rc, now: d.now}
	writer.extend()
	// What is left in the server's buffer goes out after the handler, so the
	// write deadline stays; the next request on the connection sets its own.
	defer writer.extend()
	var body *pacedBody
	if r.Body != nil && r.Body != http.NoBody {
		body = &pacedBody{ReadCloser: r.Body, rc: rc, now: d.now, left: patience,
			sent: r.ProtoMajor == 1 && !strings.EqualFold(r.Header.Get("Expect"), "100-continue")}
		r2 := *r
		r2.Body = body
		r = &r2
	}
	d.next.ServeHTTP(writer, r)
	if body != nil { // not when the handler panicked: what it wrote is to be cut, not sent
		body.finish()
	}
}

// pacedBody is a request's body whose client must keep sending. Only the time
// spent waiting for the client counts, not what the handler does in between.
type pacedBody struct {
	io.ReadCloser
	rc   *http.ResponseController
	now  func() time.Time
	left time.Duration // patience left for the next progressBytes
	got  int           // bytes since the patience was renewed
	set  time.Time     // the deadline in force
	sent bool          // the client sends without being asked for more
	done bool
}

func (b *pacedBody) Read(p []byte) (int, error) {
	start := b.now()
	b.sent = true
	if want := start.Add(b.left); b.set.Before(want.Add(-deadlineSlack)) || b.set.After(want) {
		b.set = want
		// A connection without deadlines (a test's recorder) has no client to wait for.
		_ = b.rc.SetReadDeadline(want)
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= b.now().Sub(start)
	if b.got += n; b.got >= progressBytes {
		b.got, b.left = 0, patience
	}
	if errors.Is(err, io.EOF) {
		// The server reads ahead from here on to learn that the client has
		// gone; an old deadline would look like that.
		b.done = true
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}

// finish reads what the handler left, within bounds. A connection that is closed
// over bytes on their way is reset, and many a client then never reads the answer
// that says why it was refused. A client that waits for 100 Continue sends nothing.
func (b *pacedBody) finish() {
	if b.done {
		return
	}
	_ = b.rc.SetReadDeadline(b.now().Add(discardPatience))
	if b.sent && b.rc.Flush() == nil {
		_, _ = io.CopyN(io.Discard, b.ReadCloser, discardMax)
	}
}

// pacedWriter is an answer whose client must keep reading.
type pacedWriter struct {
	http.ResponseWriter
	rc  *http.ResponseController
	now func() time.Time
	set time.Time // the deadline in force
}

// Unwrap lets http.ResponseController find the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(p []byte) (int, error) {
	var written int
	for {
		chunk := p[written:min(len(p), written+writeChunk)]
		w.extend()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

func (w *pacedWriter) extend() {
	if want := w.now().Add(patience); w.set.Before(want.Add(-deadlineSlack)) {
		w.set = want
		_ = w.rc.SetWriteDeadline(want)
	}
}
