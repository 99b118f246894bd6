package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
)

// machineColumn is the one column of the limits.
const machineColumn = "machine"

// report is what a run found; as JSON it is the file that the run writes.
type report struct {
	Machine     string    `json:"machine"`
	Processors  int       `json:"processors"`
	Go          string    `json:"go"`
	LoadBefore  string    `json:"load_before"` // load average of the minute before the run
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	Rounds      int       `json:"rounds"`
	LineSeconds float64   `json:"line_seconds"`
	Keys        int       `json:"keys"`
	Subjects    []string  `json:"subjects"`
	Lines       []*row    `json:"lines"`
	Limits      []*row    `json:"limits"`
	Notes       []string  `json:"notes,omitempty"`

	progress io.Writer
}

// row is one line or limit with the samples of everyone.
type row struct {
	Name    string              `json:"name"`
	Unit    string              `json:"unit"`
	Less    bool                `json:"less_is_better,omitempty"`
	Limits  []string            `json:"limits,omitempty"`
	Medians map[string]float64  `json:"medians"`
	Samples map[string][]sample `json:"samples"`

	server bool // work for a server, so its processor time counts
}

func newReport(opt options) *report {
	return &report{Machine: machine(), Processors: runtime.NumCPU(), Go: runtime.Version(), LoadBefore: load(),
		Rounds: opt.rounds, LineSeconds: opt.duration.Seconds(), Keys: opt.keys}
}

// begin makes the rows, in the order of the tables.
func (r *report) begin(lines []line, limits []limit) {
	for _, l := range lines {
		row := newRow(l.name, l.unit)
		row.Less, row.Limits, row.server = l.less, l.limits, l.step != nil
		r.Lines = append(r.Lines, row)
	}
	for _, l := range limits {
		r.Limits = append(r.Limits, newRow(l.name, l.unit))
	}
}

func newRow(name, unit string) *row {
	return &row{Name: name, Unit: unit, Medians: map[string]float64{}, Samples: map[string][]sample{}}
}

// row returns the row of that name, or nil when it was not asked for.
func (r *report) row(rows []*row, name string) *row {
	for _, row := range rows {
		if row.Name == name {
			return row
		}
	}
	return nil
}

// add records a sample, if its row was asked for. A sample without a finished
// step counts for no median.
func (r *report) add(rows []*row, name, column string, s sample) {
	row := r.row(rows, name)
	if row == nil {
		return
	}
	row.Samples[column] = append(row.Samples[column], s)
	if m, ok := row.of(column, func(s sample) float64 { return s.Value }); ok {
		row.Medians[column] = m
	}
}

// of returns the median of what value takes from the samples of column.
func (r *row) of(column string, value func(sample) float64) (float64, bool) {
	var values []float64
	for _, s := range r.Samples[column] {
		if s.Ops > 0 {
			values = append(values, value(s))
		}
	}
	return median(values), len(values) > 0
}

// note records what a reader of the figures must know, and says it at once.
func (r *report) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.Notes = append(r.Notes, text)
	if r.progress != nil {
		fmt.Fprintf(r.progress, "!! %s\n", text)
	}
}

// failures is nil unless requests to coffer failed: its figures would be worth
// nothing. Peers' failures are in the table.
func (r *report) failures() error {
	var errs []error
	for _, row := range r.Lines {
		for i, s := range row.Samples["coffer"] {
			if s.Failed > 0 {
				errs = append(errs, fmt.Errorf("%s: coffer failed %d times in its sample %d: %s", row.Name, s.Failed, i+1, s.FirstError))
			}
		}
	}
	return errors.Join(errs...)
}

func (r *report) json() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return append(text, '\n'), nil
}
