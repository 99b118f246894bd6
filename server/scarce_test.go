package server

import (
	"testing"
	"time"

	"coffer"
)

func TestAnAccountChangesLittleWhileTheDiskIsFull(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	full := error(&coffer.Error{Code: coffer.StorageFull})
	s := &scarce{writable: func() error { return full }, now: func() time.Time { return now }}
	key, member := coffer.Caller{Account: "a", Key: "key_a"}, coffer.Caller{Account: "a", Member: "mem_a"}
	for i := range scarceBurst {
		who := []coffer.Caller{key, member}[i%2]
		if err := s.admit(who); err != nil {
			t.Fatalf("change %d = %v, want it admitted", i, err)
		}
	}
	for name, who := range map[string]coffer.Caller{"a key": key, "a member": member, "a key that says it is an operator": {Account: "a", Key: "key_b", Operator: true}} {
		if err := s.admit(who); coffer.CodeOf(err) != coffer.StorageFull {
			t.Errorf("one more change by %s = %v, want StorageFull", name, err)
		}
	}
	for name, who := range map[string]coffer.Caller{"another account": {Account: "b", Key: "key_b"}, "an operator": {Account: "a", Member: "mem_a", Operator: true}, "the socket": {Operator: true}} {
		if err := s.admit(who); err != nil {
			t.Errorf("a change by %s = %v, want it admitted", name, err)
		}
	}
	now = now.Add(scarceEvery)
	if err := s.admit(key); err != nil {
		t.Errorf("a change %s later = %v, want it admitted", scarceEvery, err)
	}
	if err := s.admit(key); err == nil {
		t.Errorf("two changes %s later are admitted, want one", scarceEvery)
	}
	full = nil
	if err := s.admit(key); err != nil {
		t.Errorf("a change when there is room = %v, want it admitted", err)
	}
}
