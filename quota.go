package coffer

// Quota is how much an account, a bucket or an access key may have. A zero is no
// limit of its own.
type Quota struct {
	// Bytes bounds what is stored: objects, and the parts of uploads in progress.
	Bytes int64
	// Objects bounds how many objects there are, with all versions and delete markers.
	Objects int64
	// Buckets bounds how many buckets an account has; zero is 10,000.
	Buckets int64
	// RequestsPerSecond bounds the S3 requests of an account or an access key; zero
	// is what the server's settings say.
	RequestsPerSecond int64
}

// Check refuses a quota that cannot be.
func (q Quota) Check() error {
	if min(q.Bytes, q.Objects, q.Buckets, q.RequestsPerSecond) < 0 {
		return Errorf(InvalidArgument, "a quota is a number from 1 on, or 0 for none: got %d bytes, %d objects, %d buckets, %d requests per second",
			q.Bytes, q.Objects, q.Buckets, q.RequestsPerSecond)
	}
	return nil
}

// QuotaChange is what to change of a quota; nil leaves a limit as it is.
type QuotaChange struct{ Bytes, Objects, Buckets, RequestsPerSecond *int64 }

// Apply returns q with the change made.
func (c QuotaChange) Apply(q Quota) Quota {
	for _, f := range [...]struct {
		to   *int64
		from *int64
	}{{&q.Bytes, c.Bytes}, {&q.Objects, c.Objects}, {&q.Buckets, c.Buckets}, {&q.RequestsPerSecond, c.RequestsPerSecond}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return q
}

// Use is how much of a quota is taken.
type Use struct {
	Bytes   int64
	Objects int64
	Buckets int64
	// UploadBytes are those of the parts of uploads in progress. They count for
	// Quota.Bytes beside Bytes.
	UploadBytes int64
}
