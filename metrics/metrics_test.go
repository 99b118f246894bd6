package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func scrape(t *testing.T, r *Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape = %d, %v", w.Code, err)
	}
	return string(b)
}

func TestScrapeShowsWhatWasCounted(t *testing.T) {
	r := New("1.2.3")
	r.S3.Done("GetObject", 200, 3*time.Millisecond, 0, 7)
	r.S3.Done("GetObject", 200, 2*time.Second, 0, 5)
	r.S3.Done("PutObject", 9999, time.Millisecond, 11, -1)
	r.S3.AuthFailure("expired")
	end := r.S3.Begin()
	r.Gauge("store_free_bytes", "Free.", func() float64 { return 42 })
	r.Counter("meta_commits_total", "Commits.", func() float64 { return 43 })
	got := scrape(t, r)
	for _, want := range []string{
		`coffer_s3_requests_total{api="GetObject",code="200"} 2`,
		`coffer_s3_requests_total{api="PutObject",code="0"} 1`,
		`coffer_s3_request_duration_seconds_bucket{api="GetObject",le="0.005"} 1`,
		`coffer_s3_request_duration_seconds_count{api="GetObject"} 2`,
		`coffer_auth_failures_total{reason="expired"} 1`,
		`coffer_s3_received_bytes_total 11`,
		`coffer_s3_sent_bytes_total 12`,
		`coffer_s3_requests_in_flight 1`,
		`coffer_store_free_bytes 42`,
		`coffer_meta_commits_total 43`,
		`coffer_build_info{version="1.2.3"} 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("scrape has no line %q", want)
		}
	}
	end()
	if want := "\ncoffer_s3_requests_in_flight 0"; !strings.Contains(scrape(t, r), want) {
		t.Errorf("after the request ended, scrape has no line %q", want)
	}
}

func TestLabelsAreBoundedWhateverCallersPass(t *testing.T) {
	r := New("x")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				r.S3.Done(fmt.Sprint("api", g, "-", i), i, 0, 0, 0)
				r.S3.AuthFailure(fmt.Sprint("reason", g, "-", i))
			}
		})
	}
	wg.Wait()
	got := scrape(t, r)
	for metric, want := range map[string]int{
		"\ncoffer_s3_request_duration_seconds_count{": labelValuesMax + 1,
		"\ncoffer_auth_failures_total{":               labelValuesMax + 1,
	} {
		if n := strings.Count(got, metric); n > want {
			t.Errorf("scrape has %d lines of %s, want at most %d", n, strings.TrimSpace(metric), want)
		}
	}
	if !strings.Contains(got, `coffer_auth_failures_total{reason="other"}`) {
		t.Error("scrape has no reason \"other\" for what came after the bound")
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := Discard()
	n := testing.AllocsPerRun(100, func() {
		m.Done("GetObject", 206, time.Millisecond, 1, 2)
		m.AuthFailure("skew")
	})
	if n > 0 {
		t.Errorf("Done and AuthFailure allocate %v times, want 0", n)
	}
}
