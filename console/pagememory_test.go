package console

import (
	"context"
	"errors"
	"testing"

	"coffer"
)

func TestPagesShareTheirMemory(t *testing.T) {
	m := newPageMemory()
	take := func(account string, size int, want bool) func() {
		t.Helper()
		release := m.take(coffer.AccountID(account), size)
		if (release != nil) != want {
			t.Fatalf("take(%s, %d) = %t, want %t", account, size, release != nil, want)
		}
		return release
	}
	a := take("a", pagesOfAccount, true)
	take("a", smallPage, true)
	take("a", smallPage+1, false) // its half is taken
	b := take("b", pagesOfAccount, true)
	take("c", smallPage+1, false) // all is taken
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.wait(ctx, "c", smallPage+1); !errors.Is(err, context.Canceled) {
		t.Errorf("wait by a client that is gone = %v, want that", err)
	}
	waited := make(chan error)
	go func() {
		release, err := m.wait(t.Context(), "c", smallPage+1)
		if err == nil {
			release()
		}
		waited <- err
	}()
	a()
	if err := <-waited; err != nil {
		t.Errorf("wait = %v, want room when another was read", err)
	}
	b()
	take("a", 10*pagesBytes, true)() // there is no other
	if m.used != 0 || len(m.by) != 0 {
		t.Errorf("%d bytes of %d accounts are taken, want none", m.used, len(m.by))
	}
}
