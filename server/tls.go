package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certPollInterval is how often the certificate's files are looked at.
const certPollInterval = time.Second

// certificate is the pair of files behind the S3 address, read again when one of
// them changes. A pair that cannot be used leaves the last good one in force.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	current atomic.Pointer[tls.Certificate]
	mu      sync.Mutex // held for the whole of reload
	seen    [2]fs.FileInfo
}

func openCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	if _, err := c.reload(false); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the files again if they changed since last time, or if always,
// and tells whether a new certificate is in force.
func (c *certificate) reload(always bool) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var now [2]fs.FileInfo
	changed := always
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return false, fmt.Errorf("read the TLS file %s: %w", name, reason(err))
		}
		now[i] = info
		changed = changed || !sameFile(c.seen[i], info)
	}
	if !changed {
		return false, nil
	}
	// Remembered even if the pair is bad, so that it is reported once.
	c.seen = now
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return false, fmt.Errorf("use the TLS files %s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return true, nil
}

func sameFile(a, b fs.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// watch reloads when a file changed, and whenever asked, until ctx ends.
func (c *certificate) watch(ctx context.Context, asked <-chan struct{}) {
	tick := time.NewTicker(certPollInterval)
	defer tick.Stop()
	var failing string
	for {
		always := false
		select {
		case <-ctx.Done():
			return
		case <-asked:
			always = true
		case <-tick.C:
		}
		changed, err := c.reload(always)
		switch {
		case err != nil && (always || err.Error() != failing):
			failing = err.Error()
			c.logger.Error("the TLS certificate was not reloaded; the old one stays in use", "error", err)
		case changed:
			failing = ""
			c.logger.Info("TLS certificate reloaded", "cert", c.certFile)
		}
	}
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
