package harness

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestServerComesBackAfterStopAndAfterKill(t *testing.T) {
	s := Start(t, Options{})
	answers := func(when string) {
		t.Helper()
		resp, err := http.Get(s.Admin + "/-/live")
		if err != nil {
			t.Fatalf("GET /-/live %s: %v", when, err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("GET /-/live %s = %s, want 200", when, resp.Status)
		}
	}
	answers("after Start")
	s.Stop()
	s.Restart()
	answers("after Stop and Restart")
	s.Kill()
	s.Restart()
	answers("after Kill and Restart")
	if r := s.Command("key", "list"); r.Code != 0 || !strings.Contains(r.Stdout, s.AccessKeyID) {
		t.Errorf("coffer key list = %+v, want exit code 0 and the key %s", r, s.AccessKeyID)
	}
}

func TestRefusedStartTellsWhatTheServerSaid(t *testing.T) {
	s := Start(t, Options{})
	s.Stop()
	s.opts.Args = []string{"--no-such-flag"}
	if err := s.TryRestart(); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("TryRestart with an unknown flag = %v, want what the server said of it", err)
	}
}

func TestScanFindsWhatMustNotBeLogged(t *testing.T) {
	tests := []struct {
		name, log string
		want      []string
	}{
		{"NothingInAHealthyLog", `{"level":"INFO","msg":"request","path":"/b/panic.go"}`, nil},
		{"PanicOfAHandler", "a\nhttp: panic serving 127.0.0.1:1\n", []string{"line 2: http: panic serving 127.0.0.1:1"}},
		{"PanicThatTheS3FrontCaught", `{"msg":"panic","panic":"x"}`, []string{`line 1: {"msg":"panic","panic":"x"}`}},
		{"FatalErrorOfTheRuntime", "fatal error: all goroutines are asleep\n", []string{"line 1: fatal error: all goroutines are asleep"}},
		{"DataRace", "WARNING: DATA RACE\n", []string{"line 1: WARNING: DATA RACE"}},
		{"SecretIsNotRepeated", "panic: hunter2\n", []string{"line 1 holds a secret", "line 1: panic: [secret]"}},
		{"LineThatIsTooLong", strings.Repeat("x", logLineMax) + "panic: x\n", []string{"line 2: panic: x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := scan(strings.NewReader(tt.log), []string{"hunter2", ""})
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("scan = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestEnvironmentOfTheTestsDoesNotReachTheServer(t *testing.T) {
	t.Setenv("COFFER_TEST_LONG", "1")
	t.Setenv("COFFER_DATA", os.DevNull)
	for _, kv := range environ() {
		if strings.HasPrefix(kv, "COFFER_") {
			t.Errorf("environ() has %s, want no COFFER_ variable", kv)
		}
	}
}
