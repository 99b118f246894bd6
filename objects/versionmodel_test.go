package objects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coffer"
)

// versionMachine runs random operations on the versions of a few keys, and on a
// model that is the list of them, newest first.
type versionMachine struct {
	w     *world
	t     *testing.T
	keys  map[string][]modelVersion
	state coffer.Versioning
	seed  uint64
}

type modelVersion struct {
	id     string // as requests name it
	marker bool
	bytes  []byte
	tag    string
}

func (x *versionMachine) key(rt *rapid.T) string { return rapid.SampledFrom(modelKeys).Draw(rt, "key") }

// current is the newest version of key, nil if it is a marker or there is none.
func (x *versionMachine) current(key string) *modelVersion {
	if v := x.keys[key]; len(v) > 0 && !v[0].marker {
		return &v[0]
	}
	return nil
}

// add puts a version in front, in the place of null where versions are not made.
func (x *versionMachine) add(rt *rapid.T, key, id string, v modelVersion) {
	v.id = coffer.VersionName(id)
	if (x.state == coffer.VersioningEnabled) != (id != "") {
		rt.Fatalf("a write to a bucket that is %q made the version %q", x.state, id)
	}
	x.keys[key] = slices.Insert(slices.DeleteFunc(x.keys[key], func(o modelVersion) bool { return o.id == v.id }), 0, v)
}

// pick draws a version of key by name; it may have none of that name.
func (x *versionMachine) pick(rt *rapid.T, key string) (string, *modelVersion) {
	all := x.keys[key]
	n := rapid.IntRange(-1, len(all)).Draw(rt, "version")
	switch {
	case n < 0:
		n = slices.IndexFunc(all, func(v modelVersion) bool { return v.id == coffer.NullVersion })
		if n < 0 {
			return coffer.NullVersion, nil
		}
	case n == len(all):
		return strings.Repeat("x", coffer.VersionIDLen), nil
	}
	return all[n].id, &all[n]
}

func (x *versionMachine) Put(rt *rapid.T) {
	key := x.key(rt)
	x.seed++
	b := content(x.seed, rapid.SampledFrom([]int{0, 1, testInline, testInline + 1}).Draw(rt, "size"))
	cond, want := Conditions{}, coffer.Code(0)
	if rapid.IntRange(0, 3).Draw(rt, "condition") == 0 {
		// A delete marker is no object.
		if cond.IfNoneMatch = "*"; x.current(key) != nil {
			want = coffer.PreconditionFailed
		}
	}
	o, err := x.w.alice.Put(x.t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b)), If: cond})
	if agree(rt, "Put", err, want) {
		x.add(rt, key, o.VersionID, modelVersion{bytes: b})
	}
}

func (x *versionMachine) Complete(rt *rapid.T) {
	key := x.key(rt)
	x.seed++
	b := content(x.seed, 30)
	o := x.w.putParts(x.t, key, b[:15], b[15:])
	x.add(rt, key, o.VersionID, modelVersion{bytes: b})
}

func (x *versionMachine) Copy(rt *rapid.T) {
	from, to := x.key(rt), x.key(rt)
	id, source := x.pick(rt, from)
	in := CopyInput{Bucket: "bucket", Key: to, SourceBucket: "bucket", SourceKey: from, SourceVersion: id}
	want := coffer.Code(0)
	switch {
	case source == nil:
		want = coffer.NoSuchVersion
	case source.marker:
		want = coffer.InvalidRequest
	}
	o, err := x.w.alice.Copy(x.t.Context(), in)
	if agree(rt, "Copy", err, want) {
		x.add(rt, to, o.VersionID, modelVersion{bytes: source.bytes, tag: source.tag})
		if x.state != coffer.VersioningUnset && o.SourceVersion != id {
			rt.Fatalf("Copy of version %s says %q", id, o.SourceVersion)
		}
	}
}

func (x *versionMachine) Delete(rt *rapid.T) {
	key := x.key(rt)
	many := rapid.Bool().Draw(rt, "many")
	var done Deleted
	var err error
	if many {
		var all []Deleted
		if all, err = x.w.alice.DeleteMany(x.t.Context(), "bucket", []Doomed{{Key: key}}); err == nil {
			done = all[0]
		}
	} else {
		done, err = x.w.alice.Delete(x.t.Context(), "bucket", Doomed{Key: key})
	}
	agree(rt, "Delete", err, 0)
	if x.state == coffer.VersioningUnset {
		delete(x.keys, key)
		return
	}
	if !done.Marker {
		rt.Fatalf("Delete = %+v, want a marker", done)
	}
	x.add(rt, key, strings.TrimSuffix(done.VersionID, coffer.NullVersion), modelVersion{marker: true})
}

func (x *versionMachine) DeleteVersion(rt *rapid.T) {
	key := x.key(rt)
	id, v := x.pick(rt, key)
	done, err := x.w.alice.Delete(x.t.Context(), "bucket", Doomed{Key: key, Version: id})
	if agree(rt, "Delete", err, 0); done.Marker != (v != nil && v.marker) {
		rt.Fatalf("Delete of version %s = %+v, want what %+v is", id, done, v)
	}
	x.keys[key] = slices.DeleteFunc(x.keys[key], func(o modelVersion) bool { return o.id == id })
}

func (x *versionMachine) Tag(rt *rapid.T) {
	key := x.key(rt)
	id, v := x.pick(rt, key)
	want := coffer.Code(0)
	switch {
	case v == nil:
		want = coffer.NoSuchVersion
	case v.marker:
		want = coffer.MethodNotAllowed
	}
	x.seed++
	tag := fmt.Sprint(x.seed)
	of, err := x.w.alice.PutObjectTagging(x.t.Context(), "bucket", key, id, []coffer.Tag{{Key: tag}})
	if err == nil && of != v.id && (of != "" || v.id != coffer.NullVersion) {
		rt.Fatalf("PutObjectTagging(%q, %q) = %q, want %q", key, id, of, v.id)
	}
	if agree(rt, "PutObjectTagging", err, want) {
		v.tag = tag
	}
}

func (x *versionMachine) SetVersioning(rt *rapid.T) {
	state := rapid.SampledFrom([]coffer.Versioning{coffer.VersioningEnabled, coffer.VersioningSuspended}).Draw(rt, "state")
	if agree(rt, "PutVersioning", x.w.alice.PutVersioning(x.t.Context(), "bucket", state), 0) {
		x.state = state
	}
}

func (x *versionMachine) ClockStepsBack(*rapid.T) { x.w.clock.step(-10 * time.Minute) }

func (x *versionMachine) Get(rt *rapid.T) {
	key := x.key(rt)
	id, v := x.pick(rt, key)
	want := coffer.NoSuchVersion
	if rapid.Bool().Draw(rt, "current") {
		id, v, want = "", x.current(key), coffer.NoSuchObject
	}
	switch {
	case v != nil && v.marker:
		want = coffer.MethodNotAllowed
	case v != nil:
		want = 0
	}
	b, c, err := x.w.get(x.t, GetInput{Key: key, Version: id})
	if agree(rt, "Get", err, want) && (!bytes.Equal(b, v.bytes) || coffer.VersionName(c.VersionID) != v.id || len(c.Tags) > 0 != (v.tag != "") || v.tag != "" && c.Tags[0].Key != v.tag) {
		rt.Fatalf("Get(%q, %q) = %d bytes of %+v, want %+v", key, id, len(b), c.Object, v)
	}
	if all := x.keys[key]; want == coffer.NoSuchObject && (c != nil) != (len(all) > 0) {
		rt.Fatalf("Get(%q) = %+v, %v, want to hear of the marker among %+v", key, c, err, all)
	}
}

// List compares all pages with what a list of the model, cut anywhere, gives.
func (x *versionMachine) List(rt *rapid.T) {
	in := ListVersionsInput{Bucket: "bucket", Prefix: rapid.SampledFrom([]string{"", "a", "a/"}).Draw(rt, "prefix"),
		Delimiter: rapid.SampledFrom([]string{"", "/"}).Draw(rt, "delimiter"), Max: rapid.IntRange(1, 4).Draw(rt, "max")}
	var want, got []string
	for _, key := range slices.Sorted(maps.Keys(x.keys)) {
		for i, v := range x.keys[key] {
			line := fmt.Sprint(key, " ", v.id, " ", v.marker, " ", i == 0)
			if common, rolled := (walk{prefix: in.Prefix, delimiter: in.Delimiter}).rollUp(key); rolled {
				line = common
			}
			if strings.HasPrefix(key, in.Prefix) && !slices.Contains(want, line) {
				want = append(want, line)
			}
		}
	}
	for more := true; more; more = in.After != "" {
		page, err := x.w.alice.ListVersions(x.t.Context(), in)
		agree(rt, "ListVersions", err, 0)
		for _, v := range page.Versions {
			got = append(got, fmt.Sprint(v.Key, " ", coffer.VersionName(v.VersionID), " ", v.DeleteMarker, " ", v.Latest))
		}
		got = append(got, page.Prefixes...)
		if n := len(page.Versions) + len(page.Prefixes); n > in.Max || page.Next != "" && n != in.Max {
			rt.Fatalf("ListVersions(%+v) = %+v, which is %d", in, page, n)
		}
		in.After, in.AfterVersion = page.Next, page.NextVersion
	}
	if slices.Sort(want); !slices.Equal(want, slices.Sorted(slices.Values(got))) {
		rt.Fatalf("ListVersions(%+v) = %q, want %q", in, got, want)
	}
	if in.Delimiter == "" && in.Prefix == "" {
		x.inOrder(rt, got)
	}
}

// inOrder checks that a list is in the order of the model.
func (x *versionMachine) inOrder(rt *rapid.T, got []string) {
	n := 0
	for _, key := range slices.Sorted(maps.Keys(x.keys)) {
		for _, v := range x.keys[key] {
			if want := key + " " + v.id + " "; !strings.HasPrefix(got[n], want) {
				rt.Fatalf("ListVersions has %q at %d, want %q", got[n], n, want)
			}
			n++
		}
	}
}

func (x *versionMachine) ListCurrent(rt *rapid.T) {
	page, err := x.w.alice.List(x.t.Context(), ListInput{Bucket: "bucket", Max: ListMax})
	agree(rt, "List", err, 0)
	var got, want []string
	for _, o := range page.Objects {
		got = append(got, o.Key+o.ETag)
	}
	for _, key := range slices.Sorted(maps.Keys(x.keys)) {
		if v := x.current(key); v != nil {
			o, err := x.w.alice.Head(x.t.Context(), GetInput{Bucket: "bucket", Key: key, Version: v.id})
			agree(rt, "Head", err, 0)
			want = append(want, key+o.ETag)
		}
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("List = %q, want %q", got, want)
	}
}

type noVersionCheck struct{ *versionMachine }

func (noVersionCheck) Check(*rapid.T) {}

// TestRandomOperationsOnVersions compares the versions of a bucket with the model
// after each of many operations, and then looks at every record and blob. In the
// end all versions are removed, and the bucket with them.
func TestRandomOperationsOnVersions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		x := &versionMachine{w: w, t: t, keys: map[string][]modelVersion{}}
		rt.Repeat(rapid.StateMachineActions(noVersionCheck{x}))
		w.audit(t, false)
		w.clock.step(24 * time.Hour) // whatever it was stepped back
		w.reclaim(t)
		w.audit(t, true)
		for key, all := range x.keys {
			for _, v := range all {
				err := w.alice.DeleteBucket(t.Context(), "bucket")
				agree(rt, "DeleteBucket", err, coffer.BucketNotEmpty)
				if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key, Version: v.id}); err != nil {
					rt.Fatal(err)
				}
			}
		}
		agree(rt, "DeleteBucket", w.alice.DeleteBucket(t.Context(), "bucket"), 0)
		w.reclaim(t)
		w.audit(t, true)
		_ = w.store.Close()
	})
}
