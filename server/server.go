// Package server builds all of coffer from a Config and runs it: the stores, the
// services on them, and the fronts that listen. It is the only package that names
// a driver. It knows nothing of flags, environment or configuration files, nor of
// what S3 means.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"coffer/backup"
	"coffer/metrics"
)

// abandonTimeout is how long requests may take to notice that their connection
// was cut, once the time for draining is over.
const abandonTimeout = 5 * time.Second

// Server is a coffer that holds its data folder and listens. New makes it, Run
// answers requests, and Close gives everything back.
type Server struct {
	cfg     Config
	metrics *metrics.Registry
	space   *space
	scarce  *scarce
	health  *health
	stores  stores
	backups *backup.Source
	root    root
	cert    *certificate // nil without TLS

	s3, console, admin, operator server
	connections                  *connections   // of the first two
	setupLink                    string         // where the first member joins; "" once there is one
	inFlight                     sync.WaitGroup // S3 and console requests
	reloads                      chan struct{}

	stop  context.CancelFunc // ends requests and jobs
	jobs  sync.WaitGroup
	close []func() error // undone from the last to the first

	repairing sync.Mutex // held by a repair

	abandoned bool // requests did not end: the process must
}

// server is one address that is listened on.
type server struct {
	http *http.Server
	l    net.Listener
	url  string
}

// New opens everything that a server needs, down to the listening addresses, so
// that whatever can be refused is refused before the first request. Its errors
// are sentences for the operator. What it did before an error is undone, apart
// from what it wrote in the data folder, which the next start goes on from.
func New(ctx context.Context, cfg Config) (_ *Server, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	// What lives as long as the server is not ended by the caller's signal, but
	// after draining.
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{cfg: cfg, metrics: metrics.New(version()), stop: stop, reloads: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	s.connections = newConnections(&s.cfg, boundMemory(os.Getenv))
	if err := dataFolder(cfg.Data); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(cfg.Data)
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, unlock)
	if cfg.ReadyFile != "" {
		// One that a killed server left would send programs to nobody.
		_ = os.Remove(cfg.ReadyFile)
	}

	// The addresses come before the stores: a port that is taken is the most
	// common reason not to start, and takes no time to find out.
	if err := s.listen(ctx); err != nil {
		return nil, err
	}

	s.space = newSpace(&s.cfg)
	s.scarce = &scarce{writable: s.space.Writable, now: s.cfg.Now}
	if err := s.space.roomToStart(metaDir(cfg.Data)); err != nil {
		return nil, err
	}
	s.space.upkeep()
	if s.stores, err = openStores(ctx, &s.cfg, s.space); err != nil {
		return nil, err
	}
	s.close = append(s.close, s.closeStores)
	if s.root, err = firstRun(ctx, &s.cfg, s.stores.meta, s.stores.accounts, s.stores.keys); err != nil {
		return nil, storeError(cfg.Data, err)
	}

	if s.setupLink, err = firstMember(ctx, &s.cfg, s.stores.accounts); err != nil {
		return nil, storeError(cfg.Data, err)
	}

	s.health = &health{store: s.stores.meta, writable: s.space.Writable}
	s.gauges()
	s.s3.http = httpServer(base, s.front(consoleOrigin(s.ConsoleURL(), s.s3Handler())), cfg.Logger)
	s.s3.http.ConnContext = s.connections.context
	if err := s.openConsole(base); err != nil {
		return nil, err
	}
	s.admin.http = httpServer(base, adminHandler(s.health, s.metrics.Handler(cfg.Logger)), cfg.Logger)
	s.operator.http = httpServer(base, s.operatorHandler(), cfg.Logger)
	if s.cert != nil {
		s.s3.http.TLSConfig = s.cert.config()
		s.console.http.TLSConfig = s.cert.config()
	}
	s.jobs.Go(func() { s.runJobs(base) })
	return s, nil
}

// listen opens the addresses. Connections wait in the kernel until Run.
func (s *Server) listen(ctx context.Context) error {
	scheme := "http"
	if s.cfg.TLSCert != "" {
		cert, err := openCertificate(s.cfg.TLSCert, s.cfg.TLSKey, s.cfg.Logger)
		if err != nil {
			return err
		}
		s.cert, scheme = cert, "https"
	}
	for _, a := range []struct {
		srv          *server
		scheme, flag string
		addr         string
	}{
		{&s.s3, scheme, "s3-addr", s.cfg.S3Addr},
		{&s.console, scheme, "console-addr", s.cfg.ConsoleAddr},
		{&s.admin, "http", "admin-addr", s.cfg.AdminAddr},
	} {
		l, err := listen(ctx, a.flag, a.addr)
		if err != nil {
			return err
		}
		a.srv.l, a.srv.url = l, baseURL(a.scheme, l)
		s.close = append(s.close, closeListener(l))
	}
	if s.cfg.PublicConsoleURL == "" {
		s.cfg.PublicConsoleURL = named(s.console.url)
		if s.cert != nil {
			s.cfg.PublicConsoleURL = s.cert.reachedBy(s.cfg.PublicConsoleURL)
		}
	}
	if s.cfg.PublicS3URL == "" && s.cert != nil {
		s.cfg.PublicS3URL = s.cert.reachedBy(s.s3.url)
	}
	l, err := listenOperator(SocketPath(s.cfg.Data))
	if err != nil {
		return fmt.Errorf("listen for operator commands: %w", err)
	}
	s.operator.l = l
	s.close = append(s.close, closeListener(l))
	return nil
}

func closeListener(l net.Listener) func() error {
	return func() error {
		// The HTTP server has closed it already when everything went well.
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// Reload reads the TLS certificate again.
func (s *Server) Reload() {
	select {
	case s.reloads <- struct{}{}:
	default: // one is waiting already
	}
}

// Endpoint is the URL that clients of the S3 address use.
func (s *Server) Endpoint() string {
	if s.cfg.PublicS3URL != "" {
		return s.cfg.PublicS3URL
	}
	return s.s3.url
}

// ConsoleURL is the URL by which people open the console.
func (s *Server) ConsoleURL() string { return s.cfg.PublicConsoleURL }

// SetupURL is where the first member joins, or "" once there is one.
func (s *Server) SetupURL() string { return s.setupLink }

// AdminURL is where health and metrics are.
func (s *Server) AdminURL() string { return s.admin.url }

// Run answers requests until ctx ends, then lets those under way finish for as
// long as the settings allow. It returns an error only if it could not go on;
// Close must follow in any case.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 4)
	for _, srv := range []*server{&s.s3, &s.console} {
		go func() {
			switch {
			case s.cert != nil:
				failed <- srv.http.ServeTLS(s.connections.listener(srv.l), "", "")
			case srv == &s.console: // its streams of events must not wait for more
				failed <- srv.http.Serve(s.connections.listener(srv.l))
			default:
				failed <- srv.http.Serve(s.connections.listener(coalescing{srv.l}))
			}
		}()
	}
	go func() { failed <- s.admin.http.Serve(s.admin.l) }()
	go func() { failed <- s.operator.http.Serve(s.operator.l) }()

	err := s.announce()
	resting, stop := context.WithCancel(ctx)
	defer stop()
	go rests(resting, s.connections.work, s.rest)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
			err = fmt.Errorf("serve: %w", err)
		}
	}
	if s.cfg.ReadyFile != "" {
		_ = os.Remove(s.cfg.ReadyFile)
	}
	return errors.Join(err, s.drain())
}

// announce tells people, programs and the log where the server answers.
func (s *Server) announce() error {
	s.cfg.Logger.Info("listening", "s3", s.s3.url, "console", s.console.url, "admin", s.admin.url, "data", s.cfg.Data, "version", version())
	g := greeting{
		command:  s.cfg.Command,
		endpoint: s.Endpoint(),
		console:  s.ConsoleURL(),
		setup:    s.setupLink,
		admin:    s.admin.url,
		region:   s.cfg.Regions[0],
		keyID:    string(s.root.key.Current.AccessKeyID),
		made:     s.root.made,
	}
	if !s.cfg.DataIsDefault {
		g.data = s.cfg.Data
	}
	if s.cert != nil {
		g.notes, g.bundle = s.cert.caveats(s.Endpoint(), s.s3.url)
	}
	if g.throwaway = s.cfg.Throwaway; g.throwaway {
		g.secret = s.root.secret
	}
	// Nobody may be reading: a server goes on without.
	_ = g.write(s.cfg.Stdout)
	if s.cfg.ReadyFile == "" {
		return nil
	}
	return writeReady(s.cfg.ReadyFile, Ready{S3: s.s3.url, Console: s.ConsoleURL(), Admin: s.admin.url, Data: s.cfg.Data, PID: os.Getpid()})
}

// drain stops listening and waits for the requests under way. The admin address
// answers to the end, and says that the server is stopping.
func (s *Server) drain() error {
	s.health.drain()
	s.backups.Stop()
	s.cfg.Logger.Info("stopping", "drain_timeout", s.cfg.DrainTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
	defer cancel()
	if err := s.s3.http.Shutdown(ctx); err != nil {
		s.cfg.Logger.Warn("requests were cut off: they took longer than drain-timeout allows")
		_ = s.s3.http.Close()
	}
	if err := s.console.http.Shutdown(ctx); err != nil {
		_ = s.console.http.Close()
	}
	_ = s.operator.http.Shutdown(ctx)
	s.stop()
	done := make(chan struct{})
	go func() {
		s.inFlight.Wait()
		s.jobs.Wait()
		close(done)
	}()
	timeout := time.NewTimer(abandonTimeout)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
		// The stores stay open below the requests: to end the process is safe
		// at any moment, to close a store in use is not.
		s.abandoned = true
		s.cfg.Logger.Warn("requests are still under way; the data is safe")
	}
	_ = s.admin.http.Close()
	s.cfg.Logger.Info("stopped")
	return nil
}

// Close gives back everything in the reverse order of its making. It must not be
// called while Run runs.
func (s *Server) Close() error {
	if s.abandoned {
		return nil
	}
	s.stop()
	s.jobs.Wait()
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	s.close = nil
	return errors.Join(errs...)
}

// closeStores closes the stores, unless that takes too long: on a full disk the
// engine waits for room for what it has only in memory and in its log. The next
// start reads it from the log, as after a crash.
func (s *Server) closeStores() error {
	done := make(chan error, 1)
	go func() { done <- s.stores.Close() }()
	timeout := time.NewTimer(abandonTimeout)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		s.cfg.Logger.Warn("the metadata does not close, most likely because the disk is full; the data is safe")
		return nil
	}
}

// metaDir is where the metadata of a data folder is.
func metaDir(data string) string { return filepath.Join(data, "meta") }
