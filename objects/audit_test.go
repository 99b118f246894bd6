package objects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

// audit reads all of the metadata and checks that it agrees with itself and with
// the disk: every record is reached from an object or upload, shares and counters are what
// counting gives, every named blob exists and is owned. With clean, nothing else
// is there.
func (w *world) audit(t testing.TB, clean bool) {
	t.Helper()
	if found := w.findings(t, true); len(found) > 0 {
		t.Errorf("Check() of a store that nothing happened to found %q", found)
	}
	a := auditor{kinds: map[byte]map[string]bool{}, shares: map[bodyID]int{}, counts: map[string]int64{},
		named: map[blob.Ref]int{}, garbage: map[blob.Ref]bool{}, condemned: map[blob.Ref]bool{},
		nulls: map[string]string{}, pointers: map[string]string{}}
	if err := w.store.Store.View(t.Context(), func(r meta.Reader) error { return a.read(t, r) }); err != nil {
		t.Fatalf("audit: %v", err)
	}
	onDisk := map[blob.Ref]bool{}
	for info, err := range w.disk.List(t.Context(), "") {
		if err != nil {
			t.Fatalf("List() = %v", err)
		}
		onDisk[info.Ref] = true
	}
	for ref, n := range a.named {
		if n != 1 || !onDisk[ref] || a.garbage[ref] {
			t.Errorf("blob %s: named %d times, on disk %t, garbage %t", ref, n, onDisk[ref], a.garbage[ref])
		}
	}
	if clean && (len(onDisk) != len(a.named) || len(a.garbage) != 0) {
		t.Errorf("after reclaim: %d blobs on disk, %d named, %d garbage", len(onDisk), len(a.named), len(a.garbage))
	}
	for kind, left := range a.kinds {
		for key := range left {
			t.Errorf("record %c %q belongs to nothing", kind, key)
		}
	}
}

type auditor struct {
	kinds     map[byte]map[string]bool // records that nothing has asked for yet
	shares    map[bodyID]int
	counts    map[string]int64
	named     map[blob.Ref]int
	garbage   map[blob.Ref]bool
	condemned map[blob.Ref]bool
	nulls     map[string]string // where the null versions are, and where the records say
	pointers  map[string]string
}

// take marks a record as belonging to something.
func (a *auditor) take(t testing.TB, key []byte) {
	if !a.kinds[key[0]][string(key)] {
		t.Errorf("record %q is missing, or is taken twice", key)
	}
	delete(a.kinds[key[0]], string(key))
}

func (a *auditor) read(t testing.TB, r meta.Reader) error {
	var rows []row
	buckets := map[coffer.BucketID]coffer.AccountID{}
	uploads := map[coffer.UploadID]func(int64){}
	it := r.Iter(nil, nil)
	defer it.Close()
	for it.Next() {
		key := slices.Clone(it.Key())
		value, err := it.Value()
		if err != nil {
			return err
		}
		switch key[0] {
		case meta.PrefixBucket:
			b, err := decodeBucket(value)
			if err != nil {
				return err
			}
			buckets[b.ID] = b.Account
		case meta.PrefixBucketConfig:
			// Buckets come first.
			if id := bucketIDOf(key); buckets[id] == "" {
				t.Errorf("configuration %c of the bucket %d, which is gone", key[9], id)
			}
		case meta.PrefixObject:
			o, err := decodeRow(string(key[9:]), value)
			if err != nil {
				return err
			}
			rows = append(rows, o)
			a.add(bucketIDOf(key), buckets, countObjects, 1)
			a.add(bucketIDOf(key), buckets, countBytes, o.Size)
		case meta.PrefixVersion:
			k, position, err := splitVersionKey(string(key[9:]))
			if err != nil {
				return err
			}
			o, err := decodeRow(k, value)
			if err != nil {
				return err
			}
			if o.position() != position {
				t.Errorf("version %s of %q stands at %s", o.VersionID, k, position)
			}
			rows = append(rows, o)
			a.add(bucketIDOf(key), buckets, countVersions, 1)
			a.counts[string(countKey(bucketIDOf(key), countVersionBytes))] += o.Size
			a.add(bucketIDOf(key), buckets, countBytes, o.Size)
			if o.VersionID == "" {
				a.nulls[string(nullVersionKey(bucketIDOf(key), k))] = position
			}
			a.newest(t, r, bucketIDOf(key), o)
		case meta.PrefixNullVersion:
			// In the order of the prefixes these come first.
			a.pointers[string(key)] = string(value)
		case meta.PrefixUpload:
			k, id, err := splitUploadKey(key[9:])
			if err != nil {
				return err
			}
			u, err := decodeUpload(k, id, value)
			if err != nil {
				return err
			}
			a.add(bucketIDOf(key), buckets, countUploads, intOf(u.counted))
			uploads[id] = func(n int64) { a.add(bucketIDOf(key), buckets, countParts, n) }
		case meta.PrefixGarbage:
			ref := blob.Ref(key[9:])
			a.garbage[ref], a.condemned[ref] = len(value) > 0, len(value) == 0
			if len(value) == 0 {
				delete(a.garbage, ref)
			}
		case meta.PrefixData, meta.PrefixManifest, meta.PrefixBodyRefs, meta.PrefixPart, meta.PrefixBlobOwner, meta.PrefixBucketCount, meta.PrefixQuota:
			if key[0] == meta.PrefixQuota && !bytes.Contains(key, []byte{0, 'n'}) {
				continue
			}
			if a.kinds[key[0]] == nil {
				a.kinds[key[0]] = map[string]bool{}
			}
			a.kinds[key[0]][string(key)] = true
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	if !maps.Equal(a.nulls, a.pointers) {
		t.Errorf("null versions are %v, recorded %v", a.nulls, a.pointers)
	}
	return a.follow(t, r, rows, uploads)
}

// newest checks that the current object, if there is one, is newer than o, and that
// there is one unless a delete marker is the newest.
func (a *auditor) newest(t testing.TB, r meta.Reader, id coffer.BucketID, o row) {
	current, err := currentRow(r, id, o.Key)
	if err != nil {
		t.Error(err)
	}
	newest, err := newestOther(r, id, o.Key)
	if err != nil {
		t.Error(err)
	}
	if current != nil && (current.position() >= o.position() || !current.Modified.After(o.Modified)) || current == nil && !newest.DeleteMarker {
		t.Errorf("%q is %v, with the other version %s", o.Key, current, o.VersionID)
	}
}

func (a *auditor) follow(t testing.TB, r meta.Reader, rows []row, uploads map[coffer.UploadID]func(int64)) error {
	for _, o := range rows {
		if o.body.kind == bodyInline {
			a.take(t, dataKey(o.body.id))
			continue
		}
		if a.shares[o.body.id]++; o.body.kind == bodyEmpty || a.shares[o.body.id] > 1 {
			continue
		}
		pieces, err := o.body.pieces(r, o.Size)
		if err != nil {
			return err
		}
		for _, p := range pieces {
			a.named[p.ref]++
		}
		for page := range o.body.pages {
			a.take(t, manifestKey(o.body.id, page))
		}
		n, err := bodyRefs(r, o.body.id)
		if err != nil {
			return err
		}
		if n > 1 {
			a.take(t, refsKey(o.body.id))
		}
		shared := 0
		for _, other := range rows {
			if other.body.id == o.body.id {
				shared++
			}
		}
		if int(n) != shared {
			t.Errorf("body of %q: %d references are recorded, %d objects have it", o.Key, n, shared)
		}
	}
	for id, count := range uploads {
		all, err := allParts(r, id)
		if err != nil {
			return err
		}
		for number, p := range all {
			a.take(t, partKey(id, number))
			count(p.Size)
			a.named[p.ref]++
		}
	}
	for ref := range a.named {
		a.take(t, blobOwnerKey(ref))
	}
	for ref := range maps.Keys(a.garbage) {
		a.take(t, blobOwnerKey(ref))
	}
	for ref := range a.condemned {
		if a.condemned[ref] {
			a.take(t, blobOwnerKey(ref))
		}
	}
	return a.count(t, r)
}

// add counts something of a bucket, for it and its account.
func (a *auditor) add(id coffer.BucketID, owners map[coffer.BucketID]coffer.AccountID, which byte, n int64) {
	a.counts[string(countKey(id, which))] += n
	a.counts[string(accountCountKey(owners[id], which))] += n
}

func (a *auditor) count(t testing.TB, r meta.Reader) error {
	counters := maps.Clone(a.kinds[meta.PrefixQuota])
	if counters == nil {
		counters = map[string]bool{}
	}
	maps.Copy(counters, a.kinds[meta.PrefixBucketCount])
	for key := range counters {
		value, err := r.Get([]byte(key))
		if err != nil {
			return err
		}
		n, err := meta.Counter(value)
		if err != nil {
			return err
		}
		if n != a.counts[key] {
			return fmt.Errorf("counter %q is %d, counting gives %d", key, n, a.counts[key])
		}
		delete(a.counts, key)
	}
	for key, n := range a.counts {
		if n != 0 {
			return fmt.Errorf("counter %q is missing, counting gives %d", key, n)
		}
	}
	delete(a.kinds, meta.PrefixBucketCount)
	delete(a.kinds, meta.PrefixQuota)
	return nil
}
