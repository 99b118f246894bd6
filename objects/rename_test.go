package objects

import (
	"testing"
	"time"

	"coffer"
)

// TestRename holds for objects of each kind of body: what was there before is
// under the new name, the old one has nothing, and no byte is lost or left.
func TestRename(t *testing.T) {
	part := content(3, 20)
	for name, put := range map[string]func(w *world) []byte{
		"Empty":    func(w *world) []byte { w.put(t, "a", nil); return nil },
		"Inline":   func(w *world) []byte { w.put(t, "a", part); return part },
		"Blob":     func(w *world) []byte { b := content(1, testInline+1); w.put(t, "a", b); return b },
		"Manifest": func(w *world) []byte { w.putParts(t, "a", part, part); return append(part[:20:20], part...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			data := put(w)
			w.put(t, "b", content(2, testInline+5))
			tags := []coffer.Tag{{Key: "k", Value: "v"}}
			if _, err := w.alice.PutObjectTagging(t.Context(), "bucket", "a", "", tags); err != nil {
				t.Fatal(err)
			}
			before, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: "a"})
			if err != nil {
				t.Fatal(err)
			}
			w.clock.step(time.Hour)
			if err := w.alice.Rename(t.Context(), RenameInput{Bucket: "bucket", Key: "b", SourceKey: "a"}); err != nil {
				t.Fatalf("Rename = %v", err)
			}
			c := w.check(t, "b", data)
			before.Key, before.Modified = "b", c.Modified
			if !equal(c.Object, before.Object) {
				t.Errorf("after the rename the object is %+v, want %+v", c.Object, before.Object)
			}
			if _, _, err := w.get(t, GetInput{Key: "a"}); coffer.CodeOf(err) != coffer.NoSuchObject {
				t.Errorf("Get of the old name = %v, want NoSuchObject", err)
			}
			w.reclaim(t)
			w.check(t, "b", data)
			w.audit(t, false)
		})
	}
}

func TestRenameIsConditional(t *testing.T) {
	w := newWorld(t)
	a, b := w.put(t, "a", []byte("a")), w.put(t, "b", []byte("b"))
	w.clock.step(time.Hour)
	now := w.clock.Now()
	tests := []struct {
		name string
		in   RenameInput
		want coffer.Code
	}{
		{"ToItsOwnName", RenameInput{Key: "a", SourceKey: "a"}, coffer.InvalidRequest},
		{"OfNothing", RenameInput{Key: "x", SourceKey: "none"}, coffer.NoSuchObject},
		{"NotOntoAnother", RenameInput{Key: "b", SourceKey: "a", If: Conditions{IfNoneMatch: "*"}}, coffer.PreconditionFailed},
		{"OntoAnotherThanThat", RenameInput{Key: "b", SourceKey: "a", If: Conditions{IfMatch: a.ETag}}, coffer.PreconditionFailed},
		{"OntoWhatChangedSince", RenameInput{Key: "b", SourceKey: "a", If: Conditions{IfModifiedSince: now}}, coffer.PreconditionFailed},
		{"OntoWhatDidNotChangeSince", RenameInput{Key: "b", SourceKey: "a", If: Conditions{IfUnmodifiedSince: now.Add(-2 * time.Hour)}}, coffer.PreconditionFailed},
		{"OfAnotherThanThat", RenameInput{Key: "x", SourceKey: "a", SourceIf: Conditions{IfMatch: b.ETag}}, coffer.PreconditionFailed},
		{"OfAnyButThat", RenameInput{Key: "x", SourceKey: "a", SourceIf: Conditions{IfNoneMatch: a.ETag}}, coffer.PreconditionFailed},
		{"EmptyName", RenameInput{Key: "x"}, coffer.InvalidArgument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Bucket = "bucket"
			if err := w.alice.Rename(t.Context(), tt.in); coffer.CodeOf(err) != tt.want {
				t.Errorf("Rename = %v, want code %d", err, tt.want)
			}
			w.check(t, "a", []byte("a"))
			w.check(t, "b", []byte("b"))
		})
	}
	err := w.alice.Rename(t.Context(), RenameInput{Bucket: "bucket", Key: "b", SourceKey: "a",
		If: Conditions{IfMatch: b.ETag, IfUnmodifiedSince: now}, SourceIf: Conditions{IfMatch: a.ETag}})
	if err != nil {
		t.Errorf("Rename with conditions that hold = %v", err)
	}
	w.check(t, "b", []byte("a"))
	w.audit(t, false)
}
