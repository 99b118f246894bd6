package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"
)

const (
	growFolder = "coffer-growth" // in the data folder; it stays, so that a run can go on
	growFrom   = 100_000         // keys at which the first figures are taken
	growStep   = 20_000          // keys between two notes of how far it is
)

// growth is one bucket that grows over any number of runs, and what was measured
// on its way. It is kept as JSON beside the data.
type growth struct {
	AccessKeyID string       `json:"access_key_id"`
	Secret      string       `json:"secret"`
	Wanted      int          `json:"wanted"`
	Size        int          `json:"size"` // bytes of each object
	Keys        int          `json:"keys"`
	Stages      []growStage  `json:"stages"`
	Writes      []growWrites `json:"writes"`
}

// growStage is what was measured with so many keys, by the name of the line.
type growStage struct {
	Keys    int                `json:"keys"`
	Figures map[string]float64 `json:"figures"`
}

// growWrites is how long the writes took that brought the bucket to so many keys,
// in milliseconds.
type growWrites struct {
	Keys    int     `json:"keys"`
	Rate    float64 `json:"ops_per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	P999    float64 `json:"p999_ms"`
	Longest float64 `json:"longest_ms"`
}

// grow lets one bucket grow to opt.grow keys of opt.size bytes, measures it at 100,000 and
// at the end, and says how the figures compare. A run that ends early, at its limit
// or when it is stopped, is gone on with by the next one.
func grow(ctx context.Context, r *runner, stdout io.Writer) error {
	dir := filepath.Join(r.opt.data, growFolder)
	file := filepath.Join(dir, "growth.json")
	g, err := readGrowth(file)
	if err != nil {
		return err
	}
	if g.Wanted == 0 {
		g = growth{AccessKeyID: "bench" + rand.Text()[:15], Secret: rand.Text() + rand.Text()[:14], Wanted: r.opt.grow, Size: r.opt.size}
	}
	if g.Wanted != r.opt.grow || g.Size != r.opt.size {
		return fmt.Errorf("%s is a bucket that grows to %d keys of %d bytes: remove it, or ask for -grow %d -size %d", dir, g.Wanted, g.Size, g.Wanted, g.Size)
	}
	s, err := newSubject("coffer", r.subjects[0].program, filepath.Join(dir, "data"), signer{accessKeyID: g.AccessKeyID, secret: g.Secret, now: time.Now()}, launchCoffer)
	if err != nil {
		return err
	}
	s.wanted, s.filled, s.each, s.begun = g.Wanted, g.Keys, g.Size, g.Keys > 0
	for _, stage := range []int{min(growFrom, g.Wanted), g.Wanted} {
		if slices.ContainsFunc(g.Stages, func(done growStage) bool { return done.Keys == stage }) {
			continue
		}
		if err := r.growTo(ctx, s, &g, stage, file); err != nil {
			return errors.Join(err, g.write(file))
		}
		if ctx.Err() != nil || g.Keys < stage {
			break
		}
		figures, err := r.measureGrown(ctx, s)
		if ctx.Err() != nil {
			r.say("the run ended before the figures of %d keys were taken: the same command takes them", stage)
			break
		}
		if err != nil {
			return err
		}
		g.Stages = append(g.Stages, growStage{stage, figures})
		if err := g.write(file); err != nil {
			return err
		}
	}
	if g.Keys < g.Wanted {
		r.say("there are %d of %d keys; the same command goes on from there", g.Keys, g.Wanted)
	}
	r.say("%s holds the bucket: remove it when you are done", dir)
	return g.writeTables(stdout)
}

func readGrowth(file string) (g growth, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return g, os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		err = fmt.Errorf("read how far the bucket has grown: %w", err)
	}
	return g, err
}

func (g *growth) write(file string) error {
	text, err := json.MarshalIndent(g, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write how far the bucket has grown: %w", err)
	}
	return nil
}

// growTo puts the keys that are missing, as far as ctx lets it.
func (r *runner) growTo(ctx context.Context, s *subject, g *growth, keys int, file string) error {
	if g.Keys >= keys {
		return nil
	}
	run, p, _, err := s.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer p.stop()
	if !s.begun {
		if err := run.makeBucket(); err != nil {
			return err
		}
	}
	for g.Keys < keys && ctx.Err() == nil {
		first, n := g.Keys, min(growStep, keys-g.Keys)
		t := presign(first, n, func(i int) string { return s.signer.target("PUT", filledPath(i, g.Wanted), "") })
		var turn atomic.Int64
		got := measure(ctx, run, line{per: 1, conns: putConns, max: n, step: func(w *worker) error {
			i := first + int(turn.Add(1)) - 1
			_, err := w.call(request{method: "PUT", target: t.at(i), body: body(g.Size, i)})
			return err
		}}, r.opt.limit)
		if ctx.Err() != nil {
			return nil // these keys are put again by the next run
		}
		if got.Failed > 0 || got.Ops < n {
			return fmt.Errorf("%d of %d keys were put: %s", got.Ops, n, got.FirstError)
		}
		g.Keys += n
		s.filled = g.Keys
		g.Writes = append(g.Writes, growWrites{g.Keys, got.Value, got.P50, got.P99, got.P999, got.Longest})
		if err := g.write(file); err != nil {
			return err
		}
		r.say("%d keys, %.0f PUT/s, p50 %.1f ms, p99.9 %.1f ms, longest %.1f ms", g.Keys, got.Value, got.P50, got.P999, got.Longest)
	}
	return nil
}

// grownLines are measured at each stage, after a new start.
func grownLines() []line {
	var lines []line
	for _, l := range plan() {
		switch l.name {
		case "GET 4 KiB, 32 connections":
			l.name = "GET, 32 connections" // of the size that this bucket has
		case "LIST flat, page of 1,000", "PUT 4 KiB, 32 connections":
		default:
			continue
		}
		lines = append(lines, l)
	}
	return lines
}

func (r *runner) measureGrown(ctx context.Context, s *subject) (map[string]float64, error) {
	run, p, took, err := s.serve(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	clear(s.tables) // what was signed is for fewer keys
	figures := map[string]float64{figureStart: took.Seconds() * 1000}
	select {
	case <-time.After(idleAfter):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m, err := memoryOf(p.pid())
	if err != nil {
		return nil, err
	}
	figures[figureIdle] = float64(m.now) / mib
	for _, l := range grownLines() {
		got := measure(ctx, run, l, r.opt.duration)
		if got.Failed > 0 {
			return nil, fmt.Errorf("%s with %d keys: %s", l.name, s.filled, got.FirstError)
		}
		figures[l.name] = got.Value
		r.say("%-40s %12.1f %s", l.name, got.Value, l.unit)
	}
	if m, err = memoryOf(p.pid()); err != nil {
		return nil, err
	}
	figures[figurePeak] = float64(m.peak) / mib
	return figures, ctx.Err()
}

// writeTables prints each line at each stage, and how the writes went on the way.
func (g *growth) writeTables(w io.Writer) error {
	rows := [][]string{{"line", "unit"}}
	for _, s := range g.Stages {
		rows[0] = append(rows[0], "at "+figure(float64(s.Keys))+" keys")
	}
	rows[0] = append(rows[0], "last : first")
	for _, l := range append(grownLines(), line{name: figureStart, unit: "ms", less: true},
		line{name: figureIdle, unit: "MiB", less: true}, line{name: figurePeak, unit: "MiB", less: true}) {
		row := []string{l.name, l.unit}
		for _, s := range g.Stages {
			row = append(row, figure(s.Figures[l.name]))
		}
		if n := len(g.Stages); n > 1 {
			row = append(row, ratio(g.Stages[n-1].Figures[l.name], g.Stages[0].Figures[l.name], l.less))
		} else {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	var rates, p999, longest []float64
	for _, b := range g.Writes {
		rates, p999, longest = append(rates, b.Rate), append(p999, b.P999), append(longest, b.Longest)
	}
	slices.Sort(p999)
	if _, err := fmt.Fprintf(w, "%s\n%d keys of %d bytes. A ratio above 1 is better.\n", table(rows), g.Keys, g.Size); err != nil || len(rates) == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "PUTs while it grew, in steps of %d by %d connections: median %.0f/s, slowest step %.0f/s; p99.9 of a step: median %.1f ms, worst %.1f ms; longest of all %.1f ms.\n",
		growStep, putConns, median(rates), slices.Min(rates), median(p999), p999[len(p999)-1], slices.Max(longest))
	return err
}
