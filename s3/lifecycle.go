package s3

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"coffer"
)

const transitionMinimumHeader = "x-amz-transition-default-minimum-object-size"

// getBucketLifecycle answers GetBucketLifecycleConfiguration.
func (q *request) getBucketLifecycle() error {
	l, err := q.session.BucketLifecycle(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	q.w.Header().Set(transitionMinimumHeader, l.TransitionMinimum)
	return q.send(http.StatusOK, lifecycleDoc(l.Rules))
}

func lifecycleDoc(rules []coffer.LifecycleRule) *doc {
	d := newDoc("LifecycleConfiguration", namespace)
	for i := range rules {
		writeLifecycleRule(d, &rules[i])
	}
	return d
}

func writeLifecycleRule(d *doc, r *coffer.LifecycleRule) {
	d.begin("Rule")
	d.text("ID", r.ID)
	writeLifecycleFilter(d, &r.Filter)
	status := "Disabled"
	if r.Enabled {
		status = "Enabled"
	}
	d.text("Status", status)
	for _, t := range r.Transitions {
		d.begin("Transition")
		writeAge(d, t.Days, t.Date)
		d.text("StorageClass", t.Class)
		d.end()
	}
	if e := r.Expiration; e != nil {
		d.begin("Expiration")
		if e.DeleteMarkers != nil {
			d.flag("ExpiredObjectDeleteMarker", *e.DeleteMarkers)
		} else {
			writeAge(d, e.Days, e.Date)
		}
		d.end()
	}
	for i := range r.NoncurrentTransitions {
		writeNoncurrent(d, "NoncurrentVersionTransition", &r.NoncurrentTransitions[i])
	}
	if r.Noncurrent != nil {
		writeNoncurrent(d, "NoncurrentVersionExpiration", r.Noncurrent)
	}
	if r.AbortDays > 0 {
		d.begin("AbortIncompleteMultipartUpload")
		d.number("DaysAfterInitiation", int64(r.AbortDays))
		d.end()
	}
	d.end()
}

func writeAge(d *doc, days int, date time.Time) {
	if date.IsZero() {
		d.number("Days", int64(days))
		return
	}
	d.time("Date", date)
}

func writeNoncurrent(d *doc, name string, n *coffer.LifecycleNoncurrent) {
	d.begin(name)
	if n.Keep > 0 {
		d.number("NewerNoncurrentVersions", int64(n.Keep))
	}
	d.number("NoncurrentDays", int64(n.Days))
	d.optional("StorageClass", n.Class)
	d.end()
}

func writeLifecycleFilter(d *doc, f *coffer.LifecycleFilter) {
	if f.Form == coffer.LifecycleLegacy {
		d.text("Prefix", *f.Prefix)
		return
	}
	d.begin("Filter")
	if f.Form == coffer.LifecycleAnd {
		d.begin("And")
	}
	if f.Prefix != nil {
		d.text("Prefix", *f.Prefix)
	}
	for _, t := range f.Tags {
		d.begin("Tag")
		d.text("Key", t.Key)
		d.text("Value", t.Value)
		d.end()
	}
	if f.LargerThan != nil {
		d.number("ObjectSizeGreaterThan", *f.LargerThan)
	}
	if f.SmallerThan != nil {
		d.number("ObjectSizeLessThan", *f.SmallerThan)
	}
	if f.Form == coffer.LifecycleAnd {
		d.end()
	}
	d.end()
}

// putBucketLifecycle answers PutBucketLifecycleConfiguration.
func (q *request) putBucketLifecycle() error {
	if err := q.requireDigest(); err != nil {
		return err
	}
	n, err := q.readXML("LifecycleConfiguration")
	if err != nil {
		return err
	}
	l := coffer.Lifecycle{TransitionMinimum: q.r.Header.Get(transitionMinimumHeader)}
	if l.TransitionMinimum == "" {
		l.TransitionMinimum = coffer.TransitionMinimumAll
	}
	if l.Rules, err = parseLifecycle(n); err != nil {
		return err
	}
	if err := q.session.PutBucketLifecycle(q.ctx, q.bucket, l); err != nil {
		return err
	}
	q.w.Header().Set(transitionMinimumHeader, l.TransitionMinimum)
	return q.ok(http.StatusOK)
}

// deleteBucketLifecycle answers DeleteBucketLifecycle.
func (q *request) deleteBucketLifecycle() error {
	if err := q.session.DeleteBucketLifecycle(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// writeExpiry tells when an object will end ("GetObject", x-amz-expiration).
func (q *request) writeExpiry(e *coffer.Expiry) {
	if e != nil {
		q.w.Header().Set("x-amz-expiration", `expiry-date="`+e.Date.UTC().Format(http.TimeFormat)+`", rule-id="`+urlEncode(e.Rule)+`"`)
	}
}

// writeAbort tells when an upload will be aborted ("CreateMultipartUpload",
// x-amz-abort-date).
func (q *request) writeAbort(e *coffer.Expiry) {
	if e != nil {
		q.w.Header().Set("x-amz-abort-date", e.Date.UTC().Format(http.TimeFormat))
		q.w.Header().Set("x-amz-abort-rule-id", urlEncode(e.Rule))
	}
}

func parseLifecycle(n *node) ([]coffer.LifecycleRule, error) {
	if err := n.only("Rule*"); err != nil {
		return nil, err
	}
	if len(n.children) > coffer.LifecycleRulesMax {
		return nil, malformed("there are more than %d rules", coffer.LifecycleRulesMax)
	}
	var rules []coffer.LifecycleRule
	for _, c := range n.children {
		r, err := parseLifecycleRule(c)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseLifecycleRule(n *node) (coffer.LifecycleRule, error) {
	var r coffer.LifecycleRule
	err := n.only("ID", "Prefix", "Filter", "Status", "Expiration", "Transition*", "NoncurrentVersionExpiration",
		"NoncurrentVersionTransition*", "AbortIncompleteMultipartUpload")
	if err != nil {
		return r, err
	}
	r.ID, _ = n.get("ID")
	status, _ := n.get("Status")
	if status != "Enabled" && status != "Disabled" {
		return r, malformed("the Status of a Rule is Enabled or Disabled")
	}
	r.Enabled = status == "Enabled"
	filters := 0
	for _, c := range n.children {
		switch c.name {
		case "Prefix":
			r.Filter = coffer.LifecycleFilter{Form: coffer.LifecycleLegacy, Prefix: &c.value}
			filters++
		case "Filter":
			r.Filter, err = parseLifecycleFilter(c)
			filters++
		case "Expiration":
			r.Expiration, err = parseExpiration(c)
		case "Transition":
			var t coffer.LifecycleTransition
			t, err = parseTransition(c)
			r.Transitions = append(r.Transitions, t)
		case "NoncurrentVersionExpiration":
			r.Noncurrent, err = parseNoncurrent(c, "NoncurrentVersionExpiration")
		case "NoncurrentVersionTransition":
			var t *coffer.LifecycleNoncurrent
			if t, err = parseNoncurrent(c, "NoncurrentVersionTransition", "StorageClass"); err == nil {
				r.NoncurrentTransitions = append(r.NoncurrentTransitions, *t)
			}
		case "AbortIncompleteMultipartUpload":
			if err = c.only("DaysAfterInitiation"); err == nil {
				r.AbortDays, err = c.days("DaysAfterInitiation", "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer", 1)
			}
		}
		if err != nil {
			return r, err
		}
	}
	if filters != 1 {
		return r, malformed("a Rule has a Filter, which may be empty, or the older Prefix")
	}
	return r, nil
}

func parseLifecycleFilter(n *node) (coffer.LifecycleFilter, error) {
	f := coffer.LifecycleFilter{Form: coffer.LifecycleFiltered}
	if len(n.children) > 1 {
		return f, malformed("several conditions of a Filter are put into And")
	}
	if err := n.only("Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And"); err != nil {
		return f, err
	}
	if len(n.children) == 1 && n.children[0].name == "And" {
		n = n.children[0]
		f.Form = coffer.LifecycleAnd
		if err := n.only("Prefix", "Tag*", "ObjectSizeGreaterThan", "ObjectSizeLessThan"); err != nil {
			return f, err
		}
		if len(n.children) == 0 {
			return f, malformed("And is empty")
		}
	}
	for _, c := range n.children {
		switch c.name {
		case "Prefix":
			f.Prefix = &c.value
		case "Tag":
			if err := c.only("Key", "Value"); err != nil {
				return f, err
			}
			key, ok := c.get("Key")
			value, ok2 := c.get("Value")
			if !ok || !ok2 {
				return f, malformed("a Tag has a Key and a Value")
			}
			f.Tags = append(f.Tags, coffer.Tag{Key: key, Value: value})
		default:
			size, err := strconv.ParseInt(strings.TrimSpace(c.value), 10, 64)
			if err != nil {
				return f, malformed("%s is no number of bytes", c.name)
			}
			if c.name == "ObjectSizeGreaterThan" {
				f.LargerThan = &size
			} else {
				f.SmallerThan = &size
			}
		}
	}
	return f, nil
}

func parseExpiration(n *node) (*coffer.LifecycleExpiration, error) {
	if err := n.only("Days", "Date", "ExpiredObjectDeleteMarker"); err != nil {
		return nil, err
	}
	if len(n.children) != 1 {
		return nil, malformed("an Expiration has one of Days, Date and ExpiredObjectDeleteMarker")
	}
	e := &coffer.LifecycleExpiration{}
	var err error
	switch c := n.children[0]; c.name {
	case "Days":
		e.Days, err = n.days("Days", "'Days' for Expiration action must be a positive integer", 1)
	case "Date":
		e.Date, err = parseLifecycleDate(c.value)
	default:
		marker := strings.TrimSpace(c.value) == "true"
		if !marker && strings.TrimSpace(c.value) != "false" {
			return nil, malformed("ExpiredObjectDeleteMarker is true or false")
		}
		e.DeleteMarkers = &marker
	}
	return e, err
}

func parseTransition(n *node) (t coffer.LifecycleTransition, err error) {
	if err := n.only("Days", "Date", "StorageClass"); err != nil {
		return t, err
	}
	date, dated := n.get("Date")
	_, aged := n.get("Days")
	if dated == aged {
		return t, malformed("a Transition has one of Days and Date")
	}
	class, _ := n.get("StorageClass")
	t.Class = class
	if dated {
		t.Date, err = parseLifecycleDate(date)
		return t, err
	}
	t.Days, err = n.days("Days", "'Days' in Transition action must be nonnegative", 0)
	return t, err
}

func parseNoncurrent(n *node, action string, others ...string) (*coffer.LifecycleNoncurrent, error) {
	if err := n.only(append(others, "NoncurrentDays", "NewerNoncurrentVersions")...); err != nil {
		return nil, err
	}
	t := &coffer.LifecycleNoncurrent{}
	t.Class, _ = n.get("StorageClass")
	var err error
	if t.Days, err = n.days("NoncurrentDays", "'NoncurrentDays' for "+action+" action must be a positive integer", 1); err != nil {
		return nil, err
	}
	if _, ok := n.get("NewerNoncurrentVersions"); ok {
		t.Keep, err = n.days("NewerNoncurrentVersions", "'NewerNoncurrentVersions' for "+action+" action must be a positive integer", 1)
	}
	return t, err
}

// days reads a child that is a number of at least least.
func (n *node) days(name, message string, least int) (int, error) {
	text, _ := n.get(name)
	days, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, malformed("%s is needed, as a number", name)
	}
	if int(days) < least {
		return 0, coffer.Errorf(coffer.InvalidArgument, "%s", message)
	}
	return int(days), nil
}

// parseLifecycleDate reads a day, with or without its time.
func parseLifecycleDate(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, malformed("Date is no day such as 2030-01-31T00:00:00Z")
}
