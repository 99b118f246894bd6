package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// labelValuesMax bounds the values of each label, should a caller ever pass on
// what a client sent: those after the first so many count as "other".
const labelValuesMax = 256

// S3 counts requests to the S3 address. Its methods may be called from any
// goroutine, and allocate only at the first request of a kind.
type S3 struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
	limited  *prometheus.CounterVec
	received prometheus.Counter
	sent     prometheus.Counter
	inFlight prometheus.Gauge

	mu      sync.RWMutex // guards the maps
	apis    map[string]*apiMetrics
	reasons map[string]prometheus.Counter
}

// apiMetrics are the metrics of one operation, found once.
type apiMetrics struct {
	label    string
	duration prometheus.Observer
	byStatus map[int]prometheus.Counter
}

func newS3(reg *prometheus.Registry) *S3 {
	m := &S3{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coffer_s3_requests_total",
			Help: "S3 requests answered, by operation and HTTP status.",
		}, []string{"api", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "coffer_s3_request_duration_seconds",
			Help:    "Time from the head of an S3 request to the end of its answer, by operation.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"api"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coffer_auth_failures_total",
			Help: "Requests refused because of who asked, by reason.",
		}, []string{"reason"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coffer_s3_limited_requests_total",
			Help: "S3 requests refused with SlowDown, by whose limit it was.",
		}, []string{"limit"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "coffer_s3_received_bytes_total",
			Help: "Bytes of the bodies of S3 requests.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "coffer_s3_sent_bytes_total",
			Help: "Bytes of the bodies of S3 answers.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "coffer_s3_requests_in_flight",
			Help: "S3 requests being answered now.",
		}),
		apis:    map[string]*apiMetrics{},
		reasons: map[string]prometheus.Counter{},
	}
	reg.MustRegister(m.requests, m.duration, m.failures, m.limited, m.received, m.sent, m.inFlight)
	return m
}

// Begin counts a request as being answered, until the returned call.
func (m *S3) Begin() (end func()) {
	m.inFlight.Inc()
	return m.inFlight.Dec
}

// Done counts one answered request: the name of its operation, the HTTP status
// of the answer, how long it took, and the bytes of both bodies.
func (m *S3) Done(api string, status int, d time.Duration, in, out int64) {
	a, n := m.find(api, status)
	n.Inc()
	a.duration.Observe(d.Seconds())
	m.received.Add(float64(max(in, 0)))
	m.sent.Add(float64(max(out, 0)))
}

// Limited counts a request that came too often; limit is one of few fixed words.
func (m *S3) Limited(limit string) { m.limited.WithLabelValues(limit).Inc() }

// AuthFailure counts one refusal; reason is one of few fixed words.
func (m *S3) AuthFailure(reason string) {
	m.mu.RLock()
	c := m.reasons[reason]
	m.mu.RUnlock()
	if c == nil {
		c = m.addReason(reason)
	}
	c.Inc()
}

func (m *S3) find(api string, status int) (*apiMetrics, prometheus.Counter) {
	m.mu.RLock()
	a := m.apis[api]
	if a != nil {
		if n := a.byStatus[status]; n != nil {
			m.mu.RUnlock()
			return a, n
		}
	}
	m.mu.RUnlock()

	m.mu.Lock()
	defer m.mu.Unlock()
	if a = m.apis[api]; a == nil {
		label := api
		if len(m.apis) >= labelValuesMax {
			label = "other"
		}
		if a = m.apis[label]; a == nil {
			a = &apiMetrics{label: label, duration: m.duration.WithLabelValues(label), byStatus: map[int]prometheus.Counter{}}
			m.apis[label] = a
		}
	}
	text := statusLabel(status)
	n := m.requests.WithLabelValues(a.label, text)
	if text != "0" {
		a.byStatus[status] = n
	}
	return a, n
}

func (m *S3) addReason(reason string) prometheus.Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.reasons[reason]; !known && len(m.reasons) >= labelValuesMax {
		reason = "other"
	}
	c := m.failures.WithLabelValues(reason)
	m.reasons[reason] = c
	return c
}
