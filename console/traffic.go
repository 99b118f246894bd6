package console

import (
	"slices"

	"coffer/audit"
)

// trafficDays is how many days the overview shows.
const trafficDays = 30

// trafficView is the requests of the last days, and what was sent for them.
type trafficView struct {
	Days            []audit.Day // the newest last
	Requests, Bytes int64
	Charts          []barChart
}

// barChart has one bar for each day, drawn in a box of chartWidth by chartHeight.
type barChart struct {
	ID, Name  string
	Most      string // the highest bar, in words
	First     string // the days of the first bar and of the last
	Last      string
	Bars      []bar
	Width     int
	Height    int
	Uncounted int // width of the days before anything was counted
}

// bar is a day: where it stands, and what it says.
type bar struct {
	X, Y, Width, Height int
	Title               string
}

const (
	chartHeight = 100
	chartStep   = 20 // from one bar to the next
	chartGap    = 4
)

// newTraffic draws what was counted.
func newTraffic(days []audit.Day) *trafficView {
	v := &trafficView{Days: days}
	for _, d := range days {
		v.Requests += d.Requests
		v.Bytes += d.Bytes
	}
	v.Charts = []barChart{
		newChart("requests", "Requests", days, func(d audit.Day) int64 { return d.Requests }, formatCount),
		newChart("egress", "Sent", days, func(d audit.Day) int64 { return d.Bytes }, formatSize),
	}
	return v
}

func newChart(id, name string, days []audit.Day, value func(audit.Day) int64, words func(int64) string) barChart {
	c := barChart{ID: id, Name: name, Width: len(days) * chartStep, Height: chartHeight}
	if len(days) == 0 {
		return c
	}
	most := int64(0)
	for _, d := range days {
		most = max(most, value(d))
	}
	c.Most, c.First, c.Last = words(most), days[0].Date.Format("2 January"), days[len(days)-1].Date.Format("2 January")
	for i, d := range days {
		if !d.Counted {
			c.Uncounted = (i + 1) * chartStep
			continue
		}
		n := value(d)
		if n <= 0 {
			continue
		}
		// A little is not nothing: it is seen.
		h := max(2, int(float64(n)/float64(most)*chartHeight))
		c.Bars = append(c.Bars, bar{i*chartStep + chartGap/2, chartHeight - h, chartStep - chartGap, h, d.Date.Format("2 January") + ": " + words(n)})
	}
	return c
}

// Height is that of the charts.
func (trafficView) Height() int { return chartHeight }

// Uncounted tells whether some of the days were never counted.
func (v trafficView) Uncounted() bool { return len(v.Days) > 0 && !v.Days[0].Counted }

// Backwards are the days as the table has them, the newest first.
func (v trafficView) Backwards() []audit.Day {
	days := slices.Clone(v.Days)
	slices.Reverse(days)
	return days
}

// traffic reads the last days of the account; nil if this console has no counters.
func (q *request) traffic() (*trafficView, error) {
	if q.Traffic == nil {
		return nil, nil
	}
	days, err := q.Traffic.Days(q.ctx(), q.caller(), q.current.Account.ID, trafficDays)
	if err != nil {
		return nil, err
	}
	return newTraffic(days), nil
}
