package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The longest that a server may take. Each only tells a hang from a slow
// machine; none is a claim about speed.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 60 * time.Second
	pollInterval = 2 * time.Millisecond
)

// Options say how a server is started; the zero value is a new, empty one.
type Options struct {
	// Data is the data folder, made in the test's own if empty.
	Data string
	// AccessKeyID and Secret are the first account's pair, drawn if empty.
	AccessKeyID, Secret string
	// TLS serves https with a certificate for localhost and 127.0.0.1 that
	// Server.CAFile vouches for.
	TLS bool
	// Args and Env are added to the command line and to the environment.
	Args, Env []string
	// Prefix is what runs the command line, if not nobody: it must end in an exec, so
	// that the process stays the server.
	Prefix []string
}

// Server is one coffer on one data folder, over any number of starts.
type Server struct {
	// Endpoint and Admin are URLs. They change with every start.
	Endpoint, Admin string
	// Data is the data folder.
	Data string
	// AccessKeyID and Secret are the pair that the first account has.
	AccessKeyID, Secret string
	// CAFile is the PEM file of who signed the certificate, with Options.TLS.
	CAFile string
	// Took is how long the last start took until the server answered.
	Took time.Duration

	t       testing.TB
	opts    Options
	dir     string // the ready file, the log and certificates
	cmd     *exec.Cmd
	ended   <-chan struct{} // closed when cmd has ended
	mu      sync.Mutex      // guards secrets
	secrets []string
}

// Start starts a server, fails the test if it does not serve, and stops it when
// the test ends; its exit code and its log are looked at then.
func Start(t testing.TB, opts Options) *Server {
	t.Helper()
	s := &Server{t: t, opts: opts, dir: t.TempDir(), Data: opts.Data, AccessKeyID: opts.AccessKeyID, Secret: opts.Secret}
	if s.Data == "" {
		s.Data = filepath.Join(s.dir, "data")
	}
	if s.AccessKeyID == "" {
		s.AccessKeyID, s.Secret = "TEST"+randomText(16), randomText(26)
	}
	s.Hide(s.Secret)
	if opts.TLS {
		if err := writeCertificates(s.dir); err != nil {
			t.Fatalf("make certificates: %v", err)
		}
		s.CAFile = filepath.Join(s.dir, caFile)
	}
	t.Cleanup(func() {
		if s.running() {
			s.Stop()
		}
		s.checkLog()
	})
	s.Restart()
	return s
}

// Restart starts the server again on the same data folder, after Stop or Kill.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.TryRestart(); err != nil {
		s.t.Fatal(err)
	}
}

// TryRestart is Restart for a server that may rightly refuse to start, as on a
// full disk: the error bears what it said.
func (s *Server) TryRestart() error {
	s.t.Helper()
	if s.running() {
		s.t.Fatal("restart: the server runs already")
	}
	ready := filepath.Join(s.dir, "ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the ready file of the last start: %w", err)
	}
	log, err := os.OpenFile(s.Log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find the end of the log: %w", err)
	}
	line := append(slices.Clone(s.opts.Prefix), Binary(s.t))
	cmd := exec.Command(line[0], append(line[1:], s.arguments(ready)...)...)
	cmd.Env = append(environ(),
		"COFFER_ROOT_ACCESS_KEY_ID="+s.AccessKeyID,
		"COFFER_ROOT_SECRET_ACCESS_KEY="+s.Secret)
	cmd.Env = append(cmd.Env, s.opts.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	begin := time.Now()
	ended, err := spawn(cmd)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	s.cmd, s.ended = cmd, ended
	if err := s.waitReady(ready); err != nil {
		return fmt.Errorf("%w; it said:\n%s", err, s.logFrom(from))
	}
	s.Took = time.Since(begin)
	return nil
}

func (s *Server) arguments(ready string) []string {
	// The log is at debug, because that is where net/http says that a handler
	// panicked.
	args := []string{"serve", "--data", s.Data, "--s3-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--ready-file", ready, "--log-format", "json", "--log-level", "debug"}
	if s.opts.TLS {
		args = append(args, "--tls-cert", filepath.Join(s.dir, certFile), "--tls-key", filepath.Join(s.dir, keyFile))
	}
	return append(args, s.opts.Args...)
}

// waitReady reads the ready file as soon as it is there.
func (s *Server) waitReady(path string) error {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		b, err := os.ReadFile(path)
		if err == nil {
			var ready struct{ S3, Admin string }
			if err := json.Unmarshal(b, &ready); err != nil {
				return fmt.Errorf("read the ready file %q: %w", b, err)
			}
			s.Endpoint, s.Admin = ready.S3, ready.Admin
			return nil
		}
		select {
		case <-poll.C:
		case <-s.ended:
			return fmt.Errorf("the server ended at its start with %s", s.cmd.ProcessState)
		case <-timeout.C:
			s.dump()
			return fmt.Errorf("the server was not ready after %s", startTimeout)
		}
	}
}

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Exited is closed when the process of the last start has ended.
func (s *Server) Exited() <-chan struct{} { return s.ended }

// Stop asks the server to stop, waits, and fails the test if its exit code is
// not 0.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Errorf("stop the server: %v (%s)", err, s.cmd.ProcessState)
		return
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-s.ended:
	case <-timeout.C:
		s.dump()
		s.t.Errorf("the server did not stop within %s of SIGTERM; where it was is at the end of its log", stopTimeout)
		return
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("the server ended with %s after SIGTERM, want exit code 0", s.cmd.ProcessState)
	}
}

// Kill ends the server with SIGKILL and waits until it has ended. A server that
// ended before is left as it is, so Kill may race with the server's own end.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("kill the server: %v", err)
	}
	<-s.ended
}

// dump ends a server that hangs, leaving the stacks of its goroutines in the log.
func (s *Server) dump() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-s.ended:
	case <-timeout.C:
		s.Kill()
	}
}

func (s *Server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Command runs an operator command on the server's data folder: Command("key",
// "list") is `coffer key list --data DIR`.
func (s *Server) Command(args ...string) Result {
	s.t.Helper()
	return Run(s.t, nil, append(args, "--data", s.Data)...)
}

// Hide adds a secret that the log must not hold.
func (s *Server) Hide(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = append(s.secrets, secret)
}

// Log is the path of the file with all that the server wrote, over all starts.
func (s *Server) Log() string { return filepath.Join(s.dir, "coffer.log") }

func (s *Server) logFrom(offset int64) string {
	b, err := os.ReadFile(s.Log())
	if err != nil || int64(len(b)) < offset {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return tail(string(b[offset:]))
}

// tailMax bounds what of a log goes into a test's output.
const tailMax = 8 << 10

// tail is the end of a text, from the start of a line.
func tail(text string) string {
	if len(text) <= tailMax {
		return text
	}
	text = text[len(text)-tailMax:]
	_, text, _ = strings.Cut(text, "\n")
	return "…\n" + text
}
