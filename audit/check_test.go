package audit

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
)

// TestCheck takes rows of the log away, and adds some.
func TestCheck(t *testing.T) {
	l := newLog(t, vfs.NewMem())
	write(t, l, Event{Time: noon, Account: "1", Action: "a.b"}, Event{Time: noon, Account: "2", Action: "a.b"}, Event{Time: noon, Action: "a.b"})
	check := func(want ...string) {
		t.Helper()
		var found []string
		var mends []func(meta.Tx) error
		err := l.Meta.View(t.Context(), func(r meta.Reader) error {
			return Check(t.Context(), r, func(f coffer.Finding, mend func(meta.Tx) error) error {
				if found = append(found, f.Code); mend != nil {
					mends = append(mends, mend)
				}
				return nil
			})
		})
		if slices.Sort(found); err != nil || !slices.Equal(found, want) {
			t.Errorf("Check() = %v, found %q, want %q", err, found, want)
		}
		for _, mend := range mends {
			if err := l.Meta.Update(t.Context(), mend); err != nil {
				t.Fatal(err)
			}
		}
	}
	check()
	p := place{nanos: uint64(noon.UnixNano())}
	err := l.Meta.Update(t.Context(), func(tx meta.Tx) error {
		_ = tx.Delete(timeKey(p, "1"))
		_ = tx.Delete(eventKey("2", p.next()))
		return tx.Set(eventKey("3", place{nanos: 1}), []byte{7})
	})
	if err != nil {
		t.Fatal(err)
	}
	check("audit-event", "audit-index", "audit-index-left")
	check("audit-event")
}
