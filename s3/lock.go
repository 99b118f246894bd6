package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"coffer"
)

// getObjectLockConfiguration answers GetObjectLockConfiguration.
func (q *request) getObjectLockConfiguration() error {
	lock, err := q.session.ObjectLock(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("ObjectLockConfiguration", namespace)
	d.text("ObjectLockEnabled", "Enabled")
	if r := lock.Default; r.Mode != "" {
		d.begin("Rule")
		d.begin("DefaultRetention")
		d.text("Mode", string(r.Mode))
		if r.Days > 0 {
			d.number("Days", int64(r.Days))
		} else {
			d.number("Years", int64(r.Years))
		}
	}
	return q.send(http.StatusOK, d)
}

// putObjectLockConfiguration answers PutObjectLockConfiguration.
func (q *request) putObjectLockConfiguration() error {
	n, err := q.readLockXML("ObjectLockConfiguration")
	if err != nil {
		return err
	}
	lock, err := parseObjectLock(n)
	if err != nil {
		return err
	}
	if err := q.session.PutObjectLock(q.ctx, q.bucket, lock); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// readLockXML reads a body that must not be changed on its way.
func (q *request) readLockXML(root string) (*node, error) {
	if err := q.requireDigest(); err != nil {
		return nil, err
	}
	return q.readXML(root)
}

func parseObjectLock(n *node) (coffer.ObjectLock, error) {
	var lock coffer.ObjectLock
	if err := n.only("ObjectLockEnabled", "Rule"); err != nil {
		return lock, err
	}
	if enabled, _ := n.get("ObjectLockEnabled"); enabled != "Enabled" {
		return lock, malformed("ObjectLockEnabled is Enabled")
	}
	for _, rule := range n.children {
		if rule.name != "Rule" {
			continue
		}
		if err := rule.only("DefaultRetention"); err != nil {
			return lock, err
		}
		if len(rule.children) == 0 {
			return lock, malformed("a Rule has a DefaultRetention")
		}
		r, err := parseDefaultRetention(rule.children[0])
		if err != nil {
			return lock, err
		}
		lock.Default = r
	}
	return lock, nil
}

func parseDefaultRetention(n *node) (coffer.DefaultRetention, error) {
	var r coffer.DefaultRetention
	if err := errors.Join(n.only("Mode", "Days", "Years"), n.leaves()); err != nil {
		return r, err
	}
	mode, _ := n.get("Mode")
	var ok bool
	if r.Mode, ok = coffer.ParseLockMode(mode); !ok {
		return r, malformed("the Mode is GOVERNANCE or COMPLIANCE")
	}
	days, hasDays := n.get("Days")
	years, hasYears := n.get("Years")
	if hasDays == hasYears {
		return r, malformed("a DefaultRetention has one of Days and Years")
	}
	var err error
	if hasDays {
		r.Days, err = strconv.Atoi(strings.TrimSpace(days))
	} else {
		r.Years, err = strconv.Atoi(strings.TrimSpace(years))
	}
	if err != nil {
		return r, malformed("Days and Years are numbers")
	}
	return r, nil
}

// getObjectRetention answers GetObjectRetention.
func (q *request) getObjectRetention() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	r, err := q.session.Retention(q.ctx, q.bucket, q.key, version)
	if err != nil {
		return err
	}
	d := newDoc("Retention", namespace)
	d.text("Mode", string(r.Mode))
	d.instant("RetainUntilDate", r.Until)
	return q.send(http.StatusOK, d)
}

// putObjectRetention answers PutObjectRetention.
func (q *request) putObjectRetention() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	n, err := q.readLockXML("Retention")
	if err != nil {
		return err
	}
	r, err := parseRetention(n)
	if err != nil {
		return err
	}
	q.lock = &coffer.Lock{Retention: r}
	if err := q.session.PutRetention(q.ctx, q.bucket, q.key, version, r, q.bypass()); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// parseRetention reads a mode and a date; an empty document takes both away.
func parseRetention(n *node) (coffer.Retention, error) {
	var r coffer.Retention
	if err := errors.Join(n.only("Mode", "RetainUntilDate"), n.leaves()); err != nil || len(n.children) == 0 {
		return r, err
	}
	mode, _ := n.get("Mode")
	until, _ := n.get("RetainUntilDate")
	var ok, ok2 bool
	r.Mode, ok = coffer.ParseLockMode(mode)
	if r.Until, ok2 = parseInstant(until); !ok || !ok2 {
		return r, malformed("a Retention has a Mode, GOVERNANCE or COMPLIANCE, and a RetainUntilDate such as 2030-01-31T00:00:00Z")
	}
	return r, nil
}

// parseInstant reads a time of ISO 8601 (RFC 3339), to the millisecond.
func parseInstant(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	// What is written as nanoseconds in a record ends in 2262.
	return t.UTC().Truncate(time.Millisecond), err == nil && t.Year() >= 1970 && t.Year() < 2262
}

// bypass tells whether the request asks to end a governance retention.
func (q *request) bypass() bool {
	return strings.EqualFold(q.r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true")
}

// getObjectLegalHold answers GetObjectLegalHold.
func (q *request) getObjectLegalHold() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	hold, err := q.session.LegalHold(q.ctx, q.bucket, q.key, version)
	if err != nil {
		return err
	}
	d := newDoc("LegalHold", namespace)
	d.text("Status", hold.String())
	return q.send(http.StatusOK, d)
}

// putObjectLegalHold answers PutObjectLegalHold.
func (q *request) putObjectLegalHold() error {
	version, err := q.version()
	if err != nil {
		return err
	}
	n, err := q.readLockXML("LegalHold")
	if coffer.CodeOf(err) == coffer.MissingRequestBody {
		err = malformed("it is empty") // AWS has it so for this document
	}
	if err != nil {
		return err
	}
	if err := errors.Join(n.only("Status"), n.leaves()); err != nil {
		return err
	}
	status, _ := n.get("Status")
	hold, ok := coffer.ParseLegalHold(status)
	if !ok {
		return malformed("the Status is ON or OFF")
	}
	q.lock = &coffer.Lock{Hold: hold}
	if err := q.session.PutLegalHold(q.ctx, q.bucket, q.key, version, hold); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// lockHeaders reads the lock that an object to be written asks for.
func (q *request) lockHeaders() (coffer.Lock, error) { return parseLock(q.r.Header.Get) }

// parseLock reads a lock from headers, or from the fields of a form that are called
// like them.
func parseLock(get func(name string) string) (coffer.Lock, error) {
	var lock coffer.Lock
	invalid := func(name, text string) (coffer.Lock, error) {
		return coffer.Lock{}, coffer.Errorf(coffer.InvalidArgument, "%s", text).
			With("ArgumentName", strings.ToLower(name)).With("ArgumentValue", get(name))
	}
	const modeName, untilName, holdName = "X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold"
	mode, until, hold := get(modeName), get(untilName), get(holdName)
	if (mode == "") != (until == "") {
		missing := modeName
		if until == "" {
			missing = untilName
		}
		return coffer.Lock{}, coffer.Errorf(coffer.InvalidArgument, "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied").
			With("ArgumentName", strings.ToLower(missing))
	}
	var ok bool
	if mode != "" {
		if lock.Retention.Mode, ok = coffer.ParseLockMode(mode); !ok {
			return invalid(modeName, "Unknown wormMode directive.")
		}
		if lock.Retention.Until, ok = parseInstant(until); !ok {
			return invalid(untilName, "The retain until date must be provided in ISO 8601 format")
		}
	}
	if hold != "" {
		if lock.Hold, ok = coffer.ParseLegalHold(hold); !ok {
			return invalid(holdName, "Legal Hold must be either of 'ON' or 'OFF'")
		}
	}
	return lock, nil
}

// writeLock sets the headers of a lock, of which the actor may know.
func (q *request) writeLock(lock coffer.Lock) {
	h := q.w.Header()
	if r := lock.Retention; r.Mode != "" {
		h.Set("x-amz-object-lock-mode", string(r.Mode))
		h.Set("x-amz-object-lock-retain-until-date", r.Until.UTC().Format(timeFormat))
	}
	if lock.Hold != coffer.HoldUnset {
		h.Set("x-amz-object-lock-legal-hold", lock.Hold.String())
	}
}
