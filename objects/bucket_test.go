package objects

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer/audit"

	"coffer"
)

func TestBuckets(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name string
		who  Session
		want coffer.Code
	}{
		{"OwnOnceMore", w.alice, coffer.BucketAlreadyOwnedByYou},
		{"OfTheOther", w.bob, coffer.BucketAlreadyExists},
		{"OfNobody", w.As(coffer.Actor{}), coffer.AccessDenied},
	} {
		_, err := tt.who.CreateBucket(t.Context(), "bucket", "auto")
		wantCode(t, tt.name, err, tt.want)
	}
	b, err := w.alice.HeadBucket(t.Context(), "bucket", coffer.GetBucketLocation)
	if err != nil || b.Account != alice.Account || b.Region != "auto" || b.ID == 0 {
		t.Errorf("HeadBucket = %+v, %v", b, err)
	}
	w.put(t, "k", []byte("x"))
	wantCode(t, "DeleteBucket with an object", w.alice.DeleteBucket(t.Context(), "bucket"), coffer.BucketNotEmpty)
	w.remove(t, "k")
	id, list := w.upload(t, "k", coffer.Checksum{}, content(1, 20))
	if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
	wantCode(t, "DeleteBucket again", w.alice.DeleteBucket(t.Context(), "bucket"), coffer.NoSuchBucket)
	again, err := w.bob.CreateBucket(t.Context(), "bucket", "eu")
	if err != nil || again.ID == b.ID {
		t.Errorf("the bucket made again is %+v, %v, want another ID than %d", again, err, b.ID)
	}
	// Nothing of the old bucket carries over.
	_, err = w.bob.Complete(t.Context(), CompleteInput{Bucket: "bucket", Key: "k", Upload: id, Parts: list, Size: -1})
	wantCode(t, "Complete in the new bucket", err, coffer.NoSuchUpload)
	if done := w.reclaim(t); done.Garbage != 1 {
		t.Errorf("reclaim = %+v, want the part", done)
	}
	w.audit(t, true)
}

func TestABucketIsNotDeletedUnderAPut(t *testing.T) {
	w := newWorld(t)
	w.store.before = func() {
		if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
			t.Error(err)
		}
	}
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(content(1, 5000)), Size: 5000})
	wantCode(t, "Put into a bucket that is deleted meanwhile", err, coffer.NoSuchBucket)
	w.audit(t, true)

	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	w.store.before = func() { w.put(t, "k", []byte("x")) }
	wantCode(t, "DeleteBucket with a put meanwhile", w.alice.DeleteBucket(t.Context(), "bucket"), coffer.BucketNotEmpty)
	w.check(t, "k", []byte("x"))
}

func TestABucketOfVeryManyUploadsIsDeleted(t *testing.T) {
	w := newWorld(t)
	const n = 2*abortUploadsMax + 1
	for i := range n {
		w.upload(t, fmt.Sprint("k", i), coffer.Checksum{})
	}
	w.upload(t, "with parts", coffer.Checksum{}, content(1, 20), content(2, 20))
	if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("DeleteBucket with %d uploads = %v", n, err)
	}
	if done := w.reclaim(t); done.Garbage != 2 {
		t.Errorf("reclaim = %+v, want the parts", done)
	}
	w.audit(t, true)
}

func TestListBuckets(t *testing.T) {
	w := openEmpty(t)
	names := []string{"aaa", "aaa-b", "aaab", "bbb", "ccc"}
	for i, name := range names {
		if _, err := w.alice.CreateBucket(t.Context(), coffer.BucketName(name), []string{"auto", "eu"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.bob.CreateBucket(t.Context(), "bobs", "auto"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   ListBucketsInput
		want []string
	}{
		{ListBucketsInput{}, names},
		{ListBucketsInput{Prefix: "aaa"}, names[:3]},
		{ListBucketsInput{Prefix: "aaa", After: "aaa"}, names[1:3]},
		{ListBucketsInput{Prefix: "aaa", After: "aaab"}, nil},
		{ListBucketsInput{Prefix: "b", After: "a"}, names[3:4]},
		{ListBucketsInput{Prefix: "b", After: "c"}, nil},
		{ListBucketsInput{After: "aaab"}, names[3:]},
		{ListBucketsInput{Region: "eu"}, []string{"aaa-b", "bbb"}},
		{ListBucketsInput{Prefix: "zzz"}, nil},
	} {
		for limit := range 4 {
			var got []string
			in := tt.in
			in.Max = limit
			for range 10 {
				page, next, err := w.alice.ListBuckets(t.Context(), in)
				if err != nil || limit > 0 && len(page) > limit {
					t.Fatalf("ListBuckets(%+v) = %v, %v", in, page, err)
				}
				for _, b := range page {
					got = append(got, string(b.Name))
				}
				if in.After = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("ListBuckets(%+v) in pages of %d gives %q, want %q", tt.in, limit, got, tt.want)
			}
		}
	}
}

// TestAccountsNeverSeeEachOther makes every call as another account, and as
// nobody.
func TestAccountsNeverSeeEachOther(t *testing.T) {
	w := newWorld(t)
	if _, err := w.bob.CreateBucket(t.Context(), "bobs", "auto"); err != nil {
		t.Fatal(err)
	}
	w.put(t, "k", content(1, 5000))
	id, list := w.upload(t, "up", coffer.Checksum{}, content(2, 5000))
	get := GetInput{Bucket: "bucket", Key: "k"}
	calls := map[string]func(ctx context.Context, s Session) error{
		"HeadBucket": func(ctx context.Context, s Session) error {
			_, err := s.HeadBucket(ctx, "bucket", coffer.GetBucketLocation)
			return err
		},
		"Versioning": func(ctx context.Context, s Session) error { _, err := s.Versioning(ctx, "bucket"); return err },
		"PutVersioning": func(ctx context.Context, s Session) error {
			return s.PutVersioning(ctx, "bucket", coffer.VersioningEnabled)
		},
		"ListVersions": func(ctx context.Context, s Session) error {
			_, err := s.ListVersions(ctx, ListVersionsInput{Bucket: "bucket", Max: 1})
			return err
		},
		"ObjectLock":    func(ctx context.Context, s Session) error { _, err := s.ObjectLock(ctx, "bucket"); return err },
		"PutObjectLock": func(ctx context.Context, s Session) error { return s.PutObjectLock(ctx, "bucket", coffer.ObjectLock{}) },
		"Retention":     func(ctx context.Context, s Session) error { _, err := s.Retention(ctx, "bucket", "k", ""); return err },
		"PutRetention": func(ctx context.Context, s Session) error {
			return s.PutRetention(ctx, "bucket", "k", "", coffer.Retention{}, true)
		},
		"LegalHold": func(ctx context.Context, s Session) error { _, err := s.LegalHold(ctx, "bucket", "k", ""); return err },
		"PutLegalHold": func(ctx context.Context, s Session) error {
			return s.PutLegalHold(ctx, "bucket", "k", "", coffer.HoldOff)
		},
		"DeleteBucket": func(ctx context.Context, s Session) error { return s.DeleteBucket(ctx, "bucket") },
		"Get":          func(ctx context.Context, s Session) error { _, err := s.Get(ctx, get); return err },
		"Head":         func(ctx context.Context, s Session) error { _, err := s.Head(ctx, get); return err },
		"Attributes":   func(ctx context.Context, s Session) error { _, err := s.Attributes(ctx, get); return err },
		"Source":       func(ctx context.Context, s Session) error { _, _, err := s.Source(ctx, get); return err },
		"Put": func(ctx context.Context, s Session) error {
			_, err := s.Put(ctx, PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(nil)})
			return err
		},
		"CopyFrom": func(ctx context.Context, s Session) error {
			_, err := s.Copy(ctx, CopyInput{Bucket: "bobs", Key: "k", SourceBucket: "bucket", SourceKey: "k"})
			return err
		},
		"CopyTo": func(ctx context.Context, s Session) error {
			_, err := s.Copy(ctx, CopyInput{Bucket: "bucket", Key: "k", SourceBucket: "bobs", SourceKey: "k"})
			return err
		},
		"Delete": func(ctx context.Context, s Session) error {
			_, err := s.Delete(ctx, "bucket", Doomed{Key: "k"})
			return err
		},
		"DeleteMany": func(ctx context.Context, s Session) error {
			_, err := s.DeleteMany(ctx, "bucket", []Doomed{{Key: "k"}})
			return err
		},
		"List": func(ctx context.Context, s Session) error {
			_, err := s.List(ctx, ListInput{Bucket: "bucket", Max: 1})
			return err
		},
		"CreateUpload": func(ctx context.Context, s Session) error {
			_, err := s.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: "up"})
			return err
		},
		"PutPart": func(ctx context.Context, s Session) error {
			_, err := s.PutPart(ctx, PartInput{Bucket: "bucket", Key: "up", Upload: id, Number: 1, Body: bytes.NewReader(nil)})
			return err
		},
		"ListParts": func(ctx context.Context, s Session) error {
			_, err := s.ListParts(ctx, "bucket", "up", id, 0, 1)
			return err
		},
		"ListUploads": func(ctx context.Context, s Session) error {
			_, err := s.ListUploads(ctx, ListUploadsInput{Bucket: "bucket", Max: 1})
			return err
		},
		"Complete": func(ctx context.Context, s Session) error {
			_, err := s.Complete(ctx, CompleteInput{Bucket: "bucket", Key: "up", Upload: id, Parts: list, Size: -1})
			return err
		},
		"Abort": func(ctx context.Context, s Session) error { return s.Abort(ctx, "bucket", "up", id) },
	}
	for name, call := range calls {
		wantCode(t, "bob: "+name, call(t.Context(), w.bob), coffer.AccessDenied)
		wantCode(t, "nobody: "+name, call(t.Context(), w.As(coffer.Actor{})), coffer.AccessDenied)
	}
	if list, _, err := w.bob.ListBuckets(t.Context(), ListBucketsInput{}); err != nil || len(list) != 1 || list[0].Name != "bobs" {
		t.Errorf("bob's ListBuckets = %v, %v", list, err)
	}
	_, _, err := w.As(coffer.Actor{}).ListBuckets(t.Context(), ListBucketsInput{})
	wantCode(t, "nobody: ListBuckets", err, coffer.AccessDenied)
	w.check(t, "k", content(1, 5000))
	w.complete(t, "up", id, list)
	w.audit(t, true)
}

// TestBucketsAreMadeAndDeletedInTheLog reads back who did it.
func TestBucketsAreMadeAndDeletedInTheLog(t *testing.T) {
	w := openEmpty(t)
	actor := alice
	actor.Caller = coffer.Caller{Account: alice.Account, Key: alice.Key, Name: "backup", Source: "192.0.2.1"}
	s := w.As(actor)
	if _, err := s.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	w.clock.step(time.Second)
	if err := s.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	log := &audit.Log{Meta: w.Meta, Now: w.Now}
	var lines bytes.Buffer
	err := log.As(coffer.Caller{Operator: true}).Export(t.Context(), alice.Account, audit.Filter{}, &lines)
	for _, want := range []string{`"action":"bucket.create","target":"bucket"`, `"action":"bucket.delete","target":"bucket"`, `"name":"backup"`} {
		if err != nil || !strings.Contains(lines.String(), want) {
			t.Errorf("the log is %s, %v, want %s in it", lines.String(), err, want)
		}
	}
}
