package objects

import (
	"context"

	"coffer"
)

// needRecrypt is a copy whose bytes must be read and encrypted in another way
// before it can go on.
type needRecrypt struct{ as *coffer.Encryption }

func (needRecrypt) Error() string { return "the source is not encrypted as the copy shall be" }

// recrypted is the bytes of a copy's source, stored again.
type recrypted struct {
	stored
	of       bodyID // the source's; zero if nothing was stored
	etag     string
	checksum coffer.Checksum
	as       *coffer.Encryption
}

// recrypt reads the source of a copy and stores it as the target shall be. It is
// one body then, as if it had been put: S3 makes no parts of a copy.
func (s Session) recrypt(ctx context.Context, in CopyInput, as *coffer.Encryption) (again recrypted, err error) {
	c, r, err := s.Source(ctx, GetInput{Bucket: in.SourceBucket, Key: in.SourceKey, Version: in.SourceVersion, CustomerKey: in.SourceCustomerKey})
	if err != nil {
		return again, err
	}
	defer r.Close()
	key, err := s.newKey(ctx, as, in.Encryption.CustomerKey)
	if err != nil {
		return again, err
	}
	alg := in.Checksum
	if alg == "" {
		alg = c.Checksum.Algorithm
	}
	d := newDigester(r, alg, coffer.PutSizeMax)
	again = recrypted{of: c.body.id, as: as}
	if again.stored, err = s.store(ctx, d, c.Size, key); err != nil {
		return again, err
	}
	if err := d.verify(Digests{}, c.Size); err != nil {
		s.abandon(ctx, again.stored, err)
		return again, err
	}
	again.etag, again.checksum = d.etagOf(as, key), d.checksum()
	return again, nil
}

// drop gives back what was stored for a copy, unless it came to be the copy: the
// source may have changed meanwhile, so that these bytes were not wanted.
func (s Session) drop(ctx context.Context, again recrypted) {
	s.done(again.stored)
	s.abandon(ctx, again.stored, needRecrypt{again.as})
}

// fill makes o an object of the bytes.
func (again recrypted) fill(o *row) {
	o.body, o.Size, o.ETag, o.Checksum, o.Encryption = again.body, again.size, again.etag, again.checksum, again.as
	o.PartsCount = 0
}

// sameKey tells whether what is encrypted as e can be left so where it shall be as
// want, which has no key yet; customer is that of want.
func sameKey(e, want *coffer.Encryption, customer coffer.Secret) bool {
	switch {
	case e == nil || want == nil:
		return e == want
	case e.Kind != want.Kind:
		return false
	case e.Kind == coffer.SSEC:
		return opens(e, customer)
	}
	return e.KMSKey == want.KMSKey && e.Context == want.Context
}

// resealed is e as another object has it that shares its bytes.
func resealed(e, want *coffer.Encryption) *coffer.Encryption {
	if e == nil {
		return nil
	}
	shared := *e
	shared.BucketKey = want.BucketKey
	return &shared
}
