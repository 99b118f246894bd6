package crash_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"coffer/test/harness"
)

// The shape of a history.
const (
	linearClients = 16
	linearKeys    = 6
	linearOps     = 14 // of each client in one round
	searchLimit   = 20 * time.Second
)

// ask is a request on one key as the model sees it.
type ask struct {
	kind string // read, write, delete, create, replace
	key  string
	op   string // what is written
	etag string // what replace wants to be there
}

// told is what the answer said.
type told struct {
	status int // 0 if there was none
	op     string
	etag   string
}

// register is what S3 says of one key: it holds one write, or nothing. A request
// whose answer nobody heard may have happened at any time, or never, which is the
// same as after all else.
func register(etags, copied map[string]string) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			keys := map[string][]porcupine.Operation{}
			for _, o := range history {
				key := o.Input.(ask).key
				keys[key] = append(keys[key], o)
			}
			var all [][]porcupine.Operation
			for _, part := range keys {
				all = append(all, part)
			}
			return all
		},
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			now, in, out := state.(string), input.(ask), output.(told)
			return linearStep(now, in, out, etags, copied)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v = %+v", input, output) },
	}
}

// linearStep tells whether an answer is right for a key that holds now, and what
// the key holds then. The ETag of a copy that nobody answered and nobody read is
// not known, and may be any.
func linearStep(now string, in ask, out told, etags, copied map[string]string) (bool, string) {
	etag, isKnown := etags[now]
	unknown, done := out.status == 0, out.status == http.StatusOK || out.status == http.StatusNoContent
	may := true
	switch in.kind {
	case "read":
		switch {
		case out.status == http.StatusNotFound:
			return now == "", now
		case out.op == "": // a copy, which tells of its source the ETag only, and has no parts
			return now != "" && (!isKnown || cmp.Or(copied[etag], etag) == out.etag), now
		}
		return now == out.op, now
	case "create":
		may = now == ""
	case "replace":
		may = now != "" && etag == in.etag
		if now != "" && !isKnown {
			// As one likes; and one that did not happen can stand after all else.
			may = done || unknown
		}
	}
	next := in.op // "" for a delete
	switch {
	case unknown && !may:
		return true, now
	case unknown:
		return true, next
	case done:
		return may, next
	}
	return !may, now // it was refused
}

// history is what all clients of a round did.
type history struct {
	ledger *ledger
	begin  time.Time
	count  atomic.Int64

	mu     sync.Mutex // guards what follows
	ops    []porcupine.Operation
	etags  map[string]string // of what each write left
	copied map[string]string // the ETag of a copy, by that of what was made of parts
	sent   int               // operations whose answer was heard
}

// note adds an operation that began at call.
func (h *history) note(client int, call time.Duration, in ask, out told) {
	end := int64(time.Since(h.begin))
	h.mu.Lock()
	defer h.mu.Unlock()
	if out.status == 0 {
		if in.kind == "read" {
			return // it says nothing
		}
		end = math.MaxInt64
	} else {
		h.sent++
	}
	h.noteETag(in.key, out.op, out.etag)
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: int64(call), Output: out, Return: end})
}

// noteETag notes what the bytes of a write are, for whoever holds h.mu.
func (h *history) noteETag(key, op, etag string) {
	if op == "" || etag == "" {
		return
	}
	if was, ok := h.etags[op]; ok && was != etag {
		h.ledger.problem("%s: %q has the ETag %s, and had %s", key, op, etag, was)
	}
	h.etags[op] = etag
}

// completes notes what an upload will be if it is completed, whoever hears of it.
func (h *history) completes(key string, u *upload) {
	v := u.version()
	h.sends(key, u.op, v.etag)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.copied[v.etag] = v.copied
}

// sends notes what a write will be if it happens, whoever hears of it.
func (h *history) sends(key, op, etag string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteETag(key, op, etag)
}

// linearClient sends requests and notes them.
type linearClient struct {
	*history
	number int
	client *client
	draw   *rand.Rand
	keys   []string
	seen   map[string]string // the latest ETag of each key, as far as this client knows
	round  int
	writes int
}

func (c *linearClient) run() {
	for range linearOps {
		key := c.keys[c.draw.IntN(len(c.keys))]
		c.count.Add(1)
		switch n := c.draw.IntN(100); {
		case n < 25:
			c.read(http.MethodGet, key)
		case n < 33:
			c.read(http.MethodHead, key)
		case n < 55:
			c.write("write", key, nil)
		case n < 66:
			c.delete(key)
		case n < 76:
			c.write("create", key, map[string]string{"If-None-Match": "*"})
		case n < 84 && c.seen[key] != "":
			c.write("replace", key, map[string]string{"If-Match": `"` + c.seen[key] + `"`})
		case n < 92:
			c.copy(c.keys[c.draw.IntN(len(c.keys))], key)
		default:
			c.multipart(key)
		}
	}
}

func (c *linearClient) name() string {
	c.writes++
	return fmt.Sprintf("%d-%d-%d", c.round, c.number, c.writes)
}

// heard makes of an answer what the model needs; sent is false for a request that
// never left.
func (c *linearClient) heard(what string, r *reply, err error, fine ...int) (out told, sent bool) {
	if err != nil {
		return told{}, !neverSent(err)
	}
	if r.status == http.StatusConflict {
		return told{}, true // writers crossed: nothing was written, or it counts as never
	}
	if !slices.Contains(fine, r.status) || r.status < 300 && r.code() != "" {
		c.ledger.problem("%s = %s, want one of %v", what, r, fine)
	}
	return told{status: r.status}, true
}

func (c *linearClient) read(method, key string) {
	call := time.Since(c.begin)
	r, err := c.client.do(request{method: method, key: key})
	out, sent := c.heard(method+" "+key, r, err, http.StatusOK, http.StatusNotFound)
	if !sent || out.status == 0 {
		return
	}
	if out.status == http.StatusOK {
		out.op, out.etag = r.header.Get("X-Amz-Meta-Op"), r.etag()
		c.seen[key] = out.etag
		if sum := newVersion("", "", r.body).etag; method == http.MethodGet && len(out.etag) == len(sum) && sum != out.etag {
			c.ledger.problem("GET %s: the bytes are of ETag %s, the answer of %s", key, sum, out.etag)
		}
	}
	c.note(c.number, call, ask{kind: "read", key: key}, out)
}

func (c *linearClient) write(kind, key string, header map[string]string) {
	op := c.name()
	size := 1 + c.draw.Int64N(2000)
	if c.draw.IntN(4) == 0 {
		size += inlineMax
	}
	v := newVersion(op, "text/x-linear", content(op, size))
	q := request{method: http.MethodPut, key: key, header: v.headers(), body: content(op, size)}
	for name, value := range header {
		q.header[name] = value
	}
	c.sends(key, op, v.etag)
	call := time.Since(c.begin)
	r, err := c.client.do(q)
	out, sent := c.heard("PUT "+key+" "+kind, r, err, http.StatusOK, http.StatusPreconditionFailed, http.StatusNotFound)
	if !sent {
		return
	}
	if out.status == http.StatusOK {
		out.op, out.etag = op, r.etag()
		c.seen[key] = out.etag
	}
	if out.status >= 400 && kind == "write" || out.status == http.StatusNotFound && kind != "replace" {
		c.ledger.problem("PUT %s (%s) = %s", key, kind, r)
	}
	if err == nil && r.status == http.StatusConflict && kind != "write" {
		return // a refusal without a reason that the model could check
	}
	c.note(c.number, call, ask{kind: kind, key: key, op: op, etag: trimETag(header["If-Match"])}, out)
}

func trimETag(s string) string {
	if len(s) < 2 {
		return ""
	}
	return s[1 : len(s)-1]
}

func (c *linearClient) delete(key string) {
	call := time.Since(c.begin)
	r, err := c.client.do(request{method: http.MethodDelete, key: key})
	if out, sent := c.heard("DELETE "+key, r, err, http.StatusNoContent); sent {
		c.note(c.number, call, ask{kind: "delete", key: key}, out)
	}
}

// copy is a read of its source and a write, in this order.
func (c *linearClient) copy(from, to string) {
	op := c.name()
	call := time.Since(c.begin)
	r, err := c.client.do(request{method: http.MethodPut, key: to, header: map[string]string{
		"X-Amz-Copy-Source": "/" + c.client.bucket + "/" + from, "X-Amz-Metadata-Directive": "REPLACE", "X-Amz-Meta-Op": op}})
	out, sent := c.heard("COPY "+to, r, err, http.StatusOK, http.StatusNotFound)
	switch {
	case !sent:
	case out.status == http.StatusNotFound:
		c.note(c.number, call, ask{kind: "read", key: from}, out)
	case out.status == http.StatusOK:
		etag := between(string(r.body), "&#34;", "&#34;")
		if etag == "" {
			etag = between(string(r.body), "&quot;", "&quot;")
		}
		c.note(c.number, call, ask{kind: "read", key: from}, told{status: http.StatusOK, etag: etag})
		c.note(c.number, call, ask{kind: "write", key: to, op: op}, told{status: http.StatusOK, op: op, etag: etag})
	default:
		c.note(c.number, call, ask{kind: "write", key: to, op: op}, out)
	}
}

// multipart counts as a write while it is completed.
func (c *linearClient) multipart(key string) {
	u := &upload{op: c.name(), ctype: "text/x-linear"}
	r, err := c.client.do(request{method: http.MethodPost, key: key, query: map[string][]string{"uploads": {""}}, header: version{op: u.op, ctype: u.ctype}.headers()})
	if err != nil || r.status != http.StatusOK {
		return
	}
	u.id = between(string(r.body), "<UploadId>", "</UploadId>")
	body := content(partName(u.op, 1), 1+c.draw.Int64N(2*inlineMax))
	p := newPart(u.op, 1, body)
	if r, err := c.client.do(request{method: http.MethodPut, key: key, body: body, query: partQuery(u.id, 1)}); err != nil || r.status != http.StatusOK {
		return
	}
	u.parts = []part{p}
	c.completes(key, u)
	call := time.Since(c.begin)
	r, err = c.client.complete(key, u.id, u.parts)
	out, sent := c.heard("complete "+key, r, err, http.StatusOK)
	if !sent {
		return
	}
	if out.status == http.StatusOK {
		out.op, out.etag = u.op, u.version().etag
	}
	c.note(c.number, call, ask{kind: "write", key: key, op: u.op}, out)
}

// TestEachKeyIsLinearizable lets many clients do everything with few keys, over
// lines that break, and kills the server under them. However their requests
// crossed, there is an order of them that explains every answer.
func TestEachKeyIsLinearizable(t *testing.T) {
	seed := newSeed(t)
	s := harness.Start(t, harness.Options{})
	first := newClient(s, "linear")
	makeBucket(t, first)
	draw := rand.New(rand.NewPCG(seed, 3))
	answered, open := 0, 0
	for round := range rounds(t, 12, 500) {
		h := &history{ledger: newLedger(seed, nil), begin: time.Now(), etags: map[string]string{}, copied: map[string]string{}}
		l := &linearRound{history: h, number: round, seed: seed}
		for k := range linearKeys {
			l.keys = append(l.keys, fmt.Sprintf("round-%d/key-%d", round, k))
		}
		l.run(t, s, draw)
		l.finish(s)
		result := porcupine.CheckOperationsTimeout(register(h.etags, h.copied), h.ops, searchLimit)
		if result == porcupine.Illegal {
			t.Errorf("seed %d, round %d: no order explains these answers:\n%s", seed, round, l.explain())
		}
		if result == porcupine.Unknown {
			t.Logf("round %d: no order was found within %s, and none was excluded", round, searchLimit)
		}
		if report(t, h.ledger, fmt.Sprintf("round %d", round)); t.Failed() {
			return
		}
		answered += h.sent
		open += len(h.ops) - h.sent
	}
	t.Logf("%d operations answered, %d not", answered, open)
	if answered < 100 || open == 0 {
		t.Errorf("%d operations were answered and %d were not: the rounds test nothing", answered, open)
	}
}

type linearRound struct {
	*history
	number int
	seed   uint64
	keys   []string
}

// run lets the clients work, and kills the server in the middle of two rounds of
// three.
func (l *linearRound) run(t *testing.T, s *harness.Server, draw *rand.Rand) {
	t.Helper()
	kill := l.number%3 != 0
	lines := shaky(rand.New(rand.NewPCG(l.seed, uint64(l.number)<<8|0xff)))
	var wg sync.WaitGroup
	for i := range linearClients {
		c := &linearClient{history: l.history, number: i, client: over(s, "linear", lines), round: l.number, keys: l.keys,
			draw: rand.New(rand.NewPCG(l.seed, uint64(l.number)<<8|uint64(i))), seen: map[string]string{}}
		wg.Go(func() {
			defer c.client.close()
			c.run()
		})
	}
	if kill {
		after := 20 + draw.Int64N(linearClients*linearOps/2)
		eventually(t, hangLimit, "in the middle of the requests", func() bool { return l.count.Load() >= after })
		s.Kill()
	}
	wg.Wait()
	if kill {
		s.Restart()
	}
}

// finish reads every key after all else, and compares the listing.
func (l *linearRound) finish(s *harness.Server) {
	c := &linearClient{history: l.history, number: linearClients, client: newClient(s, "linear"), seen: map[string]string{}}
	defer c.client.close()
	names, err := c.client.list()
	if err != nil {
		l.ledger.problem("%v", err)
	}
	for _, key := range l.keys {
		c.read(http.MethodGet, key)
		if in := names[key].etag; in != c.seen[key] {
			l.ledger.problem("%s has the ETag %q, and in the listing %q", key, c.seen[key], in)
		}
	}
}

// explain shows the keys whose answers nothing explains.
func (l *linearRound) explain() string {
	model := register(l.etags, l.copied)
	text := ""
	for _, part := range model.Partition(l.ops) {
		if porcupine.CheckOperationsTimeout(model, part, searchLimit) != porcupine.Illegal {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
		for _, o := range part {
			text += fmt.Sprintf("%9d to %9d µs, client %2d: %s\n", o.Call/1000, o.Return/1000, o.ClientId, model.DescribeOperation(o.Input, o.Output))
		}
	}
	return text
}

// TestRegisterKnowsWrongAnswers: the test above can fail.
func TestRegisterKnowsWrongAnswers(t *testing.T) {
	etags := map[string]string{"a": "A", "b": "B", "copy-of-a": "A", "parts": "P-1"}
	op := func(from, to int64, in ask, out told) porcupine.Operation {
		in.key = "k"
		return porcupine.Operation{Input: in, Output: out, Call: from, Return: to}
	}
	put := func(from, to int64, op1 string, status int) porcupine.Operation {
		return op(from, to, ask{kind: "write", op: op1}, told{status: status})
	}
	get := func(from, to int64, op1 string) porcupine.Operation {
		return op(from, to, ask{kind: "read"}, told{status: http.StatusOK, op: op1})
	}
	create := func(from, to int64, op1 string, status int) porcupine.Operation {
		return op(from, to, ask{kind: "create", op: op1}, told{status: status})
	}
	gone := op(5, 6, ask{kind: "read"}, told{status: http.StatusNotFound})
	tests := []struct {
		name string
		ops  []porcupine.Operation
		want porcupine.CheckResult
	}{
		{"ReadSeesTheWrite", []porcupine.Operation{put(1, 2, "a", 200), get(3, 4, "a")}, porcupine.Ok},
		{"StaleRead", []porcupine.Operation{put(1, 2, "a", 200), put(3, 4, "b", 200), get(5, 6, "a")}, porcupine.Illegal},
		{"WritesCross", []porcupine.Operation{put(1, 4, "a", 200), put(1, 4, "b", 200), get(5, 6, "a")}, porcupine.Ok},
		{"ReadsGoBack", []porcupine.Operation{put(1, 9, "a", 200), put(1, 9, "b", 200), get(2, 3, "a"), get(4, 5, "b"), get(6, 7, "a")}, porcupine.Illegal},
		{"AcknowledgedAndGone", []porcupine.Operation{put(1, 2, "a", 200), gone}, porcupine.Illegal},
		{"UnansweredAndNever", []porcupine.Operation{put(1, math.MaxInt64, "a", 0), gone}, porcupine.Ok},
		{"UnansweredAndLate", []porcupine.Operation{put(1, math.MaxInt64, "a", 0), gone, get(7, 8, "a")}, porcupine.Ok},
		{"UnansweredAndUndone", []porcupine.Operation{put(1, math.MaxInt64, "a", 0), get(3, 4, "a"), gone}, porcupine.Illegal},
		{"OneCreates", []porcupine.Operation{create(1, 4, "a", 200), create(1, 4, "b", 412), get(5, 6, "a")}, porcupine.Ok},
		{"BothCreate", []porcupine.Operation{create(1, 4, "a", 200), create(1, 4, "b", 200)}, porcupine.Illegal},
		{"NobodyCreates", []porcupine.Operation{create(1, 4, "a", 412), create(1, 4, "b", 412)}, porcupine.Illegal},
		{"DeletedAndBack", []porcupine.Operation{put(1, 2, "a", 200), op(3, 4, ask{kind: "delete"}, told{status: 204}), get(5, 6, "a")}, porcupine.Illegal},
		{"ReplacesAnother", []porcupine.Operation{put(1, 2, "a", 200), op(3, 4, ask{kind: "replace", op: "b", etag: "B"}, told{status: 200})}, porcupine.Illegal},
		{"ReplacesACopy", []porcupine.Operation{put(1, 2, "copy-of-a", 200), op(3, 4, ask{kind: "replace", op: "b", etag: "A"}, told{status: 200})}, porcupine.Ok},
		{"CopiesParts", []porcupine.Operation{put(1, 2, "parts", 200), op(3, 4, ask{kind: "read"}, told{status: 200, etag: "P"})}, porcupine.Ok},
		{"CopiesPartsOfAnother", []porcupine.Operation{put(1, 2, "parts", 200), op(3, 4, ask{kind: "read"}, told{status: 200, etag: "A"})}, porcupine.Illegal},
		{"CopiesWhatWasNot", []porcupine.Operation{put(1, 2, "a", 200), op(3, 4, ask{kind: "read"}, told{status: 200, etag: "B"})}, porcupine.Illegal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := porcupine.CheckOperationsTimeout(register(etags, map[string]string{"P-1": "P"}), tt.ops, searchLimit); got != tt.want {
				t.Errorf("CheckOperations = %s, want %s", got, tt.want)
			}
		})
	}
}
