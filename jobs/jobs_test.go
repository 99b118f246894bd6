package jobs_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob"
	"coffer/blob/disk"
	"coffer/jobs"
	"coffer/meta/pebble"
	"coffer/objects"
)

// TestRun plays the first minute and the first day of a server.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		store, err := pebble.Open("meta", pebble.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		blobs, err := disk.Open(disk.Options{FS: fs, Dirs: []string{"blobs"}})
		if err != nil {
			t.Fatal(err)
		}
		leftover := put(t, blobs)
		time.Sleep(time.Second)
		var log strings.Builder
		service, err := objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: time.Now, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		underWay := put(t, blobs) // a request of this run has its bytes, and no metadata yet
		alice := service.As(coffer.Actor{Account: "111111111111"})
		if _, err := alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
			t.Fatal(err)
		}
		const size = objects.InlineMaxDefault + 1
		_, err = alice.Put(t.Context(), objects.PutInput{Bucket: "bucket", Key: "k", Body: strings.NewReader(strings.Repeat("x", size)), Size: size})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&jobs.Service{Objects: service, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Run(ctx)
		}()
		synctest.Wait()
		exists(t, blobs, leftover, false)
		exists(t, blobs, underWay, true)
		if _, err := alice.Delete(t.Context(), "bucket", objects.Doomed{Key: "k"}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, blobs); n != 2 {
			t.Errorf("%d blobs after the delete, want the deleted one and that under way", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := count(t, blobs); n != 1 {
			t.Errorf("%d blobs a minute after the delete, want that under way only", n)
		}
		time.Sleep(26 * time.Hour)
		synctest.Wait()
		exists(t, blobs, underWay, false)
		cancel()
		<-done
		if got := log.String(); !strings.Contains(got, "orphans=1") || !strings.Contains(got, "garbage=1") || strings.Contains(got, "ERROR") {
			t.Errorf("the log is\n%s\nwant one orphan, one piece of garbage, no error", got)
		}
	})
}

func put(t *testing.T, s blob.Store) blob.Ref {
	t.Helper()
	ref, _, err := s.Put(t.Context(), strings.NewReader("bytes"))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func exists(t *testing.T, s blob.Store, ref blob.Ref, want bool) {
	t.Helper()
	b, err := s.Open(t.Context(), ref)
	if err == nil {
		_ = b.Close()
	} else if !errors.Is(err, blob.ErrNotFound) {
		t.Fatal(err)
	}
	if got := err == nil; got != want {
		t.Errorf("blob %s is there: %t, want %t", ref, got, want)
	}
}

func count(t *testing.T, s blob.Store) (n int) {
	t.Helper()
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
