package jobs_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob/disk"
	"coffer/jobs"
	"coffer/meta/pebble"
	"coffer/objects"
	"coffer/webhook"
)

// sinks are webhooks that answer as they are told, and what they got.
type sinks struct {
	mu     sync.Mutex // guards what follows
	answer func(hook, body string) error
	got    map[string][]string // keys by webhook, in the order in which they came
	ids    map[string]int
}

func (s *sinks) send(_ context.Context, hook coffer.Webhook, id string, body []byte) (int, error) {
	s.mu.Lock()
	answer := s.answer
	s.ids[id]++
	s.mu.Unlock()
	if answer != nil {
		if err := answer(hook.Name, string(body)); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var doc struct {
		Event   string
		Records []struct {
			S3 struct{ Object struct{ Key string } }
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return 0, err
	}
	if doc.Event != "" {
		s.got[hook.Name] = append(s.got[hook.Name], doc.Event)
	}
	for _, r := range doc.Records {
		s.got[hook.Name] = append(s.got[hook.Name], r.S3.Object.Key)
	}
	return 200, nil
}

func (s *sinks) keys(hook string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got[hook], " ")
}

func (s *sinks) set(answer func(hook, body string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// notifying is a service whose bucket sends the keys below a/ to the webhook a and
// those below b/ to b.
func notifying(t *testing.T, fs vfs.FS) (*objects.Service, func()) {
	t.Helper()
	store, err := pebble.Open("meta", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(disk.Options{FS: fs, Dirs: []string{"blobs"}})
	if err != nil {
		t.Fatal(err)
	}
	service, err := objects.Open(t.Context(), objects.Options{Meta: store, Blobs: blobs, Now: time.Now, Rand: rand.Reader,
		Webhooks: []coffer.Webhook{{Name: "a", URL: coffer.NewSecretFrom("https://a.example")}, {Name: "b", URL: coffer.NewSecretFrom("https://b.example")}}})
	if err != nil {
		t.Fatal(err)
	}
	alice := service.As(coffer.Actor{Account: "111111111111"})
	if _, err := alice.CreateBucket(t.Context(), "bucket", "auto"); err == nil {
		var rules []coffer.NotificationRule
		for _, name := range []string{"a", "b"} {
			rules = append(rules, coffer.NotificationRule{ID: name, Kind: coffer.NotifyTopic, ARN: "arn:aws:sns:::" + name,
				Events: []string{"s3:ObjectCreated:*"}, Prefix: name + "/"})
		}
		if err := alice.PutBucketNotification(t.Context(), "bucket", rules, false); err != nil {
			t.Fatal(err)
		}
	}
	return service, func() { _ = store.Close() }
}

func putKey(t *testing.T, s *objects.Service, key string) {
	t.Helper()
	time.Sleep(time.Millisecond) // of the bubble's clock, for the order
	_, err := s.As(coffer.Actor{Account: "111111111111"}).Put(t.Context(), objects.PutInput{Bucket: "bucket", Key: key, Body: strings.NewReader("x"), Size: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// notify runs a Notifier until the returned call.
func notify(t *testing.T, s *objects.Service, sink *sinks) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&jobs.Notifier{Objects: s, Send: sink.send, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	return func() { cancel(); <-done }
}

func newSinks() *sinks { return &sinks{got: map[string][]string{}, ids: map[string]int{}} }

func TestASinkThatIsDownGetsAllInOrderWhenItIsBackAndHoldsNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, closeStore := notifying(t, vfs.NewMem())
		defer closeStore()
		sink := newSinks()
		sink.set(func(hook, _ string) error {
			if hook == "a" {
				return errors.New("connection refused")
			}
			return nil
		})
		stop := notify(t, service, sink)
		defer stop()
		for i := range 5 {
			putKey(t, service, fmt.Sprintf("a/%d", i))
			putKey(t, service, fmt.Sprintf("b/%d", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := sink.keys("b"), "s3:TestEvent b/0 b/1 b/2 b/3 b/4"; got != want {
			t.Errorf("b got %q, want %q although a is down", got, want)
		}
		time.Sleep(2 * time.Hour)
		sink.set(nil)
		time.Sleep(6 * time.Minute) // the longest pause
		synctest.Wait()
		if got, want := sink.keys("a"), "s3:TestEvent a/0 a/1 a/2 a/3 a/4"; got != want {
			t.Errorf("a got %q, want %q once it is back", got, want)
		}
		counts, err := service.WebhookCounts(t.Context())
		if err != nil || counts[0].Waiting != 0 || counts[0].Delivered != 6 || counts[0].Failed < 20 || counts[0].Failed > 40 {
			t.Errorf("WebhookCounts() = %+v, %v, want nothing waiting, 6 delivered, and a failure for each pause", counts, err)
		}
	})
}

func TestAnEventSurvivesACrashBetweenTheWriteAndItsDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		service, closeStore := notifying(t, fs)
		putKey(t, service, "a/1")
		after := fs.CrashClone(vfs.CrashCloneCfg{})
		closeStore()
		service, closeStore = notifying(t, after)
		defer closeStore()
		sink := newSinks()
		stop := notify(t, service, sink)
		defer stop()
		synctest.Wait()
		if got, want := sink.keys("a"), "s3:TestEvent a/1"; got != want {
			t.Errorf("after the power was cut a got %q, want %q", got, want)
		}
	})
}

func TestAnEventThatASinkWillNeverTakeIsGivenUpAndHoldsNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, closeStore := notifying(t, vfs.NewMem())
		defer closeStore()
		sink := newSinks()
		sink.set(func(_, body string) error {
			if strings.Contains(body, "a/bad") {
				return &webhook.Refused{Status: 400}
			}
			return nil
		})
		for _, key := range []string{"a/1", "a/bad", "a/2"} {
			putKey(t, service, key)
		}
		stop := notify(t, service, sink)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := sink.keys("a"), "s3:TestEvent a/1 a/2"; got != want {
			t.Errorf("a got %q, want %q", got, want)
		}
		dead, err := service.DeadEvents(t.Context(), "a", 10)
		if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Why, "400") {
			t.Fatalf("DeadEvents() = %+v, %v, want the one that was refused, and why", dead, err)
		}
		sink.set(nil)
		if n, err := service.ReplayEvents(t.Context(), "a"); n != 1 || err != nil {
			t.Fatalf("ReplayEvents() = %d, %v, want 1", n, err)
		}
		synctest.Wait()
		if got, want := sink.keys("a"), "s3:TestEvent a/1 a/2 a/bad"; got != want {
			t.Errorf("after the replay a got %q, want %q", got, want)
		}
	})
}

func TestEventsAreTriedForADayAndWritesDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, closeStore := notifying(t, vfs.NewMem())
		defer closeStore()
		sink := newSinks()
		sink.set(func(string, string) error {
			time.Sleep(10 * time.Second) // as long as one may take
			return errors.New("timeout")
		})
		stop := notify(t, service, sink)
		defer stop()
		synctest.Wait()
		began := time.Now()
		putKey(t, service, "a/1")
		if took := time.Since(began); took > time.Millisecond {
			t.Errorf("a write took %s while the sink was slow, want no wait", took)
		}
		time.Sleep(objects.EventAgeMax + time.Minute)
		synctest.Wait()
		dead, err := service.DeadEvents(t.Context(), "a", 10)
		if err != nil || len(dead) != 2 {
			t.Errorf("DeadEvents() = %d, %v, want both events after a day", len(dead), err)
		}
		for id, n := range sink.ids {
			if n < 2 {
				t.Errorf("the delivery %s was tried %d times: its ID must be the same each time", id, n)
			}
		}
	})
}
