package model_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// delete removes an object, or a version of it.
func (x *machine) delete(o op) {
	var v *version
	id := ""
	b := x.buckets[o.Bucket]
	if b != nil {
		v, id = b.find(o.Key, o.Version)
	}
	_, want := x.enter(o, ofVersion("DeleteObject", o.Version), o.Key, v)
	q := x.request(o, http.MethodDelete)
	if id != "" {
		q.query.Set("versionId", id)
	}
	if o.Bypass {
		q.header.Set("x-amz-bypass-governance-retention", "true")
	}
	if o.Match != "" && !strings.HasPrefix(o.Match, "if-none") {
		etag := ""
		if v != nil {
			etag = v.etag
		}
		name, value := conditionHeader(o.Match, etag)
		q.header.Set(name, value)
		switch {
		case want != nil:
		case v == nil || v.marker:
			// A condition that nothing can meet: the documentation has both.
			want = refusals{"PreconditionFailed", "NoSuchKey", "NoSuchVersion"}
			if v != nil && o.Match == "if-match *" || o.Match == "if-match current" && v != nil {
				want = append(want, ok) // of a marker it says nothing
			}
		case o.Match == "if-match other":
			want = refusals{"PreconditionFailed"}
		}
	}
	want = append(want, x.keeps(o, v)...)
	a := x.send(q)
	if x.agree(q, a, want) {
		x.deleted(o, v, id, a.version(), a.header.Get("x-amz-delete-marker") == "true")
	}
}

// keeps is why a lock keeps a version from being removed.
func (x *machine) keeps(o op, v *version) refusals {
	if v == nil || o.Version == 0 {
		return nil
	}
	mayBypass := x.may(o.As, "BypassGovernanceRetention", o.Bucket, o.Key, v)
	switch {
	case v.protected(x.clock.now, o.Bypass && mayBypass):
		return refusals{"AccessDenied"}
	case o.Bypass && !mayBypass:
		return refusals{"AccessDenied", ok} // who may not bypass may not ask to
	}
	return nil
}

// deleted does to the model what a delete does, and checks what its answer says.
func (x *machine) deleted(o op, v *version, id, said string, marker bool) {
	b := x.buckets[o.Bucket]
	if id == "" && b.versioning != "" {
		if !marker {
			x.fatal("the answer to a delete that made a marker does not say so")
		}
		x.made(o.Bucket, o.Key, &version{marker: true, modified: x.clock.now}, answer{header: http.Header{"X-Amz-Version-Id": {said}}})
		return
	}
	if want := v != nil && v.marker; marker != want {
		x.fatal("the answer to a delete says delete marker %v, want %v", marker, want)
	}
	if b.versioning != "" && said != id {
		x.fatal("the answer to a delete names version %q, want %q", said, id)
	}
	if v != nil {
		b.remove(o.Key, v.id)
	}
}

// deleteMany removes a key and one that does not exist in one request.
func (x *machine) deleteMany(o op) {
	key := o.Key
	o.Key = ""
	var v *version
	id := ""
	b := x.buckets[o.Bucket]
	if b != nil {
		v, id = b.find(key, o.Version)
	}
	q := x.request(o, http.MethodPost, "delete", "")
	if o.Bypass {
		q.header.Set("x-amz-bypass-governance-retention", "true")
	}
	named := ""
	if id != "" {
		named = "<VersionId>" + id + "</VersionId>"
	}
	q.body = fmt.Appendf(nil, "<Delete><Object><Key>%s</Key>%s</Object><Object><Key>a/never</Key><VersionId>null</VersionId></Object></Delete>", key, named)
	o.Key = key
	_, want := x.enter(o, ofVersion("DeleteObject", o.Version), key, v)
	if want != nil && b == nil {
		x.agree(q, x.send(q), want)
		return
	}
	want = append(want, x.keeps(o, v)...)
	a := x.send(q)
	if a.status != http.StatusOK && slices.Contains(want, "AccessDenied") {
		// Who may nothing here is refused as a whole, or key by key.
		x.agree(q, a, want)
		return
	}
	x.agree(q, a, nil)
	var result struct {
		Deleted []struct {
			Key, VersionId, DeleteMarkerVersionId string
			DeleteMarker                          bool
		}
		Error []struct{ Key, Code string }
	}
	a.parse(x.t, &result)
	if n := len(result.Deleted) + len(result.Error); n != 2 {
		x.fatal("DeleteMany tells of %d keys, want 2: %s", n, a.body)
	}
	each := answer{status: http.StatusNoContent}
	for _, e := range result.Error {
		if e.Key == key {
			each.status, each.code = statuses[e.Code], e.Code
		}
	}
	if !x.agree(q, each, want) {
		return
	}
	for _, d := range result.Deleted {
		if d.Key == key {
			said := d.DeleteMarkerVersionId
			if id != "" {
				said = d.VersionId
			}
			x.deleted(o, v, id, said, d.DeleteMarker)
		}
	}
}
