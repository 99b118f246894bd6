package objects

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

// newVersioned is a world with a bucket that keeps versions.
func newVersioned(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	return w
}

// versions lists a page as "key number latest", numbered by names.
func (w *world) versions(t *testing.T, in ListVersionsInput, names map[string]int) []string {
	t.Helper()
	in.Bucket, in.Max = "bucket", ListMax
	page, err := w.alice.ListVersions(t.Context(), in)
	if err != nil {
		t.Fatalf("ListVersions(%+v) = %v", in, err)
	}
	var got []string
	for _, v := range page.Versions {
		got = append(got, fmt.Sprint(v.Key, " ", names[v.VersionID], " ", v.Latest))
	}
	return got
}

// TestListVersionsGoesOnAfterAChange holds what the page behind a version shows when
// that version is gone, or another was put in front of it.
func TestListVersionsGoesOnAfterAChange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		remove []int // of the versions 1 to 3
		put    bool  // a fourth
		after  int
		want   []string
	}{
		{"NoChange", nil, false, 2, []string{"k 1 false", "l 9 true"}},
		{"BehindTheNewest", nil, false, 3, []string{"k 2 false", "k 1 false", "l 9 true"}},
		{"BehindTheOldest", nil, false, 1, []string{"l 9 true"}},
		{"TheNewestIsGone", []int{3}, false, 3, []string{"k 2 true", "k 1 false", "l 9 true"}},
		{"TheOneNamedIsGone", []int{2}, false, 2, []string{"k 1 false", "l 9 true"}},
		{"OnlyTheOldestIsLeft", []int{3, 2}, false, 2, []string{"k 1 true", "l 9 true"}},
		{"AllAreGone", []int{1, 2, 3}, false, 2, []string{"l 9 true"}},
		{"ANewerOne", nil, true, 3, []string{"k 2 false", "k 1 false", "l 9 true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newVersioned(t)
			ids, names := make([]string, 5), map[string]int{}
			for i := 1; i <= 3; i++ {
				ids[i] = w.put(t, "k", []byte{byte(i)}).VersionID
				names[ids[i]] = i
			}
			names[w.put(t, "l", nil).VersionID] = 9
			if tt.put {
				w.put(t, "k", nil)
			}
			for _, i := range tt.remove {
				if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k", Version: ids[i]}); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.versions(t, ListVersionsInput{After: "k", AfterVersion: ids[tt.after]}, names); !slices.Equal(got, tt.want) {
				t.Errorf("behind version %d the list is %q, want %q", tt.after, got, tt.want)
			}
		})
	}
}

// TestDeleteConditions holds for the current version and for one that is named.
func TestDeleteConditions(t *testing.T) {
	size := func(n int64) *int64 { return &n }
	w := newVersioned(t)
	o := w.put(t, "k", []byte("hello"))
	for _, tt := range []struct {
		name string
		d    Doomed
		want coffer.Code
	}{
		{"OtherTag", Doomed{Key: "k", IfMatch: "x"}, coffer.PreconditionFailed},
		{"OtherSize", Doomed{Key: "k", IfSize: size(4)}, coffer.PreconditionFailed},
		{"OtherTime", Doomed{Key: "k", IfModified: o.Modified.Add(time.Second)}, coffer.PreconditionFailed},
		{"NoSize", Doomed{Key: "none", IfSize: size(0)}, coffer.NoSuchObject},
		{"NoTime", Doomed{Key: "none", IfModified: o.Modified}, coffer.NoSuchObject},
	} {
		for _, version := range []string{"", o.VersionID} {
			d, want := tt.d, tt.want
			if d.Version = version; version != "" && want == coffer.NoSuchObject {
				want = coffer.NoSuchVersion
			}
			_, err := w.alice.Delete(t.Context(), "bucket", d)
			wantCode(t, tt.name, err, want)
		}
	}
	w.check(t, "k", []byte("hello"))
	all := Doomed{Key: "k", Version: o.VersionID, IfMatch: o.ETag, IfSize: size(5), IfModified: o.Modified.Truncate(time.Second)}
	if done, err := w.alice.Delete(t.Context(), "bucket", all); err != nil || done != (Deleted{VersionID: o.VersionID}) {
		t.Errorf("Delete(%+v) = %+v, %v, want it gone", all, done, err)
	}
}

// TestUsageCountsVersions: what is not current holds bytes as well.
func TestUsageCountsVersions(t *testing.T) {
	w := newVersioned(t)
	w.put(t, "k", bytes.Repeat([]byte("x"), 10))
	w.put(t, "k", bytes.Repeat([]byte("x"), 2000))
	w.put(t, "l", bytes.Repeat([]byte("x"), 5))
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	all, err := w.alice.Usage(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("Usage() = %+v, %v", all, err)
	}
	all[0].Bucket = coffer.Bucket{}
	if want := (BucketUsage{Objects: 1, Bytes: 2015, Versions: 3, VersionBytes: 2010}); all[0] != want {
		t.Errorf("Usage() = %+v, want %+v", all[0], want)
	}
}

// TestPlainBucketsReadNoVersions: a bucket that never had versioning pays nothing
// for it. What lies where its versions would be is damaged, and nothing stumbles.
func TestPlainBucketsReadNoVersions(t *testing.T) {
	w := newWorld(t)
	b, err := w.alice.HeadBucket(t.Context(), "bucket", coffer.GetBucketLocation)
	if err != nil {
		t.Fatal(err)
	}
	err = w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
		return errors.Join(
			tx.Set(versionKey(b.ID, "k", "damaged"), nil),
			tx.Set(nullVersionKey(b.ID, "k"), []byte("damaged")))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if o := w.put(t, "k", []byte("x")); o.VersionID != "" {
			t.Errorf("Put makes the version %q", o.VersionID)
		}
	}
	w.check(t, "k", []byte("x"))
	if got := w.versions(t, ListVersionsInput{}, nil); len(got) != 1 {
		t.Errorf("ListVersions = %q, want one", got)
	}
	_, _, err = w.get(t, GetInput{Key: "k", Version: "77777777777777777777777777777777"})
	wantCode(t, "Get of a version", err, coffer.NoSuchVersion)
	done, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k", Version: coffer.NullVersion})
	if err != nil || done != (Deleted{}) {
		t.Errorf("Delete of the null version = %+v, %v", done, err)
	}
	_, c, err := w.get(t, GetInput{Key: "k"})
	if wantCode(t, "Get of what is gone", err, coffer.NoSuchObject); c != nil {
		t.Errorf("Get of what is gone has %+v", c)
	}
	if err := w.alice.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
}
