package objects

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"coffer"
	"coffer/meta"
)

// checkBuckets reads all buckets, and the lists of those of each account.
func (c *checker) checkBuckets() error {
	highest, err := c.checkInstance()
	if err != nil {
		return err
	}
	err = c.walk([]byte{meta.PrefixBucket}, func(key, value []byte) error {
		b, err := decodeBucket(value)
		if err != nil || string(b.Name) != string(key[1:]) {
			c.unsure = true
			return c.found(foundBucket, key, fmt.Sprintf("%v, its name is %q", err, b.Name), nil)
		}
		return c.checkBucket(key, b, &highest)
	})
	if err != nil {
		return err
	}
	return c.walk([]byte{meta.PrefixAccountBucket}, func(key, value []byte) error {
		account, name, ok := bytes.Cut(key[1:], []byte{0})
		row, err := meta.Peek(c.reader, bucketKey(coffer.BucketName(name)))
		if err != nil {
			return err
		}
		b, err := decodeBucket(row)
		if row != nil && err != nil || ok && err == nil && string(b.Account) == string(account) {
			return nil // a bucket that cannot be read was found before
		}
		return c.found(foundBucketListed, key, "", meta.Drop(key, value))
	})
}

// checkInstance reads the records of the instance that objects writes, and returns
// the highest bucket ID given out.
func (c *checker) checkInstance() (highest uint64, err error) {
	value, err := meta.Peek(c.reader, bucketSequence)
	if err != nil {
		return 0, err
	}
	switch len(value) {
	case 0:
	case 8:
		highest = binary.BigEndian.Uint64(value)
	default:
		// No ID is above it, so that it is told of once.
		highest = math.MaxUint64
		if err := c.found(foundBucketSequence, bucketSequence, fmt.Sprintf("it says %x", value), mendSequence); err != nil {
			return 0, err
		}
	}
	for _, prefix := range [][]byte{lifecycleKey, scrubKey} {
		err := c.walk(prefix, func(key, value []byte) error {
			if bad := readProgress(key, value); bad != nil {
				return c.found(foundProgress, key, bad.Error(), meta.Drop(key, value))
			}
			return nil
		})
		if err != nil {
			return highest, err
		}
	}
	return highest, nil
}

// readProgress reads a record that says how far a job is, or what it found.
func readProgress(key, value []byte) (err error) {
	found, ok := bytes.CutPrefix(key, scrubFound)
	switch {
	case bytes.Equal(key, lifecycleKey):
		_, err = decodeProgress(value)
	case bytes.Equal(key, scrubKey):
		_, err = decodeScrub(value)
	case ok:
		_, err = decodeScrubFinding(found, value)
	}
	return err
}

func (c *checker) checkBucket(key []byte, b coffer.Bucket, highest *uint64) error {
	c.sum.Buckets++
	if other := c.buckets[b.ID]; other != nil {
		c.unsure = true
		return c.found(foundBucketID, key, fmt.Sprintf("its ID is %d, and that of %s", b.ID, other.Name), nil)
	}
	if uint64(b.ID) > *highest {
		detail := fmt.Sprintf("the ID of %s is %d, the highest that is noted %d", b.Name, b.ID, *highest)
		*highest = math.MaxUint64
		if err := c.found(foundBucketSequence, bucketSequence, detail, mendSequence); err != nil {
			return err
		}
	}
	c.buckets[b.ID] = &checkedBucket{Bucket: b}
	if c.accounts[b.Account] == nil {
		c.accounts[b.Account] = &sums{}
		if c.Account != nil {
			ok, err := c.Account(c.reader, b.Account)
			if err == nil && !ok {
				err = c.found(foundBucketAccount, key, "the account is "+string(b.Account), nil)
			}
			if err != nil {
				return err
			}
		}
	}
	list := accountBucketKey(b.Account, b.Name)
	listed, err := meta.Has(c.reader, list)
	if err == nil && !listed {
		name, account := b.Name, b.Account
		err = c.found(foundBucketList, key, "", func(tx meta.Tx) error {
			if now, err := readBucket(tx, name); err != nil || now.Account != account {
				return err
			}
			return tx.Set(list, nil)
		})
	}
	for set := b.Configs; set != 0 && err == nil; set &= set - 1 {
		kind := configKind('a' + bits.TrailingZeros32(set))
		var ok bool
		if ok, err = meta.Has(c.reader, configKey(b.ID, kind)); err == nil && !ok {
			err = c.found(foundConfig, configKey(b.ID, kind), "it is missing", nil)
		}
	}
	return err
}

// gone tells whether a bucket that has no record is gone. One with objects is not: its
// record is lost, and what belongs to it stays for when that is back.
func (c *checker) gone(id coffer.BucketID) (bool, error) {
	if c.unsure {
		return false, nil
	}
	for _, prefix := range [][]byte{objectKey(id, ""), versionsPrefix(id)} {
		if found, err := holdsAny(c.reader, prefix); err != nil || found {
			return false, err
		}
	}
	return true, nil
}

// mendSequence notes the highest ID of all buckets, in one step: a bucket may be made
// right behind it.
func mendSequence(tx meta.Tx) error {
	var highest uint64
	if value, err := tx.Get(bucketSequence); err == nil && len(value) == 8 {
		highest = binary.BigEndian.Uint64(value)
	} else if err != nil && !errors.Is(err, meta.ErrNotFound) {
		return err
	}
	it := tx.Iter([]byte{meta.PrefixBucket}, []byte{meta.PrefixBucket + 1})
	defer it.Close()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		b, err := decodeBucket(value)
		if err != nil {
			return err
		}
		highest = max(highest, uint64(b.ID))
	}
	if err := it.Err(); err != nil {
		return err
	}
	return tx.Set(bucketSequence, binary.BigEndian.AppendUint64(nil, highest))
}

// configReaders read each kind of configuration as its requests do.
var configReaders = map[configKind]func([]byte) error{
	configACL:          reads[coffer.ACL],
	configAcceleration: reads[coffer.Acceleration],
	configCORS:         reads[[]coffer.CORSRule],
	configEncryption:   reads[coffer.BucketEncryption],
	configLifecycle:    reads[coffer.Lifecycle],
	configLock:         reads[coffer.ObjectLock],
	configLogging:      reads[coffer.BucketLogging],
	configNotification: reads[[]coffer.NotificationRule],
	configOwnership:    reads[ownershipConfig],
	configPayment:      reads[coffer.Payer],
	configPolicy:       reads[bucketPolicy],
	configPublicAccess: reads[publicAccessConfig],
	configQuota:        reads[coffer.Quota],
	configReplication:  reads[coffer.Replication],
	configTagging:      reads[[]coffer.Tag],
	configWebsite:      reads[coffer.Website],
}

func reads[T any](value []byte) error {
	_, err := decodeConfig[T](value)
	return err
}

func (c *checker) checkConfigs() error {
	return c.walk([]byte{meta.PrefixBucketConfig}, func(key, value []byte) error {
		if len(key) != 10 {
			return c.found(foundConfigLeft, key, "the key of the record is malformed", meta.Drop(key, value))
		}
		b, kind := c.buckets[bucketIDOf(key)], configKind(key[9])
		switch {
		case b == nil:
			gone, err := c.gone(bucketIDOf(key))
			if err != nil || !gone {
				return err
			}
			return c.found(foundConfigLeft, key, "", meta.Drop(key, value))
		case configNames[kind] == "":
			return c.found(foundConfig, key, fmt.Sprintf("there is no configuration %q", kind), nil)
		case b.Configs&kind.bit() == 0:
			return c.found(foundConfigBit, key, configNames[kind], nil)
		}
		read := configReaders[kind]
		if read == nil {
			read = reads[json.RawMessage]
		}
		if err := read(value); err != nil {
			return c.found(foundConfig, key, err.Error(), nil)
		}
		return nil
	})
}
