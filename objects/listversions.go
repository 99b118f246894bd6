package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"coffer"
	"coffer/meta"
)

// ListVersionsInput says which part of a bucket's versions to list.
type ListVersionsInput struct {
	Bucket    coffer.BucketName
	Prefix    string
	Delimiter string
	// After is the key or common prefix behind which the page begins. With
	// AfterVersion it begins behind that version of the key.
	After        string
	AfterVersion string
	Max          int
}

// ListedVersion is a version as a list shows it.
type ListedVersion struct {
	coffer.Object
	// Latest says that it is the newest of its key.
	Latest bool
}

// VersionsPage is one page, by key and then from the newest version to the oldest.
type VersionsPage struct {
	Bucket   coffer.Bucket
	Versions []ListedVersion
	Prefixes []string
	// Next and NextVersion are what After and AfterVersion must be for the next page;
	// Next is "" if this is the last, NextVersion if the page ended with a prefix.
	Next        string
	NextVersion string
}

// ListVersions reads a page of versions and delete markers. Like List it skips what
// lies below a common prefix.
func (s Session) ListVersions(ctx context.Context, in ListVersionsInput) (VersionsPage, error) {
	var page VersionsPage
	if in.AfterVersion != "" {
		if err := coffer.CheckVersionID(in.AfterVersion); err != nil {
			return page, err
		}
	}
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		page = VersionsPage{}
		b, err := s.bucket(r, in.Bucket, coffer.ListBucketVersions, in.Prefix)
		if err != nil {
			return err
		}
		page.Bucket = b
		if in.Max <= 0 || strings.Contains(in.Prefix, "\x00") { // no key has a NUL
			return nil
		}
		w := &versionWalk{reader: r, bucket: b, in: in, page: &page}
		if err := w.run(); err != nil {
			return err
		}
		enforced, err := s.enforced(r, b)
		for i := range page.Versions {
			if enforced {
				page.Versions[i].ACL = nil // all that is here belongs to the bucket's owner
			}
		}
		return err
	})
	return page, err
}

// versionWalk goes through two ranges at once: the current objects, and all other
// versions. The keys of the latter continue with a NUL and a position, so those of a
// key stand behind its current object and before every other key.
type versionWalk struct {
	reader meta.Reader
	bucket coffer.Bucket
	in     ListVersionsInput
	page   *VersionsPage

	current, others side
	latest          string // the key whose newest version was passed
}

// side is one of the two ranges, and where it stands.
type side struct {
	meta.Iter
	base []byte
	ok   bool
}

func (s *side) rest() string { return string(s.Key()[len(s.base):]) }

func (w *versionWalk) run() (err error) {
	w.current = w.side(objectKey(w.bucket.ID, ""))
	defer func() { err = errors.Join(err, w.current.Close()) }()
	if w.bucket.Versioning != coffer.VersioningUnset {
		w.others = w.side(versionsPrefix(w.bucket.ID))
		defer func() { err = errors.Join(err, w.others.Close()) }()
	}
	if err := w.begin(); err != nil {
		return err
	}
	var last struct{ key, version string }
	for n := 0; ; n++ {
		key, err := w.next()
		if err != nil || key == "" {
			return err
		}
		if n == w.in.Max {
			w.page.Next, w.page.NextVersion = last.key, last.version
			return nil
		}
		if common, rolled := w.rollUp(key); rolled {
			w.page.Prefixes = append(w.page.Prefixes, common)
			last.key, last.version = common, ""
			w.seekPast(common)
			continue
		}
		if err := w.take(key); err != nil {
			return err
		}
		taken := w.page.Versions[len(w.page.Versions)-1]
		last.key, last.version = key, coffer.VersionName(taken.VersionID)
	}
}

// side opens a range of keys that begin with the wanted prefix.
func (w *versionWalk) side(base []byte) side {
	low := append(bytes.Clone(base), w.in.Prefix...)
	return side{Iter: w.reader.Iter(low, meta.PrefixEnd(low)), base: base}
}

// both are the ranges that there are.
func (w *versionWalk) both() []*side {
	if w.others.Iter == nil {
		return []*side{&w.current}
	}
	return []*side{&w.current, &w.others}
}

// begin goes to the first version behind the markers.
func (w *versionWalk) begin() error {
	after, _, _ := strings.Cut(w.in.After, "\x00")
	if after == "" || after < w.in.Prefix {
		for _, side := range w.both() {
			side.ok = side.Next()
		}
		return nil
	}
	if common, rolled := w.rollUp(after); rolled {
		w.seekPast(common)
		return nil
	}
	w.current.ok = w.current.SeekGE(objectKey(w.bucket.ID, after+"\x00"))
	if w.others.Iter == nil {
		return nil
	}
	w.others.ok = w.others.SeekGE(append(append(bytes.Clone(w.others.base), after...), 1))
	if w.in.AfterVersion == "" {
		return nil
	}
	return w.resume(after, w.in.AfterVersion)
}

// resume goes to the version of key behind the one named. One that is gone still
// has its place, but null has none then, and all of the key counts as passed.
func (w *versionWalk) resume(key, version string) error {
	o, err := findVersion(w.reader, w.bucket, key, version)
	if err != nil || o == nil && version == coffer.NullVersion {
		return err
	}
	position := version
	if o != nil {
		position = o.position()
	}
	current, err := currentRow(w.reader, w.bucket.ID, key)
	if err != nil {
		return err
	}
	if current != nil && current.position() > position {
		// It became current when the one named was removed.
		w.current.ok = w.current.SeekGE(objectKey(w.bucket.ID, key))
	}
	newest, err := newestOther(w.reader, w.bucket.ID, key)
	if err != nil {
		return err
	}
	if current != nil && current.position() <= position || newest != nil && newest.position() <= position {
		w.latest = key
	}
	low := versionKey(w.bucket.ID, key, position)
	if w.others.ok = w.others.SeekGE(low); w.others.ok && bytes.Equal(w.others.Key(), low) {
		w.others.ok = w.others.Next()
	}
	return nil
}

// next is the key of the next version; "" if there is none.
func (w *versionWalk) next() (string, error) {
	for _, side := range w.both() {
		if !side.ok {
			if err := side.Err(); err != nil {
				return "", err
			}
		}
	}
	if !w.others.ok {
		if !w.current.ok {
			return "", nil
		}
		return w.current.rest(), nil
	}
	key, _, err := splitVersionKey(w.others.rest())
	if err != nil {
		return "", fmt.Errorf("list: %x: %w", w.others.Key(), err)
	}
	if w.current.ok {
		key = min(key, w.current.rest())
	}
	return key, nil
}

// take shows the next version, which is of key.
func (w *versionWalk) take(key string) error {
	side := &w.others
	if w.current.ok && w.current.rest() == key {
		side = &w.current
	}
	value, err := side.Value()
	if err != nil {
		return err
	}
	o, err := decodeListed(key, value)
	if err != nil {
		return err
	}
	w.page.Versions = append(w.page.Versions, ListedVersion{o, w.latest != key})
	w.latest = key
	side.ok = side.Next()
	return nil
}

// seekPast goes to the first key behind all that begin with common.
func (w *versionWalk) seekPast(common string) {
	for _, side := range w.both() {
		end := meta.PrefixEnd(append(bytes.Clone(side.base), common...))
		side.ok = end != nil && side.SeekGE(end)
	}
}

// rollUp tells whether key is shown as a common prefix, and which.
func (w *versionWalk) rollUp(key string) (string, bool) {
	return walk{prefix: w.in.Prefix, delimiter: w.in.Delimiter}.rollUp(key)
}
