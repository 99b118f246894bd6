package s3

import (
	"net/http"
	"strconv"

	"coffer"
	"coffer/objects"
)

// deleteObject answers DeleteObject.
func (q *request) deleteObject() error {
	d := objects.Doomed{Key: q.key, IfMatch: q.r.Header.Get("If-Match"), Bypass: q.bypass()}
	var err error
	if d.Version, err = q.version(); err != nil {
		return err
	}
	if d.IfModified, err = q.timeHeader("X-Amz-If-Match-Last-Modified-Time"); err != nil {
		return err
	}
	if s := q.r.Header.Get("X-Amz-If-Match-Size"); s != "" {
		if d.IfSize, err = parseSize(s); err != nil {
			return err
		}
	}
	done, err := q.session.Delete(q.ctx, q.bucket, d)
	if err != nil {
		return err
	}
	q.writeVersion(done.VersionID)
	if done.Marker {
		q.w.Header().Set("x-amz-delete-marker", "true")
	}
	return q.ok(http.StatusNoContent)
}

// deleteMax is how many keys one DeleteObjects takes.
const deleteMax = 1000

// deleteObjects answers DeleteObjects.
func (q *request) deleteObjects() error {
	if err := q.requireDigest(); err != nil {
		return err
	}
	n, err := q.readXML("Delete")
	if err != nil {
		return err
	}
	quiet, doomed, err := parseDelete(n)
	if err != nil {
		return err
	}
	for i := range doomed {
		doomed[i].Bypass = q.bypass()
	}
	results, err := q.session.DeleteMany(q.ctx, q.bucket, doomed)
	if err != nil {
		return err
	}
	q.batchDeleted(doomed, results)
	d := q.newLongDoc("DeleteResult")
	for i, o := range doomed {
		if done := results[i]; done.Err != nil {
			a := translate(done.Err)
			d.begin("Error")
			d.text("Key", o.Key)
			d.optional("VersionId", o.Version)
			d.text("Code", a.code)
			d.text("Message", a.message)
			d.end()
		} else if !quiet {
			d.begin("Deleted")
			d.text("Key", o.Key)
			d.optional("VersionId", o.Version)
			if done.Marker {
				d.flag("DeleteMarker", true)
				d.text("DeleteMarkerVersionId", done.VersionID)
			}
			d.end()
		}
	}
	return q.send(http.StatusOK, d)
}

// requireDigest refuses a body that nothing protects (AWS, "DeleteObjects":
// Content-MD5 or a checksum is required). AWS asks it of lifecycles, CORS, tags of
// buckets and locks too, and of no other document, whatever its API's model says: old
// SDKs send none with the tags of an object.
func (q *request) requireDigest() error {
	md5, err := q.contentMD5()
	if err != nil || md5 != nil {
		return err
	}
	sum, err := q.headerChecksum()
	if err == nil && sum.Algorithm == "" {
		err = coffer.Errorf(coffer.InvalidRequest, "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return err
}

func parseDelete(n *node) (quiet bool, doomed []objects.Doomed, err error) {
	if err := n.only("Quiet", "Object*"); err != nil {
		return false, nil, err
	}
	for _, c := range n.children {
		if c.name == "Quiet" {
			quiet = c.value == "true"
			continue
		}
		if err := c.only("Key", "VersionId", "ETag", "LastModifiedTime", "Size"); err != nil {
			return false, nil, err
		}
		if err := c.leaves(); err != nil {
			return false, nil, err
		}
		key, ok := c.get("Key")
		if !ok {
			return false, nil, malformed("an Object has no Key")
		}
		if len(doomed) == deleteMax {
			return false, nil, malformed("there are more than %d objects", deleteMax)
		}
		if err := coffer.CheckObjectKey(key); coffer.CodeOf(err) == coffer.KeyTooLong {
			return false, nil, err // AWS refuses the whole request for this one fault of a key
		}
		o, err := parseDoomed(c)
		if err != nil {
			return false, nil, err
		}
		o.Key = key
		doomed = append(doomed, o)
	}
	if len(doomed) == 0 {
		return false, nil, malformed("there is no Object to delete")
	}
	return quiet, doomed, nil
}

// parseDoomed reads which version is meant, and the conditions.
func parseDoomed(n *node) (objects.Doomed, error) {
	var o objects.Doomed
	o.IfMatch, _ = n.get("ETag")
	o.Version, _ = n.get("VersionId")
	if s, ok := n.get("LastModifiedTime"); ok {
		if o.IfModified = httpTime(s); o.IfModified.IsZero() {
			return o, malformed("LastModifiedTime is no time as HTTP has it")
		}
	}
	if s, ok := n.get("Size"); ok {
		var err error
		if o.IfSize, err = parseSize(s); err != nil {
			return o, malformed("Size is no number of bytes")
		}
	}
	return o, nil
}

func parseSize(s string) (*int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return nil, coffer.Errorf(coffer.InvalidArgument, "%q is not a size in bytes.", s)
	}
	return &n, nil
}
