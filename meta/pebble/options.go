package pebble

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say how to open a database. The zero value is good for production,
// apart from the logger.
type Options struct {
	// FS holds the files; nil is the operating system's. A full disk is the
	// caller's affair: wrap FS with vfs.OnDiskFull.
	FS vfs.FS
	// Logger gets what Pebble tells, mostly at debug level; nil is silence.
	Logger *slog.Logger
	// CacheBytes is the size of the block cache; 0 is 64 MiB.
	CacheBytes int64
	// RowsBytes bounds the rows that are kept in memory in front of the database;
	// 0 is 64 MiB.
	RowsBytes int64
	// MemtableBytes is how much is kept in memory, and so in the log, before it is
	// written to a table; 0 is 32 MiB, and less than 4 MiB is 4 MiB. A small disk
	// wants a small one: writing it needs as much room again.
	MemtableBytes int64
	// FilesOpen is how many files are kept open, tables and values; 0 is 500. To open
	// one of values again, footer and index, costs a read several times what it
	// costs otherwise, and there is one for each 4 MiB.
	FilesOpen int
	// AcceptLostLog opens a database of which Open would say ErrLostLog, without the
	// commits that are lost.
	AcceptLostLog bool
	// NoSync gives up durability: Update returns before its writes are synced.
	NoSync bool
	// Fatal is called once when the log cannot be written or synced: what is on
	// disk is unknown then, and only recovery can tell. It must end the process;
	// if it returns, the store refuses everything. Nil logs and exits with 1.
	Fatal func(error)
}

const (
	cacheBytesDefault = 64 << 20
	// memtableBytesMin is large enough that values below ValueBytesMax never
	// bypass it, and memtableBytesDefault small enough for the idle memory of the
	// server.
	memtableBytesMin     = 4 << 20
	memtableBytesDefault = 32 << 20
	filesOpenDefault     = 500
	// format is pinned because upgrades go one way only.
	format = pebbledb.FormatValueSeparation
	// separatedBytesMin is from where values live in files of their own, that
	// compactions of keys do not rewrite: half of the CPU and of the bytes
	// written for payloads of 4 KiB.
	separatedBytesMin = 1 << 10
)

func (o Options) rowsBytes() int64 {
	if o.RowsBytes == 0 {
		return rowsBytesDefault
	}
	return o.RowsBytes
}

// engine translates o for Pebble. fail is told of what Pebble calls fatal.
func (o Options) engine(logger *slog.Logger, fail func(error)) *pebbledb.Options {
	cache := o.CacheBytes
	if cache == 0 {
		cache = cacheBytesDefault
	}
	memtable := int64(memtableBytesDefault)
	if o.MemtableBytes != 0 {
		memtable = max(o.MemtableBytes, memtableBytesMin)
	}
	files := filesOpenDefault
	if o.FilesOpen != 0 {
		files = o.FilesOpen
	}
	e := &pebbledb.Options{
		CacheSize:                   cache,
		Comparer:                    pebbledb.DefaultComparer,
		Merger:                      counterMerger(),
		FormatMajorVersion:          format,
		MaxOpenFiles:                files,
		MemTableSize:                uint64(memtable),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		FlushDelayDeleteRange:       10 * time.Second,
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(1, min(3, runtime.GOMAXPROCS(0)-1)) },
		Logger:                      engineLog{logger, fail},
		EventListener: &pebbledb.EventListener{
			BackgroundError: func(err error) { logger.Error("metadata: background work", "error", err) },
			DataCorruption: func(i pebbledb.DataCorruptionInfo) {
				logger.Error("metadata: damaged file", "path", i.Path, "error", i.Details)
			},
			DiskSlow: func(i pebbledb.DiskSlowInfo) {
				logger.Warn("metadata: slow disk", "path", i.Path, "duration", i.Duration)
			},
		},
	}
	for i := range e.Levels {
		// The last level has filters too: most writes first ask for a key that
		// does not exist.
		e.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		e.Levels[i].BlockSize = 8 << 10
		e.Levels[i].IndexBlockSize = 256 << 10
	}
	e.TargetFileSizes[0] = 4 << 20
	e.Experimental.ValueSeparationPolicy = func() pebbledb.ValueSeparationPolicy {
		return pebbledb.ValueSeparationPolicy{
			Enabled:               true,
			MinimumSize:           separatedBytesMin,
			MaxBlobReferenceDepth: 10,
			RewriteMinimumAge:     5 * time.Minute,
			TargetGarbageRatio:    0.2,
		}
	}
	return e
}

// engineLog is Pebble's logger. Its information is of use to developers only.
type engineLog struct {
	logger *slog.Logger
	fail   func(error)
}

func (l engineLog) Infof(format string, args ...any) {
	l.logger.Debug("metadata: " + fmt.Sprintf(format, args...))
}

func (l engineLog) Errorf(format string, args ...any) {
	l.logger.Error("metadata: " + fmt.Sprintf(format, args...))
}

func (l engineLog) Fatalf(format string, args ...any) {
	l.fail(fmt.Errorf(format, args...))
}

// exit is the default of Options.Fatal.
func exit(logger *slog.Logger) func(error) {
	return func(err error) {
		logger.Error("metadata: the state on disk is unknown; restart to recover", "error", err)
		os.Exit(1)
	}
}
