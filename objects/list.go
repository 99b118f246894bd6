package objects

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"coffer"
	"coffer/meta"
)

// ListMax is the most that one page of any list holds.
const ListMax = 1000

// ListInput says which part of a bucket to list.
type ListInput struct {
	Bucket    coffer.BucketName
	Prefix    string
	Delimiter string
	// After is the key or common prefix behind which the page begins; "" for the
	// first page. A common prefix is passed with all that lies below it, and so is
	// the one that After lies below, since it stands before After.
	After string
	Max   int
}

// ListPage is one page, its objects and its common prefixes each in byte order.
// Of the attributes of an object it has the storage class only, of its checksum
// not the value, and of its access control list the owner.
type ListPage struct {
	Bucket   coffer.Bucket
	Objects  []coffer.Object
	Prefixes []string
	// Next is what After must be for the next page; "" if this is the last.
	Next string
}

// shortPage is how many objects make it likely that a page will be full.
const shortPage = 64

// List reads a page of objects. It costs in proportion to what the page shows:
// the keys below a common prefix are skipped, not read.
func (s Session) List(ctx context.Context, in ListInput) (ListPage, error) {
	var page ListPage
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		page = ListPage{}
		b, err := s.bucket(r, in.Bucket, coffer.ListBucket, in.Prefix)
		if err != nil {
			return err
		}
		page.Bucket = b
		enforced, err := s.enforced(r, b)
		if err != nil {
			return err
		}
		walk := walk{reader: r, base: objectKey(b.ID, ""), prefix: in.Prefix, delimiter: in.Delimiter,
			after: in.After, max: in.Max}
		page.Prefixes, page.Next, err = walk.run(func(key string, value []byte) error {
			o, err := decodeListed(key, value)
			if n := len(page.Objects); n == shortPage {
				page.Objects = slices.Grow(page.Objects, max(0, min(in.Max, ListMax)-n))
			}
			if enforced {
				o.ACL = nil // all that is here belongs to the bucket's owner
			}
			page.Objects = append(page.Objects, o)
			return err
		})
		return err
	})
	return page, err
}

// walk is a listing of the keys behind base, rolled up at a delimiter.
type walk struct {
	reader            meta.Reader
	base              []byte
	prefix, delimiter string
	after             string
	max               int
	// tailed says that what stands behind a NUL is no part of a key: neither the
	// prefix nor the delimiter is looked for in it.
	tailed bool
}

// run hands each key that is not rolled up to fn, without base.
func (w walk) run(fn func(key string, value []byte) error) (prefixes []string, next string, err error) {
	if w.max <= 0 {
		return nil, "", nil
	}
	low := append(bytes.Clone(w.base), w.prefix...)
	it := w.reader.Iter(low, meta.PrefixEnd(low))
	defer func() {
		if e := it.Close(); err == nil {
			err = e
		}
	}()
	ok := w.seek(it)
	last := ""
	for n := 0; ok; n++ {
		if !bytes.HasPrefix(it.Key(), low) {
			return nil, "", fmt.Errorf("list: key %x is outside %x", it.Key(), low)
		}
		key := string(it.Key()[len(w.base):])
		if n == w.max {
			return prefixes, last, nil
		}
		if common, rolled := w.rollUp(key); rolled {
			prefixes, last = append(prefixes, common), common
			ok = w.seekPast(it, common)
			continue
		}
		value, err := it.Value()
		if err != nil {
			return nil, "", err
		}
		if err := fn(key, value); err != nil {
			return nil, "", err
		}
		last = key
		ok = it.Next()
	}
	return prefixes, "", it.Err()
}

// seek goes to the first key behind after.
func (w walk) seek(it meta.Iter) bool {
	if w.after == "" || w.after < w.prefix {
		return it.Next()
	}
	if common, rolled := w.rollUp(w.after); rolled {
		return w.seekPast(it, common)
	}
	return it.SeekGE(append(append(bytes.Clone(w.base), w.after...), 0))
}

// seekPast goes to the first key behind all that begin with common.
func (w walk) seekPast(it meta.Iter, common string) bool {
	end := meta.PrefixEnd(append(bytes.Clone(w.base), common...))
	return end != nil && it.SeekGE(end)
}

// rollUp tells whether key is shown as a common prefix, and which.
func (w walk) rollUp(key string) (string, bool) {
	if w.tailed {
		key, _, _ = cutNUL(key)
	}
	if w.delimiter == "" || len(key) < len(w.prefix) {
		return "", false
	}
	i := strings.Index(key[len(w.prefix):], w.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(w.prefix)+i+len(w.delimiter)], true
}
