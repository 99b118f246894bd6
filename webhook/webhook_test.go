package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/webhook"
)

func TestADeliveryIsSignedOverItsTime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var got *http.Request
	var body []byte
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer sink.Close()
	c := webhook.New(true, func() time.Time { return now })
	hook := coffer.Webhook{Name: "a", URL: coffer.NewSecretFrom(sink.URL + "/in?token=1"), Secret: coffer.NewSecretFrom("whsec_" + base64.StdEncoding.EncodeToString([]byte("key")))}
	if status, err := c.Send(t.Context(), hook, "evt_1", []byte(`{"Records":[]}`)); status != 202 || err != nil {
		t.Fatalf("Send() = %d, %v, want 202", status, err)
	}
	h := hmac.New(sha256.New, []byte("key"))
	h.Write([]byte(`evt_1.1700000000.{"Records":[]}`))
	want := "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	if s := got.Header.Get("Webhook-Signature"); s != want || got.Header.Get("Webhook-Id") != "evt_1" ||
		got.Header.Get("Webhook-Timestamp") != "1700000000" || got.RequestURI != "/in?token=1" || string(body) != `{"Records":[]}` {
		t.Errorf("the sink got %s %v %q, want the signature %s", got.RequestURI, got.Header, body, want)
	}
}

func TestAHostileSinkIsNotFollowedAndNotReadToItsEnd(t *testing.T) {
	var visited bool
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer inside.Close()
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, inside.URL+"/latest/meta-data/", http.StatusTemporaryRedirect)
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/head":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		case "/gone":
			w.WriteHeader(http.StatusGone)
		}
	}))
	defer sink.Close()
	c := webhook.New(true, time.Now)
	for _, tt := range []struct {
		path           string
		status         int
		taken, lasting bool
	}{
		{"/redirect", 307, false, false},
		{"/endless", 200, true, false},
		{"/head", 0, false, false},
		{"/gone", 410, false, true},
	} {
		status, err := c.Send(t.Context(), coffer.Webhook{Name: "a", URL: coffer.NewSecretFrom(sink.URL + tt.path)}, "evt", []byte("{}"))
		refused, ok := errors.AsType[*webhook.Refused](err)
		if status != tt.status || (err == nil) != tt.taken || (ok && refused.Lasting()) != tt.lasting {
			t.Errorf("Send(%s) = %d, %v, want %d, taken %t, lasting %t", tt.path, status, err, tt.status, tt.taken, tt.lasting)
		}
	}
	if visited {
		t.Error("the redirect was followed")
	}
}

func TestAddressesThatAreNotOnTheInternetAreNotDialled(t *testing.T) {
	reached := false
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer sink.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(sink.URL, "http://"))
	c := webhook.New(false, time.Now)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]", "[fd00:ec2::254]", "10.0.0.1", "2130706433"} {
		status, err := c.Send(t.Context(), coffer.Webhook{Name: "a", URL: coffer.NewSecretFrom("http://" + host + ":" + port + "/secret-token")}, "evt", nil)
		if status != 0 || err == nil {
			t.Errorf("Send to %s = %d, %v, want an error", host, status, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-token") {
			t.Errorf("Send to %s = %v, which shows the URL", host, err)
		}
	}
	if reached {
		t.Error("a sink on this machine was reached")
	}
}
