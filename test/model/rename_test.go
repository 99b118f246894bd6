package model_test

import (
	"net/http"
	"net/url"
)

// rename gives an object another name in its bucket, in the place of the one that has
// it (AWS, "RenameObject"; where buckets keep versions, a refusal of ours). It is to
// read and delete the one and to write the other.
func (x *machine) rename(o op) {
	var source *version
	if b := x.buckets[o.Bucket]; b != nil {
		source = b.current(o.FromKey)
	}
	b, want := x.enter(o, "GetObject", o.FromKey, source)
	q := x.request(o, http.MethodPut, "renameObject", "")
	q.header.Set("x-amz-rename-source", url.PathEscape(o.FromKey))
	if who(o.As).account == "" {
		want = append(want, "AccessDenied") // as all copies, it must be signed
	}
	if o.Key == o.FromKey {
		want = append(want, "InvalidRequest")
	}
	stop := want.final()
	if x.guarded(o, q, b) && !stop {
		want = append(want, b.writeRefused(o.Key, o.Match)...)
	}
	if o.FromMatch != "" {
		etag := ""
		if source != nil {
			etag = source.etag
		}
		name, value := conditionHeader(o.FromMatch, etag)
		q.header.Set("x-amz-rename-source-"+name, value)
	}
	if !stop {
		want = append(want, x.renameRefused(o, b, source)...)
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	moved := *source
	moved.modified = x.clock.now
	b.remove(o.FromKey, source.id)
	x.made(o.Bucket, o.Key, &moved, a)
}

// renameRefused is why an object cannot be renamed, but for its new name.
func (x *machine) renameRefused(o op, b *bucket, source *version) (why refusals) {
	if b.versioning != "" {
		why = append(why, "InvalidRequest")
	}
	if !x.may(o.As, "PutObject", o.Bucket, o.Key, nil) || !x.may(o.As, "DeleteObject", o.Bucket, o.FromKey, source) {
		why = append(why, "AccessDenied")
	}
	switch {
	case source == nil:
		why = append(why, x.hidden(o, o.Bucket, o.FromKey, refusals{"NoSuchKey"})...)
	case o.FromMatch == "if-none-match *", o.FromMatch == "if-match other":
		why = append(why, "PreconditionFailed")
	}
	if source != nil && source.tags != "" && (!x.may(o.As, "GetObjectTagging", o.Bucket, o.FromKey, source) ||
		!x.may(o.As, "PutObjectTagging", o.Bucket, o.Key, nil)) {
		why = append(why, "AccessDenied")
	}
	return why
}
