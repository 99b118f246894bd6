package server

import (
	"context"
	"runtime/debug"
	"time"
)

// When a server rests: a while after its start, when the jobs have looked what there is
// to do, and whenever no request has come for as long as restEvery.
const (
	restAfter = time.Second
	restEvery = time.Minute
)

// rests calls rest once in each time without requests, until ctx ends. work tells how
// many requests were begun so far, and how many of them are under way.
func rests(ctx context.Context, work func() (begun, underWay int64), rest func()) {
	var seen int64
	worked := true // to start is work, too
	for wait := restAfter; ; wait = restEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		begun, underWay := work()
		quiet := underWay == 0 && (begun == seen || wait == restAfter)
		worked = worked || begun != seen
		if seen = begun; quiet && worked {
			rest()
			worked = false
		}
	}
}

// rest gives back what the work of before has in memory and the next may not need.
func (s *Server) rest() {
	debug.FreeOSMemory()
	if n, err := releaseProgram(); err != nil {
		s.cfg.Logger.Debug("the server rests; the pages of the program stay mapped", "error", err)
	} else {
		s.cfg.Logger.Debug("the server rests", "program_bytes", n)
	}
}
