package server

import (
	"context"
	"time"

	"coffer/audit"
	"coffer/jobs"
	"coffer/objects"
)

// accessLogsEvery is how often the records of access logs are looked through;
// lastLogsTimeout is how long writing them may take when the server stops.
const (
	accessLogsEvery = 10 * time.Second
	lastLogsTimeout = 3 * time.Second
)

// trafficEvery is how often what was counted of requests is written.
const trafficEvery = 5 * time.Second

// lastWords writes what is only in memory when the server stops.
func (s *Server) lastWords(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLogsTimeout)
	defer cancel()
	s.stores.objects.FlushAccessLogs(ctx, true)
	if err := s.flushTraffic(ctx); err != nil {
		s.cfg.Logger.Warn("the last requests were not counted", "error", err)
	}
}

// flushTraffic writes what was counted, unless the disk is full: it waits for room.
func (s *Server) flushTraffic(ctx context.Context) error {
	if s.space.Writable() != nil {
		return nil
	}
	return s.stores.traffic.Flush(ctx)
}

// otherJobs is what the services have to do from time to time.
func (s *Server) otherJobs() []jobs.Job {
	log := &audit.Log{Meta: s.stores.meta, Now: s.cfg.Now}
	const day = 24 * time.Hour
	return []jobs.Job{
		{Name: "do what is due for access keys", Every: time.Minute, Do: s.stores.keys.Tick},
		{Name: "forget clients of access keys", Every: day, Do: func(ctx context.Context) error {
			_, err := s.stores.keys.Expire(ctx)
			return err
		}},
		{Name: "end old audit events", Every: day, Do: func(ctx context.Context) error {
			_, err := log.Expire(ctx)
			return err
		}},
		{Name: "count requests", Every: trafficEvery, Do: s.flushTraffic},
		{Name: "end old counters of requests", Every: day, Do: s.stores.traffic.Expire},
		{Name: "lifecycle", Every: lifecycleEvery(s.cfg.LifecycleDay), Do: func(ctx context.Context) error {
			_, err := s.stores.objects.Lifecycle(ctx)
			return err
		}},
		{Name: "write access logs", Every: accessLogsEvery, Do: func(ctx context.Context) error {
			s.stores.objects.FlushAccessLogs(ctx, false)
			return nil
		}},
		{Name: "forget webhooks that were taken away", Every: time.Hour, Do: s.stores.objects.ForgetWebhooks},
		{Name: "scrub", Every: scrubLookEvery, Do: func(ctx context.Context) error {
			return s.stores.objects.Scrub(ctx, objects.ScrubInput{BytesPerSecond: s.cfg.ScrubBytesPerSecond, Every: s.cfg.ScrubEvery})
		}},
		{Name: "end old sessions and links", Every: time.Hour, Do: s.stores.accounts.Expire},
	}
}

// scrubLookEvery is how often to look whether a scrub is due, or was asked for.
const scrubLookEvery = 10 * time.Second

// lifecycleEvery is how often to look whether a round of lifecycles is due: some
// minutes after midnight is early enough, and days of tests are shorter.
func lifecycleEvery(day time.Duration) time.Duration {
	return min(max(day/4, time.Second), 10*time.Minute)
}
