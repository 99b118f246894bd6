package objects

import (
	"slices"
	"testing"
	"time"

	"coffer"
)

// TestAClockThatJumpsKeepsTheOrder moves the clock to and fro between writes: the
// versions of a key stay in the order in which they were written, each later than
// the one before, and the one that was written last is the current one.
func TestAClockThatJumpsKeepsTheOrder(t *testing.T) {
	jumps := []time.Duration{0, -time.Hour, time.Hour, -24 * time.Hour, time.Nanosecond, 36 * time.Hour, -36 * time.Hour, 0}
	for _, state := range []coffer.Versioning{coffer.VersioningUnset, coffer.VersioningEnabled} {
		t.Run("Versioning"+string(state), func(t *testing.T) {
			w := newWorld(t)
			if state != coffer.VersioningUnset {
				if err := w.alice.PutVersioning(t.Context(), "bucket", state); err != nil {
					t.Fatal(err)
				}
			}
			w.put(t, "source", content(99, 10))
			var last time.Time
			var written []string // the newest first
			wrote := func(what string, o coffer.Object) {
				t.Helper()
				if !o.Modified.After(last) {
					t.Errorf("%s = modified %v, want after %v", what, o.Modified, last)
				}
				last, written = o.Modified, slices.Insert(written, 0, o.VersionID)
			}
			for i, jump := range jumps {
				w.clock.step(jump)
				wrote("Put", w.put(t, "key", content(uint64(i), 100+i%2*testInline)))
				w.clock.step(-jump / 2)
				wrote("Complete", w.putParts(t, "key", content(uint64(i), 10), content(uint64(i), 5)))
				w.clock.step(jump / 3)
				if state != coffer.VersioningUnset {
					gone, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "key"})
					if err != nil || !gone.Marker {
						t.Fatalf("Delete = %+v, %v, want a marker", gone, err)
					}
					written = slices.Insert(written, 0, gone.VersionID)
				}
			}
			body := content(7, 50)
			wrote("the last Put", w.put(t, "key", body))
			w.check(t, "key", body)
			w.clock.step(-100 * time.Hour)
			w.reclaim(t)
			w.check(t, "key", body)
			w.clock.step(200 * time.Hour)
			w.reclaim(t)
			w.check(t, "key", body)
			if state == coffer.VersioningUnset {
				return
			}
			page, err := w.alice.ListVersions(t.Context(), ListVersionsInput{Bucket: "bucket", Prefix: "key", Max: 1000})
			if err != nil {
				t.Fatal(err)
			}
			var listed []string
			for i, v := range page.Versions {
				listed = append(listed, v.VersionID)
				if i > 0 && !v.Modified.Before(page.Versions[i-1].Modified) {
					t.Errorf("version %d is of %v, and the newer one before it of %v", i, v.Modified, page.Versions[i-1].Modified)
				}
			}
			if !slices.Equal(listed, written) {
				t.Errorf("ListVersions = %q, want %q", listed, written)
			}
		})
	}
}

// TestAClockThatWasAheadDelaysNothing sets the clock back by years: what was noted for
// later then is not left for those years.
func TestAClockThatWasAheadDelaysNothing(t *testing.T) {
	w := newWorld(t)
	const years = 20 * 365 * 24 * time.Hour
	w.clock.step(years)
	w.put(t, "kept", content(2, 5000))
	for i := range reclaimBatch + 1 {
		w.put(t, "k", content(uint64(i), 5000))
	}
	w.remove(t, "k")
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatal(err)
	}
	w.clock.step(-years)
	if _, err := w.Reclaim(t.Context()); err != nil {
		t.Fatalf("Reclaim() = %v", err)
	}
	w.clock.step(time.Minute)
	if done, err := w.Reclaim(t.Context()); err != nil || done.Garbage != reclaimBatch+1 {
		t.Errorf("Reclaim() after the clock was set back = %+v, %v, want %d blobs gone", done, err, reclaimBatch+1)
	}
	w.check(t, "kept", content(2, 5000))
	w.audit(t, true)
	if err := w.Scrub(t.Context(), fast); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.scrubFound(t); !status.Finished.Equal(w.clock.Now()) {
		t.Errorf("the last scrub ended at %v, want one now, at %v", status.Finished, w.clock.Now())
	}
}
