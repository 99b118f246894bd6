package objects

import (
	"bytes"
	"testing"

	"coffer"
	"coffer/meta"
)

// TestWriteConditions holds for each way to write and delete, as in AWS's "How to
// prevent object overwrites with conditional writes" and "How to perform
// conditional deletes".
func TestWriteConditions(t *testing.T) {
	w := newWorld(t)
	w.put(t, "source", content(9, 2000))
	old := content(1, 2000)
	writes := map[string]func(cond Conditions) error{
		"Put": func(cond Conditions) error {
			_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader([]byte("new")), Size: 3, If: cond})
			return err
		},
		"Copy": func(cond Conditions) error {
			_, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "k", SourceBucket: "bucket", SourceKey: "source", If: cond})
			return err
		},
		"Complete": func(cond Conditions) error {
			id, list := w.upload(t, "k", coffer.Checksum{}, []byte("part"))
			in := CompleteInput{Bucket: "bucket", Key: "k", Upload: id, Parts: list, Size: -1, If: cond}
			_, err := w.alice.Complete(t.Context(), in)
			if err != nil {
				// The upload stays, and can be completed without the condition.
				if e := w.alice.Abort(t.Context(), "bucket", "k", id); e != nil {
					t.Errorf("Abort after a Complete that was refused = %v", e)
				}
			}
			return err
		},
		"Delete": func(cond Conditions) error {
			_, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k", IfMatch: cond.IfMatch})
			return err
		},
	}
	const fine = coffer.Code(255)
	for _, tt := range []struct {
		name   string
		exists bool
		cond   Conditions
		want   coffer.Code
	}{
		{"MatchesWhatIsThere", true, Conditions{IfMatch: `"` + etagOf(old) + `"`}, fine},
		{"MatchesAnything", true, Conditions{IfMatch: "*"}, fine},
		{"DoesNotMatch", true, Conditions{IfMatch: `"a"`}, coffer.PreconditionFailed},
		{"NothingToMatch", false, Conditions{IfMatch: `"a"`}, coffer.NoSuchObject},
		{"NothingToMatchAtAll", false, Conditions{IfMatch: "*"}, coffer.NoSuchObject},
		{"MustNotExist", false, Conditions{IfNoneMatch: "*"}, fine},
		{"MustNotExistAndDoes", true, Conditions{IfNoneMatch: "*"}, coffer.PreconditionFailed},
		{"MustNotBeThisOne", true, Conditions{IfNoneMatch: `"` + etagOf(old) + `"`}, coffer.PreconditionFailed},
		{"MustNotBeThisOneAndIsAnother", true, Conditions{IfNoneMatch: `"a"`}, fine},
	} {
		for name, write := range writes {
			if name == "Delete" && tt.cond.IfNoneMatch != "" {
				continue
			}
			if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
				t.Fatal(err)
			}
			if tt.exists {
				w.put(t, "k", old)
			}
			err := write(tt.cond)
			if tt.want == fine {
				if err != nil {
					t.Errorf("%s: %s = %v", tt.name, name, err)
				}
				continue
			}
			wantCode(t, tt.name+": "+name, err, tt.want)
			if tt.exists {
				w.check(t, "k", old)
			}
		}
	}
	w.audit(t, false)
	w.reclaim(t)
	w.audit(t, true)
}

func TestCopy(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 2500), content(2, 3000)}
	sources := map[string][]byte{"empty": nil, "inline": content(4, 100), "blob": content(5, 5540), "parts": bytes.Join(parts, nil)}
	attributes := coffer.Attributes{ContentType: "text/x", StorageClass: "GLACIER", WebsiteRedirect: "/", Metadata: map[string]string{"a": "1"}}
	replaced := coffer.Attributes{ContentType: "text/y", Metadata: map[string]string{"b": "2"}}
	for key, b := range sources {
		if key == "parts" {
			w.putParts(t, key, parts...)
		} else if _, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: -1, Attributes: attributes}); err != nil {
			t.Fatal(err)
		}
		in := CopyInput{Bucket: "bucket", Key: key, SourceBucket: "bucket", SourceKey: key}
		in.Attributes.StorageClass = w.check(t, key, b).Attributes.StorageClass
		_, err := w.alice.Copy(t.Context(), in)
		wantCode(t, key+": Copy onto itself", err, coffer.InvalidRequest)
		in.Replace, in.Attributes = true, replaced
		for range 3 {
			if _, err := w.alice.Copy(t.Context(), in); err != nil {
				t.Errorf("%s: Copy onto itself with other metadata = %v", key, err)
			}
		}
		if c := w.check(t, key, b); !equal(c.Attributes, replaced) {
			t.Errorf("%s: a copy onto itself has %+v, want %+v", key, c.Attributes, replaced)
		}
		for _, to := range []string{key + "1", key + "2"} {
			o, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: to, SourceBucket: "bucket", SourceKey: key})
			if c := w.check(t, to, b); err != nil || !equal(c.Object, o.Object) || c.Attributes.ContentType != "text/y" {
				t.Errorf("%s: Copy = %+v, %v, Get has %+v", key, o, err, c.Object)
			}
		}
		// Any of them can go, in any order, and what is left stays whole.
		if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
			t.Fatal(err)
		}
		w.put(t, key+"1", []byte("other"))
		w.reclaim(t)
		w.check(t, key+"2", b)
		w.audit(t, true)
	}
	_, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "k", SourceBucket: "bucket", SourceKey: "none"})
	wantCode(t, "Copy of nothing", err, coffer.NoSuchObject)
	for key := range sources {
		if _, err := w.alice.DeleteMany(t.Context(), "bucket", []Doomed{{Key: key + "2"}, {Key: key + "1"}}); err != nil {
			t.Fatal(err)
		}
	}
	w.reclaim(t)
	w.audit(t, true)
	if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
}

func TestACopyOfAnotherStorageClassAndRedirect(t *testing.T) {
	w := newWorld(t)
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(nil), Attributes: coffer.Attributes{
		ContentType: "text/x", StorageClass: "GLACIER", WebsiteRedirect: "/old"}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "k", SourceBucket: "bucket", SourceKey: "k"})
	if want := (coffer.Attributes{ContentType: "text/x"}); err != nil || !equal(o.Attributes, want) {
		t.Errorf("Copy = %+v, %v, want %+v: neither class nor redirect is copied", o.Attributes, err, want)
	}
}

// TestACopyIsOfOneVersion changes the source while a copy reads it for the
// checksum that it lacks.
func TestACopyIsOfOneVersion(t *testing.T) {
	for _, n := range []int{100, 4000} {
		w := newWorld(t)
		old, new := content(1, n), content(2, n+1)
		w.put(t, "k", old)
		rounds := 0
		var change func()
		change = func() {
			w.store.before = nil
			if rounds++; rounds == 2 {
				w.put(t, "k", new)
			}
			if rounds < 2 {
				w.store.before = change
			}
		}
		w.store.before = change
		o, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "to", SourceBucket: "bucket", SourceKey: "k", Checksum: coffer.SHA256})
		if err != nil || rounds != 2 || o.ETag != etagOf(new) || o.Checksum.Value != base64Of(coffer.SHA256, new) {
			t.Errorf("Copy = %+v, %v after %d rounds, want the new version with its checksum", o, err, rounds)
		}
		w.check(t, "to", new)

		w.store.before = func() { w.store.before = func() { w.remove(t, "k") } }
		_, err = w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "to", SourceBucket: "bucket", SourceKey: "k", Checksum: coffer.SHA1})
		wantCode(t, "Copy of a source that is deleted meanwhile", err, coffer.NoSuchObject)
		w.reclaim(t)
		w.audit(t, true)
	}
}

func (w *world) remove(t testing.TB, key string) {
	t.Helper()
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
		t.Errorf("Delete(%q) = %v", key, err)
	}
}

func TestDeleteMany(t *testing.T) {
	w := newWorld(t)
	small := w.put(t, "small", []byte("x"))
	w.put(t, "large", content(1, 5000))
	w.put(t, "kept", content(1, 5000))
	results, err := w.alice.DeleteMany(t.Context(), "bucket", []Doomed{{Key: "small", IfMatch: small.ETag}, {Key: "large", Version: "null"},
		{Key: "none"}, {Key: "small"}, {Key: "kept", IfMatch: "other"}, {Key: "kept", Version: "v1"}, {Key: ""}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []coffer.Code{0, 0, 0, 0, coffer.PreconditionFailed, coffer.NoSuchVersion, coffer.InvalidArgument} {
		if want == 0 && results[i].Err != nil || want != 0 && coffer.CodeOf(results[i].Err) != want {
			t.Errorf("DeleteMany: %d is %v, want code %d", i, results[i], want)
		}
	}
	w.check(t, "kept", content(1, 5000))
	if page, err := w.alice.List(t.Context(), ListInput{Bucket: "bucket", Max: 10}); err != nil || len(page.Objects) != 1 {
		t.Errorf("List = %v, %v, want kept only", page.Objects, err)
	}
	w.reclaim(t)
	w.audit(t, true)
}

// limited is a transaction that holds less than the store's do.
type limited struct {
	meta.Tx
	left *int
}

func (l limited) Set(key, value []byte) error {
	if *l.left -= len(key) + len(value); *l.left < 0 {
		return meta.ErrTooLarge
	}
	return l.Tx.Set(key, value)
}

func TestManyObjectsOfManyPartsAreDeletedInSeveralTransactions(t *testing.T) {
	w := newWorld(t)
	var doomed []Doomed
	for i := range 9 {
		key := string(rune('a' + i))
		w.putParts(t, key, content(1, 20), content(2, 20), content(3, 20))
		doomed = append(doomed, Doomed{Key: key})
	}
	doomed = append(doomed, Doomed{Key: "\xff"})
	// 62 bytes for each of three parts: four objects fit.
	w.store.limit = 800
	results, err := w.alice.DeleteMany(t.Context(), "bucket", doomed)
	if err != nil || len(results) != 10 || results[8].Err != nil || coffer.CodeOf(results[9].Err) != coffer.InvalidArgument {
		t.Errorf("DeleteMany = %v, %v, want an error for the last", results, err)
	}
	w.store.limit = 0
	if done := w.reclaim(t); done.Garbage != 27 {
		t.Errorf("reclaim = %+v, want 27 parts", done)
	}
	w.audit(t, true)
}
