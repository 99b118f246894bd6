package jobs_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/keys"
	"coffer/objects"
)

// newLockedSites are two coffers with a bucket "locks" that can lock, of which the one
// here is copied there with a key that may.
func newLockedSites(t *testing.T) (here, there *site) {
	t.Helper()
	there = newSite(t, "there", "copies", nil)
	key, secret, err := there.keys.As(coffer.Caller{Operator: true}).Create(t.Context(), coffer.Account{ID: account, Canonical: "aa", Name: "full"}, keys.CreateInput{Name: "full"})
	if err != nil {
		t.Fatal(err)
	}
	there.target.AccessKeyID, there.target.Secret = string(key.Current.AccessKeyID), secret
	here = newSite(t, "here", "here", []coffer.ReplicationTarget{there.target})
	for _, s := range []*site{here, there} {
		if _, err := s.objects.As(owner).MakeBucket(t.Context(), objects.CreateBucketInput{Name: "locks", Region: "auto", ObjectLock: true}); err != nil {
			t.Fatal(err)
		}
	}
	here.replicateTo(t, "locks", "there", "locks")
	return here, there
}

// lock is what keeps the current version of a key.
func (s *site) lock(t *testing.T, key string) coffer.Lock {
	t.Helper()
	c, err := s.objects.As(owner).Head(t.Context(), objects.GetInput{Bucket: "locks", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c.Lock
}

func TestLocksAreReplicated(t *testing.T) {
	here, there := newLockedSites(t)
	ctx, alice := t.Context(), here.objects.As(owner)
	until := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Millisecond)
	kept := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: until}, Hold: coffer.HoldOn}
	put := func(key string, lock coffer.Lock) {
		t.Helper()
		if _, err := alice.Put(ctx, objects.PutInput{Bucket: "locks", Key: key, Body: strings.NewReader("x"), Size: 1, Lock: lock}); err != nil {
			t.Fatal(err)
		}
	}
	put("born locked", kept)
	put("later", coffer.Lock{})
	upload, err := alice.CreateUpload(ctx, objects.UploadInput{Bucket: "locks", Key: "parts", Lock: kept})
	if err != nil {
		t.Fatal(err)
	}
	p, err := alice.PutPart(ctx, objects.PartInput{Bucket: "locks", Key: "parts", Upload: upload.ID, Number: 1, Body: strings.NewReader("x"), Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Complete(ctx, objects.CompleteInput{Bucket: "locks", Key: "parts", Upload: upload.ID, Parts: []coffer.Part{p}, Size: -1}); err != nil {
		t.Fatal(err)
	}
	// A change of what waits to be copied is not lost either.
	for _, err := range []error{
		alice.PutRetention(ctx, "locks", "later", "", kept.Retention, false),
		alice.PutLegalHold(ctx, "locks", "later", "", coffer.HoldOn),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer here.run(t)()
	here.drained(t)
	for _, key := range []string{"born locked", "later", "parts"} {
		if got := there.lock(t, key); got != kept {
			t.Errorf("the copy of %q is locked %+v, want %+v", key, got, kept)
		}
	}

	shorter := coffer.Retention{Mode: coffer.Governance, Until: until.Add(-24 * time.Hour)}
	for _, err := range []error{
		alice.PutLegalHold(ctx, "locks", "born locked", "", coffer.HoldOff),
		alice.PutRetention(ctx, "locks", "born locked", "", shorter, true),
		alice.PutRetention(ctx, "locks", "later", "", coffer.Retention{}, true),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	here.drained(t)
	if got, want := there.lock(t, "born locked"), (coffer.Lock{Retention: shorter, Hold: coffer.HoldOff}); got != want {
		t.Errorf("after it was loosened, the copy is locked %+v, want %+v", got, want)
	}
	if got, want := there.lock(t, "later"), (coffer.Lock{Hold: coffer.HoldOn}); got != want {
		t.Errorf("without its retention, the copy is locked %+v, want %+v", got, want)
	}
	if s := here.status(t, "locks", "later"); s != coffer.ReplicationCompleted {
		t.Errorf("the object is %s, want COMPLETED", s)
	}
}

// TestTagsOfWhatWaitsAreCopied: a change that comes while a target is down, and the
// one that comes after a copy was given up.
func TestTagsOfWhatWaitsAreCopied(t *testing.T) {
	here, there := newLockedSites(t)
	there.refuse.Store(http.StatusServiceUnavailable)
	ctx, alice := t.Context(), here.objects.As(owner)
	if _, err := alice.Put(ctx, objects.PutInput{Bucket: "locks", Key: "k", Body: strings.NewReader("x"), Size: 1}); err != nil {
		t.Fatal(err)
	}
	list, _, err := here.objects.WaitingReplications(ctx, "there", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("WaitingReplications() = %v, %v, want one", list, err)
	}
	if _, err := alice.PutObjectTagging(ctx, "locks", "k", "", []coffer.Tag{{Key: "a", Value: "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := here.objects.ReplicationGivenUp(ctx, "there", list[0], ""); err != nil {
		t.Fatal(err)
	}
	there.refuse.Store(0)
	defer here.run(t)()
	here.drained(t)
	if o, body := there.read(t, "locks", "k"); body != "x" || len(o.Tags) != 1 {
		t.Errorf("the copy is %q with the tags %v, want the object and its tag", body, o.Tags)
	}
}
