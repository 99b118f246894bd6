// Package keys makes, finds, rotates and ends access keys, keeps their secrets
// sealed, and counts who uses them. It tells a front which keys may have signed
// a request, and knows nothing of requests, of buckets or of how a signature is
// computed over one.
package keys

import (
	"context"
	"crypto/cipher"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"coffer"
	"coffer/meta"
)

// Options is what a Service is made of.
type Options struct {
	Meta   meta.Store
	Master Master
	Now    func() time.Time
	// Rand is where IDs, secrets and nonces come from: crypto/rand.Reader.
	Rand   io.Reader
	Logger *slog.Logger
	// Reveal allows secrets to be shown again. Without it they are shown once,
	// when they are made.
	Reveal bool
	// Writable tells whether there is room for what is new; nil is always. Keys are
	// changed and ended without it.
	Writable func() error
}

// Service is the access keys of one store. Its methods may be called from many
// goroutines.
type Service struct {
	meta   meta.Store
	now    func() time.Time
	rand   io.Reader
	log    *slog.Logger
	reveal bool
	// writable tells whether there is room for what is new.
	writable func() error
	data     cipher.AEAD // the data key: seals and opens secrets
	cache    *cache
	// watchEvery is how often Watch looks.
	watchEvery time.Duration

	links    links
	sessions sessions
	attempts rates[attempt]          // wrong signatures
	made     rates[coffer.AccountID] // temporary credentials that were asked for
	evidence evidence
	flushing sync.Mutex // held while evidence is written, and while a rotation begins

	stop context.CancelFunc
	done sync.WaitGroup // what Open began
}

// Open unseals the data key of the store, or makes and seals one in a store
// that has neither a data key nor credentials. It ends in ErrWrongMasterKey
// when the data key was sealed under another master key.
func Open(ctx context.Context, opt Options) (*Service, error) {
	data, err := openDataKey(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("open access keys: %w", err)
	}
	if opt.Writable == nil {
		opt.Writable = func() error { return nil }
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{
		meta:       opt.Meta,
		now:        opt.Now,
		rand:       opt.Rand,
		log:        opt.Logger,
		reveal:     opt.Reveal,
		writable:   opt.Writable,
		data:       data,
		cache:      newCache(),
		watchEvery: time.Second,
		evidence:   newEvidence(),
		attempts:   rates[attempt]{burst: wrongBurst, perSecond: wrongPerSecond},
		made:       rates[coffer.AccountID]{burst: sessionsBurst, perSecond: sessionsPerSecond},
		stop:       stop,
	}
	// The watches begin before the first lookup can fill the cache, so no change
	// falls between the two.
	for i, prefix := range []byte{meta.PrefixCredential, meta.PrefixKey} {
		events := s.meta.Watch(running, meta.Key(prefix))
		s.done.Go(func() { s.watch(running, 1<<i, prefix, events) })
	}
	s.done.Go(func() { s.flushOften(running) })
	return s, nil
}

// Close ends what Open began and writes the evidence that is still in memory;
// the store is closed by who opened it.
func (s *Service) Close() error {
	s.stop()
	s.done.Wait()
	return s.Flush(context.Background())
}

// As returns the calls that caller may make. There is no other way in, but for
// what a front needs to verify a signature and what a job does by itself.
func (s *Service) As(caller coffer.Caller) Session { return Session{s, caller} }

// Session is the Service as one caller sees it.
type Session struct {
	s      *Service
	caller coffer.Caller
}
