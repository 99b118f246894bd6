package objects

import (
	"bytes"
	"slices"
	"testing"

	"coffer"
)

// scoped is alice through a key of the given scope.
func scoped(t *testing.T, w *world, grants ...coffer.Grant) Session {
	t.Helper()
	scope, err := coffer.ParseScope(coffer.Scope{Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	actor := alice
	actor.Scope = scope
	return w.As(actor)
}

// TestScopeIsAskedForEveryCall does each call as each kind of key, on a key inside
// the scope's prefix and on one beside it, whose name begins alike.
func TestScopeIsAskedForEveryCall(t *testing.T) {
	type call struct {
		name string
		do   func(s Session, key string) error
	}
	ctx := t.Context()
	tags := []coffer.Tag{{Key: "k", Value: "v"}}
	calls := []call{
		{"get", func(s Session, key string) error {
			c, err := s.Get(ctx, GetInput{Bucket: "bucket", Key: key})
			if err == nil {
				err = c.Close()
			}
			return err
		}},
		{"head", func(s Session, key string) error {
			_, err := s.Head(ctx, GetInput{Bucket: "bucket", Key: key})
			return err
		}},
		{"attributes", func(s Session, key string) error {
			_, err := s.Attributes(ctx, GetInput{Bucket: "bucket", Key: key})
			return err
		}},
		{"put", func(s Session, key string) error {
			_, err := s.Put(ctx, PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader([]byte("new")), Size: 3})
			return err
		}},
		{"putNew", func(s Session, key string) error {
			_, err := s.Put(ctx, PutInput{Bucket: "bucket", Key: key + ".new", Body: bytes.NewReader([]byte("new")), Size: 3})
			return err
		}},
		{"copyFrom", func(s Session, key string) error {
			_, err := s.Copy(ctx, CopyInput{SourceBucket: "bucket", SourceKey: key, Bucket: "bucket", Key: "in/copied"})
			return err
		}},
		{"copyTo", func(s Session, key string) error {
			_, err := s.Copy(ctx, CopyInput{SourceBucket: "bucket", SourceKey: "in/source", Bucket: "bucket", Key: key + ".copy"})
			return err
		}},
		{"upload", func(s Session, key string) error {
			_, err := s.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: key + ".new"})
			return err
		}},
		{"putTagged", func(s Session, key string) error {
			_, err := s.Put(ctx, PutInput{Bucket: "bucket", Key: key + ".new", Body: bytes.NewReader([]byte("new")), Size: 3, Tags: tags})
			return err
		}},
		{"uploadTagged", func(s Session, key string) error {
			_, err := s.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: key + ".new", Tags: tags})
			return err
		}},
		{"getVersion", func(s Session, key string) error {
			_, err := s.Head(ctx, GetInput{Bucket: "bucket", Key: key, Version: "null"})
			return err
		}},
		{"tagVersion", func(s Session, key string) error {
			_, err := s.PutObjectTagging(ctx, "bucket", key, "null", tags)
			return err
		}},
		{"deleteVersion", func(s Session, key string) error {
			_, err := s.Delete(ctx, "bucket", Doomed{Key: key, Version: "null"})
			return err
		}},
		{"versions", func(s Session, key string) error {
			_, err := s.ListVersions(ctx, ListVersionsInput{Bucket: "bucket", Prefix: key, Max: 1})
			return err
		}},
		{"tags", func(s Session, key string) error {
			_, err := s.ObjectTagging(ctx, "bucket", key, "")
			return err
		}},
		{"tag", func(s Session, key string) error {
			_, err := s.PutObjectTagging(ctx, "bucket", key, "", tags)
			return err
		}},
		{"untag", func(s Session, key string) error {
			_, err := s.DeleteObjectTagging(ctx, "bucket", key, "")
			return err
		}},
		{"list", func(s Session, key string) error {
			_, err := s.List(ctx, ListInput{Bucket: "bucket", Prefix: key, Max: 1})
			return err
		}},
		{"uploads", func(s Session, key string) error {
			_, err := s.ListUploads(ctx, ListUploadsInput{Bucket: "bucket", Prefix: key, Max: 1})
			return err
		}},
		{"rename", func(s Session, key string) error {
			return s.Rename(ctx, RenameInput{Bucket: "bucket", Key: key + ".moved", SourceKey: key})
		}},
		{"restore", func(s Session, key string) error {
			_, err := s.Restore(ctx, RestoreInput{Bucket: "bucket", Key: key, Days: 1})
			if coffer.CodeOf(err) == coffer.InvalidObjectState {
				return nil // it may, but there is nothing to restore
			}
			return err
		}},
		{"delete", func(s Session, key string) error {
			_, err := s.Delete(ctx, "bucket", Doomed{Key: key})
			return err
		}},
		{"deleteMany", func(s Session, key string) error {
			results, err := s.DeleteMany(ctx, "bucket", []Doomed{{Key: key}})
			if err != nil {
				return err
			}
			return results[0].Err
		}},
	}
	tests := []struct {
		preset coffer.Preset
		allows []string
	}{
		{coffer.PresetReadWrite, []string{"get", "head", "attributes", "put", "putNew", "copyFrom", "copyTo", "upload", "putTagged", "uploadTagged", "tags", "tag", "untag",
			"list", "uploads", "rename", "restore", "delete", "deleteMany", "getVersion", "tagVersion", "deleteVersion", "versions"}},
		{coffer.PresetReadOnly, []string{"get", "head", "attributes", "tags", "list", "uploads", "getVersion", "versions"}},
		{coffer.PresetWriteOnly, []string{"put", "putNew", "upload"}},
		{coffer.PresetCreateOnly, []string{"putNew", "upload"}},
		{coffer.PresetListOnly, []string{"list", "uploads", "versions"}},
	}
	for _, tt := range tests {
		for _, c := range calls {
			t.Run(string(tt.preset)+"/"+c.name, func(t *testing.T) {
				w := newWorld(t)
				for _, key := range []string{"in/x", "in/source", "in-other/x", "out/x"} {
					w.put(t, key, []byte("old"))
				}
				s := scoped(t, w, coffer.Grant{Preset: tt.preset, Buckets: []string{"bucket"}, Prefixes: []string{"in"}})
				err := c.do(s, "in/x")
				switch want := slices.Contains(tt.allows, c.name); {
				case want && err != nil:
					t.Errorf("inside the scope: %v, want success", err)
				case !want && err == nil:
					t.Errorf("inside the scope: success, want a refusal")
				}
				for _, key := range []string{"in-other/x", "out/x"} {
					if err := c.do(s, key); coffer.CodeOf(err) != coffer.AccessDenied {
						t.Errorf("on %s, outside the scope: %v, want AccessDenied", key, err)
					}
				}
			})
		}
	}
}

// TestCreateOnlyNeverOverwrites: a key that may only create meets a precondition,
// whatever conditions it sends itself.
func TestCreateOnlyNeverOverwrites(t *testing.T) {
	w := newWorld(t)
	o := w.put(t, "x", []byte("old"))
	s := scoped(t, w, coffer.Grant{Preset: coffer.PresetCreateOnly})
	for _, cond := range []Conditions{{}, {IfMatch: o.ETag}, {IfMatch: "*"}} {
		_, err := s.Put(t.Context(), PutInput{Bucket: "bucket", Key: "x", Body: bytes.NewReader([]byte("new")), Size: 3, If: cond})
		if coffer.CodeOf(err) != coffer.PreconditionFailed {
			t.Errorf("Put with %+v = %v, want PreconditionFailed", cond, err)
		}
	}
}

func TestListBucketsShowsWhatTheScopeReaches(t *testing.T) {
	w := newWorld(t)
	for _, name := range []coffer.BucketName{"logs-a", "logs-b", "photos"} {
		if _, err := w.alice.CreateBucket(t.Context(), name, "auto"); err != nil {
			t.Fatal(err)
		}
	}
	s := scoped(t, w, coffer.Grant{Preset: coffer.PresetReadOnly, Buckets: []string{"logs-*"}},
		coffer.Grant{Preset: coffer.PresetWriteOnly, Buckets: []string{"photos"}, Prefixes: []string{"in/"}})
	list, _, err := s.ListBuckets(t.Context(), ListBucketsInput{})
	var names []coffer.BucketName
	for _, b := range list {
		names = append(names, b.Name)
	}
	if want := []coffer.BucketName{"logs-a", "logs-b", "photos"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("ListBuckets = %v, %v, want %v", names, err, want)
	}
	if _, err := s.CreateBucket(t.Context(), "logs-c", "auto"); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("CreateBucket = %v, want AccessDenied", err)
	}
	if err := s.DeleteBucket(t.Context(), "logs-a"); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("DeleteBucket = %v, want AccessDenied", err)
	}
}

// TestWhatOnlyCreatesEndsNoVersion: where versioning is suspended a write takes the
// place of the version called null, which may stand behind a delete marker.
func TestWhatOnlyCreatesEndsNoVersion(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, "k", []byte("old"))
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	if _, err := w.alice.Delete(ctx, "bucket", Doomed{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	maker := scoped(t, w, coffer.Grant{Preset: coffer.PresetCreateOnly})
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningSuspended))
	wantCode(t, "Put() onto a version behind a delete marker", putAs(t, maker, "k", coffer.NewACL{}), coffer.PreconditionFailed)
	if b, _, err := w.get(t, GetInput{Key: "k", Version: coffer.NullVersion}); err != nil || string(b) != "old" {
		t.Errorf("the version behind the delete marker is %q, %v, want what was put before", b, err)
	}
	must(t, putAs(t, maker, "new", coffer.NewACL{}))
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	must(t, putAs(t, maker, "k", coffer.NewACL{}))
}
