package crash_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coffer/test/harness"
)

// endLimit is how long a server may take to end after an error that it cannot
// live with; it only tells a hang from a slow machine.
const endLimit = 10 * time.Second

// ended tells whether the server has ended by itself, or does so now.
func ended(s *harness.Server) bool {
	select {
	case <-s.Exited():
		return true
	default:
	}
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	select {
	case <-s.Exited():
		return true
	case <-limit.C:
		return false
	}
}

// some are the steps with these names.
func some(names ...string) []step {
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return !slices.Contains(names, s.name) })
}

// TestFailedSystemCallIsNeverAcknowledged lets each call that changes a file fail
// once, as a disk does that comes back. What was not written is not acknowledged:
// a sync that is tried again may succeed without having written what the first
// one lost. A server whose log failed ends, and starts on what is true.
func TestFailedSystemCallIsNeverAcknowledged(t *testing.T) {
	seed := newSeed(t)
	s := newStepTest(t, seed)
	for _, st := range some("PutInline", "PutFileOverFile", "Copy", "Delete", "UploadPart", "Complete") {
		t.Run(st.name, func(t *testing.T) {
			for n := 1; n < callsMax; n++ {
				var before int64
				acked := func() bool { return s.worker.acked.Load() > before }
				hits := s.failCall(t, st, n, func() { before = s.worker.acked.Load() })
				if len(hits) == 0 {
					if !acked() || n == 1 {
						t.Errorf("%s without an error, after %d calls: acknowledged %t, want success after some", st.name, n-1, acked())
					}
					break
				}
				s.afterFailure(t, hits[0], acked())
				report(t, s.ledger, "call "+hits[0]+" failed")
				if t.Failed() {
					return
				}
			}
			s.restart(t)
			report(t, s.ledger, st.name+" after a start")
		})
	}
}

// failCall has the n-th call of a step on the server's files fail; prepared is
// called when what the step needs is done.
func (s *stepTest) failCall(t *testing.T, st step, n int, prepared func()) []string {
	t.Helper()
	st.prepare = prepareAnd(st.prepare, prepared)
	return s.interrupt(t, st, traceOrder{Calls: changes, Path: s.server.Data, When: n, Action: traceError, Errno: int(unix.EIO)})
}

// afterFailure looks at a server that met an error: one that goes on has not
// acknowledged the request, and goes on well; one that ended starts again.
func (s *stepTest) afterFailure(t *testing.T, hit string, acked bool) {
	t.Helper()
	_, call, _ := strings.Cut(hit, " ")
	// The space for a file is taken in advance as far as it can be; that a removal
	// failed, reclaim finds out; and a connection is not a file.
	harmless := strings.HasPrefix(call, "fallocate") || strings.HasPrefix(call, "unlink") || strings.HasPrefix(call, "sync_file_range")
	if strings.Contains(call, "/meta/") && !harmless && ended(s.server) {
		s.restart(t)
		return
	}
	if acked && !harmless {
		t.Errorf("call %s failed, and the request was acknowledged by a server that goes on", hit)
	}
	s.check()
}

// TestShortWritesAreMadeGood lets each write do half of what it was asked, and
// say so.
func TestShortWritesAreMadeGood(t *testing.T) {
	seed := newSeed(t)
	s := newStepTest(t, seed)
	for _, st := range some("PutInline", "PutFileOverFile", "UploadPart", "Complete") {
		t.Run(st.name, func(t *testing.T) {
			var before int64
			st.prepare = prepareAnd(st.prepare, func() { before = s.worker.acked.Load() })
			hits := s.interrupt(t, st, traceOrder{Calls: []string{"write", "pwrite64"}, Path: s.server.Data, When: 1, Last: 1 << 20, Action: traceShort})
			if len(hits) == 0 {
				t.Fatal("nothing was cut short")
			}
			if s.worker.acked.Load() == before {
				t.Errorf("the request was not acknowledged after %d short writes, want it done all the same", len(hits))
			}
			s.restart(t)
			report(t, s.ledger, "after short writes")
		})
	}
}

func prepareAnd(prepare func(*stepTest), then func()) func(*stepTest) {
	return func(s *stepTest) {
		prepare(s)
		then()
	}
}

// TestWritesThatOnlySeemDoneAreFound lets a write of a file of bytes do half of
// what it said it did. Nobody can know at once; but nobody is ever given other
// bytes than were sent.
func TestWritesThatOnlySeemDoneAreFound(t *testing.T) {
	newSeed(t)
	needTracer(t)
	server := harness.Start(t, harness.Options{})
	c := newClient(server, "lies")
	makeBucket(t, c)
	beside := mustPut(t, c, "beside", content("beside", 300<<10))
	body := content("lie", 1<<20)
	for n := 1; n < callsMax; n++ {
		tr := trace(t, server, traceOrder{Calls: []string{"write", "pwrite64"}, Path: "/blobs/", When: n, Action: traceLie})
		put, err := c.do(request{method: http.MethodPut, key: "lie", header: map[string]string{"Content-Type": "text/x-lie"}, body: body})
		hits := tr.end()
		if len(hits) == 0 {
			if n == 1 || err != nil || put.status != http.StatusOK {
				t.Errorf("PUT after %d writes that lied = %v, %v, want success after some", n-1, put, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("write %s lied: PUT: %v", hits[0], err)
		}
		got, err := c.do(request{method: http.MethodGet, key: "lie"})
		if err == nil && got.status == http.StatusOK && string(got.body) != string(body) {
			t.Errorf("write %s lied: PUT = %s, and GET = %s with other bytes", hits[0], put, got)
		}
		if err == nil && got.status != http.StatusOK && got.status < 500 && put.status == http.StatusOK && n > 1 {
			t.Errorf("write %s lied: PUT = %s, GET = %s, want 200, a 5xx or a cut answer", hits[0], put, got)
		}
		for _, wrong := range expect(c, map[string]version{"beside": beside}) {
			t.Errorf("write %s lied: %s", hits[0], wrong)
		}
	}
}

// TestReadErrorsAreErrors lets the disk fail in reads. An object that cannot be
// read is an error, not one that is not there; the others are served; and reclaim
// does not take what it cannot read for what nobody names.
func TestReadErrorsAreErrors(t *testing.T) {
	newSeed(t)
	needTracer(t)
	d := newStopped(t)
	reads := []string{"read", "pread64", "sendfile"}
	t.Run("OfFilesOfBytes", func(t *testing.T) {
		d.server.Restart()
		defer d.server.Stop()
		tr := trace(t, d.server, traceOrder{Calls: reads, Path: "/blobs/", When: 1, Last: 1 << 20, Action: traceError, Errno: int(unix.EIO)})
		d.checkUnreadable(t)
		if hits := tr.end(); len(hits) == 0 {
			t.Error("no read failed")
		}
		d.checkAll(t, "after the reads that failed")
	})
	t.Run("OfMetadata", func(t *testing.T) {
		d.server.Restart()
		tr := trace(t, d.server, traceOrder{Calls: reads, Path: "/meta/", When: 1, Last: 1 << 20, Action: traceError, Errno: int(unix.EIO)})
		d.checkUnreadable(t)
		files := len(blobFiles(t, d.server.Data))
		r := d.server.Command("reclaim")
		hits := tr.end()
		t.Logf("%d reads failed; reclaim = %d, %s", len(hits), r.Code, strings.TrimSpace(r.Stderr))
		if len(hits) == 0 {
			t.Error("no read failed")
		}
		if now := len(blobFiles(t, d.server.Data)); now != files {
			t.Errorf("there are %d files of bytes after a reclaim that could not read the metadata, and were %d", now, files)
		}
		d.checkAll(t, "after the reads that failed")
		d.server.Kill()
		d.server.Restart()
		d.checkAll(t, "after a start")
		d.server.Stop()
	})
}

// checkUnreadable reads every object while reads fail.
func (d *stopped) checkUnreadable(t *testing.T) {
	t.Helper()
	c := newClient(d.server, "start")
	defer c.close()
	failed := 0
	for key, want := range d.want {
		r, err := c.do(request{method: http.MethodGet, key: key})
		if err != nil || r.status >= 500 {
			failed++
			continue
		}
		if got, err := seen(r); err != nil || !got.same(want) {
			t.Errorf("GET %s while reads fail = %v, %v, want %v or a 5xx", key, got, err, want)
		}
	}
	if names, err := c.list(); err == nil && len(names) != len(d.want) {
		t.Errorf("the listing while reads fail has %d keys of %d, want all of them or an error", len(names), len(d.want))
	}
	t.Logf("%d of %d objects could not be read", failed, len(d.want))
	if failed == 0 {
		t.Error("every object was read while reads fail")
	}
}

func (d *stopped) checkAll(t *testing.T, when string) {
	t.Helper()
	c := newClient(d.server, "start")
	defer c.close()
	for _, wrong := range expect(c, d.want) {
		t.Errorf("%s: %s", when, wrong)
	}
}

// TestHungDiskHoldsOnlyWhatNeedsIt hangs all syncs. Writes wait, and none is
// acknowledged; what was written is read as ever; the server says that it should
// be sent nothing; and goes on when the disk does.
func TestHungDiskHoldsOnlyWhatNeedsIt(t *testing.T) {
	newSeed(t)
	needTracer(t)
	server := harness.Start(t, harness.Options{})
	c := newClient(server, "hung")
	makeBucket(t, c)
	want := map[string]version{"small": mustPut(t, c, "small", content("small", 1000)), "large": mustPut(t, c, "large", content("large", 1<<20))}
	tr := trace(t, server, traceOrder{Calls: syncs, Path: server.Data, When: 1, Last: 1 << 20, Action: traceHang})
	const writers = 10
	type answer struct {
		key string
		v   version
		r   *reply
		err error
	}
	answers := make(chan answer, writers)
	for i := range writers {
		key := "waits-" + string(rune('a'+i))
		body := content(key, int64(1+i%2*100<<10))
		v := newVersion("op-"+key, "application/x-test", body)
		go func() {
			r, err := c.do(request{method: http.MethodPut, key: key, header: v.headers(), body: body})
			answers <- answer{key, v, r, err}
		}()
	}
	eventually(t, hangLimit, "not ready while the disk hangs", func() bool {
		for _, wrong := range expect(c, want) {
			t.Errorf("while the disk hangs: %s", wrong)
		}
		return !isReady(t, server)
	})
	select {
	case a := <-answers:
		t.Errorf("PUT %s while no sync ends = %v, %v, want no answer", a.key, a.r, a.err)
	default:
	}
	// Who comes now is told to come again, and waits for nothing.
	for _, size := range []int64{10, 1 << 20} {
		r, err := c.do(request{method: http.MethodPut, key: "late", header: map[string]string{"Expect": "100-continue"}, body: content("late", size)})
		if err != nil || r.status != http.StatusServiceUnavailable || r.code() != "ServiceUnavailable" {
			t.Errorf("PUT of %d bytes once the disk is known to hang = %v, %v, want 503 ServiceUnavailable", size, r, err)
		}
	}
	if hits := tr.end(); len(hits) == 0 {
		t.Error("nothing hung")
	}
	for range writers {
		a := <-answers
		if a.err != nil || a.r.status != http.StatusOK {
			t.Errorf("PUT %s after the disk goes on = %v, %v, want 200", a.key, a.r, a.err)
		}
		want[a.key] = a.v
	}
	eventually(t, hangLimit, "ready", func() bool { return isReady(t, server) })
	server.Kill()
	server.Restart()
	for _, wrong := range expect(newClient(server, "hung"), want) {
		t.Errorf("after the disk hung: %s", wrong)
	}
}

// TestHungDiskKeepsNoStopWaiting stops a server whose syncs do not end: it ends all the
// same, and what was acknowledged is there at the next start.
func TestHungDiskKeepsNoStopWaiting(t *testing.T) {
	newSeed(t)
	needTracer(t)
	server := harness.Start(t, harness.Options{Args: []string{"--drain-timeout", "1s"}})
	c := newClient(server, "hung")
	makeBucket(t, c)
	want := map[string]version{"small": mustPut(t, c, "small", content("small", 1000)), "large": mustPut(t, c, "large", content("large", 1<<20))}
	tr := trace(t, server, traceOrder{Calls: syncs, Path: server.Data, When: 1, Last: 1 << 20, Action: traceHang})
	sizes := []int64{1000, 200 << 10}
	ended := make(chan error, len(sizes))
	for i, size := range sizes {
		go func() {
			key := "waits-" + string(rune('a'+i))
			r, err := c.do(request{method: http.MethodPut, key: key, body: content(key, size)})
			if err == nil && r.status < 300 {
				err = fmt.Errorf("PUT %s while no sync ends = %s, want no success", key, r)
			} else {
				err = nil
			}
			ended <- err
		}()
	}
	eventually(t, hangLimit, "not ready while the disk hangs", func() bool { return !isReady(t, server) })
	server.Stop()
	tr.end()
	for range sizes {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	server.Restart()
	for _, wrong := range expect(newClient(server, "hung"), want) {
		t.Errorf("after a stop while the disk hung: %s", wrong)
	}
}

func isReady(t *testing.T, s *harness.Server) bool {
	t.Helper()
	r, err := http.Get(s.Admin + "/-/ready")
	if err != nil {
		t.Fatalf("GET /-/ready: %v", err)
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode == http.StatusOK
}
