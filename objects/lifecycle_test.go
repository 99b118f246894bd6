package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

const lifecycleDayTest = coffer.LifecycleDay

// rules puts a lifecycle that has all of these, enabled and for all objects unless
// they say otherwise.
func (w *world) rules(t testing.TB, rules ...coffer.LifecycleRule) {
	t.Helper()
	for i := range rules {
		rules[i].Enabled = true
		if rules[i].Filter.Form == "" {
			rules[i].Filter.Form = coffer.LifecycleFiltered
		}
	}
	l := coffer.Lifecycle{Rules: rules, TransitionMinimum: coffer.TransitionMinimumAll}
	if err := w.alice.PutBucketLifecycle(t.Context(), "bucket", l); err != nil {
		t.Fatalf("PutBucketLifecycle = %v", err)
	}
}

func (w *world) lifecycleRound(t testing.TB, want LifecycleSums) {
	t.Helper()
	preview, err := w.alice.PreviewLifecycle(t.Context(), "bucket")
	if err != nil {
		t.Fatalf("PreviewLifecycle = %v", err)
	}
	var would LifecycleSums
	for _, s := range preview {
		would.plus(s)
	}
	if got, err := w.Lifecycle(t.Context()); err != nil || got != want {
		t.Errorf("Lifecycle() = %+v, %v, want %+v", got, err, want)
	} else if would != got {
		t.Errorf("PreviewLifecycle said %+v, and %+v was done", would, got)
	}
	w.audit(t, false)
}

func (w *world) keys(t testing.TB) string {
	t.Helper()
	page, err := w.alice.List(t.Context(), ListInput{Bucket: "bucket", Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return strings.Join(keys, " ")
}

// kept lists all versions of the bucket, the delete markers with a D.
func (w *world) kept(t testing.TB) string {
	t.Helper()
	page, err := w.alice.ListVersions(t.Context(), ListVersionsInput{Bucket: "bucket", Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range page.Versions {
		if v.DeleteMarker {
			all = append(all, v.Key+"D")
		} else {
			all = append(all, v.Key+string(rune('0'+v.Size)))
		}
	}
	return strings.Join(all, " ")
}

func text(s string) *string { return &s }

func TestLifecycleExpiresAtTheMidnightAfterItsDays(t *testing.T) {
	w := newWorld(t) // it is 03:04:05
	tagged := []coffer.Tag{{Key: "keep", Value: "no"}}
	w.put(t, "tmp/a", content(1, 10))
	w.put(t, "tmp/b", content(2, 2000))
	w.put(t, "other", content(3, 10))
	w.put(t, "large", content(4, 2001))
	w.put(t, "tagged", content(5, 10))
	if _, err := w.alice.PutObjectTagging(t.Context(), "bucket", "tagged", "", tagged); err != nil {
		t.Fatal(err)
	}
	w.rules(t,
		coffer.LifecycleRule{ID: "tmp", Filter: coffer.LifecycleFilter{Prefix: text("tmp/")}, Expiration: &coffer.LifecycleExpiration{Days: 2}},
		coffer.LifecycleRule{ID: "large", Filter: coffer.LifecycleFilter{LargerThan: some(2000)}, Expiration: &coffer.LifecycleExpiration{Days: 3}},
		coffer.LifecycleRule{ID: "tagged", Filter: coffer.LifecycleFilter{Tags: tagged},
			Expiration: &coffer.LifecycleExpiration{Date: time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)}})
	w.lifecycleRound(t, LifecycleSums{})
	at := func(day, hour int) {
		w.clock.step(time.Date(2026, 1, day, hour, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	}
	at(4, 23)
	w.lifecycleRound(t, LifecycleSums{})
	at(5, 0)
	w.put(t, "tmp/b", content(6, 20)) // not the object that has grown old
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 10})
	if got, want := w.keys(t), "large other tagged tmp/b"; got != want {
		t.Errorf("after two days there are %s, want %s", got, want)
	}
	at(6, 0)
	w.lifecycleRound(t, LifecycleSums{Expired: 2, Bytes: 2011})
	if got, want := w.keys(t), "other tmp/b"; got != want {
		t.Errorf("after three days there are %s, want %s", got, want)
	}
	w.used(t, coffer.Use{Bytes: 30, Objects: 2, Buckets: 1})
}

func TestLifecycleRunsOnceADayAndWhenARuleWasPut(t *testing.T) {
	w := newWorld(t)
	w.put(t, "a", content(1, 10))
	past := &coffer.LifecycleExpiration{Date: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: past})
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 10})
	w.put(t, "a", content(1, 10))
	if got, err := w.Lifecycle(t.Context()); err != nil || got != (LifecycleSums{}) {
		t.Errorf("a second round of the day = %+v, %v, want nothing", got, err)
	}
	w.rules(t, coffer.LifecycleRule{ID: "s", Expiration: past})
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 10})
	w.put(t, "a", content(1, 10))
	w.clock.step(lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 10})
	if err := w.alice.DeleteBucketLifecycle(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	w.put(t, "a", content(1, 10))
	w.clock.step(lifecycleDayTest)
	if got, err := w.Lifecycle(t.Context()); err != nil || got != (LifecycleSums{}) {
		t.Errorf("a round without rules = %+v, %v, want nothing", got, err)
	}
}

func TestLifecycleOfVersions(t *testing.T) {
	w := newWorld(t)
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 4; n++ {
		w.put(t, "a", content(1, n))
		w.clock.step(lifecycleDayTest)
	}
	w.put(t, "b", content(1, 1))
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "b"}); err != nil {
		t.Fatal(err)
	}
	w.put(t, "c", content(1, 1))
	if got, want := w.kept(t), "a4 a3 a2 a1 bD b1 c1"; got != want {
		t.Fatalf("versions = %s, want %s", got, want)
	}
	yes := true
	w.rules(t, coffer.LifecycleRule{ID: "old", Noncurrent: &coffer.LifecycleNoncurrent{Days: 2, Keep: 1},
		Expiration: &coffer.LifecycleExpiration{DeleteMarkers: &yes}},
		coffer.LifecycleRule{ID: "c", Filter: coffer.LifecycleFilter{Prefix: text("c")}, Expiration: &coffer.LifecycleExpiration{Days: 1}})
	w.clock.step(lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Noncurrent: 2, Bytes: 3}) // a1 since four days, a2 since three, and a3 is kept
	if got, want := w.kept(t), "a4 a3 bD b1 c1"; got != want {
		t.Errorf("versions = %s, want %s", got, want)
	}
	w.clock.step(lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 1})
	if got, want := w.kept(t), "a4 a3 bD b1 cD c1"; got != want {
		t.Errorf("versions = %s, want a marker in front of c: %s", got, want)
	}
	w.rules(t, coffer.LifecycleRule{ID: "all", Noncurrent: &coffer.LifecycleNoncurrent{Days: 1}, Expiration: &coffer.LifecycleExpiration{DeleteMarkers: &yes}})
	w.clock.step(2 * lifecycleDayTest)
	// What the markers hide ends in this round, so they hide nothing in the next.
	w.lifecycleRound(t, LifecycleSums{Noncurrent: 3, Bytes: 5})
	w.clock.step(lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Markers: 2})
	if got, want := w.kept(t), "a4"; got != want {
		t.Errorf("versions = %s, want %s", got, want)
	}
}

func TestLifecycleLeavesWhatChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	past := &coffer.LifecycleExpiration{Days: 1}
	w.put(t, "a", content(1, 10))
	w.put(t, "b", content(1, 10))
	w.clock.step(3 * lifecycleDayTest)
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: past})
	b, l := w.bucketNow(t), (*coffer.Lifecycle)(nil)
	l, err := w.lifecycleNow(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	walk := w.walkLifecycle(b, l, w.clock.Now(), false, "")
	found, _, _, err := walk.page(t.Context())
	if err != nil || len(found) != 2 {
		t.Fatalf("page = %+v, %v, want two objects", found, err)
	}
	w.put(t, "a", content(2, 10))
	var sums LifecycleSums
	if err := w.lifecycleDo(t.Context(), b, found, w.clock.Now(), &sums); err != nil || sums.Expired != 1 || w.keys(t) != "a" {
		t.Errorf("lifecycleDo = %v, %+v, and there are %q, want a alone, which is new", err, sums, w.keys(t))
	}
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: &coffer.LifecycleExpiration{Days: 10}})
	if err := w.lifecycleDo(t.Context(), b, found, w.clock.Now(), &sums); err != nil || w.keys(t) != "a" {
		t.Errorf("lifecycleDo with other rules = %v, and there are %q, want a", err, w.keys(t))
	}
}

// bucketNow reads alice's bucket.
func (w *world) bucketNow(t testing.TB) (b coffer.Bucket) {
	t.Helper()
	err := w.store.Store.View(t.Context(), func(r meta.Reader) (err error) {
		b, err = readBucket(r, "bucket")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLifecycleGoesOnWhereItWasCut(t *testing.T) {
	w := newWorld(t)
	const n = lifecyclePage + 30
	for i := range n {
		w.put(t, string(rune('a'+i%26))+strings.Repeat("x", i/26), content(1, 1))
	}
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: &coffer.LifecycleExpiration{Days: 1}})
	w.clock.step(3 * lifecycleDayTest)
	ctx, cancel := context.WithCancel(t.Context())
	cuts := 0
	inner := w.store
	w.Meta = cutting{inner, func() {
		if cuts++; cuts == 3 {
			cancel()
		}
	}}
	first, err := w.Lifecycle(ctx)
	if !errors.Is(err, context.Canceled) || first.Expired == 0 || first.Expired == n {
		t.Fatalf("Lifecycle that is cut = %+v, %v, want some of the objects gone", first, err)
	}
	w.Meta = inner
	second, err := w.Lifecycle(t.Context())
	if err != nil || first.Expired+second.Expired != n {
		t.Errorf("Lifecycle after that = %+v, %v, want the rest of %d", second, err, n)
	}
}

// cutting is a store that calls fn before each Update.
type cutting struct {
	meta.Store
	fn func()
}

func (s cutting) Update(ctx context.Context, fn func(meta.Tx) error) error {
	s.fn()
	return s.Store.Update(ctx, fn)
}

func TestLifecycleChangesClasses(t *testing.T) {
	w := newWorld(t)
	w.put(t, "small", content(1, 10))
	w.put(t, "a", content(1, 500))
	cold := coffer.LifecycleFilter{Form: coffer.LifecycleAnd, LargerThan: some(100), Prefix: text("")}
	w.rules(t, coffer.LifecycleRule{ID: "cold", Filter: cold, Transitions: []coffer.LifecycleTransition{
		{Days: 30, Class: "STANDARD_IA"}, {Days: 60, Class: "DEEP_ARCHIVE"}}},
		coffer.LifecycleRule{ID: "all", Transitions: []coffer.LifecycleTransition{{Days: 1, Class: "GLACIER"}}})
	class := func() string {
		c, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: "a"})
		if err != nil {
			t.Fatal(err)
		}
		return c.Attributes.StorageClass
	}
	before := w.check(t, "a", content(1, 500))
	w.clock.step(31 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Transitions: 1})
	if got := class(); got != "STANDARD_IA" {
		t.Errorf("after 31 days the class is %q, want STANDARD_IA", got)
	}
	w.clock.step(31 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Transitions: 1})
	w.clock.step(lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{})
	if after := w.check(t, "a", content(1, 500)); after.Attributes.StorageClass != "DEEP_ARCHIVE" || !after.Modified.Equal(before.Modified) {
		t.Errorf("after 62 days it is %+v, want DEEP_ARCHIVE and the same time", after.Object)
	}
}

func TestLifecycleAbortsUploads(t *testing.T) {
	w := newWorld(t)
	w.upload(t, "tmp/a", coffer.Checksum{}, content(1, 10))
	w.upload(t, "long/a", coffer.Checksum{}, content(1, 10))
	w.upload(t, "else", coffer.Checksum{}, content(1, 10))
	w.rules(t, coffer.LifecycleRule{ID: "tmp", Filter: coffer.LifecycleFilter{Prefix: text("tmp/")}, AbortDays: 1},
		coffer.LifecycleRule{ID: "long", Filter: coffer.LifecycleFilter{Prefix: text("long/")}, AbortDays: 30})
	left := func() []string {
		page, err := w.alice.ListUploads(t.Context(), ListUploadsInput{Bucket: "bucket", Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for _, u := range page.Uploads {
			keys[u.Key] = true
		}
		return slices.Sorted(maps.Keys(keys))
	}
	w.clock.step(2 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Uploads: 1})
	if got := left(); !slices.Equal(got, []string{"else", "long/a"}) {
		t.Errorf("after two days there are uploads of %q, want else and long/a", got)
	}
	w.clock.step(6 * lifecycleDayTest)
	if _, err := w.Reclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := left(); !slices.Equal(got, []string{"long/a"}) {
		t.Errorf("after eight days there are uploads of %q, want long/a, whose rule says 30 days", got)
	}
}

func TestShortDaysAreNotRounded(t *testing.T) {
	w := newWorld(t)
	w.LifecycleDay = 10 * time.Second
	w.put(t, "a", content(1, 10))
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: &coffer.LifecycleExpiration{Days: 2}})
	w.lifecycleRound(t, LifecycleSums{})
	w.clock.step(19 * time.Second)
	w.lifecycleRound(t, LifecycleSums{})
	w.clock.step(time.Second)
	w.lifecycleRound(t, LifecycleSums{Expired: 1, Bytes: 10})
}

func TestLifecycleLeavesLockedVersions(t *testing.T) {
	w := newLocked(t)
	until := w.clock.Now().Add(10 * lifecycleDayTest)
	w.putLocked(t, "retained", coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: until}})
	w.putLocked(t, "held", coffer.Lock{Hold: coffer.HoldOn})
	w.putLocked(t, "free", coffer.Lock{})
	w.rules(t, coffer.LifecycleRule{ID: "r", Expiration: &coffer.LifecycleExpiration{Days: 1}, Noncurrent: &coffer.LifecycleNoncurrent{Days: 1}})
	w.clock.step(2 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Expired: 3, Bytes: 3}) // markers can be put in front of any
	w.clock.step(2 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Noncurrent: 1, Bytes: 1})
	if got, want := w.kept(t), "freeD heldD held1 retainedD retained1"; got != want {
		t.Errorf("versions = %s, want %s", got, want)
	}
	w.clock.step(10 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Noncurrent: 1, Bytes: 1, Markers: 1})
	if got, want := w.kept(t), "heldD held1 retainedD"; got != want {
		t.Errorf("after the retention versions = %s, want %s", got, want)
	}
}

func TestLifecycleLeavesAMarkerThatIsTheNewestAgain(t *testing.T) {
	w := newWorld(t)
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	w.put(t, "a", content(1, 1))
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	newest := w.put(t, "a", content(1, 2))
	w.rules(t, coffer.LifecycleRule{ID: "r", Noncurrent: &coffer.LifecycleNoncurrent{Days: 3, Class: ""},
		NoncurrentTransitions: []coffer.LifecycleNoncurrent{{Days: 1, Class: "GLACIER"}}, Filter: coffer.LifecycleFilter{LargerThan: some(0)}},
		coffer.LifecycleRule{ID: "markers", Noncurrent: &coffer.LifecycleNoncurrent{Days: 2}, Filter: coffer.LifecycleFilter{SmallerThan: some(1)}})
	w.clock.step(2 * lifecycleDayTest)
	w.lifecycleRound(t, LifecycleSums{Transitions: 1})
	w.clock.step(lifecycleDayTest)
	b := w.bucketNow(t)
	l, err := w.lifecycleNow(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	walk := w.walkLifecycle(b, l, w.clock.Now(), true, "")
	found, _, _, err := walk.page(t.Context())
	if err != nil || len(found) != 1 || found[0].rule != "markers" {
		t.Fatalf("page = %+v, %v, want the marker", found, err)
	}
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "a", Version: newest.VersionID}); err != nil {
		t.Fatal(err)
	}
	var sums LifecycleSums
	if err := w.lifecycleDo(t.Context(), b, found, w.clock.Now(), &sums); err != nil || sums != (LifecycleSums{}) || w.kept(t) != "aD a1" {
		t.Errorf("lifecycleDo = %v, %+v, and the versions are %s, want the marker still there", err, sums, w.kept(t))
	}
}

// TestALifecycleKeepsTheNewestThatThereAreNow: versions that went after it looked do
// not count as newer ones.
func TestALifecycleKeepsTheNewestThatThereAreNow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	var ids []string
	for range 3 {
		ids = append(ids, w.put(t, "k", []byte("x")).VersionID)
		w.clock.step(time.Hour)
	}
	w.rules(t, coffer.LifecycleRule{ID: "r", Noncurrent: &coffer.LifecycleNoncurrent{Days: 1, Keep: 1}})
	w.clock.step(5 * lifecycleDayTest)
	b, err := w.alice.HeadBucket(ctx, "bucket", coffer.ListBucket)
	must(t, err)
	l, err := w.lifecycleNow(ctx, b)
	must(t, err)
	walk := w.walkLifecycle(b, l, w.clock.Now(), true, "")
	found, _, _, err := walk.page(ctx)
	if err != nil || len(found) != 1 || found[0].id != ids[0] {
		t.Fatalf("the walk found %+v, %v, want the oldest version", found, err)
	}
	if _, err := w.alice.Delete(ctx, "bucket", Doomed{Key: "k", Version: ids[1]}); err != nil {
		t.Fatal(err)
	}
	var sums LifecycleSums
	must(t, w.lifecycleDo(ctx, b, found, w.clock.Now(), &sums))
	if _, _, err := w.get(t, GetInput{Key: "k", Version: ids[0]}); err != nil {
		t.Errorf("Get of the one version that is not current = %v after %+v, want it kept", err, sums)
	}
}

// TestALifecycleOfTheMostAndLongestRules is kept as long as it fits, and refused
// beyond: the characters of an ID have up to three bytes, and more in the record.
func TestALifecycleOfTheMostAndLongestRules(t *testing.T) {
	w := newWorld(t)
	of := func(id string) coffer.Lifecycle {
		l := coffer.Lifecycle{TransitionMinimum: coffer.TransitionMinimumAll}
		for i := range 1000 {
			l.Rules = append(l.Rules, coffer.LifecycleRule{ID: fmt.Sprintf("%04d%s", i, strings.Repeat(id, 250)), Enabled: true,
				Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered, Prefix: text(fmt.Sprint(i))}, Expiration: &coffer.LifecycleExpiration{Days: 1}})
		}
		return l
	}
	if err := w.alice.PutBucketLifecycle(t.Context(), "bucket", of("<")); err != nil {
		t.Errorf("PutBucketLifecycle() of 1,000 long IDs = %v, want nil", err)
	}
	wantCode(t, "PutBucketLifecycle() of more than a record holds", w.alice.PutBucketLifecycle(t.Context(), "bucket", of("\u2028")), coffer.InvalidRequest)
}
