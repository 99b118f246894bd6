package jobs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coffer"
	"coffer/objects"
	"coffer/remote"
)

const (
	// replicateLanes is how many copies are made at once for each target.
	replicateLanes = 4
	replicateBatch = 64
	// abortTimeout is how long the parts of a copy that failed may take to be given up.
	abortTimeout = 10 * time.Second
)

// Replicator makes the copies that the replication of buckets asks for: each target
// by itself, the versions of a key in their order, each at least once.
type Replicator struct {
	Objects *objects.Service
	Client  *remote.Client
	Now     func() time.Time
	Logger  *slog.Logger
}

// Run copies until ctx ends.
func (r *Replicator) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for i := range r.Objects.ReplicationTargets {
		all.Go(func() { r.serve(ctx, &r.Objects.ReplicationTargets[i]) })
	}
}

// serve copies to one target until ctx ends.
func (r *Replicator) serve(ctx context.Context, t *coffer.ReplicationTarget) {
	wake := make(chan struct{}, 1)
	var watch sync.WaitGroup
	defer watch.Wait()
	events := r.Objects.WatchReplications(ctx, t.Name)
	watch.Go(func() {
		for _, err := range events {
			if err != nil {
				return
			}
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
	down := 0 // rounds in a row in which the target did not answer
	for ctx.Err() == nil {
		pause, answered := r.round(ctx, t)
		if answered {
			down = 0
		} else {
			if down++; down == 1 {
				r.Logger.Warn("a replication target does not answer", "target", t.Name)
			}
			pause = backoff(down)
		}
		if pause <= 0 {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wakeUnless(down > 0, wake):
		}
		timer.Stop()
	}
}

// round makes the copies that are due. It returns how long to wait for the next ones,
// and whether the target answered.
func (r *Replicator) round(ctx context.Context, t *coffer.ReplicationTarget) (pause time.Duration, answered bool) {
	list, next, err := r.Objects.WaitingReplications(ctx, t.Name, replicateBatch)
	if err != nil {
		if ctx.Err() == nil {
			r.Logger.Error("replicate", "target", t.Name, "error", err)
		}
		return backoffMin, true
	}
	if len(list) == 0 {
		if pause = lookEvery; !next.IsZero() {
			pause = min(pause, max(next.Sub(r.Now()), time.Millisecond))
		}
		return pause, true
	}
	lanes := make([][]objects.ReplicationTask, replicateLanes)
	for _, task := range list {
		h := fnv.New32a()
		_, _ = h.Write([]byte(task.Key))
		lane := h.Sum32() % replicateLanes
		lanes[lane] = append(lanes[lane], task)
	}
	var (
		all  sync.WaitGroup
		mu   sync.Mutex // guards down
		down bool
	)
	for _, lane := range lanes {
		all.Go(func() {
			for _, task := range lane {
				if ctx.Err() != nil || !r.try(ctx, t, task) {
					mu.Lock()
					down = true
					mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	return 0, !down
}

// try makes one copy and writes down what came of it. It returns false if the target
// does not answer, so that nothing else need be tried now.
func (r *Replicator) try(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask) bool {
	version, gone, err := r.copy(ctx, t, task)
	if ctx.Err() != nil {
		return false
	}
	switch {
	case err == nil && gone:
		err = r.Objects.ReplicationDropped(ctx, t.Name, task)
	case err == nil:
		err = r.Objects.ReplicationDone(ctx, t.Name, task, version)
	case unreadable(err):
		r.Logger.Error("replicate: the object cannot be read", "target", t.Name, "bucket", string(task.Bucket), "key", task.Key, "error", err)
		err = r.later(ctx, t, task, err)
	case remote.Unavailable(err):
		// It waits for itself, so that one object that the target chokes on does not
		// stand in front of the others for ever.
		if err := r.Objects.ReplicationLater(ctx, t.Name, task, r.Now().Add(backoff(task.Tries+1)), err.Error()); err != nil && ctx.Err() == nil {
			r.Logger.Error("replicate", "target", t.Name, "bucket", string(task.Bucket), "error", err)
		}
		return false
	default:
		err = r.later(ctx, t, task, err)
	}
	if err != nil && ctx.Err() == nil {
		r.Logger.Error("replicate", "target", t.Name, "bucket", string(task.Bucket), "error", err)
		return false
	}
	return true
}

// later puts a task off that was refused, or gives it up after a day.
func (r *Replicator) later(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask, why error) error {
	if r.Now().Sub(task.Time()) > objects.ReplicationAgeMax {
		r.Logger.Warn("an object is not replicated", "target", t.Name, "bucket", string(task.Bucket), "key", task.Key, "error", why)
		return r.Objects.ReplicationGivenUp(ctx, t.Name, task, failureReason(task, why))
	}
	return r.Objects.ReplicationLater(ctx, t.Name, task, r.Now().Add(backoff(task.Tries+1)), why.Error())
}

// failureReason says why a target refused what it was asked, in the words of the
// events of S3 (AWS, "Amazon S3 replication failure reasons"); "" for what has none.
func failureReason(task objects.ReplicationTask, why error) string {
	e, ok := errors.AsType[*remote.Error](why)
	switch {
	case !ok:
		return ""
	case e.Code == "NoSuchBucket":
		return "DstBucketNotFound"
	case e.Code == "NoSuchVersion":
		return "DstVersionNotFound"
	case e.Code == "KMS.NotFoundException":
		return "DstKmsKeyNotFound"
	case e.Code == "KMS.DisabledException":
		return "DstKmsKeyInvalidState"
	case e.Status == http.StatusForbidden && task.Marker():
		return "DstDelObjNotPermitted"
	case e.Status == http.StatusForbidden && task.TagsOnly():
		return "DstPutTaggingNotPermitted"
	case e.Status == http.StatusForbidden:
		return "DstPutObjectNotPermitted"
	}
	return ""
}

// errRead wraps an error of reading the object here.
type errRead struct{ error }

func (e errRead) Unwrap() error { return e.error }

func unreadable(err error) bool {
	_, ok := errors.AsType[errRead](err)
	return ok
}

// sourceReader remembers why the object could not be read: to the one who sends it,
// that looks like a connection that broke.
type sourceReader struct {
	io.ReadCloser
	mu     sync.Mutex // guards failed: the transport reads beside the one who waits
	failed error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrClosedPipe) {
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	return n, err
}

// cause is why sending ended in err.
func (s *sourceReader) cause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.failed != nil {
		return errRead{s.failed}
	}
	return err
}

// copy does what a task says. gone tells that there is nothing to copy any more.
func (r *Replicator) copy(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask) (version string, gone bool, err error) {
	source, err := r.Objects.ReplicationSource(ctx, t.Name, task)
	if err != nil {
		return "", false, errRead{err}
	}
	if source == nil {
		return "", true, nil
	}
	switch {
	case task.Marker():
		version, err = r.Client.Mark(ctx, t, task.To, task.Key)
		return version, false, err
	case source.Failed: // the change comes with the copy
	case task.TagsOnly():
		return "", false, r.Client.PutTags(ctx, t, task.To, task.Key, source.There, source.Tags)
	case task.RetentionOnly():
		return "", false, r.Client.PutRetention(ctx, t, task.To, task.Key, source.There, source.Lock.Retention)
	case task.HoldOnly():
		return "", false, r.Client.PutLegalHold(ctx, t, task.To, task.Key, source.There, source.Lock.Hold)
	}
	o := source.Object
	if task.StorageClass != "" {
		o.Attributes.StorageClass = task.StorageClass
	}
	if o.PartsCount > 0 {
		version, err = r.copyParts(ctx, t, task, source.Session, o)
	} else {
		version, err = r.copyWhole(ctx, t, task, source.Session, o)
	}
	if code := coffer.CodeOf(err); code == coffer.NoSuchObject || code == coffer.NoSuchVersion || code == coffer.NoSuchBucket {
		return "", true, nil // it went meanwhile
	}
	return version, false, err
}

func (r *Replicator) copyWhole(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask, s objects.Session, o coffer.Object) (string, error) {
	_, body, err := s.Source(ctx, objects.GetInput{Bucket: task.Bucket, Key: task.Key, Version: coffer.VersionName(task.Version)})
	if err != nil {
		return "", errRead{err}
	}
	source := &sourceReader{ReadCloser: body}
	defer source.Close()
	version, err := r.Client.Put(ctx, t, task.To, o, source)
	return version, source.cause(err)
}

// copyParts copies an object part by part, as it was made, so that the copy has the
// same entity tag and checksums, and no more than a part is sent again.
func (r *Replicator) copyParts(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask, s objects.Session, o coffer.Object) (version string, err error) {
	upload, err := r.Client.Begin(ctx, t, task.To, o)
	if err != nil {
		return "", err
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		if err := r.Client.Abort(ctx, t, task.To, task.Key, upload); err != nil {
			r.Logger.Debug("replicate: give parts up", "target", t.Name, "error", err)
		}
	}()
	var parts []remote.Part
	for number := 1; number <= o.PartsCount; number++ {
		p, err := r.copyPart(ctx, t, task, s, o, upload, number)
		if err != nil {
			return "", fmt.Errorf("part %d: %w", number, err)
		}
		parts = append(parts, p)
	}
	return r.Client.Complete(ctx, t, task.To, task.Key, upload, parts)
}

func (r *Replicator) copyPart(ctx context.Context, t *coffer.ReplicationTarget, task objects.ReplicationTask, s objects.Session, o coffer.Object, upload string, number int) (remote.Part, error) {
	p := remote.Part{Number: number}
	c, body, err := s.Source(ctx, objects.GetInput{Bucket: task.Bucket, Key: task.Key, Version: coffer.VersionName(task.Version), PartNumber: number})
	if err != nil {
		return p, errRead{err}
	}
	source := &sourceReader{ReadCloser: body}
	defer source.Close()
	if c.PartChecksum != "" {
		p.Sum = coffer.Checksum{Algorithm: o.Checksum.Algorithm, Value: c.PartChecksum}
	}
	p, err = r.Client.PutPart(ctx, t, task.To, task.Key, upload, p, source, c.Length)
	return p, source.cause(err)
}
