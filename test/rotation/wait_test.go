package rotation

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"coffer/test/harness"
)

// TestScriptsWaitUntilTheOldCredentialIsIdle is `coffer key rotate --wait-idle
// --confirm` while an SDK works, which then ends.
func TestScriptsWaitUntilTheOldCredentialIsIdle(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second
	w := start(t)
	l := w.loop(sdks(t)[0], "old", w.old)
	l.rounds(1)
	done := make(chan harness.Result, 1)
	go func() {
		done <- w.Command("key", "rotate", w.id, "--wait-idle", idle.String(), "--confirm", "--even-if-in-use", "--json")
	}()
	poll(t, "the rotation begins", func() bool { return w.usage().Key.Outgoing != nil })
	for begin := time.Now(); time.Since(begin) < 2*idle; {
		l.rounds(1)
	}
	select {
	case r := <-done:
		t.Fatalf("coffer key rotate ended while the old credential was in use: %+v", r)
	default:
	}
	l.stop()
	l.works("until it ended by itself", always)
	all := l.all()
	last := time.Unix(0, all[len(all)-1].Begin)
	r := <-done
	if r.Code != 0 {
		t.Fatalf("coffer key rotate --wait-idle --confirm = exit code %d, want 0\n%s", r.Code, r.Stderr)
	}
	if waited := time.Since(last); waited < idle {
		t.Errorf("it confirmed %s after the last use, want %s or more", waited, idle)
	}
	printed := w.read(r.Stdout)
	if len(printed) != 2 || printed[0].Current.SecretAccessKey == "" || printed[0].Outgoing == nil || printed[1].Outgoing != nil {
		t.Fatalf("it printed %d keys, want the new pair with the old one outgoing, then the confirmed key", len(printed))
	}
	w.endedWith(pair{printed[0].Current.AccessKeyID, printed[0].Current.SecretAccessKey})
}

// endedWith fails the test unless the new pair works and the old one does not.
func (w *world) endedWith(fresh pair) {
	w.t.Helper()
	if got := w.send(w.request(http.MethodGet, "/"+bucket, fresh)); got.Status != http.StatusOK {
		w.t.Errorf("the new credential = %s, want 200", got)
	}
	if got := w.send(w.request(http.MethodGet, "/"+bucket, w.old)); got.Status != http.StatusForbidden || !strings.Contains(got.Message, "was rotated out at") {
		w.t.Errorf("the old credential = %s, want 403 and that it was rotated out", got)
	}
}

func TestScriptsConfirmWhatNobodyUses(t *testing.T) {
	t.Parallel()
	w := start(t)
	r := w.Command("key", "rotate", w.id, "--wait-idle", "500ms", "--confirm", "--json")
	if r.Code != 0 {
		t.Fatalf("coffer key rotate --wait-idle --confirm = exit code %d, want 0\n%s", r.Code, r.Stderr)
	}
	printed := w.read(r.Stdout)
	w.endedWith(pair{printed[0].Current.AccessKeyID, printed[0].Current.SecretAccessKey})
}

// TestScriptsGiveUpAndTheRotationGoesOn has a key that was used within the last
// 15 minutes, which is longer than the script waits.
func TestScriptsGiveUpAndTheRotationGoesOn(t *testing.T) {
	t.Parallel()
	w := start(t)
	if got := w.send(w.request(http.MethodGet, "/"+bucket, w.old)); got.Status != http.StatusOK {
		t.Fatalf("a request = %s, want 200", got)
	}
	r := w.Command("key", "rotate", w.id, "--wait-idle", "300ms", "--confirm", "--give-up", "1500ms", "--json")
	if r.Code != exitInUse || !strings.Contains(r.Stderr, "still in use") {
		t.Fatalf("coffer key rotate --give-up = %d %s, want exit code %d and that it is still in use", r.Code, r.Stderr, exitInUse)
	}
	fresh := w.read(r.Stdout)[0].Current
	for what, p := range map[string]pair{"old": w.old, "new": {fresh.AccessKeyID, fresh.SecretAccessKey}} {
		if got := w.send(w.request(http.MethodGet, "/"+bucket, p)); got.Status != http.StatusOK {
			t.Errorf("the %s credential after giving up = %s, want 200", what, got)
		}
	}
}

// TestDeadlineConfirmsWhatIsIdleAndWarnsOfTheRest takes minutes: the server looks
// once in each.
func TestDeadlineConfirmsWhatIsIdleAndWarnsOfTheRest(t *testing.T) {
	t.Parallel()
	if os.Getenv("COFFER_TEST_LONG") != "1" {
		t.Skip("takes minutes: set COFFER_TEST_LONG=1")
	}
	w := start(t)
	fresh := w.rotate("--confirm-by", "1s")
	used := w.newKey("used")
	p := pair{used.Current.AccessKeyID, used.Current.SecretAccessKey}
	if got := w.send(w.request(http.MethodGet, "/"+bucket, p)); got.Status != http.StatusOK {
		t.Fatalf("a request = %s, want 200", got)
	}
	w.key("rotate", used.ID, "--confirm-by", "1s")
	begin := time.Now()
	for confirmed, overdue := false, false; !confirmed || !overdue; <-time.Tick(time.Second) {
		if time.Since(begin) > 3*time.Minute {
			t.Fatalf("3 minutes after the deadlines the idle one is confirmed: %t, the used one overdue: %t; want both", confirmed, overdue)
		}
		confirmed = w.usage().Key.Outgoing == nil
		k := w.key("show", used.ID)
		overdue = k.Rotation != nil && k.Rotation.Overdue
	}
	w.endedWith(fresh)
	if got := w.send(w.request(http.MethodGet, "/"+bucket, p)); got.Status != http.StatusOK {
		t.Errorf("the outgoing credential that was in use at the deadline = %s, want 200", got)
	}
}
