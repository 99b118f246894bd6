package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAJobIsRepeatedAlsoAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &Service{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.repeat(ctx, Job{Name: "count", Every: time.Minute, Do: func(context.Context) error {
				n++
				return errors.New("not today")
			}})
		}()
		time.Sleep(2*time.Minute + time.Second) // of the bubble's clock
		stop()
		<-done
		if n != 3 || strings.Count(log.String(), "not today") != 3 {
			t.Errorf("the job ran %d times, log %q, want 3 and each failure", n, log.String())
		}
	})
}
