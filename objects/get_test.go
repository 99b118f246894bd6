package objects

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"coffer"
)

func equal[T any](a, b T) bool { return reflect.DeepEqual(a, b) }

func TestRanges(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 2500), content(2, 40), content(3, 3000)}
	objects := map[string][]byte{"empty": nil, "inline": content(4, 100), "blob": content(5, 5540), "parts": bytes.Join(parts, nil)}
	w.putParts(t, "parts", parts...)
	for key, b := range objects {
		if key != "parts" {
			w.put(t, key, b)
		}
	}
	for key, b := range objects {
		n := int64(len(b))
		for _, r := range []Range{
			{First: 0, Last: 0}, {First: 0, Last: -1}, {First: 1, Last: -1}, {First: 0, Last: n - 1}, {First: 0, Last: n}, {First: 0, Last: n + 1000},
			{First: n - 1, Last: n - 1}, {First: n - 1, Last: -1}, {First: n, Last: n}, {First: n, Last: -1}, {First: n + 5, Last: n + 9},
			{First: 30, Last: 60}, {First: 60, Last: 30}, {First: 2499, Last: 2500}, {First: 2500, Last: 2539}, {First: 2400, Last: 2600}, {First: 2540, Last: 2540},
			{FromEnd: true, Suffix: 0}, {FromEnd: true, Suffix: 1}, {FromEnd: true, Suffix: n}, {FromEnd: true, Suffix: n + 1}, {FromEnd: true, Suffix: 3001},
			{First: -1, Last: 5}, {FromEnd: true, Suffix: -1},
		} {
			first, end := r.First, r.Last+1
			if r.FromEnd {
				first, end = max(0, n-r.Suffix), n
			}
			if end > n || end == 0 {
				end = n
			}
			got, c, err := w.get(t, GetInput{Key: key, Range: &r})
			if first < 0 || first >= end && !(r.FromEnd && r.Suffix > 0) {
				wantCode(t, fmt.Sprintf("Get(%s, %v)", key, r), err, coffer.InvalidRange)
				continue
			}
			if err != nil || !bytes.Equal(got, b[first:end]) || c.Partial != (n > 0) || c.Offset != first || c.Length != end-first {
				t.Errorf("Get(%s of %d bytes, %v) = %d bytes, %v, want %d to %d", key, n, r, len(got), err, first, end)
			}
		}
	}
}

func TestParts(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 2500), content(2, 40), content(3, 3000)}
	w.putParts(t, "parts", parts...)
	w.put(t, "whole", content(4, 100))
	for i, b := range parts {
		got, c, err := w.get(t, GetInput{Key: "parts", PartNumber: i + 1})
		if err != nil || !bytes.Equal(got, b) || !c.Partial || c.PartsCount != 3 || c.PartChecksum != base64Of(coffer.CRC64NVME, b) {
			t.Errorf("part %d = %d bytes, %v, %+v", i+1, len(got), err, c)
		}
		h, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: "parts", PartNumber: i + 1})
		if err != nil || h.Length != int64(len(b)) || h.Offset != c.Offset {
			t.Errorf("Head of part %d = %+v, %v", i+1, h, err)
		}
	}
	if got, c, err := w.get(t, GetInput{Key: "whole", PartNumber: 1}); err != nil || len(got) != 100 || !c.Partial || c.PartsCount != 0 {
		t.Errorf("part 1 of a whole object = %d bytes, %v", len(got), err)
	}
	for _, in := range []GetInput{{Key: "parts", PartNumber: 4}, {Key: "whole", PartNumber: 2}} {
		_, _, err := w.get(t, in)
		wantCode(t, fmt.Sprintf("Get(%s, part %d)", in.Key, in.PartNumber), err, coffer.InvalidPartNumber)
	}
	a, err := w.alice.Attributes(t.Context(), GetInput{Bucket: "bucket", Key: "parts"})
	if err != nil || len(a.Parts) != 3 || a.Parts[1].Size != 40 || a.Parts[1].Checksum.Value != base64Of(coffer.CRC64NVME, parts[1]) {
		t.Errorf("Attributes = %+v, %v", a, err)
	}
	if a, err = w.alice.Attributes(t.Context(), GetInput{Bucket: "bucket", Key: "whole"}); err != nil || a.Parts != nil || a.Size != 100 {
		t.Errorf("Attributes of a whole object = %+v, %v", a, err)
	}
}

// TestACopyHasNoParts is AWS's rule, though the copy shares the pieces of its source:
// it is as if it had been put.
func TestACopyHasNoParts(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 90_000), content(2, 40), content(3, 3000)}
	whole := bytes.Join(parts, nil)
	w.putParts(t, "parts", parts...)
	for _, key := range []string{"copy", "copy-of-the-copy"} {
		in := CopyInput{Bucket: "bucket", Key: key, SourceBucket: "bucket", SourceKey: "parts"}
		if key != "copy" {
			in.SourceKey = "copy"
		}
		o, err := w.alice.Copy(t.Context(), in)
		if err != nil || o.ETag != etagOf(whole) || o.PartsCount != 0 {
			t.Fatalf("Copy(%s) = %+v, %v, want the ETag %s and no parts", in.SourceKey, o, err, etagOf(whole))
		}
		a, err := w.alice.Attributes(t.Context(), GetInput{Bucket: "bucket", Key: key})
		if err != nil || a.Parts != nil || a.ETag != etagOf(whole) || a.Checksum.Value != base64Of(coffer.CRC64NVME, whole) {
			t.Errorf("Attributes of %s = %+v, %v", key, a, err)
		}
		got, c, err := w.get(t, GetInput{Key: key, PartNumber: 1})
		if err != nil || !bytes.Equal(got, whole) || c.PartsCount != 0 {
			t.Errorf("part 1 of %s = %d bytes, %v, want all %d", key, len(got), err, len(whole))
		}
		_, _, err = w.get(t, GetInput{Key: key, PartNumber: 2})
		wantCode(t, "part 2 of "+key, err, coffer.InvalidPartNumber)
		if got, _, err := w.get(t, GetInput{Key: key, Range: &Range{First: 89_990, Last: 90_049}}); err != nil || !bytes.Equal(got, whole[89_990:90_050]) {
			t.Errorf("a range of %s over two pieces = %d bytes, %v", key, len(got), err)
		}
	}
	files := 0
	for _, err := range w.disk.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		files++
	}
	if files != len(parts) {
		t.Errorf("there are %d files of bytes, want the %d of the upload", files, len(parts))
	}
	w.audit(t, true)
}

// TestReadConditions is the table of RFC 9110, section 13.2.2, as S3 documents it
// for GetObject and CopyObject.
func TestReadConditions(t *testing.T) {
	w := newWorld(t)
	o := w.put(t, "k", []byte("x"))
	etag, second := o.ETag, o.Modified.Truncate(time.Second)
	before, after := second.Add(-time.Second), second.Add(time.Second)
	const fine, failed, same = coffer.Code(255), coffer.PreconditionFailed, coffer.NotModified
	for _, tt := range []struct {
		name string
		cond Conditions
		want coffer.Code
	}{
		{"Nothing", Conditions{}, fine},
		{"IfMatch", Conditions{IfMatch: `"` + etag + `"`}, fine},
		{"IfMatchWithoutQuotes", Conditions{IfMatch: etag}, fine},
		{"IfMatchAny", Conditions{IfMatch: "*"}, fine},
		{"IfMatchOneOfMany", Conditions{IfMatch: `"a", "` + etag + `"`}, fine},
		{"IfMatchOther", Conditions{IfMatch: `"a"`}, failed},
		{"IfNoneMatch", Conditions{IfNoneMatch: `"` + etag + `"`}, same},
		{"IfNoneMatchWeak", Conditions{IfNoneMatch: `W/"` + etag + `"`}, same},
		{"IfNoneMatchAny", Conditions{IfNoneMatch: "*"}, same},
		{"IfNoneMatchOther", Conditions{IfNoneMatch: `"a"`}, fine},
		{"ModifiedSinceBefore", Conditions{IfModifiedSince: before}, fine},
		{"ModifiedSinceTheSecond", Conditions{IfModifiedSince: second}, same},
		{"ModifiedSinceAfter", Conditions{IfModifiedSince: after}, same},
		{"UnmodifiedSinceBefore", Conditions{IfUnmodifiedSince: before}, failed},
		{"UnmodifiedSinceTheSecond", Conditions{IfUnmodifiedSince: second}, fine},
		{"IfMatchOutweighsUnmodifiedSince", Conditions{IfMatch: etag, IfUnmodifiedSince: before}, fine},
		{"IfNoneMatchOutweighsModifiedSince", Conditions{IfNoneMatch: `"a"`, IfModifiedSince: after}, fine},
		{"IfNoneMatchFailsWhateverWasModified", Conditions{IfNoneMatch: etag, IfModifiedSince: before}, same},
		{"FirstOfTwoFails", Conditions{IfMatch: `"a"`, IfNoneMatch: etag}, failed},
	} {
		_, c, err := w.get(t, GetInput{Key: "k", If: tt.cond})
		if tt.want == fine && err != nil || tt.want != fine && coffer.CodeOf(err) != tt.want {
			t.Errorf("%s: Get = %v, want code %d", tt.name, err, tt.want)
		}
		if tt.want == same && (c == nil || c.ETag != etag) {
			t.Errorf("%s: a 304 has no validators", tt.name)
		}
		_, err = w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "to", SourceBucket: "bucket", SourceKey: "k", SourceIf: tt.cond})
		if tt.want == fine && err != nil || tt.want != fine && coffer.CodeOf(err) != failed {
			t.Errorf("%s: Copy = %v, want code %d", tt.name, err, failed)
		}
		_, r, err := w.alice.Source(t.Context(), GetInput{Bucket: "bucket", Key: "k", If: tt.cond})
		if tt.want == fine && err != nil || tt.want != fine && coffer.CodeOf(err) != failed {
			t.Errorf("%s: Source = %v, want code %d", tt.name, err, failed)
		}
		if err == nil {
			_ = r.Close()
		}
	}
	_, _, err := w.get(t, GetInput{Key: "none", If: Conditions{IfMatch: "*", IfNoneMatch: "*"}})
	wantCode(t, "Get of nothing with conditions", err, coffer.NoSuchObject)
}

func TestReadersKeepTheirBytes(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 2500), content(2, 3000)}
	objects := map[string][]byte{"blob": content(3, 5000), "parts": bytes.Join(parts, nil), "copy": bytes.Join(parts, nil), "inline": content(4, 500)}
	w.put(t, "blob", objects["blob"])
	w.put(t, "inline", objects["inline"])
	w.putParts(t, "parts", parts...)
	if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "copy", SourceBucket: "bucket", SourceKey: "parts"}); err != nil {
		t.Fatal(err)
	}
	open := map[string]*Content{}
	for key := range objects {
		c, err := w.alice.Get(t.Context(), GetInput{Bucket: "bucket", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		open[key] = c
	}
	for key := range maps.Keys(objects) {
		if key == "blob" {
			w.put(t, key, []byte("overwritten"))
		} else if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if done := w.reclaim(t); done.Garbage != 0 || done.Orphans != 0 {
		t.Errorf("reclaim = %+v while all is read", done)
	}
	for key, c := range open {
		var b bytes.Buffer
		if _, err := c.WriteTo(t.Context(), &b); err != nil || !bytes.Equal(b.Bytes(), objects[key]) {
			t.Errorf("%s: %d bytes, %v, want those of before it was deleted", key, b.Len(), err)
		}
		_ = c.Close()
		_ = c.Close()
	}
	if len(w.readers.bodies) != 0 {
		t.Errorf("%d bodies are pinned after Close", len(w.readers.bodies))
	}
	if done := w.reclaim(t); done.Garbage != 3 {
		t.Errorf("reclaim = %+v, want the blob and the two parts", done)
	}
	w.audit(t, true)
}

func TestASourceEndsWithItsReader(t *testing.T) {
	w := newWorld(t)
	b := content(1, 3<<20)
	w.put(t, "k", b)
	for _, n := range []int{0, 1, 1 << 20, len(b)} {
		_, r, err := w.alice.Source(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		for at := 0; at < n; {
			m, err := r.Read(got[at:])
			if at += m; err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil || !bytes.Equal(got, b[:n]) {
			t.Errorf("the first %d bytes of a Source differ, or Close = %v", n, err)
		}
		if len(w.readers.bodies) != 0 {
			t.Errorf("a Source that was closed after %d bytes is still pinned", n)
		}
	}
	if _, _, err := w.alice.Source(t.Context(), GetInput{Bucket: "bucket", Key: "none"}); err == nil || errors.Is(err, errRollback) {
		t.Errorf("Source of nothing = %v", err)
	}
}
