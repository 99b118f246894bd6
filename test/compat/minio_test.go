package compat

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func TestMinioGo(t *testing.T) {
	t.Parallel()
	conform(t, program{virtual: true, connect: func(t *testing.T, to target) client { return newMinioGo(t, to) }})
}

// minioGo signs each chunk of a body over http, which no AWS SDK does any more.
type minioGo struct {
	ctx context.Context
	c   *minio.Client
}

func newMinioGo(t *testing.T, to target) minioGo {
	t.Helper()
	u, err := url.Parse(to.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	lookup := minio.BucketLookupPath
	if to.virtualHost {
		lookup = minio.BucketLookupDNS
	}
	c, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(to.id, to.secret, ""), Secure: u.Scheme == "https",
		Region: region, BucketLookup: lookup, Transport: transport(t, to), MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return minioGo{t.Context(), c}
}

// coded puts the code into an error's text, where this client leaves it out.
func coded(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", minio.ToErrorResponse(err).Code, err)
}

func (m minioGo) MakeBucket(bucket string) error {
	return coded(m.c.MakeBucket(m.ctx, bucket, minio.MakeBucketOptions{Region: region}))
}

func (m minioGo) Put(bucket, key, file string, h headers) error {
	_, err := m.c.FPutObject(m.ctx, bucket, key, file, minio.PutObjectOptions{
		ContentType: h.ContentType, CacheControl: h.CacheControl, ContentDisposition: h.ContentDisposition, UserMetadata: h.Metadata,
	})
	return coded(err)
}

func (m minioGo) Get(bucket, key, file string) error {
	return coded(m.c.FGetObject(m.ctx, bucket, key, file, minio.GetObjectOptions{}))
}

func (m minioGo) Head(bucket, key string) (headers, error) {
	o, err := m.c.StatObject(m.ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return headers{}, coded(err)
	}
	h := headers{ContentType: o.ContentType, CacheControl: o.Metadata.Get("Cache-Control"),
		ContentDisposition: o.Metadata.Get("Content-Disposition"), Metadata: map[string]string{}}
	for name, value := range o.UserMetadata { // in the case of HTTP headers
		h.Metadata[strings.ToLower(name)] = value
	}
	return h, nil
}

func (m minioGo) List(bucket, prefix, delimiter string, page int) (l listing, err error) {
	if delimiter != "" && delimiter != "/" {
		return l, cannot("minio-go lists by / or not at all")
	}
	opts := minio.ListObjectsOptions{Prefix: prefix, Recursive: delimiter == "", MaxKeys: page}
	for o := range m.c.ListObjects(m.ctx, bucket, opts) {
		if o.Err != nil {
			return l, coded(o.Err)
		}
		if delimiter != "" && o.Key[len(o.Key)-1] == '/' {
			l.Prefixes = append(l.Prefixes, o.Key)
		} else {
			l.Keys = append(l.Keys, o.Key)
		}
	}
	return l, nil
}

// Copy composes large objects out of two ranges, which are parts copied by the
// server; CopyObject would begin with that only above 5 GiB.
func (m minioGo) Copy(bucket, from, to string) error {
	stat, err := m.c.StatObject(m.ctx, bucket, from, minio.StatObjectOptions{})
	if err != nil {
		return coded(err)
	}
	dst, src := minio.CopyDestOptions{Bucket: bucket, Object: to}, minio.CopySrcOptions{Bucket: bucket, Object: from}
	if stat.Size < 16*mib {
		_, err = m.c.CopyObject(m.ctx, dst, src)
		return coded(err)
	}
	first, second := src, src
	first.MatchRange, first.Start, first.End = true, 0, stat.Size/2-1
	second.MatchRange, second.Start, second.End = true, stat.Size/2, stat.Size-1
	_, err = m.c.ComposeObject(m.ctx, dst, first, second)
	return coded(err)
}

func (m minioGo) Delete(bucket string, keys []string) error {
	many, single := split(keys, xmlText)
	for _, key := range single {
		if err := m.c.RemoveObject(m.ctx, bucket, key, minio.RemoveObjectOptions{}); err != nil {
			return coded(err)
		}
	}
	objects := make(chan minio.ObjectInfo, len(many))
	for _, key := range many {
		objects <- minio.ObjectInfo{Key: key}
	}
	close(objects)
	var first error
	for e := range m.c.RemoveObjects(m.ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
		if first == nil {
			first = fmt.Errorf("delete %q: %w", e.ObjectName, coded(e.Err))
		}
	}
	return first
}

func (m minioGo) PresignGet(bucket, key string) (string, error) {
	u, err := m.c.PresignedGetObject(m.ctx, bucket, key, time.Hour, nil)
	if err != nil {
		return "", coded(err)
	}
	return u.String(), nil
}

func (m minioGo) PresignPut(bucket, key string) (string, error) {
	u, err := m.c.PresignedPutObject(m.ctx, bucket, key, time.Hour)
	if err != nil {
		return "", coded(err)
	}
	return u.String(), nil
}

func (m minioGo) Cannot(string) string { return "" }
