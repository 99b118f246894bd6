package server

import (
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/api"
	"coffer/audit"
	"coffer/console"
	"coffer/iam"
	"coffer/jobs"
	"coffer/s3"
)

// upkeepEvery is how often the ballast is looked after.
const upkeepEvery = time.Second

func version() string { return coffer.Version }

// front is what stands before both the S3 address and the console: none of it knows
// what is asked for.
func (s *Server) front(next http.Handler) http.Handler {
	return s.connections.handler(framed(s.cfg.TrustedProxies, forwarded(s.cfg.TrustedProxies, deadlines{next: next, now: s.cfg.Now, inFlight: &s.inFlight})))
}

// s3Handler serves the S3 address, on which STS is too, but for the hosts of websites.
func (s *Server) s3Handler() http.Handler {
	sts := &iam.Handler{Options: iam.Options{Keys: s.stores.keys, Regions: slices.Clone(s.cfg.Regions), Now: s.cfg.Now, Rand: s.cfg.Rand, Logger: s.cfg.Logger}}
	objects := s.s3Front()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if iam.Serves(r) && !objects.IsSite(r) {
			sts.ServeHTTP(w, r)
			return
		}
		objects.ServeHTTP(w, r)
	})
}

func (s *Server) s3Front() *s3.Handler {
	return s3.New(s3.Options{
		Objects: s.stores.objects,
		Keys:    s.stores.keys,
		Regions: slices.Clone(s.cfg.Regions),
		Domains: slices.Clone(s.cfg.Domains),

		WebsiteDomains:         slices.Clone(s.cfg.WebsiteDomains),
		CustomerKeysOverHTTP:   s.cfg.CustomerKeysOverHTTP,
		SignedPayloadsOverHTTP: s.cfg.SignedPayloadsOverHTTP,

		Now:     s.cfg.Now,
		Rand:    s.cfg.Rand,
		Logger:  s.cfg.Logger,
		Metrics: s.metrics.S3,

		RequestsPerSecond: s.cfg.RequestsPerSecond,
		Served:            s.stores.traffic.Count,
	})
}

// operatorHandler serves the socket in the data folder.
func (s *Server) operatorHandler() http.Handler {
	s.backups = s.backupSource()
	mux := http.NewServeMux()
	mux.Handle("/", api.Handler(s.apiOptions()))
	mux.Handle("/backup/", s.backups.Handler())
	return mux
}

// publicAPI serves /v1 on the console's address; session finds out who is signed
// in.
func (s *Server) publicAPI(session func(*http.Request) (coffer.Caller, bool, error)) http.Handler {
	opt := s.apiOptions()
	opt.Session, opt.ConsoleURL = session, s.ConsoleURL()
	return api.Public(opt)
}

func (s *Server) apiOptions() api.Options {
	return api.Options{
		Accounts: s.stores.accounts,
		Keys:     s.stores.keys,
		Objects:  s.stores.objects,
		Audit:    &audit.Log{Meta: s.stores.meta, Now: s.cfg.Now},
		Logger:   s.cfg.Logger,
		Now:      s.cfg.Now,
		Rand:     s.cfg.Rand,
		Version:  version(),
		Endpoint: s.Endpoint,
		Region:   s.cfg.Regions[0],
		LinkURL:  func(l accounts.Link) string { return console.LinkURL(s.ConsoleURL(), l) },
		Check:    s.check,
		Scarce:   s.scarce.admit,
		Reclaim: func(ctx context.Context) (api.ReclaimReport, error) {
			done, err := s.stores.objects.Reclaim(ctx)
			return api.ReclaimReport{Blobs: done.Garbage + done.Orphans, Bytes: done.Bytes}, err
		},
	}
}

func listenOperator(path string) (net.Listener, error) { return api.ListenUnix(path) }

// runJobs does what no request waits for, until ctx ends.
func (s *Server) runJobs(ctx context.Context) {
	s.jobs.Go(func() { s.upkeep(ctx) })
	s.jobs.Go(func() { s.notify(ctx) })
	s.jobs.Go(func() { s.replicator().Run(ctx) })
	work := &jobs.Service{Objects: s.stores.objects, Logger: s.cfg.Logger, Others: s.otherJobs()}
	work.Run(ctx)
	s.lastWords(ctx)
}

// upkeep looks after the disk and the certificate until ctx ends.
func (s *Server) upkeep(ctx context.Context) {
	if s.cert != nil {
		s.jobs.Go(func() { s.cert.watch(ctx, s.reloads) })
	}
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = s.space.Writable() // logs when the answer changes
			s.space.upkeep()
		}
	}
}

// gauges adds the numbers of the stores to the metrics.
func (s *Server) gauges() {
	g := s.metrics.Gauge
	g("store_free_bytes", "Free space on the fullest disk of the data folder.", func() float64 {
		least := int64(-1)
		for _, u := range s.space.Usages() {
			if least < 0 || u.free < least {
				least = u.free
			}
		}
		return float64(max(least, 0))
	})
	g("store_writable", "1 while there is room for writes, else 0.", func() float64 {
		if s.space.Writable() != nil {
			return 0
		}
		return 1
	})
	g("connections_open", "Connections to the S3 address and to the console's.", func() float64 {
		open, _ := s.connections.count()
		return float64(open)
	})
	s.metrics.Counter("connections_refused_total", "Connections and requests refused because there were too many.", func() float64 {
		_, refused := s.connections.count()
		return float64(refused)
	})
	s.eventGauges()
	m := s.stores.meta.Metrics
	g("meta_disk_bytes", "Bytes of the metadata on disk.", func() float64 { return float64(m().DiskBytes) })
	g("meta_log_bytes", "Bytes of the metadata's write-ahead log.", func() float64 { return float64(m().LogBytes) })
	g("meta_compaction_debt_bytes", "Bytes that compactions have still to rewrite.", func() float64 { return float64(m().CompactionDebtBytes) })
	c := s.metrics.Counter
	c("meta_commits_total", "Transactions that wrote something.", func() float64 { return float64(m().Commits) })
	c("meta_conflicts_total", "Runs of transactions that were thrown away and repeated.", func() float64 { return float64(m().Conflicts) })
	c("scrub_bytes_total", "Stored bytes that were read to compare them with their checksums.", func() float64 {
		bytes, _ := s.stores.objects.ScrubSums()
		return float64(bytes)
	})
	g("scrub_findings", "Objects and parts whose bytes were found damaged.", func() float64 {
		_, findings := s.stores.objects.ScrubSums()
		return float64(findings)
	})
	c("meta_syncs_total", "Syncs of the metadata's log.", func() float64 { return float64(m().Syncs) })
	c("meta_cache_hits_total", "Blocks found in the metadata's cache.", func() float64 { return float64(m().CacheHits) })
	c("meta_cache_misses_total", "Blocks of metadata read from files.", func() float64 { return float64(m().CacheMisses) })
}
