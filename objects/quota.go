package objects

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// Quotas are exact: a write that counts reads the sums in its own transaction, so
// that of two which fit alone and not together one is refused, on any node. The
// price is paid by the writes of an account or bucket that has a quota: they are
// put in order, though they still share their syncs. Without one nothing is read
// but that there is none, and the sums are counters that never conflict.

// quotaPrefix is the start of what there is about the quota of an account.
func quotaPrefix(account coffer.AccountID) []byte {
	return meta.Key(meta.PrefixQuota, meta.KeyText(string(account)))
}

// accountQuotaKey is of the account's own quota, keyQuotaKey of that of one of its
// access keys, accountCountKey of one of its sums.
func accountQuotaKey(account coffer.AccountID) []byte { return append(quotaPrefix(account), 'q') }

func keyQuotaKey(account coffer.AccountID, key coffer.KeyID) []byte {
	return append(append(quotaPrefix(account), 'k'), key...)
}

func accountCountKey(account coffer.AccountID, which byte) []byte {
	return append(quotaPrefix(account), 'n', which)
}

const quotaVersion = 1

func encodeQuota(q coffer.Quota) []byte {
	r := meta.NewRecord(quotaVersion)
	r.Int(1, q.Bytes)
	r.Int(2, q.Objects)
	r.Int(3, q.Buckets)
	r.Int(4, q.RequestsPerSecond)
	return r.Bytes()
}

func decodeQuota(value []byte) (coffer.Quota, error) {
	var q coffer.Quota
	err := meta.ReadRecord(value, quotaVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			q.Bytes = f.Int()
		case 2:
			q.Objects = f.Int()
		case 3:
			q.Buckets = f.Int()
		case 4:
			q.RequestsPerSecond = f.Int()
		default:
			return f.Unknown()
		}
		return nil
	})
	return q, errors.Join(err, q.Check())
}

// readQuota reads the quota under key; a missing one is the zero Quota.
func readQuota(r meta.Reader, key []byte) (coffer.Quota, error) {
	value, err := r.Get(key)
	if errors.Is(err, meta.ErrNotFound) {
		return coffer.Quota{}, nil
	}
	if err != nil {
		return coffer.Quota{}, err
	}
	return decodeQuota(value)
}

// bucketQuota reads the quota of a bucket, which is one of its configurations.
func (s *Service) bucketQuota(r meta.Reader, b coffer.Bucket) (coffer.Quota, error) {
	q, err := readConfig[coffer.Quota](s, r, b, configQuota)
	if err != nil || q == nil {
		return coffer.Quota{}, err
	}
	return *q, nil
}

// withinQuota refuses a write that adds objects and bytes to a bucket if that
// passes the quota of the bucket or of its account.
func (s *Service) withinQuota(r meta.Reader, b coffer.Bucket, objects, bytes int64) error {
	if objects <= 0 && bytes <= 0 {
		return nil
	}
	return s.eachQuota(r, b, func(l limit) error { return l.checkUse(objects, bytes) })
}

// admitUpload refuses to begin an upload if as many are in progress as there may be
// objects. An object that is there may be written anew by one, so it is none besides.
func (s *Service) admitUpload(r meta.Reader, b coffer.Bucket) error {
	return s.eachQuota(r, b, func(l limit) error {
		if l.Objects == 0 {
			return nil
		}
		n, err := l.used(countUploads)
		if err == nil && n >= l.Objects {
			err = l.refused(fmt.Sprintf("%d objects, and as many uploads may be in progress: complete or abort some.", l.Objects), l.Objects, n, 1)
		}
		return err
	})
}

// limit is the quota of a bucket or of an account, with what is used of it.
type limit struct {
	coffer.Quota
	noun, name string
	used       func(which byte) (int64, error)
}

// eachQuota hands the quotas that hold in a bucket to check.
func (s *Service) eachQuota(r meta.Reader, b coffer.Bucket, check func(limit) error) error {
	q, err := s.bucketQuota(r, b)
	if err != nil {
		return err
	}
	if err := check(limit{q, "bucket", string(b.Name), func(which byte) (int64, error) { return readCount(r, b.ID, which) }}); err != nil {
		return err
	}
	if q, err = readQuota(r, accountQuotaKey(b.Account)); err != nil {
		return err
	}
	return check(limit{q, "account", string(b.Account), func(which byte) (int64, error) {
		return meta.ReadCounter(r, accountCountKey(b.Account, which))
	}})
}

// checkUse compares a quota with what is used, and what is asked for besides. It reads
// only what has a limit.
func (l limit) checkUse(objects, bytes int64) error {
	if l.Objects > 0 && objects > 0 {
		n, err := l.used(countObjects)
		if err != nil {
			return err
		}
		versions, err := l.used(countVersions)
		if err != nil {
			return err
		}
		if n += versions; n > l.Objects-objects {
			return l.over("objects", l.Objects, n, objects)
		}
	}
	if l.Bytes > 0 && bytes > 0 {
		n, err := l.used(countBytes)
		if err != nil {
			return err
		}
		parts, err := l.used(countParts)
		if err != nil {
			return err
		}
		if n += parts; n > l.Bytes-bytes {
			return l.over("bytes", l.Bytes, n, bytes)
		}
	}
	return nil
}

func (l limit) over(unit string, most, used, asked int64) error {
	return l.refused(fmt.Sprintf("%d %s: %d are used, and this request needs %d more. Deletes of what is there still work.", most, unit, used, asked),
		most, used, asked)
}

func (l limit) refused(why string, most, used, asked int64) error {
	return coffer.Errorf(coffer.QuotaExceeded, "The quota of the %s %s is %s", l.noun, l.name, why).
		With("Limit", strconv.FormatInt(most, 10)).With("Used", strconv.FormatInt(used, 10)).With("Requested", strconv.FormatInt(asked, 10))
}

// admitQuota refuses a write that cannot succeed before its bytes are sent. size
// is -1 if nobody knows yet.
func (s *Service) admitQuota(r meta.Reader, b coffer.Bucket, key string, size int64) error {
	q, err := readQuota(r, accountQuotaKey(b.Account))
	if err != nil || b.Configs&configQuota.bit() == 0 && q.Bytes == 0 && q.Objects == 0 {
		return err
	}
	old, err := currentRow(r, b.ID, key)
	if err != nil {
		return err
	}
	objects, bytes := int64(1), max(size, 0)
	if old != nil && b.Versioning != coffer.VersioningEnabled {
		objects, bytes = 0, bytes-old.Size
	}
	return s.withinQuota(r, b, objects, bytes)
}

// admitPartQuota is admitQuota for a part.
func (s *Service) admitPartQuota(r meta.Reader, b coffer.Bucket, in PartInput) error {
	bytes := in.Size
	if bytes > 0 {
		value, err := r.Get(partKey(in.Upload, in.Number))
		if err == nil {
			old, err := decodePart(in.Number, value)
			if err != nil {
				return err
			}
			bytes -= old.Size
		} else if !errors.Is(err, meta.ErrNotFound) {
			return err
		}
	}
	return s.withinQuota(r, b, 0, bytes)
}

// bucketsMax is how many buckets the account may have.
func bucketsMax(r meta.Reader, account coffer.AccountID) (int64, error) {
	q, err := readQuota(r, accountQuotaKey(account))
	if err != nil || q.Buckets == 0 {
		return BucketsMax, err
	}
	return q.Buckets, nil
}

// AccountQuota reads the quota of an account and how much of it is used, for who
// belongs to it and for operators.
func (s Session) AccountQuota(ctx context.Context, account coffer.AccountID) (q coffer.Quota, u coffer.Use, err error) {
	if !s.actor.Caller.Operator && (s.actor.Anonymous() || s.actor.Account != account) {
		return q, u, &coffer.Error{Code: coffer.AccessDenied}
	}
	owner := s.As(coffer.Actor{Account: account})
	err = s.Meta.View(ctx, func(r meta.Reader) (err error) {
		if q, err = readQuota(r, accountQuotaKey(account)); err != nil {
			return err
		}
		if u, err = readUse(func(which byte) (int64, error) { return meta.ReadCounter(r, accountCountKey(account, which)) }); err != nil {
			return err
		}
		for _, err := range owner.bucketNames(r, "", "") {
			if err != nil {
				return err
			}
			u.Buckets++
		}
		return nil
	})
	return q, u, err
}

// readUse gathers sums that used reads.
func readUse(used func(which byte) (int64, error)) (u coffer.Use, err error) {
	for _, c := range [...]struct {
		which byte
		to    *int64
	}{{countBytes, &u.Bytes}, {countObjects, &u.Objects}, {countParts, &u.UploadBytes}} {
		if *c.to, err = used(c.which); err != nil {
			return u, err
		}
	}
	versions, err := used(countVersions)
	u.Objects += versions
	return u, err
}

// ChangeAccountQuota changes the quota of an account that exists. Operators do.
// What is stored already stays, even if it is more than a new limit.
func (s Session) ChangeAccountQuota(ctx context.Context, account coffer.AccountID, c coffer.QuotaChange) (coffer.Quota, error) {
	return s.changeQuota(ctx, account, accountQuotaKey(account), string(account), c)
}

// ChangeKeyQuota is ChangeAccountQuota for one access key of the account: only how
// many requests it may make.
func (s Session) ChangeKeyQuota(ctx context.Context, account coffer.AccountID, key coffer.KeyID, c coffer.QuotaChange) (coffer.Quota, error) {
	if c.Bytes != nil || c.Objects != nil || c.Buckets != nil {
		return coffer.Quota{}, coffer.Errorf(coffer.InvalidArgument, "an access key has a limit of requests per second only: the others are the account's")
	}
	return s.changeQuota(ctx, account, keyQuotaKey(account, key), string(key), c)
}

func (s Session) changeQuota(ctx context.Context, account coffer.AccountID, key []byte, target string, c coffer.QuotaChange) (q coffer.Quota, err error) {
	if !s.actor.Caller.Operator {
		return q, coffer.Errorf(coffer.AccessDenied, "only operators of this instance change quotas")
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		old, err := readQuota(tx, key)
		if err != nil {
			return err
		}
		if q = c.Apply(old); q == old {
			return nil
		}
		if err := q.Check(); err != nil {
			return err
		}
		e := audit.By(ctx, s.actor.Caller, s.now(), account, "account.quota", target)
		e.Before, e.After = quotaFields(old), quotaFields(q)
		if err := audit.Write(tx, e); err != nil {
			return err
		}
		if q == (coffer.Quota{}) {
			return tx.Delete(key)
		}
		return tx.Set(key, encodeQuota(q))
	})
	return q, err
}

func quotaFields(q coffer.Quota) map[string]string {
	fields := map[string]string{}
	for name, n := range map[string]int64{"bytes": q.Bytes, "objects": q.Objects, "buckets": q.Buckets, "requests_per_second": q.RequestsPerSecond} {
		if n != 0 {
			fields[name] = strconv.FormatInt(n, 10)
		}
	}
	return fields
}

// KeyQuotas reads the quotas of an account's access keys, of those that have one.
func (s Session) KeyQuotas(ctx context.Context, account coffer.AccountID) (map[coffer.KeyID]coffer.Quota, error) {
	if !s.actor.Caller.Operator && (s.actor.Anonymous() || s.actor.Account != account) {
		return nil, &coffer.Error{Code: coffer.AccessDenied}
	}
	all := map[coffer.KeyID]coffer.Quota{}
	low := keyQuotaKey(account, "")
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(low, meta.PrefixEnd(low))
		defer it.Close()
		for it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			if all[coffer.KeyID(it.Key()[len(low):])], err = decodeQuota(value); err != nil {
				return err
			}
		}
		return it.Err()
	})
	return all, err
}

// RequestRates is how many requests a second an account and one of its keys may
// make; zero where nobody set it.
func (s *Service) RequestRates(ctx context.Context, account coffer.AccountID, key coffer.KeyID) (ofAccount, ofKey int64, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		a, err := readQuota(r, accountQuotaKey(account))
		if err != nil {
			return err
		}
		k, err := readQuota(r, keyQuotaKey(account, key))
		ofAccount, ofKey = a.RequestsPerSecond, k.RequestsPerSecond
		return err
	})
	return ofAccount, ofKey, err
}
