package model_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// createUpload begins an upload.
func (x *machine) createUpload(o op) {
	b, want := x.enter(o, "PutObject", o.Key, nil)
	q := x.request(o, http.MethodPost, "uploads", "")
	v := &version{}
	x.aboutNew(o, q, b, v, &want)
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var result struct{ UploadId string }
	a.parse(x.t, &result)
	for _, u := range b.uploads {
		if u.id == result.UploadId {
			x.fatal("upload %q came twice", u.id)
		}
	}
	b.uploads = append(b.uploads, &upload{began: x.clock.now, id: result.UploadId, key: o.Key, as: o.As, tags: o.Tags, mode: v.mode, until: v.until, hold: v.hold, owner: v.owner,
		parts: map[int][]byte{}})
}

// upload finds what an operation is about, as all of them do, and why not.
func (x *machine) upload(o op, action string) (b *bucket, u *upload, want refusals) {
	b = x.buckets[o.Bucket]
	u = &upload{id: strings.Repeat("0", 48), key: "a", ended: true} // one that never was
	if b != nil && len(b.uploads) > 0 && o.Upload > 0 {
		u = b.uploads[len(b.uploads)-1-(o.Upload-1)%len(b.uploads)]
	}
	if _, want = x.enter(o, action, u.key, nil); want == nil && u.ended {
		want = refusals{"NoSuchUpload"}
	}
	if b != nil && x.began(o, b, u, action) {
		want = nil
	}
	return b, u, want
}

// began tells whether an actor may do an action to an upload because it began it (AWS,
// "Multipart upload API and permissions").
func (x *machine) began(o op, b *bucket, u *upload, action string) bool {
	a := who(o.As)
	if u.ended || a.account == "" || a.account == b.owner || a.account != who(u.as).account ||
		action != "AbortMultipartUpload" && action != "ListMultipartUploadParts" || !a.scopeLets(action, o.Bucket, u.key) {
		return false
	}
	_, denied := b.says(a, action, u.key)
	return !denied
}

// ofUpload is the request of an operation on an upload.
func (x *machine) ofUpload(o op, u *upload, method string, query ...string) ask {
	o.Key = u.key
	return x.request(o, method, append(query, "uploadId", u.id)...)
}

func (x *machine) uploadPart(o op) {
	_, u, want := x.upload(o, "PutObject")
	q := x.ofUpload(o, u, http.MethodPut, "partNumber", fmt.Sprint(o.Part))
	q.body = o.body()
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	if u.parts[o.Part] = q.body; a.etag() != etagOf(q.body) {
		x.fatal("UploadPart says ETag %s, want %s", a.etag(), etagOf(q.body))
	}
}

// copyPart makes a part of an object, or of a range of it.
func (x *machine) copyPart(o op) {
	_, u, want := x.upload(o, "PutObject")
	q := x.ofUpload(o, u, http.MethodPut, "partNumber", fmt.Sprint(o.Part))
	source, path, why := x.source(o, q)
	q.header.Set("x-amz-copy-source", path)
	want = append(want, why...)
	var part []byte
	if source != nil {
		part = source.body
	}
	if o.Range != "" {
		q.header.Set("x-amz-copy-source-range", o.Range)
		var first, last int
		switch n, _ := fmt.Sscanf(o.Range, "bytes=%d-%d", &first, &last); {
		case n != 2 || first < 0:
			want = append(want, "InvalidArgument") // both ends are needed, whoever asks
		case len(part) <= last:
			if !why.final() {
				// "You can copy a range only if the source object is greater than 5 MB", and
				// what is outside of it is one error or the other.
				want = append(want, "InvalidRange", "InvalidArgument", "InvalidRequest")
			}
		default:
			part = part[first : last+1]
		}
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var result struct{ ETag string }
	a.parse(x.t, &result)
	if u.parts[o.Part] = part; strings.Trim(result.ETag, `"`) != etagOf(part) {
		x.fatal("CopyPart says ETag %s, want %s", result.ETag, etagOf(part))
	}
}

// complete makes an object of the parts that are listed.
func (x *machine) complete(o op) {
	b, u, want := x.upload(o, "PutObject")
	if u.done != nil {
		o.Parts, o.Match = u.listed, "" // the same once more
	}
	var list strings.Builder
	v := &version{tags: u.tags, mode: u.mode, until: u.until, hold: u.hold, owner: u.owner, kind: "binary/octet-stream"}
	var sums []byte
	for i, n := range o.Parts {
		part, there := u.parts[n]
		sum := md5.Sum(part)
		sums = append(sums, sum[:]...)
		v.body = append(v.body, part...)
		fmt.Fprintf(&list, `<Part><PartNumber>%d</PartNumber><ETag>"%x"</ETag></Part>`, n, sum)
		switch {
		case i > 0 && n <= o.Parts[i-1]:
			want = append(want, "InvalidPartOrder") // which can be seen before anything is looked up
		case want.final() || u.ended:
		case !there:
			want = append(want, "InvalidPart")
		case i < len(o.Parts)-1 && len(part) < partMin:
			want = append(want, "EntityTooSmall")
		}
	}
	sum := md5.Sum(sums)
	v.etag = fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), len(o.Parts))
	o.Key = u.key
	q := x.ofUpload(o, u, http.MethodPost)
	q.body = []byte("<CompleteMultipartUpload>" + list.String() + "</CompleteMultipartUpload>")
	if x.guarded(o, q, b) && !u.ended && !want.final() {
		refused := b.writeRefused(o.Key, o.Match)
		if v, _ := b.find(o.Key, 0); refused == nil && o.Match != "" && v != nil && (v.modified.IsZero() || !v.modified.Before(u.began)) {
			// The object, or the delete marker in its place, may be younger than the upload.
			if refused = append(refused, "ConditionalRequestConflict"); len(want) == 0 {
				refused = append(refused, ok)
			}
		}
		want = append(want, refused...)
	}
	if u.done != nil && !want.final() {
		want = refusals{"NoSuchUpload", ok} // it may be forgotten after a while
	}
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var result struct{ ETag string }
	if a.parse(x.t, &result); strings.Trim(result.ETag, `"`) != v.etag {
		x.fatal("Complete says ETag %s, want %s", result.ETag, v.etag)
	}
	if u.done == nil {
		x.made(o.Bucket, u.key, v, a)
		u.done, u.listed, u.ended = v, o.Parts, true
	} else if said := a.version(); said != "" && said != u.done.id {
		x.fatal("Complete again names version %q, want %q", said, u.done.id)
	}
}

func (x *machine) abort(o op) {
	_, u, want := x.upload(o, "AbortMultipartUpload")
	q := x.ofUpload(o, u, http.MethodDelete)
	if x.agree(q, x.send(q), want) {
		u.ended = true
	}
}

func (x *machine) listParts(o op) {
	_, u, want := x.upload(o, "ListMultipartUploadParts")
	q := x.ofUpload(o, u, http.MethodGet)
	a := x.send(q)
	if !x.agree(q, a, want) {
		return
	}
	var page struct {
		Part []struct {
			PartNumber, Size int
			ETag             string
		}
	}
	a.parse(x.t, &page)
	var got, all []string
	for _, p := range page.Part {
		got = append(got, fmt.Sprint(p.PartNumber, " ", p.Size, " ", strings.Trim(p.ETag, `"`)))
	}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		all = append(all, fmt.Sprint(n, " ", len(u.parts[n]), " ", etagOf(u.parts[n])))
	}
	if !slices.Equal(got, all) {
		x.fatal("ListParts = %q, want %q", got, all)
	}
}
