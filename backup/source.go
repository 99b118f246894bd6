package backup

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coffer/blob"
	"coffer/meta"
)

// Header is what a snapshot begins with: one line of JSON.
type Header struct {
	// Hold names the snapshot, for the requests for its blobs.
	Hold       string    `json:"hold"`
	Time       time.Time `json:"time"`
	Coffer     string    `json:"coffer"`
	DataFormat int64     `json:"data_format"`
	Disks      []Disk    `json:"disks"`
	MasterKey  string    `json:"master_key"` // its ID
}

// Source hands out snapshots of a store that is in use, for the operator's socket
// only: whoever reaches it may read everything. One snapshot is handed out at a
// time. It lives as long as the request for it, so that a backup that is killed
// holds nothing, and no longer than its lease, which the client renews, so that one
// that is suspended does not hold the server's garbage without end.
type Source struct {
	Meta  meta.Store
	Blobs blob.Store
	// Collect deletes what is garbage; Hold keeps all blobs until its release.
	Collect func(context.Context) error
	Hold    func() (release func())
	// Header returns all but Hold and Time.
	Header func() (Header, error)
	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger

	mu      sync.Mutex // guards what follows
	held    string     // the snapshot that is out, "" if there is none
	running context.Context
	lease   *time.Timer   // ends it
	lapsed  string        // the last one that its lease ended
	cancel  func()        // ends it
	ended   chan struct{} // closed when it has ended
	stopped bool
}

// The paths of a Source, and the header and the trailer of a blob.
const (
	snapshotPath = "/backup/snapshot"
	blobPath     = "/backup/blobs/"
	leasePath    = "/backup/leases/"
	sizeHeader   = "Coffer-Blob-Size"
	errorTrailer = "Coffer-Blob-Error"
)

// Handler serves the snapshots.
func (s *Source) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+snapshotPath, s.serveSnapshot)
	mux.HandleFunc("GET "+blobPath+"{ref}", s.serveBlob)
	mux.HandleFunc("GET "+leasePath+"{hold}", s.serveLease)
	return mux
}

// Stop ends the snapshot that is out and lets none begin.
func (s *Source) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.cancel != nil {
		s.cancel()
	}
}

// handover is how long a request waits for the snapshot before it, whose client may
// have gone a moment ago.
const handover = 2 * time.Second

// begin registers a snapshot, whose context it returns.
func (s *Source) begin(ctx context.Context, hold string) (context.Context, func(), error) {
	timeout := time.NewTimer(handover)
	defer timeout.Stop()
	for {
		running, end, before, err := s.tryBegin(ctx, hold)
		if err != nil || before == nil {
			return running, end, err
		}
		select {
		case <-before:
		case <-timeout.C:
			return nil, nil, errors.New("another backup of this server is under way: wait for its end")
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// tryBegin begins a snapshot unless one is out: before is closed when that ends.
func (s *Source) tryBegin(ctx context.Context, hold string) (running context.Context, end func(), before <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, nil, nil, errors.New("the server is stopping")
	}
	if s.held != "" {
		return nil, nil, s.ended, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	s.held, s.cancel, s.ended, s.running = hold, cancel, ended, ctx
	s.lease = time.AfterFunc(leaseTime, func() { s.lapse(hold) })
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lease.Stop()
		cancel()
		s.held, s.cancel = "", nil
		close(ended)
	}, nil, nil
}

// A client that is at work asks for its lease every renewTime; one that was not heard of
// for leaseTime is suspended, or worse.
const (
	leaseTime = 5 * time.Minute
	renewTime = 30 * time.Second
)

// lapse ends a snapshot whose client was not heard of.
func (s *Source) lapse(hold string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != hold {
		return
	}
	s.Logger.Warn("backup: nothing was heard of the client: the snapshot is ended, so that what is deleted does not keep its room", "hold", hold, "for", leaseTime.String())
	s.lapsed = hold
	s.cancel()
}

// renew renews the lease of a snapshot, and returns the context that ends with it. The
// error is for the client: there is no such snapshot any more.
func (s *Source) renew(hold string) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case hold != "" && s.lapsed == hold:
		return nil, fmt.Errorf("the server has ended the snapshot, since it heard nothing of this backup for %s: it was suspended; make the backup again, which goes on with what was copied", leaseTime)
	case hold == "" || s.held != hold || s.running.Err() != nil:
		return nil, errors.New("the server has ended the snapshot: it was stopped, or the backup took too long to begin")
	}
	s.lease.Reset(leaseTime)
	return s.running, nil
}

func (s *Source) serveLease(w http.ResponseWriter, r *http.Request) {
	if _, err := s.renew(r.PathValue("hold")); err != nil {
		s.refuse(w, http.StatusConflict, err)
	}
}

// cutWith cuts an answer that the client does not read once ctx has ended, until the
// returned call.
func cutWith(ctx context.Context, w http.ResponseWriter) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		// A connection without deadlines (a test's recorder) has no client to wait for.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
	})
}

func (s *Source) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	var random [16]byte
	if _, err := io.ReadFull(s.Rand, random[:]); err != nil {
		s.refuse(w, http.StatusInternalServerError, fmt.Errorf("read randomness: %w", err))
		return
	}
	head, err := s.Header()
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	head.Hold, head.Time = hex.EncodeToString(random[:]), s.Now().UTC()
	ctx, end, err := s.begin(r.Context(), head.Hold)
	if err != nil {
		s.refuse(w, http.StatusConflict, err)
		return
	}
	defer end()
	defer cutWith(ctx, w)()
	// There is little garbage then, of which the snapshot needs a list.
	if err := s.Collect(ctx); err != nil {
		s.Logger.Warn("collect garbage before a backup", "error", err)
	}
	release := s.Hold()
	defer release()
	s.Logger.Info("backup: snapshot begins", "hold", head.Hold)
	defer s.Logger.Info("backup: snapshot ends", "hold", head.Hold)

	line, err := json.Marshal(head)
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := bufio.NewWriterSize(w, 64<<10)
	_, _ = out.Write(append(line, '\n')) // an error of out is in every later one
	// What is read leaves the process before View returns, but it counts only with
	// the mark of the end, which comes after.
	err = s.snapshot(ctx, out)
	if err != nil && ctx.Err() == nil {
		s.Logger.Error("backup: read the metadata", "error", err)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	_, _ = out.Write(appendPair(nil, pair{nil, []byte(text)}))
	if err := errors.Join(out.Flush(), http.NewResponseController(w).Flush()); err != nil {
		return
	}
	<-ctx.Done() // the client has all it wants, or went away
}

// snapshot writes all records that a backup has.
func (s *Source) snapshot(ctx context.Context, w io.Writer) error {
	return s.Meta.View(ctx, func(r meta.Reader) error {
		doomed, err := garbage(r)
		if err != nil {
			return err
		}
		it := r.Iter(nil, nil)
		defer it.Close()
		var buf []byte
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			p := pair{it.Key(), value}
			if !doomed.kept(p) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			buf = appendPair(buf[:0], p)
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return it.Err()
	})
}

// doomed are the blobs that are about to be deleted.
type doomed map[blob.Ref]bool

// garbage reads which blobs are garbage. There are as many as were deleted since
// Collect, and in the seconds that it leaves them.
func garbage(r meta.Reader) (doomed, error) {
	prefix := meta.Key(meta.PrefixGarbage)
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	defer it.Close()
	d := doomed{}
	for it.Next() {
		if key := it.Key(); len(key) > 9 {
			d[blob.Ref(key[9:])] = true
		}
	}
	return d, it.Err()
}

// kept tells whether a record belongs in a backup. Who was signed in, links that
// were not used and challenges are of the moment. What is garbage is not copied, so
// nothing may say that it is there.
func (d doomed) kept(p pair) bool {
	switch p.key[0] {
	case meta.PrefixSession, meta.PrefixLink, meta.PrefixPending, meta.PrefixGarbage:
		return false
	case meta.PrefixBlobOwner:
		return !d[refOf(p)]
	}
	return true
}

// refOf is the blob that a record under PrefixBlobOwner is about.
func refOf(p pair) blob.Ref { return blob.Ref(p.key[1:]) }

// serveBlob answers with a blob, as long as its snapshot is out. What is wrong with
// it stands in a trailer, since it may be found after the first byte.
func (s *Source) serveBlob(w http.ResponseWriter, r *http.Request) {
	running, err := s.renew(r.URL.Query().Get("hold"))
	if err != nil {
		s.refuse(w, http.StatusConflict, err)
		return
	}
	defer cutWith(running, w)()
	ref := blob.Ref(r.PathValue("ref"))
	b, err := s.Blobs.Open(r.Context(), ref)
	switch {
	case gone(err):
		s.refuse(w, http.StatusNotFound, err)
		return
	case err != nil:
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	defer b.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(sizeHeader, fmt.Sprint(b.Size()))
	w.Header().Set("Trailer", errorTrailer)
	_, err = b.CopyRange(w, 0, b.Size())
	switch {
	case gone(err):
		s.Logger.Error("backup", "error", err)
		w.Header().Set(errorTrailer, err.Error())
	case err != nil:
		s.Logger.Warn("backup: send a blob", "ref", ref, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// gone tells whether a blob cannot be read by anybody, now or soon: a backup without it is
// better than none. An error of the request or of the server is another matter.
func gone(err error) bool {
	_, damaged := errors.AsType[*blob.DamagedError](err)
	return damaged || errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrUnreadable)
}

func (s *Source) refuse(w http.ResponseWriter, status int, err error) {
	s.Logger.Warn("backup", "status", status, "error", err)
	http.Error(w, err.Error(), status)
}
