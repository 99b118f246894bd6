package iam

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/sigv4"
)

func TestServesFormsOnly(t *testing.T) {
	for _, tt := range []struct {
		method, target, kind string
		want                 bool
	}{
		{"POST", "/", "application/x-www-form-urlencoded", true},
		{"POST", "/", "Application/X-WWW-Form-Urlencoded; charset=utf-8", true},
		{"POST", "/", "multipart/form-data; boundary=x", false}, // a form for a bucket that is a host name
		{"POST", "/?delete", "application/x-www-form-urlencoded", false},
		{"POST", "/bucket", "application/x-www-form-urlencoded", false},
		{"POST", "/%2F", "application/x-www-form-urlencoded", false},
		{"POST", "/", "", false},
		{"GET", "/", "application/x-www-form-urlencoded", false},
		{"PUT", "/", "application/x-www-form-urlencoded", false},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		r.Header.Set("Content-Type", tt.kind)
		if got := Serves(r); got != tt.want {
			t.Errorf("Serves(%s %s, %s) = %t, want %t", tt.method, tt.target, tt.kind, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	q := &request{Handler: &Handler{}, id: "ID"}
	for code, line := range wire {
		status, answer := q.refusal(&coffer.Error{Code: code})
		if status != line.status || answer.Code != line.name || answer.Message != line.usual || answer.RequestID != "ID" {
			t.Errorf("code %d: %d %+v, want %+v", code, status, answer, line)
		}
		if _, answer := q.refusal(fmt.Errorf("call: %w", coffer.Errorf(code, "why"))); answer.Message != "why" {
			t.Errorf("code %d with a text: %q, want it", code, answer.Message)
		}
	}
	for _, err := range []error{errors.New("open /var/lib/coffer: no"), coffer.Errorf(coffer.NoSuchBucket, "x")} {
		status, answer := q.refusal(err)
		if status != 500 || answer.Code != "InternalFailure" || answer.Type != "Receiver" || strings.Contains(answer.Message, "coffer:") {
			t.Errorf("%v: %d %+v, want an InternalFailure that says nothing of it", err, status, answer)
		}
	}
	if status, answer := q.refusal(&sigv4.Error{Code: "SignatureDoesNotMatch", Message: "m"}); status != 403 || answer.Code != "SignatureDoesNotMatch" {
		t.Errorf("a wrong signature: %d %+v, want 403", status, answer)
	}
}

// FuzzForm sends bodies that nobody signed: each is refused, and none is a panic.
func FuzzForm(f *testing.F) {
	for _, body := range []string{"", "Action=AssumeRole&Version=2011-06-15", "%zz", "a;b", "Action=GetCallerIdentity&Action=x", strings.Repeat("a=&", 200)} {
		f.Add(body)
	}
	h := &Handler{Options{Now: time.Now, Rand: strings.NewReader(""), Logger: slog.New(slog.DiscardHandler)}}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), "<ErrorResponse ") {
			t.Errorf("%q = %d %s, want a refusal", body, w.Code, w.Body)
		}
	})
}
