package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"coffer"
	"coffer/objects"
)

// lifecyclePage is what becomes of the objects of a bucket as they grow old.
type lifecyclePage struct {
	bucketShell
	Rules []ruleView
	// Counted tells that what the rules would do now was counted.
	Counted bool
	New     ruleForm
	// Trial is what the new rule would do now, if that was asked for.
	Trial *objects.LifecycleSums
}

// ruleView is one rule as the page shows it.
type ruleView struct {
	coffer.LifecycleRule
	For     string
	Does    []string
	Would   objects.LifecycleSums
	Counted bool
}

// ruleForm is a new rule as it was typed. Days that are empty are no action.
type ruleForm struct {
	ID, Prefix, TagKey, TagValue       string
	Days, NoncurrentDays, Keep, Aborts string
	Markers                            bool
}

func (q *request) showLifecycle() error { return q.lifecycleAnswer(http.StatusOK, problems{}) }

func (q *request) lifecycleAnswer(status int, wrong problems) error {
	return q.lifecyclePage(status, wrong, nil)
}

func (q *request) lifecyclePage(status int, wrong problems, trial *objects.LifecycleSums) error {
	head, err := q.bucketShell(wrong)
	if err != nil {
		return err
	}
	page := lifecyclePage{bucketShell: head, New: q.typedRule(), Trial: trial}
	l, err := seen[*coffer.Lifecycle](&page.bucketShell, "lifecycle", coffer.NoSuchLifecycleConfiguration)(q.objects().BucketLifecycle(q.ctx(), head.Bucket.Name))
	if err != nil {
		return err
	}
	if l == nil {
		return q.render(status, "lifecycle", page)
	}
	var sums map[string]objects.LifecycleSums
	if page.Counted = q.query("count") != ""; page.Counted {
		if sums, err = q.objects().PreviewLifecycle(q.ctx(), head.Bucket.Name); err != nil {
			return err
		}
	}
	for _, r := range l.Rules {
		page.Rules = append(page.Rules, ruleView{r, ruleFor(r.Filter), ruleDoes(r), sums[r.ID], page.Counted})
	}
	return q.render(status, "lifecycle", page)
}

func (q *request) typedRule() ruleForm {
	return ruleForm{q.value("id"), q.r.PostForm.Get("prefix"), q.r.PostForm.Get("filter_tag"), q.r.PostForm.Get("filter_value"),
		q.value("days"), q.value("noncurrent_days"), q.value("keep"), q.value("abort_days"), q.value("markers") != ""}
}

// ruleFor says in words which objects a rule is for.
func ruleFor(f coffer.LifecycleFilter) string {
	text := "all objects"
	if f.Prefix != nil && *f.Prefix != "" {
		text = "objects whose key begins with “" + *f.Prefix + "”"
	}
	for i, t := range f.Tags {
		text += [2]string{" with the tag ", " and "}[min(i, 1)] + t.Key + "=" + t.Value
	}
	if f.LargerThan != nil {
		text += ", larger than " + formatSize(*f.LargerThan)
	}
	if f.SmallerThan != nil {
		text += ", smaller than " + formatSize(*f.SmallerThan)
	}
	return text
}

// ruleDoes says in words what a rule does, one sentence for each action.
func ruleDoes(r coffer.LifecycleRule) []string {
	var does []string
	if e := r.Expiration; e != nil {
		switch {
		case e.DeleteMarkers != nil:
			if *e.DeleteMarkers {
				does = append(does, "Delete markers that hide nothing are removed.")
			}
		case !e.Date.IsZero():
			does = append(does, "Objects are deleted on "+e.Date.Format("2 January 2006")+".")
		default:
			does = append(does, fmt.Sprintf("Objects are deleted %s after they were written.", days(e.Days)))
		}
	}
	if n := r.Noncurrent; n != nil {
		text := fmt.Sprintf("Older versions are deleted %s after they were replaced", days(n.Days))
		if n.Keep > 0 {
			text += fmt.Sprintf(", but for the %d newest of each object", n.Keep)
		}
		does = append(does, text+".")
	}
	for _, t := range r.Transitions {
		if t.Date.IsZero() {
			does = append(does, fmt.Sprintf("Objects become %s after %s.", t.Class, days(t.Days)))
		} else {
			does = append(does, fmt.Sprintf("Objects become %s on %s.", t.Class, t.Date.Format("2 January 2006")))
		}
	}
	for _, t := range r.NoncurrentTransitions {
		does = append(does, fmt.Sprintf("Older versions become %s %s after they were replaced.", t.Class, days(t.Days)))
	}
	if r.AbortDays > 0 {
		does = append(does, fmt.Sprintf("Uploads that are not finished are aborted after %s.", days(r.AbortDays)))
	}
	return does
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}

// newRule makes the rule of the form, in the form of the rules that there are: old
// ones have their prefix without a filter, and the two cannot be mixed.
func (q *request) newRule(legacy bool) (coffer.LifecycleRule, error) {
	f := q.typedRule()
	r := coffer.LifecycleRule{ID: f.ID, Enabled: true, Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered, Prefix: &f.Prefix}}
	if legacy {
		r.Filter.Form = coffer.LifecycleLegacy
	}
	if f.TagKey != "" {
		r.Filter.Form, r.Filter.Tags = coffer.LifecycleAnd, []coffer.Tag{{Key: f.TagKey, Value: f.TagValue}}
		if f.Prefix == "" {
			r.Filter.Form, r.Filter.Prefix = coffer.LifecycleFiltered, nil
		}
	}
	var n, keep int
	var err error
	for _, one := range []struct {
		field string
		to    *int
	}{{"days", &n}, {"noncurrent_days", nil}, {"keep", &keep}, {"abort_days", &r.AbortDays}} {
		v, e := q.number(one.field, "days and numbers of versions are whole numbers, or empty")
		if e == nil && v == 0 && q.value(one.field) != "" {
			e = coffer.Errorf(coffer.InvalidArgument, "days and numbers of versions are from 1 on, or empty")
		}
		if e != nil {
			err = e
		}
		if one.to != nil {
			*one.to = v
		} else if v > 0 {
			r.Noncurrent = &coffer.LifecycleNoncurrent{Days: v}
		}
	}
	switch {
	case err != nil:
		return r, err
	case n > 0 && f.Markers:
		return r, coffer.Errorf(coffer.InvalidArgument, "one rule cannot both delete objects after days and remove delete markers: make two")
	case n > 0:
		r.Expiration = &coffer.LifecycleExpiration{Days: n}
	case f.Markers:
		r.Expiration = &coffer.LifecycleExpiration{DeleteMarkers: &f.Markers}
	}
	if keep > 0 && r.Noncurrent == nil {
		return r, coffer.Errorf(coffer.InvalidArgument, "write after how many days older versions are deleted, or empty how many of them stay")
	}
	if r.Noncurrent != nil {
		r.Noncurrent.Keep = keep
	}
	return r, nil
}

// lifecycle reads the lifecycle of b to change it, with none as an empty one. The
// rules are a copy.
func (q *request) lifecycle(b coffer.Bucket) (coffer.Lifecycle, error) {
	l, err := q.objects().BucketLifecycle(q.ctx(), b.Name)
	if coffer.CodeOf(err) == coffer.NoSuchLifecycleConfiguration {
		return coffer.Lifecycle{TransitionMinimum: coffer.TransitionMinimumAll}, nil
	}
	if err != nil {
		return coffer.Lifecycle{}, err
	}
	return coffer.Lifecycle{Rules: slices.Clone(l.Rules), TransitionMinimum: l.TransitionMinimum}, nil
}

// addRule adds a rule to the lifecycle or, if the form says try, counts what it
// would do and changes nothing.
func (q *request) addRule() error {
	if q.value("do") == "try" {
		return q.tryRule()
	}
	return q.changeBucket("/lifecycle", "rule", "saved", q.lifecycleAnswer, func(b coffer.Bucket) error {
		if err := q.checkRevision(b); err != nil {
			return err
		}
		l, err := q.lifecycle(b)
		if err != nil {
			return err
		}
		rule, err := q.newRule(len(l.Rules) > 0 && l.Rules[0].Filter.Form == coffer.LifecycleLegacy)
		if err != nil {
			return err
		}
		for n := 1; rule.ID == ""; n++ {
			// The name that the service gives to a rule without one is nothing to read.
			id := "rule-" + strconv.Itoa(n)
			if !slices.ContainsFunc(l.Rules, func(r coffer.LifecycleRule) bool { return r.ID == id }) {
				rule.ID = id
			}
		}
		l.Rules = append(l.Rules, rule)
		return q.objects().PutBucketLifecycle(q.ctx(), b.Name, l)
	})
}

// tryRule answers with the form and what the rule in it would do now.
func (q *request) tryRule() error {
	if err := q.writes(); err != nil {
		return err
	}
	b, err := q.bucket()
	if err != nil {
		return err
	}
	sums, err := q.countRule(b)
	if err == nil {
		return q.lifecyclePage(http.StatusOK, problems{}, &sums)
	}
	wrong := problems{}
	status, ok := q.typo(wrong, "rule", err)
	if !ok {
		return err
	}
	return q.lifecycleAnswer(status, wrong)
}

// countRule counts what the new rule alone would do now.
func (q *request) countRule(b coffer.Bucket) (objects.LifecycleSums, error) {
	rule, err := q.newRule(false)
	if err != nil {
		return objects.LifecycleSums{}, err
	}
	if rule.ID == "" {
		rule.ID = "new"
	}
	l := coffer.Lifecycle{Rules: []coffer.LifecycleRule{rule}, TransitionMinimum: coffer.TransitionMinimumAll}
	sums, err := q.objects().TryLifecycle(q.ctx(), b.Name, l)
	return sums[rule.ID], err
}

// changeRule removes a rule, or turns it on or off.
func (q *request) changeRule() error {
	what := "saved"
	if q.value("do") == "remove" {
		what = "rule-gone"
	}
	return q.changeBucket("/lifecycle", "", what, q.lifecycleAnswer, func(b coffer.Bucket) error {
		if err := q.checkRevision(b); err != nil {
			return err
		}
		l, err := q.lifecycle(b)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(l.Rules, func(r coffer.LifecycleRule) bool { return r.ID == q.r.PostForm.Get("rule") })
		if i < 0 {
			return coffer.Errorf(coffer.InvalidArgument, "there is no such rule any more")
		}
		switch q.value("do") {
		case "remove":
			l.Rules = slices.Delete(l.Rules, i, i+1)
		case "off", "on":
			l.Rules[i].Enabled = q.value("do") == "on"
		}
		if len(l.Rules) == 0 {
			return q.objects().DeleteBucketLifecycle(q.ctx(), b.Name)
		}
		return q.objects().PutBucketLifecycle(q.ctx(), b.Name, l)
	})
}
