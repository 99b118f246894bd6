package objects

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coffer"
)

// model is what a bucket should hold: plain maps.
type model struct {
	objects map[string]modelObject
	uploads map[coffer.UploadID]*modelUpload
}

type modelObject struct {
	bytes []byte
	etag  string
	about string // its Content-Type
}

type modelUpload struct {
	key   string
	parts map[int][]byte
	done  string // the ETag that Complete answered
}

// machine runs random operations on a service and on the model.
type machine struct {
	w       *world
	t       *testing.T
	m       model
	seed    uint64
	readers []modelReader
}

// modelReader is a download under way, and what it must give.
type modelReader struct {
	content *Content
	bytes   []byte
}

var modelKeys = []string{"a", "a/b", "a/c", "b", "b/"}

func (x *machine) key(rt *rapid.T) string { return rapid.SampledFrom(modelKeys).Draw(rt, "key") }

func (x *machine) bytes(rt *rapid.T) []byte {
	x.seed++
	return content(x.seed, rapid.SampledFrom([]int{0, 1, 500, testInline, testInline + 1, 3000}).Draw(rt, "size"))
}

// condition draws one, and tells what a write with it to key comes to.
func (x *machine) condition(rt *rapid.T, key string) (c Conditions, want coffer.Code) {
	o, exists := x.m.objects[key]
	switch rapid.IntRange(0, 5).Draw(rt, "condition") {
	case 0:
		if c.IfNoneMatch = "*"; exists {
			want = coffer.PreconditionFailed
		}
	case 1:
		if c.IfMatch = "*"; !exists {
			want = coffer.NoSuchObject
		}
	case 2:
		other := x.m.objects[x.key(rt)].etag
		switch c.IfMatch = other; {
		case other == "":
		case !exists:
			want = coffer.NoSuchObject
		case other != o.etag:
			want = coffer.PreconditionFailed
		}
	}
	return c, want
}

// agree checks the outcome of an operation, and tells whether it was done.
func agree(rt *rapid.T, call string, err error, want coffer.Code) bool {
	if (err == nil) != (want == 0) || err != nil && coffer.CodeOf(err) != want {
		rt.Fatalf("%s = %v, want code %d", call, err, want)
	}
	return err == nil
}

func (x *machine) Put(rt *rapid.T) {
	key, b := x.key(rt), x.bytes(rt)
	cond, want := x.condition(rt, key)
	about := fmt.Sprint("type/", x.seed)
	o, err := x.w.alice.Put(x.t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b)), If: cond,
		Attributes: coffer.Attributes{ContentType: about}})
	if agree(rt, "Put", err, want) {
		x.m.objects[key] = modelObject{b, o.ETag, about}
	}
}

func (x *machine) Delete(rt *rapid.T) {
	key := x.key(rt)
	cond, want := x.condition(rt, key)
	if cond.IfNoneMatch != "" {
		want = 0
	}
	_, err := x.w.alice.Delete(x.t.Context(), "bucket", Doomed{Key: key, IfMatch: cond.IfMatch})
	if agree(rt, "Delete", err, want) {
		delete(x.m.objects, key)
	}
}

func (x *machine) DeleteMany(rt *rapid.T) {
	keys := rapid.SliceOfN(rapid.SampledFrom(modelKeys), 0, 3).Draw(rt, "keys")
	var doomed []Doomed
	for _, key := range keys {
		doomed = append(doomed, Doomed{Key: key})
		delete(x.m.objects, key)
	}
	_, err := x.w.alice.DeleteMany(x.t.Context(), "bucket", doomed)
	agree(rt, "DeleteMany", err, 0)
}

func (x *machine) Copy(rt *rapid.T) {
	from, to := x.key(rt), x.key(rt)
	cond, want := x.condition(rt, to)
	source, exists := x.m.objects[from]
	if !exists && want == 0 {
		want = coffer.NoSuchObject
	}
	x.seed++
	about := fmt.Sprint("type/", x.seed)
	in := CopyInput{Bucket: "bucket", Key: to, SourceBucket: "bucket", SourceKey: from, If: cond, Replace: true,
		Attributes: coffer.Attributes{ContentType: about}, Checksum: rapid.SampledFrom([]coffer.ChecksumAlgorithm{"", coffer.CRC32}).Draw(rt, "checksum")}
	o, err := x.w.alice.Copy(x.t.Context(), in)
	if agree(rt, "Copy", err, want) {
		if o.ETag != etagOf(source.bytes) || in.Checksum != "" && o.Checksum.Value != base64Of(in.Checksum, source.bytes) {
			rt.Fatalf("Copy = %+v, want the ETag %s", o, etagOf(source.bytes))
		}
		x.m.objects[to] = modelObject{source.bytes, o.ETag, about}
	}
}

// Encryption turns that of the instance on or off.
func (x *machine) Encryption(*rapid.T) { x.w.Encrypt = !x.w.Encrypt }

// Get reads a range, and may leave a download open.
func (x *machine) Get(rt *rapid.T) {
	key := x.key(rt)
	o, exists := x.m.objects[key]
	c, err := x.w.alice.Get(x.t.Context(), GetInput{Bucket: "bucket", Key: key})
	if !exists {
		agree(rt, "Get", err, coffer.NoSuchObject)
		return
	}
	if !agree(rt, "Get", err, 0) || c.ETag != o.etag || c.Attributes.ContentType != o.about || c.Size != int64(len(o.bytes)) {
		rt.Fatalf("Get(%q) = %+v, want %+v", key, c.Object, o)
	}
	x.readers = append(x.readers, modelReader{c, o.bytes})
}

func (x *machine) EndRead(rt *rapid.T) {
	if len(x.readers) == 0 {
		return
	}
	r := x.readers[0]
	x.readers = x.readers[1:]
	var b bytes.Buffer
	if _, err := r.content.WriteTo(x.t.Context(), &b); err != nil || !bytes.Equal(b.Bytes(), r.bytes) {
		rt.Fatalf("a download of %q gives %d bytes, %v, want %d", r.content.Key, b.Len(), err, len(r.bytes))
	}
	_ = r.content.Close()
}

func (x *machine) List(rt *rapid.T) {
	prefix, delimiter := rapid.SampledFrom([]string{"", "a", "a/", "b/"}).Draw(rt, "prefix"), rapid.SampledFrom([]string{"", "/"}).Draw(rt, "delimiter")
	page, err := x.w.alice.List(x.t.Context(), ListInput{Bucket: "bucket", Prefix: prefix, Delimiter: delimiter, Max: 3})
	agree(rt, "List", err, 0)
	want, more := naive(slices.Sorted(maps.Keys(x.m.objects)), prefix, delimiter, "", 3)
	var got []string
	for _, o := range page.Objects {
		if got = append(got, o.Key); o.ETag != x.m.objects[o.Key].etag {
			rt.Fatalf("List shows %+v, want the ETag %s", o, x.m.objects[o.Key].etag)
		}
	}
	if all := shownOf(got, page.Prefixes); !slices.Equal(all, want) || more != (page.Next != "") {
		rt.Fatalf("List(%q, %q) = %q, want %q", prefix, delimiter, all, want)
	}
}

func (x *machine) CreateUpload(rt *rapid.T) {
	key := x.key(rt)
	id, _ := x.w.upload(x.t, key, coffer.Checksum{})
	x.m.uploads[id] = &modelUpload{key: key, parts: map[int][]byte{}}
}

// anUpload picks one, in the order of their IDs so that a failure can be repeated.
func (x *machine) anUpload(rt *rapid.T) (coffer.UploadID, *modelUpload) {
	if len(x.m.uploads) == 0 {
		rt.Skip("no uploads")
	}
	ids := slices.SortedFunc(maps.Keys(x.m.uploads), func(a, b coffer.UploadID) int { return strings.Compare(string(a), string(b)) })
	id := ids[rapid.IntRange(0, len(ids)-1).Draw(rt, "upload")]
	return id, x.m.uploads[id]
}

func (x *machine) PutPart(rt *rapid.T) {
	id, u := x.anUpload(rt)
	n, b := rapid.IntRange(1, 3).Draw(rt, "number"), append(x.bytes(rt), "0123456789"...)
	_, err := x.w.alice.PutPart(x.t.Context(), PartInput{Bucket: "bucket", Key: u.key, Upload: id, Number: n, Body: bytes.NewReader(b), Size: -1})
	if u.done != "" {
		agree(rt, "PutPart", err, coffer.NoSuchUpload)
	} else if agree(rt, "PutPart", err, 0) {
		u.parts[n] = b
	}
}

func (x *machine) Complete(rt *rapid.T) {
	id, u := x.anUpload(rt)
	in := CompleteInput{Bucket: "bucket", Key: u.key, Upload: id, Size: -1}
	var whole, md5s []byte
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if len(in.Parts) == 0 || rapid.Bool().Draw(rt, "listed") {
			in.Parts = append(in.Parts, coffer.Part{Number: n, ETag: etagOf(u.parts[n])})
			whole = append(whole, u.parts[n]...)
			sum := md5.Sum(u.parts[n])
			md5s = append(md5s, sum[:]...)
		}
	}
	if len(in.Parts) == 0 {
		return
	}
	sum := md5.Sum(md5s)
	etag := fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), len(in.Parts))
	var want coffer.Code
	switch {
	case u.done == "":
		in.If, want = x.condition(rt, u.key)
	case u.done != etag:
		want = coffer.NoSuchUpload // it is not the same again
	}
	o, err := x.w.alice.Complete(x.t.Context(), in)
	if want == 0 && in.If.IfMatch != "" && coffer.CodeOf(err) == coffer.ConditionalRequestConflict {
		// The object may be younger than the upload, or look so since the clock
		// stepped back: the model has no times. Nothing was done.
		return
	}
	if !agree(rt, "Complete", err, want) {
		return
	}
	switch {
	case o.ETag != etag || u.done == "" && o.Checksum.Value != base64Of(coffer.CRC64NVME, whole):
		rt.Fatalf("Complete = %+v, want the ETag %s", o, etag)
	case u.done == "":
		u.done = etag
		x.m.objects[u.key] = modelObject{whole, etag, ""}
	}
}

func (x *machine) Abort(rt *rapid.T) {
	id, u := x.anUpload(rt)
	want := coffer.Code(0)
	if u.done != "" {
		want = coffer.NoSuchUpload
	}
	if agree(rt, "Abort", x.w.alice.Abort(x.t.Context(), "bucket", u.key, id), want) {
		delete(x.m.uploads, id)
	}
}

func (x *machine) Reclaim(rt *rapid.T) {
	x.w.clock.step(time.Hour)
	_, err := x.w.CollectGarbage(x.t.Context())
	agree(rt, "CollectGarbage", err, 0)
	done, err := x.w.Sweep(x.t.Context(), time.Now().Add(time.Hour))
	if agree(rt, "Sweep", err, 0); done.Orphans != 0 {
		rt.Fatalf("Sweep = %+v, want no orphans: nothing crashed", done)
	}
}

func (x *machine) ClockStepsBack(*rapid.T) { x.w.clock.step(-10 * time.Minute) }

// TestRandomOperations compares the service with the model after each of many
// operations, and then looks at every record and blob.
func TestRandomOperations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		x := &machine{w: w, t: t, m: model{map[string]modelObject{}, map[coffer.UploadID]*modelUpload{}}}
		rt.Repeat(rapid.StateMachineActions(noCheck{x}))
		w.audit(t, false)
		for len(x.readers) > 0 {
			x.EndRead(rt)
		}
		w.clock.step(24 * time.Hour) // whatever it was stepped back
		w.reclaim(t)
		w.audit(t, true)
		for key, o := range x.m.objects {
			w.check(t, key, o.bytes)
		}
		_ = w.store.Close()
	})
}

// noCheck gives rapid the machine with a Check that has nothing to do: each
// operation checks itself.
type noCheck struct{ *machine }

func (noCheck) Check(*rapid.T) {}
