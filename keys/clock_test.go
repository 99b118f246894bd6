package keys

import (
	"testing"
	"time"

	"coffer"
)

// TestAClockSetBackRevivesNothing moves the clock to and fro: a key that has
// expired, was deleted or rotated out never works again because of it.
func TestAClockSetBackRevivesNothing(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	expiring, expiringSecret := create(t, s, ann, CreateInput{Expires: noon.Add(time.Hour)})
	deleted, deletedSecret := create(t, s, ann, CreateInput{})
	rotated, rotatedSecret := create(t, s, ann, CreateInput{})
	c.add(30 * time.Minute)
	if _, err := op.Delete(t.Context(), string(deleted.ID)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := op.Rotate(t.Context(), string(rotated.ID), RotateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Confirm(t.Context(), string(rotated.ID), ConfirmOptions{EvenIfInUse: true}); err != nil {
		t.Fatal(err)
	}
	pairs := map[string]pair{"expired": pairOf(expiring, expiringSecret), "deleted": pairOf(deleted, deletedSecret), "rotated out": pairOf(rotated, rotatedSecret)}
	check := func(when string, works map[string]bool) {
		t.Helper()
		for name, p := range pairs {
			key, err := p.match(t.Context(), s)
			if err != nil {
				t.Errorf("%s: look up the %s key = %v", when, name, err)
				continue
			}
			if err := key.Admit(c.Now(), false, c.Now()); (err == nil) != works[name] {
				t.Errorf("%s: Admit of the %s key = %v, want it let in: %t", when, name, err, works[name])
			}
		}
	}
	check("before the jump", map[string]bool{"expired": true})
	c.add(time.Hour)
	check("an hour later", nil)
	if err := s.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, back := range []time.Duration{-time.Hour, -24 * time.Hour} {
		c.add(back)
		check("the clock set back", nil)
		if got, err := op.Get(t.Context(), string(expiring.ID)); err != nil || got.Status != coffer.KeyExpired {
			t.Errorf("Get of the expired key = %s, %v, want it expired", got.Status, err)
		}
		if err := s.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := op.Extend(t.Context(), string(expiring.ID), noon.Add(48*time.Hour)); err != nil || got.Status != coffer.KeyActive {
		t.Errorf("Extend = %s, %v, want it active", got.Status, err)
	}
	check("extended", map[string]bool{"expired": true})
}

// TestWhatAClockThatWasAheadDidIsNotInForceForYears sets the clock right after it was a
// year ahead.
func TestWhatAClockThatWasAheadDidIsNotInForceForYears(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	screaming, old, _ := rotated(t, s, RotateOptions{})
	confirmed, out, _ := rotated(t, s, RotateOptions{})
	const year = 365 * 24 * time.Hour
	c.add(year)
	if _, err := op.ScreamTest(t.Context(), string(screaming.ID), 60); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Confirm(t.Context(), string(confirmed.ID), ConfirmOptions{KeepLinks: true, EvenIfInUse: true}); err != nil {
		t.Fatal(err)
	}
	c.add(-year)
	if err := old.sign(s); err != nil {
		t.Errorf("a credential in a scream test of next year = %v, want it let in", err)
	}
	if err := out.use(t.Context(), s, true, c.Now()); err == nil {
		t.Error("a link that the secret which was rotated out signs now is let in, want it refused")
	}
	c.add(year + time.Second)
	if err := out.use(t.Context(), s, true, c.Now().Add(-time.Hour)); err != nil {
		t.Errorf("a link from before, when its time has come = %v, want it let in", err)
	}
}

// TestEvidenceFollowsAClockThatIsSetRight: what was seen by a clock that was ahead hides
// nothing that comes after.
func TestEvidenceFollowsAClockThatIsSetRight(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	key, old, _ := rotated(t, s, RotateOptions{})
	const year = 365 * 24 * time.Hour
	c.add(year)
	if err := old.sign(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.add(-year)
	if err := old.sign(s); err != nil {
		t.Fatal(err)
	}
	u, err := op.Usage(t.Context(), string(key.ID))
	if err != nil || len(u.Outgoing) != 1 || !u.Outgoing[0].Last.Equal(c.Now()) || u.Outgoing[0].Count != 2 {
		t.Errorf("Usage = %+v, %v, want both uses, the last one now", u.Outgoing, err)
	}
	if last := u.Key.Rotation.Outgoing.LastUsed; last == nil || !last.Time.Equal(c.Now()) {
		t.Errorf("LastUsed = %+v, want now", last)
	}
	c.add(idleEnough)
	if _, err := op.Confirm(t.Context(), string(key.ID), ConfirmOptions{}); err != nil {
		t.Errorf("Confirm after %s without a use = %v", idleEnough, err)
	}
}
