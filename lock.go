package coffer

import "time"

// LockMode says who may end a retention before its time.
type LockMode string

// The modes (AWS, "Locking objects with Object Lock"). Governance can be ended or
// shortened by who has BypassGovernanceRetention and says so, compliance by nobody.
const (
	Governance LockMode = "GOVERNANCE"
	Compliance LockMode = "COMPLIANCE"
)

// ParseLockMode reads a mode as S3 writes it.
func ParseLockMode(s string) (LockMode, bool) {
	m := LockMode(s)
	return m, m == Governance || m == Compliance
}

// Retention keeps a version for as long as it is before Until. Its Mode is "" if
// there is none.
type Retention struct {
	Mode  LockMode
	Until time.Time
}

// Holds tells whether the retention keeps the version at a time.
func (r Retention) Holds(now time.Time) bool { return r.Mode != "" && now.Before(r.Until) }

// Loosens tells whether putting next in the place of r takes anything away from it.
func (r Retention) Loosens(next Retention) bool {
	return next.Mode != r.Mode || next.Until.Before(r.Until)
}

// LegalHold keeps a version for as long as it is on.
type LegalHold uint8

// The states; one that was never set is told from one that was set to off.
const (
	HoldUnset LegalHold = iota
	HoldOn
	HoldOff
)

// String is the state as S3 writes it; "" if it was never set.
func (h LegalHold) String() string {
	switch h {
	case HoldOn:
		return "ON"
	case HoldOff:
		return "OFF"
	}
	return ""
}

// ParseLegalHold reads a state as S3 writes it.
func ParseLegalHold(s string) (LegalHold, bool) {
	switch s {
	case "ON":
		return HoldOn, true
	case "OFF":
		return HoldOff, true
	}
	return HoldUnset, false
}

// Lock is what keeps a version of an object from being removed.
type Lock struct {
	Retention Retention
	Hold      LegalHold
}

// DefaultRetention is what a bucket with Object Lock gives to each new version that
// asks for none. One of Days and Years is set.
type DefaultRetention struct {
	Mode  LockMode
	Days  int
	Years int
}

// The longest default retention (AWS, "Locking objects with Object Lock",
// Default retention).
const (
	RetentionDaysMax  = 36_500
	RetentionYearsMax = 100
)

// Check refuses a period that is none or too long, with InvalidRetentionPeriod.
func (d DefaultRetention) Check() error {
	if n := d.Days + d.Years; n <= 0 {
		return Errorf(InvalidRetentionPeriod, "Default retention period must be a positive integer value.")
	}
	if d.Days > RetentionDaysMax || d.Years > RetentionYearsMax {
		return Errorf(InvalidRetentionPeriod, "Default retention period too large: it can have up to %d days or %d years.",
			RetentionDaysMax, RetentionYearsMax)
	}
	return nil
}

// From is the retention of a version that is made at a time.
func (d DefaultRetention) From(t time.Time) Retention {
	return Retention{Mode: d.Mode, Until: t.AddDate(d.Years, 0, 0).Add(time.Duration(d.Days) * 24 * time.Hour)}
}

// ObjectLock is the Object Lock configuration of a bucket; if Default has no mode, a
// version is kept only if its own lock says so.
type ObjectLock struct {
	Default DefaultRetention
}
