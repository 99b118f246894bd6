package objects

import (
	"testing"
	"time"
)

func TestHeldBlobsOutliveTheirObjects(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", content(1, 5000))
	first, second := w.Hold(), w.Hold()
	w.remove(t, "k")
	w.clock.step(time.Hour)
	for _, tt := range []struct {
		name    string
		release func()
		want    int
	}{
		{"TwoHolds", func() {}, 0},
		{"OneIsReleased", first, 0},
		{"TheSameIsReleasedAgain", first, 0},
		{"BothAreReleased", second, 1},
	} {
		tt.release()
		if done, err := w.CollectGarbage(t.Context()); err != nil || done.Garbage != tt.want {
			t.Errorf("%s: CollectGarbage = %+v, %v, want %d", tt.name, done, err, tt.want)
		}
	}
	w.audit(t, true)
}
