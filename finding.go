package coffer

import "strings"

// Severity says how bad it is what a check found.
type Severity string

// The severities.
const (
	// LostData: bytes that somebody stored cannot be read, or soon could not be.
	LostData Severity = "lost"
	// WrongRecord: a count, a pointer or an index says what is not so.
	WrongRecord Severity = "wrong"
	// LeftOver: something takes room that nothing names any more.
	LeftOver Severity = "leftover"
)

// Mend says when a repair can mend what was found.
type Mend string

// When it can.
const (
	MendNever   Mend = "never"   // restore a backup, or look for the cause
	MendAnytime Mend = "anytime" // while the server serves, too
	MendStopped Mend = "stopped" // while no server runs on the data folder
	MendRemove  Mend = "remove"  // only by removing what cannot be read, when asked to
)

// FindingKind is one sort of thing that a check can find.
type FindingKind struct {
	// Code names it for programs: object-bytes-missing.
	Code     string
	Severity Severity
	Mend     Mend
	// Means says in one sentence what it means, Remedy what to do.
	Means, Remedy string
}

// In begins a finding of the kind about a record. The text has no secret: it is
// what the parts of the record's key are.
func (k FindingKind) In(record ...string) Finding {
	for i, part := range record {
		record[i] = strings.ToValidUTF8(part, "\uFFFD")
	}
	return Finding{Code: k.Code, Severity: k.Severity, Mend: k.Mend, Means: k.Means, Remedy: k.Remedy, Record: strings.Join(record, " ")}
}

// Finding is one thing that a check found.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Mend     Mend     `json:"mend"`
	// Record says which record it is about: the letter of its prefix, and its parts.
	Record string `json:"record"`
	// Account, Bucket, Key and Version name the object or bucket that it is about, if
	// it is about one.
	Account AccountID  `json:"account,omitempty"`
	Bucket  BucketName `json:"bucket,omitempty"`
	Key     string     `json:"key,omitempty"`
	Version string     `json:"version,omitempty"`
	// Detail is what was found, where the meaning does not say it.
	Detail string `json:"detail,omitempty"`
	Means  string `json:"means"`
	Remedy string `json:"remedy"`
}

// detailMax bounds a detail in bytes: a damaged record can say anything.
const detailMax = 500

// Because adds what was found.
func (f Finding) Because(detail string) Finding {
	if len(detail) > detailMax {
		detail = detail[:detailMax] + "…"
	}
	f.Detail = strings.ToValidUTF8(detail, "\uFFFD")
	return f
}
