package coffer

import (
	"math"
	"slices"
	"strings"
	"time"
)

// LifecycleDay is a day of a lifecycle. Another one is for tests, which cannot
// wait.
const LifecycleDay = 24 * time.Hour

// Expiry is when something will end, by which rule.
type Expiry struct {
	Date time.Time
	Rule string
}

// earlier returns the earlier of two, of which either may be nil.
func (e *Expiry) earlier(date time.Time, rule string) *Expiry {
	if e != nil && !date.Before(e.Date) {
		return e
	}
	return &Expiry{Date: date, Rule: rule}
}

// lifecycleDue is the end of so many days of a length after a time: the next
// midnight in UTC from then on (AWS, "Lifecycle rules: based on an object's age").
// Days of another length are not rounded.
func lifecycleDue(from time.Time, days int, day time.Duration) time.Time {
	if day != LifecycleDay {
		return from.Add(time.Duration(min(int64(days), int64(math.MaxInt64/day))) * day)
	}
	// A Duration holds 292 years, the days that a rule can say are more.
	due := from.UTC().AddDate(0, 0, days)
	if midnight := due.Truncate(day); midnight.Before(due) {
		return midnight.AddDate(0, 0, 1)
	}
	return due
}

// matches tells whether the filter lets an object through.
func (f *LifecycleFilter) matches(o Object) bool {
	if !strings.HasPrefix(o.Key, f.prefix()) || f.LargerThan != nil && o.Size <= *f.LargerThan || f.SmallerThan != nil && o.Size >= *f.SmallerThan {
		return false
	}
	for _, t := range f.Tags {
		if !slices.Contains(o.Tags, t) {
			return false
		}
	}
	return true
}

// Expires says when the current version o will end; nil if no rule says so. Of
// more rules the earliest counts.
func (l *Lifecycle) Expires(o Object, day time.Duration) *Expiry {
	var first *Expiry
	for i := range l.Rules {
		r := &l.Rules[i]
		e := r.Expiration
		if !r.Enabled || e == nil || e.DeleteMarkers != nil || !r.Filter.matches(o) {
			continue
		}
		due := e.Date
		if due.IsZero() {
			due = lifecycleDue(o.Modified, e.Days, day)
		}
		first = first.earlier(due, r.ID)
	}
	return first
}

// Aborts says when an upload of key will be aborted; nil if no rule says so.
func (l *Lifecycle) Aborts(key string, begun time.Time, day time.Duration) *Expiry {
	var first *Expiry
	for i := range l.Rules {
		if r := &l.Rules[i]; r.Enabled && r.AbortDays > 0 && strings.HasPrefix(key, r.Filter.prefix()) {
			first = first.earlier(lifecycleDue(begun, r.AbortDays, day), r.ID)
		}
	}
	return first
}

// Noncurrents says when a version ends that newer others stand before, since it
// ceased to be current: o is what it was, newer how many noncurrent ones are newer
// than it. nil if no rule says so.
func (l *Lifecycle) Noncurrents(o Object, since time.Time, newer int, day time.Duration) *Expiry {
	var first *Expiry
	for i := range l.Rules {
		r := &l.Rules[i]
		if r.Enabled && r.Noncurrent != nil && newer >= r.Noncurrent.Keep && r.Filter.matches(o) {
			first = first.earlier(lifecycleDue(since, r.Noncurrent.Days, day), r.ID)
		}
	}
	return first
}

// Marker says which rule ends a delete marker that hides nothing, and when: at once
// if a rule is for markers, else as an object of its age. nil if no rule does.
func (l *Lifecycle) Marker(key string, made time.Time, day time.Duration) *Expiry {
	var first *Expiry
	for i := range l.Rules {
		r := &l.Rules[i]
		e := r.Expiration
		if !r.Enabled || e == nil || !r.Filter.matches(Object{Key: key}) {
			continue
		}
		switch {
		case e.DeleteMarkers != nil && *e.DeleteMarkers:
			first = first.earlier(made, r.ID)
		case e.DeleteMarkers == nil && e.Date.IsZero():
			first = first.earlier(lifecycleDue(made, e.Days, day), r.ID)
		}
	}
	return first
}

// Becomes is the class that the current version o has by now, and the rule that
// says so; "" if that is the one it has.
func (l *Lifecycle) Becomes(o Object, now time.Time, day time.Duration) (class, rule string) {
	for i := range l.Rules {
		r := &l.Rules[i]
		if !r.Enabled || len(r.Transitions) == 0 || !r.Filter.matches(o) {
			continue
		}
		for _, t := range r.Transitions {
			due := t.Date
			if due.IsZero() {
				due = lifecycleDue(o.Modified, t.Days, day)
			}
			from := class
			if from == "" {
				from = o.Attributes.StorageClass
			}
			if !now.Before(due) && Colder(from, t.Class) && l.largeEnough(r, o.Size, t.Class) {
				class, rule = t.Class, r.ID
			}
		}
	}
	return class, rule
}

// NoncurrentBecomes is Becomes for a version that is not current, see Noncurrents.
func (l *Lifecycle) NoncurrentBecomes(o Object, since time.Time, newer int, now time.Time, day time.Duration) (class, rule string) {
	if o.DeleteMarker {
		return "", ""
	}
	for i := range l.Rules {
		r := &l.Rules[i]
		if !r.Enabled || len(r.NoncurrentTransitions) == 0 || !r.Filter.matches(o) {
			continue
		}
		for _, t := range r.NoncurrentTransitions {
			from := class
			if from == "" {
				from = o.Attributes.StorageClass
			}
			if newer >= t.Keep && !now.Before(lifecycleDue(since, t.Days, day)) && Colder(from, t.Class) && l.largeEnough(r, o.Size, t.Class) {
				class, rule = t.Class, r.ID
			}
		}
	}
	return class, rule
}

// largeEnough tells whether an object may change to a class: small ones do not
// (AWS, "Transitioning objects using Amazon S3 Lifecycle"), unless a rule names
// sizes of its own.
func (l *Lifecycle) largeEnough(r *LifecycleRule, size int64, class string) bool {
	return size >= transitionSizeMin || r.Filter.LargerThan != nil || r.Filter.SmallerThan != nil ||
		l.TransitionMinimum == TransitionMinimumVaries && (class == "GLACIER" || class == "DEEP_ARCHIVE")
}

// HasNoncurrent tells whether any enabled rule is about noncurrent versions or
// delete markers.
func (l *Lifecycle) HasNoncurrent() bool {
	return slices.ContainsFunc(l.Rules, func(r LifecycleRule) bool {
		return r.Enabled && (r.Noncurrent != nil || r.Expiration != nil || len(r.NoncurrentTransitions) > 0)
	})
}
