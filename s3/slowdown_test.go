package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coffer/s3"
	"coffer/sigv4"
)

// TestGuessesAreAnsweredWithSlowDown sends wrong signatures until they are not
// looked at any more, and the right one among them neither.
func TestGuessesAreAnsweredWithSlowDown(t *testing.T) {
	w := newWorld(t)
	ask := func(id, secret string) (int, string, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, id, secret, "auto", "s3", "UNSIGNED-PAYLOAD", w.clock.Now())
		answer, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, answer.Header.Get("Retry-After"), string(b)
	}
	alice, bob := w.pairs["alice"], w.pairs["bob"]
	for range 3000 {
		if code, _, body := ask(alice.id, "wrong"); code != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Fatalf("a wrong signature = %d %s, want 403 SignatureDoesNotMatch", code, body)
		}
	}
	for _, secret := range []string{"wrong", alice.secret} {
		if code, after, body := ask(alice.id, secret); code != 503 || after != "1" || !strings.Contains(body, "<Code>SlowDown</Code>") {
			t.Errorf("after 3000 wrong signatures = %d, Retry-After %q, %s, want 503 SlowDown", code, after, body)
		}
	}
	if code, _, body := ask(bob.id, bob.secret); code != 200 {
		t.Errorf("another key = %d %s, want 200", code, body)
	}
	w.clock.tick(1e9)
	if code, _, body := ask(alice.id, alice.secret); code != 200 {
		t.Errorf("a second later = %d %s, want 200", code, body)
	}
}

// TestPreflightsAreLimited: they are what anybody can send most easily.
func TestPreflightsAreLimited(t *testing.T) {
	w := newWorld(t)
	options := w.Config.Handler.(*s3.Handler).Options
	options.RequestsPerSecond = 3
	limited := s3.New(options)
	for _, path := range []string{"/", "/photos", "/photos/a.txt"} {
		answers := ""
		for range 4 {
			r := httptest.NewRequest(http.MethodOptions, path, nil)
			r.Header.Set("Origin", "https://example.com")
			r.Header.Set("Access-Control-Request-Method", "GET")
			a := httptest.NewRecorder()
			limited.ServeHTTP(a, r)
			answers += fmt.Sprint(a.Code, " ")
		}
		if !strings.HasSuffix(answers, "503 ") || strings.Count(answers, "503") != 1 {
			t.Errorf("4 preflights of %s when 3 a second are allowed are answered %s, want the last 503", path, answers)
		}
		w.clock.tick(1e9)
	}
}
