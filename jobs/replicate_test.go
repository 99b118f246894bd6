package jobs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob/disk"
	"coffer/jobs"
	"coffer/keys"
	"coffer/meta/pebble"
	"coffer/objects"
	"coffer/remote"
	"coffer/s3"
)

const account = "111111111111"

var owner = coffer.Actor{Account: account, Canonical: "aa"}

// site is a coffer: its objects, its address, and a switch that takes it away.
type site struct {
	objects *objects.Service
	keys    *keys.Service
	url     string
	target  coffer.ReplicationTarget
	refuse  atomic.Int32 // a status that it answers to everything, if not 0
	puts    atomic.Int32
}

// newSite is a coffer with a versioned bucket. The targets are given later.
func newSite(t *testing.T, name, bucket string, targets []coffer.ReplicationTarget) *site {
	t.Helper()
	fs, log := vfs.NewMem(), slog.New(slog.DiscardHandler)
	store, err := pebble.Open("meta", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	blobs, err := disk.Open(disk.Options{FS: fs, Dirs: []string{"blobs"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	s.objects, err = objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: time.Now, Rand: rand.Reader, Logger: log, ReplicationTargets: targets})
	if err != nil {
		t.Fatal(err)
	}
	master, err := keys.ParseMaster(coffer.NewSecretFrom(strings.Repeat("01", 32)))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := keys.Open(t.Context(), keys.Options{Meta: store, Master: master, Now: time.Now, Rand: rand.Reader, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyring.Close() })
	s.keys = keyring
	scope := coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadWrite}}}
	key, secret, err := keyring.As(coffer.Caller{Operator: true}).Create(t.Context(), coffer.Account{ID: account, Canonical: "aa", Name: name}, keys.CreateInput{Name: name, Scope: &scope})
	if err != nil {
		t.Fatal(err)
	}
	handler := s3.New(s3.Options{Objects: s.objects, Keys: keyring, Regions: []string{"auto"}, Now: time.Now, Rand: rand.Reader, Logger: log})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := s.refuse.Load(); status != 0 {
			w.WriteHeader(int(status))
			return
		}
		if r.Method == http.MethodPut {
			s.puts.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.target = coffer.ReplicationTarget{Name: name, Endpoint: server.URL, Region: "auto", AccessKeyID: string(key.Current.AccessKeyID), Secret: secret, Account: account}
	alice := s.objects.As(owner)
	if _, err := alice.CreateBucket(t.Context(), coffer.BucketName(bucket), "auto"); err != nil {
		t.Fatal(err)
	}
	if err := alice.PutVersioning(t.Context(), coffer.BucketName(bucket), coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	return s
}

// replicateTo sets the replication of a bucket, delete markers too.
func (s *site) replicateTo(t *testing.T, bucket, target, to string) {
	t.Helper()
	err := s.objects.As(owner).PutBucketReplication(t.Context(), coffer.BucketName(bucket), coffer.Replication{Role: "r", Rules: []coffer.ReplicationRule{
		{ID: "r", Enabled: true, Filtered: true, DeleteMarkers: true, ARN: "arn:aws:s3:::" + target + ":" + to}}})
	if err != nil {
		t.Fatal(err)
	}
}

// run replicates until the returned call.
func (s *site) run(t *testing.T) func() {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&jobs.Replicator{Objects: s.objects, Client: remote.New(time.Now), Now: time.Now, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// drained waits until nothing waits at s any more.
func (s *site) drained(t *testing.T) {
	t.Helper()
	s.until(t, "nothing waits", func() bool {
		n, err := s.objects.ReplicationBacklog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// until asks again and again, for half a minute.
func (s *site) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not after 30 s", what)
		}
	}
}

func (s *site) put(t *testing.T, key, body string) coffer.Object {
	t.Helper()
	o, err := s.objects.As(owner).Put(t.Context(), objects.PutInput{Bucket: "here", Key: key, Body: strings.NewReader(body), Size: int64(len(body)),
		Attributes: coffer.Attributes{ContentType: "text/x", CacheControl: "no-store", StorageClass: "GLACIER", Metadata: map[string]string{"a": "ü", "b": "2"}},
		Tags:       []coffer.Tag{{Key: "k 1", Value: "a+b"}}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (s *site) read(t *testing.T, bucket, key string) (coffer.Object, string) {
	t.Helper()
	c, err := s.objects.As(owner).Get(t.Context(), objects.GetInput{Bucket: coffer.BucketName(bucket), Key: key})
	if err != nil {
		t.Fatalf("Get(%s, %s) = %v", bucket, key, err)
	}
	defer c.Close()
	var b bytes.Buffer
	if _, err := c.WriteTo(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return c.Object, b.String()
}

func (s *site) status(t *testing.T, bucket, key string) coffer.ReplicationStatus {
	t.Helper()
	c, err := s.objects.As(owner).Head(t.Context(), objects.GetInput{Bucket: coffer.BucketName(bucket), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c.Replication.Status()
}

func TestACopyIsTheObjectAndDoesNotComeBack(t *testing.T) {
	there := newSite(t, "there", "copies", nil)
	here := newSite(t, "here", "here", []coffer.ReplicationTarget{there.target})
	there.objects.ReplicationTargets = []coffer.ReplicationTarget{here.target}
	here.replicateTo(t, "here", "there", "copies")
	there.replicateTo(t, "copies", "here", "here")

	ctx, alice := t.Context(), here.objects.As(owner)
	keys := []string{"small", "größe/+ %&?#.txt", "empty", "large", "parts"}
	here.put(t, keys[0], "hello")
	here.put(t, keys[1], "hello")
	here.put(t, keys[2], "")
	here.put(t, keys[3], strings.Repeat("0123456789", 200_000))
	upload, err := alice.CreateUpload(ctx, objects.UploadInput{Bucket: "here", Key: "parts", Checksum: coffer.Checksum{Algorithm: coffer.SHA256, Type: coffer.Composite}})
	if err != nil {
		t.Fatal(err)
	}
	var parts []coffer.Part
	for i, n := range []int{5 << 20, 100} {
		body := strings.Repeat("p", n)
		sum := sha256.Sum256([]byte(body))
		p, err := alice.PutPart(ctx, objects.PartInput{Bucket: "here", Key: "parts", Upload: upload.ID, Number: 2 * (i + 1), Body: strings.NewReader(body), Size: int64(n),
			Digests: objects.Digests{Checksum: coffer.Checksum{Algorithm: coffer.SHA256, Value: base64.StdEncoding.EncodeToString(sum[:])}}})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	if _, err := alice.Complete(ctx, objects.CompleteInput{Bucket: "here", Key: "parts", Upload: upload.ID, Parts: parts, Size: -1}); err != nil {
		t.Fatal(err)
	}
	if got := here.status(t, "here", "parts"); got != coffer.ReplicationPending {
		t.Errorf("before it is copied, an object is %s, want PENDING", got)
	}
	defer here.run(t)()
	defer there.run(t)()
	here.drained(t)
	for _, key := range keys {
		o, body := here.read(t, "here", key)
		c, copied := there.read(t, "copies", key)
		if body != copied || o.ETag != c.ETag || o.Checksum != c.Checksum || o.PartsCount != c.PartsCount || !slices.Equal(o.Tags, c.Tags) ||
			o.Attributes.ContentType != c.Attributes.ContentType || o.Attributes.CacheControl != c.Attributes.CacheControl ||
			o.Attributes.StorageClass != c.Attributes.StorageClass || o.Attributes.Metadata["a"] != c.Attributes.Metadata["a"] {
			t.Errorf("%s: the copy is %+v, %d bytes\nwant %+v, %d bytes", key, c, len(copied), o, len(body))
		}
		if s, c := here.status(t, "here", key), there.status(t, "copies", key); s != coffer.ReplicationCompleted || c != coffer.ReplicationReplica {
			t.Errorf("%s is %s and its copy %s, want COMPLETED and REPLICA", key, s, c)
		}
	}

	// Tags and delete markers follow; the removal of a version does not.
	small, _ := here.read(t, "here", "small")
	if _, err := alice.PutObjectTagging(ctx, "here", "small", "", []coffer.Tag{{Key: "new", Value: "b"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Delete(ctx, "here", objects.Doomed{Key: "large"}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Delete(ctx, "here", objects.Doomed{Key: "empty", Version: mustVersion(t, here, "empty")}); err != nil {
		t.Fatal(err)
	}
	here.drained(t)
	if c, _ := there.read(t, "copies", "small"); len(c.Tags) != 1 || c.Tags[0].Key != "new" || small.VersionID == "" {
		t.Errorf("the tags of the copy are %v, want the new ones", c.Tags)
	}
	if _, err := there.objects.As(owner).Head(ctx, objects.GetInput{Bucket: "copies", Key: "large"}); coffer.CodeOf(err) != coffer.NoSuchObject {
		t.Errorf("Head of the copy after a delete marker = %v, want NoSuchObject", err)
	}
	there.read(t, "copies", "empty")
	there.drained(t)
	if n := here.puts.Load(); n != 0 {
		t.Errorf("%d writes came back to where they were from, want none", n)
	}
	if c, err := here.objects.ReplicationCounts(ctx, "here"); err != nil || c.Waiting != 0 || c.Completed != 7 || c.Failed != 0 {
		t.Errorf("ReplicationCounts() = %+v, %v, want 7 completed", c, err)
	}
}

func mustVersion(t *testing.T, s *site, key string) string {
	t.Helper()
	o, _ := s.read(t, "here", key)
	return o.VersionID
}

func TestCopiesWaitForATargetThatIsDownAndKeepTheirOrder(t *testing.T) {
	there := newSite(t, "there", "copies", nil)
	here := newSite(t, "here", "here", []coffer.ReplicationTarget{there.target})
	here.replicateTo(t, "here", "there", "copies")
	there.refuse.Store(http.StatusServiceUnavailable)
	for _, body := range []string{"1", "2", "3"} {
		here.put(t, "k", body)
	}
	gone := here.put(t, "gone", "x")
	if _, err := here.objects.As(owner).Delete(t.Context(), "here", objects.Doomed{Key: "gone", Version: gone.VersionID}); err != nil {
		t.Fatal(err)
	}
	stop := here.run(t)
	here.until(t, "a try is written down", func() bool {
		_, next, err := here.objects.WaitingReplications(t.Context(), "there", 10)
		return err == nil && !next.IsZero()
	})
	stop() // a restart in between loses nothing
	there.refuse.Store(0)
	defer here.run(t)()
	here.drained(t)
	if _, body := there.read(t, "copies", "k"); body != "3" {
		t.Errorf("the current copy is %q, want the version that is current here", body)
	}
	page, err := there.objects.As(owner).ListVersions(t.Context(), objects.ListVersionsInput{Bucket: "copies", Max: 100})
	if err != nil || len(page.Versions) != 3 {
		t.Errorf("there are %d versions, %v, want 3, and none of what was gone before", len(page.Versions), err)
	}
}

func TestWhatATargetRefusesIsGivenUpAfterADay(t *testing.T) {
	there := newSite(t, "there", "copies", nil)
	here := newSite(t, "here", "here", []coffer.ReplicationTarget{there.target})
	here.replicateTo(t, "here", "there", "nowhere")
	here.put(t, "k", "x")
	ctx := t.Context()
	round := func(now time.Time) {
		t.Helper()
		stopped, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&jobs.Replicator{Objects: here.objects, Client: remote.New(time.Now), Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}).Run(stopped)
		}()
		here.until(t, "a try", func() bool {
			list, _, err := here.objects.WaitingReplications(ctx, "there", 10)
			return err == nil && len(list) == 0
		})
		stop()
		<-done
	}
	round(time.Now())
	if s := here.status(t, "here", "k"); s != coffer.ReplicationPending {
		t.Errorf("after a refusal the object is %s, want PENDING: it is tried again", s)
	}
	here.until(t, "it is due again", func() bool {
		list, _, err := here.objects.WaitingReplications(ctx, "there", 10)
		return err == nil && len(list) == 1 && list[0].Tries == 1 && strings.Contains(list[0].Why, "NoSuchBucket")
	})
	round(time.Now().Add(objects.ReplicationAgeMax + time.Minute))
	if s := here.status(t, "here", "k"); s != coffer.ReplicationFailed {
		t.Errorf("after a day the object is %s, want FAILED", s)
	}
	if c, err := here.objects.ReplicationCounts(ctx, "here"); err != nil || c != (objects.ReplicationCounts{Failed: 1}) {
		t.Errorf("ReplicationCounts() = %+v, %v, want one that failed", c, err)
	}
}
