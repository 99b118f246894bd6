package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"coffer"
	"coffer/api"
)

// table writes aligned columns. Its cells are texts of other people: what would
// move a terminal's cursor is replaced.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, heads ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if len(heads) > 0 {
		t.row(heads...)
	}
	return t
}

func (t table) row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			_, _ = io.WriteString(t.w, "\t") // Flush tells of the first error
		}
		_, _ = io.WriteString(t.w, printable(c))
	}
	_, _ = io.WriteString(t.w, "\n")
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func (t table) flush() error { return t.w.Flush() }

// ago says how long before now t was, or how far it is ahead: "3 minutes ago",
// "in 5 days"; "never" for zero.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	if d < 0 {
		return "in " + roughly(-d)
	}
	if d < time.Second {
		return "now"
	}
	return roughly(d) + " ago"
}

// roughly writes a duration in its largest unit.
func roughly(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{365 * 24 * time.Hour, "year"}, {24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.size; n == 1 {
			return "1 " + u.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return "less than a second"
}

// when is ago with the time itself behind it.
func when(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return ago(*t, now) + " (" + day(*t) + ")"
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func keyTitle(k api.Key) string {
	title := fmt.Sprintf("%s (%s)", k.ID, k.Current.AccessKeyID)
	if k.Name != "" {
		title += " " + printable(k.Name)
	}
	return title
}

func lastUsed(c api.Credential) *time.Time {
	if c.LastUsed == nil {
		return nil
	}
	return &c.LastUsed.Time
}

func scopeWords(s *coffer.Scope) string { return s.String() }

// printKey prints a key for people, with its secret if the answer has it.
func (a *app) printKey(k api.Key) error {
	now := time.Now()
	t := newTable(a.stdout)
	t.row("ID", string(k.ID))
	t.row("Name", k.Name)
	t.row("Account", string(k.Account))
	t.row("Status", string(k.Status))
	t.row("Scope", scopeWords(k.Scope))
	t.row("Created", when(&k.Created, now))
	t.row("Expires", when(k.Expires, now))
	if !k.Deleted.IsZero() {
		t.row("Deleted", when(&k.Deleted, now)+", can be restored for 30 days")
	}
	t.row("Access Key ID", string(k.Current.AccessKeyID))
	if s := k.Current.SecretAccessKey; !s.Empty() {
		t.row("Secret Access Key", s.Reveal())
	}
	t.row("Last used", when(lastUsed(k.Current), now))
	if k.Outgoing != nil && k.Rotation != nil {
		a.rotationRows(t, k, now)
	}
	return t.flush()
}

func (a *app) rotationRows(t table, k api.Key, now time.Time) {
	outgoing := string(k.Outgoing.AccessKeyID)
	if k.Rotation.SameID {
		outgoing += " (the same ID with the old secret)"
	}
	t.row("Outgoing", outgoing)
	t.row("Outgoing last used", when(lastUsed(*k.Outgoing), now))
	t.row("Rotation began", when(&k.Rotation.Began, now)+", reason "+string(k.Rotation.Reason))
	if !k.Rotation.ConfirmBy.IsZero() {
		text := when(&k.Rotation.ConfirmBy, now)
		if k.Rotation.Overdue {
			text += ", and the outgoing credential was in use then"
		}
		t.row("Confirms by itself", text)
	}
	if k.Rotation.ScreamUntil.After(now) {
		t.row("Scream test until", when(&k.Rotation.ScreamUntil, now))
	}
}
