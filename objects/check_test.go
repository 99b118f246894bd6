package objects

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

// scratchForTest is a file that is gone when it is closed.
func scratchForTest(t testing.TB) func() (Scratch, error) {
	return func() (Scratch, error) {
		f, err := os.CreateTemp(t.TempDir(), "")
		return f, err
	}
}

// foundOf writes what was found as "code key@version", or as the code and the record.
func foundOf(f coffer.Finding) string {
	if f.Key == "" {
		return f.Code
	}
	if f.Version != "" {
		f.Key += "@"
	}
	return f.Code + " " + f.Key
}

// check runs a check, and mends what mend chooses.
func (w *world) runCheck(t testing.TB, data bool, mend func(coffer.Finding) bool) (found []string) {
	t.Helper()
	var mends []func(meta.Tx) error
	err := w.store.Store.View(t.Context(), func(r meta.Reader) error {
		_, err := w.Check(t.Context(), r, CheckInput{Data: data, Scratch: scratchForTest(t), Found: func(f coffer.Finding, fix func(meta.Tx) error) error {
			found = append(found, foundOf(f))
			if (fix == nil) != (f.Mend == coffer.MendNever) {
				t.Errorf("%s says it can be mended %s, and has a mend: %t", foundOf(f), f.Mend, fix != nil)
			}
			if fix != nil && mend(f) {
				mends = append(mends, fix)
			}
			return nil
		}})
		return err
	})
	if err != nil {
		t.Fatalf("Check() = %v", err)
	}
	for _, fix := range mends {
		if err := w.store.Update(t.Context(), fix); err != nil {
			t.Fatalf("mend: %v", err)
		}
	}
	slices.Sort(found)
	return found
}

func (w *world) findings(t testing.TB, data bool) []string {
	t.Helper()
	return w.runCheck(t, data, func(coffer.Finding) bool { return false })
}

// set writes a record past all rules; nil deletes it.
func (w *world) set(t testing.TB, key, value []byte) {
	t.Helper()
	err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error {
		if value == nil {
			return tx.Delete(key)
		}
		return tx.Set(key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) row(t testing.TB, key string) (b coffer.Bucket, o row) {
	t.Helper()
	err := w.store.Store.View(t.Context(), func(r meta.Reader) (err error) {
		if b, err = readBucket(r, "bucket"); err == nil {
			o, err = readRow(r, b.ID, key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, o
}

// pathOf is where the file of a blob is.
func pathOf(ref blob.Ref) string {
	name := string(ref[5:])
	return "blobs/" + name[:2] + "/" + name
}

func writeFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// damagedWorld has an object of each kind, and its blobs on fs.
func damagedWorld(t testing.TB) (*world, vfs.FS) {
	t.Helper()
	fs := vfs.NewMem()
	w := openWorld(t, vfs.NewMem(), fs, &clock{now: time.Now()})
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	w.put(t, "empty", nil)
	w.put(t, "inline", content(1, 300))
	w.put(t, "blob", content(2, 3000))
	w.put(t, "other", content(3, 3000))
	w.putParts(t, "parts", content(4, 500), content(5, 400))
	for _, key := range []string{"blob", "parts"} {
		if _, err := w.alice.Copy(t.Context(), CopyInput{Bucket: "bucket", Key: key + "-copy", SourceBucket: "bucket", SourceKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	in := PutInput{Bucket: "bucket", Key: "sealed", Body: bytes.NewReader(content(6, 200)), Size: 200, Encryption: Encrypting{Kind: coffer.SSES3}}
	if _, err := w.alice.Put(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.upload(t, "upload", coffer.Checksum{}, content(7, 100))
	if err := w.alice.PutVersioning(t.Context(), "bucket", coffer.VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		w.put(t, "versions", content(uint64(8+i), 300))
	}
	w.put(t, "empty", content(10, 10)) // the null version is not current now
	if err := w.alice.PutBucketTagging(t.Context(), "bucket", []coffer.Tag{{Key: "a"}}); err != nil {
		t.Fatal(err)
	}
	return w, fs
}

// TestCheckFinds damages one thing at a time: a check finds that and nothing else, a
// repair mends what it says it can, and then nothing is found but what cannot be.
func TestCheckFinds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(*testing.T, *world, vfs.FS)
		found  []string
		left   []string // by a repair that removes what is damaged
	}{
		{"NothingInAHealthyStore", func(*testing.T, *world, vfs.FS) {}, nil, nil},
		{"AFlippedByteInAFile", func(t *testing.T, w *world, fs vfs.FS) {
			_, o := w.row(t, "blob")
			b := readFile(t, fs, pathOf(o.body.ref))
			b[1000] ^= 1
			writeFile(t, fs, pathOf(o.body.ref), b)
		}, []string{"blob-damaged blob", "blob-damaged blob-copy"}, nil},
		{"ATruncatedFile", func(t *testing.T, w *world, fs vfs.FS) {
			_, o := w.row(t, "other")
			writeFile(t, fs, pathOf(o.body.ref), readFile(t, fs, pathOf(o.body.ref))[:2000])
		}, []string{"blob-damaged other"}, nil},
		{"TwoFilesSwapped", func(t *testing.T, w *world, fs vfs.FS) {
			_, a := w.row(t, "blob")
			_, b := w.row(t, "other")
			one, two := readFile(t, fs, pathOf(a.body.ref)), readFile(t, fs, pathOf(b.body.ref))
			writeFile(t, fs, pathOf(a.body.ref), two)
			writeFile(t, fs, pathOf(b.body.ref), one)
		}, []string{"blob-damaged blob", "blob-damaged blob-copy", "blob-damaged other"}, nil},
		{"AMissingFileOfAPart", func(t *testing.T, w *world, fs vfs.FS) {
			_, o := w.row(t, "parts")
			pieces := w.pieces(t, o)
			if err := fs.Remove(pathOf(pieces[1].ref)); err != nil {
				t.Fatal(err)
			}
		}, []string{"blob-missing parts", "blob-missing parts-copy"}, nil},
		{"MissingBytesOfASmallObject", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "inline")
			w.set(t, dataKey(o.body.id), nil)
		}, []string{"object-bytes-missing inline"}, nil},
		{"AFlippedByteOfASmallObject", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "inline")
			b := content(1, 300)
			b[7] ^= 4
			w.set(t, dataKey(o.body.id), b)
		}, []string{"object-bytes-damaged inline"}, nil},
		{"AFlippedByteOfAnEncryptedSmallObject", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "sealed")
			w.set(t, dataKey(o.body.id), make([]byte, crypt.StoredSize(200)))
		}, []string{"object-bytes-damaged sealed"}, nil},
		{"AnObjectWhoseKeyDoesNotOpen", func(t *testing.T, w *world, _ vfs.FS) {
			b, o := w.row(t, "sealed")
			o.Encryption.Sealed = o.Encryption.Sealed[:20] + "?" + o.Encryption.Sealed[21:]
			w.set(t, objectKey(b.ID, "sealed"), encodeRow(o))
		}, []string{"object-bytes-damaged sealed", "object-key-lost sealed"}, nil},
		{"AMissingKeyOfObjects", func(t *testing.T, w *world, _ vfs.FS) {
			w.set(t, instanceKeyKey(), nil)
			w.instanceKey = crypt.Key{} // as a check without a server has it
		}, []string{"object-key", "object-key-lost sealed"}, nil},
		{"AMissingListOfParts", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "parts")
			w.set(t, manifestKey(o.body.id, 0), nil)
		}, []string{"object-parts parts", "object-parts parts-copy"}, []string{"blob-owner-left", "blob-owner-left"}},
		{"AnObjectThatCannotBeRead", func(t *testing.T, w *world, _ vfs.FS) {
			b, _ := w.row(t, "inline")
			w.set(t, objectKey(b.ID, "inline"), []byte{9})
		}, []string{"object-record inline"}, []string{"body-left", "counter", "counter", "counter", "counter"}},
		{"WrongCounters", func(t *testing.T, w *world, _ vfs.FS) {
			b, _ := w.row(t, "inline")
			w.set(t, countKey(b.ID, countObjects), meta.CounterValue(99))
			w.set(t, accountCountKey(b.Account, countBytes), nil)
			w.set(t, countKey(b.ID+7, countBytes), meta.CounterValue(1))
		}, []string{"counter", "counter", "counter-left"}, nil},
		{"AWrongCountOfCopies", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "blob")
			w.set(t, refsKey(o.body.id), nil)
			_, o = w.row(t, "other")
			w.set(t, refsKey(o.body.id), binary.BigEndian.AppendUint64(nil, 3))
		}, []string{"body-count blob", "body-count other"}, nil},
		{"ABlobWithoutAnOwner", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "other")
			w.set(t, blobOwnerKey(o.body.ref), nil)
		}, []string{"blob-owner other"}, nil},
		{"ALiveBlobInTheGarbage", func(t *testing.T, w *world, _ vfs.FS) {
			_, o := w.row(t, "other")
			w.set(t, garbageKey(w.clock.Now(), o.body.ref), o.body.id[:])
		}, []string{"blob-doomed other"}, nil},
		{"Leftovers", func(t *testing.T, w *world, _ vfs.FS) {
			id := bodyID{1}
			w.set(t, dataKey(id), []byte("x"))
			w.set(t, manifestKey(bodyID{255}, 0), []byte("x"))
			w.set(t, blobOwnerKey("abcd-0"), blobOwned)
			w.set(t, configKey(77, configTagging), []byte{1})
			w.set(t, accountBucketKey("111111111111", "gone"), []byte{})
			w.set(t, finishedKey("f"), []byte{0})
		}, []string{"blob-owner-left", "body-left", "body-left", "bucket-listed", "configuration-left", "finished-record"}, nil},
		{"APartOfNoUpload", func(t *testing.T, w *world, _ vfs.FS) {
			ref, n, err := w.disk.Put(t.Context(), bytes.NewReader(content(1, 50)))
			if err != nil {
				t.Fatal(err)
			}
			w.set(t, blobOwnerKey(ref), blobOwned)
			w.set(t, partKey("zz", 1), encodePart(partRow{ref: ref, Part: coffer.Part{Size: n, ETag: "e"}}))
		}, []string{"part-left"}, nil},
		{"APointerToNoNullVersion", func(t *testing.T, w *world, _ vfs.FS) {
			b, _ := w.row(t, "empty")
			w.set(t, nullVersionKey(b.ID, "empty"), nil)
			w.set(t, nullVersionKey(b.ID, "versions"), []byte("-"))
		}, []string{"null-pointer empty@", "null-pointer-left versions"}, nil},
		{"AHiddenObject", func(t *testing.T, w *world, _ vfs.FS) {
			b, o := w.row(t, "versions")
			w.set(t, objectKey(b.ID, "versions"), nil)
			w.set(t, dataKey(o.body.id), nil)
			for _, key := range [][]byte{countKey(b.ID, countObjects), accountCountKey(b.Account, countObjects)} {
				w.add(t, key, -1)
			}
			for _, key := range [][]byte{countKey(b.ID, countBytes), accountCountKey(b.Account, countBytes)} {
				w.add(t, key, -o.Size)
			}
		}, []string{"object-hidden versions@"}, nil},
		{"ABucketThatIsNotListed", func(t *testing.T, w *world, _ vfs.FS) {
			w.set(t, accountBucketKey("111111111111", "bucket"), nil)
		}, []string{"bucket-list"}, nil},
		{"AConfigurationThatCannotBeRead", func(t *testing.T, w *world, _ vfs.FS) {
			b, _ := w.row(t, "inline")
			w.set(t, configKey(b.ID, configTagging), []byte{1, 2})
		}, []string{"configuration-record"}, []string{"configuration-record"}},
		{"GarbageThatCannotBeRead", func(t *testing.T, w *world, _ vfs.FS) {
			w.set(t, garbageKey(w.clock.Now(), "abcd-1"), []byte("short"))
		}, []string{"garbage-record"}, nil},
		{"AnOldFileOfNobody", func(t *testing.T, w *world, _ vfs.FS) {
			if _, _, err := w.disk.Put(t.Context(), bytes.NewReader(content(1, 50))); err != nil {
				t.Fatal(err)
			}
			w.clock.step(25 * time.Hour)
		}, []string{"blob-left"}, nil},
		{"AnEventThatCannotBeRead", func(t *testing.T, w *world, _ vfs.FS) {
			w.set(t, webhookKey(meta.PrefixEvent, "hook", make([]byte, eventIDLen)), encodeQueued(queued{text: []byte("{}")}))
			w.set(t, webhookKey(meta.PrefixDelivery, "hook", make([]byte, 12)), []byte{8})
		}, []string{"counter", "event-record"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, fs := damagedWorld(t)
			tt.damage(t, w, fs)
			found := w.runCheck(t, true, func(coffer.Finding) bool { return true })
			if !slices.Equal(found, tt.found) {
				t.Errorf("Check() found %q, want %q", found, tt.found)
			}
			if left := w.findings(t, true); !slices.Equal(left, tt.left) {
				t.Errorf("Check() after a repair found %q, want %q", left, tt.left)
			}
			w.runCheck(t, true, func(coffer.Finding) bool { return true })
			w.check(t, "versions", content(9-uint64(intOf(tt.name == "AHiddenObject")), 300))
		})
	}
}

func (w *world) pieces(t testing.TB, o row) (all []piece) {
	t.Helper()
	if err := w.store.Store.View(t.Context(), func(r meta.Reader) (err error) {
		all, err = o.body.pieces(r, o.Size)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func (w *world) add(t testing.TB, key []byte, n int64) {
	t.Helper()
	if err := w.store.Store.Update(t.Context(), func(tx meta.Tx) error { return tx.Add(key, n) }); err != nil {
		t.Fatal(err)
	}
}

// TestRepairKeepsWhatIsLocked has a locked version whose bytes are lost: to remove it
// is refused.
func TestRepairKeepsWhatIsLocked(t *testing.T) {
	w := openEmpty(t)
	if _, err := w.alice.MakeBucket(t.Context(), CreateBucketInput{Name: "bucket", Region: "auto", ObjectLock: true}); err != nil {
		t.Fatal(err)
	}
	_, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "a", Body: bytes.NewReader(content(1, 10)), Size: 10, Lock: coffer.Lock{Hold: coffer.HoldOn}})
	if err != nil {
		t.Fatal(err)
	}
	_, o := w.row(t, "a")
	w.set(t, dataKey(o.body.id), nil)
	err = w.store.Store.View(t.Context(), func(r meta.Reader) error {
		_, err := w.Check(t.Context(), r, CheckInput{Found: func(f coffer.Finding, mend func(meta.Tx) error) error {
			return w.store.Update(t.Context(), mend)
		}})
		return err
	})
	wantCode(t, "a repair that removes a locked version", err, coffer.AccessDenied)
}

// TestSorter sorts more than its memory holds.
func TestSorter(t *testing.T) {
	s := newSorter(scratchForTest(t))
	s.limit = 2000
	defer s.Close()
	var want []string
	for i := range 1000 {
		entry := fmt.Sprintf("%04d", i*7919%1000)
		want = append(want, entry)
		if err := s.add([]byte(entry[:2]), []byte(entry[2:])); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	m, err := s.sorted()
	if err != nil || len(s.runs) < 10 {
		t.Fatalf("sorted() = %v after %d runs, want many", err, len(s.runs))
	}
	for i := 0; m.peek() != nil; i++ {
		if string(m.peek()) != want[i] {
			t.Fatalf("entry %d is %q, want %q", i, m.peek(), want[i])
		}
		if err := m.advance(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConfigReaders has one for each configuration.
func TestConfigReaders(t *testing.T) {
	for kind, name := range configNames {
		if configReaders[kind] == nil {
			t.Errorf("configReaders has none of %s, which check then reads as any JSON", name)
		}
	}
}

// TestARepairWithoutTheNoteOfBucketIDsTakesNothingAway: what belongs to the buckets whose
// IDs it should tell of is none of a bucket that is gone.
func TestARepairWithoutTheNoteOfBucketIDsTakesNothingAway(t *testing.T) {
	for name, note := range map[string][]byte{"Missing": nil, "Damaged": {1, 2}, "Behind": make([]byte, 8)} {
		t.Run(name, func(t *testing.T) {
			w, _ := damagedWorld(t)
			if err := w.alice.PutBucketTagging(t.Context(), "bucket", []coffer.Tag{{Key: "a", Value: "b"}}); err != nil {
				t.Fatal(err)
			}
			id, _ := w.upload(t, "under way", coffer.Checksum{})
			w.putPart(t, "under way", id, 1, content(1, 50))
			w.set(t, bucketSequence, note)
			found := w.runCheck(t, true, func(f coffer.Finding) bool { return f.Mend != coffer.MendRemove })
			if want := []string{foundBucketSequence.Code}; !slices.Equal(found, want) {
				t.Errorf("Check = %q, want %q", found, want)
			}
			if found := w.findings(t, true); len(found) != 0 {
				t.Errorf("Check after a repair = %q, want nothing", found)
			}
			if tags, err := w.alice.BucketTagging(t.Context(), "bucket"); err != nil || len(tags) != 1 {
				t.Errorf("BucketTagging after a repair = %v, %v, want one tag", tags, err)
			}
			if _, err := w.alice.ListParts(t.Context(), "bucket", "under way", id, 0, 10); err != nil {
				t.Errorf("ListParts after a repair = %v", err)
			}
			if b, err := w.alice.CreateBucket(t.Context(), "another", "auto"); err != nil || b.ID == 1 {
				t.Errorf("CreateBucket after a repair = %d, %v, want an ID of its own", b.ID, err)
			}
		})
	}
}

// TestARepairWithoutTheRecordOfABucketLeavesWhatBelongsToIt, for who restores the record.
func TestARepairWithoutTheRecordOfABucketLeavesWhatBelongsToIt(t *testing.T) {
	w, _ := damagedWorld(t)
	if err := w.alice.PutBucketTagging(t.Context(), "bucket", []coffer.Tag{{Key: "a", Value: "b"}}); err != nil {
		t.Fatal(err)
	}
	id, _ := w.upload(t, "under way", coffer.Checksum{})
	w.putPart(t, "under way", id, 1, content(1, 50))
	b, _ := w.row(t, "blob")
	w.set(t, bucketKey("bucket"), nil)
	for range 2 {
		w.runCheck(t, true, func(f coffer.Finding) bool { return f.Mend != coffer.MendRemove })
	}
	w.set(t, bucketKey("bucket"), encodeBucket(b))
	w.runCheck(t, true, func(f coffer.Finding) bool { return f.Code == foundCount.Code || f.Code == foundBucketList.Code })
	if found := w.findings(t, true); len(found) != 0 {
		t.Errorf("Check with the record back = %q, want nothing", found)
	}
	if tags, err := w.alice.BucketTagging(t.Context(), "bucket"); err != nil || len(tags) != 1 {
		t.Errorf("BucketTagging with the record back = %v, %v, want one tag", tags, err)
	}
	if p, err := w.alice.ListParts(t.Context(), "bucket", "under way", id, 0, 10); err != nil || len(p.Parts) != 1 {
		t.Errorf("ListParts with the record back = %v, %v, want one part", p, err)
	}
}
