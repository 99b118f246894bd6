package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
	pollEvery    = time.Millisecond // while a server starts; what a start time is exact to
	tailMax      = 2 << 10          // of a log, in an error
)

// process is a program that this one started, and ends.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended
	log   string        // file of its standard error
}

// start runs program. It ends with this process, also when that is killed.
func start(program string, c command, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the log: %w", err)
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(program, c.args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "COFFER_") && !strings.HasPrefix(kv, "MINIO_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, c.env...)
	cmd.Stderr = out
	endWithParent(cmd)
	p := &process{cmd: cmd, ended: make(chan struct{}), log: log}
	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that forked it, so this one
		// must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, gently first.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail returns the end of what the process said.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailMax):])
}

// await asks the process until ready returns true, and returns how long that
// took since from.
func (p *process) await(ctx context.Context, from time.Time, ready func() bool) (time.Duration, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	end := time.After(startTimeout)
	for {
		if ready() {
			return time.Since(from), nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return 0, fmt.Errorf("it ended instead of starting; it said:\n%s", p.tail())
		case <-end:
			return 0, fmt.Errorf("no answer within %s; it said:\n%s", startTimeout, p.tail())
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// serve starts s, over TLS if there are certificates, and waits until it answers
// a signed request. It returns how long that took.
func (s *subject) serve(ctx context.Context, certs *certificates) (*session, *process, time.Duration, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, nil, 0, fmt.Errorf("make the data folder of %s: %w", s.name, err)
	}
	folder := ""
	out := &session{subject: s, ctx: ctx}
	if certs != nil {
		folder, out.tls = certs.dir, certs.client
	}
	c, err := s.launch(s, folder)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("prepare %s: %w", s.name, err)
	}
	from := time.Now()
	p, err := start(s.program, c, s.dir+".log")
	if err != nil {
		return nil, nil, 0, err
	}
	out.pid = p.pid()
	w := &worker{session: out, c: conn{addr: s.addr, tls: out.tls}}
	defer w.c.close()
	target := s.signer.target("GET", "/"+bucket, "list-type=2&max-keys=1")
	took, err := p.await(ctx, from, func() bool {
		a, err := w.c.do(request{method: "GET", target: target})
		return err == nil && (a.status == 200 || a.status == 404 && !s.begun)
	})
	if err != nil {
		p.stop()
		return nil, nil, 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	return out, p, took, nil
}

// makeBucket makes the bucket of the run.
func (s *session) makeBucket() error {
	w := &worker{session: s, c: conn{addr: s.addr, tls: s.tls}}
	defer w.c.close()
	if _, err := w.call(request{method: "PUT", target: s.signer.target("PUT", "/"+bucket, "")}); err != nil {
		return fmt.Errorf("make a bucket: %w", err)
	}
	s.begun = true
	return nil
}

// diskUsage returns the bytes that the files below dir take on their disk.
func diskUsage(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // it was removed meanwhile
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // it was removed meanwhile
		}
		sum += diskSize(info)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("weigh %s: %w", dir, err)
	}
	return sum, nil
}
