package s3

import (
	"net/http"

	"coffer"
	"coffer/objects"
)

// deleteObject answers DeleteObject.
func (q *request) deleteObject() error {
	if err := q.version(); err != nil {
		return err
	}
	err := q.session.Delete(q.ctx, q.bucket, objects.Doomed{Key: q.key, IfMatch: q.r.Header.Get("If-Match"),
		Version: q.query.get("versionId")})
	if err != nil {
		return err
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
	results, err := q.session.DeleteMany(q.ctx, q.bucket, doomed)
	if err != nil {
		return err
	}
	d := newDoc("DeleteResult", namespace)
	for i, o := range doomed {
		if results[i] != nil {
			a := translate(results[i])
			d.begin("Error")
			d.text("Key", o.Key)
			d.text("Code", a.code)
			d.text("Message", a.message)
			d.end()
		} else if !quiet {
			d.begin("Deleted")
			d.text("Key", o.Key)
			d.end()
		}
	}
	return q.send(http.StatusOK, d)
}

// requireDigest refuses a body that nothing protects (AWS, "DeleteObjects":
// Content-MD5 or a checksum is required).
func (q *request) requireDigest() error {
	md5, err := q.contentMD5()
	if err != nil || md5 != nil {
		return err
	}
	sum, err := q.headerChecksum()
	if err == nil && sum.Algorithm == "" {
		err = coffer.Errorf(coffer.InvalidRequest, "Missing required header for this request: Content-MD5")
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
		key, ok := c.get("Key")
		if !ok || len(doomed) == deleteMax {
			return false, nil, malformed(nil)
		}
		etag, _ := c.get("ETag")
		version, _ := c.get("VersionId")
		doomed = append(doomed, objects.Doomed{Key: key, IfMatch: etag, Version: version})
	}
	if len(doomed) == 0 {
		return false, nil, malformed(nil)
	}
	return quiet, doomed, nil
}
