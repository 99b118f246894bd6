package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
)

// shown are the days that have anything, as DAY:REQUESTS/BYTES, and how many were not
// counted.
func shown(t *testing.T, f *Traffic, account coffer.AccountID, n int) string {
	t.Helper()
	days, err := f.Days(t.Context(), coffer.Caller{Account: account, Member: "m", Role: coffer.RoleReadOnly}, account, n)
	if err != nil || len(days) != n {
		t.Fatalf("Days(%s, %d) = %v, %v", account, n, days, err)
	}
	text, uncounted := "", 0
	for _, d := range days {
		if !d.Counted {
			uncounted++
		}
		if d.Requests != 0 || d.Bytes != 0 {
			text += fmt.Sprintf("%s:%d/%d ", d.Date.Format("0102"), d.Requests, d.Bytes)
		}
	}
	return fmt.Sprintf("%s-%d", text, uncounted)
}

func TestTrafficIsCountedByAccountAndDay(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	now := time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC)
	f := &Traffic{Meta: l.Meta, Now: func() time.Time { return now }}
	if got, want := shown(t, f, "1", 3), "-2"; got != want {
		t.Errorf("nothing counted yet: %q, want %q", got, want)
	}
	f.Count("1", 10)
	f.Count("2", 7)
	f.Count("", 100)
	if got, want := shown(t, f, "1", 3), "0301:1/10 -2"; got != want {
		t.Errorf("before a flush: %q, want %q", got, want)
	}
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	f.Count("1", 0)
	f.Count("1", 5)
	for range 2 { // the second one has nothing to add
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := shown(t, f, "1", 3), "0301:1/10 0302:2/5 -1"; got != want {
			t.Errorf("after a flush: %q, want %q", got, want)
		}
	}
	if got, want := shown(t, f, "2", 3), "0301:1/7 -1"; got != want {
		t.Errorf("the other account: %q, want %q", got, want)
	}
	again := &Traffic{Meta: l.Meta, Now: f.Now}
	again.Count("1", 1)
	if err := again.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := shown(t, again, "1", 2), "0301:1/10 0302:3/6 -0"; got != want {
		t.Errorf("after a restart: %q, want %q", got, want)
	}
}

func TestTrafficIsForItsAccount(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	f := &Traffic{Meta: l.Meta, Now: l.Now}
	for _, tt := range []struct {
		name    string
		caller  coffer.Caller
		account coffer.AccountID
		want    coffer.Code
	}{
		{"AMember", owner, "1", coffer.Internal},
		{"AMemberOfAnother", owner, "2", coffer.AccessDenied},
		{"AnOperator", operator, "2", coffer.Internal},
		{"NobodyOfNone", coffer.Caller{}, "", coffer.AccessDenied},
		{"Nobody", coffer.Caller{}, "1", coffer.AccessDenied},
	} {
		if _, err := f.Days(t.Context(), tt.caller, tt.account, 1); coffer.CodeOf(err) != tt.want || tt.want == coffer.Internal && err != nil {
			t.Errorf("%s: Days(%q) = %v, want code %d", tt.name, tt.account, err, tt.want)
		}
	}
}

// refusing is a store that takes no writes.
type refusing struct{ meta.Store }

func (refusing) Update(ctx context.Context, fn func(meta.Tx) error) error { return errors.New("full") }

func TestTrafficThatCannotBeWrittenIsKept(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	f := &Traffic{Meta: refusing{l.Meta}, Now: l.Now}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				f.Count("1", 2)
			}
		})
	}
	_ = f.Flush(t.Context()) // in the midst of it
	all.Wait()
	if err := f.Flush(t.Context()); err == nil {
		t.Error("Flush to a store that is full = nil")
	}
	f.Meta = l.Meta
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := shown(t, f, "1", 1), "0301:800/1600 -0"; got != want {
		t.Errorf("after the store took it: %q, want %q", got, want)
	}
}

func TestOldTrafficEnds(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	now := noon
	f := &Traffic{Meta: l.Meta, Now: func() time.Time { return now }}
	f.Count("1", 1)
	now = now.Add(24 * time.Hour)
	f.Count("1", 1)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, l, Event{Time: noon, Account: "1", Action: "a.b"})
	for i, want := range []string{"0301:1/1 0302:1/1 -0", "0302:1/1 -0", "-400"} {
		now = noon.Add(Kept + time.Duration(i)*24*time.Hour)
		if err := f.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := shown(t, f, "1", int(Kept/trafficDay)+1); got != want {
			t.Errorf("%d days after the last: %q, want %q", i, got, want)
		}
	}
	if events, _, err := l.As(owner).List(t.Context(), "1", Filter{}, "", 10); err != nil || len(events) != 1 {
		t.Errorf("the events are %v, %v, want them as they were", events, err)
	}
	now = time.Unix(0, 0)
	if err := f.Expire(t.Context()); err != nil {
		t.Errorf("Expire in 1970 = %v", err)
	}
}

func TestCheckReadsTraffic(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	f := &Traffic{Meta: l.Meta, Now: l.Now}
	f.Count("1", 9)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	good := trafficKey(dayOf{1, "1"}, trafficBytes)
	err := l.Meta.Update(t.Context(), func(tx meta.Tx) error {
		return errors.Join(tx.Set(good, []byte{7}), tx.Set(append(slices.Clone(good), 'x'), meta.CounterValue(1)), tx.Set([]byte{meta.PrefixAudit, rowTraffic}, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{3, 0} {
		var mends []func(meta.Tx) error
		err := l.Meta.View(t.Context(), func(r meta.Reader) error {
			return Check(t.Context(), r, func(f coffer.Finding, mend func(meta.Tx) error) error {
				if mends = append(mends, mend); f.Code != "audit-traffic" {
					t.Errorf("Check found %v", f)
				}
				return nil
			})
		})
		if err != nil || len(mends) != want {
			t.Fatalf("Check() = %v with %d findings, want %d", err, len(mends), want)
		}
		for _, mend := range mends {
			if err := l.Meta.Update(t.Context(), mend); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := shown(t, f, "1", 1), "0301:1/9 -0"; got != want {
		t.Errorf("after the repair: %q, want %q", got, want)
	}
}
