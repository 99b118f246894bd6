package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	idleAfter = 2 * time.Second // of rest, before a server counts as idle
	fillShare = 6               // of the run's time that filling one server may take
)

// runner measures every subject in every round.
type runner struct {
	opt      options
	dir      string // of this run
	lines    []line
	limits   []limit
	subjects []*subject
	machine  *machineLimits
	certs    *certificates
	progress io.Writer
	report   *report
}

// newRunner finds what can be measured, builds coffer, and says what is left out.
func newRunner(ctx context.Context, opt options, dir string, progress io.Writer) (*runner, error) {
	r := &runner{opt: opt, dir: dir, progress: progress, report: newReport(opt)}
	r.report.progress = progress
	for _, l := range plan() {
		if opt.lines.MatchString(l.name) {
			r.lines = append(r.lines, l)
		}
	}
	for _, l := range limits() {
		needed := slices.ContainsFunc(r.lines, func(of line) bool { return slices.Contains(of.limits, l.name) })
		if needed || opt.lines.MatchString(l.name) {
			r.limits = append(r.limits, l)
		}
	}
	if len(r.lines)+len(r.limits) == 0 {
		return nil, fmt.Errorf("-lines %q: no line and no limit matches", opt.lines)
	}
	r.report.begin(r.lines, r.limits)
	if err := r.findMachine(); err != nil {
		return nil, err
	}
	var err error
	if r.certs, err = makeCertificates(filepath.Join(dir, "tls"), time.Now()); err != nil {
		return nil, err
	}
	if len(r.lines) > 0 {
		err = r.findSubjects(ctx)
	}
	return r, err
}

func (r *runner) findMachine() error {
	r.machine = &machineLimits{dir: filepath.Join(r.dir, "limits"), duration: r.opt.duration / 2}
	if err := os.MkdirAll(r.machine.dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for the limits: %w", err)
	}
	if self, err := os.Executable(); err == nil && !strings.HasSuffix(self, ".test") {
		r.machine.self = self
	}
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // Debian's is not in every PATH
		if path, err := exec.LookPath(name); err == nil && r.machine.nginx == "" {
			r.machine.nginx = path
		}
	}
	return nil
}

func (r *runner) findSubjects(ctx context.Context) error {
	program := r.opt.coffer
	if program == "" {
		program = filepath.Join(r.dir, "bin", "coffer") // beside its data
		r.say("building coffer")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "coffer/cmd/coffer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build coffer: %w\n%s", err, out)
		}
	}
	sign := signer{accessKeyID: "bench" + rand.Text()[:15], secret: rand.Text() + rand.Text()[:14], now: time.Now()}
	add := func(name, program string, l launcher) error {
		s, err := newSubject(name, program, filepath.Join(r.dir, name), sign, l)
		if err == nil {
			r.subjects = append(r.subjects, s)
			r.report.Subjects = append(r.report.Subjects, name)
		}
		return err
	}
	if err := add("coffer", program, launchCoffer); err != nil {
		return err
	}
	for _, name := range peerNames() {
		path, ok := r.opt.peers[name]
		if !ok {
			r.report.note("skipped: %s was not given (--peer %s=PATH)", name, name)
			continue
		}
		found, err := exec.LookPath(path)
		if err != nil {
			r.report.note("skipped: %s: %v", name, err)
			continue
		}
		if found, err = filepath.Abs(found); err != nil {
			return err
		}
		if err := add(name, found, peers()[name]); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) say(format string, args ...any) { fmt.Fprintf(r.progress, format+"\n", args...) }

// rounds measures everything, each round in the other order than the one before.
func (r *runner) rounds(ctx context.Context) error {
	for round := range r.opt.rounds {
		order := slices.Clone(r.subjects)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		r.measureLimits(ctx, round)
		for _, s := range order {
			if ctx.Err() != nil {
				return nil // the caller says so
			}
			err := r.visit(ctx, round, s)
			switch {
			case err == nil || ctx.Err() != nil:
			case s.name == "coffer":
				return err
			default: // a peer that cannot run is no reason to lose the others
				r.report.note("%s is left out from round %d on: %v", s.name, round+1, err)
				r.subjects = slices.DeleteFunc(r.subjects, func(o *subject) bool { return o == s })
			}
		}
	}
	return nil
}

func (r *runner) measureLimits(ctx context.Context, round int) {
	for i := 0; i < len(r.limits); i++ {
		if ctx.Err() != nil {
			return
		}
		l := r.limits[i]
		got, err := l.measure(ctx, r.machine)
		if err != nil && ctx.Err() == nil {
			r.report.note("skipped: %s: %v", l.name, err)
			r.limits = slices.Delete(r.limits, i, i+1)
			i--
		}
		if err == nil {
			r.report.add(r.report.Limits, l.name, machineColumn, got)
			r.say("round %d  %-52s %-10s %12.1f %s", round+1, l.name, machineColumn, got.Value, l.unit)
		}
	}
}

// visit measures one server in one round. Its data stay for the next round.
func (r *runner) visit(ctx context.Context, round int, s *subject) error {
	if !s.begun {
		if err := r.begin(ctx, s); err != nil {
			return err
		}
	}
	plain := func(l line) bool { return l.step != nil && !l.tls }
	figures := func(l line) bool {
		return l.step == nil && l.name != figureDisk && l.name != figureAmplified && l.name != figureStartEmpty
	}
	if slices.ContainsFunc(r.lines, plain) || slices.ContainsFunc(r.lines, figures) {
		if err := r.visitWith(ctx, round, s, nil, plain); err != nil {
			return err
		}
	}
	secure := func(l line) bool { return l.step != nil && l.tls }
	if s.name == "coffer" && slices.ContainsFunc(r.lines, secure) && ctx.Err() == nil {
		return r.visitWith(ctx, round, s, r.certs, secure)
	}
	return nil
}

// visitWith starts s, runs the lines that which chooses, and ends s.
func (r *runner) visitWith(ctx context.Context, round int, s *subject, certs *certificates, which func(line) bool) error {
	run, p, took, err := s.serve(ctx, certs)
	if err != nil {
		return err
	}
	defer p.stop()
	if certs == nil {
		if err := r.idleFigures(ctx, s, p, took); err != nil {
			return err
		}
	}
	for _, l := range r.lines {
		if ctx.Err() != nil {
			return nil
		}
		if !which(l) {
			continue
		}
		got := measure(ctx, run, l, r.opt.duration)
		if ctx.Err() != nil {
			return nil // it was cut short, so its figure says nothing
		}
		r.say("round %d  %-52s %-10s %12.1f %-8s %8.0f µs", round+1, l.name, s.name, got.Value, l.unit, got.CPU)
		r.report.add(r.report.Lines, l.name, s.name, got)
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended during %q; it said:\n%s", s.name, l.name, p.tail())
		default:
		}
	}
	if certs == nil {
		m, err := memoryOf(p.pid())
		if err != nil {
			return fmt.Errorf("read the memory of %s: %w", s.name, err)
		}
		r.figure(s, figurePeak, float64(m.peak)/mib)
	}
	return nil
}

// idleFigures takes what is known before the first request of a round.
func (r *runner) idleFigures(ctx context.Context, s *subject, p *process, took time.Duration) error {
	r.figure(s, figureStart, took.Seconds()*1000)
	if r.report.row(r.report.Lines, figureIdle) == nil {
		return nil
	}
	select {
	case <-time.After(idleAfter):
	case <-ctx.Done():
		return nil
	}
	m, err := memoryOf(p.pid())
	if err != nil {
		return fmt.Errorf("read the memory of %s: %w", s.name, err)
	}
	r.figure(s, figureIdle, float64(m.now)/mib)
	return nil
}

func (r *runner) figure(s *subject, name string, value float64) {
	r.report.add(r.report.Lines, name, s.name, sample{Ops: 1, Value: value})
}

// begin starts s for the first time, makes its bucket, and fills it if a line
// reads from it.
func (r *runner) begin(ctx context.Context, s *subject) error {
	run, p, took, err := s.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer p.stop() // again, if all went well, which is harmless
	r.figure(s, figureStartEmpty, took.Seconds()*1000)
	if err := run.makeBucket(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if !slices.ContainsFunc(r.lines, func(l line) bool { return l.filled }) {
		return nil
	}
	empty, err := diskUsage(s.dir)
	before, err2 := usageOf(p.pid())
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	r.say("filling %s with %d keys", s.name, r.opt.keys)
	s.wanted = r.opt.keys
	if s.filled, err = fill(run, s.wanted, r.opt.limit/fillShare); err != nil {
		return fmt.Errorf("fill %s: %w", s.name, err)
	}
	if s.filled < s.wanted {
		r.report.note("%s took only %d of %d keys in %s: its figures of listings, start and memory are of those", s.name, s.filled, s.wanted, r.opt.limit/fillShare)
	}
	if s.filled == 0 {
		return fmt.Errorf("%s took no keys in %s", s.name, r.opt.limit/fillShare)
	}
	after, err := usageOf(p.pid())
	if err != nil {
		return err
	}
	r.figure(s, figureAmplified, float64(after.wroteBytes-before.wroteBytes)/float64(s.filled)/filledSize)
	p.stop()
	full, err := diskUsage(s.dir)
	if err != nil {
		return err
	}
	r.figure(s, figureDisk, float64(full-empty)/float64(s.filled))
	return nil
}
