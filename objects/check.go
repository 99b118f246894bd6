package objects

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"coffer"
	"coffer/meta"
)

// CheckInput says how much a check looks at, and who hears of it.
type CheckInput struct {
	// Data says that every byte is read and compared with its checksum, too.
	Data bool
	// Scratch makes a file for what does not fit into memory.
	Scratch func() (Scratch, error)
	// Account tells whether an account exists; nil if nobody knows.
	Account func(meta.Reader, coffer.AccountID) (bool, error)
	// Found hears of each finding. mend writes in a transaction what mends it, if that
	// still has to be; nil if nothing can be done.
	Found func(f coffer.Finding, mend func(meta.Tx) error) error
}

// Checked is how much a check looked at.
type Checked struct {
	Buckets  int64 `json:"buckets"`
	Objects  int64 `json:"objects"`
	Versions int64 `json:"versions"`
	Uploads  int64 `json:"uploads"`
	Blobs    int64 `json:"blobs"`
	Bytes    int64 `json:"bytes" doc:"Read and compared with their checksums."`
}

// Check goes through every record of buckets, objects and uploads as r has them, and
// through all blobs, and compares each with what it leads to. It holds the buckets
// in memory, and streams all else in order, so that what is to be joined meets. Each
// error is one that kept it from checking.
func (s *Service) Check(ctx context.Context, r meta.Reader, in CheckInput) (Checked, error) {
	c := &checker{Service: s, CheckInput: in, ctx: ctx, reader: r, buckets: map[coffer.BucketID]*checkedBucket{},
		accounts: map[coffer.AccountID]*sums{}, events: map[string]*[2]int64{}, copies: map[coffer.BucketID]*int64{},
		bodies: newSorter(in.Scratch), blobs: newSorter(in.Scratch), uploads: newSorter(in.Scratch)}
	defer c.bodies.Close()
	defer c.blobs.Close()
	defer c.uploads.Close()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"buckets", c.checkBuckets}, {"configurations", c.checkConfigs}, {"objects", c.checkObjects}, {"versions", c.checkVersions},
		{"uploads", c.checkUploads}, {"parts", c.checkParts}, {"garbage", c.checkGarbage}, {"bodies", c.checkBodies},
		{"blobs", c.checkBlobs}, {"events", c.checkEvents}, {"replications", c.checkReplications}, {"counters", c.checkCounters}, {"key of objects", c.checkObjectKey},
	} {
		if err := step.do(); err != nil {
			return c.sum, fmt.Errorf("check %s: %w", step.name, err)
		}
	}
	return c.sum, nil
}

// checker is one check on its way.
type checker struct {
	*Service
	CheckInput
	ctx    context.Context
	reader meta.Reader
	sum    Checked

	buckets  map[coffer.BucketID]*checkedBucket
	accounts map[coffer.AccountID]*sums
	events   map[string]*[2]int64       // by webhook: waiting and given up
	copies   map[coffer.BucketID]*int64 // replications that wait

	bodies  *sorter // which object has which body
	blobs   *sorter // who names which blob
	uploads *sorter
	// unsure says that a record was found which cannot be read, so that nothing may be
	// taken for a leftover, nor a counter for wrong.
	unsure bool
	sealed bool // an object is encrypted under the key of the instance
}

// checkedBucket is a bucket, and what counting its records gives.
type checkedBucket struct {
	coffer.Bucket
	sums sums
}

// counters are the letters of the counters, in the order of sums.
const counters = string(countObjects) + string(countBytes) + string(countParts) + string(countVersions) + string(countUploads) + string(countVersionBytes)

type sums [len(counters)]int64

// The places in sums.
const (
	sumObjects = iota
	sumBytes
	sumParts
	sumVersions
	sumUploads
	sumVersionBytes
)

// walk goes through all records with a prefix.
func (c *checker) walk(prefix []byte, fn func(key, value []byte) error) error {
	return meta.Each(c.ctx, c.reader, prefix, fn)
}

// found reports a finding about a record.
func (c *checker) found(k coffer.FindingKind, key []byte, detail string, mend func(meta.Tx) error) error {
	return c.Found(c.about(k, key).Because(detail), mend)
}

// about begins a finding about a record, and says whose it is as far as its key does.
func (c *checker) about(k coffer.FindingKind, key []byte) coffer.Finding {
	f := k.In(describe(key)...)
	if len(key) < 9 {
		return f
	}
	rest := string(key[9:])
	switch key[0] {
	case meta.PrefixObject, meta.PrefixNullVersion:
		f.Key = rest
	case meta.PrefixVersion:
		if object, position, err := splitVersionKey(rest); err == nil {
			f.Key, f.Version = object, position
		}
	case meta.PrefixUpload:
		f.Key, _, _ = cutNUL(rest)
	case meta.PrefixBucketConfig, meta.PrefixBucketCount:
	default:
		return f
	}
	if b := c.buckets[bucketIDOf(key)]; b != nil {
		f.Account, f.Bucket = b.Account, b.Name
	}
	return f
}

// describe writes the parts of a key as text.
func describe(key []byte) []string {
	parts := []string{string(key[:1])}
	rest := key[1:]
	switch key[0] {
	case meta.PrefixObject, meta.PrefixVersion, meta.PrefixNullVersion, meta.PrefixUpload, meta.PrefixBucketConfig, meta.PrefixBucketCount, meta.PrefixReplicationCount:
		if len(rest) >= 8 {
			parts, rest = append(parts, strconv.FormatUint(uint64(bucketIDOf(key)), 10)), rest[8:]
		}
	case meta.PrefixData, meta.PrefixManifest, meta.PrefixBodyRefs:
		return append(parts, hex.EncodeToString(rest))
	case meta.PrefixGarbage:
		if len(rest) >= 8 {
			rest = rest[8:]
		}
	}
	return append(parts, strconv.Quote(string(rest)))
}

// HasKey tells whether r has the key under which the keys of objects are wrapped.
func HasKey(r meta.Reader) (bool, error) { return meta.Has(r, instanceKeyKey()) }
