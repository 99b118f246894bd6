package objects

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"coffer"
)

func tagsOf(t *testing.T, s Session, key string) []coffer.Tag {
	t.Helper()
	c, err := s.ObjectTagging(t.Context(), "bucket", key, "")
	if err != nil {
		t.Fatalf("ObjectTagging(%s) = %v", key, err)
	}
	return c.Tags
}

// TestTaggingChangesNothingElse holds for objects of each kind of body.
func TestTaggingChangesNothingElse(t *testing.T) {
	for name, size := range map[string]int{"Empty": 0, "Inline": 10, "Blob": testInline + 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			data := bytes.Repeat([]byte("x"), size)
			o := w.put(t, "k", data)
			w.clock.step(time.Hour)
			tags := []coffer.Tag{{Key: "b", Value: "1"}, {Key: "a"}}
			if _, err := w.alice.PutObjectTagging(t.Context(), "bucket", "k", "", tags); err != nil {
				t.Fatalf("PutObjectTagging = %v", err)
			}
			c, err := w.alice.Get(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
			if err != nil {
				t.Fatalf("Get = %v", err)
			}
			defer c.Close()
			var got bytes.Buffer
			if _, err := c.WriteTo(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("after tagging the bytes are %q, %v, want %q", got.Bytes(), err, data)
			}
			o.Tags = tags
			if !equal(c.Object, o) {
				t.Errorf("after tagging the object is %+v, want %+v", c.Object, o)
			}
			if _, err := w.alice.DeleteObjectTagging(t.Context(), "bucket", "k", ""); err != nil || len(tagsOf(t, w.alice, "k")) != 0 {
				t.Errorf("DeleteObjectTagging = %v, and the tags are %v, want none", err, tagsOf(t, w.alice, "k"))
			}
			w.audit(t, false)
		})
	}
}

func TestTagsGoWithTheObject(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	tags, others := []coffer.Tag{{Key: "a", Value: "1"}}, []coffer.Tag{{Key: "b", Value: "2"}}
	put := func(key string, tags []coffer.Tag) {
		t.Helper()
		if _, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(nil), Tags: tags}); err != nil {
			t.Fatalf("Put(%s) = %v", key, err)
		}
	}
	put("put", tags)
	put("overwritten", tags)
	put("overwritten", nil)
	for key, in := range map[string]CopyInput{
		"copied":                {},
		"copied-all-but-tags":   {Replace: true},
		"copied-tags-ignored":   {Tags: others},
		"copied-tags-replaced":  {ReplaceTags: true, Tags: others},
		"copied-without-tags":   {ReplaceTags: true},
		"copied-with-more-read": {Checksum: coffer.SHA256},
	} {
		in.SourceBucket, in.SourceKey, in.Bucket, in.Key = "bucket", "put", "bucket", key
		if _, err := w.alice.Copy(ctx, in); err != nil {
			t.Fatalf("Copy to %s = %v", key, err)
		}
	}
	u, err := w.alice.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: "parts", Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.alice.PutPart(ctx, PartInput{Bucket: "bucket", Key: "parts", Upload: u.ID, Number: 1, Body: bytes.NewReader([]byte("x")), Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.alice.Complete(ctx, CompleteInput{Bucket: "bucket", Key: "parts", Upload: u.ID, Parts: []coffer.Part{p}, Size: -1}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]coffer.Tag{"put": tags, "overwritten": nil, "copied": tags, "copied-all-but-tags": tags, "copied-tags-ignored": tags,
		"copied-tags-replaced": others, "copied-without-tags": nil, "copied-with-more-read": tags, "parts": tags} {
		if got := tagsOf(t, w.alice, key); !slices.Equal(got, want) {
			t.Errorf("ObjectTagging(%s) = %v, want %v", key, got, want)
		}
	}
}

// TestTagsTravelWithWhoMayTag: a scope that reads and writes objects but does not
// tag them cannot carry tags elsewhere by a copy.
func TestTagsTravelWithWhoMayTag(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, "k", []byte("x"))
	if _, err := w.alice.PutObjectTagging(ctx, "bucket", "k", "", []coffer.Tag{{Key: "a"}}); err != nil {
		t.Fatal(err)
	}
	reader := scoped(t, w, coffer.Grant{Preset: coffer.PresetReadOnly})
	if c, err := reader.Head(ctx, GetInput{Bucket: "bucket", Key: "k"}); err != nil || len(c.Tags) != 1 {
		t.Errorf("Head by who reads = %+v, %v, want one tag", c, err)
	}
	half := scoped(t, w, coffer.Grant{Preset: coffer.PresetReadOnly}, coffer.Grant{Preset: coffer.PresetWriteOnly})
	in := CopyInput{SourceBucket: "bucket", SourceKey: "k", Bucket: "bucket", Key: "copy"}
	if _, err := half.Copy(ctx, in); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("Copy of tags by who may not tag = %v, want AccessDenied", err)
	}
	in.ReplaceTags = true
	if _, err := half.Copy(ctx, in); err != nil {
		t.Errorf("Copy without the tags = %v, want success", err)
	}
	if _, err := w.As(bob).ObjectTagging(ctx, "bucket", "k", ""); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("ObjectTagging by another account = %v, want AccessDenied", err)
	}
}

func TestBadTagsAreRefusedEverywhere(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, "k", []byte("x"))
	bad := []coffer.Tag{{Key: "aws:x"}}
	for name, do := range map[string]func() error{
		"Put": func() error {
			_, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "n", Body: bytes.NewReader(nil), Tags: bad})
			return err
		},
		"Copy": func() error {
			_, err := w.alice.Copy(ctx, CopyInput{SourceBucket: "bucket", SourceKey: "k", Bucket: "bucket", Key: "n", ReplaceTags: true, Tags: bad})
			return err
		},
		"CreateUpload": func() error {
			_, err := w.alice.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: "n", Tags: bad})
			return err
		},
		"PutObjectTagging": func() error {
			_, err := w.alice.PutObjectTagging(ctx, "bucket", "k", "", bad)
			return err
		},
		"PutBucketTagging": func() error { return w.alice.PutBucketTagging(ctx, "bucket", bad) },
	} {
		if err := do(); coffer.CodeOf(err) != coffer.InvalidTag {
			t.Errorf("%s with a tag that cannot be = %v, want InvalidTag", name, err)
		}
	}
}

// TestConfigurationsEndWithTheBucket: one made again under its name has none.
func TestConfigurationsEndWithTheBucket(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	want := []coffer.Tag{{Key: "b", Value: "1"}, {Key: "a"}}
	if err := w.alice.PutBucketTagging(ctx, "bucket", want); err != nil {
		t.Fatalf("PutBucketTagging = %v", err)
	}
	if got, err := w.alice.BucketTagging(ctx, "bucket"); err != nil || !slices.Equal(got, want) {
		t.Errorf("BucketTagging = %v, %v, want %v", got, err, want)
	}
	for name, err := range map[string]error{
		"another account":   w.As(bob).PutBucketTagging(ctx, "bucket", want),
		"a scope of no use": scoped(t, w, coffer.Grant{Preset: coffer.PresetReadWrite}).DeleteBucketTagging(ctx, "bucket"),
	} {
		if coffer.CodeOf(err) != coffer.AccessDenied {
			t.Errorf("tagging by %s = %v, want AccessDenied", name, err)
		}
	}
	cors := []coffer.CORSRule{{Origins: []string{"*"}, Methods: []string{"GET"}, MaxAgeSeconds: -1}}
	if err := w.alice.PutBucketCORS(ctx, "bucket", cors); err != nil {
		t.Fatalf("PutBucketCORS = %v", err)
	}
	if err := w.alice.DeleteBucket(ctx, "bucket"); err != nil {
		t.Fatalf("DeleteBucket = %v", err)
	}
	w.audit(t, false)
	if _, err := w.alice.CreateBucket(ctx, "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	if got, err := w.alice.BucketTagging(ctx, "bucket"); coffer.CodeOf(err) != coffer.NoSuchTagSet {
		t.Errorf("BucketTagging of the bucket made again = %v, %v, want NoSuchTagSet", got, err)
	}
	if err := errors.Join(w.alice.PutBucketTagging(ctx, "bucket", want), w.alice.PutBucketTagging(ctx, "bucket", nil)); err != nil {
		t.Fatalf("PutBucketTagging = %v", err)
	}
	if got, err := w.alice.BucketTagging(ctx, "bucket"); coffer.CodeOf(err) != coffer.NoSuchTagSet {
		t.Errorf("BucketTagging after no tags were put = %v, %v, want NoSuchTagSet", got, err)
	}
}
