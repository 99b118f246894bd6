package console

import (
	"net/url"
	"slices"
	"strings"

	"coffer"
	"coffer/objects"
)

// versionRow is one version of an object, or a delete marker.
type versionRow struct {
	objects.ListedVersion
	Name        string
	Version     string // as requests name it
	DownloadURL string
}

// Held tells whether a lock keeps the version at the time of the page.
func (p objectsPage) Held(r versionRow) bool {
	return r.Lock.Hold == coffer.HoldOn || r.Lock.Retention.Holds(p.Now)
}

// DeleteWords say what becomes of an object that is deleted here.
func (p objectsPage) DeleteWords() string {
	switch p.Versioning {
	case coffer.VersioningEnabled:
		return "It goes out of sight and stays as an older version: show versions to bring it back."
	case coffer.VersioningSuspended:
		return "Versions are suspended here. What was written since then is gone for good; older versions stay."
	}
	return "It is gone for good: this bucket keeps no versions."
}

// fillVersions reads the versions of a page, and returns the folders beside them.
func (q *request) fillVersions(page *objectsPage, b coffer.Bucket, after string) ([]string, error) {
	in := objects.ListVersionsInput{Bucket: b.Name, Prefix: page.Prefix, Delimiter: "/", After: after, AfterVersion: q.query("after_version"), Max: pageMax}
	list, err := q.objects().ListVersions(q.ctx(), in)
	names := slices.Clip(list.Prefixes)
	for _, v := range list.Versions {
		names = append(names, v.Key)
	}
	if in.Max = linesOf(names); err == nil && in.Max < pageMax {
		list, err = q.objects().ListVersions(q.ctx(), in)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range list.Versions {
		row := versionRow{v, strings.TrimPrefix(v.Key, page.Prefix), coffer.VersionName(v.VersionID), ""}
		if !v.DeleteMarker {
			row.DownloadURL = downloadURL(b.Name, v.Key, row.Version)
		}
		if b.ObjectLock && !v.DeleteMarker {
			// Lists have no locks. Who may not see one is told of it when it is in the way.
			if c, err := q.objects().Head(q.ctx(), objects.GetInput{Bucket: b.Name, Key: v.Key, Version: row.Version}); err == nil {
				row.Lock = c.Lock
			}
		}
		page.Rows = append(page.Rows, row)
	}
	if list.Next != "" {
		page.Next = withVersions(listURL(b.Name, page.Prefix, list.Next))
		if list.NextVersion != "" {
			page.Next += "&" + url.Values{"after_version": {list.NextVersion}}.Encode()
		}
	}
	return list.Prefixes, nil
}

// restoreVersion brings an older version back: it becomes the newest as a copy, and
// nothing goes away.
func (q *request) restoreVersion() error {
	return q.changeObject("restored", func(b coffer.Bucket, key, version string) error {
		from, err := q.objects().Head(q.ctx(), objects.GetInput{Bucket: b.Name, Key: key, Version: version})
		if err != nil {
			return err
		}
		if from.Size > coffer.PutSizeMax {
			return coffer.Errorf(coffer.InvalidRequest, "the version has more than %s: copy it with a client that copies in parts", formatSize(coffer.PutSizeMax))
		}
		// A copy takes all but these two from its source.
		kept := coffer.Attributes{StorageClass: from.Attributes.StorageClass, WebsiteRedirect: from.Attributes.WebsiteRedirect}
		_, err = q.objects().Copy(q.ctx(), objects.CopyInput{Bucket: b.Name, Key: key, SourceBucket: b.Name, SourceKey: key, SourceVersion: version, Attributes: kept})
		return err
	})
}

// deleteObject deletes an object, or for good the version of it that is named. A
// lock holds: the console ends none.
func (q *request) deleteObject() error {
	what := "erased"
	if q.r.PostForm.Get("version") != "" {
		what = "unversioned"
	}
	return q.changeObject(what, func(b coffer.Bucket, key, version string) error {
		_, err := q.objects().Delete(q.ctx(), b.Name, objects.Doomed{Key: key, Version: version})
		return err
	})
}

// changeObject carries out a form about the object, or version, that it names. What
// refuses it stands on the page that it was sent from.
func (q *request) changeObject(what string, change func(b coffer.Bucket, key, version string) error) error {
	if err := q.writes(); err != nil {
		return err
	}
	b, err := q.bucket()
	if err != nil {
		return err
	}
	prefix := q.r.PostForm.Get("prefix")
	err = change(b, q.r.PostForm.Get("key"), q.r.PostForm.Get("version"))
	if err == nil {
		to := listURL(b.Name, prefix, "")
		if q.value("versions") != "" {
			to = withVersions(to)
		}
		return q.redirect(did(to, what))
	}
	wrong := problems{}
	status, ok := q.obstacle(wrong, "", err)
	if !ok {
		return err
	}
	return q.objectsAnswer(status, prefix, "", wrong)
}
