package objects

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"coffer"
	"coffer/meta"
)

// base64Of is what a checksum over b is, computed without the code under test.
func base64Of(a coffer.ChecksumAlgorithm, b []byte) string {
	h := map[coffer.ChecksumAlgorithm]hash.Hash{coffer.CRC32: crc32.NewIEEE(), coffer.CRC32C: crc32.New(crc32.MakeTable(crc32.Castagnoli)),
		coffer.CRC64NVME: crc64nvme.New(), coffer.MD5: md5.New(), coffer.SHA1: sha1.New(), coffer.SHA256: sha256.New(), coffer.SHA512: sha512.New(),
		coffer.XXHASH128: xxh3.New128(), coffer.XXHASH3: xxh3.New(), coffer.XXHASH64: xxhash.New()}[a]
	h.Write(b)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestWhatIsPutIsGot(t *testing.T) {
	w := newWorld(t)
	for i, n := range []int{0, 1, testInline - 1, testInline, testInline + 1, 3 << 20} {
		for _, size := range []int64{int64(n), -1} {
			b := content(uint64(i), n)
			in := PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(b), Size: size, Attributes: coffer.Attributes{
				ContentType: "text/x", ContentEncoding: "gzip", ContentDisposition: "inline", ContentLanguage: "de", CacheControl: "no-cache",
				Expires: "never", WebsiteRedirect: "/x", StorageClass: "GLACIER", Metadata: map[string]string{"a": "1", "b": "", "ü": "\x01"}}}
			o, err := w.alice.Put(t.Context(), in)
			if err != nil {
				t.Fatalf("Put(%d bytes, size %d) = %v", n, size, err)
			}
			c := w.check(t, "k", b)
			sum := coffer.Checksum{Algorithm: coffer.CRC64NVME, Type: coffer.FullObject, Value: base64Of(coffer.CRC64NVME, b)}
			if o.ETag != etagOf(b) || o.Size != int64(n) || o.Checksum != sum || c.Partial || c.Bucket.Name != "bucket" {
				t.Errorf("Put(%d bytes, size %d) = %+v, want the ETag %s and %+v", n, size, o, etagOf(b), sum)
			}
			if !equal(c.Object, o) || !equal(o.Attributes, in.Attributes) {
				t.Errorf("Get = %+v, want what Put returned: %+v", c.Object, o)
			}
		}
	}
	w.audit(t, false)
	w.reclaim(t)
	w.audit(t, true)
}

func TestABodyThatIsCutIsNoObject(t *testing.T) {
	w := newWorld(t)
	id, _ := w.upload(t, "k", coffer.Checksum{})
	cut := coffer.Errorf(coffer.IncompleteBody, "cut")
	for _, tt := range []struct {
		name string
		n    int // bytes that come
		size int64
		err  error // what comes instead of the end
		want coffer.Code
	}{
		{"SmallAndCut", 10, 20, io.ErrUnexpectedEOF, coffer.Internal},
		{"SmallAndCutOfUnknownSize", 10, -1, io.ErrUnexpectedEOF, coffer.Internal},
		{"SmallAndCutAtItsEnd", 10, 10, io.ErrUnexpectedEOF, coffer.Internal},
		{"NothingComes", 0, 20, io.ErrUnexpectedEOF, coffer.Internal},
		{"LargeAndCut", 5000, 6000, io.ErrUnexpectedEOF, coffer.Internal},
		{"LargeAndRefused", 5000, 6000, cut, coffer.IncompleteBody},
		{"SmallAndShort", 10, 20, io.EOF, coffer.IncompleteBody},
		{"EmptyAndShort", 0, 20, io.EOF, coffer.IncompleteBody},
		{"LargeAndShort", 5000, 6000, io.EOF, coffer.IncompleteBody},
		{"SmallForLarge", 10, 6000, io.EOF, coffer.IncompleteBody},
		{"TooLong", 20, 10, io.EOF, coffer.IncompleteBody},
		{"LargeForSmall", 6000, 10, io.EOF, coffer.IncompleteBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: broken(content(1, tt.n), tt.err), Size: tt.size})
			wantCode(t, "Put", err, tt.want)
			_, err = w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: 1,
				Body: broken(content(1, tt.n), tt.err), Size: tt.size})
			wantCode(t, "PutPart", err, tt.want)
			_, _, err = w.get(t, GetInput{Key: "k"})
			wantCode(t, "Get", err, coffer.NoSuchObject)
		})
	}
	if page, err := w.alice.ListParts(t.Context(), "bucket", "k", id, 0, 10); err != nil || len(page.Parts) != 0 {
		t.Errorf("ListParts = %v, %v, want none", page.Parts, err)
	}
	w.audit(t, true)
}

func TestDigestsAreVerified(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{100, 5000} {
		b, other := content(1, n), content(2, n)
		for _, alg := range coffer.ChecksumAlgorithms {
			for name, tt := range map[string]struct {
				said Digests
				want coffer.Code
			}{
				"Right":        {Digests{Checksum: coffer.Checksum{Algorithm: alg, Value: base64Of(alg, b)}}, 0},
				"Wrong":        {Digests{Checksum: coffer.Checksum{Algorithm: alg, Value: base64Of(alg, other)}}, coffer.BadDigest},
				"TrailerRight": {Digests{Checksum: coffer.Checksum{Algorithm: alg}, Trailer: func() string { return base64Of(alg, b) }}, 0},
				"TrailerWrong": {Digests{Checksum: coffer.Checksum{Algorithm: alg}, Trailer: func() string { return base64Of(alg, other) }}, coffer.BadDigest},
				"MD5Wrong":     {Digests{Checksum: coffer.Checksum{Algorithm: alg}, MD5: make([]byte, 16)}, coffer.BadDigest},
				"MD5Short":     {Digests{Checksum: coffer.Checksum{Algorithm: alg}, MD5: []byte{}}, coffer.BadDigest},
			} {
				o, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(b), Size: -1, Digests: tt.said})
				if tt.want == 0 && (err != nil || o.Checksum.Algorithm != alg || o.Checksum.Value != base64Of(alg, b)) {
					t.Errorf("%s: Put(%d bytes, %s) = %+v, %v", name, n, alg, o.Checksum, err)
				}
				if tt.want != 0 {
					wantCode(t, name+": Put with "+string(alg), err, tt.want)
				}
			}
		}
	}
	w.reclaim(t)
	w.audit(t, true)
	if err := CheckBytes([]byte("x"), Digests{Checksum: coffer.Checksum{Algorithm: coffer.CRC32, Value: base64Of(coffer.CRC32, []byte("x"))}}); err != nil {
		t.Errorf("CheckBytes = %v", err)
	}
	wantCode(t, "CheckBytes", CheckBytes([]byte("y"), Digests{Checksum: coffer.Checksum{Algorithm: coffer.CRC32, Value: base64Of(coffer.CRC32, []byte("x"))}}), coffer.BadDigest)
}

func TestNothingIsReadOfABodyThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.put(t, "there", []byte("x"))
	full := coffer.Errorf(coffer.StorageFull, "")
	for _, tt := range []struct {
		name     string
		in       PutInput
		writable error
		want     coffer.Code
	}{
		{"NoSuchBucket", PutInput{Bucket: "other", Key: "k"}, nil, coffer.NoSuchBucket},
		{"EmptyKey", PutInput{Bucket: "bucket"}, nil, coffer.InvalidArgument},
		{"Condition", PutInput{Bucket: "bucket", Key: "there", If: Conditions{IfNoneMatch: "*"}}, nil, coffer.PreconditionFailed},
		{"TooLarge", PutInput{Bucket: "bucket", Key: "k", Size: coffer.PutSizeMax + 1}, nil, coffer.EntityTooLarge},
		{"DiskFull", PutInput{Bucket: "bucket", Key: "k"}, full, coffer.StorageFull},
	} {
		w.Writable = func() error { return tt.writable }
		tt.in.Body = readerFunc(func([]byte) (int, error) { t.Errorf("%s: the body is read", tt.name); return 0, io.EOF })
		_, err := w.alice.Put(t.Context(), tt.in)
		wantCode(t, tt.name, err, tt.want)
	}
	// Deletes make room: they never ask for it.
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "there"}); err != nil {
		t.Errorf("Delete with the disk full = %v", err)
	}
}

func TestTimesOfOneKeyNeverStepBack(t *testing.T) {
	w := newWorld(t)
	b, err := w.alice.HeadBucket(t.Context(), "bucket", coffer.GetBucketLocation)
	if want := w.clock.Now().Truncate(time.Millisecond); err != nil || !b.Created.Equal(want) {
		t.Errorf("HeadBucket = %v, %v, want the time %v", b.Created, err, want)
	}
	first := w.put(t, "k", []byte("1"))
	if want := w.clock.Now().Truncate(time.Millisecond); !first.Modified.Equal(want) {
		t.Errorf("Put at %v has the time %v", want, first.Modified)
	}
	w.clock.step(-time.Hour)
	second := w.put(t, "k", []byte("2"))
	if !second.Modified.After(first.Modified) {
		t.Errorf("the second Put has the time %v, the first %v", second.Modified, first.Modified)
	}
	if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if third := w.put(t, "k", []byte("3")); !third.Modified.Equal(w.clock.Now().Truncate(time.Millisecond)) {
		t.Errorf("a Put of a key that is new has the time %v, want the clock's", third.Modified)
	}
}

func TestAWriteThatIsGivenUpLeavesNothing(t *testing.T) {
	w := newWorld(t)
	// The condition holds when the body is admitted, and not any more at the end.
	w.store.before = func() {
		w.store.before = nil
		w.put(t, "k", content(1, 3000))
	}
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(content(2, 3000)), Size: 3000,
		If: Conditions{IfNoneMatch: "*"}})
	wantCode(t, "Put", err, coffer.PreconditionFailed)
	w.check(t, "k", content(1, 3000))
	w.audit(t, true)

	// Whether the metadata was written is not known to who wrote: it is asked.
	ctx, cancel := context.WithCancel(t.Context())
	w.store.before = cancel
	if _, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(content(2, 3000)), Size: 3000}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a request that ended = %v", err)
	}
	w.check(t, "k", content(1, 3000))
	if done := w.reclaim(t); done.Orphans != 0 {
		t.Errorf("Sweep = %+v, want nothing left of a request that ended", done)
	}

	// Metadata that does not tell leaves the blob to Sweep.
	ctx, cancel = context.WithCancel(t.Context())
	w.store.before = func() {
		cancel()
		w.store.views = errors.New("views fail")
	}
	if _, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "k", Body: bytes.NewReader(content(2, 3000)), Size: 3000}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a request that ended = %v", err)
	}
	w.store.views = nil
	w.check(t, "k", content(1, 3000))
	if done := w.reclaim(t); done.Orphans != 1 || done.Bytes < 3000 {
		t.Errorf("Sweep = %+v, want one orphan of 3000 bytes", done)
	}
	w.audit(t, true)
}

func TestDamagedRecordsAreErrorsAndNotData(t *testing.T) {
	w := newWorld(t)
	w.put(t, "small", content(1, 100))
	w.put(t, "large", content(1, 5000))
	w.putParts(t, "parts", content(1, 5000), content(2, 5000))
	for _, tt := range []struct {
		name string
		key  string
		harm func(tx meta.Tx, b body) error
	}{
		{"InlineBytesMissing", "small", func(tx meta.Tx, b body) error { return tx.Delete(dataKey(b.id)) }},
		{"InlineBytesShort", "small", func(tx meta.Tx, b body) error { return tx.Set(dataKey(b.id), []byte("x")) }},
		{"BlobMissing", "large", func(_ meta.Tx, b body) error { return w.disk.Delete(t.Context(), b.ref) }},
		{"ManifestMissing", "parts", func(tx meta.Tx, b body) error { return tx.Delete(manifestKey(b.id, 0)) }},
	} {
		err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
			o, err := readRow(tx, 1, tt.key)
			if err != nil {
				return err
			}
			return tt.harm(tx, o.body)
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.get(t, GetInput{Key: tt.key})
		wantCode(t, tt.name+": Get", err, coffer.ObjectDamaged)
	}
}
