package s3

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"coffer"
)

func memoryTest(t *testing.T, patience time.Duration) func(account string) *request {
	h := &Handler{memory: newMemory(1)}
	h.memory.patience = patience
	return func(account string) *request {
		return &request{Handler: h, ctx: t.Context(), r: httptest.NewRequest("GET", "/", nil), actor: coffer.Actor{Account: coffer.AccountID(account)}}
	}
}

// TestWhoHoldsAllTheyMayLeavesRoomForOthers fills what one account may hold.
func TestWhoHoldsAllTheyMayLeavesRoomForOthers(t *testing.T) {
	from := memoryTest(t, time.Millisecond)
	greedy := from("a")
	if err := greedy.hold(1 << 40); err != nil {
		t.Fatalf("hold of more than there is = %v, want all that one may have", err)
	}
	if err := from("a").hold(1); coffer.CodeOf(err) != coffer.SlowDown {
		t.Errorf("hold by who holds all they may = %v, want SlowDown", err)
	}
	other := from("b")
	if err := other.hold(1 << 20); err != nil {
		t.Errorf("hold by another = %v, want room", err)
	}
	other.forget()
	greedy.held.keep(1 << 20)
	again := from("a")
	if err := again.hold(1 << 20); err != nil {
		t.Errorf("hold after most was given back = %v, want room", err)
	}
	again.forget()
	greedy.forget()
	greedy.forget()
	if n := len(greedy.memory.holds); n != 0 {
		t.Errorf("%d accounts are remembered after all was given back, want none", n)
	}
	for _, account := range []string{"a", "b"} {
		if err := from(account).hold(1 << 40); err != nil {
			t.Errorf("hold by %s after all was given back = %v, want room", account, err)
		}
	}
}

func TestRoomIsGivenInTheOrderOfTheAsking(t *testing.T) {
	from := memoryTest(t, time.Minute)
	first := from("a")
	if err := first.toil(1 << 40); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		second := from("b")
		defer second.forget()
		done <- second.toil(1 << 40)
	}()
	select {
	case err := <-done:
		t.Fatalf("toil beside one that has it all = %v, want it to wait", err)
	case <-time.After(10 * time.Millisecond):
	}
	first.forget()
	if err := <-done; err != nil {
		t.Errorf("toil after the other = %v, want room", err)
	}
}

func TestWhoGoesAwayWaitsNoLonger(t *testing.T) {
	from := memoryTest(t, time.Minute)
	if err := from("a").toil(1 << 40); err != nil {
		t.Fatal(err)
	}
	q := from("b")
	ctx, cancel := context.WithCancel(t.Context())
	q.ctx = ctx
	cancel()
	if err := q.toil(1); err == nil || coffer.CodeOf(err) == coffer.SlowDown {
		t.Errorf("toil of a client that is gone = %v, want that it is gone", err)
	}
}

// TestWhoIsSlowMakesRoomForWhoWaits: two accounts that hold all there is for clients that
// do nothing keep nobody else waiting for long.
func TestWhoIsSlowMakesRoomForWhoWaits(t *testing.T) {
	from := memoryTest(t, time.Minute)
	for _, account := range []string{"a", "b"} {
		slow := from(account)
		if err := slow.hold(1 << 40); err != nil {
			t.Fatal(err)
		}
		cut := make(chan struct{}, 100)
		c, done := slow.held.awaits(slow.memory, func() { cut <- struct{}{} })
		if account == "b" {
			c.moved.Store(1 << 40) // all that it has to send
		}
		go func() {
			<-cut
			if account == "b" {
				t.Error("who is not slow was cut off")
			}
			done()
			slow.forget()
		}()
	}
	if err := from("c").hold(1 << 20); err != nil {
		t.Errorf("hold beside two who have all = %v, want room", err)
	}
}
