package console

import (
	"net/http"
	"net/url"
	"time"

	"coffer"
	"coffer/objects"
)

// objects is the objects service as this person may use it: the same checks as
// for a key with the scope that the role stands for.
func (q *request) objects() objects.Session {
	return q.Objects.As(q.actor())
}

// actor is the member as the objects service knows callers.
func (q *request) actor() coffer.Actor {
	a := coffer.Actor{Account: q.current.Account.ID, Canonical: q.current.Account.Canonical, DisplayName: q.current.Account.DisplayName(),
		Caller: q.caller()}
	if !q.may(coffer.RoleMember) {
		a.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	}
	return a
}

// writes refuses who may only see.
func (q *request) writes() error {
	if !q.may(coffer.RoleMember) {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	return nil
}

// bucketsPage is the list of buckets.
type bucketsPage struct {
	shell
	Buckets []objects.BucketUsage
	Now     time.Time
	Name    string // that was typed
	Wrong   problems
	// Next is the URL of the next page, "" at the end; First of the first.
	Next, First string
}

func (q *request) listBuckets() error { return q.bucketsAnswer(http.StatusOK, "", problems{}) }

func (q *request) bucketsAnswer(status int, name string, wrong problems) error {
	page := bucketsPage{shell: q.shell("Buckets"), Now: q.Now(), Name: name, Wrong: wrong}
	after := q.query("after")
	if after != "" {
		page.First = "/buckets"
	}
	err := q.eachUsage(func(u objects.BucketUsage) {
		switch {
		case string(u.Bucket.Name) <= after:
		case len(page.Buckets) < bucketsShown:
			page.Buckets = append(page.Buckets, u)
		case page.Next == "":
			page.Next = "/buckets?" + url.Values{"after": {string(page.Buckets[bucketsShown-1].Bucket.Name)}}.Encode()
		}
	})
	if err != nil {
		return err
	}
	return q.render(status, "buckets", page)
}

const (
	// bucketsShown is how many buckets one page has.
	bucketsShown = 500
	// usagesMax is how many requests may have what all buckets of an account hold in
	// memory at the same time: an account may have 10,000.
	usagesMax = 4
)

// eachUsage calls fn with what each bucket of the account holds, by name.
func (q *request) eachUsage(fn func(objects.BucketUsage)) error {
	select {
	case q.usages <- struct{}{}:
		defer func() { <-q.usages }()
	case <-q.ctx().Done():
		return gone(q.ctx())
	}
	all, err := q.objects().Usage(q.ctx())
	for _, u := range all {
		fn(u)
	}
	return err
}

func (q *request) createBucket() error {
	if err := q.writes(); err != nil {
		return err
	}
	name, err := coffer.ParseBucketName(q.value("name"))
	if err == nil {
		_, err = q.objects().CreateBucket(q.ctx(), name, q.Region)
	}
	if err == nil {
		return q.redirect("/buckets/" + string(name) + "/objects?did=made")
	}
	wrong := problems{}
	status, ok := q.typo(wrong, "name", err)
	if !ok {
		return err
	}
	return q.bucketsAnswer(status, q.value("name"), wrong)
}

// bucket reads the bucket in the path.
func (q *request) bucket() (coffer.Bucket, error) {
	name, err := coffer.ParseBucketName(q.r.PathValue("bucket"))
	if err != nil {
		return coffer.Bucket{}, &coffer.Error{Code: coffer.NoSuchBucket}
	}
	// A bucket of another account is not there: names are shared by all accounts
	// in S3, but the console tells nobody of others'.
	b, err := q.objects().HeadBucket(q.ctx(), name, coffer.GetBucketLocation)
	if coffer.CodeOf(err) == coffer.AccessDenied {
		return coffer.Bucket{}, &coffer.Error{Code: coffer.NoSuchBucket}
	}
	return b, err
}

func (q *request) bucketName() (coffer.BucketName, error) {
	b, err := q.bucket()
	return b.Name, err
}

func (q *request) deleteBucket() error {
	if err := q.writes(); err != nil {
		return err
	}
	name, err := q.bucketName()
	if err != nil {
		return err
	}
	if err := q.objects().DeleteBucket(q.ctx(), name); err != nil {
		wrong := problems{}
		status, ok := q.typo(wrong, "", err)
		if !ok {
			return err
		}
		return q.bucketsAnswer(status, "", wrong)
	}
	return q.redirect("/buckets?did=removed")
}
