package objects

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"coffer"
)

const (
	// accessLogObject is the size, in bytes, at which a log object is written.
	accessLogObject = 1 << 20
	// accessLogAge is how long a record waits in memory at most for the next flush.
	accessLogAge = 5 * time.Minute
	// accessLogMax bounds, in bytes, what waits in memory in all, and accessLogShare
	// what of it one account has, so that a flood of requests to the buckets of one
	// takes no record from others.
	accessLogMax   = 32 << 20
	accessLogShare = accessLogMax / 2
	// accessLogOverhead is what a record costs beside its bytes.
	accessLogOverhead = 64
)

// accessLogs are records that wait to be written. They are kept best effort, as AWS
// says of its own: what is in memory is lost in a crash, and what has no room is
// dropped and counted.
type accessLogs struct {
	mu      sync.Mutex // guards what follows
	waiting map[accessLogName]*accessLog
	bytes   int
	shares  map[coffer.AccountID]int // of bytes
	dropped int64
}

// count adds bytes to what waits of an account, or takes them off. The lock is held.
func (l *accessLogs) count(account coffer.AccountID, bytes int) {
	if l.shares == nil {
		l.shares = map[coffer.AccountID]int{}
	}
	l.bytes += bytes
	if l.shares[account] += bytes; l.shares[account] == 0 {
		delete(l.shares, account)
	}
}

// accessLogName is what one log object is made for.
type accessLogName struct {
	source coffer.BucketID
	to     coffer.BucketLogging
	day    string // of the requests, where keys go by it
}

type accessLog struct {
	source coffer.Bucket
	since  time.Time
	text   []byte
}

// LogAccess adds the record of a request to the access log of a bucket. It waits for
// nothing.
func (s *Service) LogAccess(b *LoggedBucket, received time.Time, record string) {
	name := accessLogName{source: b.ID, to: b.To}
	if b.To.KeyFormat == coffer.LogKeyEventTime {
		name.day = received.UTC().Format(time.DateOnly)
	}
	l := &s.accessLogs
	l.mu.Lock()
	defer l.mu.Unlock()
	if more := len(record) + accessLogOverhead; l.bytes+more > accessLogMax || l.shares[b.Account]+more > accessLogShare {
		l.dropped++
		return
	}
	if l.waiting == nil {
		l.waiting = map[accessLogName]*accessLog{}
	}
	w := l.waiting[name]
	if w == nil {
		w = &accessLog{source: b.Bucket, since: s.Now()}
		l.waiting[name] = w
	}
	w.text = append(append(w.text, record...), '\n')
	l.count(b.Account, len(record)+1)
}

// AccessLogsDropped is how many records were lost because there was no room, or
// because they could not be written.
func (s *Service) AccessLogsDropped() int64 {
	s.accessLogs.mu.Lock()
	defer s.accessLogs.mu.Unlock()
	return s.accessLogs.dropped
}

// FlushAccessLogs writes the records that waited long enough, or are many enough for
// an object; with all, every one. What cannot be written is lost.
func (s *Service) FlushAccessLogs(ctx context.Context, all bool) {
	for name, l := range s.takeAccessLogs(all) {
		key, err := s.accessLogKey(name, l)
		if err == nil {
			err = s.writeAccessLog(ctx, name, l, key)
		}
		if err == nil {
			continue
		}
		s.Logger.Warn("an access log cannot be written", "bucket", string(l.source.Name), "target", string(name.to.Target), "error", err)
		s.accessLogs.mu.Lock()
		s.accessLogs.dropped += int64(bytes.Count(l.text, []byte{'\n'}))
		s.accessLogs.mu.Unlock()
	}
}

// takeAccessLogs takes what is to be written.
func (s *Service) takeAccessLogs(all bool) map[accessLogName]*accessLog {
	now := s.Now()
	l := &s.accessLogs
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := map[accessLogName]*accessLog{}
	for name, w := range l.waiting {
		if all || len(w.text) >= accessLogObject || now.Sub(w.since) >= accessLogAge || now.Before(w.since) {
			taken[name] = w
			delete(l.waiting, name)
			l.count(w.source.Account, -len(w.text))
		}
	}
	return taken
}

// accessLogKey is the key of a log object (AWS, "Log object key format").
func (s *Service) accessLogKey(name accessLogName, l *accessLog) (string, error) {
	id, err := s.id(8)
	if err != nil {
		return "", err
	}
	at, day := s.now(), ""
	switch name.to.KeyFormat {
	case coffer.LogKeyEventTime:
		// Such an object has the requests of one day, and no time of its own.
		if at, err = time.Parse(time.DateOnly, name.day); err != nil {
			return "", err
		}
		fallthrough
	case coffer.LogKeyDeliveryTime:
		day = strings.Join([]string{string(l.source.Account), l.source.Region, string(l.source.Name), at.Format("2006/01/02"), ""}, "/")
	}
	return name.to.Prefix + day + at.Format("2006-01-02-15-04-05-") + fmt.Sprintf("%X", id[8:]), nil
}

// writeAccessLog writes one log object in the name of the account that owns both
// buckets. It is no request, so it is in no log itself and nothing goes around. A
// target that went, and whose name another account took, gets nothing, whomever it
// lets write.
func (s *Service) writeAccessLog(ctx context.Context, name accessLogName, l *accessLog, key string) error {
	text := slices.Clip(l.text)
	_, err := s.asItself(l.source).Expect(name.to.Target, l.source.Account).Put(ctx, PutInput{
		Bucket: name.to.Target, Key: key, Body: bytes.NewReader(text), Size: int64(len(text)),
		Attributes: coffer.Attributes{ContentType: "text/plain"}})
	return err
}
