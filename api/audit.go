package api

import (
	"io"
	"mime"
	"strings"
	"time"

	"coffer/audit"
)

// linesType is the media type of JSON lines, in which the audit log is exported.
const linesType = "application/x-ndjson"

// AuditQuery is the query of GET /v1/audit. What is empty takes all.
type AuditQuery struct {
	Account Optional[string] `query:"account" doc:"ID or e-mail address of an account; at the socket, all accounts without it."`
	Action  string           `query:"action" doc:"An action such as key.rotate, or a group such as key. with its dot."`
	Who     string           `query:"who" doc:"The ID or the name of who made the change."`
	Target  string           `query:"target" doc:"The ID of what was changed."`
	From    time.Time        `query:"from" doc:"Not before this time."`
	To      time.Time        `query:"to" doc:"Before this time."`
	After   string           `query:"after" doc:"The next of the page before."`
	Max     int              `query:"max" doc:"The most events of a page, 1 to 1000."`
}

type eventList struct {
	Events []audit.Event `json:"events" doc:"The newest first."`
	Next   string        `json:"next,omitempty" doc:"The after of the next page; absent at the end. A page may be empty and not the last."`
}

// stream is an answer that is written as it comes, in a media type of its own.
type stream struct {
	mediaType string
	write     func(io.Writer) error
}

// listAudit answers with a page of events, or, to who accepts JSON lines, with
// all of them, the oldest first.
func (q *request) listAudit(in AuditQuery, _ none) (any, error) {
	account, err := q.accountID(in.Account)
	if err != nil {
		return nil, err
	}
	session := q.Audit.As(q.caller)
	filter := audit.Filter{Action: in.Action, Who: in.Who, Target: in.Target, From: in.From, To: in.To}
	if q.accepts(linesType) {
		return stream{linesType, func(w io.Writer) error { return session.Export(q.ctx(), account, filter, w) }}, nil
	}
	size, err := pageQuery{Max: in.Max}.max()
	if err != nil {
		return nil, err
	}
	events, next, err := session.List(q.ctx(), account, filter, in.After, size)
	if err != nil {
		return nil, err
	}
	if events == nil {
		events = []audit.Event{}
	}
	return eventList{Events: events, Next: next}, nil
}

// accepts tells whether the Accept header names a media type.
func (q *request) accepts(want string) bool {
	for _, header := range q.r.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			if kind, _, err := mime.ParseMediaType(part); err == nil && kind == want {
				return true
			}
		}
	}
	return false
}
