package rotation

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
)

// styles are the two ways to rotate.
var styles = []struct {
	name string
	args []string
}{
	{"NewPair", nil},
	{"SameID", []string{"--same-id"}},
}

// TestNothingFailsBeforeConfirmAndNothingPassesAfterIt rotates while every SDK
// works with the old credential, and more of them with the new one.
func TestNothingFailsBeforeConfirmAndNothingPassesAfterIt(t *testing.T) {
	t.Parallel()
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			w, all := start(t), sdks(t)
			var old, fresh []*loop
			for _, s := range all {
				old = append(old, w.loop(s, "old", w.old))
			}
			rounds(old, 2)
			newPair := w.rotate(style.args...)
			if same := newPair.id == w.old.id; same != (style.name == "SameID") {
				t.Errorf("the Access Key ID of the new credential is %s, and was %s before", newPair.id, w.old.id)
			}
			for _, s := range all {
				fresh = append(fresh, w.loop(s, "new", newPair))
			}
			took := w.seen(old, func(u usage) []user { return u.Outgoing })
			t.Logf("the evidence has all who use the outgoing credential after %s", took)
			w.seen(fresh, func(u usage) []user { return u.Current })
			w.apart()

			w.refusedInUse(agents(old), "confirm", w.id)
			w.refusedByAPI(newPair, agents(old))
			rounds(old, 2)

			confirmed := during(func() {
				if k := w.key("confirm", w.id, "--even-if-in-use"); k.Outgoing != nil || k.Current.AccessKeyID != newPair.id {
					t.Errorf("after confirm outgoing is %+v and current %s, want %s alone", k.Outgoing, k.Current.AccessKeyID, newPair.id)
				}
			})
			// Within one request, from the answer on.
			if got := w.send(w.request(http.MethodGet, "/"+bucket, w.old)); got.Status != http.StatusForbidden {
				t.Errorf("the first request with the old pair after confirm = %s, want 403", got)
			}
			rounds(old, 2)
			rounds(fresh, 2)
			for _, l := range old {
				l.stop()
				l.works("before confirm", before(confirmed))
				l.refused("after confirm", after(confirmed), "This access key was rotated out at ")
				l.neverAgain()
			}
			for _, l := range fresh {
				l.stop()
				l.works("through it all", always)
			}
		})
	}
}

func rounds(all []*loop, n int) {
	for _, l := range all {
		l.rounds(n)
	}
}

func agents(all []*loop) []string {
	var names []string
	for _, l := range all {
		names = append(names, l.agent)
	}
	return names
}

// seen waits until the evidence has what each loop does, from where, and returns
// how long that took.
func (w *world) seen(all []*loop, of func(usage) []user) time.Duration {
	w.t.Helper()
	var last []user
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the evidence has %+v", last)
		}
	}()
	return poll(w.t, "all loops are in the evidence", func() bool {
		last = of(w.usage())
		for _, l := range all {
			for _, op := range []string{"PutObject", "GetObject", "ListObjectsV2"} {
				if !slices.ContainsFunc(last, func(u user) bool {
					return strings.Contains(u.UserAgent, l.agent) && u.Source == "127.0.0.1" && u.Bucket == bucket && u.Operation == op &&
						u.Count > 0 && u.Refused == 0 && u.Last != nil && !u.Last.Before(u.First)
				}) {
					return false
				}
			}
		}
		return true
	})
}

// apart fails the test if a use is counted for the other credential.
func (w *world) apart() {
	w.t.Helper()
	u := w.usage()
	if !u.InUse {
		w.t.Error("usage says that the outgoing credential is not in use, want that it is")
	}
	for _, o := range u.Outgoing {
		if strings.Contains(o.UserAgent, "new-") {
			w.t.Errorf("%+v is among the users of the outgoing credential, want only those of the old secret", o)
		}
	}
	// The old secret was current before the rotation, which is another list.
	for _, c := range u.Current {
		if strings.Contains(c.UserAgent, "old-") {
			w.t.Errorf("%+v is among the users of the new credential, want only those of the new secret", c)
		}
	}
}

// refusedByAPI sends the confirm that a program would, signed with the new pair.
func (w *world) refusedByAPI(p pair, who []string) {
	w.t.Helper()
	c, err := api.DialURL(w.console(), api.Pair{AccessKeyID: p.id, Secret: coffer.NewSecretFrom(p.secret), Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = c.ConfirmKey(w.t.Context(), w.id, api.ConfirmInput{})
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Status != http.StatusConflict || e.Code != "KeyInUse" || e.InUse == nil || string(e.InUse.AccessKeyID) != w.old.id {
		w.t.Fatalf("POST :confirm = %+v, want 409 KeyInUse with who uses %s", err, w.old.id)
	}
	for _, agent := range who {
		if !slices.ContainsFunc(e.InUse.Clients, func(u api.User) bool { return strings.Contains(u.UserAgent, agent) }) {
			w.t.Errorf("the refusal of :confirm does not name %s: %+v", agent, e.InUse.Clients)
		}
	}
}

// TestCancelEndsTheNewCredentialInstead goes back to the old one, which notices
// nothing of it all.
func TestCancelEndsTheNewCredentialInstead(t *testing.T) {
	t.Parallel()
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			s := sdks(t)[0]
			old := w.loop(s, "old", w.old)
			old.rounds(1)
			newPair := w.rotate(style.args...)
			fresh := w.loop(s, "new", newPair)
			fresh.rounds(2)

			w.refusedInUse([]string{fresh.agent}, "cancel", w.id)
			fresh.rounds(1)
			canceled := during(func() {
				if k := w.key("cancel", w.id, "--even-if-in-use"); k.Outgoing != nil || k.Current.AccessKeyID != w.old.id {
					t.Errorf("after cancel outgoing is %+v and current %s, want %s alone", k.Outgoing, k.Current.AccessKeyID, w.old.id)
				}
			})
			fresh.rounds(2)
			old.rounds(2)
			fresh.stop()
			old.stop()
			fresh.works("before cancel", before(canceled))
			fresh.refused("after cancel", after(canceled), "This access key was rotated out at ")
			fresh.neverAgain()
			old.works("through it all", always)
			if r := w.Command("key", "cancel", w.id); r.Code != 1 || !strings.Contains(r.Stderr, "is not being rotated") {
				t.Errorf("a second cancel = %+v, want exit code 1 and that there is no rotation", r)
			}
		})
	}
}

// TestPauseRefusesUntilResume pauses a key that an SDK works with.
func TestPauseRefusesUntilResume(t *testing.T) {
	t.Parallel()
	w := start(t)
	all := sdks(t)
	l := w.loop(all[len(all)-1], "app", w.old)
	l.rounds(2)
	paused := during(func() { w.key("pause", w.id) })
	l.rounds(2)
	resumed := during(func() { w.key("resume", w.id) })
	l.rounds(2)
	l.stop()
	l.works("before the pause", before(paused))
	l.refused("during the pause", between(paused, resumed), "This access key is paused since ")
	l.works("after the pause", after(resumed))
}
