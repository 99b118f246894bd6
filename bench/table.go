package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writeTables writes the report for people, as Markdown whose columns line up.
func (r *report) writeTables(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d × %s; %s. Started %s, %.0f s, load before %s. Medians of %d rounds of %g s a line; %s keys of 4 KiB.\n\n",
		r.Processors, r.Machine, r.Go, r.Started.Format("2006-01-02 15:04 MST"), r.Seconds, r.LoadBefore, r.Rounds, r.LineSeconds, grouped(strconv.Itoa(r.Keys)))
	if len(r.Lines) > 0 {
		b.WriteString(table(r.rates()))
		b.WriteString("\n")
		if details := r.details(); len(details) > 1 {
			b.WriteString(table(details))
			b.WriteString("\n")
		}
	}
	if len(r.Limits) > 0 {
		b.WriteString(table(r.limitRows()))
		b.WriteString("\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", strings.TrimSpace(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// rates is the table of medians and ratios. A ratio above 1 is in coffer's
// favour, also where less is better.
func (r *report) rates() [][]string {
	title := append([]string{"line", "unit"}, r.Subjects...)
	rows := [][]string{append(title, "coffer : best peer", "limit", "coffer : limit")}
	for _, l := range r.Lines {
		cells := []string{l.Name, l.Unit}
		for _, s := range r.Subjects {
			cells = append(cells, l.cell(s))
		}
		ours, measured := l.Medians["coffer"]
		best, limit := "", ""
		of := ""
		if peer, ok := r.bestPeer(l); ok && measured {
			best = ratio(ours, peer, l.Less)
		}
		if name, value, ok := r.lowestLimit(l); ok {
			limit = figure(value) + " " + name
			if measured {
				of = ratio(ours, value, l.Less)
			}
		}
		rows = append(rows, append(cells, best, limit, of))
	}
	return rows
}

// cell is a median, marked when requests failed.
func (l *row) cell(column string) string {
	m, ok := l.Medians[column]
	failed := 0
	for _, s := range l.Samples[column] {
		failed += s.Failed
	}
	switch {
	case failed > 0 && !ok:
		return "failed"
	case !ok:
		return "–"
	case failed > 0:
		return fmt.Sprintf("%s (%d failed)", figure(m), failed)
	}
	return figure(m)
}

func (r *report) bestPeer(l *row) (best float64, found bool) {
	for _, s := range r.Subjects {
		m, ok := l.Medians[s]
		if s == "coffer" || !ok {
			continue
		}
		if !found || l.Less == (m < best) {
			best, found = m, true
		}
	}
	return best, found
}

func (r *report) lowestLimit(l *row) (name string, value float64, found bool) {
	for _, n := range l.Limits {
		row := r.row(r.Limits, n)
		if row == nil {
			continue
		}
		if m, ok := row.Medians[machineColumn]; ok && (!found || m < value) {
			name, value, found = n, m, true
		}
	}
	return name, value, found
}

// details is the table of what a request costs.
func (r *report) details() [][]string {
	title := []string{"line"}
	for _, s := range r.Subjects {
		title = append(title, s+": CPU µs", "p50 ms", "p99 ms", "written : sent")
	}
	rows := [][]string{title}
	for _, l := range r.Lines {
		if !l.server {
			continue
		}
		cells := []string{l.Name}
		for _, s := range r.Subjects {
			cells = append(cells, l.costs(s)...)
		}
		rows = append(rows, cells)
	}
	return rows
}

func (l *row) costs(column string) []string {
	var out []string
	for _, value := range []func(sample) float64{
		func(s sample) float64 { return s.CPU }, func(s sample) float64 { return s.P50 },
		func(s sample) float64 { return s.P99 }, func(s sample) float64 { return s.Amplified },
	} {
		text := ""
		if m, ok := l.of(column, value); ok && m != 0 {
			text = figure(m)
		}
		out = append(out, text)
	}
	return out
}

func (r *report) limitRows() [][]string {
	rows := [][]string{{"limit of this machine", "unit", "median", "server CPU µs"}}
	for _, l := range r.Limits {
		cells := []string{l.Name, l.Unit, l.cell(machineColumn)}
		rows = append(rows, append(cells, l.costs(machineColumn)[0]))
	}
	return rows
}

// ratio tells how many times better ours is than theirs.
func ratio(ours, theirs float64, less bool) string {
	if less {
		ours, theirs = theirs, ours
	}
	if theirs == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", ours/theirs)
}

// figure writes three or more digits: 0.123, 1.23, 12.3, 123, 12,345.
func figure(v float64) string {
	digits := 0
	switch a := math.Abs(v); {
	case a < 1:
		digits = 3
	case a < 10:
		digits = 2
	case a < 100:
		digits = 1
	}
	return grouped(strconv.FormatFloat(v, 'f', digits, 64))
}

// grouped puts commas between thousands of a decimal number.
func grouped(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}

// table lays rows out as Markdown, the first of them as the title. Columns after
// the first are aligned to the right if they hold figures only.
func table(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 || !numeric(rows, i) {
				b.WriteString("| " + cell + pad + " ")
			} else {
				b.WriteString("| " + pad + cell + " ")
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, w := range width {
			if i == 0 || !numeric(rows, i) {
				b.WriteString("|" + strings.Repeat("-", w+2))
			} else {
				b.WriteString("|" + strings.Repeat("-", w+1) + ":")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// numeric tells whether a column holds figures: each cell is empty, or ends as a
// figure or a ratio does, and begins with a digit.
func numeric(rows [][]string, column int) bool {
	found := false
	for _, row := range rows[1:] {
		cell := row[column]
		if cell == "" || cell == "–" {
			continue
		}
		if strings.Trim(cell, "-0123456789.,×") != "" {
			return false
		}
		found = true
	}
	return found
}
