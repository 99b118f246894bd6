package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/audit"
)

// auditPage is the log of changes.
type auditPage struct {
	shell
	Events []eventView
	Filter auditFilter
	Groups []auditGroup
	// Next is the URL of the next page, "" at the end; Export of the file.
	Next, Export string
	Wrong        problems
	Allowed      bool
}

// auditFilter is the filter as it was typed.
type auditFilter struct{ Action, Who, Target, From, To string }

// Any tells whether anything is filtered.
func (f auditFilter) Any() bool { return f != auditFilter{} }

type auditGroup struct{ Value, Name string }

// auditGroups are the groups of actions that a person can choose.
var auditGroups = []auditGroup{
	{"key.", "Access keys"}, {"member.", "Members"}, {"session.", "Sign-ins and sessions"}, {"factor.", "Second factors"},
	{"account.", "Account"}, {"link.", "One-time links"}, {"bucket.", "Buckets"},
}

// eventView is one event as pages show it.
type eventView struct {
	audit.Event
	Now     time.Time
	Changes []changeView
}

// changeView is one field before and after.
type changeView struct{ Field, Before, After string }

// By is who it was, for people.
func (e eventView) By() string {
	switch {
	case e.Who.Kind == audit.KindSystem:
		return "coffer"
	case e.Who.Name != "":
		return e.Who.Name
	case e.Who.ID != "":
		return e.Who.ID
	}
	return string(e.Who.Kind)
}

func (q *request) eventViews(events []audit.Event) []eventView {
	out := make([]eventView, 0, len(events))
	for _, e := range events {
		v := eventView{Event: e, Now: q.Now()}
		var fields []string
		for f := range e.Before {
			fields = append(fields, f)
		}
		for f := range e.After {
			if _, both := e.Before[f]; !both {
				fields = append(fields, f)
			}
		}
		slices.Sort(fields)
		for _, f := range fields {
			v.Changes = append(v.Changes, changeView{f, e.Before[f], e.After[f]})
		}
		out = append(out, v)
	}
	return out
}

// auditPageMax is how many events one page has.
const auditPageMax = 50

func (q *request) auditLog() error {
	page := auditPage{shell: q.shell("Audit log"), Groups: auditGroups, Wrong: problems{}, Allowed: q.may(coffer.RoleAdmin)}
	filter, f := q.auditFilter(page.Wrong)
	page.Filter = f
	if !page.Allowed {
		return q.render(http.StatusForbidden, "audit", page)
	}
	events, next, err := q.Audit.As(q.caller()).List(q.ctx(), q.current.Account.ID, filter, q.query("after"), auditPageMax)
	if err != nil {
		return err
	}
	page.Events = q.eventViews(events)
	page.Export = "/audit/export?" + f.query("").Encode()
	if next != "" {
		page.Next = "/audit?" + f.query(next).Encode()
	}
	return q.render(http.StatusOK, "audit", page)
}

func (f auditFilter) query(after string) url.Values {
	v := url.Values{}
	for _, p := range []struct{ name, value string }{{"action", f.Action}, {"who", f.Who}, {"target", f.Target}, {"from", f.From}, {"to", f.To}, {"after", after}} {
		if p.value != "" {
			v.Set(p.name, p.value)
		}
	}
	return v
}

// auditFilter reads the filter of the URL; days are whole days in UTC.
func (q *request) auditFilter(wrong problems) (audit.Filter, auditFilter) {
	f := auditFilter{Action: q.query("action"), Who: strings.TrimSpace(q.query("who")), Target: strings.TrimSpace(q.query("target")),
		From: q.query("from"), To: q.query("to")}
	filter := audit.Filter{Action: f.Action, Who: f.Who, Target: f.Target}
	for _, d := range []struct {
		name, text string
		to         *time.Time
		days       int
	}{{"from", f.From, &filter.From, 0}, {"to", f.To, &filter.To, 1}} {
		if d.text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, d.text)
		if err != nil {
			wrong[d.name] = "Write the date as 2026-12-31."
			continue
		}
		*d.to = day.AddDate(0, 0, d.days)
	}
	return filter, f
}

// exportAudit sends the events as JSON lines, oldest first, to be kept as a file.
func (q *request) exportAudit() error {
	if !q.may(coffer.RoleAdmin) {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	filter, _ := q.auditFilter(problems{})
	q.w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	q.w.Header().Set("Content-Disposition", `attachment; filename="coffer-audit-`+q.today()+`.jsonl"`)
	q.began = true
	if err := q.Audit.As(q.caller()).Export(q.ctx(), q.current.Account.ID, filter, q.w); err != nil {
		q.Logger.Error("audit export", "error", err)
		// Half of a log must not look like all of it.
		panic(http.ErrAbortHandler)
	}
	return nil
}
