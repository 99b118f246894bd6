package crash_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"coffer/test/harness"
)

// callsMax is more system calls than any request makes.
const callsMax = 300

// step is one request that is interrupted at each of its system calls.
type step struct {
	name string
	// prepare does what the request needs, before the tracer watches.
	prepare func(*stepTest)
	// run sends the request and notes what its answer says.
	run func(*stepTest)
	// also says what is wrong besides what the ledger finds; nil for nothing.
	also func(*stepTest)
}

// stepTest repeats steps against one server.
type stepTest struct {
	server *harness.Server
	client *client
	ledger *ledger
	draw   *rand.Rand
	cycle  int

	worker *worker // of this repetition
	upload *upload
	moved  version // what is renamed
}

// steps are the requests that write, with what each may find. The first key is
// written, the second one is a source, and the third one is beside.
func (s *stepTest) key() *entry    { return s.ledger.entries[0] }
func (s *stepTest) source() *entry { return s.ledger.entries[1] }
func (s *stepTest) beside() *entry { return s.ledger.entries[2] }

var steps = []step{
	{name: "PutInline", prepare: nothingFirst, run: put(1000)},
	{name: "PutInlineOverFile", prepare: aFileFirst, run: put(1000)},
	{name: "PutFile", prepare: nothingFirst, run: put(300 << 10)},
	{name: "PutFileOverFile", prepare: aFileFirst, run: put(300 << 10)},
	{name: "Delete", prepare: aFileFirst, run: (*stepTest).delete},
	{name: "Copy", prepare: nothingFirst, run: (*stepTest).copy},
	{name: "CopyOverFile", prepare: aFileFirst, run: (*stepTest).copy},
	{name: "UploadPart", prepare: (*stepTest).begin, run: func(s *stepTest) { s.worker.part(s.upload, 1, partBytes) }},
	{name: "Complete", prepare: (*stepTest).beginWithParts, run: func(s *stepTest) { s.worker.complete(s.upload) }},
	{name: "Abort", prepare: (*stepTest).beginWithParts, run: func(s *stepTest) { s.worker.abort(s.upload) }},
	{name: "RenameOverFile", prepare: twoFilesFirst, run: (*stepTest).rename, also: (*stepTest).renamedOnce},
}

func nothingFirst(s *stepTest) { s.ledger.set(s.client, s.key(), version{}, nil) }

func aFileFirst(s *stepTest) {
	v, body := s.worker.draw(200 << 10)
	s.ledger.set(s.client, s.key(), v, body)
}

// twoFilesFirst makes one file to be renamed and one in whose place it comes.
func twoFilesFirst(s *stepTest) {
	aFileFirst(s)
	v, body := s.worker.draw(100 << 10)
	s.ledger.set(s.client, s.beside(), v, body)
	s.moved = v
}

func put(size int64) func(*stepTest) {
	return func(s *stepTest) {
		v, body := s.worker.draw(size)
		r, err := s.worker.send(request{method: http.MethodPut, key: s.key().key, header: v.headers(), body: body})
		s.worker.settle("PUT", s.key(), v, r, err)
	}
}

func (s *stepTest) delete() {
	r, err := s.worker.send(request{method: http.MethodDelete, key: s.key().key})
	s.worker.settle("DELETE", s.key(), version{}, r, err)
}

func (s *stepTest) copy() {
	r, err := s.worker.send(request{method: http.MethodPut, key: s.key().key,
		header: map[string]string{"X-Amz-Copy-Source": "/" + s.client.bucket + "/" + escapeKey(s.source().key)}})
	s.worker.settle("COPY", s.key(), s.source().might[0], r, err)
}

func (s *stepTest) rename() { s.worker.renameTo(s.beside(), s.key()) }

// renamedOnce holds of the two names of a rename together: the object has one of them.
func (s *stepTest) renamedOnce() {
	old, now := s.beside().might[0], s.key().might[0]
	if old.same(s.moved) == now.same(s.moved) {
		s.ledger.problem("after a rename its old name holds %v and its new one %v, want it under one of them", old, now)
	}
}

func (s *stepTest) begin() { s.upload = s.ledger.begin(s.client, s.key(), s.worker.name()) }

func (s *stepTest) beginWithParts() {
	s.begin()
	for i, size := range []int64{partBytes, 100 << 10} {
		if ok, _ := s.worker.part(s.upload, i+1, size); !ok {
			s.ledger.problem("part %d before the interruption was refused", i+1)
		}
	}
}

// set writes v, or deletes the key, while nothing is broken.
func (l *ledger) set(c *client, e *entry, v version, body []byte) {
	q, want := request{method: http.MethodPut, key: e.key, header: v.headers(), body: body}, http.StatusOK
	if !v.exists {
		q, want = request{method: http.MethodDelete, key: e.key}, http.StatusNoContent
	}
	r, err := c.do(q)
	if err != nil || r.status != want {
		l.problem("%s %q while nothing is broken = %v, %v, want %d", q.method, e.key, r, err, want)
		return
	}
	e.might = []version{v}
}

// begin begins an upload while nothing is broken.
func (l *ledger) begin(c *client, e *entry, op string) *upload {
	u := &upload{entry: e, op: op, ctype: "application/x-parts"}
	r, err := c.do(request{method: http.MethodPost, key: e.key, query: url.Values{"uploads": {""}}, header: version{op: u.op, ctype: u.ctype}.headers()})
	if err != nil || r.status != http.StatusOK {
		l.problem("begin upload of %q while nothing is broken = %v, %v", e.key, r, err)
		return u
	}
	u.id = between(string(r.body), "<UploadId>", "</UploadId>")
	l.add(u)
	return u
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func newStepTest(t *testing.T, seed uint64) *stepTest {
	t.Helper()
	needTracer(t)
	server := harness.Start(t, harness.Options{})
	s := &stepTest{server: server, client: newClient(server, "steps"), draw: rand.New(rand.NewPCG(seed, 2)),
		ledger: newLedger(seed, []string{"written", "source", "beside"})}
	makeBucket(t, s.client)
	s.next()
	for i, size := range []int64{1 << 20, 1000} {
		v, body := s.worker.draw(size)
		s.ledger.set(s.client, s.ledger.entries[i+1], v, body)
	}
	return s
}

func (st step) besides(s *stepTest) {
	if st.also != nil {
		st.also(s)
	}
}

// next begins another repetition.
func (s *stepTest) next() {
	s.cycle++
	load := newLoad(s.ledger, s.client, s.cycle, -1)
	s.worker = &worker{load: load, rand: s.draw}
}

// interrupt runs a step under an order, and returns what was done to it.
func (s *stepTest) interrupt(t *testing.T, st step, order traceOrder) []string {
	t.Helper()
	s.next()
	st.prepare(s)
	report(t, s.ledger, st.name+" before the interruption")
	s.worker.down.Store(true)
	tr := trace(t, s.server, order)
	st.run(s)
	return tr.end()
}

// restart kills the server if it still runs, and compares what is there after
// the start with the ledger.
func (s *stepTest) restart(t *testing.T) {
	t.Helper()
	s.server.Kill()
	s.client.close()
	s.server.Restart()
	s.client = newClient(s.server, s.client.bucket)
	s.check()
}

func (s *stepTest) check() {
	s.ledger.check(s.client)
	s.ledger.checkUploads(s.client, s.draw)
}

// TestKilledAtEachSystemCallLosesNothing kills the server before the first call
// of a request that changes a file, then before the second one, and so on until
// the request is answered without having been killed.
func TestKilledAtEachSystemCallLosesNothing(t *testing.T) {
	seed := newSeed(t)
	s := newStepTest(t, seed)
	for _, st := range steps {
		t.Run(st.name, func(t *testing.T) {
			for n := 1; ; n++ {
				hits := s.interrupt(t, st, traceOrder{Calls: changes, When: n, Action: traceKill})
				if len(hits) == 0 {
					t.Logf("%d system calls", n-1)
					s.check()
					st.besides(s)
					report(t, s.ledger, st.name+" uninterrupted")
					if n < 3 {
						t.Errorf("%s makes %d system calls: nothing was interrupted", st.name, n-1)
					}
					return
				}
				s.restart(t)
				st.besides(s)
				report(t, s.ledger, "killed before call "+hits[0])
				if t.Failed() || n == callsMax {
					t.FailNow()
				}
			}
		})
	}
	checkNothingLeft(t, s.server, s.ledger, s.client)
}

// TestTornWriteIsNotBelieved writes half of what a call has to write, and kills
// the server: once in each write of a request.
func TestTornWriteIsNotBelieved(t *testing.T) {
	seed := newSeed(t)
	s := newStepTest(t, seed)
	for _, st := range steps {
		if !slices.Contains([]string{"PutInline", "PutFileOverFile", "Complete"}, st.name) {
			continue
		}
		t.Run(st.name, func(t *testing.T) {
			for n := 1; n < callsMax; n++ {
				hits := s.interrupt(t, st, traceOrder{Calls: []string{"write", "pwrite64"}, Path: s.server.Data, When: n, Action: traceTorn})
				if len(hits) == 0 {
					if n == 1 {
						t.Errorf("%s writes nothing", st.name)
					}
					return
				}
				s.restart(t)
				report(t, s.ledger, "killed in the middle of call "+hits[0])
			}
		})
	}
}
