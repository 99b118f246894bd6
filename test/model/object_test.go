package model_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// put stores an object.
func (x *machine) put(o op) {
	b, want := x.enter(o, "PutObject", o.Key, nil)
	v := &version{body: o.body(), kind: fmt.Sprint("type/", len(x.did)), tags: o.Tags, modified: x.clock.now}
	v.etag = etagOf(v.body)
	q := x.request(o, http.MethodPut)
	q.body = v.body
	q.header.Set("Content-Type", v.kind)
	stop := want.final()
	x.aboutNew(o, q, b, v, &want)
	if x.guarded(o, q, b) && !stop {
		want = append(want, b.writeRefused(o.Key, o.Match)...)
	}
	a := x.send(q)
	if x.agree(q, a, want) {
		x.made(o.Bucket, o.Key, v, a)
		if a.etag() != v.etag {
			x.fatal("Put says ETag %s, want %s", a.etag(), v.etag)
		}
	}
}

// aboutNew adds tags and locks to a request that makes an object, and to what it
// makes.
func (x *machine) aboutNew(o op, q ask, b *bucket, v *version, want *refusals) {
	stop := want.final()
	may := func(action string) {
		if !stop && !x.may(o.As, action, o.Bucket, o.Key, nil) {
			*want = append(*want, "AccessDenied")
		}
	}
	if o.Tags != "" {
		q.header.Set("x-amz-tagging", o.Tags)
		may("PutObjectTagging")
	}
	if o.Value != "" && slices.Contains(modes, o.Value) {
		v.mode, v.until = o.Value, x.clock.now.Add(time.Duration(o.Hours)*time.Hour)
		q.header.Set("x-amz-object-lock-mode", v.mode)
		q.header.Set("x-amz-object-lock-retain-until-date", v.until.Format(time.RFC3339))
		may("PutObjectRetention")
	}
	if o.Hold != "" {
		v.hold = o.Hold
		q.header.Set("x-amz-object-lock-legal-hold", o.Hold)
		may("PutObjectLegalHold")
	}
	if o.ACL != "" {
		q.header.Set("x-amz-acl", o.ACL)
		if !stop {
			*want = append(*want, x.newACL(o, b)...)
		}
	}
	if !stop {
		v.owner, v.acl = x.ownerOf(o, b), o.ACL
	}
	if !stop && !b.lock && (v.mode != "" || v.hold != "") {
		*want = append(*want, "InvalidRequest")
	}
}

// guarded adds a condition to a write; it tells whether there is one.
func (x *machine) guarded(o op, q ask, b *bucket) bool {
	if o.Match == "" {
		return false
	}
	etag := ""
	if b != nil {
		if v := b.current(o.Key); v != nil {
			etag = v.etag
		}
	}
	name, value := conditionHeader(o.Match, etag)
	q.header.Set(name, value)
	return true
}

// made keeps what was written, under the version that the server says.
func (x *machine) made(name, key string, v *version, a answer) {
	b := x.buckets[name]
	v.id = a.version()
	b.add(key, v, x.clock.now)
	switch {
	case b.versioning == "Enabled" && (a.version() == "" || a.version() == "null" || v.id != a.version()):
		x.fatal("the answer to a write names version %q", a.version())
	case b.versioning == "Suspended" && a.version() != "" && a.version() != "null", b.versioning == "" && a.version() != "":
		x.fatal("the answer to a write names version %q in a bucket whose versioning is %q", a.version(), b.versioning)
	}
	for _, other := range b.keys[key][1:] {
		if other.id == v.id {
			x.fatal("version %q came twice", v.id)
		}
	}
}

// get reads an object, or its head, with a condition and a range.
func (x *machine) get(o op) {
	b := x.buckets[o.Bucket]
	var v *version
	id := ""
	if b != nil {
		v, id = b.find(o.Key, o.Version)
	}
	_, want := x.enter(o, ofVersion("GetObject", o.Version), o.Key, v)
	method := http.MethodGet
	if o.Do == "Head" {
		method = http.MethodHead
	}
	q := x.request(o, method)
	if id != "" {
		q.query.Set("versionId", id)
	}
	if o.Range != "" {
		q.header.Set("Range", o.Range)
	}
	current := ""
	if v != nil {
		current = v.etag
	}
	if o.Match != "" {
		name, value := conditionHeader(o.Match, current)
		q.header.Set(name, value)
	}
	if want == nil {
		want = x.hidden(o, o.Bucket, o.Key, missing(v, id))
	}
	switch {
	case want != nil:
	case o.Match == "if-none-match *":
		want = refusals{"NotModified"}
	case o.Match == "if-match other":
		want = refusals{"PreconditionFailed"}
	}
	var part []byte
	if want == nil {
		part, want = cut(v.body, o.Range)
	}
	a := x.send(q)
	if x.agree(q, a, want) {
		x.compare(o, b, v, part, a)
	} else if v != nil && v.marker && !slices.Equal(want, refusals{"AccessDenied"}) && a.code != "AccessDenied" && a.status != 403 &&
		a.header.Get("x-amz-delete-marker") != "true" {
		x.fatal("Get of a delete marker answers without x-amz-delete-marker: %v", a.header)
	}
}

// cut is the part of a body that a range asks for (RFC 9110, section 14.1.2).
func cut(body []byte, header string) ([]byte, refusals) {
	spec, asked := strings.CutPrefix(header, "bytes=")
	if !asked {
		return body, nil
	}
	first, last, _ := strings.Cut(spec, "-")
	from, _ := strconv.Atoi(first)
	to := len(body)
	if n, err := strconv.Atoi(last); err == nil {
		to = min(to, n+1)
		if first == "" {
			if from, to = max(0, len(body)-n), len(body); n > 0 && to == 0 {
				return body, nil // the end of nothing
			}
		}
	}
	if from >= len(body) {
		return nil, refusals{"InvalidRange"}
	}
	return body[from:to], nil
}

// compare looks at everything that a read tells of a version.
func (x *machine) compare(o op, b *bucket, v *version, part []byte, a answer) {
	if o.Do == "Get" && string(a.body) != string(part) {
		x.fatal("Get gives %q, want %q", a.body, part)
	}
	wantStatus := http.StatusOK
	if o.Range != "" && len(v.body) > 0 {
		wantStatus = http.StatusPartialContent
	}
	id := v.id
	if b.versioning == "" {
		id = ""
	}
	tags := ""
	if n := len(v.tags); n > 0 {
		tags = strconv.Itoa(1 + strings.Count(v.tags, "&"))
	}
	got := []string{strconv.Itoa(a.status), a.etag(), a.header.Get("Content-Type"), a.version(), a.header.Get("Content-Length"), a.header.Get("x-amz-tagging-count")}
	want := []string{strconv.Itoa(wantStatus), v.etag, v.kind, id, strconv.Itoa(len(part)), tags}
	if !x.may(o.As, ofVersion("GetObjectTagging", o.Version), o.Bucket, o.Key, v) {
		got, want = got[:5], want[:5] // whether who may not read tags is told their number is left open
	}
	if who(o.As).scope == nil && who(o.As).account == b.owner {
		got = append(got, a.header.Get("x-amz-object-lock-mode"), a.header.Get("x-amz-object-lock-legal-hold"), untilOf(a))
		want = append(want, v.mode, v.hold, stamp(v.until))
	}
	if !v.modified.IsZero() {
		got, want = append(got, a.header.Get("Last-Modified")), append(want, v.modified.Format(http.TimeFormat))
	}
	if !slices.Equal(got, want) {
		x.fatal("%s tells %q, want %q", o, got, want)
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func untilOf(a answer) string {
	t, err := time.Parse(time.RFC3339, a.header.Get("x-amz-object-lock-retain-until-date"))
	if err != nil {
		return ""
	}
	return stamp(t.Truncate(time.Second))
}

// copy makes an object of another.
func (x *machine) copy(o op) {
	b, want := x.enter(o, "PutObject", o.Key, nil)
	v := &version{kind: fmt.Sprint("type/", len(x.did)), modified: x.clock.now}
	q := x.request(o, http.MethodPut)
	source, path, why := x.source(o, q)
	if !o.Replace {
		o.Tags = ""
	} else {
		q.header.Set("x-amz-metadata-directive", "REPLACE")
		q.header.Set("x-amz-tagging-directive", "REPLACE")
		q.header.Set("Content-Type", v.kind)
	}
	q.header.Set("x-amz-copy-source", path)
	stop := want.final()
	x.aboutNew(o, q, b, v, &want)
	if x.guarded(o, q, b) && !stop {
		want = append(want, b.writeRefused(o.Key, o.Match)...)
	}
	want = append(want, why...)
	if source != nil && !source.marker {
		v.body, v.etag = source.body, etagOf(source.body) // also of parts, since a copy has none
		if v.tags = o.Tags; !o.Replace {
			v.kind, v.tags = source.kind, source.tags
			if len(want) == 0 {
				want = x.copied(o, source)
			}
		}
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var result struct{ ETag string }
	a.parse(x.t, &result)
	if got := strings.Trim(result.ETag, `"`); got != v.etag {
		x.fatal("Copy says ETag %s, want %s", got, v.etag)
	}
	x.made(o.Bucket, o.Key, v, a)
}

// copied is why a copy that changes nothing is refused, or whose tags the actor
// may not take along.
func (x *machine) copied(o op, source *version) refusals {
	self := o.Bucket == o.FromBucket && o.Key == o.FromKey
	var why refusals
	if source.tags != "" && (!x.may(o.As, ofVersion("GetObjectTagging", o.FromVersion), o.FromBucket, o.FromKey, source) ||
		!x.may(o.As, "PutObjectTagging", o.Bucket, o.Key, nil)) {
		why = refusals{"AccessDenied"}
	}
	switch {
	case self && o.FromVersion == 0 && o.Value == "" && o.Hold == "":
		return append(why, "InvalidRequest")
	case self && (o.FromVersion == 0 || source == x.buckets[o.Bucket].current(o.Key)):
		if why == nil {
			why = refusals{ok} // a lock is not in the list of what may change, nor is it excluded
		}
		return append(why, "InvalidRequest")
	}
	return why
}

// source finds what is copied, how a request says it, and why it cannot be.
func (x *machine) source(o op, q ask) (v *version, path string, why refusals) {
	path = "/" + o.FromBucket + "/" + url.QueryEscape(o.FromKey)
	b := x.buckets[o.FromBucket]
	switch {
	case who(o.As).account == "":
		return nil, path, refusals{"AccessDenied"} // all copies must be signed
	case b == nil:
		return nil, path, refusals{"NoSuchBucket"}
	}
	v, id := b.find(o.FromKey, o.FromVersion)
	if id != "" {
		path += "?versionId=" + id
	}
	current := ""
	if v != nil {
		current = v.etag
	}
	if o.FromMatch != "" {
		name, value := conditionHeader(o.FromMatch, current)
		q.header.Set("x-amz-copy-source-"+name, value)
	}
	switch {
	case !x.may(o.As, ofVersion("GetObject", o.FromVersion), o.FromBucket, o.FromKey, v):
		why = refusals{"AccessDenied"}
	case v != nil && v.marker && id != "":
		why = refusals{"InvalidRequest"}
	case missing(v, id) != nil:
		why = x.hidden(o, o.FromBucket, o.FromKey, missing(v, id))
	case o.FromMatch == "if-none-match *", o.FromMatch == "if-match other":
		why = refusals{"PreconditionFailed"}
	}
	return v, path, why
}
