package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// requestTimeout bounds one request; none carries more than a file.
	requestTimeout = 5 * time.Minute
	attemptsMax    = 6
	retryPause     = 250 * time.Millisecond
	// lockEvery is how often whoever has a bucket locked shows that they live, and
	// lockAge after which silence another may lock it.
	lockEvery = 20 * time.Second
	lockAge   = 2 * time.Minute
	// locksFolder has one file for each who is at work in a bucket.
	locksFolder = "locks/"
)

// bucket is a Store below a prefix of a bucket of any S3 service.
type bucket struct {
	client         *s3.Client
	name, prefix   string // the prefix is empty or ends in a slash
	dest           string
	lockEvery, age time.Duration
	pause          time.Duration // before a body that was cut is asked for again; it doubles each time

	alive atomic.Pointer[time.Time] // when whoever has it locked last showed that they live; nil without a lock
}

// openBucket opens s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path. With an
// endpoint, the region is auto and the style path unless they are named.
func openBucket(dest string, getenv func(string) string) (Store, error) {
	u, err := url.Parse(dest)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		// It is not quoted, since it may have a key in it.
		return nil, errors.New("that is no place for backups: write it as s3://BUCKET/PREFIX?endpoint=https://HOST, without a key in it")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the parameters of the place cannot be read: %w", err)
	}
	for name := range query {
		if name != "endpoint" && name != "region" && name != "style" {
			return nil, fmt.Errorf("%.200q has the parameter %q: there are endpoint, region and style", dest, name)
		}
	}
	endpoint, style := query.Get("endpoint"), query.Get("style")
	if e, err := url.Parse(endpoint); endpoint != "" && (err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "") {
		return nil, fmt.Errorf("the endpoint of %.200q must be https://HOST or http://HOST", dest)
	}
	region := cmp.Or(query.Get("region"), getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if endpoint != "" {
		region, style = cmp.Or(query.Get("region"), "auto"), cmp.Or(style, "path")
	}
	switch {
	case region == "":
		return nil, fmt.Errorf("%.200q names no region: add ?region=NAME, or an endpoint", dest)
	case style != "" && style != "path" && style != "virtual":
		return nil, fmt.Errorf("the style of %.200q must be path or virtual", dest)
	}
	id, secret := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
	if id == "" || secret == "" {
		return nil, errors.New("no access key for the bucket: set COFFER_BACKUP_ACCESS_KEY_ID and COFFER_BACKUP_SECRET_ACCESS_KEY")
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	opt := s3.Options{
		Region:           region,
		Credentials:      credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN")),
		UsePathStyle:     style == "path",
		HTTPClient:       awshttp.NewBuildableClient().WithTimeout(requestTimeout),
		RetryMaxAttempts: attemptsMax,
		// Requests are signed with the digest of what they carry, and files are
		// authenticated; not every service knows more.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if endpoint != "" {
		opt.BaseEndpoint = aws.String(strings.TrimRight(endpoint, "/"))
	}
	return &bucket{client: s3.New(opt), name: u.Host, prefix: prefix, dest: "s3://" + u.Host + "/" + prefix, lockEvery: lockEvery, age: lockAge, pause: retryPause}, nil
}

func (b *bucket) String() string { return b.dest }

func (b *bucket) key(name string) *string { return aws.String(b.prefix + name) }

// Get implements Store. The client asks again where there was no answer, and nobody else
// where its body was cut: a restore of a million files would hardly ever come to its end.
func (b *bucket) Get(ctx context.Context, name string) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		data, err := b.get(ctx, name)
		if _, ok := errors.AsType[cutError](err); !ok || attempt == attemptsMax {
			return data, err
		}
		pause := time.NewTimer(b.pause << attempt)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, err
		}
	}
}

// cutError is of a body that did not come to its end.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

func (b *bucket) get(ctx context.Context, name string) ([]byte, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(name)})
	if err != nil {
		if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
			return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
		}
		return nil, b.failed("read", name, err)
	}
	defer out.Body.Close()
	data, err := readAll(out.Body, name)
	if err != nil && !errors.Is(err, ErrDamaged) {
		err = cutError{err}
	}
	return data, err
}

// Put implements Store.
func (b *bucket) Put(ctx context.Context, name string, data []byte) error {
	if err := b.mayChange(name); err != nil {
		return err
	}
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: b.key(name), Body: bytes.NewReader(data),
		ContentLength: aws.Int64(int64(len(data)))})
	if err != nil {
		return b.failed("write", name, err)
	}
	return nil
}

// Delete implements Store.
func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := b.mayChange(name); err != nil {
		return err
	}
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: b.key(name)}); err != nil {
		return b.failed("delete", name, err)
	}
	return nil
}

// failed is an error of the service as a sentence, without its stack of retries.
func (b *bucket) failed(doing, name string, err error) error {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok && e.HTTPStatusCode() == http.StatusForbidden {
		return fmt.Errorf("%s %s%s: the access key may not, or it is not the right one: %w", doing, b.dest, name, err)
	}
	return fmt.Errorf("%s %s%s: %w", doing, b.dest, name, err)
}

// List implements Store, a page at a time.
func (b *bucket) List(ctx context.Context, folder string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.objects(ctx, folder) {
			if !yield(o.name, err) {
				return
			}
		}
	}
}

type object struct {
	name     string
	modified time.Time
}

func (b *bucket) objects(ctx context.Context, folder string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: b.key(folder)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(object{}, b.failed("list", folder, err))
				return
			}
			for _, o := range page.Contents {
				name := strings.TrimPrefix(aws.ToString(o.Key), b.prefix)
				if !yield(object{name, aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

// Lock implements Store. Whoever locks writes a file and then looks for those of
// others, so of two at the same time at least one gives up. All times are the
// service's.
func (b *bucket) Lock(ctx context.Context) (context.Context, func(), error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	mine := locksFolder + hex.EncodeToString(random[:])
	began := time.Now()
	if err := b.Put(ctx, mine, []byte("coffer backup is at work\n")); err != nil {
		return nil, nil, err
	}
	unlock := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		_ = b.Delete(ctx, mine) // what stays is not counted when it is old
	}
	if err := b.others(ctx, mine); err != nil {
		unlock()
		return nil, nil, err
	}
	b.alive.Store(&began)
	locked, cancel := context.WithCancelCause(ctx)
	var alive sync.WaitGroup
	alive.Go(func() { b.keepLock(locked, cancel, mine) })
	return locked, func() {
		cancel(nil)
		alive.Wait()
		b.alive.Store(nil)
		unlock()
	}, nil
}

// lost is an error if so much time has passed since whoever has the lock last showed that
// they live that another may have it soon, or has had it: the process may have been
// suspended, and the machine asleep.
func (b *bucket) lost() error {
	alive := b.alive.Load()
	if alive == nil {
		return nil
	}
	now := time.Now()
	// One of the two clocks stands still while a machine sleeps.
	silence := max(now.Sub(*alive), now.Round(0).Sub(alive.Round(0)))
	if silence <= b.age/2 {
		return nil
	}
	return fmt.Errorf("the lock of %s was not kept for %s, and another may be at work there: begin again", b.dest, silence.Round(time.Second))
}

// mayChange keeps who has lost the lock from changing what is somebody else's to change
// now.
func (b *bucket) mayChange(name string) error {
	if strings.HasPrefix(name, locksFolder) {
		return nil
	}
	return b.lost()
}

// others looks whether somebody else is at work.
func (b *bucket) others(ctx context.Context, mine string) error {
	var all []object
	var now time.Time
	for o, err := range b.objects(ctx, locksFolder) {
		if err != nil {
			return err
		}
		if o.name == mine {
			now = o.modified
		} else {
			all = append(all, o)
		}
	}
	if now.IsZero() {
		return fmt.Errorf("the lock that was written to %s is not in its list", b.dest)
	}
	for _, o := range all {
		if age := now.Sub(o.modified); age < b.age {
			return fmt.Errorf("another backup or prune is at work in %s, or was cut short: wait for its end, or %s from its last sign of life (%s ago)",
				b.dest, b.age, max(age, 0).Round(time.Second))
		}
		if err := b.Delete(ctx, o.name); err != nil {
			return err
		}
	}
	return nil
}

// keepLock writes the lock again and again. When that fails for too long, another
// may have taken the bucket, so the work ends.
func (b *bucket) keepLock(ctx context.Context, cancel context.CancelCauseFunc, mine string) {
	tick := time.NewTicker(b.lockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := b.lost(); err != nil {
			cancel(err)
			return
		}
		began := time.Now()
		try, done := context.WithTimeout(ctx, b.age/2)
		err := b.Put(try, mine, []byte("coffer backup is at work\n"))
		done()
		switch {
		case err == nil:
			b.alive.Store(&began)
		case b.lost() != nil:
			cancel(fmt.Errorf("the lock of %s cannot be kept: %w", b.dest, err))
			return
		}
	}
}
