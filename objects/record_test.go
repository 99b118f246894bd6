package objects

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coffer"
	"coffer/blob"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// A record as it is in memory, and what it is when it is written and read.
type golden struct {
	name   string
	value  any
	bytes  []byte
	decode func([]byte) (any, error)
}

func goldens() []golden {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	sum := coffer.Checksum{Algorithm: coffer.CRC64NVME, Type: coffer.FullObject, Value: "AAAAAAAAAAA="}
	attributes := coffer.Attributes{ContentType: "text/plain", ContentEncoding: "gzip", ContentDisposition: "inline", ContentLanguage: "de",
		CacheControl: "no-cache", Expires: "0", WebsiteRedirect: "/x", StorageClass: "GLACIER", Metadata: map[string]string{"a": "1", "b": "", "c": "x\x00y"}}
	id := bodyID{0x18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	ref := blob.Ref("0a1b-000102030405060708090a0b0c0d0e0f")
	object := coffer.Object{Key: "k", Size: 5, ETag: "5d41402abc4b2a76b9719d911017c592", Modified: at, Attributes: attributes, Checksum: sum}
	rowOf := func(o coffer.Object, b body) row { return row{o, b} }
	empty, parts := object, object
	empty.Size, empty.Attributes = 0, coffer.Attributes{}
	object.Tags = []coffer.Tag{{Key: "b", Value: "1"}, {Key: "a"}}
	object.VersionID = positionOf(at.Add(time.Hour), id)
	parts.Restored = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	object.Lock = coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: at.AddDate(1, 0, 0)}, Hold: coffer.HoldOn}
	parts.Size, parts.Checksum = 1<<50, coffer.Checksum{}
	foreign := object
	foreign.ACL = &coffer.ACL{Owner: coffer.Owner{Account: "222222222222", Canonical: "bb"}, Grants: []coffer.ACLGrant{
		{Grantee: coffer.Grantee{Canonical: "bb"}, Permission: coffer.PermissionFull}, {Grantee: coffer.Grantee{Group: coffer.GroupAll}, Permission: coffer.PermissionRead}}}
	bucket := coffer.Bucket{Name: "bucket", ID: 7, Account: "111111111111", Owner: "aa", Region: "auto", Created: at, Configs: 5, Revision: 3}
	locked := bucket
	locked.Versioning, locked.ObjectLock = coffer.VersioningEnabled, true
	marker := coffer.Object{Key: "k", Modified: at, VersionID: positionOf(at, id), DeleteMarker: true}
	upload := coffer.Upload{Key: "k", ID: "id", Initiated: at, Initiator: "aa", Attributes: attributes, Tags: object.Tags, Lock: object.Lock, Checksum: coffer.Checksum{Algorithm: coffer.SHA1, Type: coffer.Composite}}
	part := partRow{Part: coffer.Part{Number: 3, Size: 5 << 20, ETag: object.ETag, Modified: at, Checksum: sum}, ref: ref, crc64: "AAAAAAAAAAE="}
	pieces := []piece{{number: 1, size: 5 << 20, ref: ref, checksum: coffer.Checksum{Algorithm: coffer.SHA1, Value: "AAAA"}}, {number: 10_000, ref: ref}}
	done := finished{bucket: 7, object: coffer.Object{Key: "k", ETag: object.ETag + "-2", Modified: at, Checksum: sum, VersionID: object.VersionID}}
	row := func(b []byte) (any, error) { return decodeRow("k", b) }
	rules := []coffer.CORSRule{{ID: "r", Origins: []string{"https://*.example", ""}, Methods: []string{"GET", "PUT"}, Headers: []string{"x-*"}, Expose: []string{"ETag"}, MaxAgeSeconds: 0},
		{Origins: []string{"*"}, Methods: []string{"HEAD"}, MaxAgeSeconds: -1}}
	prefix, size, yes := "a/", int64(9), true
	lifecycle := coffer.Lifecycle{TransitionMinimum: coffer.TransitionMinimumAll, Rules: []coffer.LifecycleRule{
		{ID: "r", Enabled: true, Filter: coffer.LifecycleFilter{Form: coffer.LifecycleAnd, Prefix: &prefix, Tags: object.Tags, LargerThan: &size, SmallerThan: &size},
			Expiration: &coffer.LifecycleExpiration{Days: 3}, Noncurrent: &coffer.LifecycleNoncurrent{Days: 4, Keep: 5}, Transitions: []coffer.LifecycleTransition{{Days: 1, Class: "GLACIER"}},
			NoncurrentTransitions: []coffer.LifecycleNoncurrent{{Days: 2, Class: "GLACIER"}}},
		{ID: "s", Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered}, Expiration: &coffer.LifecycleExpiration{DeleteMarkers: &yes}, AbortDays: 7},
		{ID: "t", Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered}, Expiration: &coffer.LifecycleExpiration{Date: at}}}}
	scrub, finding := scrubGoldens()
	progress := lifecycleProgress{began: at, bucket: "bucket", others: true, after: "k", done: true}
	quota := coffer.Quota{Bytes: 1 << 40, Objects: 1000, Buckets: 3, RequestsPerSecond: 50}
	lock := coffer.ObjectLock{Default: coffer.DefaultRetention{Mode: coffer.Compliance, Days: 30}}
	docs, none := "docs/", ""
	website := coffer.Website{RedirectAll: &coffer.WebsiteHost{Name: "a.example", Protocol: "https"}, Index: "index.html", Error: "error.html", Rules: []coffer.WebsiteRule{
		{Prefix: &docs, ErrorCode: 404, Host: coffer.WebsiteHost{Name: "b.example"}, Code: 302, ReplacePrefix: &none}, {ReplaceKey: &docs}}}
	config := func(v any) []byte {
		b, err := encodeConfig(v)
		if err != nil {
			panic(err)
		}
		return b
	}
	return append(append(encryptionGoldens(), eventGoldens()...), []golden{
		{"bucket-cors", rules, config(rules), func(b []byte) (any, error) { return decodeConfigOf[[]coffer.CORSRule](b) }},
		{"bucket-object-lock", lock, config(lock), func(b []byte) (any, error) { return decodeConfigOf[coffer.ObjectLock](b) }},
		{"bucket-website", string(config(website)), config(website), func(b []byte) (any, error) {
			w, err := decodeConfigOf[coffer.Website](b) // pointers differ, what is written again must not
			if err != nil {
				return nil, err
			}
			return string(config(w)), nil
		}},
		{"bucket-payment", coffer.RequesterPays, config(coffer.RequesterPays), func(b []byte) (any, error) { return decodeConfigOf[coffer.Payer](b) }},
		{"bucket-acceleration", coffer.AccelerationSuspended, config(coffer.AccelerationSuspended), func(b []byte) (any, error) { return decodeConfigOf[coffer.Acceleration](b) }},
		{"bucket-tagging", object.Tags, config(object.Tags), func(b []byte) (any, error) { return decodeConfigOf[[]coffer.Tag](b) }},
		{"bucket-lifecycle", string(config(lifecycle)), config(lifecycle), func(b []byte) (any, error) {
			again, err := decodeConfig[coffer.Lifecycle](b)
			return string(config(again)), err
		}},
		{"lifecycle-progress", progress, encodeProgress(progress), func(b []byte) (any, error) { return decodeProgress(b) }},
		{"scrub-progress", scrub, encodeScrub(scrub), func(b []byte) (any, error) { return decodeScrub(b) }},
		{"scrub-finding", finding, encodeScrubFinding(finding), func(b []byte) (any, error) { return decodeScrubFinding(finding.use.key, b) }},
		{"bucket-quota", quota, config(quota), func(b []byte) (any, error) { return decodeConfigOf[coffer.Quota](b) }},
		{"quota", quota, encodeQuota(quota), func(b []byte) (any, error) { return decodeQuota(b) }},
		{"bucket", bucket, encodeBucket(bucket), func(b []byte) (any, error) { return decodeBucket(b) }},
		{"bucket-locked", locked, encodeBucket(locked), func(b []byte) (any, error) { return decodeBucket(b) }},
		{"object-marker", rowOf(marker, body{id: id}), encodeRow(rowOf(marker, body{id: id})), row},
		{"object-empty", rowOf(empty, body{id: id}), encodeRow(rowOf(empty, body{id: id})), row},
		{"object-inline", rowOf(object, body{kind: bodyInline, id: id}), encodeRow(rowOf(object, body{kind: bodyInline, id: id})), row},
		{"object-blob", rowOf(object, body{kind: bodyBlob, id: id, ref: ref}), encodeRow(rowOf(object, body{kind: bodyBlob, id: id, ref: ref})), row},
		{"object-manifest", rowOf(parts, body{kind: bodyManifest, id: id, pages: 2, count: 501}), encodeRow(rowOf(parts, body{kind: bodyManifest, id: id, pages: 2, count: 501})), row},
		{"object-acl", rowOf(foreign, body{kind: bodyInline, id: id}), encodeRow(rowOf(foreign, body{kind: bodyInline, id: id})), row},
		{"bucket-acl", *foreign.ACL, config(foreign.ACL), func(b []byte) (any, error) { return decodeConfigOf[coffer.ACL](b) }},
		{"manifest", pieces, encodeManifest(pieces), func(b []byte) (any, error) { return decodeManifest(nil, b) }},
		{"upload", uploadRow{Upload: upload}, encodeUpload(uploadRow{Upload: upload}), func(b []byte) (any, error) { return decodeUpload("k", "id", b) }},
		{"upload-counted", uploadRow{upload, true}, encodeUpload(uploadRow{upload, true}), func(b []byte) (any, error) { return decodeUpload("k", "id", b) }},
		{"part", part, encodePart(part), func(b []byte) (any, error) { return decodePart(3, b) }},
		{"finished", done, encodeFinished(done), func(b []byte) (any, error) { return decodeFinished(b) }},
	}...)
}

// decodeConfigOf is decodeConfig by value.
func decodeConfigOf[T any](b []byte) (any, error) {
	v, err := decodeConfig[T](b)
	if err != nil {
		return nil, err
	}
	return *v, nil
}

// TestGoldenRecords holds the form on disk: what an earlier version wrote is read,
// and what is written is what it wrote.
func TestGoldenRecords(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			file := filepath.Join("testdata", g.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(hex.Dump(g.bytes)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.Dump(g.bytes); got != string(want) {
				t.Errorf("the record is\n%swant\n%s", got, want)
			}
			if got, err := g.decode(g.bytes); err != nil || !equal(got, g.value) {
				t.Errorf("it reads back as %+v, %v, want %+v", got, err, g.value)
			}
		})
	}
}

// TestKeysStayAsTheyAre holds the keys on disk.
func TestKeysStayAsTheyAre(t *testing.T) {
	id := bodyID{0x18, 15: 0xff}
	at := time.Unix(1, 2)
	for _, tt := range []struct {
		name string
		key  []byte
		want string
	}{
		{"Bucket", bucketKey("abc"), "babc"},
		{"AccountBucket", accountBucketKey("111111111111", "abc"), "l111111111111\x00abc"},
		{"Sequence", bucketSequence, "ibucket-sequence"},
		{"CountObjects", countKey(7, countObjects), "n\x00\x00\x00\x00\x00\x00\x00\x07o"},
		{"CountBytes", countKey(7, countBytes), "n\x00\x00\x00\x00\x00\x00\x00\x07b"},
		{"CountParts", countKey(7, countParts), "n\x00\x00\x00\x00\x00\x00\x00\x07p"},
		{"AccountQuota", accountQuotaKey("111111111111"), "Q111111111111\x00q"},
		{"KeyQuota", keyQuotaKey("111111111111", "key_a"), "Q111111111111\x00kkey_a"},
		{"AccountBytes", accountCountKey("111111111111", countBytes), "Q111111111111\x00nb"},
		{"BucketQuota", configKey(7, configQuota), "q\x00\x00\x00\x00\x00\x00\x00\x07q"},
		{"LifecycleProgress", lifecycleKey, "ilifecycle"},
		{"BucketLifecycle", configKey(7, configLifecycle), "q\x00\x00\x00\x00\x00\x00\x00\x07l"},
		{"BucketTagging", configKey(7, configTagging), "q\x00\x00\x00\x00\x00\x00\x00\x07t"},
		{"BucketCORS", configKey(7, configCORS), "q\x00\x00\x00\x00\x00\x00\x00\x07c"},
		{"Object", objectKey(7, "a/b"), "o\x00\x00\x00\x00\x00\x00\x00\x07a/b"},
		{"Version", versionKey(7, "a/b", positionOf(at, id)), "v\x00\x00\x00\x00\x00\x00\x00\x07a/b\x00" + positionOf(at, id)},
		{"NullVersion", nullVersionKey(7, "a/b"), "N\x00\x00\x00\x00\x00\x00\x00\x07a/b"},
		{"Data", dataKey(id), "d\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"},
		{"Refs", refsKey(id), "r\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"},
		{"Manifest", manifestKey(id, 258), "m\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\x00\x00\x01\x02"},
		{"Upload", uploadKey(7, "a", "id"), "u\x00\x00\x00\x00\x00\x00\x00\x07a\x00id"},
		{"Part", partKey("id", 10_000), "pid\x00\x27\x10"},
		{"Finished", finishedKey("id"), "fid"},
		{"BlobOwner", blobOwnerKey("0a1b-00"), "w0a1b-00"},
		{"Garbage", garbageKey(at, "0a1b-00"), "g\x00\x00\x00\x00\x3b\x9a\xca\x020a1b-00"},
		{"GarbageBefore1970", garbageKey(time.Unix(-1, 0), "0a1b-00"), "g\x00\x00\x00\x00\x00\x00\x00\x000a1b-00"},
	} {
		if string(tt.key) != tt.want {
			t.Errorf("%s: the key is %q, want %q", tt.name, tt.key, tt.want)
		}
	}
}

// TestDamagedRecordsAreRefused cuts each record anywhere, gives it another version,
// and adds a field that this version does not know.
func TestDamagedRecordsAreRefused(t *testing.T) {
	for _, g := range goldens() {
		last := g.value
		for n := range g.bytes {
			if got, err := g.decode(g.bytes[:n]); err == nil && equal(got, last) {
				t.Errorf("%s: cut to %d of %d bytes it reads as if it were whole", g.name, n, len(g.bytes))
			}
		}
		for name, b := range map[string][]byte{
			"Empty":        nil,
			"VersionZero":  append([]byte{0}, g.bytes[1:]...),
			"OtherVersion": append([]byte{9}, g.bytes[1:]...),
			"UnknownField": append(bytes.Clone(g.bytes), 0xa2, 0x06, 1, 'x'),
			"OtherType":    append(bytes.Clone(g.bytes), 0x0d, 0, 0, 0, 0),
		} {
			if got, err := g.decode(b); err == nil {
				t.Errorf("%s: %s reads as %+v", g.name, name, got)
			}
		}
	}
	id, ref := bodyID{1}, blob.Ref("0a1b-00")
	for _, o := range []row{
		{coffer.Object{ETag: "x", Size: -1}, body{kind: bodyInline, id: id}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyEmpty, id: id}},
		{coffer.Object{ETag: "x"}, body{kind: bodyInline, id: id}},
		{coffer.Object{ETag: "x", Size: inlineLimit + 1}, body{kind: bodyInline, id: id}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyInline}},
		{coffer.Object{Size: 1}, body{kind: bodyInline, id: id}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyBlob, id: id}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyBlob, id: id, ref: "../x"}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyManifest, id: id, count: 1}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyManifest, id: id, pages: 21, count: 1}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: bodyManifest, id: id, pages: 1}},
		{coffer.Object{ETag: "x", Size: 1}, body{kind: 4, id: id, ref: ref}},
	} {
		if got, err := decodeRow("k", encodeRow(o)); err == nil {
			t.Errorf("%+v reads as an object", got)
		}
	}
	if got, err := decodeManifest(nil, encodeManifest([]piece{{size: 1, ref: ref}})); err == nil {
		t.Errorf("%+v reads as a manifest", got)
	}
}

// TestAnyObjectReadsBack holds for rows of all kinds, and that a list shows the
// same of them.
func TestAnyObjectReadsBack(t *testing.T) {
	text := rapid.StringN(0, 20, 40)
	rapid.Check(t, func(t *rapid.T) {
		o := row{Object: coffer.Object{Key: "k", Size: rapid.Int64Range(1, inlineLimit).Draw(t, "size"), ETag: "x" + text.Draw(t, "etag"),
			Modified: time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "modified")).UTC(),
			Checksum: coffer.Checksum{Algorithm: rapid.SampledFrom(coffer.ChecksumAlgorithms[:]).Draw(t, "algorithm"),
				Type: rapid.SampledFrom([]coffer.ChecksumType{"", coffer.Composite, coffer.FullObject}).Draw(t, "type"), Value: text.Draw(t, "value")},
			Attributes: coffer.Attributes{ContentType: text.Draw(t, "content type"), StorageClass: text.Draw(t, "class"), Expires: text.Draw(t, "expires"),
				CacheControl: text.Draw(t, "cache control")}},
			body: body{kind: bodyInline, id: bodyID(append([]byte{1}, rapid.SliceOfN(rapid.Byte(), 15, 15).Draw(t, "id")...))}}
		if m := rapid.MapOfN(text.Filter(func(s string) bool { return !strings.Contains(s, "\x00") }), text, 0, 4).Draw(t, "metadata"); len(m) > 0 {
			o.Attributes.Metadata = m
		}
		for range rapid.IntRange(0, 3).Draw(t, "tags") {
			o.Tags = append(o.Tags, coffer.Tag{Key: rapid.StringMatching("[a-z]{0,4}").Draw(t, "tag"), Value: text.Draw(t, "tag value")})
		}
		if rapid.Bool().Draw(t, "restored") {
			o.Restored = time.Unix(1<<31, 0).UTC()
		}
		got, err := decodeRow("k", encodeRow(o))
		if err != nil || !equal(got, o) {
			t.Fatalf("%+v reads back as %+v, %v", o, got, err)
		}
		o.Tags = nil
		o.Checksum.Value, o.Attributes = "", coffer.Attributes{StorageClass: o.Attributes.StorageClass}
		if listed, err := decodeListed("k", encodeRow(got)); err != nil || !equal(listed, o.Object) {
			t.Fatalf("%+v is listed as %+v, %v", o.Object, listed, err)
		}
	})
}

// FuzzDecode holds that no bytes make a decoder panic, and that what it takes it
// writes again in the same way.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens() {
		f.Add(g.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := decodeRow("k", b); err == nil {
			if again, err := decodeRow("k", encodeRow(o)); err != nil || !equal(again, o) {
				t.Errorf("%+v reads back as %+v, %v", o, again, err)
			}
		}
		if p, err := decodeManifest(nil, b); err == nil {
			if again, err := decodeManifest(nil, encodeManifest(p)); err != nil || !equal(again, p) {
				t.Errorf("%+v reads back as %+v, %v", p, again, err)
			}
		}
		for _, g := range goldens() {
			_, _ = g.decode(b)
		}
		_, _ = decodeListed("k", b)
		_, _, _ = splitUploadKey(b)
	})
}
