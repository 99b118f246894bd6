// Package jobs does the work that no request waits for: it reclaims the bytes
// that nothing names any more, and does what the other services have due. It
// knows when each job is due, not what it does.
package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"coffer/objects"
)

const (
	garbageEvery = 15 * time.Second
	reclaimEvery = time.Hour
)

// Service runs the jobs.
type Service struct {
	Objects *objects.Service
	Logger  *slog.Logger
	// Others are the jobs of other services.
	Others []Job
}

// Job is done at the start, and then each time that Every has passed.
type Job struct {
	Name  string
	Every time.Duration
	Do    func(context.Context) error
}

// Run runs the jobs until ctx ends. The first thing it does is to remove what
// earlier runs left, so that a server which is restarted often does not fill its
// disk.
func (s *Service) Run(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	for _, job := range s.Others {
		others.Go(func() { s.repeat(ctx, job) })
	}
	s.report(ctx, "sweep after start", func() (objects.Reclaimed, error) { return s.Objects.SweepEarlier(ctx) })
	s.report(ctx, "collect garbage", func() (objects.Reclaimed, error) { return s.Objects.CollectGarbage(ctx) })
	garbage, reclaim := time.NewTicker(garbageEvery), time.NewTicker(reclaimEvery)
	defer garbage.Stop()
	defer reclaim.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-garbage.C:
			s.report(ctx, "collect garbage", func() (objects.Reclaimed, error) { return s.Objects.CollectGarbage(ctx) })
		case <-reclaim.C:
			s.report(ctx, "reclaim", func() (objects.Reclaimed, error) { return s.Objects.Reclaim(ctx) })
		}
	}
}

// repeat does a job until ctx ends. After a failure the next round tries again.
func (s *Service) repeat(ctx context.Context, job Job) {
	tick := time.NewTicker(job.Every)
	defer tick.Stop()
	for {
		if err := job.Do(ctx); err != nil && ctx.Err() == nil {
			s.Logger.Error(job.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// report logs what a job did, if it did anything, or why it failed: the next
// round tries again.
func (s *Service) report(ctx context.Context, job string, run func() (objects.Reclaimed, error)) {
	done, err := run()
	if err != nil && ctx.Err() == nil {
		s.Logger.Error(job, "error", err)
	}
	if done != (objects.Reclaimed{}) {
		s.Logger.Info(job, "garbage", done.Garbage, "orphans", done.Orphans, "bytes", done.Bytes)
	}
}
