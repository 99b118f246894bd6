package objects

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

func TestMultipartChecksumsAreThoseOfTheBytes(t *testing.T) {
	w := newWorld(t)
	parts := [][]byte{content(1, 2500), content(2, 10), content(3, 3000), content(4, 1)}
	whole := bytes.Join(parts, nil)
	var md5s []byte
	for _, b := range parts {
		sum := md5.Sum(b)
		md5s = append(md5s, sum[:]...)
	}
	sum := md5.Sum(md5s)
	etag := hex.EncodeToString(sum[:]) + "-4"
	composite := func(a coffer.ChecksumAlgorithm) string {
		var sums []byte
		for _, b := range parts {
			raw, _ := base64.StdEncoding.DecodeString(base64Of(a, b))
			sums = append(sums, raw...)
		}
		return base64Of(a, sums) + "-4"
	}
	for _, tt := range []struct {
		alg   coffer.ChecksumAlgorithm
		kind  coffer.ChecksumType
		want  coffer.ChecksumType // "" if the pair is refused
		value string
	}{
		{"", "", coffer.FullObject, base64Of(coffer.CRC64NVME, whole)},
		{coffer.CRC32, "", coffer.Composite, composite(coffer.CRC32)},
		{coffer.CRC32, coffer.Composite, coffer.Composite, composite(coffer.CRC32)},
		{coffer.CRC32, coffer.FullObject, coffer.FullObject, base64Of(coffer.CRC32, whole)},
		{coffer.CRC32C, coffer.Composite, coffer.Composite, composite(coffer.CRC32C)},
		{coffer.CRC32C, coffer.FullObject, coffer.FullObject, base64Of(coffer.CRC32C, whole)},
		{coffer.CRC64NVME, "", coffer.FullObject, base64Of(coffer.CRC64NVME, whole)},
		{coffer.CRC64NVME, coffer.FullObject, coffer.FullObject, base64Of(coffer.CRC64NVME, whole)},
		{coffer.SHA1, "", coffer.Composite, composite(coffer.SHA1)},
		{coffer.SHA256, coffer.Composite, coffer.Composite, composite(coffer.SHA256)},
		{coffer.MD5, "", coffer.Composite, composite(coffer.MD5)},
		{coffer.SHA512, coffer.Composite, coffer.Composite, composite(coffer.SHA512)},
		{coffer.XXHASH128, "", coffer.Composite, composite(coffer.XXHASH128)},
		{coffer.XXHASH3, "", coffer.Composite, composite(coffer.XXHASH3)},
		{coffer.XXHASH64, coffer.Composite, coffer.Composite, composite(coffer.XXHASH64)},
		{coffer.CRC64NVME, coffer.Composite, "", ""},
		{coffer.MD5, coffer.FullObject, "", ""},
		{coffer.SHA512, coffer.FullObject, "", ""},
		{coffer.XXHASH128, coffer.FullObject, "", ""},
		{coffer.XXHASH3, coffer.FullObject, "", ""},
		{coffer.XXHASH64, coffer.FullObject, "", ""},
		{coffer.SHA1, coffer.FullObject, "", ""},
		{coffer.SHA256, coffer.FullObject, "", ""},
		{"", coffer.FullObject, "", ""},
	} {
		begun := coffer.Checksum{Algorithm: tt.alg, Type: tt.kind}
		if tt.want == "" {
			_, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "k", Checksum: begun})
			wantCode(t, fmt.Sprint("CreateUpload with ", begun), err, coffer.InvalidRequest)
			continue
		}
		id, list := w.upload(t, "k", begun, parts...)
		in := CompleteInput{Bucket: "bucket", Key: "k", Upload: id, Parts: list, Size: int64(len(whole)),
			Checksum: coffer.Checksum{Algorithm: tt.alg, Type: tt.kind, Value: tt.value}}
		in.Checksum.Value = base64Of(coffer.CRC32, []byte("wrong"))
		if tt.alg != "" {
			_, err := w.alice.Complete(t.Context(), in)
			wantCode(t, fmt.Sprint(begun, ": Complete with a wrong checksum"), err, coffer.BadDigest)
		}
		in.Checksum.Value = tt.value
		o, err := w.alice.Complete(t.Context(), in)
		alg := tt.alg
		if alg == "" {
			alg = coffer.CRC64NVME
		}
		if want := (coffer.Checksum{Algorithm: alg, Type: tt.want, Value: tt.value}); err != nil || o.Checksum != want || o.ETag != etag {
			t.Errorf("%v: Complete = %+v, %v, want the ETag %s and %+v", begun, o, err, etag, want)
		}
		if c := w.check(t, "k", whole); c.PartsCount != 4 || c.Checksum != o.Checksum {
			t.Errorf("%v: Get = %+v", begun, c.Object)
		}
	}
	w.audit(t, false)
	w.reclaim(t)
	w.audit(t, true)
}

// TestJoinedChecksums splits random bytes anywhere.
func TestJoinedChecksums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := content(rapid.Uint64Range(0, 9).Draw(t, "seed"), rapid.IntRange(0, 5000).Draw(t, "size"))
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(b)), 0, 5).Draw(t, "cuts")
		slices.Sort(cuts)
		for _, alg := range []coffer.ChecksumAlgorithm{coffer.CRC32, coffer.CRC32C, coffer.CRC64NVME} {
			j, at := newJoiner(alg), 0
			for _, cut := range append(slices.Clone(cuts), len(b)) {
				if err := j.add(base64Of(alg, b[at:cut]), int64(cut-at)); err != nil {
					t.Fatal(err)
				}
				at = cut
			}
			if got, want := j.value(), base64Of(alg, b); got != want {
				t.Fatalf("%s of %d bytes cut at %v = %s, want %s", alg, len(b), cuts, got, want)
			}
		}
	})
	if err := newJoiner(coffer.CRC32).add(base64Of(coffer.SHA1, nil), 0); err == nil {
		t.Error("a SHA1 is taken for a CRC32")
	}
}

// An upload that was begun without an algorithm has a CRC64NVME of the whole,
// whatever its parts were sent with (AWS, "Checking object integrity for data
// uploads").
func TestUploadsWithoutAnAlgorithmHaveAChecksumOfTheWhole(t *testing.T) {
	w := newWorld(t)
	id, list := w.upload(t, "k", coffer.Checksum{}, content(1, 20))
	second := content(2, 20)
	p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: 2, Body: bytes.NewReader(second), Size: 20,
		Digests: Digests{Checksum: coffer.Checksum{Algorithm: coffer.CRC32, Value: base64Of(coffer.CRC32, second)}}})
	if err != nil || p.Checksum.Algorithm != coffer.CRC32 {
		t.Fatalf("PutPart with a CRC32 = %+v, %v, want it with its CRC32", p, err)
	}
	o := w.complete(t, "k", id, append(list, p))
	want := coffer.Checksum{Algorithm: coffer.CRC64NVME, Type: coffer.FullObject, Value: base64Of(coffer.CRC64NVME, append(content(1, 20), second...))}
	if o.Checksum != want {
		t.Errorf("Complete = %+v, want the checksum %+v", o.Checksum, want)
	}
}

func TestCompleteRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := w.alice.CreateBucket(t.Context(), "other", "auto"); err != nil {
		t.Fatal(err)
	}
	id, list := w.upload(t, "k", coffer.Checksum{Algorithm: coffer.CRC32}, content(1, 20), content(2, 9), content(3, 20))
	wrong := func(change func(p *coffer.Part)) []coffer.Part {
		p := slices.Clone(list[:1])
		change(&p[0])
		return p
	}
	for _, tt := range []struct {
		name string
		in   CompleteInput
		want coffer.Code
	}{
		{"NoParts", CompleteInput{}, coffer.InvalidRequest},
		{"Unordered", CompleteInput{Parts: []coffer.Part{list[2], list[0]}}, coffer.InvalidPartOrder},
		{"Twice", CompleteInput{Parts: []coffer.Part{list[0], list[0]}}, coffer.InvalidPartOrder},
		{"NumberZero", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.Number = 0 })}, coffer.InvalidArgument},
		{"NumberTooHigh", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.Number = 10_001 })}, coffer.InvalidArgument},
		{"NeverSent", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.Number = 4 })}, coffer.InvalidPart},
		{"OtherETag", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.ETag = list[1].ETag })}, coffer.InvalidPart},
		{"OtherChecksum", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.Checksum.Value = list[1].Checksum.Value })}, coffer.InvalidPart},
		{"OtherAlgorithm", CompleteInput{Parts: wrong(func(p *coffer.Part) { p.Checksum.Algorithm = coffer.CRC32C })}, coffer.BadDigest},
		{"SmallInTheMiddle", CompleteInput{Parts: list}, coffer.EntityTooSmall},
		{"OtherSize", CompleteInput{Parts: list[:1], Size: 21}, coffer.InvalidRequest},
		{"OtherType", CompleteInput{Parts: list[:1], Checksum: coffer.Checksum{Type: coffer.FullObject}}, coffer.InvalidRequest},
		{"OtherAlgorithmOfTheWhole", CompleteInput{Parts: list[:1], Checksum: coffer.Checksum{Algorithm: coffer.SHA1, Value: base64Of(coffer.SHA1, nil)}}, coffer.InvalidRequest},
		{"OtherKey", CompleteInput{Key: "other", Parts: list[:1]}, coffer.NoSuchUpload},
		{"OtherBucket", CompleteInput{Bucket: "other", Parts: list[:1]}, coffer.NoSuchUpload},
		{"NoSuchBucket", CompleteInput{Bucket: "none", Parts: list[:1]}, coffer.NoSuchBucket},
		{"NoSuchUpload", CompleteInput{Upload: coffer.UploadID(strings.Repeat("0", uploadIDLen)), Parts: list[:1]}, coffer.NoSuchUpload},
		{"UploadWithNUL", CompleteInput{Upload: id[:uploadIDLen-1] + "\x00", Parts: list[:1]}, coffer.NoSuchUpload},
		{"VeryLongUpload", CompleteInput{Upload: coffer.UploadID(strings.Repeat("0", 5000)), Parts: list[:1]}, coffer.NoSuchUpload},
	} {
		if tt.in.Size == 0 {
			tt.in.Size = -1
		}
		if tt.in.Bucket == "" {
			tt.in.Bucket = "bucket"
		}
		if tt.in.Key == "" {
			tt.in.Key = "k"
		}
		if tt.in.Upload == "" {
			tt.in.Upload = id
		}
		_, err := w.alice.Complete(t.Context(), tt.in)
		wantCode(t, tt.name, err, tt.want)
	}
	w.audit(t, true)
	// After all of that, the upload is as it was; what is not listed is garbage.
	o := w.complete(t, "k", id, []coffer.Part{list[0], list[2]})
	whole := append(content(1, 20), content(3, 20)...)
	w.check(t, "k", whole)

	// Asked again it answers the same, though the object is gone by now; under
	// another name or for other parts it does not.
	w.remove(t, "k")
	made := []coffer.Part{list[0], list[2]}
	again := w.complete(t, "k", id, made)
	if again.ETag != o.ETag || again.Checksum != o.Checksum {
		t.Errorf("Complete again = %+v, want %+v", again, o)
	}
	for _, in := range []CompleteInput{
		{Bucket: "bucket", Key: "x", Parts: made},
		{Bucket: "other", Key: "k", Parts: made},
		{Bucket: "bucket", Key: "k", Parts: made[:1]},
		{Bucket: "bucket", Key: "k", Parts: list},
		{Bucket: "bucket", Key: "k", Parts: []coffer.Part{{Number: 1, ETag: "no tag"}}},
		{Bucket: "bucket", Key: "k"},
	} {
		in.Upload, in.Size = id, -1
		_, err := w.alice.Complete(t.Context(), in)
		wantCode(t, fmt.Sprintf("Complete again of %s/%s with %d parts", in.Bucket, in.Key, len(in.Parts)), err, coffer.NoSuchUpload)
	}
	_, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: 1, Body: bytes.NewReader(nil), Size: 0})
	wantCode(t, "PutPart after Complete", err, coffer.NoSuchUpload)
	w.reclaim(t)
	w.audit(t, true)
}

func TestPartsAreReplacedAndListedAndAborted(t *testing.T) {
	w := newWorld(t)
	id, _ := w.upload(t, "k", coffer.Checksum{})
	for _, n := range []int{10_000, 3, 1, 256, 255} {
		w.putPart(t, "k", id, n, content(uint64(n), 50))
	}
	w.putPart(t, "k", id, 3, content(1, 60))
	for _, n := range []int{0, -1, 10_001} {
		_, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: n, Body: bytes.NewReader(nil)})
		wantCode(t, fmt.Sprintf("PutPart %d", n), err, coffer.InvalidArgument)
	}
	var numbers []int
	after, pages := 0, 0
	for {
		page, err := w.alice.ListParts(t.Context(), "bucket", "k", id, after, 2)
		if err != nil || page.Upload.ID != id {
			t.Fatalf("ListParts = %+v, %v", page, err)
		}
		for _, p := range page.Parts {
			numbers = append(numbers, p.Number)
			if p.Number == 3 && p.ETag != etagOf(content(1, 60)) {
				t.Errorf("part 3 is %+v, want the second that was put", p)
			}
		}
		if pages++; page.Next == 0 {
			break
		}
		after = page.Next
	}
	if !slices.Equal(numbers, []int{1, 3, 255, 256, 10_000}) || pages != 3 {
		t.Errorf("ListParts gives %v in %d pages", numbers, pages)
	}
	for _, at := range []int{10_000, 1 << 40, -5} {
		if page, err := w.alice.ListParts(t.Context(), "bucket", "k", id, at, 10); err != nil || (len(page.Parts) == 0) != (at > 0) {
			t.Errorf("ListParts after %d = %v, %v", at, page.Parts, err)
		}
	}
	if page, err := w.alice.ListParts(t.Context(), "bucket", "k", id, 0, 0); err != nil || page.Next != 0 || len(page.Parts) != 0 {
		t.Errorf("ListParts of none = %+v, %v", page, err)
	}
	if done := w.reclaim(t); done.Garbage != 1 {
		t.Errorf("reclaim = %+v, want the replaced part", done)
	}
	w.audit(t, true)
	wantCode(t, "Abort of another key", w.alice.Abort(t.Context(), "bucket", "x", id), coffer.NoSuchUpload)
	if err := w.alice.Abort(t.Context(), "bucket", "k", id); err != nil {
		t.Errorf("Abort = %v", err)
	}
	wantCode(t, "Abort again", w.alice.Abort(t.Context(), "bucket", "k", id), coffer.NoSuchUpload)
	w.reclaim(t)
	w.audit(t, true)
}

// TestTheLargestUploadFitsInATransaction writes the records of 10,000 parts
// without their bytes.
func TestTheLargestUploadFitsInATransaction(t *testing.T) {
	w := newWorld(t)
	var list []coffer.Part
	begin := func() coffer.UploadID {
		id, _ := w.upload(t, strings.Repeat("k", coffer.ObjectKeyMax), coffer.Checksum{Algorithm: coffer.SHA256})
		list = list[:0]
		err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
			for n := 1; n <= coffer.PartNumberMax; n++ {
				p := partRow{ref: blob.Ref(fmt.Sprintf("%s-%059d", "abcd", n)), Part: coffer.Part{Number: n, Size: coffer.PartSizeMax,
					ETag: etagOf(nil), Checksum: coffer.Checksum{Algorithm: coffer.SHA256, Type: coffer.FullObject, Value: base64Of(coffer.SHA256, nil)}}}
				list = append(list, p.Part)
				if err := tx.Set(partKey(id, n), encodePart(p)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	key := strings.Repeat("k", coffer.ObjectKeyMax)
	// The second Complete replaces an object of as many parts; only half of its own are kept.
	for _, keep := range []int{2, 1} {
		id := begin()
		kept := slices.DeleteFunc(slices.Clone(list), func(p coffer.Part) bool { return p.Number%keep != 0 })
		if o := w.complete(t, key, id, kept); o.Size != int64(len(kept))*coffer.PartSizeMax {
			t.Errorf("Complete of %d parts has %d bytes", len(kept), o.Size)
		}
		t.Logf("Complete of %d parts among 10000 writes %d bytes", len(kept), w.store.bytes)
		if w.store.bytes > meta.TxBytesMax/16 {
			t.Errorf("Complete writes %d bytes, the limit is %d", w.store.bytes, meta.TxBytesMax)
		}
	}
	c, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: key, PartNumber: 10_000})
	if err != nil || c.Offset != 9999*coffer.PartSizeMax || c.PartChecksum != base64Of(coffer.SHA256, nil) {
		t.Errorf("Head of the last part = %v, want it at %d", err, 9999*coffer.PartSizeMax)
	}
	if err := w.alice.Abort(t.Context(), "bucket", key, begin()); err != nil {
		t.Errorf("Abort = %v", err)
	}
	t.Logf("Abort of 10000 parts writes %d bytes", w.store.bytes)
	if w.store.bytes > meta.TxBytesMax/16 {
		t.Errorf("Abort writes %d bytes, the limit is %d", w.store.bytes, meta.TxBytesMax)
	}
}

// A copy has no parts for a client, so its checksum is of all its bytes, whatever
// that of its source was made of (AWS, "CopyObject" and "Checking object integrity").
func TestCopiesHaveChecksumsOfTheWhole(t *testing.T) {
	w := newWorld(t)
	w.KMS = testKMS(t)
	parts := [][]byte{content(1, 2500), content(2, 10), content(3, 3000)}
	whole := bytes.Join(parts, nil)
	for _, alg := range coffer.ChecksumAlgorithms {
		id, list := w.upload(t, "k", coffer.Checksum{Algorithm: alg}, parts...)
		w.complete(t, "k", id, list)
		for _, in := range []CopyInput{{}, {Checksum: alg}, {Checksum: coffer.SHA1}, {Checksum: coffer.CRC32}, {Encryption: Encrypting{Kind: coffer.SSEKMS}}} {
			in.Bucket, in.Key, in.SourceBucket, in.SourceKey = "bucket", "copy", "bucket", "k"
			want := coffer.Checksum{Algorithm: cmp.Or(in.Checksum, alg), Type: coffer.FullObject}
			want.Value = base64Of(want.Algorithm, whole)
			o, err := w.alice.Copy(t.Context(), in)
			if err != nil || o.Checksum != want {
				t.Errorf("Copy(of %s, to %q) = %+v, %v, want %+v", alg, in.Checksum, o.Checksum, err, want)
			}
			if isMD5 := o.ETag == etagOf(whole); isMD5 != (in.Encryption.Kind == coffer.NotEncrypted) || len(o.ETag) != len(etagOf(whole)) {
				t.Errorf("Copy(of %s, %v) has the ETag %s", alg, in.Encryption.Kind, o.ETag)
			}
			w.check(t, "copy", whole)
		}
	}
	w.audit(t, false)
	w.reclaim(t)
	w.audit(t, true)
}
