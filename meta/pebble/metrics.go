package pebble

import (
	dto "github.com/prometheus/client_model/go"
)

// Metrics are numbers about a database. Counters start at Open.
type Metrics struct {
	DiskBytes           int64  // all files, log included
	LogBytes            int64  // files of the write-ahead log
	CompactionDebtBytes int64  // still to be rewritten by compactions
	CacheBytes          int64  // in the block cache
	CacheHits           int64  // blocks found in the block cache
	CacheMisses         int64  // blocks read from files
	Commits             uint64 // transactions that wrote something
	Conflicts           uint64 // runs of a transaction that were thrown away
	Syncs               uint64 // syncs of the log; Commits / Syncs share one
}

// Metrics returns the numbers of the moment. It is meant for every few
// seconds, not for every request.
func (s *Store) Metrics() Metrics {
	out := Metrics{Commits: s.commits.Load(), Conflicts: s.conflicts.Load()}
	if err := s.enter(); err != nil {
		return out
	}
	defer s.runs.leave()
	m := s.db.Metrics()
	out.DiskBytes = int64(m.DiskSpaceUsage())
	out.LogBytes = int64(m.WAL.PhysicalSize)
	out.CompactionDebtBytes = int64(m.Compact.EstimatedDebt)
	out.CacheBytes = m.BlockCache.Size
	out.CacheHits = m.BlockCache.Hits
	out.CacheMisses = m.BlockCache.Misses
	var latency dto.Metric
	if err := m.LogWriter.FsyncLatency.Write(&latency); err == nil {
		out.Syncs = latency.GetHistogram().GetSampleCount()
	}
	return out
}
