package main

import (
	"strings"
	"testing"
	"time"
)

func TestTables(t *testing.T) {
	r := &report{Machine: "a processor", Processors: 2, Go: "go1", LoadBefore: "0.10", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Seconds: 61, Rounds: 3, LineSeconds: 2, Keys: 100000, Subjects: []string{"coffer", "minio", "weed"}}
	r.begin([]line{
		{name: "PUT", unit: "ops/s", limits: []string{"log", "other"}, step: func(*worker) error { return nil }},
		{name: "idle", unit: "MiB", less: true},
		{name: "TLS", unit: "ops/s"},
	}, []limit{{name: "log", unit: "ops/s"}, {name: "other", unit: "ops/s"}})
	for _, v := range []float64{9000, 12345, 8000} {
		r.add(r.Lines, "PUT", "coffer", sample{Ops: 1, Value: v, CPU: 40})
	}
	r.add(r.Lines, "PUT", "minio", sample{Ops: 1, Value: 1000, P99: 3.14159})
	r.add(r.Lines, "PUT", "weed", sample{Ops: 1, Value: 3000, Failed: 2})
	r.add(r.Lines, "idle", "coffer", sample{Ops: 1, Value: 50})
	r.add(r.Lines, "idle", "minio", sample{Ops: 1, Value: 100})
	r.add(r.Lines, "idle", "weed", sample{Ops: 1, Value: 200})
	r.add(r.Lines, "TLS", "coffer", sample{Failed: 1})
	r.add(r.Lines, "not asked for", "coffer", sample{Ops: 1, Value: 1})
	r.add(r.Limits, "log", machineColumn, sample{Ops: 1, Value: 30000})
	r.add(r.Limits, "other", machineColumn, sample{Ops: 1, Value: 18000})
	r.note("a note")
	var b strings.Builder
	if err := r.writeTables(&b); err != nil {
		t.Fatal(err)
	}
	want := `2 × a processor; go1. Started 2026-01-02 03:04 UTC, 61 s, load before 0.10. Medians of 3 rounds of 2 s a line; 100,000 keys of 4 KiB.

| line | unit  | coffer | minio | weed             | coffer : best peer | limit        | coffer : limit |
|------|-------|--------|------:|------------------|-------------------:|--------------|---------------:|
| PUT  | ops/s | 9,000  | 1,000 | 3,000 (2 failed) |              3.00× | 18,000 other |          0.50× |
| idle | MiB   | 50.0   |   100 | 200              |              2.00× |              |                |
| TLS  | ops/s | failed |     – | –                |                    |              |                |

| line | coffer: CPU µs | p50 ms | p99 ms | written : sent | minio: CPU µs | p50 ms | p99 ms | written : sent | weed: CPU µs | p50 ms | p99 ms | written : sent |
|------|---------------:|--------|--------|----------------|---------------|--------|-------:|----------------|--------------|--------|--------|----------------|
| PUT  |           40.0 |        |        |                |               |        |   3.14 |                |              |        |        |                |

| limit of this machine | unit  | median | server CPU µs |
|-----------------------|-------|-------:|---------------|
| log                   | ops/s | 30,000 |               |
| other                 | ops/s | 18,000 |               |

- a note
`
	if b.String() != want {
		t.Errorf("the tables are\n%s\nwant\n%s", &b, want)
	}
	if err := r.failures(); err == nil || !strings.Contains(err.Error(), "TLS: coffer failed 1 times") {
		t.Errorf("failures() = %v, want TLS's failure and no peer's", err)
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.000", 0.1234: "0.123", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 999.6: "1,000", 1234: "1,234", 1234567: "1,234,567", -1234: "-1,234",
	} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestRatioAboveOneIsCoffersFavour(t *testing.T) {
	tests := []struct {
		ours, theirs float64
		less         bool
		want         string
	}{
		{200, 100, false, "2.00×"}, {100, 200, false, "0.50×"}, {50, 100, true, "2.00×"}, {1, 0, false, "–"}, {0, 1, true, "–"},
	}
	for _, tt := range tests {
		if got := ratio(tt.ours, tt.theirs, tt.less); got != tt.want {
			t.Errorf("ratio(%v, %v, less: %v) = %q, want %q", tt.ours, tt.theirs, tt.less, got, tt.want)
		}
	}
}
