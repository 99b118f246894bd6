package console

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"coffer"
)

// bucketShell is what every page about how one bucket is set up has around its
// own content.
type bucketShell struct {
	shell
	Bucket coffer.Bucket
	Hidden unseen
	Wrong  problems
	Now    time.Time
}

// unseen are the settings that the bucket's policy keeps from this person, by
// their action.
type unseen map[string]bool

// Of tells whether one of them is.
func (h unseen) Of(action string) bool { return h[action] }

// bucketTab is one of the pages of a bucket.
type bucketTab struct{ Path, Name string }

// bucketTabs is the template function "tabs".
func bucketTabs() []bucketTab {
	return []bucketTab{{"/objects", "Objects"}, {"", "Settings"}, {"/access", "Access"}, {"/lifecycle", "Lifecycle"}, {"/notifications", "Notifications"}}
}

// bucketURL is the address of one of them.
func bucketURL(name coffer.BucketName, tab string) string { return "/buckets/" + string(name) + tab }

// bucketShell begins the model of a page about the bucket in the path.
func (q *request) bucketShell(wrong problems) (bucketShell, error) {
	b, err := q.bucket()
	if err != nil {
		return bucketShell{}, err
	}
	return bucketShell{shell: q.shell(string(b.Name)), Bucket: b, Hidden: unseen{}, Wrong: wrong, Now: q.Now()}, nil
}

// seen passes on what was read of one setting: what was never set, which is an
// error of code unset, is the zero value, and what may not be seen is remembered
// as hidden, so that a policy which hides one setting takes no other away.
func seen[T any](b *bucketShell, what string, unset coffer.Code) func(T, error) (T, error) {
	return func(v T, err error) (T, error) {
		var none T
		switch code := coffer.CodeOf(err); {
		case code == coffer.AccessDenied:
			b.Hidden[what] = true
			return none, nil
		case err != nil && code == unset && unset != coffer.Internal:
			return none, nil
		}
		return v, err
	}
}

// changeBucket carries out a change of the bucket in the path. A refusal stands
// beside field on the page that again writes, with all that was typed.
func (q *request) changeBucket(tab, field, what string, again func(int, problems) error, change func(coffer.Bucket) error) error {
	if err := q.writes(); err != nil {
		return err
	}
	b, err := q.changeInTurn(change)
	if err != nil && b.Name == "" {
		return err
	}
	if err == nil {
		// The form's own fragment leads to its section, and would hide what was done.
		return q.redirect(did(bucketURL(b.Name, tab), what) + "#main")
	}
	wrong := problems{}
	status, ok := q.obstacle(wrong, field, err)
	if !ok {
		return err
	}
	return again(status, wrong)
}

// changeInTurn carries out a change of the bucket in the path while nobody else makes
// one here. Without a bucket there is none to change.
func (q *request) changeInTurn(change func(coffer.Bucket) error) (coffer.Bucket, error) {
	defer q.turns.take(q.r.PathValue("bucket"))()
	b, err := q.bucket()
	if err != nil {
		return coffer.Bucket{}, err
	}
	return b, change(b)
}

// obstacle is typo that also shows what a policy, a public access block or a lock
// refuses to who may write at all: what was typed is worth keeping.
func (q *request) obstacle(wrong problems, field string, err error) (int, bool) {
	if e, ok := errors.AsType[*coffer.Error](err); ok && e.Code == coffer.AccessDenied && e.Message != "" {
		wrong[field] = messageOf(err)
		return http.StatusForbidden, true
	}
	return q.typo(wrong, field, err)
}

// checkRevision refuses a form that was made from settings which somebody has
// changed since: a list is written as a whole, so the form would undo the change.
func (q *request) checkRevision(b coffer.Bucket) error {
	if q.value("revision") == strconv.FormatInt(b.Revision, 10) {
		return nil
	}
	return coffer.Errorf(coffer.ConditionalRequestConflict, "somebody has changed the settings of this bucket in the meantime, and nothing was saved: look at them again, and send this once more")
}

// checkShown is checkRevision for what is one value or a few, which a program may well
// set without having looked.
func (q *request) checkShown(b coffer.Bucket) error {
	if !q.r.PostForm.Has("revision") {
		return nil
	}
	return q.checkRevision(b)
}

// number reads a whole number of a form; "" is 0.
func (q *request) number(field string, wrong string) (int, error) {
	text := q.value(field)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<31-1 {
		return 0, coffer.Errorf(coffer.InvalidArgument, "%s", wrong)
	}
	return n, nil
}
