package objects

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	_ "gocloud.dev/secrets/localsecrets"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// sealForTest stands for the sealing that package keys does.
func sealForTest(context string, b []byte) ([]byte, error) {
	sealed := []byte(context + "\x00")
	for _, c := range b {
		sealed = append(sealed, c^0x5a)
	}
	return sealed, nil
}

func unsealForTest(context string, sealed []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, []byte(context+"\x00"))
	if !ok {
		return nil, errors.New("sealed for something else")
	}
	plain = bytes.Clone(plain)
	for i := range plain {
		plain[i] ^= 0x5a
	}
	return plain, nil
}

func encryptionGoldens() []golden {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	ref, salt := blob.Ref("0a1b-000102030405060708090a0b0c0d0e0f"), crypt.Salt{1, 2, 3, 15: 16}
	id := bodyID{0x18, 15: 15}
	e := &coffer.Encryption{Kind: coffer.SSEKMS, KMSKey: "main", Context: `{"a":"b"}`, BucketKey: true, Sealed: "sealed\x00"}
	object := row{coffer.Object{Key: "k", Size: 5, ETag: "x", Modified: at, Encryption: e}, body{kind: bodyInline, id: id}}
	upload := uploadRow{Upload: coffer.Upload{Key: "k", ID: "id", Initiated: at, Encryption: &coffer.Encryption{Kind: coffer.SSEC, Sealed: "sealed"}}}
	part := partRow{Part: coffer.Part{Number: 3, Size: 5, ETag: "x", Modified: at}, ref: ref, salt: salt}
	pieces := []piece{{number: 1, size: 5, ref: ref, salt: salt}, {number: 2, size: 7, ref: ref, salt: crypt.Salt{9}}}
	preset := coffer.BucketEncryption{Kind: coffer.SSEKMS, KMSKey: "main", BucketKey: true, BlockSSEC: true}
	config, err := encodeConfig(preset)
	if err != nil {
		panic(err)
	}
	return []golden{
		{"object-encrypted", object, encodeRow(object), func(b []byte) (any, error) { return decodeRow("k", b) }},
		{"upload-encrypted", upload, encodeUpload(upload), func(b []byte) (any, error) { return decodeUpload("k", "id", b) }},
		{"part-encrypted", part, encodePart(part), func(b []byte) (any, error) { return decodePart(3, b) }},
		{"manifest-encrypted", pieces, encodeManifest(pieces), func(b []byte) (any, error) { return decodeManifest(nil, b) }},
		{"bucket-encryption", preset, config, func(b []byte) (any, error) { return decodeConfigOf[coffer.BucketEncryption](b) }},
	}
}

const keyOne, keyTwo = "11111111111111111111111111111111", "22222222222222222222222222222222"

func sseC(key string) Encrypting {
	return Encrypting{Kind: coffer.SSEC, CustomerKey: coffer.NewSecretFrom(key)}
}

func testKMS(t testing.TB) *crypt.KMS {
	t.Helper()
	url := func(key string) string { return "base64key://" + base64.URLEncoding.EncodeToString([]byte(key)) }
	k, err := crypt.OpenKMS(t.Context(), "main="+url(keyOne)+",other="+url(keyTwo))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// kinds are the ways to ask for encryption, and the key to read with.
var kinds = []struct {
	name     string
	ask      Encrypting
	customer coffer.Secret
}{
	{"None", Encrypting{}, coffer.Secret{}},
	{"SSE-S3", Encrypting{Kind: coffer.SSES3}, coffer.Secret{}},
	{"SSE-C", sseC(keyOne), coffer.NewSecretFrom(keyOne)},
	{"SSE-C, another key", sseC(keyTwo), coffer.NewSecretFrom(keyTwo)},
	{"SSE-KMS", Encrypting{Kind: coffer.SSEKMS, Context: `{"a":"b"}`}, coffer.Secret{}},
	{"SSE-KMS, another key", Encrypting{Kind: coffer.SSEKMS, KMSKey: "other"}, coffer.Secret{}},
}

func (w *world) putAs(t testing.TB, key string, ask Encrypting, b []byte) coffer.Object {
	t.Helper()
	o, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: bytes.NewReader(b), Size: int64(len(b)), Encryption: ask})
	if err != nil {
		t.Fatalf("Put(%q, %d bytes, kind %d) = %v", key, len(b), ask.Kind, err)
	}
	return o
}

func (w *world) putPartsAs(t testing.TB, key string, ask Encrypting, bodies ...[]byte) coffer.Object {
	t.Helper()
	u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: key, Encryption: ask})
	if err != nil {
		t.Fatal(err)
	}
	var list []coffer.Part
	for i, b := range bodies {
		p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: key, Upload: u.ID, Number: i + 1,
			Body: bytes.NewReader(b), Size: int64(len(b)), CustomerKey: ask.CustomerKey})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return w.complete(t, key, u.ID, list)
}

func (w *world) checkAs(t testing.TB, key string, customer coffer.Secret, b []byte) {
	t.Helper()
	got, _, err := w.get(t, GetInput{Key: key, CustomerKey: customer})
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("Get(%q) = %d bytes, %v, want the %d bytes that were put", key, len(got), err, len(b))
	}
}

func TestEncryptedObjectsReadBack(t *testing.T) {
	w := newWorld(t)
	w.KMS = testKMS(t)
	for _, k := range kinds {
		for _, size := range []int{0, 1, testInline, testInline + 1, 200_000} {
			b := content(1, size)
			o := w.putAs(t, "a", k.ask, b)
			if plainTag := o.ETag == etagOf(b); plainTag != (k.ask.Kind <= coffer.SSES3) || len(o.ETag) != 32 || !o.Encryption.Is(k.ask.Kind) {
				t.Errorf("%s: Put(%d bytes) = ETag %s, %+v; only SSE-S3 has the MD5", k.name, size, o.ETag, o.Encryption)
			}
			w.checkAs(t, "a", k.customer, b)
			for _, r := range []Range{{First: 0, Last: 0}, {First: int64(size) / 2, Last: -1}, {FromEnd: true, Suffix: 70_000}} {
				offset, length, err := r.resolve(int64(size))
				if err != nil {
					continue
				}
				got, _, err := w.get(t, GetInput{Key: "a", Range: &r, CustomerKey: k.customer})
				if err != nil || !bytes.Equal(got, b[offset:offset+length]) {
					t.Errorf("%s: Get(%v of %d bytes) = %d bytes, %v, want those of the plain object", k.name, r, size, len(got), err)
				}
			}
		}
		parts := [][]byte{content(2, 100), content(3, 70_000), content(2, 100), {}}
		o := w.putPartsAs(t, "parts", k.ask, parts...)
		if !strings.HasSuffix(o.ETag, "-4") || !o.Encryption.Is(k.ask.Kind) {
			t.Errorf("%s: Complete = ETag %s, %+v", k.name, o.ETag, o.Encryption)
		}
		w.checkAs(t, "parts", k.customer, bytes.Join(parts, nil))
		got, _, err := w.get(t, GetInput{Key: "parts", PartNumber: 2, CustomerKey: k.customer})
		if err != nil || !bytes.Equal(got, parts[1]) {
			t.Errorf("%s: Get(part 2) = %d bytes, %v, want the part", k.name, len(got), err)
		}
	}
}

func TestAPartSentAgainHasTheSameTag(t *testing.T) {
	w := newWorld(t)
	var tags []string
	for range 2 {
		u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "u", Encryption: sseC(keyOne)})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{"same", "same", "other"} {
			p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "u", Upload: u.ID, Number: 1,
				Body: strings.NewReader(b), Size: int64(len(b)), CustomerKey: coffer.NewSecretFrom(keyOne)})
			if err != nil {
				t.Fatal(err)
			}
			tags = append(tags, p.ETag)
		}
	}
	if tags[0] != tags[1] || tags[0] == tags[2] || tags[0] == tags[3] {
		t.Errorf("PutPart(same, same, other; same in another upload) = %q, want the same tag for the first two only", tags)
	}
}

// TestACompleteNeedsTheKeyWithAChecksum is as AWS documents it.
func TestACompleteNeedsTheKeyWithAChecksum(t *testing.T) {
	w := newWorld(t)
	one, two, none := coffer.NewSecretFrom(keyOne), coffer.NewSecretFrom(keyTwo), coffer.Secret{}
	for _, tt := range []struct {
		sum      coffer.ChecksumAlgorithm
		customer coffer.Secret
		refused  bool
	}{{"", none, false}, {"", one, false}, {"", two, true}, {coffer.CRC32, none, true}, {coffer.CRC32, two, true}, {coffer.CRC32, one, false}} {
		u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "u", Encryption: sseC(keyOne), Checksum: coffer.Checksum{Algorithm: tt.sum}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "u", Upload: u.ID, Number: 1, Body: strings.NewReader("x"), Size: 1, CustomerKey: one,
			Digests: Digests{Checksum: coffer.Checksum{Algorithm: tt.sum}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.alice.Complete(t.Context(), CompleteInput{Bucket: "bucket", Key: "u", Upload: u.ID, Parts: []coffer.Part{p}, Size: -1, CustomerKey: tt.customer})
		if got := coffer.CodeOf(err) == coffer.InvalidRequest; got != tt.refused || err != nil && !got {
			t.Errorf("Complete(checksum %q, key given: %v) = %v, want refused: %v", tt.sum, !tt.customer.Empty(), err, tt.refused)
		}
	}
}

// TestNoPlainByteIsStored looks through all files for a known text.
func TestNoPlainByteIsStored(t *testing.T) {
	needle := []byte("this must not be found anywhere")
	body := func(n int) []byte { return bytes.Repeat(needle, n) }
	for _, encrypt := range []bool{false, true} {
		metaFS, blobFS := vfs.NewMem(), vfs.NewMem()
		w := openWorld(t, metaFS, blobFS, &clock{now: time.Now()})
		w.Encrypt, w.KMS = encrypt, testKMS(t)
		if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
			t.Fatal(err)
		}
		w.put(t, "small", body(2))
		w.put(t, "large", body(10_000))
		w.putParts(t, "parts", body(100), body(3000))
		w.putAs(t, "customer", sseC(string(needle)[:31]+"!"), body(1))
		for _, key := range []string{"small", "parts"} {
			if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "copy of " + key, SourceBucket: "bucket", SourceKey: key}); err != nil {
				t.Fatal(err)
			}
		}
		if found := holds(t, metaFS, needle[:16]) || holds(t, blobFS, needle[:16]); found == encrypt {
			t.Errorf("Encrypt = %v: the text is found in files: %v", encrypt, found)
		}
	}
}

func holds(t *testing.T, fs vfs.FS, needle []byte) bool {
	t.Helper()
	found := false
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := fs.PathJoin(dir, name)
			info, err := fs.Stat(path)
			if err != nil {
				continue // it went away
			}
			if info.IsDir() {
				walk(path)
				continue
			}
			f, err := fs.Open(path)
			if err != nil {
				continue
			}
			b, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			found = found || bytes.Contains(b, needle)
		}
	}
	walk("/")
	return found
}

func TestKeysOfClients(t *testing.T) {
	w := newWorld(t)
	one, two, none := coffer.NewSecretFrom(keyOne), coffer.NewSecretFrom(keyTwo), coffer.Secret{}
	w.putAs(t, "c", sseC(keyOne), content(1, 100))
	w.put(t, "plain", content(1, 100))
	for _, tt := range []struct {
		key      string
		customer coffer.Secret
		want     coffer.Code
	}{{"c", none, coffer.InvalidRequest}, {"c", two, coffer.AccessDenied}, {"plain", one, coffer.InvalidRequest}} {
		in := GetInput{Bucket: "bucket", Key: tt.key, CustomerKey: tt.customer}
		_, err := w.alice.Get(t.Context(), in)
		wantCode(t, "Get "+tt.key, err, tt.want)
		_, err = w.alice.Head(t.Context(), in)
		wantCode(t, "Head "+tt.key, err, tt.want)
		_, err = w.alice.Attributes(t.Context(), in)
		wantCode(t, "Attributes "+tt.key, err, tt.want)
		_, err = w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "x", SourceBucket: "bucket", SourceKey: tt.key, SourceCustomerKey: tt.customer})
		wantCode(t, "Copy "+tt.key, err, tt.want)
	}
	for _, tt := range []struct {
		ask      Encrypting
		customer coffer.Secret
	}{{sseC(keyOne), none}, {sseC(keyOne), two}, {Encrypting{}, one}, {Encrypting{Kind: coffer.SSES3}, one}} {
		u, err := w.alice.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "u", Encryption: tt.ask})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.alice.PutPart(t.Context(), PartInput{Bucket: "bucket", Key: "u", Upload: u.ID, Number: 1, Body: strings.NewReader("x"), Size: 1, CustomerKey: tt.customer})
		wantCode(t, fmt.Sprintf("PutPart(upload of kind %d)", tt.ask.Kind), err, coffer.InvalidRequest)
	}
}

// A copy of an object onto itself needs no other reason than another encryption,
// even one that nobody asked for: so a client takes its key away.
func TestCopiesOntoThemselvesDecrypt(t *testing.T) {
	w := newWorld(t)
	w.KMS = testKMS(t)
	for _, k := range kinds {
		w.putAs(t, "k", k.ask, content(1, 5000))
		in := CopyInput{Bucket: "bucket", Key: "k", SourceBucket: "bucket", SourceKey: "k", SourceCustomerKey: k.customer}
		_, err := w.alice.Copy(t.Context(), in)
		if k.ask.Kind == coffer.NotEncrypted {
			wantCode(t, "Copy onto itself of what is not encrypted", err, coffer.InvalidRequest)
		} else if err != nil {
			t.Errorf("Copy(%s, onto itself) = %v", k.name, err)
		}
		w.check(t, "k", content(1, 5000))
	}
}

// TestCopiesChangeEncryption copies from each kind to each, onto another key and
// onto itself.
func TestCopiesChangeEncryption(t *testing.T) {
	w := newWorld(t)
	w.KMS = testKMS(t)
	small, large := content(1, 500), content(2, 150_000)
	parts := [][]byte{content(3, 500), content(4, 90_000)}
	for i, from := range kinds {
		for j, to := range kinds {
			w.putAs(t, "small", from.ask, small)
			w.putAs(t, "large", from.ask, large)
			w.putPartsAs(t, "parts", from.ask, parts...)
			before := w.usage(t)
			for key, want := range map[string][]byte{"small": small, "large": large, "parts": bytes.Join(parts, nil)} {
				for _, target := range []string{key + "-copy", key} {
					in := CopyInput{Bucket: "bucket", Key: target, SourceBucket: "bucket", SourceKey: key,
						SourceCustomerKey: from.customer, Encryption: to.ask, Replace: true}
					o, err := w.alice.Copy(t.Context(), in)
					if err != nil {
						t.Fatalf("Copy(%s, %s to %s) = %v", key, from.name, to.name, err)
					}
					w.checkAs(t, target, to.customer, want)
					if o.PartsCount != 0 || o.Size != int64(len(want)) || !o.Encryption.Is(to.ask.Kind) {
						t.Errorf("Copy(%s, %s to %s) = %d parts, %d bytes, %+v", key, from.name, to.name, o.PartsCount, o.Size, o.Encryption)
					}
				}
			}
			if got := w.usage(t); i > 0 && j > 0 && got != before {
				t.Errorf("%s to %s: the counters changed from %v to %v over the same keys", from.name, to.name, before, got)
			}
		}
	}
	for _, key := range []string{"small", "large", "parts", "small-copy", "large-copy", "parts-copy"} {
		if _, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	w.reclaim(t)
	for info, err := range w.disk.List(t.Context(), "") {
		t.Errorf("blob %s is left of deleted objects (%v)", info.Ref, err)
	}
}

func (w *world) usage(t testing.TB) string {
	t.Helper()
	objects, size := int64(0), int64(0)
	err := w.Meta.View(t.Context(), func(r meta.Reader) error {
		it := r.Iter(meta.Key(meta.PrefixObject), meta.PrefixEnd(meta.Key(meta.PrefixObject)))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			o, err := decodeRow("k", value)
			if err != nil {
				return err
			}
			objects, size = objects+1, size+o.Size
		}
		return it.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d objects of %d bytes", objects, size)
}

// TestACopyThatRacesAnOverwriteIsOfOneVersion overwrites the source while its bytes
// are being encrypted anew.
func TestACopyThatRacesAnOverwriteIsOfOneVersion(t *testing.T) {
	w := newWorld(t)
	old, fresh := content(1, 5000), content(2, 6000)
	w.put(t, "source", old)
	changed := false
	w.Service.Blobs = &putHook{Store: w.Service.Blobs, before: func() {
		if !changed {
			changed = true
			w.put(t, "source", fresh)
		}
	}}
	if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: "copy", SourceBucket: "bucket", SourceKey: "source",
		Encryption: Encrypting{Kind: coffer.SSES3}}); err != nil {
		t.Fatal(err)
	}
	if w.check(t, "copy", fresh); !changed {
		t.Error("nothing was overwritten")
	}
}

type putHook struct {
	blob.Store
	before func()
}

func (h *putHook) Put(ctx context.Context, r io.Reader) (blob.Ref, int64, error) {
	h.before()
	return h.Store.Put(ctx, r)
}

func TestBucketsSettleEncryption(t *testing.T) {
	w := newWorld(t)
	w.KMS = testKMS(t)
	none := coffer.BucketEncryption{}
	for _, tt := range []struct {
		name     string
		instance bool
		preset   coffer.BucketEncryption
		ask      Encrypting
		want     coffer.EncryptionKind
		key      string
		bucket   bool
	}{
		{"Nothing", false, none, Encrypting{}, coffer.NotEncrypted, "", false},
		{"TheInstance", true, none, Encrypting{}, coffer.SSES3, "", false},
		{"TheRequest", false, none, Encrypting{Kind: coffer.SSES3}, coffer.SSES3, "", false},
		{"TheBucket", false, coffer.BucketEncryption{Kind: coffer.SSES3}, Encrypting{}, coffer.SSES3, "", false},
		{"TheBucketBeforeTheInstance", true, coffer.BucketEncryption{Kind: coffer.SSEKMS, KMSKey: "other", BucketKey: true}, Encrypting{}, coffer.SSEKMS, "other", true},
		{"TheRequestBeforeTheBucket", false, coffer.BucketEncryption{Kind: coffer.SSEKMS, KMSKey: "other"}, Encrypting{Kind: coffer.SSES3}, coffer.SSES3, "", false},
		{"TheKeyOfTheRequest", false, coffer.BucketEncryption{Kind: coffer.SSEKMS, KMSKey: "other", BucketKey: true}, Encrypting{Kind: coffer.SSEKMS}, coffer.SSEKMS, "main", true},
		{"NoBucketKeyIfTheRequestSaysSo", false, coffer.BucketEncryption{Kind: coffer.SSEKMS, BucketKey: true}, Encrypting{Kind: coffer.SSEKMS, HasBucketKey: true}, coffer.SSEKMS, "main", false},
		{"TheKeyOfTheClientOverAll", true, coffer.BucketEncryption{Kind: coffer.SSES3}, sseC(keyOne), coffer.SSEC, "", false},
	} {
		w.Encrypt = tt.instance
		err := w.alice.DeleteBucketEncryption(t.Context(), "bucket")
		if tt.preset != none {
			err = errors.Join(err, w.alice.PutBucketEncryption(t.Context(), "bucket", tt.preset))
		}
		if err != nil {
			t.Fatal(err)
		}
		o := w.putAs(t, "a", tt.ask, []byte("x"))
		if !o.Encryption.Is(tt.want) || o.Encryption != nil && (o.Encryption.KMSKey != tt.key || o.Encryption.BucketKey != tt.bucket) {
			t.Errorf("%s: Put = %+v, want kind %d, key %q, bucket key %v", tt.name, o.Encryption, tt.want, tt.key, tt.bucket)
		}
	}
	if err := w.alice.PutBucketEncryption(t.Context(), "bucket", coffer.BucketEncryption{Kind: coffer.SSES3, BlockSSEC: true}); err != nil {
		t.Fatal(err)
	}
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "a", Body: strings.NewReader(""), Encryption: sseC(keyOne)})
	wantCode(t, "Put(SSE-C where it is blocked)", err, coffer.AccessDenied)
	_, err = w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "a", Body: strings.NewReader(""), Encryption: Encrypting{Kind: coffer.SSEKMS, KMSKey: "gone"}})
	wantCode(t, "Put(a KMS key that is not there)", err, coffer.KMSKeyNotFound)
	w.putAs(t, "a", Encrypting{Kind: coffer.SSEKMS}, []byte("x"))
	w.KMS = nil
	_, err = w.alice.Get(t.Context(), GetInput{Bucket: "bucket", Key: "a"})
	wantCode(t, "Get(the KMS key went away)", err, coffer.KMSKeyNotFound)
}

// TestDamagedCiphertextIsNeverWrongBytes changes what is stored under the checksums
// of the stores.
func TestDamagedCiphertextIsNeverWrongBytes(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{100, 5000} {
		b := content(1, size)
		w.putAs(t, "a", Encrypting{Kind: coffer.SSES3}, b)
		w.putAs(t, "b", Encrypting{Kind: coffer.SSES3}, content(2, size))
		swap := func(change func(a, b *row)) error {
			return w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
				var rows [2]row
				for i, key := range []string{"a", "b"} {
					var err error
					if rows[i], err = readRow(tx, w.bucketID(t), key); err != nil {
						return err
					}
				}
				change(&rows[0], &rows[1])
				return tx.Set(objectKey(w.bucketID(t), "a"), encodeRow(rows[0]))
			})
		}
		for name, change := range map[string]func(a, b *row){
			"the bytes of another object": func(a, b *row) { a.body = b.body },
			"the key of another object":   func(a, b *row) { a.Encryption = b.Encryption },
			"a damaged key": func(a, _ *row) {
				a.Encryption.Sealed = string([]byte{a.Encryption.Sealed[0] ^ 1}) + a.Encryption.Sealed[1:]
			},
			"another size": func(a, _ *row) { a.Size-- },
		} {
			w.putAs(t, "a", Encrypting{Kind: coffer.SSES3}, b)
			if err := swap(change); err != nil {
				t.Fatal(err)
			}
			got, _, err := w.get(t, GetInput{Key: "a"})
			wantCode(t, fmt.Sprintf("Get(%d bytes, %s)", size, name), err, coffer.ObjectDamaged)
			if len(got) > 0 {
				t.Errorf("Get(%d bytes, %s) gave %d bytes", size, name, len(got))
			}
		}
	}
}

func (w *world) bucketID(t testing.TB) (id coffer.BucketID) {
	t.Helper()
	err := w.store.Store.View(t.Context(), func(r meta.Reader) error {
		b, err := readBucket(r, "bucket")
		id = b.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheKeyOfObjectsLastsAndCannotBeMadeTwice(t *testing.T) {
	metaFS, blobFS, c := vfs.NewMem(), vfs.NewMem(), &clock{now: time.Now()}
	w := openWorld(t, metaFS, blobFS, c)
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	w.putAs(t, "a", Encrypting{Kind: coffer.SSES3}, []byte("hello"))
	opt := w.Options
	again, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	w.Service, w.alice = again, again.As(alice)
	w.check(t, "a", []byte("hello"))
	opt.Unseal = func(string, []byte) ([]byte, error) { return nil, errors.New("wrong key") }
	if _, err := Open(t.Context(), opt); err == nil {
		t.Error("Open(with another master key) = nil, want an error")
	}
}
