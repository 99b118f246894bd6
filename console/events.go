package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"coffer"
	"coffer/keys"
)

// beatEvery is how often a stream without news says that it is alive, so that
// proxies do not cut it and a browser that went away is noticed.
const beatEvery = 20 * time.Second

// rotationEvents streams who uses the key, as the HTML that the rotation's page
// has in its place. It ends with the session: a stream must not outlive what
// allowed it.
func (q *request) rotationEvents() error {
	id := q.r.PathValue("id")
	if _, err := q.keys().Get(q.ctx(), id); err != nil {
		return err
	}
	leave, err := q.streams.enter(q.caller())
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(q.ctx())
	defer cancel()
	defer context.AfterFunc(q.Ending, cancel)()
	ended := make(chan struct{})
	go func() {
		// Whatever the reason: what cannot be watched is not shown any more.
		_ = q.Accounts.WaitEnd(ctx, q.sessionToken())
		close(ended)
	}()
	usages := make(chan keys.Usage)
	failed := make(chan error, 1)
	go func() {
		for usage, err := range q.keys().Watch(ctx, id) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case usages <- usage:
			case <-ctx.Done():
				return
			}
		}
		failed <- ctx.Err()
	}()

	q.began = true
	q.w.Header().Set("Content-Type", "text/event-stream")
	q.w.Header().Set("X-Accel-Buffering", "no")
	q.w.WriteHeader(http.StatusOK)
	out := stream{q.w, http.NewResponseController(q.w)}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return out.send("end", "the session has ended")
		case err := <-failed:
			if err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case usage := <-usages:
			if usage.Key.Rotation == nil {
				return out.send("reload", "the rotation has ended")
			}
			var html string
			if html, err = q.fragment("rotation", "who", q.usageView(usage)); err == nil {
				err = out.send("html", html)
			}
		case <-beat.C:
			err = out.send("", "")
		}
		if err != nil {
			return nil // the browser is gone
		}
	}
}

// How many live streams a member may have open, and the members of an account together:
// each of them looks once a second who uses a key.
const (
	streamsOfMember  = 10
	streamsOfAccount = 50
)

// streams counts those that are open.
type streams struct {
	mu   sync.Mutex // guards open
	open map[string]int
}

// enter counts one more, until leave is called, or refuses it.
func (s *streams) enter(c coffer.Caller) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	member, account := string(c.Account)+"/"+string(c.Member), string(c.Account)
	if s.open[member] >= streamsOfMember || s.open[account] >= streamsOfAccount {
		return nil, coffer.Errorf(coffer.SlowDown, "there are as many live pages open as may be: close some, or reload this one to see what is new")
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	count := func(n int) {
		for _, name := range []string{member, account} {
			if s.open[name] += n; s.open[name] == 0 {
				delete(s.open, name)
			}
		}
	}
	count(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		count(-1)
	}, nil
}

// stream writes server-sent events (HTML standard, section 9.2).
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// send writes one event, or a comment that says nothing for "".
func (s stream) send(event, data string) error {
	var b strings.Builder
	if event == "" {
		b.WriteString(": alive\n")
	} else {
		b.WriteString("event: " + event + "\n")
		for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", ""), "\n") {
			b.WriteString("data: " + line + "\n")
		}
	}
	b.WriteString("\n")
	if _, err := s.w.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	return s.rc.Flush()
}
