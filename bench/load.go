package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errDone ends a worker: what there was to do is done.
var errDone = errors.New("done")

// failuresMax ends a line whose server refuses everything.
const failuresMax = 100

// warmShare of a line's duration goes by before it is measured, where it warms.
const warmShare = 5

// sample is one line on one server in one round.
type sample struct {
	Ops        int     `json:"ops"`
	Seconds    float64 `json:"seconds"`
	Value      float64 `json:"value"` // rate or figure, in the unit of the line
	P50        float64 `json:"p50_ms,omitempty"`
	P99        float64 `json:"p99_ms,omitempty"`
	P999       float64 `json:"p999_ms,omitempty"`
	Longest    float64 `json:"longest_ms,omitempty"`
	CPU        float64 `json:"server_cpu_us_per_op,omitempty"`
	ClientCPU  float64 `json:"client_cpu_us_per_op,omitempty"`
	Amplified  float64 `json:"written_per_byte,omitempty"` // bytes written to the disk for each byte of an object
	Failed     int     `json:"failed,omitempty"`
	FirstError string  `json:"first_error,omitempty"`
}

// worker is one connection of a line and what it remembers between requests.
type worker struct {
	*session
	c    conn
	id   int
	rng  *rand.Rand
	next *atomic.Int64 // steps that were begun, of all workers

	token      string // of the list page that comes next
	there, not []int  // mixed: keys of this worker that exist, and that do not

	times    []int64 // nanoseconds of each step
	failed   int
	firstErr error
}

// measure runs l against s for d, or until the line's bound is reached.
func measure(ctx context.Context, s *session, l line, d time.Duration) sample {
	if l.prepare != nil {
		if err := l.prepare(s); err != nil {
			return sample{Failed: 1, FirstError: fmt.Sprintf("prepare: %v", err)}
		}
	}
	workers := make([]*worker, l.conns)
	next := new(atomic.Int64)
	for i := range workers {
		workers[i] = &worker{session: s, id: i, next: next, c: conn{addr: s.addr, tls: s.tls}, rng: rand.New(rand.NewPCG(1, uint64(i)))}
		defer workers[i].c.close()
	}
	if l.warm {
		work(ctx, workers, l, d/warmShare)
		for _, w := range workers {
			w.times = w.times[:0]
		}
	}
	next.Store(0)
	before, err := usageOf(s.pid)
	client, start := processCPU(), time.Now()
	work(ctx, workers, l, d)
	elapsed := time.Since(start)
	client = processCPU() - client
	after, err2 := usageOf(s.pid)
	out := summarize(workers, l, elapsed)
	if err := errors.Join(err, err2); err != nil {
		out.Failed++
		out.FirstError = fmt.Sprintf("read what the server used: %v", err)
	}
	if out.Ops > 0 {
		out.CPU = float64((after.cpu - before.cpu).Microseconds()) / float64(out.Ops)
		out.ClientCPU = client * 1e6 / float64(out.Ops)
		if l.size > 0 {
			out.Amplified = float64(after.wroteBytes-before.wroteBytes) / float64(out.Ops) / float64(l.size)
		}
	}
	return out
}

// work runs all workers for d. A request under way is always finished; its own
// timeout bounds it.
func work(ctx context.Context, workers []*worker, l line, d time.Duration) {
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() { w.loop(ctx, l, end) })
	}
	wg.Wait()
}

func (w *worker) loop(ctx context.Context, l line, end time.Time) {
	for now := time.Now(); now.Before(end) && ctx.Err() == nil && w.failed < failuresMax; {
		if l.max > 0 && w.next.Add(1) > int64(l.max) {
			return
		}
		err := l.step(w)
		after := time.Now()
		switch {
		case errors.Is(err, errDone):
			return
		case err != nil:
			w.failed++
			if w.firstErr == nil {
				w.firstErr = err
			}
		default:
			w.times = append(w.times, int64(after.Sub(now)))
		}
		now = after
	}
}

func summarize(workers []*worker, l line, elapsed time.Duration) sample {
	var out sample
	var times []int64
	for _, w := range workers {
		times = append(times, w.times...)
		out.Failed += w.failed
		if w.firstErr != nil && out.FirstError == "" {
			out.FirstError = w.firstErr.Error()
		}
	}
	slices.Sort(times)
	out.Ops, out.Seconds = len(times), elapsed.Seconds()
	out.Value = float64(out.Ops) * l.per / out.Seconds
	out.P50 = float64(quantile(times, .50)) / 1e6
	out.P99 = float64(quantile(times, .99)) / 1e6
	out.P999 = float64(quantile(times, .999)) / 1e6
	out.Longest = float64(quantile(times, 1)) / 1e6
	return out
}

// call sends r and expects a 2xx.
func (w *worker) call(r request) (answer, error) {
	a, err := w.c.do(r)
	if err == nil && a.status/100 != 2 {
		err = fmt.Errorf("%s answered %d %s", r.method, a.status, between(a.body, "<Code>", "</Code>"))
	}
	return a, err
}
