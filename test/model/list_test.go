package model_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// line is what a list shows once: an object, a version, an upload, or the prefix
// that some have in common.
type line struct {
	key  string // by which lists are in order
	text string
}

// rolled is how a key shows in a list: alone, or as what it has in common with
// others up to the delimiter (AWS, "Organizing objects using prefixes").
func rolled(key, prefix, delimiter string) (common string, shared bool) {
	if delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}

// show makes the lines of a list of all that has a prefix.
func show(all []line, prefix, delimiter string) []line {
	var shown []line
	for _, l := range all {
		if !strings.HasPrefix(l.key, prefix) {
			continue
		}
		if common, shared := rolled(l.key, prefix, delimiter); shared {
			l = line{common, "PRE"}
			if slices.Contains(shown, l) {
				continue
			}
		}
		shown = append(shown, l)
	}
	slices.SortStableFunc(shown, func(a, b line) int { return strings.Compare(a.key, b.key) })
	return shown
}

// page is one answer to any kind of list.
type page struct {
	IsTruncated                        bool
	NextContinuationToken, NextMarker  string
	NextKeyMarker, NextVersionIdMarker string
	NextUploadIdMarker                 string
	KeyCount                           int
	Contents                           []struct{ Key, ETag, Size string }
	Entries                            []listedVersion `xml:",any"`
	Upload                             []listedUpload
	CommonPrefixes                     []struct{ Prefix string }
}

type listedUpload struct{ Key, UploadId string }

// listedVersion is a Version or a DeleteMarker, in the order of the document.
type listedVersion struct {
	XMLName                        xml.Name
	Key, VersionId, IsLatest, ETag string
}

// pages asks for a list page by page and compares each with what it should have.
func (x *machine) pages(o op, q ask, all []line, lines func(page) []line, next func(page, []line) map[string]string) {
	want := show(all, o.Prefix, o.Delimiter)
	for n := 0; ; n++ {
		a := x.send(q)
		x.agree(q, a, nil)
		var p page
		a.parse(x.t, &p)
		got := lines(p)
		for _, c := range p.CommonPrefixes {
			got = append(got, line{c.Prefix, "PRE"})
		}
		slices.SortStableFunc(got, func(a, b line) int { return strings.Compare(a.key, b.key) })
		expected := want[:min(o.Max, len(want))]
		want = want[len(expected):]
		if !slices.Equal(got, expected) || p.IsTruncated != (len(want) > 0) {
			x.fatal("page %d of %s = %q, truncated %v, want %q, and %d more", n, o, got, p.IsTruncated, expected, len(want))
		}
		if !p.IsTruncated {
			return
		}
		for name, value := range next(p, got) {
			q.query.Set(name, value)
		}
		q.header = http.Header{}
	}
}

// listed begins a list: all have these parameters, and no one may list but who may.
func (x *machine) listed(o op, action, maximum string, query ...string) (*bucket, ask, bool) {
	b, want := x.enter(o, action, o.Prefix, nil)
	q := x.request(o, http.MethodGet, append(query, "prefix", o.Prefix, "delimiter", o.Delimiter, maximum, fmt.Sprint(o.Max))...)
	if want != nil {
		x.agree(q, x.send(q), want)
	}
	return b, q, want == nil
}

// list is ListObjects, or ListObjectsV2.
func (x *machine) list(o op) {
	var query []string
	if o.Value == "2" {
		query = []string{"list-type", "2"}
	}
	b, q, may := x.listed(o, "ListBucket", "max-keys", query...)
	if !may {
		return
	}
	var all []line
	for _, key := range slices.Sorted(maps.Keys(b.keys)) {
		if v := b.current(key); v != nil {
			all = append(all, line{key, v.etag + fmt.Sprint(" ", len(v.body))})
		}
	}
	x.pages(o, q, all, func(p page) (got []line) {
		for _, c := range p.Contents {
			got = append(got, line{c.Key, strings.Trim(c.ETag, `"`) + " " + c.Size})
		}
		if o.Value == "2" && p.KeyCount != len(p.Contents)+len(p.CommonPrefixes) {
			x.fatal("KeyCount = %d, want %d", p.KeyCount, len(p.Contents)+len(p.CommonPrefixes))
		}
		return got
	}, func(p page, got []line) map[string]string {
		last := got[len(got)-1].key
		switch {
		case o.Value == "2":
			return map[string]string{"continuation-token": p.NextContinuationToken}
		case o.Delimiter != "" && p.NextMarker != last:
			x.fatal("NextMarker = %q, want the last that was shown, %q", p.NextMarker, last)
		}
		return map[string]string{"marker": last}
	})
}

func (x *machine) listVersions(o op) {
	b, q, may := x.listed(o, "ListBucketVersions", "max-keys", "versions", "")
	if !may {
		return
	}
	var all []line
	for _, key := range slices.Sorted(maps.Keys(b.keys)) {
		for i, v := range b.keys[key] {
			all = append(all, line{key, fmt.Sprint(v.id, " ", i == 0, " ", v.etag)})
		}
	}
	x.pages(o, q, all, func(p page) (got []line) {
		for _, v := range p.Entries {
			if v.XMLName.Local == "Version" || v.XMLName.Local == "DeleteMarker" {
				got = append(got, line{v.Key, v.VersionId + " " + v.IsLatest + " " + strings.Trim(v.ETag, `"`)})
			}
		}
		return got
	}, func(p page, _ []line) map[string]string {
		next := map[string]string{"key-marker": p.NextKeyMarker}
		if q.query.Del("version-id-marker"); p.NextVersionIdMarker != "" {
			next["version-id-marker"] = p.NextVersionIdMarker
		}
		return next
	})
}

func (x *machine) listUploads(o op) {
	b, q, may := x.listed(o, "ListBucketMultipartUploads", "max-uploads", "uploads", "")
	if !may {
		return
	}
	var all []line
	for _, u := range b.uploads {
		if !u.ended {
			all = append(all, line{u.key, u.id})
		}
	}
	x.pages(o, q, all, func(p page) (got []line) {
		for _, u := range p.Upload {
			got = append(got, line{u.Key, u.UploadId})
		}
		return got
	}, func(p page, _ []line) map[string]string {
		return map[string]string{"key-marker": p.NextKeyMarker, "upload-id-marker": p.NextUploadIdMarker}
	})
}

// everything compares all that there should be with all that there is.
func (x *machine) everything() {
	for _, name := range slices.Sorted(maps.Keys(x.buckets)) {
		b := x.buckets[name]
		as := keyOf(b.owner)
		x.try((*machine).listVersions, op{Do: "ListVersions", As: as, Bucket: name, Max: 1000})
		x.try((*machine).list, op{Do: "List", As: as, Bucket: name, Max: 1000, Value: "2"})
		x.try((*machine).listUploads, op{Do: "ListUploads", As: as, Bucket: name, Max: 1000})
		for _, key := range slices.Sorted(maps.Keys(b.keys)) {
			for i, v := range b.keys[key] {
				if x.try((*machine).get, op{Do: "Get", As: as, Bucket: name, Key: key, Version: i + 1}); !v.marker {
					x.try((*machine).getTags, op{Do: "GetTags", As: as, Bucket: name, Key: key, Version: i + 1})
				}
			}
		}
		for i, u := range b.uploads {
			if !u.ended {
				x.try((*machine).listParts, op{Do: "ListParts", As: as, Bucket: name, Upload: i + 1})
			}
		}
	}
}
