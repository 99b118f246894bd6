package model_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// about enters an operation on what is known of a version: its tags and locks.
func (x *machine) about(o op, method, sub, action string) (b *bucket, v *version, q ask, want refusals) {
	id := ""
	if b = x.buckets[o.Bucket]; b != nil {
		v, id = b.find(o.Key, o.Version)
	}
	q = x.request(o, method, sub, "")
	if id != "" {
		q.query.Set("versionId", id)
	}
	if _, want = x.enter(o, action, o.Key, v); want != nil {
		return b, v, q, want
	}
	want = x.hidden(o, o.Bucket, o.Key, missing(v, id))
	if v != nil && v.marker && id == "" {
		// Of a marker that is current the documentation says both.
		want = append(want, "MethodNotAllowed")
	}
	return b, v, q, want
}

func (x *machine) getTags(o op) {
	_, v, q, want := x.about(o, http.MethodGet, "tagging", ofVersion("GetObjectTagging", o.Version))
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var set struct {
		Tags []struct{ Key, Value string } `xml:"TagSet>Tag"`
	}
	a.parse(x.t, &set)
	var pairs []string
	for _, t := range set.Tags {
		pairs = append(pairs, t.Key+"="+t.Value)
	}
	if got := strings.Join(pairs, "&"); got != v.tags {
		x.fatal("GetTags = %q, want %q", got, v.tags)
	}
}

// putTags replaces all tags, or takes them away.
func (x *machine) putTags(o op) {
	method, action := http.MethodPut, "PutObjectTagging"
	if o.Do == "DeleteTags" {
		method, action = http.MethodDelete, "DeleteObjectTagging"
	}
	_, v, q, want := x.about(o, method, "tagging", ofVersion(action, o.Version))
	if o.Do == "PutTags" {
		var set strings.Builder
		for pair := range strings.SplitSeq(o.Tags, "&") {
			if key, value, found := strings.Cut(pair, "="); found {
				fmt.Fprintf(&set, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", key, value)
			}
		}
		q.body = []byte("<Tagging><TagSet>" + set.String() + "</TagSet></Tagging>")
	}
	if x.agree(q, x.send(q), want) {
		v.tags = o.Tags
	}
}

// lockable adds the refusal of a bucket without Object Lock.
func lockable(b *bucket, want refusals) refusals {
	if b != nil && !b.lock && !want.final() {
		return append(want, "InvalidRequest")
	}
	return want
}

// setRetention sets when a version may be removed: later is always allowed, and
// sooner, never or another mode only by bypass (AWS, "PutObjectRetention").
func (x *machine) setRetention(o op) {
	b, v, q, want := x.about(o, http.MethodPut, "retention", "PutObjectRetention")
	want = lockable(b, want)
	until := x.clock.now.Add(time.Duration(o.Hours) * time.Hour)
	if o.Value != "" {
		q.body = fmt.Appendf(nil, "<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>", o.Value, until.Format(time.RFC3339))
	} else {
		until = time.Time{}
		q.body = []byte("<Retention></Retention>")
	}
	if o.Bypass {
		q.header.Set("x-amz-bypass-governance-retention", "true")
	}
	if o.Value != "" && o.Hours < 0 {
		want = append(want, "InvalidArgument") // whoever asks
	}
	if v != nil && v.held(x.clock.now) {
		looser := o.Value != v.mode || until.Before(v.until)
		bypass := v.mode == "GOVERNANCE" && o.Bypass && x.may(o.As, "BypassGovernanceRetention", o.Bucket, o.Key, v)
		if looser && !bypass {
			want = append(want, "AccessDenied")
		}
	}
	if x.agree(q, x.send(q), want) {
		v.mode, v.until = o.Value, until
	}
}

func (x *machine) getRetention(o op) {
	b, v, q, want := x.about(o, http.MethodGet, "retention", "GetObjectRetention")
	if want = lockable(b, want); len(want) == 0 && v.mode == "" {
		want = refusals{"NoSuchObjectLockConfiguration"}
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var got struct {
		Mode            string
		RetainUntilDate time.Time
	}
	a.parse(x.t, &got)
	if got.Mode != v.mode || stamp(got.RetainUntilDate.Truncate(time.Second)) != stamp(v.until) {
		x.fatal("GetRetention = %+v, want %s until %s", got, v.mode, v.until)
	}
}

func (x *machine) setHold(o op) {
	b, v, q, want := x.about(o, http.MethodPut, "legal-hold", "PutObjectLegalHold")
	q.body = []byte("<LegalHold><Status>" + o.Value + "</Status></LegalHold>")
	if x.agree(q, x.send(q), lockable(b, want)) {
		v.hold = o.Value
	}
}

func (x *machine) getHold(o op) {
	b, v, q, want := x.about(o, http.MethodGet, "legal-hold", "GetObjectLegalHold")
	if want = lockable(b, want); len(want) == 0 && v.hold == "" {
		want = refusals{"NoSuchObjectLockConfiguration"}
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var got struct{ Status string }
	if a.parse(x.t, &got); got.Status != v.hold {
		x.fatal("GetHold = %q, want %q", got.Status, v.hold)
	}
}
