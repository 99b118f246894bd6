package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

// notified sets the rules of alice's bucket, with the webhook "hook".
func notified(t *testing.T, w *world, rules ...coffer.NotificationRule) {
	t.Helper()
	w.Webhooks = []coffer.Webhook{{Name: "hook", URL: coffer.NewSecretFrom("https://sink.example/")}, {Name: "bobs", URL: coffer.NewSecretFrom("https://sink.example/"), Account: bob.Account}}
	for i := range rules {
		rules[i].Kind, rules[i].ARN = coffer.NotifyQueue, "arn:aws:sqs:::hook"
	}
	if err := w.alice.PutBucketNotification(t.Context(), "bucket", rules, false); err != nil {
		t.Fatalf("PutBucketNotification(%+v) = %v", rules, err)
	}
}

// waiting are the events that wait, as "name key".
func waiting(t *testing.T, w *world) (names []string, records []eventRecord) {
	t.Helper()
	var after []QueuedEvent
	err := w.store.View(t.Context(), func(r meta.Reader) error {
		return eachEvent(r, meta.PrefixEvent, "hook", func(e QueuedEvent) bool {
			after = append(after, e)
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range after {
		if e.Alone {
			names = append(names, "test")
			continue
		}
		var rec eventRecord
		if err := json.Unmarshal(e.Text, &rec); err != nil {
			t.Fatalf("event %s: %v", e.Text, err)
		}
		names, records = append(names, rec.EventName+" "+rec.S3.Object.Key), append(records, rec)
	}
	return names, records
}

func TestEveryChangeHasItsEventInTheSameTransaction(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, "before", []byte("x"))
	notified(t, w, coffer.NotificationRule{ID: "all", Events: []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"}})
	w.clock.step(time.Second)
	w.put(t, "a b/ü", []byte("x"))
	w.clock.step(time.Second)
	if _, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "form", Body: strings.NewReader(""), Form: true}); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	if _, err := w.alice.Copy(ctx, CopyInput{Bucket: "bucket", Key: "copy", SourceBucket: "bucket", SourceKey: "before"}); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	w.putParts(t, "parts", content(1, 20), content(2, 20))
	w.clock.step(time.Second)
	if _, err := w.alice.PutObjectTagging(ctx, "bucket", "copy", "", []coffer.Tag{{Key: "k", Value: "v"}}); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	if _, err := w.alice.DeleteObjectTagging(ctx, "bucket", "copy", ""); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	for _, key := range []string{"copy", "nothing"} {
		if _, err := w.alice.Delete(ctx, "bucket", Doomed{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	// What is refused has no event.
	_, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "form", Body: strings.NewReader("y"), Size: 1, If: Conditions{IfNoneMatch: "*"}})
	wantCode(t, "Put over an object that is there", err, coffer.PreconditionFailed)

	want := []string{"test", "ObjectCreated:Put a+b/%C3%BC", "ObjectCreated:Post form", "ObjectCreated:Copy copy",
		"ObjectCreated:CompleteMultipartUpload parts", "ObjectTagging:Put copy", "ObjectTagging:Delete copy", "ObjectRemoved:Delete copy"}
	names, records := waiting(t, w)
	if !slices.Equal(names, want) {
		t.Errorf("events = %q, want %q", names, want)
	}
	last := ""
	for _, r := range records {
		// Tags are not of the bytes, and have no place in their order.
		if tags := strings.HasPrefix(r.EventName, "ObjectTagging:"); tags != (r.S3.Object.Sequencer == "") || tags != (r.S3.Object.Size == nil && r.S3.Object.ETag != "") {
			t.Errorf("the object of %s is %+v", r.EventName, r.S3.Object)
		}
		if r.S3.Object.Sequencer == "" {
			continue
		}
		if r.S3.Object.Sequencer <= last {
			t.Errorf("the sequencer of %s is %s, after %s", r.EventName, r.S3.Object.Sequencer, last)
		}
		last = r.S3.Object.Sequencer
	}
	if c, err := w.webhookCounts(ctx, "hook"); err != nil || c.Waiting != int64(len(want)) {
		t.Errorf("webhookCounts() = %+v, %v, want %d waiting", c, err, len(want))
	}
}

func TestEventsNameTheVersion(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	notified(t, w, coffer.NotificationRule{ID: "all", Events: []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}})
	w.clock.step(time.Second)
	o := w.put(t, "k", []byte("x"))
	w.clock.step(time.Second)
	marker, err := w.alice.Delete(ctx, "bucket", Doomed{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	if _, err := w.alice.Delete(ctx, "bucket", Doomed{Key: "k", Version: o.VersionID}); err != nil {
		t.Fatal(err)
	}
	var got []string
	_, records := waiting(t, w)
	for _, r := range records {
		got = append(got, r.EventName+" "+r.S3.Object.VersionID)
		if marker := r.EventName == markerCreated; marker != (r.S3.Object.ETag == emptyMD5) {
			t.Errorf("the entity tag of %s is %q", r.EventName, r.S3.Object.ETag)
		}
	}
	want := []string{"ObjectCreated:Put " + o.VersionID, "ObjectRemoved:DeleteMarkerCreated " + marker.VersionID, "ObjectRemoved:Delete " + o.VersionID}
	if !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
}

func TestAnEventIsInTheFormOfAWS(t *testing.T) {
	w := newWorld(t)
	actor := alice
	actor.Caller = coffer.Caller{Source: "192.0.2.1", RequestID: "ABC"}
	w.alice = w.As(actor)
	notified(t, w, coffer.NotificationRule{ID: "rule", Events: []string{"s3:ObjectCreated:Put"}, Prefix: "in/", Suffix: ".jpg"})
	w.clock.step(time.Second)
	w.put(t, "in/a.jpg", []byte("hello"))
	w.put(t, "out/a.jpg", []byte("hello"))
	w.put(t, "in/a.png", []byte("hello"))
	list, err := w.WaitingEvents(t.Context(), "hook", 10, 1<<20)
	if err != nil || len(list) != 1 || !list[0].Alone {
		t.Fatalf("WaitingEvents() = %d, %v, want the test event alone", len(list), err)
	}
	if err := w.EventsDelivered(t.Context(), "hook", list, Delivery{ID: "d", Time: w.clock.Now(), Status: 200, Events: 1}); err != nil {
		t.Fatal(err)
	}
	list, err = w.WaitingEvents(t.Context(), "hook", 10, 1<<20)
	if err != nil || len(list) != 1 {
		t.Fatalf("WaitingEvents() = %d, %v, want the one that the filter lets through", len(list), err)
	}
	want := `{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"auto","eventTime":"2026-01-02T03:04:06.006Z",` +
		`"eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:key_a"},"requestParameters":{"sourceIPAddress":"192.0.2.1"},` +
		`"responseElements":{"x-amz-request-id":"ABC","x-amz-id-2":"Y29mZmVyLXMz"},"s3":{"s3SchemaVersion":"1.0","configurationId":"rule",` +
		`"bucket":{"name":"bucket","ownerIdentity":{"principalId":"111111111111"},"arn":"arn:aws:s3:::bucket"},` +
		`"object":{"key":"in/a.jpg","size":5,"eTag":"5d41402abc4b2a76b9719d911017c592","sequencer":"1886CAF2588C8980"}}}`
	if got := string(list[0].Text); got != want {
		t.Errorf("the event is\n%s\nwant\n%s", got, want)
	}
}

func TestRulesAreTheOwnersAndTheirWebhooksToo(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	notified(t, w, coffer.NotificationRule{ID: "r", Events: []string{"s3:ObjectCreated:*"}})
	rule := coffer.NotificationRule{Kind: coffer.NotifyQueue, Events: []string{"s3:ObjectCreated:*"}}
	for _, tt := range []struct {
		name, arn string
		who       Session
		want      coffer.Code
	}{
		{"AWebhookOfAnotherAccount", "arn:aws:sqs:::bobs", w.alice, coffer.InvalidArgument},
		{"AWebhookThatIsNotThere", "arn:aws:sqs:::none", w.alice, coffer.InvalidArgument},
		{"TheAccountOfAnother", "arn:aws:sqs:auto:222222222222:hook", w.alice, coffer.InvalidArgument},
		{"ABucketOfAnotherAccount", "arn:aws:sqs:::hook", w.bob, coffer.AccessDenied},
		{"AScopeOfObjects", "arn:aws:sqs:::hook", scoped(t, w, coffer.Grant{Preset: coffer.PresetWriteOnly}), coffer.AccessDenied},
	} {
		rule.ARN = tt.arn
		wantCode(t, tt.name, tt.who.PutBucketNotification(ctx, "bucket", []coffer.NotificationRule{rule}, false), tt.want)
	}
	if rules, err := w.alice.BucketNotification(ctx, "bucket"); err != nil || len(rules) != 1 || rules[0].ID != "r" {
		t.Errorf("BucketNotification() = %+v, %v, want what was there before", rules, err)
	}
	if err := w.alice.PutBucketNotification(ctx, "bucket", nil, false); err != nil {
		t.Fatal(err)
	}
	w.put(t, "k", []byte("x"))
	if names, _ := waiting(t, w); !slices.Equal(names, []string{"test"}) {
		t.Errorf("events = %q after notifications were turned off, want the first test alone", names)
	}
}

func TestWhatWaitsIsBoundedAndWhatIsGivenUpCanBeReplayed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	notified(t, w, coffer.NotificationRule{ID: "r", Events: []string{"s3:ObjectCreated:*"}})
	for i := range 9 {
		w.clock.step(time.Second)
		w.put(t, fmt.Sprint(i), []byte("x"))
	}
	counts := func(want WebhookCounts) {
		t.Helper()
		if c, err := w.webhookCounts(ctx, "hook"); err != nil || c != want {
			t.Errorf("webhookCounts() = %+v, %v, want %+v", c, err, want)
		}
	}
	if err := w.trimEvents(ctx, "hook", 4, 5, 3); err != nil {
		t.Fatal(err)
	}
	counts(WebhookCounts{Waiting: 4, Dead: 5, Dropped: 1})
	if names, _ := waiting(t, w); names[0] != "ObjectCreated:Put 5" {
		t.Errorf("the oldest that waits is %s, want that of 5: the oldest are given up", names[0])
	}
	w.clock.step(EventAgeMax - time.Second)
	if err := w.trimEvents(ctx, "hook", 4, 5, 3); err != nil {
		t.Fatal(err)
	}
	counts(WebhookCounts{Waiting: 2, Dead: 5, Dropped: 3})
	if n, err := w.ReplayEvents(ctx, "hook"); err != nil || n != 5 {
		t.Errorf("ReplayEvents() = %d, %v, want 5", n, err)
	}
	counts(WebhookCounts{Waiting: 7, Dropped: 3})
	for range 5 {
		if err := w.DeliveryFailed(ctx, "hook", Delivery{ID: "d", Time: w.clock.Now(), Error: strings.Repeat("x", 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.trimEvents(ctx, "hook", 100, 5, 3); err != nil {
		t.Fatal(err)
	}
	if list, err := w.Deliveries(ctx, "hook", 10); err != nil || len(list) != 3 || len(list[0].Error) != deliveryErrorMax {
		t.Errorf("Deliveries() = %+v, %v, want the last 3, their errors cut", list, err)
	}
	w.Webhooks = nil
	w.clock.step(EventAgeMax)
	if err := w.ForgetWebhooks(ctx); err != nil {
		t.Fatal(err)
	}
	err := w.store.View(ctx, func(r meta.Reader) error {
		for _, p := range []byte{meta.PrefixEvent, meta.PrefixDeadEvent, meta.PrefixDelivery, meta.PrefixEventCount} {
			it := r.Iter([]byte{p}, []byte{p + 1})
			if it.Next() {
				t.Errorf("a webhook that was taken away has still %q", it.Key())
			}
			if err := it.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stopped is a store that takes so many updates more, as of a server that is killed.
type stopped struct {
	meta.Store
	updates int
}

func (s *stopped) Update(ctx context.Context, fn func(meta.Tx) error) error {
	if s.updates--; s.updates < 0 {
		return meta.ErrClosed
	}
	return s.Store.Update(ctx, fn)
}

func TestWhatIsDroppedIsCountedThoughTheServerStops(t *testing.T) {
	for updates := range 4 {
		w := newWorld(t)
		ctx := t.Context()
		notified(t, w, coffer.NotificationRule{ID: "r", Events: []string{"s3:ObjectCreated:*"}})
		for i := range 9 {
			w.clock.step(time.Second)
			w.put(t, fmt.Sprint(i), []byte("x"))
		}
		w.Meta = &stopped{w.store, updates}
		_ = w.trimEvents(ctx, "hook", 4, 2, 3)
		w.Meta = w.store
		dead, err := w.DeadEvents(ctx, "hook", 100)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := w.webhookCounts(ctx, "hook"); err != nil || c.Dead != int64(len(dead)) || c.Waiting+c.Dead+c.Dropped != 10 {
			t.Errorf("after a stop behind %d updates webhookCounts() = %+v, %v, want %d dead and 10 in all", updates, c, err, len(dead))
		}
	}
}

func TestAnEventIsNotWrittenWhenTheChangeIsNot(t *testing.T) {
	w := newWorld(t)
	notified(t, w, coffer.NotificationRule{ID: "r", Events: []string{"s3:ObjectRemoved:*"}})
	w.put(t, "k", []byte("x"))
	err := w.Meta.Update(t.Context(), func(tx meta.Tx) error {
		b, err := readBucket(tx, "bucket")
		if err != nil {
			return err
		}
		_, err = w.alice.remove(tx, b, Doomed{Key: "k"})
		return errors.Join(err, errRollback)
	})
	if !errors.Is(err, errRollback) {
		t.Fatal(err)
	}
	if names, _ := waiting(t, w); !slices.Equal(names, []string{"test"}) {
		t.Errorf("events = %q, want none of a delete that was rolled back", names)
	}
}
