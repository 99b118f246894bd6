package server

import (
	"testing"

	"coffer"
)

// TestRequestsAreCountedThroughAStop: what was only in memory is written at the end.
func TestRequestsAreCountedThroughAStop(t *testing.T) {
	cfg := testConfig(t)
	cfg.RootAccessKeyID, cfg.RootSecretAccessKey = "AKIAIOSFODNN7EXAMPLE", coffer.NewSecretFrom("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	s := open(t, cfg)
	stop := start(t, s)
	for _, r := range [][3]string{{"PUT", "/abc"}, {"PUT", "/abc/k", "hello"}, {"GET", "/abc/k"}} {
		if status, body := signed(t, s, cfg.RootAccessKeyID, cfg.RootSecretAccessKey.Reveal(), r[0], r[1], r[2]); status != 200 {
			t.Fatalf("%s %s = %d %s", r[0], r[1], status, body)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, cfg)
	days, err := again.stores.traffic.Days(t.Context(), starter(), again.root.account.ID, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := days[0].Requests + days[1].Requests; got != 3 {
		t.Errorf("%d requests were counted, want 3: %+v", got, days)
	}
	if got := days[0].Bytes + days[1].Bytes; got != 5 {
		t.Errorf("%d bytes were counted, want 5: %+v", got, days)
	}
}
