// Package pebble is the embedded driver of the metadata boundary: one Pebble
// database in one directory, used by one process. Transactions are optimistic:
// they read without locks, are checked and applied under one short lock, and
// share the syncs of the write-ahead log. It knows nothing of what keys and
// values mean. docs/decisions/002-optimistic-transactions.md says why.
package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
)

// closeFlushMax is how long Close waits for the log to be emptied: a disk that is full
// or hangs may never let it.
const closeFlushMax = 10 * time.Second

// Store is a meta.Store on a Pebble database.
//
// Commits are numbered 1, 2, 3, … in the order in which they reach the log.
// Three marks follow them: durable <= applied <= begun. A commit is begun
// before any reader can see it, applied when every reader sees it, and durable
// when its log record was synced. Nobody is told of what is not durable yet.
type Store struct {
	db    *pebbledb.DB
	fatal func(error)
	sync  *pebbledb.WriteOptions

	// commitMu makes check and apply of one transaction one step. It is never
	// held across a sync.
	commitMu sync.Mutex
	begun    atomic.Uint64 // written under commitMu
	applied  atomic.Uint64 // written under commitMu
	durable  watermark

	stripes stripes
	recent  recent
	rows    rows
	watch   hub
	runs    gate
	guard   *guardFS
	failure atomic.Pointer[error] // set once, when the state on disk is unknown
	closed  sync.Once

	commits, conflicts atomic.Uint64
}

var _ meta.Store = (*Store)(nil)

// Open opens the database in dir, and makes it if there is none. It returns
// ErrLocked, ErrNewerFormat or ErrDamaged, wrapped, where one of them is why.
func Open(dir string, opt Options) (*Store, error) {
	logger := opt.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{fatal: opt.Fatal, sync: pebbledb.Sync, stripes: newStripes()}
	if s.fatal == nil {
		s.fatal = exit(logger)
	}
	if opt.NoSync {
		s.sync = pebbledb.NoSync
	}
	s.rows.init(opt.rowsBytes())
	s.watch.watchers = make(map[*watcher]struct{})
	if opt.FS == nil {
		opt.FS = vfs.Default
	}
	s.guard = &guardFS{FS: opt.FS, dir: dir, fatal: s.fail}
	engine := opt.engine(logger, s.fail)
	engine.FS = s.guard
	db, err := openChecked(dir, engine, s.guard, opt.AcceptLostLog)
	if err != nil {
		return nil, fmt.Errorf("open metadata %s: %w", dir, errors.Join(openError(opt.FS, dir, err), s.guard.close()))
	}
	s.db = db
	s.guard.opened()
	return s, nil
}

// openChecked opens a database of which nothing is missing that Pebble would not miss.
func openChecked(dir string, engine *pebbledb.Options, guard *guardFS, acceptLostLog bool) (*pebbledb.DB, error) {
	lock, err := pebbledb.LockDirectory(dir, engine.FS)
	if errors.Is(err, os.ErrNotExist) {
		return pebbledb.Open(dir, engine) // there is none yet
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the database holds it as well
	if !isNewer(engine.FS, dir) {
		left, err := guard.load()
		if err == nil {
			err = checkManifest(engine.FS, dir, left)
		}
		if err != nil {
			return nil, err
		}
		lost := errors.Join(guard.checkLogs(), checkLog(engine.FS, dir))
		if lost != nil && !(acceptLostLog && errors.Is(lost, ErrLostLog)) {
			return nil, lost
		}
	}
	engine.Lock = lock
	db, err := pebbledb.Open(dir, engine)
	if err != nil {
		return nil, err
	}
	if err := checkValuesThere(engine.FS, dir, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close waits for the transactions that run, ends the watches and closes the
// database. After a failed sync it leaves the database alone: the process is
// expected to end, and recovery to find out what is on disk.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		s.runs.close()
		s.watch.end(meta.ErrClosed)
		if f := s.failure.Load(); f != nil {
			err = *f
			return
		}
		if s.flush() {
			s.guard.removeOldLogs()
		}
		if cerr := errors.Join(s.db.Close(), s.guard.close()); cerr != nil {
			err = fmt.Errorf("close metadata: %w", cerr)
		}
	})
	return err
}

// flush empties the log into tables, so that the next start has nothing to replay and
// finds damage of what was written last too. It tells whether that is done; if not, the
// logs have it all. Nothing may be written any more.
func (s *Store) flush() bool {
	if s.commits.Load() == 0 {
		return false
	}
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return false
	}
	select {
	case <-flushed:
		return true
	case <-time.After(closeFlushMax):
		return false
	}
}

// enter admits one transaction; leave must follow when it returns nil.
func (s *Store) enter() error {
	if !s.runs.enter() {
		return meta.ErrClosed
	}
	if err := s.failure.Load(); err != nil {
		s.runs.leave()
		return *err
	}
	return nil
}

// fail records that what is on disk is unknown, lets nobody wait any longer
// and calls Options.Fatal, which does not return outside of tests.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	if !s.failure.CompareAndSwap(nil, &err) {
		return
	}
	s.durable.fail(err)
	s.watch.end(err)
	s.fatal(err)
}

// valueError is the readError of one key: others can be read.
func valueError(what string, err error) error {
	if err = readError(what, err); errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w: %w", meta.ErrValueDamaged, err)
	}
	return err
}

// readError gives an error of a read its place in this package's terms.
func readError(what string, err error) error {
	if errors.Is(err, pebbledb.ErrNotFound) {
		return meta.ErrNotFound
	}
	if pebbledb.IsCorruptionError(err) {
		return fmt.Errorf("%s: %w: %w", what, ErrDamaged, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
