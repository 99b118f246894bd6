package model_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

func (x *machine) createBucket(o op) {
	q := x.request(o, http.MethodPut)
	if o.Value == "lock" {
		q.header.Set("x-amz-bucket-object-lock-enabled", "true")
	}
	var want refusals
	switch a, b := who(o.As), x.buckets[o.Bucket]; {
	case a.account == "", !a.scopeLets("CreateBucket", o.Bucket, ""):
		want = refusals{"AccessDenied"}
	case b != nil && b.owner == a.account:
		want = refusals{"BucketAlreadyOwnedByYou"}
	case b != nil:
		want = refusals{"BucketAlreadyExists"}
	}
	if !x.agree(q, x.send(q), want) {
		return
	}
	b := &bucket{owner: who(o.As).account, lock: o.Value == "lock", keys: map[string][]*version{}}
	if b.lock {
		b.versioning = "Enabled"
	}
	x.buckets[o.Bucket] = b
}

func (x *machine) deleteBucket(o op) {
	b, want := x.enter(o, "DeleteBucket", "", nil)
	if want == nil && len(b.keys) > 0 {
		want = refusals{"BucketNotEmpty"}
	}
	q := x.request(o, http.MethodDelete)
	if x.agree(q, x.send(q), want) {
		delete(x.buckets, o.Bucket)
	}
}

func (x *machine) headBucket(o op) {
	action := "ListBucket"
	if who(o.As).scope != nil {
		action = "GetBucketLocation" // which a scope gives wherever it gives anything
	}
	_, want := x.enter(o, action, "", nil)
	q := x.request(o, http.MethodHead)
	x.agree(q, x.send(q), want)
}

func (x *machine) listBuckets(o op) {
	var want refusals
	var names []string
	a := who(o.As)
	if a.account == "" {
		want = refusals{"AccessDenied"}
	}
	for _, name := range slices.Sorted(maps.Keys(x.buckets)) {
		if x.buckets[name].owner == a.account && a.scopeLets("GetBucketLocation", name, "") {
			names = append(names, name)
		}
	}
	q := x.request(o, http.MethodGet)
	got := x.send(q)
	if !x.agree(q, got, want) {
		return
	}
	var page struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	got.parse(x.t, &page)
	if !slices.Equal(page.Names, names) {
		x.fatal("ListBuckets = %q, want %q", page.Names, names)
	}
}

func (x *machine) setVersioning(o op) {
	b, want := x.enter(o, "PutBucketVersioning", "", nil)
	if want == nil && b.lock && o.Value != "Enabled" {
		want = refusals{"InvalidBucketState"}
	}
	q := x.request(o, http.MethodPut, "versioning", "")
	q.body = fmt.Appendf(nil, "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>", o.Value)
	if x.agree(q, x.send(q), want) {
		b.versioning = o.Value
	}
}

// setLock enables Object Lock on a bucket, or changes its default retention.
func (x *machine) setLock(o op) {
	b, want := x.enter(o, "PutBucketObjectLockConfiguration", "", nil)
	if want == nil && b.versioning != "Enabled" {
		want = refusals{"InvalidBucketState"}
	}
	q := x.request(o, http.MethodPut, "object-lock", "")
	rule := ""
	if o.Value != "" {
		rule = "<Rule><DefaultRetention><Mode>" + o.Value + "</Mode><Days>1</Days></DefaultRetention></Rule>"
	}
	q.body = []byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>" + rule + "</ObjectLockConfiguration>")
	if x.agree(q, x.send(q), want) {
		b.lock, b.mode, b.days = true, o.Value, 1
	}
}

// What happens to the server, and changes nothing that anyone can see.

func (x *machine) restarted(op) { x.restart() }

func (x *machine) crashed(o op) {
	percent := 0
	_, _ = fmt.Sscan(o.Value, &percent)
	x.crash(percent)
	x.everything()
}

func (x *machine) reclaimed(op) {
	// Garbage waits for those who may still read it.
	x.clock.now = x.clock.now.Add(time.Hour)
	if _, err := x.objects.CollectGarbage(x.server.t.Context()); err != nil {
		x.fatal("CollectGarbage() = %v", err)
	}
	// The blobs bear the time of the file system.
	if _, err := x.objects.Sweep(x.server.t.Context(), time.Now().Add(time.Hour)); err != nil {
		x.fatal("Sweep() = %v", err)
	}
}

func (x *machine) waited(o op) {
	x.clock.now = x.clock.now.Add(time.Duration(max(0, o.Hours)) * time.Hour)
}
