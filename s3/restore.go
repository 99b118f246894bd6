package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/objects"
)

// restoreObject answers RestoreObject: accepted the first time, and OK when the
// object was restored already.
func (q *request) restoreObject() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	n, err := q.readXML("RestoreRequest")
	if err != nil {
		return err
	}
	in, err := parseRestore(n)
	if err != nil {
		return err
	}
	in.Bucket, in.Key, in.Version = q.bucket, q.key, version
	again, err := q.session.Restore(q.ctx, in)
	if err != nil {
		return err
	}
	if again {
		return q.ok(http.StatusOK)
	}
	return q.ok(http.StatusAccepted)
}

func parseRestore(n *node) (objects.RestoreInput, error) {
	var in objects.RestoreInput
	err := n.only("Days", "GlacierJobParameters", "Type", "Tier", "Description", "SelectParameters", "OutputLocation")
	if err != nil {
		return in, err
	}
	for _, c := range n.children {
		switch c.name {
		case "Type", "SelectParameters", "OutputLocation":
			return in, coffer.Errorf(coffer.NotImplemented, "%s in a RestoreRequest is not implemented: only whole objects are restored, to where they are.", c.name)
		case "Days":
			days, err := strconv.ParseInt(strings.TrimSpace(c.value), 10, 32)
			if err != nil {
				return in, malformed("Days is no number")
			}
			in.Days = int(days)
		case "GlacierJobParameters":
			if err := errors.Join(c.only("Tier"), c.leaves()); err != nil {
				return in, err
			}
			tier, ok := c.get("Tier")
			if !ok {
				return in, malformed("GlacierJobParameters has a Tier")
			}
			in.Tier = tier
		case "Tier":
			in.Tier = c.value
		}
	}
	if _, ok := n.get("Days"); !ok {
		return in, malformed("there is no Days")
	}
	return in, nil
}

// writeRestore tells until when an archived object is restored.
func (q *request) writeRestore(o coffer.Object) {
	if o.IsRestored(q.start) {
		q.w.Header().Set("x-amz-restore", `ongoing-request="false", expiry-date="`+o.Restored.UTC().Format(http.TimeFormat)+`"`)
	}
}

// wantsRestoreStatus tells whether a list is to say which objects are restored.
func (q *request) wantsRestoreStatus() bool {
	for _, header := range q.r.Header["X-Amz-Optional-Object-Attributes"] {
		for name := range strings.SplitSeq(header, ",") {
			if strings.TrimSpace(name) == "RestoreStatus" {
				return true
			}
		}
	}
	return false
}

// writeRestoreStatus adds to a listed object until when it is restored, if it is.
func writeRestoreStatus(d *doc, o coffer.Object, now time.Time) {
	if !o.IsRestored(now) {
		return
	}
	d.begin("RestoreStatus")
	d.flag("IsRestoreInProgress", false)
	d.time("RestoreExpiryDate", o.Restored)
	d.end()
}
