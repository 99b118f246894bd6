package console

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/keys"
)

// TestARotationIsConfirmedInTwoStepsWhileInUse walks the buttons of the page.
func TestARotationIsConfirmedInTwoStepsWhileInUse(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, _ := p.key("k")
	at := "/keys/" + string(key.ID)
	rotated := p.post(at+"/rotate", "style", "new-pair", "reason", "routine")
	if rotated.status != http.StatusOK || !strings.Contains(rotated.body, `id="new-secret"`) {
		t.Fatalf("rotate = %d, want the new pair", rotated.status)
	}
	if a := p.get(at + "/rotation"); strings.Contains(a.body, `id="new-secret"`) {
		t.Error("the rotation's page shows the new secret again by itself")
	}
	if a := p.post(at+"/rotate", "style", "new-pair", "reason", "routine"); a.header.Get("Location") != at+"/rotation" {
		t.Errorf("a second rotate leads to %q, want the one that is under way", a.header.Get("Location"))
	}
	w.use(key.Current.AccessKeyID, "laggard/2.1")
	refused := p.post(at+"/confirm", "keep_links", "1")
	if refused.status != http.StatusConflict || !strings.Contains(refused.body, "laggard/2.1") ||
		!strings.Contains(refused.body, `name="even_if_in_use"`) || !strings.Contains(refused.body, `name="keep_links" value="1" checked`) {
		t.Errorf("confirm while in use = %d, want 409 with the list, a second button and the choice kept", refused.status)
	}
	if a := p.post(at+"/scream", "minutes", "61"); a.status != http.StatusBadRequest || !strings.Contains(a.body, "from 1 to 60") {
		t.Errorf("a scream test of 61 minutes = %d, want 400", a.status)
	}
	if a := p.post(at+"/confirm", "even_if_in_use", "1"); a.header.Get("Location") != at+"?did=confirmed" {
		t.Errorf("the explicit confirm = %d to %q", a.status, a.header.Get("Location"))
	}
	now, err := w.keys.As(coffer.Caller{Operator: true}).Get(t.Context(), string(key.ID))
	if err != nil || now.Rotation != nil || now.Current.AccessKeyID == key.Current.AccessKeyID {
		t.Errorf("after the confirm the key is %+v, %v", now, err)
	}
	if a := p.post(at + "/confirm"); a.status != http.StatusSeeOther && a.status != http.StatusConflict {
		t.Errorf("confirm without a rotation = %d", a.status)
	}
}

func TestTheLiveListShowsUsesAndEndsWithTheSession(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	key, _ := p.key("k")
	if _, _, err := w.keys.As(coffer.Caller{Operator: true}).Rotate(t.Context(), string(key.ID), keys.RotateOptions{Reason: coffer.ReasonRoutine}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.console)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	events := "/keys/" + string(key.ID) + "/events"
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+events, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range p.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("GET events = %d %s", resp.StatusCode, got)
	}
	lines := bufio.NewScanner(resp.Body)
	until := func(what string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), what) {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", what, lines.Err())
	}
	until("Nobody has used the old credential")
	w.use(key.Current.AccessKeyID, "<laggard>/2.1")
	until("&lt;laggard&gt;/2.1")
	p.post("/signout")
	until("event: end")
	for n := 0; lines.Scan(); n++ {
		if n > 2 {
			t.Fatalf("after the end the stream goes on: %q", lines.Text())
		}
	}
	a := p.send("GET", events, nil, func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") })
	if a.status != http.StatusNoContent {
		t.Errorf("GET events after the sign-out = %d, want 204, which tells the browser to stop", a.status)
	}
}
