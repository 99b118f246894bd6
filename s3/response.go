package s3

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"coffer"
	"coffer/sigv4"
)

// response counts what an answer comes to.
type response struct {
	http.ResponseWriter
	status int
	sent   int64
	broken error   // why the client did not get all of it
	held   *lease  // the memory that is held for it
	memory *memory // of which that is a part
}

// awaitChunk is how much of a document goes out before it counts as read: a client
// that takes less is none that reads.
const awaitChunk = 64 << 10

// await writes a piece of a document, for which memory is held. A client that reads
// slowly is cut off while others wait for memory.
func (w *response) await(p []byte) (written int, err error) {
	if w.held == nil || len(p) <= smallDocument {
		return w.Write(p)
	}
	reader, done := w.held.awaits(w.memory, func() { _ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(longAgo) })
	defer done()
	for written < len(p) && err == nil {
		var n int
		n, err = w.Write(p[written:min(len(p), written+awaitChunk)])
		written += n
		reader.moved.Store(int64(written))
	}
	return written, err
}

func (w *response) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

// begin notes the first status, when the head of the answer goes out.
func (w *response) begin(status int) {
	if w.status == 0 {
		w.status = status
		nameAsAWS(w.Header())
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	if err != nil {
		w.broken = err
	}
	return n, err
}

// ReadFrom keeps the way to sendfile open.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	n, err := io.Copy(w.ResponseWriter, r)
	w.sent += n
	if err != nil {
		w.broken = err
	}
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish counts and logs a request that was answered, or cut. The log has the
// path and never the query, which may bear a signature.
func (q *request) finish() {
	if q.w.status == 0 {
		q.w.WriteHeader(http.StatusOK)
	}
	name := q.op.name
	if name == "" {
		name = "Unknown"
	}
	took := q.Now().Sub(q.start)
	if q.Metrics != nil {
		q.Metrics.Done(name, q.w.status, took, max(0, q.r.ContentLength), q.w.sent)
	}
	q.logAccess(took)
	q.count()
	level := slog.LevelInfo
	if q.serverFailed() {
		level = slog.LevelError
	}
	if !q.Logger.Enabled(q.ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 13)
	attrs = append(attrs,
		slog.String("request_id", q.id), slog.String("api", name), slog.String("method", q.r.Method),
		slog.String("path", q.r.URL.EscapedPath()), slog.Int("status", q.w.status), slog.Int64("sent", q.w.sent),
		slog.Duration("took", took), slog.String("remote", q.r.RemoteAddr), slog.String("user_agent", q.r.UserAgent()))
	if q.actor.AccessKeyID != "" {
		// Two credentials have one ID while a rotation keeps it.
		attrs = append(attrs, slog.String("access_key_id", string(q.actor.AccessKeyID)), slog.Int("generation", q.actor.Generation))
	} else if q.claimed != "" {
		attrs = append(attrs, slog.String("claimed_access_key_id", string(q.claimed)))
	}
	if q.failure != nil {
		attrs = append(attrs, slog.String("code", translate(q.failure).code), slog.String("error", logText(q.failure)))
	}
	q.Logger.LogAttrs(q.ctx, level, coffer.RequestLine, attrs...)
}

// count tells Served of the request. One without a key counts for the account of the
// bucket if it was allowed: whoever is refused makes nobody's numbers grow.
func (q *request) count() {
	if q.Served == nil {
		return
	}
	account := q.actor.Account
	if account == "" && q.bucket != "" && q.w.status < http.StatusBadRequest {
		var err error
		if account, err = q.Objects.AccountOf(context.WithoutCancel(q.ctx), q.bucket); err != nil {
			q.Logger.Error("count requests", "request_id", q.id, "error", err)
		}
	}
	if account != "" {
		q.Served(account, q.w.sent)
	}
}

// serverFailed tells whether a request failed for a reason that is the operator's
// to look into: not because of what the client asked for, or because it went away.
func (q *request) serverFailed() bool {
	switch {
	case q.failure == nil, q.w.broken != nil, q.r.Context().Err() != nil:
		return false
	}
	a := translate(q.failure)
	return a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented
}

// logText is an error for the log: of a refused signature the code and the
// message, never the signature or what was signed.
func logText(err error) string {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Code + ": " + e.Message
	}
	if e, ok := errors.AsType[*coffer.Error](err); ok && e.Message == "" {
		text := translate(e).message
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		return text
	}
	return err.Error()
}
