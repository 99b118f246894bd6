package console

import (
	"net/http"
	"slices"
	"strconv"

	"coffer"
)

// bucketPage is how a bucket is set up: what it keeps of its objects, its marks
// and its limits.
type bucketPage struct {
	bucketShell
	Quota coffer.Quota // what of it is 0 has no limit
	Use   coffer.Use
	Tags  []coffer.Tag // with empty ones to fill in
	Lock  lockForm
}

// lockForm is the default retention as it stands in a form.
type lockForm struct {
	Mode, Period, Unit string
	// Default is what is in force, in words; "" for none.
	Default string
}

// spareTags is how many empty lines there are for new tags.
const spareTags = 2

func (q *request) showBucket() error { return q.bucketAnswer(http.StatusOK, problems{}) }

func (q *request) bucketAnswer(status int, wrong problems) error {
	head, err := q.bucketShell(wrong)
	if err != nil {
		return err
	}
	page := bucketPage{bucketShell: head}
	if _, page.Quota, page.Use, err = q.objects().BucketQuota(q.ctx(), page.Bucket.Name); err != nil {
		return err
	}
	tags := seen[[]coffer.Tag](&page.bucketShell, "tags", coffer.NoSuchTagSet)
	if page.Tags, err = tags(q.objects().BucketTagging(q.ctx(), page.Bucket.Name)); err != nil {
		return err
	}
	if q.r.PostForm.Has("tag_key") {
		page.Tags = q.typedTags()
	}
	page.Tags = append(slices.Clone(page.Tags), make([]coffer.Tag, min(spareTags, max(0, coffer.BucketTagsMax-len(page.Tags))))...)
	lock, err := seen[coffer.ObjectLock](&page.bucketShell, "lock", coffer.ObjectLockConfigurationNotFound)(q.objects().ObjectLock(q.ctx(), page.Bucket.Name))
	if err != nil {
		return err
	}
	page.Lock = lockFormOf(lock.Default)
	for name, to := range map[string]*string{"lock_mode": &page.Lock.Mode, "lock_period": &page.Lock.Period, "lock_unit": &page.Lock.Unit} {
		if q.r.PostForm.Has(name) {
			*to = q.value(name)
		}
	}
	return q.render(status, "bucket", page)
}

func lockFormOf(d coffer.DefaultRetention) lockForm {
	f := lockForm{Mode: string(d.Mode), Unit: "days"}
	switch {
	case d.Mode == "":
		return f
	case d.Years > 0:
		f.Unit, f.Period = "years", strconv.Itoa(d.Years)
	default:
		f.Period = strconv.Itoa(d.Days)
	}
	unit := f.Unit
	if f.Period == "1" {
		unit = unit[:len(unit)-1]
	}
	f.Default = f.Period + " " + unit + ", " + map[coffer.LockMode]string{coffer.Governance: "governance", coffer.Compliance: "compliance"}[d.Mode] + " mode"
	return f
}

func (q *request) setVersioning() error {
	v, ok := coffer.ParseVersioning(q.value("versioning"))
	return q.changeBucket("", "versioning", "saved", q.bucketAnswer, func(b coffer.Bucket) error {
		if !ok {
			return coffer.Errorf(coffer.InvalidArgument, "versioning is Enabled or Suspended")
		}
		if err := q.checkShown(b); err != nil {
			return err
		}
		return q.objects().PutVersioning(q.ctx(), b.Name, v)
	})
}

// typedTags are those of the form whose key or value is not empty.
func (q *request) typedTags() []coffer.Tag {
	var tags []coffer.Tag
	keys, values := q.r.PostForm["tag_key"], q.r.PostForm["tag_value"]
	for i := range min(len(keys), len(values)) {
		if keys[i] != "" || values[i] != "" {
			tags = append(tags, coffer.Tag{Key: keys[i], Value: values[i]})
		}
	}
	return tags
}

func (q *request) setBucketTags() error {
	return q.changeBucket("", "tags", "saved", q.bucketAnswer, func(b coffer.Bucket) error {
		tags := q.typedTags()
		if slices.ContainsFunc(tags, func(t coffer.Tag) bool { return t.Key == "" }) {
			return coffer.Errorf(coffer.InvalidTag, "a tag has a value and no name: name it, or empty the line")
		}
		if err := q.checkRevision(b); err != nil {
			return err
		}
		return q.objects().PutBucketTagging(q.ctx(), b.Name, tags)
	})
}

// setObjectLock turns Object Lock on, which the form must say that it knows is
// for good, or changes what new versions get.
func (q *request) setObjectLock() error {
	return q.changeBucket("", "lock", "saved", q.bucketAnswer, func(b coffer.Bucket) error {
		if !b.ObjectLock && q.value("for_good") == "" {
			return coffer.Errorf(coffer.InvalidRequest, "Object Lock cannot be turned off again: tick that you know that")
		}
		var lock coffer.ObjectLock
		mode, known := coffer.ParseLockMode(q.value("lock_mode"))
		if known {
			const wrong = "the period is a whole number, from 1 on"
			n, err := q.number("lock_period", wrong)
			if err != nil {
				return err
			}
			lock.Default.Mode = mode
			if q.value("lock_unit") == "years" {
				lock.Default.Years = n
			} else {
				lock.Default.Days = n
			}
		}
		if err := q.checkShown(b); err != nil {
			return err
		}
		return q.objects().PutObjectLock(q.ctx(), b.Name, lock)
	})
}
