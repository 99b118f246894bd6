package s3

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"coffer"
)

// getBucketTagging answers GetBucketTagging.
func (q *request) getBucketTagging() error {
	tags, err := q.session.BucketTagging(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	return q.sendTags(tags)
}

// putBucketTagging answers PutBucketTagging.
func (q *request) putBucketTagging() error {
	if err := q.requireDigest(); err != nil {
		return err
	}
	tags, err := q.readTags()
	if err != nil {
		return err
	}
	if err := q.session.PutBucketTagging(q.ctx, q.bucket, tags); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// deleteBucketTagging answers DeleteBucketTagging.
func (q *request) deleteBucketTagging() error {
	if err := q.session.DeleteBucketTagging(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// getObjectTagging answers GetObjectTagging.
func (q *request) getObjectTagging() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	c, err := q.session.ObjectTagging(q.ctx, q.bucket, q.key, version)
	if err != nil {
		return err
	}
	q.writeVersion(versionOf(c))
	return q.sendTags(c.Tags)
}

// putObjectTagging answers PutObjectTagging.
func (q *request) putObjectTagging() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	tags, err := q.readTags()
	if err != nil {
		return err
	}
	if version, err = q.session.PutObjectTagging(q.ctx, q.bucket, q.key, version, tags); err != nil {
		return err
	}
	q.writeVersion(version)
	return q.ok(http.StatusOK)
}

// deleteObjectTagging answers DeleteObjectTagging.
func (q *request) deleteObjectTagging() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	if version, err = q.session.DeleteObjectTagging(q.ctx, q.bucket, q.key, version); err != nil {
		return err
	}
	q.writeVersion(version)
	return q.ok(http.StatusNoContent)
}

func (q *request) sendTags(tags []coffer.Tag) error {
	d := newDoc("Tagging", namespace)
	d.begin("TagSet")
	for _, t := range tags {
		d.begin("Tag")
		d.text("Key", t.Key)
		d.text("Value", t.Value)
		d.end()
	}
	return q.send(http.StatusOK, d)
}

// readTags reads the body of PutBucketTagging and PutObjectTagging.
func (q *request) readTags() ([]coffer.Tag, error) {
	n, err := q.readXML("Tagging")
	if err != nil {
		return nil, err
	}
	q.tags, err = parseTagging(n)
	return q.tags, err
}

func parseTagging(n *node) ([]coffer.Tag, error) {
	if err := n.only("TagSet"); err != nil {
		return nil, err
	}
	if len(n.children) == 0 {
		// AWS was recorded to take it for an empty set, which its schema does not have.
		return parseTagSet(n)
	}
	return parseTagSet(n.children[0])
}

// parseTagSet reads the element that has the tags in it.
func parseTagSet(set *node) ([]coffer.Tag, error) {
	if err := set.only("Tag*"); err != nil {
		return nil, err
	}
	if strings.TrimSpace(set.value) != "" {
		return nil, malformed("a TagSet has Tag elements and no text")
	}
	var tags []coffer.Tag
	for _, c := range set.children {
		if err := errors.Join(c.only("Key", "Value"), c.leaves()); err != nil {
			return nil, err
		}
		key, hasKey := c.get("Key")
		value, hasValue := c.get("Value")
		if !hasKey || !hasValue {
			return nil, malformed("a Tag has a Key and a Value")
		}
		tags = append(tags, coffer.Tag{Key: key, Value: value})
	}
	return tags, nil
}

// taggingHeader reads the x-amz-tagging header: tags as a query, of which none
// may be named twice. A query has no order, and AWS keeps none: they are sorted.
func (q *request) taggingHeader() ([]coffer.Tag, error) {
	header := q.r.Header.Get("X-Amz-Tagging")
	tags, ok := parseTagQuery(header)
	if !ok {
		return nil, coffer.Errorf(coffer.InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "+
			"parameters without tag name duplicates.").With("ArgumentName", "x-amz-tagging").With("ArgumentValue", header)
	}
	return tags, nil
}

func parseTagQuery(s string) ([]coffer.Tag, bool) {
	if s == "" {
		return nil, true
	}
	var tags []coffer.Tag
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if strings.Contains(value, "=") {
			return nil, false // two tags with something else between them
		}
		key, err := url.QueryUnescape(key)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		if key == "" || seen[key] {
			return nil, false
		}
		seen[key] = true
		tags = append(tags, coffer.Tag{Key: key, Value: value})
	}
	slices.SortFunc(tags, func(a, b coffer.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, true
}
