package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/keys"
	"coffer/sigv4"
)

// TestARotationOnOneConnection sends requests with the old and the new pair over
// connections that stay open: what a change of the key has answered counts from
// the next request on, for headers and for pre-signed URLs.
func TestARotationOnOneConnection(t *testing.T) {
	for _, same := range []bool{false, true} {
		w := newWorld(t)
		op := w.keys.As(coffer.Caller{Operator: true})
		old := w.pairs["alice"]
		get := func(p pair, link bool, signed time.Time) string {
			t.Helper()
			w.clock.tick(time.Second)
			r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if link {
				sigv4.Presign(r, p.id, p.secret, "auto", "s3", 24*time.Hour, signed)
			} else {
				sigv4.Sign(r, p.id, p.secret, "auto", "s3", "UNSIGNED-PAYLOAD", signed)
			}
			answer, err := w.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			b, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode == http.StatusOK {
				return ""
			}
			_, text, _ := strings.Cut(string(b), "<Code>")
			code, text, _ := strings.Cut(text, "</Code><Message>")
			message, _, _ := strings.Cut(text, "</Message>")
			return code + ": " + message
		}
		check := func(what, got, want string) {
			t.Helper()
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("same ID %t: %s = %q, want %q", same, what, got, want)
			}
		}
		before := w.clock.Now()
		check("the old pair", get(old, false, w.clock.Now()), "")
		key, secret, err := op.Rotate(t.Context(), old.id, keys.RotateOptions{SameID: same})
		if err != nil {
			t.Fatal(err)
		}
		fresh := pair{string(key.Current.AccessKeyID), secret.Reveal()}
		check("the old pair in the rotation", get(old, false, w.clock.Now()), "")
		check("the new pair in the rotation", get(fresh, false, w.clock.Now()), "")
		u, err := op.Usage(t.Context(), old.id)
		if err != nil || len(u.Outgoing) != 1 || u.Outgoing[0].Operation != "ListBuckets" || u.Outgoing[0].Source != "127.0.0.1" ||
			!strings.HasPrefix(u.Outgoing[0].UserAgent, "Go-http-client") || u.Outgoing[0].Count != 1 || len(u.Current) != 1 {
			t.Errorf("same ID %t: Usage = %+v, %v, want one client of each pair", same, u, err)
		}
		if _, err := op.Confirm(t.Context(), old.id, keys.ConfirmOptions{EvenIfInUse: true, KeepLinks: true}); err != nil {
			t.Fatal(err)
		}
		check("the old pair after Confirm", get(old, false, w.clock.Now()), "InvalidAccessKeyId: This access key was rotated out")
		check("an old link", get(old, true, before), "")
		check("a new link of the old pair", get(old, true, w.clock.Now()), "InvalidAccessKeyId: This access key was rotated out")
		check("a guessed secret", get(pair{old.id, "guess"}, false, w.clock.Now()), "SignatureDoesNotMatch")
		check("the new pair after Confirm", get(fresh, false, w.clock.Now()), "")
		if _, err := op.Pause(t.Context(), fresh.id); err != nil {
			t.Fatal(err)
		}
		check("the new pair of the paused key", get(fresh, false, w.clock.Now()), "InvalidAccessKeyId: This access key is paused")
		check("an old link of the paused key", get(old, true, before), "InvalidAccessKeyId: This access key is paused")
		if _, err := op.Delete(t.Context(), fresh.id); err != nil {
			t.Fatal(err)
		}
		check("the new pair of the deleted key", get(fresh, false, w.clock.Now()), "InvalidAccessKeyId: This access key was deleted")
		check("a guessed secret of the deleted key", get(pair{fresh.id, "guess"}, false, w.clock.Now()), "SignatureDoesNotMatch")
	}
}
