//lint:file-ignore SA1019 most programs still have the transfer manager of feature/s3/manager.

package compat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestGoSDK(t *testing.T) {
	t.Parallel()
	conform(t, program{connect: func(t *testing.T, to target) client { return newGoSDK(t, to) }, virtual: true})
}

// goSDK is aws-sdk-go-v2 with its transfer manager.
type goSDK struct {
	ctx context.Context
	s3  *s3.Client
}

func newGoSDK(t *testing.T, to target) goSDK {
	t.Helper()
	return goSDK{t.Context(), s3.New(s3.Options{
		BaseEndpoint: &to.endpoint, Region: region, UsePathStyle: !to.virtualHost,
		Credentials: credentials.NewStaticCredentialsProvider(to.id, to.secret, ""),
		HTTPClient:  &http.Client{Transport: transport(t, to)},
	})}
}

// transport trusts the target's authority, and finds every name below localhost
// on this machine as RFC 6761 has it, whatever the machine's resolver does.
func transport(t *testing.T, to target) *http.Transport {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, "localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
	if to.caFile != "" {
		pem, err := os.ReadFile(to.caFile)
		if err != nil {
			t.Fatal(err)
		}
		tr.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		tr.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (c goSDK) MakeBucket(bucket string) error {
	_, err := c.s3.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: &bucket})
	return err
}

func (c goSDK) Put(bucket, key, file string, h headers) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = manager.NewUploader(c.s3).Upload(c.ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: f, Metadata: h.Metadata,
		ContentType: some(h.ContentType), CacheControl: some(h.CacheControl), ContentDisposition: some(h.ContentDisposition),
	})
	return err
}

// some is a value that is only sent when there is one.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (c goSDK) Get(bucket, key, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = manager.NewDownloader(c.s3).Download(c.ctx, f, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	return errors.Join(err, f.Close())
}

func (c goSDK) Head(bucket, key string) (headers, error) {
	out, err := c.s3.HeadObject(c.ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return headers{}, err
	}
	return headers{aws.ToString(out.ContentType), aws.ToString(out.CacheControl), aws.ToString(out.ContentDisposition), out.Metadata}, nil
}

// List decodes names itself: this SDK leaves encoding-type to its caller.
func (c goSDK) List(bucket, prefix, delimiter string, page int) (l listing, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, Delimiter: some(delimiter), EncodingType: types.EncodingTypeUrl}
	if page > 0 {
		in.MaxKeys = aws.Int32(int32(page))
	}
	for pages := s3.NewListObjectsV2Paginator(c.s3, in); pages.HasMorePages(); {
		out, err := pages.NextPage(c.ctx)
		if err != nil {
			return l, err
		}
		for _, o := range out.Contents {
			key, err := url.QueryUnescape(*o.Key)
			if err != nil {
				return l, err
			}
			l.Keys = append(l.Keys, key)
		}
		for _, p := range out.CommonPrefixes {
			prefix, err := url.QueryUnescape(*p.Prefix)
			if err != nil {
				return l, err
			}
			l.Prefixes = append(l.Prefixes, prefix)
		}
	}
	return l, nil
}

func (c goSDK) Copy(bucket, from, to string) error {
	source := bucket + "/" + url.QueryEscape(from) // the SDK wants it encoded
	_, err := c.s3.CopyObject(c.ctx, &s3.CopyObjectInput{Bucket: &bucket, Key: &to, CopySource: &source})
	return err
}

func (c goSDK) Delete(bucket string, keys []string) error {
	many, single := split(keys, xmlText)
	for _, key := range single {
		if _, err := c.s3.DeleteObject(c.ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(many, 1000) {
		var ids []types.ObjectIdentifier
		for _, key := range some {
			ids = append(ids, types.ObjectIdentifier{Key: aws.String(key)})
		}
		out, err := c.s3.DeleteObjects(c.ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: ids}})
		if err != nil {
			return err
		}
		if len(out.Errors) > 0 || len(out.Deleted) != len(some) {
			return fmt.Errorf("deleted %d of %d, with %d errors", len(out.Deleted), len(some), len(out.Errors))
		}
	}
	return nil
}

func (c goSDK) PresignGet(bucket, key string) (string, error) {
	out, err := s3.NewPresignClient(c.s3).PresignGetObject(c.ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	return out.URL, nil
}

func (c goSDK) PresignPut(bucket, key string) (string, error) {
	out, err := s3.NewPresignClient(c.s3).PresignPutObject(c.ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	return out.URL, nil
}

// Cannot finds nothing: this SDK sends every key.
func (c goSDK) Cannot(string) string { return "" }

// oracle looks at the server beside the client under test, and prepares what
// that shall find.
type oracle struct{ goSDK }

// newOracle always speaks path style, so that it has no bug in common with a
// client that does not.
func newOracle(t *testing.T, to target) oracle {
	t.Helper()
	to.virtualHost = false
	return oracle{newGoSDK(t, to)}
}

func (o oracle) stat(t *testing.T, bucket, key string) (etag string, size int64) {
	t.Helper()
	out, err := o.s3.HeadObject(o.ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ETag, *out.ContentLength
}

func (o oracle) list(t *testing.T, bucket string) []string {
	t.Helper()
	l, err := o.List(bucket, "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return l.Keys
}

func (o oracle) put(t *testing.T, bucket, key, file string) {
	t.Helper()
	if err := o.Put(bucket, key, file, headers{}); err != nil {
		t.Fatal(err)
	}
}

// fill makes small objects, many at a time.
func (o oracle) fill(t *testing.T, bucket string, keys []string) {
	t.Helper()
	todo, failed := make(chan string, len(keys)), make(chan error, len(keys))
	for _, key := range keys {
		todo <- key
	}
	close(todo)
	const workers = 32
	done := make(chan struct{}, workers)
	for range workers {
		go func() {
			for key := range todo {
				_, err := o.s3.PutObject(o.ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)})
				if err != nil {
					failed <- err
				}
			}
			done <- struct{}{}
		}()
	}
	for range workers {
		<-done
	}
	close(failed)
	for err := range failed {
		t.Fatalf("put %d keys: %v", len(keys), err)
	}
}
