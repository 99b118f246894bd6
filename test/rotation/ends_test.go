package rotation

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryEndIsHeardOnAnOpenConnection sends one request after the other over
// one connection. Nothing that was decided when it was opened may last.
func TestEveryEndIsHeardOnAnOpenConnection(t *testing.T) {
	t.Parallel()
	w := start(t)
	tests := []struct {
		name  string
		end   func(id string)
		text  string // of the refusal
		again func(id string)
	}{
		{"Pause", func(id string) { w.key("pause", id) }, "This access key is paused since ", func(id string) { w.key("resume", id) }},
		{"Delete", func(id string) { w.key("delete", id) }, "This access key was deleted at ", func(id string) { w.key("undelete", id) }},
		{"ScreamTest", func(id string) { w.key("rotate", id); w.key("scream-test", id, "--minutes", "1") },
			"This access key is being rotated and is refused until ", func(id string) { w.key("scream-test", id, "--minutes", "0") }},
		{"ScreamTestSameID", func(id string) { w.key("rotate", id, "--same-id"); w.key("scream-test", id, "--minutes", "1") },
			"This access key is being rotated and is refused until ", func(id string) { w.key("scream-test", id, "--minutes", "0") }},
		{"Confirm", func(id string) { w.key("rotate", id); w.key("confirm", id, "--even-if-in-use") }, "This access key was rotated out at ", nil},
		{"ConfirmSameID", func(id string) { w.key("rotate", id, "--same-id"); w.key("confirm", id, "--even-if-in-use") },
			"This access key was rotated out at ", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := w.newKey(tt.name)
			p := pair{k.Current.AccessKeyID, k.Current.SecretAccessKey}
			c := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer c.CloseIdleConnections()
			get := func() answer { t.Helper(); return w.sendBy(c, w.request(http.MethodGet, "/"+bucket, p)) }
			if got := get(); got.Status != http.StatusOK {
				t.Fatalf("before: %s, want 200", got)
			}
			tt.end(k.ID)
			if got := get(); got.Status != http.StatusForbidden || got.Code != "InvalidAccessKeyId" || !strings.Contains(got.Message, tt.text) || !got.Reused {
				t.Errorf("after: %s on the same connection %t, want 403 InvalidAccessKeyId: %s…", got, got.Reused, tt.text)
			}
			// Why is told only to who has the secret.
			wrong := pair{p.id, p.secret[1:] + "x"}
			if got := w.sendBy(c, w.request(http.MethodGet, "/"+bucket, wrong)); got.Status != http.StatusForbidden || got.Code != "SignatureDoesNotMatch" {
				t.Errorf("with a wrong secret: %s, want 403 SignatureDoesNotMatch", got)
			}
			if tt.again == nil {
				return
			}
			tt.again(k.ID)
			if got := get(); got.Status != http.StatusOK || !got.Reused {
				t.Errorf("when it is over: %s on the same connection %t, want 200", got, got.Reused)
			}
		})
	}
}

func TestExpiryRefusesUntilTheKeyIsExtended(t *testing.T) {
	t.Parallel()
	w := start(t)
	k := w.newKey("guest", "--expires", "3s")
	p := pair{k.Current.AccessKeyID, k.Current.SecretAccessKey}
	get := func() answer { t.Helper(); return w.send(w.request(http.MethodGet, "/"+bucket, p)) }
	if got := get(); got.Status != http.StatusOK {
		t.Fatalf("before it expires: %s, want 200", got)
	}
	var got answer
	poll(t, "the key expires", func() bool { got = get(); return got.Status != http.StatusOK })
	if got.Status != http.StatusForbidden || got.Code != "InvalidAccessKeyId" || !strings.Contains(got.Message, "This access key expired at ") {
		t.Errorf("after it expired: %s, want 403 InvalidAccessKeyId: This access key expired at …", got)
	}
	if k := w.key("show", k.ID); k.Status != "expired" {
		t.Errorf("its status is %q, want expired", k.Status)
	}
	w.key("extend", k.ID, "--expires", "1h")
	if got := get(); got.Status != http.StatusOK {
		t.Errorf("after extend: %s, want 200", got)
	}
}

func TestScreamTestTellsWhoWasHit(t *testing.T) {
	t.Parallel()
	w := start(t)
	fresh := w.rotate()
	w.key("scream-test", w.id, "--minutes", "1")
	req := w.request(http.MethodGet, "/"+bucket, w.old)
	req.Header.Set("User-Agent", "forgotten-cron/1.0")
	if got := w.send(req); got.Status != http.StatusForbidden {
		t.Errorf("the outgoing credential in a scream test = %s, want 403", got)
	}
	if got := w.send(w.request(http.MethodGet, "/"+bucket, fresh)); got.Status != http.StatusOK {
		t.Errorf("the new credential in a scream test = %s, want 200", got)
	}
	poll(t, "who was hit is in the evidence", func() bool {
		return slices.ContainsFunc(w.usage().Outgoing, func(u user) bool { return u.UserAgent == "forgotten-cron/1.0" && u.Refused == 1 && u.Count == 0 })
	})
}

// TestWhatWasAnsweredSurvivesAKill kills the server during a rotation and right
// after its confirmation.
func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	t.Parallel()
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			fresh := w.rotate(style.args...)
			w.Kill()
			w.Restart()
			for what, p := range map[string]pair{"old": w.old, "new": fresh} {
				if got := w.send(w.request(http.MethodGet, "/"+bucket, p)); got.Status != http.StatusOK {
					t.Errorf("the %s credential during the rotation, after a kill = %s, want 200", what, got)
				}
			}
			if r := w.Command("key", "rotate", w.id); r.Code != 1 || !strings.Contains(r.Stderr, "is being rotated since") {
				t.Errorf("a second rotate = %+v, want exit code 1 and that one is under way", r)
			}
			w.key("confirm", w.id, "--even-if-in-use")
			w.Kill()
			w.Restart()
			if got := w.send(w.request(http.MethodGet, "/"+bucket, w.old)); got.Status != http.StatusForbidden || !strings.Contains(got.Message, "was rotated out at") {
				t.Errorf("the old credential after confirm and a kill = %s, want 403 and that it was rotated out", got)
			}
			if got := w.send(w.request(http.MethodGet, "/"+bucket, fresh)); got.Status != http.StatusOK {
				t.Errorf("the new credential after confirm and a kill = %s, want 200", got)
			}
		})
	}
}

func TestLinksAlreadyGivenOut(t *testing.T) {
	t.Parallel()
	const object = "/" + bucket + "/a.txt"
	for _, style := range styles {
		for _, keep := range []bool{false, true} {
			name := style.name + "Ended"
			confirm := []string{"--even-if-in-use"}
			status, refused := http.StatusForbidden, "This access key was rotated out at "
			if keep {
				name = style.name + "Kept"
				confirm = append(confirm, "--keep-links")
				status, refused = http.StatusOK, ""
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := start(t)
				get := w.link(http.MethodGet, object, w.old, time.Hour, time.Now())
				put := w.link(http.MethodPut, object, w.old, time.Hour, time.Now())
				short := w.link(http.MethodGet, object, w.old, time.Second, time.Now())
				for _, req := range []*http.Request{put, get} {
					if got := w.send(req); got.Status != http.StatusOK {
						t.Fatalf("a %s link before the rotation = %s, want 200", req.Method, got)
					}
				}
				fresh := w.rotate(style.args...)
				if got := w.send(get); got.Status != http.StatusOK {
					t.Errorf("a link during the rotation = %s, want 200", got)
				}
				w.key(append([]string{"confirm", w.id}, confirm...)...)
				for _, req := range []*http.Request{put, get} {
					if got := w.send(req); got.Status != status || !strings.Contains(got.Message, refused) {
						t.Errorf("a %s link from before confirm = %s, want %d %s", req.Method, got, status, refused)
					}
				}
				for what, req := range map[string]*http.Request{
					// X-Amz-Date has whole seconds, so this is surely after it.
					"a link signed after confirm":               w.link(http.MethodGet, object, w.old, time.Hour, time.Now().Add(2*time.Second)),
					"a request with the header, after confirm":  w.request(http.MethodGet, object, w.old),
					"a link to DELETE that was signed after it": w.link(http.MethodDelete, object, w.old, time.Hour, time.Now().Add(2*time.Second)),
				} {
					if got := w.send(req); got.Status != http.StatusForbidden || !strings.Contains(got.Message, "This access key was rotated out at ") {
						t.Errorf("%s = %s, want 403 and that the key was rotated out", what, got)
					}
				}
				if got := w.send(w.link(http.MethodGet, object, fresh, time.Hour, time.Now())); got.Status != http.StatusOK {
					t.Errorf("a link of the new credential = %s, want 200", got)
				}
				poll(t, "a link of one second expires", func() bool { return w.send(short).Status == http.StatusForbidden })
			})
		}
	}
}

func TestLinksOfALeakedSecretAreNotKept(t *testing.T) {
	t.Parallel()
	w := start(t)
	get := w.link(http.MethodGet, "/"+bucket, w.old, time.Hour, time.Now())
	w.rotate("--reason", "leaked")
	if r := w.Command("key", "confirm", w.id, "--even-if-in-use", "--keep-links"); r.Code != 1 || !strings.Contains(r.Stderr, "leaked") {
		t.Errorf("confirm --keep-links of a leaked secret = %+v, want exit code 1 and why", r)
	}
	if got := w.send(get); got.Status != http.StatusOK {
		t.Errorf("a link after the refused confirm = %s, want 200: the rotation goes on", got)
	}
	w.key("confirm", w.id, "--even-if-in-use")
	if got := w.send(get); got.Status != http.StatusForbidden {
		t.Errorf("a link after confirm = %s, want 403", got)
	}
}
