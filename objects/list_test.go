package objects

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coffer"
	"coffer/meta"
)

// naive lists keys as S3 documents it, by looking at all of them. What it gives
// has a slash before a key and a star before a common prefix.
func naive(keys []string, prefix, delimiter, after string, limit int) (shown []string, more bool) {
	if limit <= 0 {
		return nil, false
	}
	common := func(key string) (string, bool) {
		if !strings.HasPrefix(key, prefix) || delimiter == "" {
			return "", false
		}
		before, _, ok := strings.Cut(key[len(prefix):], delimiter)
		return prefix + before + delimiter, ok
	}
	passed, rolled := common(after)
	seen := map[string]bool{}
	for _, key := range keys {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if rolled && strings.HasPrefix(key, passed) {
			continue
		}
		entry := "/" + key
		if c, ok := common(key); ok {
			entry = "*" + c
		}
		if seen[entry] {
			continue
		}
		if len(shown) == limit {
			return shown, true
		}
		seen[entry] = true
		shown = append(shown, entry)
	}
	return shown, false
}

// keyGen makes keys and markers that have much in common.
func keyGen(low, high int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "/", "//", "0", "\x01", "é", "\U0010ffff"}), low, high).Draw(t, "key"), "")
	})
}

func shownOf(objects []string, prefixes []string) []string {
	var all []string
	for _, o := range objects {
		all = append(all, "/"+o)
	}
	for _, p := range prefixes {
		all = append(all, "*"+p)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(a[1:], b[1:]) })
	return all
}

func TestListIsWhatLookingAtAllKeysGives(t *testing.T) {
	w := newWorld(t)
	if _, err := w.alice.CreateBucket(t.Context(), "next", "auto"); err != nil {
		t.Fatal(err)
	}
	if err := w.rawKeys(t, 2, []string{"a", "a/b", "\U0010ffff"}); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfNDistinct(keyGen(1, 5), 0, 30, rapid.ID).Draw(rt, "keys")
		slices.Sort(keys)
		if err := w.rawKeys(t, 1, keys); err != nil {
			rt.Fatal(err)
		}
		for range 10 {
			w.checkList(rt, t, keys)
		}
	})
}

// checkList draws what to list and goes through all of its pages.
func (w *world) checkList(rt *rapid.T, t *testing.T, keys []string) {
	in := ListInput{Bucket: "bucket", Prefix: prefixGen.Draw(rt, "prefix"), After: markerGen(keys).Draw(rt, "after"),
		Delimiter: rapid.SampledFrom([]string{"", "/", "//", "/a", "0", "é"}).Draw(rt, "delimiter"), Max: rapid.IntRange(0, 6).Draw(rt, "max")}
	for range 100 {
		page, err := w.alice.List(t.Context(), in)
		if err != nil {
			rt.Fatalf("List(%+v) = %v", in, err)
		}
		var got []string
		for _, o := range page.Objects {
			got = append(got, o.Key)
		}
		want, more := naive(keys, in.Prefix, in.Delimiter, in.After, in.Max)
		if all := shownOf(got, page.Prefixes); !slices.Equal(all, want) || (page.Next != "") != more {
			rt.Fatalf("List(%+v) = %q, next %q, want %q, more %t", in, all, page.Next, want, more)
		}
		if page.Next == "" {
			return
		}
		in.After = page.Next
	}
	rt.Fatal("100 pages and no end")
}

// rawKeys makes a bucket hold empty objects of those keys and no others.
func (w *world) rawKeys(t *testing.T, id coffer.BucketID, keys []string) error {
	return w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
		low := objectKey(id, "")
		if err := tx.DeleteRange(low, meta.PrefixEnd(low)); err != nil {
			return err
		}
		for _, key := range keys {
			o := row{Object: coffer.Object{Key: key, ETag: "x"}, body: body{id: bodyID{1}}}
			if err := tx.Set(objectKey(id, key), encodeRow(o)); err != nil {
				return err
			}
		}
		return nil
	})
}

// uploadName is how the naive list of uploads sees one: its key, then its ID.
func uploadName(key string, id coffer.UploadID) string { return key + "\x00" + string(id) }

func TestListUploadsIsWhatLookingAtAllGives(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfN(keyGen(1, 3), 0, 12).Draw(rt, "keys")
		var names []string
		err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
			names = names[:0]
			if err := tx.DeleteRange([]byte{meta.PrefixUpload}, []byte{meta.PrefixUpload + 1}); err != nil {
				return err
			}
			for i, key := range keys {
				// IDs have the digits that are keys and delimiters here.
				id := coffer.UploadID(fmt.Sprintf("%048x", 0xa0b0+i))
				names = append(names, uploadName(key, id))
				if err := tx.Set(uploadKey(1, key, id), encodeUpload(uploadRow{Upload: coffer.Upload{Initiated: w.clock.Now()}})); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		slices.Sort(names)
		for range 10 {
			w.checkUploads(rt, t, keys, names)
		}
	})
}

// prefixGen is empty often: else most lists would be.
var prefixGen = rapid.OneOf(rapid.Just(""), keyGen(0, 2))

// markerGen is one of keys as often as not.
func markerGen(keys []string) *rapid.Generator[string] {
	if len(keys) == 0 {
		return keyGen(0, 3)
	}
	return rapid.OneOf(rapid.SampledFrom(keys), keyGen(0, 3), rapid.Just(""))
}

// checkUploads draws what to list and goes through all of its pages.
func (w *world) checkUploads(rt *rapid.T, t *testing.T, keys, names []string) {
	in := ListUploadsInput{Bucket: "bucket", Prefix: prefixGen.Draw(rt, "prefix"), After: markerGen(keys).Draw(rt, "after"),
		Delimiter: rapid.SampledFrom([]string{"", "/", "//", "0", "a", "\x00"}).Draw(rt, "delimiter"), Max: rapid.IntRange(0, 5).Draw(rt, "max")}
	if in.After != "" && rapid.Bool().Draw(rt, "with ID") {
		in.AfterID = coffer.UploadID(fmt.Sprintf("%048x", 0xa0b0+rapid.IntRange(0, 12).Draw(rt, "ID")))
	}
	for range 100 {
		page, err := w.alice.ListUploads(t.Context(), in)
		if err != nil {
			rt.Fatalf("ListUploads(%+v) = %v", in, err)
		}
		var got []string
		for _, u := range page.Uploads {
			got = append(got, uploadName(u.Key, u.ID))
		}
		want, more := naiveUploads(names, in)
		if all := shownOf(got, page.Prefixes); !slices.Equal(all, want) || (page.Next != "") != more {
			rt.Fatalf("ListUploads(%+v) = %q, next %q, want %q, more %t", in, all, page.Next, want, more)
		}
		if page.Next == "" {
			return
		}
		in.After, in.AfterID = page.Next, page.NextID
	}
	rt.Fatal("100 pages and no end")
}

// naiveUploads lists uploads by looking at all: those of a key that is After are
// passed, or, with AfterID, those up to it.
func naiveUploads(names []string, in ListUploadsInput) (shown []string, more bool) {
	if in.Max <= 0 {
		return nil, false
	}
	seen := map[string]bool{}
	for _, name := range names {
		key, id, _ := strings.Cut(name, "\x00")
		entry := "/" + name
		passed := key < in.After || key == in.After && (in.AfterID == "" || id <= string(in.AfterID))
		if before, _, ok := strings.Cut(strings.TrimPrefix(key, in.Prefix), in.Delimiter); ok && in.Delimiter != "" {
			common := in.Prefix + before + in.Delimiter
			entry = "*" + common
			passed = passed || strings.HasPrefix(in.After, common)
		}
		if !strings.HasPrefix(key, in.Prefix) || passed || seen[entry] {
			continue
		}
		if len(shown) == in.Max {
			return shown, true
		}
		seen[entry] = true
		shown = append(shown, entry)
	}
	return shown, false
}

func TestListsTakeNamesThatNoKeyHas(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", []byte("x"))
	w.upload(t, "k", coffer.Checksum{})
	long := strings.Repeat("x", 9000)
	for _, s := range []string{"k\x00", "\x00", "\xff\xff", long} {
		for _, in := range []ListInput{{Prefix: s}, {After: s}, {Delimiter: s}, {Prefix: s, After: s + "a", Delimiter: s}} {
			in.Bucket, in.Max = "bucket", 10
			page, err := w.alice.List(t.Context(), in)
			if shown := len(page.Objects) == 1; err != nil || shown != (in.Prefix == "" && in.After < "k") || page.Prefixes != nil {
				t.Errorf("List(%.20q) = %v, %v", fmt.Sprint(in), page.Objects, err)
			}
			uploads, err := w.alice.ListUploads(t.Context(), ListUploadsInput{Bucket: "bucket", Prefix: in.Prefix, After: in.After, Delimiter: in.Delimiter, Max: 10})
			if shown := len(uploads.Uploads) == 1; err != nil || shown && in.Prefix != "" || uploads.Prefixes != nil {
				t.Errorf("ListUploads(%.20q) = %v, %v", fmt.Sprint(in), uploads.Uploads, err)
			}
		}
	}
	if page, err := w.alice.List(t.Context(), ListInput{Bucket: "bucket", Max: 10}); err != nil || page.Bucket.Name != "bucket" ||
		page.Objects[0].Checksum.Algorithm != coffer.CRC64NVME || page.Objects[0].Size != 1 || page.Objects[0].ETag != etagOf([]byte("x")) {
		t.Errorf("List = %+v, %v", page, err)
	}
}
