package objects

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"coffer"
)

// listedKeys are what FuzzLists lists: prefixes of each other, delimiters at both ends,
// and bytes around those that a list steps over.
var listedKeys = []string{"!", "/", "//", "/a", "a", "a/", "a//", "a/b", "a/b/c", "a/c", "a0", "a\x01", "a\x7f", "aé", "b", "b/\U0010ffff", "b/c", "é/ü", "\U0010ffff"}

// FuzzLists walks a bucket page by page, from anywhere, since a token or marker is what
// a client says: what is shown is what a list of the keys by hand shows, of objects,
// versions and uploads alike.
func FuzzLists(f *testing.F) {
	for _, s := range [][3]string{{"", "", ""}, {"a", "/", ""}, {"", "/", "a/"}, {"a/", "/", "a/b"}, {"", "", "\xff\xfe"}, {"a", "", "a\x00"},
		{"\xff", "", ""}, {"", "\x00", "a"}, {"", "/", "a/\xff"}, {"b/", "", "a"}, {"", "é", strings.Repeat("a", 3000)}} {
		f.Add(s[0], s[1], s[2], byte(len(s[2])))
	}
	w := newWorld(f)
	if err := w.alice.PutVersioning(f.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		f.Fatal(err)
	}
	for _, key := range listedKeys {
		in := PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(nil)}
		if _, err := w.alice.Put(f.Context(), in); err != nil {
			f.Fatalf("Put(%q) = %v", key, err)
		}
		w.upload(f, key, coffer.Checksum{})
	}
	f.Fuzz(func(t *testing.T, prefix, delimiter, after string, most byte) {
		want := listByHand(prefix, delimiter, after)
		size := 1 + int(most)%len(listedKeys)
		lists := map[string]func(after string) (names []string, next string, err error){
			"List": func(after string) (names []string, next string, err error) {
				page, err := w.alice.List(t.Context(), ListInput{Bucket: "bucket", Prefix: prefix, Delimiter: delimiter, After: after, Max: size})
				for _, o := range page.Objects {
					names = append(names, o.Key)
				}
				return append(names, page.Prefixes...), page.Next, err
			},
			"ListVersions": func(after string) (names []string, next string, err error) {
				page, err := w.alice.ListVersions(t.Context(), ListVersionsInput{Bucket: "bucket", Prefix: prefix, Delimiter: delimiter, After: after, Max: size})
				for _, v := range page.Versions {
					names = append(names, v.Key)
				}
				return append(names, page.Prefixes...), page.Next, err
			},
			"ListUploads": func(after string) (names []string, next string, err error) {
				page, err := w.alice.ListUploads(t.Context(), ListUploadsInput{Bucket: "bucket", Prefix: prefix, Delimiter: delimiter, After: after, Max: size})
				for _, u := range page.Uploads {
					names = append(names, u.Key)
				}
				return append(names, page.Prefixes...), page.Next, err
			},
		}
		for call, list := range lists {
			var got []string
			for at, pages := after, 0; ; pages++ {
				names, next, err := list(at)
				if err != nil || len(names) > size || pages > len(listedKeys) {
					t.Fatalf("%s(%q, %q) after %q, page %d = %q, %v, want up to %d and an end", call, prefix, delimiter, at, pages, names, err, size)
				}
				slices.Sort(names)
				if got = append(got, names...); next == "" {
					break
				}
				at = next
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s(%q, %q) after %q in pages of %d = %q, want %q", call, prefix, delimiter, after, size, got, want)
			}
		}
	})
}

// listByHand is what a list shows of listedKeys: keys, and in their place what they
// have in common up to the delimiter, unless after is below it already.
func listByHand(prefix, delimiter, after string) (names []string) {
	for _, key := range slices.Sorted(slices.Values(listedKeys)) {
		rest, under := strings.CutPrefix(key, prefix)
		if !under || key <= after {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			if key = prefix + rest[:i+len(delimiter)]; strings.HasPrefix(after, key) {
				continue
			}
		}
		if !slices.Contains(names, key) {
			names = append(names, key)
		}
	}
	return names
}
