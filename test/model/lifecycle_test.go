package model_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// lifecycle lets what is a day old below a/ end in one bucket: old versions, and in
// a bucket that never had versions the objects. The lifecycle is put, carried out
// and taken away, so that no other operation meets it.
func (x *machine) lifecycle(o op) {
	b := x.buckets[o.Bucket]
	if b == nil {
		return
	}
	x.waited(o)
	action := "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"
	if b.versioning == "" {
		action = "<Expiration><Days>1</Days></Expiration>"
	}
	o.As = keyOf(b.owner)
	q := x.request(o, http.MethodPut, "lifecycle", "")
	q.body = []byte("<LifecycleConfiguration><Rule><ID>day</ID><Filter><Prefix>a/</Prefix></Filter><Status>Enabled</Status>" + action + "</Rule></LifecycleConfiguration>")
	x.agree(q, x.send(q), nil)
	if _, err := x.objects.Lifecycle(x.server.t.Context()); err != nil {
		x.fatal("Lifecycle() = %v", err)
	}
	x.age(b)
	x.abandon()
	q = x.request(o, http.MethodDelete, "lifecycle", "")
	x.agree(q, x.send(q), nil)
}

// age ends in the model what is due. A version is old from when the next one was
// made, and no policy keeps it, but a lock does (AWS, "Lifecycle and other bucket
// configurations").
func (x *machine) age(b *bucket) {
	for key, all := range b.keys {
		if !strings.HasPrefix(key, "a/") {
			continue
		}
		for i, v := range all {
			from := v.made
			if i > 0 {
				from = all[i-1].made
			} else if b.versioning != "" {
				continue
			}
			if !x.clock.now.Before(due(from)) && !v.protected(x.clock.now, false) {
				defer b.remove(key, v.id)
			}
		}
	}
}

// abandon finds out which uploads ended that nobody ended for seven days. When
// that is done is coffer's to say: AWS keeps uploads until a rule ends them.
func (x *machine) abandon() {
	const kept = 7 * 24 * time.Hour
	for _, name := range slices.Sorted(maps.Keys(x.buckets)) {
		b := x.buckets[name]
		// No policy denies this list.
		q := x.request(op{As: keyOf(b.owner), Bucket: name}, http.MethodGet, "uploads", "")
		a := x.send(q)
		x.agree(q, a, nil)
		var p page
		a.parse(x.t, &p)
		for _, u := range b.uploads {
			there := slices.ContainsFunc(p.Upload, func(l listedUpload) bool { return l.UploadId == u.id })
			if !there && x.clock.now.Sub(u.began) >= kept {
				u.ended = true
			}
		}
	}
}

// due is the first midnight a day after a time (AWS, "Lifecycle rules: based on an
// object's age").
func due(from time.Time) time.Time {
	const day = 24 * time.Hour
	due := from.Add(day)
	if midnight := due.Truncate(day); midnight.Before(due) {
		return midnight.Add(day)
	}
	return due
}
