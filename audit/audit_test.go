package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
	"coffer/meta/pebble"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

var (
	owner    = coffer.Caller{Account: "1", Member: "m1", Role: coffer.RoleOwner, Name: "ann@example.com", Source: "192.0.2.1", UserAgent: "Firefox"}
	operator = coffer.Caller{Operator: true, Name: "operator"}
)

func newLog(t *testing.T, fs vfs.FS) *Log {
	t.Helper()
	store, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &Log{Meta: store, Now: func() time.Time { return noon }}
}

func write(t *testing.T, l *Log, events ...Event) {
	t.Helper()
	err := l.Meta.Update(t.Context(), func(tx meta.Tx) error {
		for _, e := range events {
			if err := Write(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func targets(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Target)
	}
	return strings.Join(all, " ")
}

// TestListIsNewestFirstAndPaged writes events of two accounts, most of them in
// the same nanosecond, and reads them by pages of every length.
func TestListIsNewestFirstAndPaged(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	for i := range 9 {
		at := noon
		if i > 5 {
			at = noon.Add(time.Duration(i) * time.Second)
		}
		e := By(t.Context(), owner, at, coffer.AccountID(fmt.Sprint(1+i%2)), "key.create", fmt.Sprint(i))
		write(t, l, e)
	}
	for account, want := range map[coffer.AccountID]string{"1": "8 6 4 2 0", "2": "7 5 3 1", "": "8 7 6 5 4 3 2 1 0", "3": ""} {
		for max := 1; max < 11; max++ {
			var got []Event
			after := ""
			for pages := 0; ; pages++ {
				page, next, err := l.As(operator).List(t.Context(), account, Filter{}, after, max)
				if err != nil || len(page) > max || pages > 10 {
					t.Fatalf("List(%q, %q, %d) = %d events, %v", account, after, max, len(page), err)
				}
				got = append(got, page...)
				if after = next; after == "" {
					break
				}
			}
			if targets(got) != want {
				t.Errorf("List(%q) by %d = %s, want %s", account, max, targets(got), want)
			}
		}
		var out bytes.Buffer
		if err := l.As(operator).Export(t.Context(), account, Filter{}, &out); err != nil {
			t.Fatalf("Export: %v", err)
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			var e Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("Export wrote %q: %v", line, err)
			}
			lines = append([]string{e.Target}, lines...)
		}
		if got := strings.Join(lines, " "); got != want {
			t.Errorf("Export(%q) backwards = %s, want %s", account, got, want)
		}
	}
}

// TestAPageIsBoundedInBytes reads a log of events that are as large as they may be.
func TestAPageIsBoundedInBytes(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	const count = 40
	large := map[string]string{}
	for i := range fieldsMax {
		large[fmt.Sprint(i)] = strings.Repeat("x", valueMax)
	}
	for i := range count {
		e := By(t.Context(), owner, noon.Add(time.Duration(i)), "1", "key.scope", fmt.Sprint(i))
		e.Before, e.After = large, large
		write(t, l, e)
	}
	const size = 2 * fieldsMax * valueMax // of one
	n, after := 0, ""
	for pages := 1; ; pages++ {
		page, next, err := l.As(operator).List(t.Context(), "1", Filter{}, after, 1000)
		if err != nil || len(page) == 0 || len(page) > bytesMax/size+1 {
			t.Fatalf("page %d has %d events, %v, want some and at most %d", pages, len(page), err, bytesMax/size+1)
		}
		n += len(page)
		if after = next; after == "" {
			break
		}
	}
	var out bytes.Buffer
	if err := l.As(operator).Export(t.Context(), "1", Filter{}, &out); err != nil || n != count || strings.Count(out.String(), "\n") != count {
		t.Errorf("%d events are listed, and %d exported, %v, want %d", n, strings.Count(out.String(), "\n"), err, count)
	}
}

func TestFilter(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	other := owner
	other.Member, other.Name = "m2", "bob@example.com"
	write(t, l,
		By(t.Context(), owner, noon, "1", "key.create", "a"),
		By(t.Context(), other, noon.Add(time.Second), "1", "key.rotate", "a"),
		By(t.Context(), owner, noon.Add(2*time.Second), "1", "keyring.open", "b"),
		System(t.Context(), noon.Add(3*time.Second), "1", "session.end", "c"))
	for _, tt := range []struct {
		name   string
		filter Filter
		want   string
	}{
		{"All", Filter{}, "c b a a"},
		{"Group", Filter{Action: "key."}, "a a"},
		{"Action", Filter{Action: "key.rotate"}, "a"},
		{"NoGroupWithoutItsDot", Filter{Action: "key"}, ""},
		{"WhoByID", Filter{Who: "m1"}, "b a"},
		{"WhoByName", Filter{Who: "bob@example.com"}, "a"},
		{"Target", Filter{Target: "a", Who: "m1"}, "a"},
		{"From", Filter{From: noon.Add(2 * time.Second)}, "c b"},
		{"ToIsNotIncluded", Filter{To: noon.Add(2 * time.Second)}, "a a"},
		{"FromAfterTo", Filter{From: noon.Add(time.Second), To: noon}, ""},
	} {
		got, next, err := l.As(owner).List(t.Context(), "", tt.filter, "", 10)
		if err != nil || next != "" || targets(got) != tt.want {
			t.Errorf("%s: List(%+v) = %q, %q, %v, want %q", tt.name, tt.filter, targets(got), next, err, tt.want)
		}
	}
	if _, _, err := l.As(owner).List(t.Context(), "", Filter{}, "evt_00", 10); coffer.CodeOf(err) != coffer.InvalidArgument {
		t.Errorf("List after what is no event = %v, want InvalidArgument", err)
	}
}

func TestWhoMayRead(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	write(t, l, By(t.Context(), owner, noon, "1", "key.create", "a"))
	for _, tt := range []struct {
		name    string
		caller  coffer.Caller
		account coffer.AccountID
		want    coffer.Code
	}{
		{"Owner", owner, "1", coffer.CodeCount},
		{"Admin", coffer.Caller{Account: "1", Member: "m", Role: coffer.RoleAdmin}, "", coffer.CodeCount},
		{"Member", coffer.Caller{Account: "1", Member: "m", Role: coffer.RoleMember}, "1", coffer.AccessDenied},
		{"ReadOnly", coffer.Caller{Account: "1", Member: "m", Role: coffer.RoleReadOnly}, "1", coffer.AccessDenied},
		{"NoRole", coffer.Caller{Account: "1", Member: "m"}, "1", coffer.AccessDenied},
		{"OtherAccount", owner, "2", coffer.AccessDenied},
		{"Key", coffer.Caller{Account: "1", Key: "key_1", Role: coffer.RoleOwner}, "1", coffer.AccessDenied},
		{"Nobody", coffer.Caller{}, "", coffer.AccessDenied},
		{"Operator", operator, "1", coffer.CodeCount},
	} {
		got, _, err := l.As(tt.caller).List(t.Context(), tt.account, Filter{}, "", 10)
		exported := l.As(tt.caller).Export(t.Context(), tt.account, Filter{}, &bytes.Buffer{})
		if tt.want == coffer.CodeCount {
			if err != nil || exported != nil || len(got) != 1 {
				t.Errorf("%s: List = %d events, %v, Export %v, want the event", tt.name, len(got), err, exported)
			}
		} else if coffer.CodeOf(err) != tt.want || coffer.CodeOf(exported) != tt.want {
			t.Errorf("%s: List = %v, Export %v, want code %d", tt.name, err, exported, tt.want)
		}
	}
}

func TestAnEventGoesWithItsChange(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := newLog(t, fs)
	failed := errors.New("the change failed")
	err := l.Meta.Update(t.Context(), func(tx meta.Tx) error {
		return errors.Join(Write(tx, By(t.Context(), owner, noon, "1", "key.create", "never")), failed)
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	ctx := coffer.WithRequestID(context.Background(), "R1")
	long := strings.Repeat("ä", 3000)
	e := By(ctx, owner, noon, "1", "key.rename", "a")
	e.UserAgent, e.Before, e.After = long+"\xff", map[string]string{"name": "old"}, map[string]string{"name": long}
	write(t, l, e)
	got, _, err := newLog(t, fs.CrashClone(vfs.CrashCloneCfg{})).As(owner).List(ctx, "1", Filter{}, "", 10)
	if err != nil || len(got) != 1 || got[0].RequestID != "R1" || got[0].Who != (Who{KindMember, "m1", "ann@example.com"}) ||
		got[0].Before["name"] != "old" || len(got[0].UserAgent) > textMax || len(got[0].After["name"]) > valueMax || !got[0].Time.Equal(noon) {
		t.Errorf("List after a crash = %+.300v, %v, want the one event, cut", got, err)
	}
}

func TestOldEventsEnd(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	const old = batchMax + 10
	for i := range old {
		write(t, l, System(t.Context(), noon.Add(-Kept-time.Duration(i)), "1", "key.create", "old"))
	}
	write(t, l, System(t.Context(), noon.Add(-Kept), "1", "key.create", "kept"), System(t.Context(), noon, "2", "key.create", "new"))
	// The events of the instant that is Kept ago stay.
	if n, err := l.Expire(t.Context()); err != nil || n != old-1 {
		t.Errorf("Expire = %d, %v, want %d", n, err, old-1)
	}
	for account, want := range map[coffer.AccountID]string{"1": "kept old", "2": "new", "": "new kept old"} {
		if got, _, err := l.As(operator).List(t.Context(), account, Filter{}, "", 1000); err != nil || targets(got) != want {
			t.Errorf("List(%q) = %q, %v, want %q", account, targets(got), err, want)
		}
	}
}

func TestRecordReadsAsWritten(t *testing.T) {
	e := Event{ID: place{nanos: 7, seq: 9}.String(), Time: noon, Account: "123456789012", Who: Who{KindKey, "key_1", "ci"},
		Source: "192.0.2.1", UserAgent: "aws-cli/2", RequestID: "R1", Action: "key.rename", Target: "key_2",
		Before: map[string]string{"name": "old", "a": ""}, After: map[string]string{"name": "new"}}
	path := filepath.Join("testdata", "event.golden")
	if *update {
		if err := os.WriteFile(path, encode(e), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(golden, encode(e)) {
		t.Errorf("encoded %x, %v, want %x", encode(e), err, golden)
	}
	if got, err := decode(golden); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("decode(golden) = %+v, %v, want %+v", got, err, e)
	}
	if p, err := parsePlace(e.ID); err != nil || p != (place{7, 9}) {
		t.Errorf("parsePlace(%q) = %+v, %v", e.ID, p, err)
	}
}

func FuzzDecode(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "event.golden"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		if again, err := decode(encode(e)); err != nil || !bytes.Equal(encode(again), encode(e)) {
			t.Errorf("%+v reads back as %+v, %v", e, again, err)
		}
	})
}
