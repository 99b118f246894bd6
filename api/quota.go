package api

import (
	"coffer"
	"coffer/objects"
)

// Quota is how much an account, a bucket or an access key may have, as JSON.
type Quota struct {
	Bytes             int64 `json:"bytes" doc:"Bytes stored, the parts of uploads in progress included; 0 is no limit."`
	Objects           int64 `json:"objects" doc:"Objects, with all versions and delete markers; 0 is no limit."`
	Buckets           int64 `json:"buckets" doc:"Buckets of an account; 0 is 10,000. Always 0 for a bucket."`
	RequestsPerSecond int64 `json:"requests_per_second" doc:"S3 requests per second; 0 is what the server's settings say. Always 0 for a bucket."`
}

// Use is how much of a quota is taken, as JSON.
type Use struct {
	Bytes       int64 `json:"bytes" doc:"Bytes of objects."`
	Objects     int64 `json:"objects"`
	Buckets     int64 `json:"buckets"`
	UploadBytes int64 `json:"upload_bytes" doc:"Bytes of the parts of uploads in progress."`
}

// AccountQuota is the quota of an account and how much of it is used.
type AccountQuota struct {
	Account coffer.AccountID `json:"account"`
	Quota   Quota            `json:"quota"`
	Used    Use              `json:"used"`
	// Keys has the access keys of the account with a limit of their own.
	Keys map[string]int64 `json:"key_requests_per_second" doc:"Requests per second of the access keys, by ID, that have a limit of their own."`
}

// BucketQuota is the quota of a bucket and how much of it is used.
type BucketQuota struct {
	Bucket  coffer.BucketName `json:"bucket"`
	Account coffer.AccountID  `json:"account"`
	Quota   Quota             `json:"quota"`
	Used    Use               `json:"used"`
}

// ChangeQuotaInput is the body of PATCH /v1/accounts/{account}/quota and
// PATCH /v1/buckets/{bucket}/quota. What is left out stays as it is.
type ChangeQuotaInput struct {
	Bytes             *int64 `json:"bytes,omitempty" doc:"0 takes the limit away, as in the others."`
	Objects           *int64 `json:"objects,omitempty"`
	Buckets           *int64 `json:"buckets,omitempty" doc:"Of an account only."`
	RequestsPerSecond *int64 `json:"requests_per_second,omitempty" doc:"Of an account or one of its keys only."`
	// Key names the access key whose requests per second are meant.
	Key string `json:"key,omitempty" doc:"ID or Access Key ID of the key of this account whose requests_per_second are meant; left out, those of the account."`
}

func (in ChangeQuotaInput) change() coffer.QuotaChange {
	return coffer.QuotaChange{Bytes: in.Bytes, Objects: in.Objects, Buckets: in.Buckets, RequestsPerSecond: in.RequestsPerSecond}
}

func quotaOf(q coffer.Quota) Quota {
	return Quota{Bytes: q.Bytes, Objects: q.Objects, Buckets: q.Buckets, RequestsPerSecond: q.RequestsPerSecond}
}

func useOf(u coffer.Use) Use {
	return Use{Bytes: u.Bytes, Objects: u.Objects, Buckets: u.Buckets, UploadBytes: u.UploadBytes}
}

// objects is the objects service for who manages, and not what is in a bucket:
// keys do not.
func (q *request) objects() (objects.Session, error) {
	if q.Objects == nil {
		return objects.Session{}, coffer.Errorf(coffer.NotImplemented, "this server has no buckets")
	}
	if q.caller.Key != "" {
		return objects.Session{}, coffer.Errorf(coffer.AccessDenied, "access keys do not manage quotas and jobs: sign in to the console")
	}
	return q.Objects.As(coffer.Actor{Account: q.caller.Account, Caller: q.caller}), nil
}

func (q *request) getAccountQuota(none, none) (AccountQuota, error) {
	s, err := q.objects()
	if err != nil {
		return AccountQuota{}, err
	}
	a, err := q.account(q.r.PathValue("account"))
	if err != nil {
		return AccountQuota{}, err
	}
	return q.accountQuota(s, a.ID)
}

func (q *request) accountQuota(s objects.Session, account coffer.AccountID) (AccountQuota, error) {
	quota, used, err := s.AccountQuota(q.ctx(), account)
	if err != nil {
		return AccountQuota{}, err
	}
	byKey, err := s.KeyQuotas(q.ctx(), account)
	out := AccountQuota{Account: account, Quota: quotaOf(quota), Used: useOf(used), Keys: map[string]int64{}}
	for id, k := range byKey {
		out.Keys[string(id)] = k.RequestsPerSecond
	}
	return out, err
}

func (q *request) changeAccountQuota(_ none, in ChangeQuotaInput) (AccountQuota, error) {
	s, err := q.objects()
	if err != nil {
		return AccountQuota{}, err
	}
	a, err := q.account(q.r.PathValue("account"))
	if err != nil {
		return AccountQuota{}, err
	}
	if in.Key != "" {
		key, err := q.keys().Get(q.ctx(), in.Key)
		if err == nil && key.Account != a.ID {
			err = coffer.Errorf(coffer.NoSuchKeyRecord, "the account %s has no access key %.128q", a.ID, in.Key)
		}
		if err == nil {
			_, err = s.ChangeKeyQuota(q.ctx(), a.ID, key.ID, in.change())
		}
		if err != nil {
			return AccountQuota{}, err
		}
	} else if _, err := s.ChangeAccountQuota(q.ctx(), a.ID, in.change()); err != nil {
		return AccountQuota{}, err
	}
	return q.accountQuota(s, a.ID)
}

func (q *request) getBucketQuota(none, none) (BucketQuota, error) {
	s, name, err := q.bucket()
	if err != nil {
		return BucketQuota{}, err
	}
	return q.bucketQuota(s, name)
}

// bucket is the bucket that the path names.
func (q *request) bucket() (objects.Session, coffer.BucketName, error) {
	s, err := q.objects()
	if err != nil {
		return s, "", err
	}
	name, err := coffer.ParseBucketName(q.r.PathValue("bucket"))
	if err != nil {
		return s, "", coffer.Errorf(coffer.NoSuchBucket, "there is no bucket %.64q", q.r.PathValue("bucket"))
	}
	return s, name, nil
}

func (q *request) bucketQuota(s objects.Session, name coffer.BucketName) (BucketQuota, error) {
	b, quota, used, err := s.BucketQuota(q.ctx(), name)
	return BucketQuota{Bucket: b.Name, Account: b.Account, Quota: quotaOf(quota), Used: useOf(used)}, err
}

func (q *request) changeBucketQuota(_ none, in ChangeQuotaInput) (BucketQuota, error) {
	s, name, err := q.bucket()
	if err != nil {
		return BucketQuota{}, err
	}
	if in.Key != "" {
		return BucketQuota{}, coffer.Errorf(coffer.InvalidArgument, "the quota of a key belongs to its account")
	}
	if err := s.ChangeBucketQuota(q.ctx(), name, in.change()); err != nil {
		return BucketQuota{}, err
	}
	return q.bucketQuota(s, name)
}
