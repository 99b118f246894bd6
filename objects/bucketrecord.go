package objects

import (
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

const bucketVersion = 1

func bucketKey(name coffer.BucketName) []byte {
	return meta.Key(meta.PrefixBucket, []byte(name))
}

func accountBucketKey(account coffer.AccountID, name coffer.BucketName) []byte {
	return meta.Key(meta.PrefixAccountBucket, meta.KeyText(string(account)), []byte(name))
}

// Which counter of a bucket or an account a counter key names.
const (
	countObjects = 'o'
	countBytes   = 'b' // of all versions
	countParts   = 'p' // bytes of parts that are in no object yet
	countUploads = 'u' // in progress

	// What is below PrefixVersion, delete markers too; and its bytes, of a bucket only.
	countVersions     = 'v'
	countVersionBytes = 'w'
)

func countKey(id coffer.BucketID, which byte) []byte {
	return meta.Key(meta.PrefixBucketCount, meta.KeyUint64(uint64(id)), []byte{which})
}

func encodeBucket(b coffer.Bucket) []byte {
	r := meta.NewRecord(bucketVersion)
	r.Text(1, string(b.Name))
	r.Int(2, int64(b.ID))
	r.Text(3, string(b.Account))
	r.Text(4, b.Region)
	r.Time(5, b.Created)
	r.Int(6, int64(b.Configs))
	r.Int(7, b.Revision)
	r.Int(10, int64(b.Versioning))
	r.Int(11, intOf(b.ObjectLock))
	r.Text(20, string(b.Owner))
	return r.Bytes()
}

// intOf writes a flag as a number.
func intOf(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

func decodeBucket(value []byte) (coffer.Bucket, error) {
	var b coffer.Bucket
	err := meta.ReadRecord(value, bucketVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			b.Name = coffer.BucketName(f.Text())
		case 2:
			b.ID = coffer.BucketID(f.Int())
		case 3:
			b.Account = coffer.AccountID(f.Text())
		case 4:
			b.Region = f.Text()
		case 5:
			b.Created = f.Time()
		case 6:
			b.Configs = uint32(f.Int())
		case 7:
			b.Revision = f.Int()
		case 10:
			b.Versioning = coffer.Versioning(f.Int())
		case 11:
			b.ObjectLock = f.Int() != 0
		case 20:
			b.Owner = coffer.CanonicalID(f.Text())
		default:
			return f.Unknown()
		}
		return nil
	})
	switch {
	case err != nil:
	case b.ID == 0 || b.Account == "":
		err = errors.New("it has no ID or no account")
	case b.Versioning > coffer.VersioningSuspended, b.ObjectLock && b.Versioning != coffer.VersioningEnabled:
		// Taken for a bucket that keeps no versions, a write would destroy one.
		err = fmt.Errorf("its versioning is %d, its object lock %t: this cannot be", b.Versioning, b.ObjectLock)
	}
	if err != nil {
		return b, fmt.Errorf("bucket record: %w", err)
	}
	return b, nil
}

func readBucket(r meta.Reader, name coffer.BucketName) (coffer.Bucket, error) {
	value, err := r.Get(bucketKey(name))
	if err != nil {
		return coffer.Bucket{}, err
	}
	return decodeBucket(value)
}
