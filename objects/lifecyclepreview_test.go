package objects

import (
	"testing"
	"time"

	"coffer"
)

func TestALifecycleIsTriedAndNotPut(t *testing.T) {
	w := newWorld(t)
	w.put(t, "logs/a", content(1, 5))
	w.put(t, "kept", content(2, 5))
	w.clock.step(5 * 24 * time.Hour)
	prefix := "logs/"
	rule := coffer.LifecycleRule{ID: "r", Enabled: true, Filter: coffer.LifecycleFilter{Form: coffer.LifecycleFiltered, Prefix: &prefix}, Expiration: &coffer.LifecycleExpiration{Days: 3}}
	l := coffer.Lifecycle{Rules: []coffer.LifecycleRule{rule}, TransitionMinimum: coffer.TransitionMinimumAll}
	sums, err := w.alice.TryLifecycle(t.Context(), "bucket", l)
	if want := (LifecycleSums{Expired: 1, Bytes: 5}); err != nil || len(sums) != 1 || sums["r"] != want {
		t.Errorf("TryLifecycle = %+v, %v, want %+v", sums, err, want)
	}
	if _, err := w.alice.BucketLifecycle(t.Context(), "bucket"); coffer.CodeOf(err) != coffer.NoSuchLifecycleConfiguration {
		t.Errorf("BucketLifecycle after a trial = %v, want none", err)
	}
	if _, err := w.bob.TryLifecycle(t.Context(), "bucket", l); coffer.CodeOf(err) != coffer.NoSuchBucket {
		t.Errorf("TryLifecycle of another account's bucket = %v, want NoSuchBucket", err)
	}
	l.Rules[0].Expiration = nil
	if _, err := w.alice.TryLifecycle(t.Context(), "bucket", l); coffer.CodeOf(err) != coffer.InvalidRequest {
		t.Errorf("TryLifecycle of a rule without an action = %v, want InvalidRequest", err)
	}
}
