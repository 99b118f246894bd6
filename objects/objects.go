// Package objects is what S3 means: buckets, objects and uploads, who may touch
// them, when a write counts, and what a list shows. It keeps facts in a meta.Store
// and bytes in a blob.Store, and knows nothing of HTTP or XML, nor of which
// engines lie below the two boundaries.
package objects

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// InlineMaxDefault is the size, in bytes, up to which an object's bytes are a
// value in the metadata store instead of a blob: one sync instead of two.
const InlineMaxDefault = 64 << 10

// inlineLimit is what a metadata value can carry.
const inlineLimit = 1 << 20

// Options are what a Service is made of.
type Options struct {
	Meta   meta.Store
	Blobs  blob.Store
	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger
	// InlineMax is the largest inline object in bytes; InlineMaxDefault if 0.
	InlineMax int64
	// Encrypt encrypts all new objects, asked for or not.
	Encrypt bool
	// Seal and Unseal keep the key under which those of objects are wrapped: bound
	// to a context, and openable at every later start. Without them, no key is made.
	Seal, Unseal func(context string, b []byte) ([]byte, error)
	// KMS has the keys that are somewhere else; nil for none.
	KMS *crypt.KMS
	// Account finds an account by its ID, its canonical ID or its e-mail address, or
	// NoSuchAccount. Without it nobody is known but who asks.
	Account func(ctx context.Context, handle string) (coffer.Account, error)
	// Ownership is that of new buckets; BucketOwnerEnforced if "". With any other
	// access control lists work in them and nothing blocks public access.
	Ownership coffer.ObjectOwnership
	// Writable tells whether there is room for new bytes; deletes never ask.
	Writable func() error
	// PartSizeMin is the smallest part, in bytes, that is not the last of an object;
	// coffer.PartSizeMin if 0, and less only in tests.
	PartSizeMin int64
	// LifecycleDay is how long a day of a lifecycle is; coffer.LifecycleDay if 0.
	LifecycleDay time.Duration
	// Webhooks are those that notifications can be sent to.
	Webhooks []coffer.Webhook
	// ReplicationTargets are the services that buckets can be replicated to.
	ReplicationTargets []coffer.ReplicationTarget
}

// Service holds what all requests share.
type Service struct {
	Options
	buffers         sync.Pool // of *[]byte with room for an inline object and one byte more
	readers         readers
	holds           hold
	configs         configs
	decoded         decodedBuckets
	sessionPolicies sessionPolicies
	opened          time.Time // before the first request
	// lifecycleChanged says that a lifecycle was put since the last round.
	lifecycleChanged atomic.Bool

	instanceKey crypt.Key // wraps the keys of objects
	scrubbing   scrubbing
	logging     logging

	accessLogs accessLogs
}

// Open checks the options and makes a Service.
func Open(ctx context.Context, opt Options) (*Service, error) {
	if opt.InlineMax == 0 {
		opt.InlineMax = InlineMaxDefault
	}
	if opt.InlineMax < 0 || opt.InlineMax > inlineLimit {
		return nil, fmt.Errorf("the inline threshold is %d bytes: it must be between 0 and %d", opt.InlineMax, inlineLimit)
	}
	if opt.LifecycleDay == 0 {
		opt.LifecycleDay = coffer.LifecycleDay
	}
	if opt.PartSizeMin == 0 {
		opt.PartSizeMin = coffer.PartSizeMin
	}
	if opt.Writable == nil {
		opt.Writable = func() error { return nil }
	}
	s := &Service{Options: opt, opened: opt.Now()}
	s.buffers.New = func() any {
		b := make([]byte, opt.InlineMax+1)
		return &b
	}
	return s, s.openInstanceKey(ctx)
}

// As returns the calls that actor may make. There is no other way in.
func (s *Service) As(actor coffer.Actor) Session { return Session{Service: s, actor: actor} }

// Session is the Service as one actor sees it.
type Session struct {
	*Service
	actor    coffer.Actor
	context  Context // nil if nothing is known of the request
	effort   *int64  // that is left for comparing it with policies; nil is no bound
	expected []expectation
	version  string // that is asked about; "" is the current one
	making   bool   // that it is asked about an object that is to be made
	itself   bool   // that nobody asks: see asItself
	cause    string // how an object comes to be, in the name of its event
	replica  bool   // what is written is a copy of what another service has
}

// asItself returns the calls of the program on a bucket, where it does what the
// bucket is set up to do. No policy stands against that (AWS, "Managing the
// lifecycle of objects").
func (s *Service) asItself(b coffer.Bucket) Session {
	return Session{Service: s, actor: coffer.Actor{Account: b.Account, Canonical: b.Owner}, itself: true}
}

// bucket reads the bucket called name and checks that the actor may do a there, to
// key if it is not "": see authorize.
func (s Session) bucket(r meta.Reader, name coffer.BucketName, a coffer.Action, key string) (coffer.Bucket, error) {
	b, err := s.enter(r, name)
	if err != nil {
		return b, err
	}
	return b, s.authorize(r, b, a, key)
}

// enter reads the bucket called name, for who will ask authorize. That a bucket
// exists is no secret (names are global), everything else is.
func (s Session) enter(r meta.Reader, name coffer.BucketName) (coffer.Bucket, error) {
	b, err := s.decoded.read(r, name)
	if errors.Is(err, meta.ErrNotFound) {
		return b, (&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", string(name))
	}
	if err != nil {
		return b, err
	}
	for _, e := range s.expected {
		if e.bucket == name && e.account != b.Account {
			return b, &coffer.Error{Code: coffer.AccessDenied}
		}
	}
	return b, nil
}

// allow tells whether the actor's scope has an action that is about its account.
// What is about a bucket is asked of authorize.
func (s Session) allow(a coffer.Action, bucket coffer.BucketName) error {
	if s.actor.Anonymous() {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	if !s.actor.Scope.Allows(a, bucket, "") {
		return coffer.Errorf(coffer.AccessDenied, "Access Denied: the scope of this access key does not allow %s here.", a)
	}
	return s.sessionAllows(nil, coffer.Bucket{Name: bucket, Account: s.actor.Account}, a, "")
}

// now is the time of a write, in the milliseconds that S3 shows.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// nowAfter is the time of a write that follows one at last: never earlier, so
// that the versions of a key stay in order when the clock steps back.
func (s *Service) nowAfter(last time.Time) time.Time {
	if t := s.now(); t.After(last) {
		return t
	}
	return last.Add(time.Millisecond)
}

// id makes an ID that sorts by time and cannot be guessed: 8 bytes of
// nanoseconds, then n random bytes.
func (s *Service) id(n int) ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+n), nanoseconds(s.Now()))
	b = b[:8+n]
	if _, err := io.ReadFull(s.Rand, b[8:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}

// nanoseconds is a time as keys have it. A clock that was never set stands before
// 1970 at worst, which must not sort behind all others.
func nanoseconds(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }
