package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coffer"
)

func TestTheFirstStartPrintsALinkThatWorksOnce(t *testing.T) {
	cfg := testConfig(t)
	var out bytes.Buffer
	cfg.Stdout = &out
	s := open(t, cfg)
	stop := start(t, s)
	url := s.SetupURL()
	if !strings.HasPrefix(url, "http://localhost:") || !strings.Contains(url, "/setup/") {
		t.Fatalf("SetupURL = %q, want a link on localhost", url)
	}
	if status, body := get(t, url); status != http.StatusOK || !strings.Contains(body, "Set up coffer") {
		t.Errorf("GET %s = %d", url, status)
	}
	if status, _ := get(t, s.ConsoleURL()+"/setup/setup.wrong"); status != http.StatusNotFound {
		t.Errorf("GET of another link = %d, want 404", status)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), url) || !strings.Contains(out.String(), s.ConsoleURL()) {
		t.Errorf("the text at start lacks the console or the link:\n%s", out.String())
	}
}

func TestThePasswordOfTheSettingsMakesTheFirstMember(t *testing.T) {
	cfg := testConfig(t)
	cfg.RootEmail, cfg.RootPassword = "ann@example.com", coffer.NewSecretFrom("password1234")
	if got := refusal(t, cfg); !strings.Contains(got, "COFFER_ROOT_PASSWORD") || strings.Contains(got, "password1234") {
		t.Errorf("a weak password is refused with %q, want the setting's name and not its value", got)
	}
	cfg.RootPassword = coffer.NewSecretFrom("quiet harbour lantern 27")
	s := open(t, cfg)
	if got := s.SetupURL(); got != "" {
		t.Errorf("SetupURL = %q, want none: there is a member", got)
	}
}

func TestTheConsolesURLIsWhatPeopleType(t *testing.T) {
	for listener, want := range map[string]string{
		"http://127.0.0.1:9001": "http://localhost:9001", "http://[::1]:9001": "http://localhost:9001",
		"https://192.0.2.7:9001": "https://192.0.2.7:9001",
	} {
		if got := named(listener); got != want {
			t.Errorf("named(%s) = %s, want %s", listener, got, want)
		}
	}
	for url, want := range map[string]string{"https://console.example.com:8443": "console.example.com", "http://localhost:9001": "localhost", "http://192.0.2.7": ""} {
		host, origins := relyingParty(url)
		if host != want || (len(origins) == 1) != (want != "") {
			t.Errorf("relyingParty(%s) = %q, %v, want %q", url, host, origins, want)
		}
	}
}

func TestOnlyTheConsolesPagesMaySendFilesFromABrowser(t *testing.T) {
	const own = "https://console.example.com"
	reached := false
	h := consoleOrigin(own, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached = true
		w.WriteHeader(http.StatusForbidden)
	}))
	for _, tt := range []struct {
		name, method, origin, query string
		status                      int
		allowed                     string
	}{
		{"preflight of the console", "OPTIONS", own, "X-Amz-Signature=0", 204, own},
		{"upload of the console", "PUT", own, "X-Amz-Signature=0", 403, own},
		{"preflight without a signature", "OPTIONS", own, "", 403, ""},
		{"preflight of another site", "OPTIONS", "https://evil.test", "X-Amz-Signature=0", 403, ""},
		{"the origin null", "PUT", "null", "X-Amz-Signature=0", 403, ""},
		{"no browser", "PUT", "", "X-Amz-Signature=0", 403, ""},
	} {
		reached = false
		r := httptest.NewRequest(tt.method, "/bucket/key?"+tt.query, nil)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != tt.status || got != tt.allowed || reached != (tt.status == 403) {
			t.Errorf("%s = %d, allowed %q, reached S3: %v; want %d, %q", tt.name, w.Code, got, reached, tt.status, tt.allowed)
		}
		if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("%s allows credentials: %q", tt.name, got)
		}
	}
}
