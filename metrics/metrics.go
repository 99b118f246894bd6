// Package metrics counts what coffer does, for GET /metrics in the Prometheus
// text format. It knows nothing of requests, stores or keys: others tell it
// numbers. Every label has a bounded set of values.
package metrics

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds every metric of one server.
type Registry struct {
	// S3 is what the S3 front counts.
	S3 *S3

	reg *prometheus.Registry
}

// New makes a registry with the S3 metrics and those of the Go runtime and the
// process. Version is the value of the label of coffer_build_info.
func New(version string) *Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "coffer_build_info",
		Help:        "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 }))
	return &Registry{S3: newS3(reg), reg: reg}
}

// Gauge adds a number that goes up and down, read from fn at each scrape. Name
// is without the coffer_ in front and ends in its unit. A name may be added once.
func (r *Registry) Gauge(name, help string, fn func() float64) {
	r.reg.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: "coffer", Name: name, Help: help}, fn))
}

// Counter adds a number that only grows, read from fn at each scrape. Name is
// without the coffer_ in front and ends in _total. A name may be added once.
func (r *Registry) Counter(name, help string, fn func() float64) {
	r.reg.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Namespace: "coffer", Name: name, Help: help}, fn))
}

// Handler answers a scrape. Errors of the exposition go to logger.
func (r *Registry) Handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r.reg, promhttp.HandlerOpts{
		ErrorLog:            errorLog{logger},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	})
}

type errorLog struct{ logger *slog.Logger }

func (l errorLog) Println(v ...any) { l.logger.Warn("metrics", "error", v) }

// statusText has the label of each HTTP status, so that counting allocates
// nothing; what is no status is "0".
var statusText = func() (text [600]string) {
	for i := range text {
		text[i] = "0"
		if i >= 100 {
			text[i] = strconv.Itoa(i)
		}
	}
	return text
}()

func statusLabel(status int) string {
	if status < 0 || status >= len(statusText) {
		return "0"
	}
	return statusText[status]
}

// Discard returns S3 metrics that nobody reads, for tests and tools.
func Discard() *S3 { return newS3(prometheus.NewRegistry()) }
