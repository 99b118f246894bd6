package coffer

import (
	"testing"
	"time"
)

func TestLifecycleDue(t *testing.T) {
	at := func(text string) time.Time {
		d, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		name string
		from string
		days int
		day  time.Duration
		want string
	}{
		{"RoundedUpToMidnight", "2014-01-15T10:30:00Z", 3, LifecycleDay, "2014-01-19T00:00:00Z"},
		{"MidnightStays", "2014-01-15T00:00:00Z", 3, LifecycleDay, "2014-01-18T00:00:00Z"},
		{"JustAfterMidnight", "2014-01-15T00:00:00.001Z", 1, LifecycleDay, "2014-01-17T00:00:00Z"},
		{"InUTC", "2014-01-15T23:30:00-05:00", 1, LifecycleDay, "2014-01-18T00:00:00Z"},
		{"OverALeapDay", "2024-02-28T12:00:00Z", 1, LifecycleDay, "2024-03-01T00:00:00Z"},
		{"ShortDaysAreExact", "2014-01-15T10:30:00Z", 3, time.Second, "2014-01-15T10:30:03Z"},
	} {
		if got := lifecycleDue(at(tt.from), tt.days, tt.day); !got.Equal(at(tt.want)) {
			t.Errorf("%s: lifecycleDue(%s, %d, %v) = %v, want %s", tt.name, tt.from, tt.days, tt.day, got, tt.want)
		}
	}
	for _, day := range []time.Duration{time.Second, time.Hour, LifecycleDay, 30 * LifecycleDay} {
		if got := lifecycleDue(at("2014-01-15T10:30:00Z"), lifecycleDaysMax, day); got.Year() < 2050 {
			t.Errorf("the most days of %v end in %v, want far away", day, got)
		}
	}
}
