// Package meta is the metadata boundary: an ordered key/value store with
// serializable transactions. Drivers live below it and know nothing of buckets,
// objects or accounts; what the keys mean is known only above it. Package
// metatest states the contract as tests.
package meta

import (
	"context"
	"errors"
	"iter"
)

// The limits that every driver keeps.
const (
	// KeyBytesMax is the length of the longest key. A PostgreSQL bytea primary
	// key fails near 2,700 bytes.
	KeyBytesMax = 2048
	// ValueBytesMax is the length of the longest value: 1 MiB and some slack,
	// so that 1 MiB of payload fits with what its owner writes around it.
	ValueBytesMax = 1<<20 + 64<<10
	// TxBytesMax bounds the sum of the keys and values that one transaction
	// writes, since they are held in memory until it commits.
	TxBytesMax = 64 << 20
)

var (
	// ErrNotFound is what Get says of a key that is not there.
	ErrNotFound = errors.New("key not found")
	// ErrClosed is returned by every call on a store that was closed.
	ErrClosed = errors.New("metadata store is closed")
	// ErrTooLarge is returned when a key, a value or a whole transaction is
	// over its limit.
	ErrTooLarge = errors.New("over a size limit of the metadata store")
	// ErrValueDamaged is returned for a value that cannot be read, or not as it was
	// written. Others can, and a walk can go on behind it.
	ErrValueDamaged = errors.New("value is damaged")
	// ErrEmptyKey is returned when a key has no bytes.
	ErrEmptyKey = errors.New("key is empty")
)

// Store is an ordered key/value store. Its methods may be called from many
// goroutines.
type Store interface {
	// View runs fn on one consistent state, no older than the call, and returns
	// what fn returned. What fn read is durable when View returns, not before:
	// nothing it read may leave the process earlier.
	//
	// fn may run again after a conflict, until it has opened an Iter: a few keys
	// are read without a snapshot. So up to there it starts from scratch each
	// time, and returns at once the errors that the Reader gives it.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a serializable transaction. When it returns nil the
	// writes are durable. When fn returns an error nothing is written, and the
	// error comes back as it is.
	//
	// fn may run again after a conflict, so it changes nothing but tx, starts
	// from scratch each time, and returns at once the errors that tx gives it.
	// Every run sees a consistent state, even one whose result is thrown away.
	// fn is short: it must not wait for the network or for another Update.
	//
	// When fn returned nil and Update does not, the writes are not there if the
	// error is ErrTooLarge, ErrEmptyKey, ErrClosed or the error of ctx from
	// before the commit began; after any other error they may be.
	Update(ctx context.Context, fn func(Tx) error) error

	// Watch tells of committed changes under a prefix, within a second, on every
	// node, in the order of the commits for one key. It begins at the call, not
	// at the first iteration, so a caller that then reads the current state
	// misses nothing. The sequence can be ranged over once. It ends with one
	// error when ctx is done (its error) or the store is closed (ErrClosed).
	Watch(ctx context.Context, prefix []byte) iter.Seq2[Event, error]

	// Close waits for the transactions that run and ends all watches. Only
	// the first call does anything.
	Close() error
}

// Reader reads one consistent state. It belongs to the goroutine that runs fn
// and is of no use after fn.
type Reader interface {
	// Get returns the value of key, or ErrNotFound. The bytes are valid until
	// fn returns and must not be changed.
	Get(key []byte) ([]byte, error)

	// Iter walks over start <= key < end; a nil start or end is the end of the
	// store. It stands before the first pair. In a Tx it sees the writes that
	// were made before it was opened. Close it when done.
	Iter(start, end []byte) Iter
}

// Iter walks over the pairs of a range in the order of bytes.Compare, in both
// directions. Moving past either end is remembered: Prev from behind the last
// pair finds the last one, Next from before the first pair the first one.
type Iter interface {
	// Next moves to the next pair and reports whether there is one.
	Next() bool
	// Prev moves to the pair before and reports whether there is one.
	Prev() bool
	// SeekGE moves to the first pair of the range at or after key.
	SeekGE(key []byte) bool
	// SeekLT moves to the last pair of the range before key; with the range's
	// end it finds the last pair.
	SeekLT(key []byte) bool
	// Key returns the key of the pair. It is valid until the next move.
	Key() []byte
	// Value reads the value of the pair, which may cost a read of its own. It
	// is valid until the next move.
	Value() ([]byte, error)
	// Err says why a move returned false, or nil at the end of the range. Look
	// at it after every walk.
	Err() error
	// Close frees the iterator and returns what Err would.
	Close() error
}

// Tx is a transaction: what it reads it reads as of one moment, and with its
// own writes on top. The bytes that are passed in may be reused after the call.
// An error of a write also fails the transaction if fn ignores it.
type Tx interface {
	Reader
	// Set stores value under key.
	Set(key, value []byte) error
	// Delete removes key. Removing a missing key is no error.
	Delete(key []byte) error
	// DeleteRange removes start <= key < end at a cost that does not depend on
	// how many keys there are; nil is the end of the store.
	DeleteRange(start, end []byte) error
	// Add adds delta to the counter at key (see Counter), which counts as 0
	// when missing. Additions never conflict with each other.
	Add(key []byte, delta int64) error
}

// Event is one committed change.
type Event struct {
	// Key is the key that changed. Nil means that anything under the watched
	// prefix may have changed: events were lost to a slow watcher, or a range
	// was deleted.
	Key []byte
	// Deleted says that the key was removed.
	Deleted bool
}
